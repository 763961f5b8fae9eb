//! What does not fit together (对不上的事): shown with its evidence, for a person to rule on.

use super::conflicts::{contested, decided_by_clock, devices_twice, unconfirmed, unfolded};
use crate::domain::{Booking, Entry, History, SharedViews};
use crate::event::EventRef;
use crate::history::{Kept, Unfolded};
use crate::ids::{AssetId, TeacherId};
use crate::time::{Day, Slot};
use serde::Serialize;
use std::collections::BTreeMap;

code_enum! {
    /// What does not fit.
    AnomalyKind {
        /// One teacher, two classes, one time.
        TeacherTwice = 0 "teacher_twice",
        /// One room or point, two classes, one time.
        AssetTwice = 1 "asset_twice",
        /// Several events stand in the place of one.
        EditedTwice = 2 "edited_twice",
        /// An event in the log that does not fold.
        DoesNotFold = 3 "does_not_fold",
        /// Two decisions on one subject.
        DecidedTwice = 4 "decided_twice",
        /// A unit's class names another unit's teacher, room or class, and nobody decided so.
        Unconfirmed = 5 "unconfirmed",
        /// Two devices set one value, and only their clocks say which counts.
        DecidedByClock = 6 "decided_by_clock",
        /// Two keys are certified under one device id.
        DeviceTwice = 7 "device_twice",
        /// Several units declared one thing, and the city has not recorded whose it is.
        OwnerContested = 8 "owner_contested",
    }
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Anomaly {
    /// What does not fit.
    pub kind: AnomalyKind,
    /// The events that show it.
    pub evidence: Vec<EventRef>,
    /// The reason an event does not fold, or the thing it is about.
    pub detail: Option<String>,
}

/// All that does not fit, in an order of its own.
pub fn anomalies(
    views: &SharedViews,
    history: &History,
    counted: &[&Entry],
    conflicts: Vec<Vec<EventRef>>,
) -> Vec<Anomaly> {
    let mut found = booked_twice(&views.bookings);
    let several = |kind| move |evidence| Anomaly { kind, evidence, detail: None };
    found.extend(conflicts.into_iter().map(several(AnomalyKind::EditedTwice)));
    let surplus = views.requests.surplus_decisions.iter().map(|decision| vec![*decision]);
    found.extend(surplus.map(several(AnomalyKind::DecidedTwice)));
    let open_to_all = |kept: &Kept| kept.reference.document.scope.is_open_to_all();
    let not_entitled = views.not_entitled.iter().map(|event| Kept {
        reference: *event,
        why: Unfolded::NotEntitled,
        ruling: None,
        detail: None,
    });
    found.extend(unfolded(history.kept().into_iter().filter(open_to_all).chain(not_entitled)));
    found.extend(decided_by_clock(counted));
    found.extend(contested(&views.owners));
    found.extend(devices_twice(history));
    found.extend(unconfirmed(views));
    found.sort();
    found
}

/// Who or what is booked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Booked {
    Teacher(TeacherId),
    Asset(AssetId),
}

/// Bookings that follow each other without a free minute in between.
struct Stretch {
    day: Day,
    end_minute: u16,
    events: Vec<EventRef>,
}

/// One anomaly for each stretch in which a teacher or an asset has several bookings at a time: what
/// belongs together is ruled on together, and an author cannot write more contradictions than bookings.
fn booked_twice(bookings: &[Booking]) -> Vec<Anomaly> {
    let mut stretches: BTreeMap<Booked, Stretch> = BTreeMap::new();
    let mut found = Vec::new();
    for booking in bookings {
        let teacher = booking.teacher.map(Booked::Teacher);
        for booked in teacher.into_iter().chain(booking.asset.map(Booked::Asset)) {
            let stretch = stretches.entry(booked).or_insert_with(|| Stretch::of(booking));
            if let Some(ended) = stretch.go_on(booking) {
                found.extend(ended.anomaly(booked));
            }
        }
    }
    found.extend(stretches.into_iter().filter_map(|(booked, stretch)| stretch.anomaly(booked)));
    found
}

impl Stretch {
    fn of(booking: &Booking) -> Self {
        Self { day: booking.slot.day, end_minute: 0, events: Vec::new() }
    }

    /// Takes the next booking by time in. Gives back the stretch before it, where it begins another.
    fn go_on(&mut self, booking: &Booking) -> Option<Self> {
        let Slot { day, start_minute, .. } = booking.slot;
        let goes_on = day == self.day && start_minute < self.end_minute;
        let ended = (!goes_on).then(|| std::mem::replace(self, Self::of(booking)));
        self.events.push(booking.source);
        self.end_minute = self.end_minute.max(booking.slot.end_minute());
        ended
    }

    fn anomaly(mut self, booked: Booked) -> Option<Anomaly> {
        let kind = match booked {
            Booked::Teacher(_) => AnomalyKind::TeacherTwice,
            Booked::Asset(_) => AnomalyKind::AssetTwice,
        };
        self.events.sort_unstable();
        (self.events.len() > 1).then_some(Anomaly { kind, evidence: self.events, detail: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::BookingKind;
    use crate::given::{COURSE, Given, HOME, TEACHER, branch, slot};
    use crate::ids::{BranchId, ClassId};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn booking(source: EventRef, slot: Slot, teacher: Option<u8>, asset: Option<u8>) -> Booking {
        Booking {
            slot,
            kind: BookingKind::Own,
            source,
            session: None,
            course: Some(COURSE),
            teacher: teacher.map(|n| TeacherId([n; 16])),
            asset: asset.map(|n| AssetId([n; 16])),
            branches: vec![BranchId::CITY],
            headcount: 1,
        }
    }

    /// What overlapping pairs of each teacher and asset belong to, found pair by pair.
    fn pair_by_pair(bookings: &[Booking]) -> BTreeSet<(AnomalyKind, Vec<EventRef>)> {
        let mut all = BTreeSet::new();
        for kind in [AnomalyKind::TeacherTwice, AnomalyKind::AssetTwice] {
            let same = |a: &Booking, b: &Booking| match kind {
                AnomalyKind::TeacherTwice => a.teacher.is_some() && a.teacher == b.teacher,
                _ => a.asset.is_some() && a.asset == b.asset,
            };
            let mut group: Vec<usize> = (0..bookings.len()).collect();
            for _ in 0..bookings.len() {
                for (n, a) in bookings.iter().enumerate() {
                    for (m, b) in bookings.iter().enumerate() {
                        if same(a, b) && a.slot.overlaps(&b.slot) {
                            (group[n], group[m]) = (group[n].min(group[m]), group[n].min(group[m]));
                        }
                    }
                }
            }
            for first in 0..bookings.len() {
                let of_group = group.iter().zip(bookings).filter(|(of, _)| **of == first);
                let mut events: Vec<EventRef> = of_group.map(|(_, booking)| booking.source).collect();
                events.sort_unstable();
                if events.len() > 1 {
                    all.insert((kind, events));
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn stretches_are_what_overlapping_pairs_connect(
            classes in prop::collection::vec(
                (0..2_i32, 0..20_u16, 0..5_u16, prop::option::of(0..2_u8), prop::option::of(0..2_u8)), 0..14,
            ),
        ) {
            let mut given = Given::nothing();
            let profile = crate::domain::BranchProfile { name: "新埭镇".into(), registered: 1 };
            let mut bookings: Vec<Booking> = classes
                .into_iter()
                .map(|(day, start, duration, teacher, asset)| {
                    let mut slot = slot("2026-12-14", 500 + start);
                    (slot.day, slot.duration_minutes) = (slot.day.plus(day), duration);
                    booking(given.write(branch(1), profile.clone()), slot, teacher, asset)
                })
                .collect();
            bookings.sort();
            let found = booked_twice(&bookings);
            let as_set = found.iter().map(|it| (it.kind, it.evidence.clone())).collect::<BTreeSet<_>>();
            prop_assert_eq!(found.len(), as_set.len());
            prop_assert_eq!(as_set, pair_by_pair(&bookings));
        }
    }

    #[test]
    fn many_classes_of_one_teacher_at_one_hour_are_one_anomaly() {
        let mut given = Given::a_shared_teacher();
        let class = |n: u8| crate::domain::SessionAnnounced {
            session: ClassId([n; 16]),
            course: COURSE,
            teacher: Some(TEACHER),
            venue: None,
            slot: slot("2026-12-14", 540),
            headcount: 30,
        };
        let mut sources: Vec<EventRef> = (1..=40).map(|n| given.write(HOME, class(n))).collect();
        sources.sort_unstable();
        let anomalies = given.views().anomalies;
        assert_eq!(anomalies.len(), 1);
        assert_eq!(anomalies[0].evidence, sources);
    }
}
