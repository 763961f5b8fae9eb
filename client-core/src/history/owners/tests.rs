use crate::decide;
use crate::domain::*;
use crate::domain::{AnomalyKind, SharedViews};
use crate::event::{Envelope, EventRef, KnownHead, KnownLines, Scope, Statement, Subject};
use crate::given::samples::{Named, nobodys, samples};
use crate::given::{COURSE, Given, branch, claim, course, offered, order, slot, teacher};
use crate::history::Ownership;
use crate::ids::*;
use crate::log::Ledger;
use crate::time::Millis;

/// Whose things they are, and who would like to have them.
const OWNER: u8 = 2;
const USURPER: u8 = 1;

/// A city in which one branch has a teacher, a room, a class, an order and a claim.
fn city(proves: bool) -> (Given, Named) {
    let (owner, id) =
        (branch(OWNER), |n: u8| if proves { id_of_unit(branch(OWNER), [n; 16]) } else { [n; 16] });
    let mut given = Given::nothing();
    for n in [OWNER, USURPER, 3] {
        given.city(BranchAdmitted { branch: branch(n), name: format!("示例镇{n}") });
    }
    given.city(course());
    let mut named =
        Named { teacher: TeacherId(id(7)), asset: AssetId(id(20)), class: ClassId(id(21)), ..nobodys() };
    given.write(owner, teacher(named.teacher, "示例甲"));
    given.write(owner, offered(named.teacher));
    given.city(TeacherApproved { teacher: named.teacher, courses: vec![COURSE] });
    let declared = samples(&named)
        .into_iter()
        .find(|event| matches!(event, Event::Asset(AssetEvent::Declared(_))))
        .unwrap();
    given.write(owner, declared);
    let offer = offered(named.teacher);
    given.write(
        owner,
        AssetOffered { asset: named.asset, windows: offer.windows, from: offer.from, to: offer.to },
    );
    given.write(
        owner,
        SessionAnnounced {
            session: named.class,
            course: COURSE,
            teacher: Some(named.teacher),
            venue: Some(named.asset),
            slot: slot("2026-12-15", 540),
            headcount: 20,
        },
    );
    named.order = given.write(owner, order(20));
    named.claim = given.write(branch(3), claim(named.teacher, slot("2026-12-16", 540)));
    (given, named)
}

/// The city records whose things are, and what else has to stand before it decides.
fn keep_up(given: &mut Given) {
    for event in decide::upkeep(&given.history(), &given.views(), &Ledger::default()) {
        given.city(event);
    }
}

/// Views without what a branch may say of itself, and what the city would decide on them.
fn of_others(given: &Given) -> (SharedViews, Vec<decide::Decision>) {
    let mut views = given.views();
    let (usurper, now) = (branch(USURPER), Millis(given.now.0.saturating_add(Millis::DAY)));
    views.requests.claims =
        views.requests.claims.into_iter().filter(|(event, _)| event.document.branch != usurper).collect();
    views.requests.orders =
        views.requests.orders.into_iter().filter(|(event, _)| event.document.branch != usurper).collect();
    views.bookings =
        views.bookings.into_iter().filter(|booking| booking.source.document.branch != usurper).collect();
    let decided = decide::decide_now(&views, now, ChangeHash([0; 32]));
    views.sessions.sessions =
        views.sessions.sessions.into_iter().filter(|((_, branch), _)| *branch != usurper).collect();
    views.branches.branches.remove(&usurper);
    views.courses.usage.clear();
    (views.anomalies, views.left_out.not_entitled) = Default::default();
    (views, decided)
}

/// Every event that the usurper could write on the things of others.
fn words(named: &Named) -> Vec<Event> {
    let is_shared = |event: &Event| event.body().info().scope == Scope::Shared;
    samples(named).into_iter().filter(is_shared).collect()
}

#[test]
fn nobody_changes_what_another_unit_owns_before_after_or_without_its_own_word() {
    for proves in [true, false] {
        for (before, supersedes, back_dated) in [
            (false, false, false),
            (false, true, false),
            (false, false, true),
            (true, false, false),
            (true, false, true),
        ] {
            let (plain, named) = city(proves);
            for word in words(&named) {
                // An id that proves nothing is safe from its record on.
                let (mut given, _) = if before && proves { (Given::nothing(), named) } else { city(proves) };
                let mut without = if before && proves { Given::nothing() } else { city(proves).0 };
                if !before {
                    keep_up(&mut given);
                    keep_up(&mut without);
                }
                let now = given.now;
                if back_dated {
                    given.now = Millis(now.0.saturating_sub(3_650 * Millis::DAY));
                }
                if !before || proves {
                    let earlier = plain.views().requests.claims.keys().next().copied().filter(|_| supersedes);
                    given.draft(
                        branch(USURPER),
                        Draft { supersedes: earlier, ..Draft::new(branch(USURPER), word.clone()) },
                    );
                }
                if before && proves {
                    given.now = now;
                    let owner = city(true).0;
                    given.changes.extend(owner.changes.iter().cloned());
                    without.changes.extend(owner.changes);
                    given.now = owner.now;
                }
                without.now = given.now.max(now);
                given.now = without.now;
                let kind = word.body().info().name;
                let case = format!(
                    "{kind}, proves {proves}, before {before}, supersedes {supersedes}, back-dated {back_dated}"
                );
                assert_eq!(of_others(&given), of_others(&without), "{case}");
            }
        }
    }
}

#[test]
fn what_does_not_count_is_shown_with_its_author() {
    let (mut given, named) = city(true);
    let event = given.write(branch(USURPER), offered(named.teacher));
    let views = given.views();
    let shown = views.anomalies.iter().find(|anomaly| anomaly.evidence == [event]).unwrap();
    assert_eq!((shown.kind, shown.detail.as_deref()), (AnomalyKind::DoesNotFold, Some("not_entitled")));
    assert!(views.left_out.not_entitled.contains(&event));
}

#[test]
fn an_id_that_two_units_declare_decides_nothing_until_the_city_records_whose_it_is() {
    let (mut given, named) = city(false);
    given.write(branch(USURPER), teacher(named.teacher, "示例乙"));
    let views = given.views();
    assert!(!views.teachers.teachers.contains_key(&named.teacher));
    assert!(views.anomalies.iter().any(|anomaly| anomaly.kind == AnomalyKind::OwnerContested));
    let subject = Subject::Teacher(named.teacher);
    let declared = views.owners.declaration(&subject, branch(OWNER)).unwrap();
    let record = crate::domain::OwnerRecorded::of(&subject, branch(OWNER), declared).unwrap();
    given.city(record);
    let teacher = given.views().teachers.teachers[&named.teacher].clone();
    assert_eq!((teacher.name.as_str(), teacher.home), ("示例甲", branch(OWNER)));
}

#[test]
fn a_record_stands_whatever_becomes_of_the_declaration() {
    let (mut given, named) = city(false);
    keep_up(&mut given);
    let device = given.certificate(branch(OWNER)).1;
    given.city(DeviceRevoked {
        device: device.device,
        key: Some(device.key),
        reason: "被盗".into(),
        accepted: Vec::new(),
    });
    given.write(branch(USURPER), teacher(named.teacher, "示例乙"));
    let views = given.views();
    assert!(
        views.teachers.teachers.is_empty(),
        "the owner's word is in quarantine, the other's does not count"
    );
    let owner = Ownership::Recorded(branch(OWNER));
    assert_eq!(views.owners.listed[&Subject::Teacher(named.teacher)], owner);
}

#[test]
fn a_thing_that_was_given_away_is_spoken_of_by_its_new_owner() {
    for proves in [true, false] {
        let (mut given, named) = city(proves);
        keep_up(&mut given);
        let lines: Vec<KnownLines> = given
            .changes
            .iter()
            .filter(|change| change.document.branch == branch(OWNER))
            .map(|change| {
                let end = change.end();
                let heads = vec![KnownHead { seq: end.seq, hash: end.hash }];
                KnownLines { document: change.document, actor: change.actor, heads }
            })
            .collect();
        let (sort, subject) = (Owned::Teacher, SubjectId(named.teacher.0));
        given.city(OwnerTransferred {
            sort,
            subject,
            unit: branch(3),
            accepted: lines,
            reason: "调动".into(),
        });
        let away = |unit| TeacherUnavailable { teacher: unit, from: named.day, to: named.day };
        given.write(branch(OWNER), away(named.teacher));
        let entry = given.views().teachers.teachers[&named.teacher].clone();
        assert_eq!((entry.home, entry.offers.len(), entry.away.len()), (branch(3), 1, 0), "{proves}");
        given.write(branch(3), away(named.teacher));
        assert_eq!(given.views().teachers.teachers[&named.teacher].away.len(), 1);
    }
}

#[test]
fn a_class_with_anothers_teacher_books_nobody_and_is_shown() {
    let (mut given, named) = city(true);
    let taken = SessionAnnounced {
        session: ClassId(id_of_unit(branch(USURPER), [9; 16])),
        course: COURSE,
        teacher: Some(named.teacher),
        venue: Some(named.asset),
        slot: slot("2026-12-17", 540),
        headcount: 20,
    };
    let event = given.write(branch(USURPER), taken);
    let views = given.views();
    let booking = views.bookings.iter().find(|booking| booking.source == event).unwrap();
    assert_eq!((booking.teacher, booking.asset), (None, None));
    let shown = views.anomalies.iter().filter(|it| it.kind == AnomalyKind::Unconfirmed);
    let about: Vec<&str> = shown.filter_map(|anomaly| anomaly.detail.as_deref()).collect();
    assert_eq!(about, [format!("asset:{}", named.asset), format!("teacher:{}", named.teacher)]);
}

#[test]
fn two_devices_that_set_one_value_at_nearly_one_time_are_shown() {
    let mut given = Given::nothing();
    let profile = |registered| BranchProfile { name: "示例镇".into(), registered };
    let first = given.write(branch(1), profile(1));
    assert!(given.views().anomalies.is_empty());
    // Another device of the branch.
    let mut other = given.certificate(branch(2)).1;
    other.branch = branch(1);
    let own = given.write(branch(2), profile(2));
    let mut change = given.changes.pop().unwrap();
    change.document.branch = branch(1);
    let mut envelope = Envelope::decode(&change.events[0].1).unwrap();
    envelope.branch = branch(1);
    change.events[0].1 = envelope.encode();
    change.author = other;
    given.changes.push(change);
    let second = EventRef { document: first.document, ..own };
    let anomalies = given.views().anomalies;
    let [shown] = &anomalies.iter().collect::<Vec<_>>()[..] else { panic!("{anomalies:?}") };
    assert_eq!(shown.kind, AnomalyKind::DecidedByClock);
    let mut evidence = vec![first, second];
    evidence.sort();
    assert_eq!(shown.evidence, evidence);
}
