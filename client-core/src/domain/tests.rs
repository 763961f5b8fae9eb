mod extremes;
mod released;

use super::*;
use crate::domain::Draft;
use crate::event::Envelope;
use crate::given::{COURSE, Change, Given, HOME, TEACHER, branch, claim, course, offered, slot, teacher};
use crate::history::Unfolded;
use crate::ids::BranchId;
use proptest::prelude::*;

fn folded(changes: &[Change]) -> SharedViews {
    let mut history = History::default();
    changes.iter().for_each(|change| change.put_into(&mut history));
    SharedViews::fold(&history)
}

fn busy_city() -> Given {
    let mut given = Given::a_shared_teacher();
    let first = given.write(branch(1), claim(TEACHER, slot("2026-12-14", 540)));
    given.write(branch(2), claim(TEACHER, slot("2026-12-14", 540)));
    given.write(branch(1), crate::domain::RequestCancelled { request: first });
    given.city(crate::domain::BranchAdmitted { branch: branch(1), name: "新埭镇".into() });
    let renamed = given.write(HOME, teacher(TEACHER, "示例乙"));
    let again = Draft { supersedes: Some(renamed), ..Draft::new(HOME, teacher(TEACHER, "示例丙")) };
    given.draft(HOME, again);
    given
}

proptest! {
    /// Whatever the order of arrival, and however often a change arrives, the views are the same.
    #[test]
    fn views_do_not_depend_on_the_order_of_arrival(order in Just((0..10_usize).collect::<Vec<_>>()).prop_shuffle(), again in 0..10_usize) {
        let given = busy_city();
        prop_assert_eq!(given.changes.len(), 10);
        let mut shuffled: Vec<Change> = order.iter().map(|n| given.changes[*n].clone()).collect();
        shuffled.push(given.changes[again].clone());
        prop_assert_eq!(folded(&shuffled).digest(), given.views().digest());
    }
}

#[test]
fn a_claim_taken_back_before_it_arrives_is_taken_back() {
    let given = busy_city();
    let backwards: Vec<Change> = given.changes.iter().rev().cloned().collect();
    let views = folded(&backwards);
    let open: Vec<BranchId> = views.requests.open_claims().map(|(_, lodged, _)| lodged.branch).collect();
    assert_eq!(open, [branch(2)]);
}

#[test]
fn two_edits_of_one_event_are_both_kept_and_shown() {
    let mut given = Given::a_shared_teacher();
    let first = given.write(HOME, teacher(TEACHER, "示例乙"));
    for name in ["示例丙", "示例丁"] {
        given.draft(HOME, Draft { supersedes: Some(first), ..Draft::new(HOME, teacher(TEACHER, name)) });
    }
    let views = given.views();
    let twice: Vec<_> = views.anomalies.iter().filter(|a| a.kind == AnomalyKind::EditedTwice).collect();
    assert_eq!(twice.len(), 1);
    assert_eq!(twice[0].evidence.len(), 2);
    assert_eq!(views.teachers.teachers[&TEACHER].name, "示例丁");
}

#[test]
fn one_teacher_booked_twice_is_shown_with_both_classes() {
    let mut given = Given::a_shared_teacher();
    let class = |session: u8| crate::domain::SessionAnnounced {
        session: crate::ids::ClassId([session; 16]),
        course: COURSE,
        teacher: Some(TEACHER),
        venue: None,
        slot: slot("2026-12-14", 540),
        headcount: 30,
    };
    let sources = [given.write(HOME, class(101)), given.write(HOME, class(102))];
    let anomalies = given.views().anomalies;
    let clash: Vec<&Anomaly> = anomalies.iter().filter(|a| a.kind == AnomalyKind::TeacherTwice).collect();
    assert_eq!(clash.len(), 1);
    assert!(sources.iter().all(|source| clash[0].evidence.contains(source)));
}

/// Why the change's only event does not fold, after `edit`.
fn kept(edit: impl FnOnce(&mut Change)) -> Vec<Unfolded> {
    let mut given = Given::nothing();
    given.write(HOME, teacher(TEACHER, "示例甲"));
    let mut change = given.changes.remove(0);
    edit(&mut change);
    let mut history = History::default();
    change.put_into(&mut history);
    assert!(history.is_empty());
    history.kept().iter().map(|kept| kept.why).collect()
}

fn edit_envelope(change: &mut Change, edit: impl FnOnce(&mut Envelope)) {
    let mut envelope = Envelope::decode(&change.events[0].1).unwrap();
    edit(&mut envelope);
    change.events[0].1 = envelope.encode();
}

#[test]
fn what_does_not_fold_is_kept_with_its_reason() {
    let newer = kept(|change| edit_envelope(change, |envelope| envelope.version = 99));
    assert_eq!(newer, [Unfolded::UnknownKind]);
    let foreign = kept(|change| edit_envelope(change, |envelope| envelope.kind = "teacher.praised".into()));
    assert_eq!(foreign, [Unfolded::UnknownKind]);
    let other_branch = kept(|change| edit_envelope(change, |envelope| envelope.branch = branch(1)));
    assert_eq!(other_branch, [Unfolded::WrongAuthor]);
    let scope = kept(|change| change.document.scope = crate::event::Scope::Private);
    assert_eq!(scope, [Unfolded::WrongScope]);
    let damaged = kept(|change| change.events[0].1.truncate(20));
    assert_eq!(damaged, [Unfolded::Unreadable]);
}

#[test]
fn the_pool_counts_a_likely_duplicate_once_until_a_person_rules() {
    let mut given = Given::a_shared_teacher();
    let twin = crate::ids::TeacherId([8; 16]);
    given.write(branch(1), teacher(twin, "示例甲"));
    given.write(branch(1), offered(twin));
    let views = given.views();
    assert_eq!((views.teachers.teachers.len(), views.teachers.people()), (2, 1));
    given.city(crate::domain::TeacherMerged { kept: TEACHER, merged: twin });
    let views = given.views();
    assert_eq!((views.teachers.resolve(twin), views.teachers.people()), (TEACHER, 1));
}

#[test]
fn a_course_taken_off_the_list_stays_in_the_history() {
    let mut given = Given::nothing();
    given.city(course());
    given.city(crate::domain::CourseDelisted { course: COURSE, reason: "旧版".into() });
    let views = given.views();
    assert!(views.courses.on_list(COURSE).is_none());
    assert_eq!(views.courses.courses[&COURSE].delisted.as_deref(), Some("旧版"));
}
