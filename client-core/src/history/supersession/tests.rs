use super::*;
use crate::domain::{
    AttendanceVoided, BranchProfile, Draft, Event, History, PrivateViews, RequestCancelled, SessionAnnounced,
};
use crate::given::{Change, Given, TEACHER, branch, slot};
use crate::ids::{ClassId, LearnerId};
use proptest::prelude::*;

/// A void of whatever its envelope names.
fn void() -> Event {
    let (session, learner) = (ClassId([1; 16]), LearnerId([2; 16]));
    AttendanceVoided { session, learner, reason: "示例".into() }.into()
}

/// A fact that stands in the place of whatever its envelope names.
fn fact() -> Event {
    let (session, learner) = (ClassId([1; 16]), LearnerId([2; 16]));
    crate::domain::AttendanceCheckedIn {
        session,
        learner,
        at: crate::given::day("2026-11-23").start(),
        how: crate::domain::CheckIn::Roll,
    }
    .into()
}

/// Writes events that supersede each other as the list says: a void or a fact, of which earlier one.
fn written(edits: &[(bool, Option<usize>)]) -> (Given, Vec<EventRef>) {
    let mut given = Given::nothing();
    let mut events: Vec<EventRef> = Vec::new();
    for (is_void, earlier) in edits {
        let event = if *is_void { void() } else { fact() };
        let supersedes = earlier.and_then(|n| events.get(n).copied());
        events.push(given.draft(branch(1), Draft { supersedes, ..Draft::new(branch(1), event) }));
    }
    (given, events)
}

/// Which of them count, by number.
fn counts(edits: &[(bool, Option<usize>)]) -> Vec<usize> {
    let (given, events) = written(edits);
    counted(&given.history(), &events)
}

fn counted(history: &History, events: &[EventRef]) -> Vec<usize> {
    let counted = Counted::of(history.ranked().collect());
    let place = |entry: &&Entry<Event>| events.iter().position(|event| *event == entry.reference);
    let mut places: Vec<usize> = counted.entries.iter().filter_map(place).collect();
    places.sort_unstable();
    places
}

const FACT: bool = false;
const VOID: bool = true;

#[test]
fn a_correction_stands_in_the_place_of_what_it_corrects_and_so_does_the_last_of_a_chain() {
    assert_eq!(counts(&[(FACT, None), (FACT, Some(0))]), [1]);
    assert_eq!(counts(&[(FACT, None), (FACT, Some(0)), (FACT, Some(1)), (FACT, Some(2))]), [3]);
}

#[test]
fn a_void_leaves_nothing_and_the_void_of_a_void_restores() {
    assert_eq!(counts(&[(FACT, None), (VOID, Some(0))]), [1]);
    assert_eq!(counts(&[(FACT, None), (VOID, Some(0)), (VOID, Some(1))]), [0, 2]);
    assert_eq!(counts(&[(FACT, None), (VOID, Some(0)), (VOID, Some(1)), (VOID, Some(2))]), [1, 3]);
    // The void of a correction brings back what it corrected; a fact in the place of a void does not.
    assert_eq!(counts(&[(FACT, None), (FACT, Some(0)), (VOID, Some(1))]), [0, 2]);
    assert_eq!(counts(&[(FACT, None), (VOID, Some(0)), (FACT, Some(1))]), [2]);
}

#[test]
fn of_two_for_one_place_the_last_counts_and_both_are_shown() {
    let (given, events) = written(&[(FACT, None), (FACT, Some(0)), (FACT, Some(0))]);
    let history = given.history();
    let counted = Counted::of(history.ranked().collect());
    assert_eq!(counted.entries.iter().map(|entry| entry.reference).collect::<Vec<_>>(), [events[2]]);
    assert_eq!(counted.conflicts, BTreeMap::from([(events[2], vec![events[1], events[2]])]));
    // One of them was corrected since, the other stands later.
    assert_eq!(counts(&[(FACT, None), (FACT, Some(0)), (FACT, Some(1)), (FACT, Some(0))]), [3]);
    assert_eq!(counts(&[(FACT, None), (FACT, Some(0)), (FACT, Some(0)), (FACT, Some(1))]), [3]);
}

#[test]
fn nothing_of_another_unit_or_scope_is_hidden() {
    let mut given = Given::nothing();
    let profile = |registered| BranchProfile { name: "示例镇".into(), registered };
    let other = given.write(branch(2), profile(1));
    let shared = given.write(branch(1), profile(2));
    let own = given.write(branch(1), fact());
    for earlier in [other, shared] {
        given.draft(branch(1), Draft { supersedes: Some(earlier), ..Draft::new(branch(1), void()) });
    }
    given.draft(branch(1), Draft { supersedes: Some(own), ..Draft::new(branch(1), profile(3)) });
    let history = given.history();
    assert!(Counted::of(history.ranked().collect()).replaced.is_empty());
}

#[test]
fn edges_of_a_circle_neither_order_nor_hide() {
    let (given, events) = written(&[(FACT, None), (FACT, Some(0)), (FACT, Some(1)), (VOID, Some(2))]);
    // The first comes to supersede the third: an id was chosen beforehand.
    let edited = given.history().edited(|entry| {
        let mut entry = entry.clone();
        if entry.reference == events[0] {
            entry.supersedes = Some(events[2]);
        }
        Some(entry)
    });
    assert_eq!(counted(&edited, &events), [0, 1, 3], "the void still hides what it names");
}

/// A class of the branch's own.
fn announced() -> Event {
    let (course, slot) = (crate::given::COURSE, slot("2026-12-16", 540));
    SessionAnnounced { session: ClassId([1; 16]), course, teacher: None, venue: None, slot, headcount: 9 }
        .into()
}

/// Claims, cancellations and counts of learners decide what others get.
#[test]
fn nobody_takes_back_a_cancellation_or_a_count_by_superseding_it() {
    let mut given = Given::a_shared_teacher();
    let claim = given.write(branch(1), crate::given::claim(TEACHER, slot("2026-12-14", 540)));
    let cancelled = given.write(branch(1), RequestCancelled { request: claim });
    let profile = |registered| BranchProfile { name: "示例镇".into(), registered };
    let counted = given.write(branch(1), profile(600));
    for earlier in [claim, cancelled, counted] {
        given.draft(branch(1), Draft { supersedes: Some(earlier), ..Draft::new(branch(1), profile(1)) });
    }
    // Nor by losing a place to a later event of its own branch.
    let class = given.write(branch(1), announced());
    let second = crate::given::claim(TEACHER, slot("2026-12-15", 540));
    let second = given.draft(branch(1), Draft { supersedes: Some(class), ..Draft::new(branch(1), second) });
    let edit = Draft { supersedes: Some(class), ..Draft::new(branch(1), announced()) };
    given.draft(branch(1), edit);
    let views = given.views();
    assert_eq!(views.left_out.replaced.keys().collect::<Vec<_>>(), [&class]);
    assert!(views.requests.claims[&second].lodged.is_some());
    assert!(views.requests.claims[&claim].cancelled && views.requests.claims[&claim].lodged.is_some());
    assert_eq!(views.requests.open_claims().count(), 1);
}

#[test]
fn a_long_chain_with_edits_at_every_link_takes_no_longer_than_it_is() {
    let long = 3_000;
    let chain = (0..long).map(|n: usize| (FACT, n.checked_sub(1)));
    let beside = (0..long).map(|n| (FACT, Some(n)));
    let edits: Vec<_> = chain.chain(beside).collect();
    assert_eq!(counts(&edits), [2 * long - 1]);
}

/// The same, found the slow way: again and again from the last downwards.
fn slowly(edits: &[(bool, Option<usize>)]) -> Vec<usize> {
    let mut stands: Vec<Option<usize>> = vec![None; edits.len()];
    let mut hidden: Vec<bool> = vec![false; edits.len()];
    for n in (0..edits.len()).rev() {
        let (is_void, Some(first)) = edits[n] else { continue };
        if hidden[n] {
            continue;
        }
        let mut way = vec![first];
        while let (false, Some(next)) = (is_void, edits[*way.last().unwrap()].1) {
            way.push(next);
        }
        if way.iter().any(|place| stands[*place].is_some()) {
            hidden[n] = true;
        } else {
            for place in way {
                stands[place] = Some(n);
                hidden[place] = true;
            }
        }
    }
    (0..edits.len()).filter(|n| !hidden[*n]).collect()
}

proptest! {
    #[test]
    fn what_is_hidden_is_what_the_rule_says_whatever_the_order_of_arrival(
        edits in prop::collection::vec((any::<bool>(), prop::option::weighted(0.8, 0..12_usize)), 1..12),
        order in any::<prop::sample::Index>(),
    ) {
        // An edit names an earlier one, as honest programs do.
        let edits: Vec<_> = edits
            .into_iter()
            .enumerate()
            .map(|(n, (is_void, earlier))| (is_void, earlier.filter(|_| n > 0).map(|it| it % n.max(1))))
            .collect();
        let (given, events) = written(&edits);
        prop_assert_eq!(counted(&given.history(), &events), slowly(&edits));
        let mut changes: Vec<Change> = given.changes.clone();
        let turn = order.index(changes.len());
        changes.rotate_left(turn);
        let mut history = History::default();
        changes.iter().for_each(|change| change.load_into(&mut history));
        history.settle();
        prop_assert_eq!(counted(&history, &events), slowly(&edits));
        let digests = [&history, &given.history()].map(|it| PrivateViews::fold(it, branch(1)).digest());
        prop_assert_eq!(digests[0], digests[1]);
    }
}
