//! What people have to look at beside clashes of the calendar: words that do not count, words on others'
//! things, edits that only a clock put in order, ids that stand twice.

use super::{Anomaly, AnomalyKind};
use crate::domain::{Booking, BookingKind, Entry, History, SharedViews};
use crate::event::{EventRef, Subject};
use crate::history::{Aside, Owners, Ownership};
use crate::ids::{ActorId, AssetId, BranchId, ClassId};
use crate::time::{CLOCK_WRONG_MINUTES, Day, Millis, Slot, Stamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One author's events that do not fold for one reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alike {
    reason: String,
    ruling: Option<EventRef>,
    branch: BranchId,
    actor: ActorId,
}

/// Where an event belongs that does not fold.
pub fn alike(event: &EventRef, aside: Aside) -> Alike {
    let word = aside.why.word();
    let reason = aside.detail.map_or_else(|| word.to_owned(), |detail| format!("{word} {detail}"));
    Alike { reason, ruling: aside.ruling, branch: event.document.branch, actor: event.actor }
}

/// Events that are in the log and do not fold, together where one author wrote them for one reason.
pub fn unfolded(alike: &Alike, events: &BTreeSet<(EventRef, [u8; 32])>) -> Anomaly {
    let mut evidence: Vec<EventRef> = events.iter().map(|(event, _)| *event).collect();
    evidence.dedup();
    evidence.extend(alike.ruling);
    Anomaly { kind: AnomalyKind::DoesNotFold, evidence, detail: Some(alike.reason.clone()) }
}

/// One value that two devices set within the time by which clocks may differ, neither naming the other.
pub fn decided_by_clock(entries: &[Arc<Entry>]) -> Option<Anomaly> {
    let mut found: BTreeSet<EventRef> = BTreeSet::new();
    for (before, now) in entries.iter().zip(entries.iter().skip(1)) {
        if before.device != now.device
            && now.replaces() != Some(before.reference)
            && is_near(before.stamp, now.stamp)
        {
            found.extend([before.reference, now.reference]);
        }
    }
    (!found.is_empty()).then(|| Anomaly {
        kind: AnomalyKind::DecidedByClock,
        evidence: found.into_iter().collect(),
        detail: None,
    })
}

fn is_near(one: Stamp, other: Stamp) -> bool {
    let apart = one.millis().0.abs_diff(other.millis().0);
    apart < CLOCK_WRONG_MINUTES.unsigned_abs().saturating_mul(Millis::MINUTE.unsigned_abs())
}

/// A thing that several units declared and whose id proves none of them.
pub fn contested(owners: &Owners, subject: &Subject) -> Option<Anomaly> {
    match owners.listed.get(subject)? {
        Ownership::Contested(by) => Some(Anomaly {
            kind: AnomalyKind::OwnerContested,
            evidence: by.values().map(|declared| declared.event).collect(),
            detail: Some(subject.to_string()),
        }),
        _ => None,
    }
}

/// Device ids that stand in certificates of several keys.
pub fn devices_twice(history: &History) -> Vec<Anomaly> {
    let twice = history.devices_with_several_keys().into_iter().map(|(device, keys)| Anomaly {
        kind: AnomalyKind::DeviceTwice,
        evidence: keys.into_values().flatten().collect(),
        detail: Some(format!("device:{device}")),
    });
    twice.collect()
}

/// What the city decided for a day, read off once for all that is held against it: branches write any
/// number of their own bookings.
pub type Decided<'a> = BTreeMap<Day, Vec<&'a Booking>>;

/// What another unit has and a unit's word on a class names without a decision.
pub fn unconfirmed<'a>(
    views: &'a SharedViews,
    decided: &mut Decided<'a>,
    class: ClassId,
    unit: BranchId,
) -> BTreeSet<(BranchId, Subject)> {
    let Some(session) = views.sessions.of(class, unit).filter(|it| it.is_own_word()) else {
        return BTreeSet::new();
    };
    let is_others = |venue: &AssetId| views.resources.assets.get(venue).is_some_and(|it| it.branch != unit);
    let person = session.teacher.map(|teacher| views.teachers.resolve(teacher));
    let named = [
        person.filter(|person| views.teachers.is_of_others(*person, unit)).map(Subject::Teacher),
        session.venue.filter(is_others).map(Subject::Asset),
        is_of_others(views, class, unit).then_some(Subject::Class(class)),
    ];
    let undecided =
        named.into_iter().flatten().filter(|it| !is_decided(views, decided, unit, it, &session.slot));
    undecided.map(|subject| (unit, subject)).collect()
}

/// Classes of a unit that name another unit's teacher, room or class without a decision.
pub fn of_others((_, subject): &(BranchId, Subject), events: &BTreeSet<EventRef>) -> Anomaly {
    let evidence = events.iter().copied().collect();
    Anomaly { kind: AnomalyKind::Unconfirmed, evidence, detail: Some(subject.to_string()) }
}

/// Whether the city gave it to the unit for this time. A ledger gives only the day.
fn is_decided<'a>(
    views: &'a SharedViews,
    decided: &mut Decided<'a>,
    unit: BranchId,
    subject: &Subject,
    slot: &Slot,
) -> bool {
    let of_city = || views.bookings_of(slot.day).filter(|booking| booking.kind != BookingKind::Own);
    let of_day = decided.entry(slot.day).or_insert_with(|| of_city().collect());
    of_day.iter().filter(|booking| booking.branches.contains(&unit)).any(|booking| {
        let holds = match subject {
            Subject::Teacher(teacher) => booking.teacher == Some(*teacher),
            Subject::Asset(asset) => booking.asset == Some(*asset),
            Subject::Class(class) => booking.session == Some(*class),
            Subject::Request(_) => false,
        };
        holds && (booking.slot.overlaps(slot) || slot.duration_minutes == 0)
    })
}

fn is_of_others(views: &SharedViews, id: ClassId, unit: BranchId) -> bool {
    let class = Subject::Class(id);
    if views.owners.is_owner(unit, &class) {
        return false;
    }
    let mut units = views.sessions.branches(id);
    views.owners.listed_owner(&class).is_some() || units.any(|other| views.owners.is_owner(other, &class))
}
