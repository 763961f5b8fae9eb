//! What does not fit together (对不上的事): shown with its evidence, for a person to rule on.

use super::conflicts::{
    Alike, Decided, alike, contested, decided_by_clock, devices_twice, of_others, unconfirmed, unfolded,
};
use crate::domain::fold::{Index, News};
use crate::domain::{Booked, Booking, Event, RequestKey, SharedChanged, SharedViews, Source};
use crate::event::{EventRef, Register, Statement, Subject};
use crate::history::{Aside, Since, Unfolded};
use crate::ids::BranchId;
use crate::time::{Day, Slot};
use imbl::OrdSet;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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

/// What may contradict something else by now.
pub(crate) struct Touched {
    /// What may stand otherwise on the calendar, or be a word on others' things.
    pub sources: BTreeSet<Source>,
    /// What was taken off the calendar and put on.
    pub booked: Vec<Booking>,
}

/// What it takes to keep up what does not fit together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contradictions {
    aside: Groups<Alike, (EventRef, [u8; 32])>,
    unconfirmed: Groups<(BranchId, Subject), EventRef>,
    registers: Index<Register>,
    by_clock: BTreeMap<Register, Anomaly>,
    devices_twice: Vec<Anomaly>,
}

impl Contradictions {
    /// Takes in what changed.
    pub fn keep_up(
        &mut self,
        (before, now): (&SharedViews, &mut SharedViews),
        since: &Since<Event>,
        news: &News<'_>,
        changed: &SharedChanged,
        touched: &Touched,
    ) {
        let mut found = Difference::default();
        self.clashes(before, now, touched, &mut found);
        for event in &news.turned.conflicts {
            let edited = |views: &SharedViews| {
                let evidence = views.conflicts.get(event).cloned();
                evidence.map(|evidence| Anomaly { kind: AnomalyKind::EditedTwice, evidence, detail: None })
            };
            found.replace(edited(before), edited(now));
        }
        for key in &changed.requests {
            let RequestKey::Request(request) = key else { continue };
            found.replace(decided_twice(before, request), decided_twice(now, request));
        }
        for subject in &news.turned.owners {
            found.replace(contested(&before.owners, subject), contested(&now.owners, subject));
        }
        self.unfolded(now, since, news, &mut found);
        for register in news.index(&mut self.registers, |entry| entry.event.body().register(entry.branch)) {
            let is = decided_by_clock(&news.entries(&self.registers, &register));
            let was = match is.clone() {
                Some(is) => self.by_clock.insert(register, is),
                None => self.by_clock.remove(&register),
            };
            found.replace(was, is);
        }
        let are_keys_known = matches!(since, Since::Then(delta) if !delta.has_certificates);
        if !are_keys_known || !self.devices_twice.is_empty() {
            let twice = devices_twice(news.history());
            found.replace(std::mem::replace(&mut self.devices_twice, twice.clone()), twice);
        }
        self.unconfirmed(before, now, touched, &mut found);
        found.apply_to(&mut now.anomalies);
    }

    fn clashes(
        &mut self,
        before: &SharedViews,
        now: &SharedViews,
        touched: &Touched,
        found: &mut Difference,
    ) {
        let days: BTreeSet<Day> = touched.booked.iter().map(|booking| booking.slot.day).collect();
        for day in days {
            found.replace(booked_twice(before.bookings_of(day)), booked_twice(now.bookings_of(day)));
        }
    }

    fn unfolded(&mut self, now: &SharedViews, since: &Since<Event>, news: &News<'_>, found: &mut Difference) {
        let aside: Vec<(EventRef, [u8; 32])> = match since {
            Since::Ever => news.history().all_aside().map(|(what, _)| *what).collect(),
            Since::Then(delta) => delta.aside.iter().copied().collect(),
        };
        let not_entitled = news.turned.left_out.iter().map(|event| (*event, NOT_ENTITLED));
        let open_to_all = |(event, _): &(EventRef, [u8; 32])| event.document.scope.is_open_to_all();
        for what in aside.into_iter().chain(not_entitled).filter(open_to_all) {
            let reason = match what.1 {
                NOT_ENTITLED => {
                    let why = now.left_out.why(&what.0).map(|(why, _)| why);
                    (why == Some(Unfolded::NotEntitled)).then(|| Aside::from(Unfolded::NotEntitled))
                }
                _ => news.history().aside(&what).cloned(),
            };
            self.aside.put(what, reason.map(|reason| alike(&what.0, reason)).into_iter().collect());
        }
        self.aside.settle(unfolded, found);
    }

    fn unconfirmed(
        &mut self,
        before: &SharedViews,
        now: &SharedViews,
        touched: &Touched,
        found: &mut Difference,
    ) {
        let own = |source: &Source| match source {
            Source::Own(class, unit) => Some((*class, *unit)),
            Source::Claim(_) | Source::Joint(_) => None,
        };
        let own = || touched.sources.iter().filter_map(own);
        // One event may go from one class to another: all that went comes first.
        for gone in own().filter_map(|(class, unit)| before.sessions.of(class, unit)) {
            self.unconfirmed.put(gone.source, BTreeSet::new());
        }
        let mut decided = Decided::new();
        for (class, unit) in own() {
            if let Some(said) = now.sessions.of(class, unit) {
                self.unconfirmed.put(said.source, unconfirmed(now, &mut decided, class, unit));
            }
        }
        self.unconfirmed.settle(of_others, found);
    }
}

/// Stands for the hash of an event that its author may not say.
const NOT_ENTITLED: [u8; 32] = [0; 32];

/// Evidence together, by what it shows.
#[derive(Clone, Debug)]
struct Groups<K, T> {
    groups: BTreeMap<K, BTreeSet<T>>,
    shows: BTreeMap<T, BTreeSet<K>>,
    /// Groups that changed since they were settled last, each as it was then.
    before: BTreeMap<K, BTreeSet<T>>,
}

impl<K, T> Default for Groups<K, T> {
    fn default() -> Self {
        Self { groups: BTreeMap::new(), shows: BTreeMap::new(), before: BTreeMap::new() }
    }
}

impl<K: Clone + Ord, T: Clone + Ord> Groups<K, T> {
    /// Puts a piece of evidence into these groups, and out of all others.
    fn put(&mut self, piece: T, groups: BTreeSet<K>) {
        let before = match groups.is_empty() {
            true => self.shows.remove(&piece),
            false => self.shows.insert(piece.clone(), groups.clone()),
        };
        let before = before.unwrap_or_default();
        for key in before.symmetric_difference(&groups) {
            let group = self.groups.entry(key.clone()).or_default();
            self.before.entry(key.clone()).or_insert_with(|| group.clone());
            if groups.contains(key) {
                group.insert(piece.clone());
            } else {
                group.remove(&piece);
            }
            if group.is_empty() {
                self.groups.remove(key);
            }
        }
    }

    /// What the groups that changed show now, in place of what they showed.
    fn settle(&mut self, anomaly: impl Fn(&K, &BTreeSet<T>) -> Anomaly, found: &mut Difference) {
        for (key, before) in std::mem::take(&mut self.before) {
            let shown = |group: &BTreeSet<T>| (!group.is_empty()).then(|| anomaly(&key, group));
            found.replace(shown(&before), self.groups.get(&key).and_then(shown));
        }
    }
}

/// What shows no longer, and what shows now.
#[derive(Default)]
struct Difference {
    gone: Vec<Anomaly>,
    come: Vec<Anomaly>,
}

impl Difference {
    fn replace(&mut self, was: impl IntoIterator<Item = Anomaly>, is: impl IntoIterator<Item = Anomaly>) {
        self.gone.extend(was);
        self.come.extend(is);
    }

    fn apply_to(self, anomalies: &mut OrdSet<Anomaly>) {
        for anomaly in &self.gone {
            anomalies.remove(anomaly);
        }
        anomalies.extend(self.come);
    }
}

fn decided_twice(views: &SharedViews, request: &EventRef) -> Vec<Anomaly> {
    let surplus = views.requests.surplus_decisions.get(request).into_iter().flatten();
    let anomaly = |decision: &EventRef| Anomaly {
        kind: AnomalyKind::DecidedTwice,
        evidence: vec![*decision, *request],
        detail: None,
    };
    surplus.map(anomaly).collect()
}

/// Bookings that follow each other without a free minute in between.
struct Stretch {
    day: Day,
    end_minute: u16,
    events: Vec<EventRef>,
}

/// One anomaly for each stretch in which a teacher or an asset has several bookings at a time: what
/// belongs together is ruled on together, and an author cannot write more contradictions than bookings.
fn booked_twice<'a>(bookings: impl Iterator<Item = &'a Booking>) -> Vec<Anomaly> {
    let mut stretches: BTreeMap<Booked, Stretch> = BTreeMap::new();
    let mut found = Vec::new();
    for booking in bookings {
        for booked in booking.booked() {
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
    use crate::ids::{AssetId, BranchId, ClassId, TeacherId};
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
            let found = booked_twice(bookings.iter());
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
        assert_eq!(anomalies.get_min().unwrap().evidence, sources);
    }
}
