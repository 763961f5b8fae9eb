use crate::decide;
use crate::domain::*;
use crate::domain::{History, SharedViews};
use crate::event::{Accepted, Basis, EventRef};
use crate::given::TEACHER;
use crate::given::{Change, Given, branch, claim, slot};
use crate::history::Unfolded;
use crate::ids::{ChangeHash, EventId};
use crate::log::Ledger;
use proptest::prelude::*;

fn history(changes: &[&Change]) -> History {
    let mut history = History::default();
    changes.iter().for_each(|change| change.put_into(&mut history));
    history
}

fn why(history: &History) -> Vec<Unfolded> {
    history.kept().into_iter().map(|kept| kept.why).collect()
}

/// A claim of branch 1, and other bytes under the same id: on the same line, or on one that parts from it.
fn twice(is_parallel: bool) -> (Given, EventRef, Change, Change) {
    let mut given = Given::a_shared_teacher();
    let before = given.write(branch(1), claim(TEACHER, slot("2026-12-14", 540)));
    given.write(branch(1), claim(TEACHER, slot("2026-12-21", 540)));
    let own: Vec<usize> =
        (0..given.changes.len()).filter(|n| given.changes[*n].document.branch == branch(1)).collect();
    let first = given.changes[own[0]].clone();
    let mut second = given.changes[own[1]].clone();
    given.changes.truncate(own[1]);
    second.events[0].0 = first.events[0].0;
    if is_parallel {
        second.at = first.at;
    }
    (given, before, first, second)
}

#[test]
fn on_one_line_the_first_bytes_under_an_id_count_for_ever() {
    let (given, event, first, second) = twice(false);
    for order in [[&first, &second], [&second, &first]] {
        let mut all: Vec<&Change> = given.changes.iter().filter(|it| it.hash() != first.hash()).collect();
        all.extend(order);
        let history = history(&all);
        let views = SharedViews::fold(&history);
        let lodged = views.requests.claims[&event].lodged.as_ref().unwrap();
        assert_eq!(lodged.wish.slot, slot("2026-12-14", 540));
        assert_eq!(why(&history), [Unfolded::Doublet]);
    }
}

#[test]
fn first_bytes_that_cannot_be_meant_keep_their_id_all_the_same() {
    let (given, event, mut first, mut second) = twice(false);
    first.events[0].1 = vec![1, 2, 3];
    second.at = first.end();
    let mut all: Vec<&Change> =
        given.changes.iter().filter(|it| it.events[0].0 != first.events[0].0).collect();
    all.extend([&first, &second, &second]);
    let history = history(&all);
    assert!(history.get(&event).is_none());
    let mut reasons = why(&history);
    reasons.sort();
    assert_eq!(reasons, [Unfolded::Unreadable, Unfolded::Doublet]);
}

#[test]
fn on_parallel_lines_both_wait_until_a_decision_or_the_city_says_which_counts() {
    let (mut given, event, first, second) = twice(true);
    let ours = history(&given.changes.iter().collect::<Vec<_>>());
    let received = Draft::new(
        crate::ids::BranchId::CITY,
        ClaimReceived { claim: event, at: given.now, mode: DecisionMode::Daily, round: None },
    );
    let basis = decide::basis(&ours, std::slice::from_ref(&received));
    let mut both = given.changes.clone();
    both.push(second.clone());
    let forked = history(&both.iter().collect::<Vec<_>>());
    assert_eq!(why(&forked), [Unfolded::Contested; 2]);
    assert!(forked.get(&event).is_none());
    assert_eq!(forked.contested().len(), 1);

    // A decision was made on the first: whichever way they come, its bytes count.
    let decided = [received].into_iter().chain(basis).collect::<Vec<_>>();
    given.act(crate::ids::BranchId::CITY, &decided);
    let mut all: Vec<&Change> = given.changes.iter().collect();
    for place in 0..=all.len() {
        all.insert(place, &second);
        let bound = history(&all);
        assert_eq!(bound.hash(&event), ours.hash(&event), "{place}");
        assert_eq!(why(&bound), [Unfolded::Doublet]);
        assert!(decide::basis(&bound, &decided).is_empty(), "bound once");
        all.remove(place);
    }

    // Nobody decided, and the city closes the actor: the line that came first goes on, nothing else is lost.
    let mut given = twice(true).0;
    let (document, actor) = (first.document, first.actor);
    given.city(ActorClosed { document, actor, keep: vec![second.hash(), first.hash()] });
    given.changes.push(second.clone());
    let closed = history(&given.changes.iter().collect::<Vec<_>>());
    assert_eq!(why(&closed), [Unfolded::Doublet]);
    let lodged = SharedViews::fold(&closed).requests.claims[&event].lodged.clone().unwrap();
    assert_eq!(lodged.wish.slot, slot("2026-12-21", 540));
}

#[test]
fn the_city_closes_a_contested_actor_once() {
    let (mut given, _, first, second) = twice(true);
    given.changes.push(second.clone());
    let mut ledger = Ledger::default();
    let history = given.history();
    let key = crate::log::LogKey { document: first.document, actor: first.actor };
    ledger.push(key, &first.author, crate::log::Place::On(0), first.at, first.end());
    ledger.push(
        key,
        &second.author,
        crate::log::Place::Parts { parent: 0, line: 1 },
        second.at,
        second.end(),
    );
    let closings = decide::closings(&history, &ledger);
    let [Event::Device(DeviceEvent::Closed(closed))] = &closings[..] else { panic!("{closings:?}") };
    assert_eq!(closed.keep, [first.hash(), second.hash()]);
    given.city(closed.clone());
    assert!(decide::closings(&given.history(), &ledger).is_empty());
}

proptest! {
    /// A forked actor that repeats ids with other bytes and the same, and rulings on it: whatever comes
    /// first, and however it is cut, all nodes count the same.
    #[test]
    fn which_bytes_count_does_not_depend_on_the_order_of_arrival(
        shapes in proptest::collection::vec((0..4_usize, 0..4_u8, 0..3_usize), 1..9),
        order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        (bound, closed, revoked) in (0..9_usize, 0..12_usize, 0..12_usize),
    ) {
        let mut given = Given::nothing();
        let profile = |n: u32| BranchProfile { name: "新埭镇".into(), registered: n };
        let contents: Vec<Change> = (0..3).map(|n| {
            given.write(branch(1), profile(600 + n));
            given.changes.pop().unwrap()
        }).collect();
        let mut changes: Vec<Change> = Vec::new();
        for (parent, id, content) in &shapes {
            // Its place: after one of the changes before, so that lines part.
            let before = changes.len().checked_sub(1 + parent).map(|n| changes[n].end());
            let at = before.unwrap_or(crate::log::Position::START);
            let events = vec![(EventId([*id; 16]), contents[*content].events[0].1.clone())];
            changes.push(Change { at, events, ..contents[0].clone() });
        }
        let (document, actor, author) = (contents[0].document, contents[0].actor, contents[0].author.clone());
        let named = changes.get(bound).map(|change| {
            let event = EventRef { document, actor, event: change.events[0].0 };
            Basis { event, hash: history(&[change]).hash(&event).unwrap_or(ChangeHash([0; 32])) }
        });
        given.city(DecisionBasis { events: named.into_iter().collect() });
        if let Some(change) = changes.get(closed) {
            given.city(ActorClosed { document, actor, keep: vec![change.hash(), changes[0].hash()] });
        }
        if let Some(change) = changes.get(revoked) {
            let accepted = vec![Accepted { document, actor, heads: vec![change.hash()] }];
            given.city(DeviceRevoked { device: author.device, key: None, reason: "?".into(), accepted });
        }
        let mut all: Vec<&Change> = changes.iter().chain(&given.changes).collect();
        let straight = history(&all);
        let again = changes[0].clone();
        all.push(&again);
        let shuffled: Vec<&Change> = order.iter().filter_map(|n| all.get(*n).copied()).chain(all.iter().skip(12).copied()).collect();
        let other = history(&shuffled);
        prop_assert_eq!(straight.kept(), other.kept());
        prop_assert_eq!(SharedViews::fold(&straight).digest(), SharedViews::fold(&other).digest());
    }
}

#[test]
fn what_the_city_closed_stays_closed_when_it_closes_the_actor_again() {
    let (mut given, _, first, second) = twice(true);
    let (document, actor) = (first.document, first.actor);
    let key = crate::log::LogKey { document, actor };
    // A person keeps the second line alone.
    given.city(ActorClosed { document, actor, keep: vec![second.hash()] });
    given.changes.push(second.clone());
    // The device goes on after it with one id and other bytes, on lines that part.
    let other = |n: u8, content: &Change| Change {
        at: second.end(),
        events: vec![(EventId([n; 16]), content.events[0].1.clone())],
        ..second.clone()
    };
    let (third, fourth) = (other(9, &first), other(9, &second));
    given.changes.extend([third.clone(), fourth.clone()]);
    let mut ledger = Ledger::default();
    let place = |parent, line| crate::log::Place::Parts { parent, line };
    ledger.push(key, &first.author, crate::log::Place::On(0), first.at, first.end());
    ledger.push(key, &first.author, place(0, 1), second.at, second.end());
    ledger.push(key, &first.author, crate::log::Place::On(1), third.at, third.end());
    ledger.push(key, &first.author, place(1, 2), fourth.at, fourth.end());
    let closings = decide::closings(&given.history(), &ledger);
    let [Event::Device(DeviceEvent::Closed(closed))] = &closings[..] else { panic!("{closings:?}") };
    assert_eq!(closed.keep, [third.hash(), fourth.hash(), second.hash()]);
    given.city(closed.clone());
    let history = given.history();
    assert!(history.contested().is_empty() && history.is_closed(&key, &first.hash()));
}

#[test]
fn of_two_decisions_under_one_id_the_first_on_the_line_counts_in_any_order() {
    let mut given = Given::nothing();
    let first = given.city(BranchAdmitted { branch: branch(1), name: "示例镇".into() });
    given.city(BranchAdmitted { branch: branch(1), name: "别的镇".into() });
    given.changes[1].events[0].0 = first.event;
    for order in [[0, 1], [1, 0]] {
        let history = history(&order.map(|n| &given.changes[n]));
        assert_eq!(SharedViews::fold(&history).branches.name(branch(1)), "示例镇");
        assert_eq!(why(&history), [Unfolded::Doublet]);
    }
}
