//! What people have to look at beside clashes of the calendar: words that do not count, words on others'
//! things, edits that only a clock put in order, ids that stand twice.

use super::{Anomaly, AnomalyKind};
use crate::domain::{BookingKind, Entry, History, SharedViews};
use crate::event::{EventRef, Register, Statement, Subject};
use crate::history::{Kept, Owners, Ownership};
use crate::ids::{ActorId, AssetId, BranchId, DeviceId, TeacherId};
use crate::time::{CLOCK_WRONG_MINUTES, Millis, Slot, Stamp};
use std::collections::{BTreeMap, BTreeSet};

/// Events that are in the log and do not fold, together where one author wrote them for one reason.
pub fn unfolded(kept: impl IntoIterator<Item = Kept>) -> Vec<Anomaly> {
    type Alike = (String, Option<EventRef>, BranchId, ActorId);
    let mut alike: BTreeMap<Alike, Vec<EventRef>> = BTreeMap::new();
    for Kept { reference, why, ruling, detail } in kept {
        let reason =
            detail.map_or_else(|| why.word().to_owned(), |detail| format!("{} {detail}", why.word()));
        let key = (reason, ruling, reference.document.branch, reference.actor);
        alike.entry(key).or_default().push(reference);
    }
    let anomaly = |((reason, ruling, _, _), mut evidence): (Alike, Vec<EventRef>)| {
        evidence.extend(ruling);
        Anomaly { kind: AnomalyKind::DoesNotFold, evidence, detail: Some(reason) }
    };
    alike.into_iter().map(anomaly).collect()
}

/// Values that two devices set within the time by which clocks may differ, neither naming the other.
pub fn decided_by_clock<'a>(entries: impl IntoIterator<Item = &'a &'a Entry>) -> Vec<Anomaly> {
    struct Last {
        event: EventRef,
        device: DeviceId,
        stamp: Stamp,
    }
    let mut last: BTreeMap<Register, Last> = BTreeMap::new();
    let mut found: BTreeMap<Register, BTreeSet<EventRef>> = BTreeMap::new();
    for entry in entries {
        let Some(register) = entry.event.body().register(entry.branch) else { continue };
        let now = Last { event: entry.reference, device: entry.device, stamp: entry.stamp };
        if let Some(before) = last.get(&register)
            && before.device != now.device
            && entry.replaces() != Some(before.event)
            && is_near(before.stamp, now.stamp)
        {
            found.entry(register).or_default().extend([before.event, now.event]);
        }
        last.insert(register, now);
    }
    let anomaly = |evidence: BTreeSet<EventRef>| Anomaly {
        kind: AnomalyKind::DecidedByClock,
        evidence: evidence.into_iter().collect(),
        detail: None,
    };
    found.into_values().map(anomaly).collect()
}

fn is_near(one: Stamp, other: Stamp) -> bool {
    let apart = one.millis().0.abs_diff(other.millis().0);
    apart < CLOCK_WRONG_MINUTES.unsigned_abs().saturating_mul(Millis::MINUTE.unsigned_abs())
}

/// Things that several units declared and whose id proves none of them.
pub fn contested(owners: &Owners) -> Vec<Anomaly> {
    let contested = owners.listed.iter().filter_map(|(subject, ownership)| match ownership {
        Ownership::Contested(by) => Some(Anomaly {
            kind: AnomalyKind::OwnerContested,
            evidence: by.values().map(|declared| declared.event).collect(),
            detail: Some(subject.to_string()),
        }),
        _ => None,
    });
    contested.collect()
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

/// Classes of a unit that name another unit's teacher, room or class without a decision: together by what
/// they name.
pub fn unconfirmed(views: &SharedViews) -> Vec<Anomaly> {
    let homes = views.teachers.homes();
    let mut decided: BTreeMap<(BranchId, Subject), Vec<Slot>> = BTreeMap::new();
    for booking in views.bookings.iter().filter(|booking| booking.kind != BookingKind::Own) {
        let subjects = [
            booking.teacher.map(Subject::Teacher),
            booking.asset.map(Subject::Asset),
            booking.session.map(Subject::Class),
        ];
        for branch in &booking.branches {
            for subject in subjects.into_iter().flatten() {
                decided.entry((*branch, subject)).or_default().push(booking.slot);
            }
        }
    }
    // A ledger gives only the day.
    let is_decided = |unit: BranchId, subject: &Subject, slot: &Slot| {
        let granted = decided.get(&(unit, *subject)).map(Vec::as_slice).unwrap_or_default();
        granted.iter().any(|it| it.overlaps(slot) || (slot.duration_minutes == 0 && it.day == slot.day))
    };
    let mut found: BTreeMap<(BranchId, Subject), Vec<EventRef>> = BTreeMap::new();
    for (class, unit, session) in views.sessions.iter().filter(|(_, _, session)| session.is_own_word()) {
        let teacher = session.teacher.map(|teacher| views.teachers.resolve(teacher));
        let is_others =
            |venue: &AssetId| views.resources.assets.get(venue).is_some_and(|it| it.branch != unit);
        let class = Subject::Class(class);
        let named = [
            teacher.filter(|teacher| is_of_others(&homes, *teacher, unit)).map(Subject::Teacher),
            session.venue.filter(is_others).map(Subject::Asset),
            is_class_of_others(views, &class, unit).then_some(class),
        ];
        let named = named.into_iter().flatten().filter(|it| !is_decided(unit, it, &session.slot));
        for subject in named {
            found.entry((unit, subject)).or_default().push(session.source);
        }
    }
    let anomaly = |((_, subject), evidence): ((BranchId, Subject), Vec<EventRef>)| Anomaly {
        kind: AnomalyKind::Unconfirmed,
        evidence,
        detail: Some(subject.to_string()),
    };
    found.into_iter().map(anomaly).collect()
}

fn is_class_of_others(views: &SharedViews, class: &Subject, unit: BranchId) -> bool {
    if views.owners.is_owner(unit, class) {
        return false;
    }
    let Subject::Class(id) = class else { return false };
    let mut units = views.sessions.sessions.get(id).into_iter().flat_map(|by| by.keys());
    views.owners.listed_owner(class).is_some() || units.any(|other| views.owners.is_owner(*other, class))
}

/// Whether a teacher of the pool is another unit's.
pub fn is_of_others(
    homes: &BTreeMap<TeacherId, BTreeSet<BranchId>>,
    teacher: TeacherId,
    unit: BranchId,
) -> bool {
    homes.get(&teacher).is_some_and(|homes| !homes.contains(&unit))
}
