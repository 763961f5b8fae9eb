//! What one branch can bring into one round, batch or plan.

use super::*;
use crate::decide::timetable::Planning;
use crate::domain::{RequestLodged, SessionAnnounced};
use crate::given::{COURSE, course, order};
use crate::plan::Budget;

fn lodge(given: &mut Given, of: u8, events: Vec<Event>) {
    for events in events.chunks(200) {
        let drafts: Vec<Draft> = events.iter().map(|event| Draft::new(branch(of), event.clone())).collect();
        given.act(branch(of), &drafts);
    }
}

#[test]
fn of_one_branch_a_thousand_claims_are_received_at_once_and_the_rest_in_the_next_batch_or_round() {
    // Claims of that day wait for a round, or for none.
    for day in ["2026-12-14", "2026-11-28"] {
        let mut given = Given::a_shared_teacher();
        let opened = open_round(&given.views(), given.now, ROUND, SEED);
        given.city(opened);
        let wish: Event = claim(TEACHER, slot(day, 540)).into();
        lodge(&mut given, 1, vec![wish.clone(); 1_003]);
        lodge(&mut given, 2, vec![wish]);
        let views = given.views();
        let first = receipts(&views, given.now);
        let mut by_identity: Vec<EventRef> = views.requests.claims.keys().copied().collect();
        by_identity.retain(|claim| claim.document.branch == branch(1));
        let received = first.iter().filter_map(|event| match event {
            Event::Request(RequestEvent::Received(received)) => Some(received.claim),
            _ => None,
        });
        let received: Vec<EventRef> = received.filter(|it| it.document.branch == branch(1)).collect();
        assert_eq!((first.len(), received.as_slice()), (1_001, &by_identity[..1_000]));
        lodge(&mut given, 0, first);
        let views = given.views();
        assert!(receipts(&views, given.now).is_empty(), "before these are decided no further ones are");
        let decided = match day {
            "2026-12-14" => decide_round(&views, ROUND, SEED, given.now, FRONTIER),
            _ => decide_now(&views, given.now, FRONTIER),
        };
        lodge(&mut given, 0, decided.into_iter().map(|decision| decision.event).collect());
        if day == "2026-12-14" {
            let opened = open_round(&given.views(), given.now, RoundId([60; 16]), SEED);
            given.city(opened);
        }
        assert_eq!(receipts(&given.views(), given.now).len(), 3);
    }
}

#[test]
fn of_one_branch_five_hundred_orders_enter_a_plan_and_the_rest_stay_open() {
    let mut given = Given::a_shared_teacher();
    let unlisted = CourseId([44; 16]);
    let hopeless = RequestLodged { courses: vec![unlisted], ..order(20) };
    lodge(&mut given, 1, vec![hopeless.clone().into(); 502]);
    lodge(&mut given, 2, vec![hopeless.into()]);
    let views = given.views();
    let mut entering: Vec<EventRef> = views.requests.orders.keys().copied().collect();
    entering.sort_by_key(|order| (order.document.branch, *order));
    entering.drain(500..502);
    entering.sort();
    let planning = Planning::new(views, given.now, Budget { steps: Some(0) }).unwrap();
    let proposal = planning.complete(|_| {});
    let answered: Vec<EventRef> = proposal.unmet.iter().map(|unmet| unmet.request).collect();
    assert_eq!(answered, entering);
}

#[test]
fn a_kit_of_several_pieces_is_granted_as_often_and_nothing_of_it_is_displaced() {
    let mut given = Given::a_shared_teacher();
    let kit = crate::given::room(&mut given, branch(4), 1);
    let kind = crate::domain::AssetKind::Equipment;
    given.write(
        branch(4),
        crate::domain::AssetDeclared { kind, quantity: 2, ..crate::given::room_declared(kit, 1) },
    );
    let wish = crate::domain::ClaimLodged {
        teacher: None,
        asset: Some(kit),
        ..claim(TEACHER, slot("2026-12-14", 540))
    };
    let claims = [1, 2, 3].map(|n| given.write(branch(n), wish.clone()));
    close_round(&mut given);
    let granted = |given: &Given| {
        let views = given.views();
        let kinds = claims.map(|claim| views.requests.claims[&claim].outcome.as_ref().unwrap().kind);
        kinds.into_iter().filter(|kind| *kind == OutcomeKind::Confirmed).count()
    };
    assert_eq!(granted(&given), 2);
    assert!(displace(&given.views(), given.now, FRONTIER).is_empty());
    // A third that was granted elsewhere is one too many.
    let refused = claims.into_iter().find(|claim| {
        given.views().requests.claims[claim].outcome.as_ref().unwrap().kind == OutcomeKind::Refused
    });
    let supersedes = given.views().requests.claims[&refused.unwrap()].outcome.as_ref().map(|it| it.decision);
    let draft = Draft { supersedes, ..Draft::new(BranchId::CITY, confirmed(refused.unwrap())) };
    given.draft(BranchId::CITY, draft);
    assert_eq!(granted(&given), 3);
    assert_eq!(displace(&given.views(), given.now, FRONTIER).len(), 1);
}

#[test]
fn a_plan_around_many_classes_at_one_hour_is_the_plan_around_one() {
    let plan = |classes: u8| {
        let mut given = Given::a_shared_teacher();
        given.city(course());
        crate::given::room(&mut given, branch(1), 100);
        let own = |n: u8| SessionAnnounced {
            session: ClassId([n; 16]),
            course: COURSE,
            teacher: Some(TEACHER),
            venue: None,
            slot: slot("2026-12-08", 540),
            headcount: 9,
        };
        let first = given.write(branch(1), own(100));
        for n in 1..classes {
            given.write(branch(1), own(100 + n));
        }
        given.write(branch(1), order(20));
        let planning = Planning::new(given.views(), given.now, Budget { steps: Some(5_000) }).unwrap();
        let proposal = planning.complete(|_| {});
        let class = proposal.classes[0].class.clone();
        (first, class.slot, class.teacher, class.venue, proposal.a, proposal.b)
    };
    assert_eq!(plan(1), plan(20));
}

#[test]
fn rooms_that_nobody_offers_do_not_crowd_out_those_that_are_offered() {
    let mut given = Given::a_shared_teacher();
    let hall = crate::given::room(&mut given, branch(100), 100);
    let spare = (0..250_u8).map(|n| {
        let mut id = [0; 16];
        id[1] = n;
        crate::given::room_declared(AssetId(id), 100).into()
    });
    lodge(&mut given, 100, spare.collect());
    given.write(branch(100), order(20));
    let planning = Planning::new(given.views(), given.now, Budget { steps: Some(1_000) }).unwrap();
    let proposal = planning.complete(|_| {});
    assert_eq!(proposal.classes.iter().map(|it| it.class.venue).collect::<Vec<_>>(), [hall]);
}
