//! What the checker holds of others' words and of fields without measure, by rules of its own.

use super::{Checker, NodeId, decode};
use crate::deeds::{COURSE, TEACHERS, teacher};
use client_core::domain::SharedViews;
use client_core::event::EventRef;
use client_core::ids::{BranchId, TeacherId};
use client_core::time::Day;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// Days that can be meant: of the years from 1800 to 2299.
const DAYS: std::ops::Range<i32> = -62_091..120_530;
const MOST_PEOPLE: u32 = 1_000_000;
const LONGEST_NAME: usize = 1_024;

impl Checker {
    /// At the end, on one node's views: nobody but its home speaks of a teacher, nobody but the branch that
    /// lodged it takes a claim back, and no field holds what cannot be meant.
    pub fn check_words(&mut self, node: NodeId, views: &SharedViews, home: BranchId) {
        let owners = self.recorded_owners();
        for n in 0..TEACHERS {
            let Some(entry) = views.teachers.teachers.get(&teacher(n)) else { continue };
            // Their ids prove nobody: who declared one alone before the city recorded it has it.
            if owners.get(&teacher(n)) != Some(&home) {
                continue;
            }
            let as_said = entry.name == format!("示例{n}")
                && entry.home == home
                && entry.proposed.iter().eq([&COURSE])
                && entry.weekly_cap_periods == 40
                && entry.offers.len() <= 1
                && entry.away.is_empty();
            if !as_said {
                self.of(node, &format!("shows teacher {n} as others than its home said: {entry:?}"));
            }
        }
        let cancelled = self.cancelled_by_their_own();
        let taken_back = views.requests.claims.iter().filter(|(_, claim)| claim.cancelled);
        let wrong = taken_back.map(|(claim, _)| *claim).find(|claim| !cancelled.contains(claim));
        if let Some(claim) = wrong {
            self.of(node, &format!("shows {claim} as taken back, and its branch never said so"));
        }
        self.check_bounds(node, views);
    }

    fn check_bounds(&mut self, node: NodeId, views: &SharedViews) {
        let is_meant = |day: Day| DAYS.contains(&day.0);
        let registered = views.branches.branches.values().all(|branch| branch.registered <= MOST_PEOPLE);
        let held =
            views.sessions.iter().all(|(_, _, it)| it.headcount <= MOST_PEOPLE && is_meant(it.slot.day));
        let names = views.teachers.teachers.values().all(|it| it.name.len() <= LONGEST_NAME);
        let away = views.teachers.teachers.values().flat_map(|it| &it.away);
        let days = away.copied().all(|(from, to)| is_meant(from) && is_meant(to));
        let claims = views.requests.claims.values().filter_map(|it| it.lodged.as_ref());
        let wishes =
            claims.into_iter().all(|it| it.wish.headcount <= MOST_PEOPLE && is_meant(it.wish.slot.day));
        for (holds, what) in [
            (registered, "learners"),
            (held, "classes"),
            (names, "names"),
            (days, "days away"),
            (wishes, "claims"),
        ] {
            if !holds {
                self.of(node, &format!("lets count what cannot be meant: {what}"));
            }
        }
    }

    /// Whose the city recorded each teacher to be, first.
    fn recorded_owners(&self) -> BTreeMap<TeacherId, BranchId> {
        let mut owners: BTreeMap<TeacherId, (u64, BranchId)> = BTreeMap::new();
        for envelope in self.truth.iter().flat_map(|(_, it)| &it.values).filter_map(|it| decode::envelope(it))
        {
            type Recorded = (IgnoredAny, TeacherId, BranchId, IgnoredAny);
            if envelope.kind == "owner.recorded"
                && let Ok((_, teacher, unit, _)) = rmp_serde::from_slice::<Recorded>(&envelope.body)
            {
                let first = owners.entry(teacher).or_insert((envelope.stamp, unit));
                *first = (*first).min((envelope.stamp, unit));
            }
        }
        owners.into_iter().map(|(teacher, (_, unit))| (teacher, unit)).collect()
    }

    /// Requests that somebody of the branch that lodged them took back.
    fn cancelled_by_their_own(&self) -> std::collections::BTreeSet<EventRef> {
        let said =
            self.truth.iter().flat_map(|(_, it)| it.values.iter().map(|value| (it.key.document, value)));
        let cancelled = said.filter_map(|(document, value)| {
            let envelope = decode::envelope(value).filter(|it| it.kind == "request.cancelled")?;
            let (request,): (EventRef,) = rmp_serde::from_slice(&envelope.body).ok()?;
            (request.document.branch == document.branch).then_some(request)
        });
        cancelled.collect()
    }
}
