use super::*;
use crate::domain::*;
use crate::domain::{AnomalyKind, History, OutcomeKind};
use crate::event::{DocumentId, Envelope, EventRef};
use crate::given::{Given, HOME, TEACHER, branch, claim, offered, slot, teacher};
use crate::ids::{AssetId, ClassId, CourseId, TeacherId};
use proptest::prelude::*;

mod against_oracle;
mod limits;
mod oracle;
mod total;

const ROUND: RoundId = RoundId([50; 16]);
const SEED: ChangeHash = ChangeHash([51; 32]);
const FRONTIER: ChangeHash = ChangeHash([52; 32]);

/// As many cases as usual, or as the environment says.
fn cases(usual: u32) -> ProptestConfig {
    let said = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(said.unwrap_or(usual))
}

/// The city opens a round, takes all claims into it and closes it.
fn close_round(given: &mut Given) {
    let opened = open_round(&given.views(), given.now, ROUND, SEED);
    given.city(opened);
    for receipt in receipts(&given.views(), given.now) {
        given.city(receipt);
    }
    for decision in decide_round(&given.views(), ROUND, SEED, given.now, FRONTIER) {
        let id = Some(decision.id);
        given.draft(BranchId::CITY, Draft { id, ..Draft::new(BranchId::CITY, decision.event) });
    }
}

fn contested() -> (Given, [EventRef; 2]) {
    let mut given = Given::a_shared_teacher();
    let wish = claim(TEACHER, slot("2026-12-14", 540));
    let claims = [given.write(branch(1), wish.clone()), given.write(branch(2), wish)];
    (given, claims)
}

#[test]
fn of_two_claims_one_is_granted_and_one_gets_free_alternatives() {
    let (mut given, claims) = contested();
    close_round(&mut given);
    let views = given.views();
    let outcome = |claim: &EventRef| views.requests.claims[claim].outcome.clone().unwrap();
    let (granted, refused): (Vec<_>, Vec<_>) =
        claims.iter().map(outcome).partition(|outcome| outcome.kind == OutcomeKind::Confirmed);
    assert_eq!((granted.len(), refused.len()), (1, 1));
    assert_eq!(refused[0].reasons[0].code, crate::domain::ReasonCode::TeacherTaken);
    assert!(refused[0].alternatives.len() >= 2);
    for other in &refused[0].alternatives {
        let teacher = &views.teachers.teachers[&other.teacher.unwrap()];
        assert!(teacher.is_offered(&other.slot, &views.calendar), "{other:?}");
        let free = |b: &crate::domain::Booking| b.teacher != other.teacher || !b.slot.overlaps(&other.slot);
        assert!(views.bookings.iter().all(free), "{other:?}");
    }
}

#[test]
fn who_arrives_first_does_not_matter() {
    let (mut given, claims) = contested();
    close_round(&mut given);
    let winner = |given: &Given| {
        let views = given.views();
        claims.into_iter().find(|claim| {
            views.requests.claims[claim].outcome.as_ref().unwrap().kind == OutcomeKind::Confirmed
        })
    };
    let (mut other, _) = contested();
    let last = other.changes.len() - 1;
    other.changes.swap(last - 1, last);
    close_round(&mut other);
    assert!(winner(&given).is_some());
    assert_eq!(winner(&given), winner(&other));
}

#[test]
fn fewer_pool_hours_come_before_the_draw() {
    // The branch that had the teacher for a class before stands back, whatever the seed says.
    for served in [1, 2] {
        let mut given = Given::a_shared_teacher();
        for n in [1, 2] {
            given
                .write(branch(n), crate::domain::BranchProfile { name: format!("分校{n}"), registered: 100 });
        }
        given.write(branch(served), claim(TEACHER, slot("2026-12-08", 540)));
        close_round(&mut given);
        given.now = given.now.plus_minutes(60);
        let wish = claim(TEACHER, slot("2026-12-15", 540));
        let claims = [1, 2].map(|n| given.write(branch(n), wish.clone()));
        let (round, views) = (RoundId([60; 16]), given.views());
        let opened = open_round(&views, given.now, round, SEED);
        given.city(opened);
        for receipt in receipts(&given.views(), given.now) {
            given.city(receipt);
        }
        for decision in decide_round(&given.views(), round, SEED, given.now, FRONTIER) {
            given.city(decision.event);
        }
        let views = given.views();
        let kind = |n: usize| views.requests.claims[&claims[n]].outcome.as_ref().unwrap().kind;
        assert_eq!(kind(usize::from(served) - 1), OutcomeKind::Refused, "branch {served} was served before");
        assert_eq!(kind(2 - usize::from(served)), OutcomeKind::Confirmed);
    }
}

#[test]
fn a_decided_round_holds_when_it_is_decided_again_and_a_swapped_outcome_shows() {
    let (mut given, claims) = contested();
    close_round(&mut given);
    let history = given.history();
    let again = recheck(&history).unwrap();
    assert_eq!((again.claims, again.seed_holds, again.differing.len()), (2, true, 0));
    let swapped = |claim: EventRef| if claim == claims[0] { claims[1] } else { claims[0] };
    let tampered: History = history.edited(|entry| {
        let mut entry = entry.clone();
        match &mut entry.event {
            Event::Request(RequestEvent::Confirmed(confirmed)) => confirmed.claim = swapped(confirmed.claim),
            Event::Request(RequestEvent::Refused(refused)) => refused.claim = swapped(refused.claim),
            _ => {}
        }
        Some(entry)
    });
    assert_eq!(recheck(&tampered).unwrap().differing.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is claimed, no teacher stands in two classes at once, and every claim gets an answer.
    #[test]
    fn nothing_is_booked_twice(wishes in prop::collection::vec((0..3_u8, 0..2_u8, 0..3_i32, 0..12_u16), 1..14)) {
        let mut given = Given::a_shared_teacher();
        let second = TeacherId([8; 16]);
        given.write(HOME, teacher(second, "示例乙"));
        given.write(HOME, offered(second));
        given.city(crate::domain::TeacherApproved { teacher: second, courses: vec![crate::given::COURSE] });
        for (who, whom, days, half_hour) in &wishes {
            let mut slot = slot("2026-12-14", 480 + half_hour * 30);
            slot.day = slot.day.plus(*days);
            given.write(branch(who + 1), claim(if *whom == 0 { TEACHER } else { second }, slot));
        }
        close_round(&mut given);
        let views = given.views();
        prop_assert!(views.requests.claims.values().all(|state| state.outcome.is_some()));
        for (n, one) in views.bookings.iter().enumerate() {
            for other in views.bookings.iter().skip(n + 1) {
                prop_assert!(one.teacher != other.teacher || !one.slot.overlaps(&other.slot), "{one:?} {other:?}");
            }
        }
        prop_assert!(recheck(&given.history()).unwrap().differing.is_empty());
    }
}

/// A decision of a life of the city that was lost, and one of the life after the restore, whose clock
/// was behind; the claims they are about.
fn two_lives(
    lost: impl Fn(EventRef) -> Event,
    later: impl Fn(EventRef, EventRef) -> Event,
) -> (Given, [EventRef; 2]) {
    let (mut given, claims) = contested();
    let term = |epoch, number| ArbiterTerm { epoch, number, parent: FRONTIER };
    given.city(term(1, 1));
    let copied = given.now;
    given.restart_city();
    given.now = copied.plus_minutes(60);
    given.city(term(1, 2));
    given.city(lost(claims[0]));
    given.restart_city();
    given.now = copied;
    given.city(term(2, 2));
    given.city(later(claims[0], claims[1]));
    (given, claims)
}

fn confirmed(claim: EventRef) -> Event {
    ClaimConfirmed { claim, reason: Reason::plain(ReasonCode::Unopposed) }.into()
}

#[test]
fn a_decision_that_comes_back_after_a_restore_goes_before_those_that_did_not_know_it() {
    let refused = |claim| {
        let reason = Reason::plain(ReasonCode::TeacherTaken);
        ClaimRefused { claim, reason, alternatives: Vec::new() }.into()
    };
    let (mut given, claims) = two_lives(refused, |claim, _| confirmed(claim));
    let outcome = |given: &Given| given.views().requests.claims[&claims[0]].outcome.clone().unwrap();
    let first = outcome(&given);
    assert_eq!(first.kind, OutcomeKind::Refused);
    assert_eq!(given.views().requests.surplus_decisions.len(), 1);
    // Somebody may have seen it confirmed: it moves, with the reason.
    move_all(&mut given);
    let now = outcome(&given);
    assert_eq!((now.kind, now.reasons), (OutcomeKind::Displaced, first.reasons));
}

/// The city moves what has to move: one claim, once.
fn move_all(given: &mut Given) {
    let moved = displace(&given.views(), given.now, FRONTIER);
    assert_eq!(moved.len(), 1);
    for Decision { id, event, supersedes } in moved {
        given.draft(BranchId::CITY, Draft { id: Some(id), supersedes, ..Draft::new(BranchId::CITY, event) });
    }
    assert!(displace(&given.views(), given.now, FRONTIER).is_empty(), "nothing moves twice");
}

#[test]
fn a_confirmation_that_comes_back_stays_and_the_one_it_excludes_is_displaced() {
    let (mut given, claims) = two_lives(confirmed, |_, claim| confirmed(claim));
    let twice = |given: &Given| given.views().anomalies.iter().any(|a| a.kind == AnomalyKind::TeacherTwice);
    assert!(twice(&given), "an anomaly until the city has moved one");
    move_all(&mut given);
    let views = given.views();
    let kind = |claim: &EventRef| views.requests.claims[claim].outcome.as_ref().unwrap().kind;
    assert_eq!([kind(&claims[0]), kind(&claims[1])], [OutcomeKind::Confirmed, OutcomeKind::Displaced]);
    assert!(!twice(&given));
}

#[test]
fn what_a_branch_says_of_itself_decides_nothing_once_the_city_counts() {
    let winner = |lies: bool, announced: bool| {
        let mut given = Given::a_shared_teacher();
        for n in [1, 2] {
            given.city(BranchAdmitted { branch: branch(n), name: format!("示例镇{n}") });
        }
        if announced {
            let number = Event::release();
            given.city(ReleaseAnnounced { number, kinds: Vec::new() });
        }
        let registered = if lies { 1 } else { 600 };
        given.write(branch(1), BranchProfile { name: "示例镇1".into(), registered });
        given.write(branch(2), BranchProfile { name: "示例镇2".into(), registered: 600 });
        let wish = claim(TEACHER, slot("2026-12-21", 540));
        let branches_served = if lies { 255 } else { 1 };
        let liar = given.write(branch(1), ClaimLodged { branches_served, ..wish.clone() });
        given.write(branch(2), wish);
        let opened = open_round(&given.views(), given.now, RoundId([50; 16]), ChangeHash([6; 32]));
        given.city(opened);
        for receipt in receipts(&given.views(), given.now) {
            given.city(receipt);
        }
        let decided = decide_round(
            &given.views(),
            RoundId([50; 16]),
            ChangeHash([6; 32]),
            given.now,
            ChangeHash([0; 32]),
        );
        decided
            .iter()
            .any(|it| matches!(&it.event, Event::Request(RequestEvent::Confirmed(won)) if won.claim == liar))
    };
    assert_eq!(winner(true, true), winner(false, true));
    assert!(winner(true, false), "what was decided before comes out as it did");
}

#[test]
fn only_an_unknown_kind_that_the_city_announced_or_wrote_itself_stops_the_arbiter() {
    let mut given = Given::nothing();
    let stops = |given: &Given| {
        let (history, views) = (given.history(), given.views());
        history.kept().iter().any(|kept| needs_newer(kept, &views.releases))
    };
    let newer = |given: &mut Given, of: BranchId| {
        let event = given.write(of, TeacherMerged { kept: TEACHER, merged: TEACHER });
        let mut change = given.changes.pop().unwrap();
        let mut envelope = Envelope::decode(&change.events[0].1).unwrap();
        envelope.version = 9;
        change.events[0].1 = envelope.encode();
        change.document = DocumentId { branch: of, ..event.document };
        given.changes.push(change);
    };
    let own = given.write(branch(1), offered(TEACHER));
    let mut change = given.changes.pop().unwrap();
    let mut envelope = Envelope::decode(&change.events[0].1).unwrap();
    envelope.version = 9;
    change.events[0].1 = envelope.encode();
    given.changes.push(change);
    assert!(!stops(&given), "somebody's own word");
    assert_eq!(given.history().kept()[0].reference, own);
    given.city(ReleaseAnnounced { number: 2, kinds: vec![("teacher.offered".to_owned(), 9)] });
    assert!(stops(&given), "announced");
    let mut given = Given::nothing();
    newer(&mut given, BranchId::CITY);
    assert!(stops(&given), "the city's own");
}
