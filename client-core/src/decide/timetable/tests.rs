use super::*;
use crate::domain::{
    Act, AssetDeclared, AssetKind, AssetOffered, BranchProfile, CalendarDay, CalendarPublished,
    ClaimConfirmed, ClaimLodged, Context, CourseDelisted, CourseListed, Draft, Event, History, OutcomeKind,
    Reason, RequestEvent, RequestLodged, SessionAnnounced, TakeAlternative, TeacherApproved, TeacherOffered,
    TeacherUnavailable, Wish,
};
use crate::event::{EventRef, KnownHead, KnownLines, Scope};
use crate::given::{
    COURSE, Given, HOME, TEACHER, branch, claim, course, day, offered, order, room, room_declared, slot,
    teacher,
};
use crate::identity::Role;
use crate::ids::{AssetId, ClassId, CourseId, TeacherId};
use crate::log::LogKey;

const BUDGET: Budget = Budget { steps: Some(60_000) };

fn propose(given: &Given) -> Proposal {
    Planning::new(given.views(), given.now, BUDGET).unwrap().complete(|_| {})
}

/// Everything that was written, as the city lists it.
fn known(given: &Given) -> Vec<KnownLines> {
    let mut heads: BTreeMap<LogKey, KnownHead> = BTreeMap::new();
    for change in &given.changes {
        let key = LogKey { document: change.document, actor: change.actor };
        heads.insert(key, KnownHead { seq: change.at.seq + 1, hash: change.hash() });
    }
    heads
        .into_iter()
        .filter(|(key, _)| key.document.scope != Scope::Private)
        .map(|(key, head)| KnownLines { document: key.document, actor: key.actor, heads: vec![head] })
        .collect()
}

/// The city plans and writes down what came of it.
fn decide(given: &mut Given) -> (Proposal, Vec<EventRef>) {
    let proposal = propose(given);
    let frontier = ChangeHash([given.changes.len() as u8; 32]);
    let decisions = proposal.decisions(None, &known(given), frontier);
    let drafts: Vec<Draft> = decisions.into_iter().map(Draft::from).collect();
    let written = given.act(BranchId::CITY, &drafts);
    (proposal, written)
}

/// Orders of three branches for one course; the room of the first seats all.
fn three_orders() -> (Given, [EventRef; 3]) {
    let mut given = Given::a_shared_teacher();
    room(&mut given, branch(1), 100);
    let orders = [1, 2, 3].map(|n| given.write(branch(n), order(20)));
    (given, orders)
}

#[test]
fn orders_of_three_branches_become_one_class() {
    let (mut given, orders) = three_orders();
    let (proposal, _) = decide(&mut given);
    assert_eq!((proposal.classes.len(), proposal.unmet.len(), proposal.minutes_saved), (1, 0, 180));
    let views = given.views();
    let class = views.requests.joint.values().next().unwrap();
    assert_eq!((class.parts.len(), class.reason.code), (3, ReasonCode::Joint));
    assert!(day("2026-12-07") <= class.slot.day && class.slot.day <= day("2026-12-18"));
    for order in orders {
        let outcome = views.requests.orders[&order].outcome.as_ref().unwrap();
        assert_eq!((outcome.kind, outcome.class), (OutcomeKind::Confirmed, Some(class.session)));
    }
    assert_eq!(views.bookings.len(), 1);
    assert_eq!(propose(&given).classes, [], "nothing is left to plan");
}

#[test]
fn a_later_order_joins_the_confirmed_class_and_its_place_is_kept() {
    let (mut given, orders) = three_orders();
    decide(&mut given);
    let before = given.views().requests.joint.values().next().unwrap().clone();
    let late = given.write(branch(4), order(30));
    let (proposal, _) = decide(&mut given);
    assert_eq!(proposal.classes.len(), 1);
    assert!(proposal.classes[0].joins.is_some());
    let views = given.views();
    let class = views.requests.joint.values().next().unwrap();
    assert_eq!(views.requests.joint.len(), 1);
    assert_eq!((class.session, class.slot, class.venue), (before.session, before.slot, before.venue));
    assert_eq!(class.parts.len(), 4);
    for order in orders.into_iter().chain([late]) {
        assert_eq!(views.requests.orders[&order].outcome.as_ref().unwrap().class, Some(class.session));
    }
    assert!(views.anomalies.is_empty(), "{:?}", views.anomalies);
    assert_eq!(views.bookings.len(), 1);
}

#[test]
fn an_order_that_wants_no_company_gets_a_class_of_its_own() {
    let (mut given, _) = three_orders();
    given.write(branch(5), RequestLodged { pre_consent: false, ..order(20) });
    let (proposal, _) = decide(&mut given);
    let mut parts: Vec<usize> = proposal.classes.iter().map(|it| it.class.parts.len()).collect();
    parts.sort_unstable();
    assert_eq!(parts, [1, 3]);
    let alone = proposal.classes.iter().find(|it| it.class.parts.len() == 1).unwrap();
    assert_eq!((alone.class.course, alone.class.reason.code), (COURSE, ReasonCode::Unopposed));
    given.write(branch(4), order(30));
    let (proposal, _) = decide(&mut given);
    assert_eq!(proposal.classes[0].class.parts.len(), 4, "the one alone stays alone");
}

#[test]
fn an_unmet_order_hears_why_and_what_is_free_and_can_take_it() {
    let (mut given, _) = three_orders();
    let far = RequestLodged { max_travel_minutes: 10, ..order(20) };
    let request = given.write(branch(4), far.clone());
    let (proposal, _) = decide(&mut given);
    let views = given.views();
    let outcome = views.requests.orders[&request].outcome.clone().unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Refused);
    let way = Reason { own_figure: Some(10), ..Reason::plain(ReasonCode::NoVenueNear) };
    assert_eq!(outcome.reasons[0], way);
    let instead = outcome.instead.unwrap();
    assert_eq!((instead.give_up.as_slice(), instead.mode), ([Wish::Online].as_slice(), Mode::Online));
    assert_eq!(instead.joins, Some(proposal.classes[0].class.session));
    let asker = crate::domain::Asker {
        branch: branch(4),
        role: Role::Office,
        today: given.now.day(),
        now: given.now,
    };
    let take = TakeAlternative { claim: request, index: 0 };
    let drafts = take
        .drafts(&mut Context {
            asker,
            views: &views,
            own_views: &crate::domain::PrivateViews::default(),
            random: &mut || [0; 16],
        })
        .unwrap();
    given.act(branch(4), &drafts);
    let (proposal, _) = decide(&mut given);
    assert_eq!((proposal.classes[0].class.parts.len(), proposal.unmet.len()), (4, 0));
    assert_eq!(proposal.classes[0].class.session, instead.joins.unwrap());
}

#[test]
fn nothing_is_planned_over_what_is_booked_whatever_its_hours() {
    let mut given = Given::a_shared_teacher();
    let hall = room(&mut given, branch(1), 100);
    // The room is taken all fortnight but for one afternoon, at hours no class begins at.
    for n in (0..12).filter(|n| ![5, 6].contains(n)) {
        let date = day("2026-12-07").plus(n);
        let hours: &[(u16, u16)] =
            if n == 3 { &[(8 * 60, 225)] } else { &[(8 * 60 + 10, 200), (13 * 60, 250)] };
        for (start_minute, duration_minutes) in hours {
            let slot = crate::time::Slot {
                day: date,
                start_minute: *start_minute,
                duration_minutes: *duration_minutes,
            };
            let session = ClassId([n as u8 * 2 + u8::from(*start_minute > 720); 16]);
            let own = SessionAnnounced {
                session,
                course: COURSE,
                teacher: None,
                venue: Some(hall),
                slot,
                headcount: 9,
            };
            given.write(branch(1), own);
        }
    }
    given.write(branch(1), order(20));
    let (proposal, _) = decide(&mut given);
    let class = &proposal.classes[0].class;
    assert_eq!((class.slot.day, class.slot.start_minute >= 14 * 60), (day("2026-12-10"), true), "{class:?}");
    assert!(given.views().anomalies.is_empty());
}

#[test]
fn a_clash_that_an_announcement_brings_moves_no_decision() {
    let (mut given, _) = three_orders();
    decide(&mut given);
    let class = given.views().requests.joint.values().next().unwrap().clone();
    // Written offline, for the same teacher at the same hour.
    let own = SessionAnnounced {
        session: ClassId([77; 16]),
        course: COURSE,
        teacher: Some(TEACHER),
        venue: None,
        slot: class.slot,
        headcount: 9,
    };
    given.write(HOME, own);
    let later = given.write(branch(4), order(30));
    let (proposal, _) = decide(&mut given);
    let views = given.views();
    assert_eq!(views.requests.joint[&class.session].slot, class.slot);
    assert_eq!(views.requests.orders[&later].outcome.as_ref().unwrap().class, Some(class.session));
    assert_eq!(proposal.unmet, []);
    let kinds: Vec<_> = views.anomalies.iter().map(|anomaly| anomaly.kind).collect();
    assert_eq!(kinds, [crate::domain::AnomalyKind::TeacherTwice]);
}

#[test]
fn an_on_site_course_goes_to_an_on_site_point_and_no_other_does() {
    let mut given = Given::a_shared_teacher();
    let hall = room(&mut given, branch(1), 100);
    let (tour, point) = (CourseId([10; 16]), AssetId([110; 16]));
    given.city(CourseListed { course: tour, code: "K002".into(), method: "现场教学".into(), ..course() });
    given.city(TeacherApproved { teacher: TEACHER, courses: vec![COURSE, tour] });
    let seats = given.views().resources.assets[&hall].capacity;
    given.write(
        branch(2),
        AssetDeclared {
            kind: AssetKind::OnSitePoint,
            name: "红色记忆馆".into(),
            ..room_declared(point, seats)
        },
    );
    let TeacherOffered { windows, from, to, .. } = offered(TEACHER);
    given.write(branch(2), AssetOffered { asset: point, windows, from, to });
    for n in [1, 2] {
        given.write(branch(n), order(20));
        given.write(branch(n), RequestLodged { courses: vec![tour], group: "参观班".into(), ..order(20) });
    }
    let (proposal, _) = decide(&mut given);
    let mut places: Vec<_> =
        proposal.classes.iter().map(|it| (it.class.course, it.class.venue, it.class.parts.len())).collect();
    places.sort();
    assert_eq!(places, [(COURSE, hall, 2), (tour, point, 2)]);
    // A later order joins the class there.
    given.write(branch(3), RequestLodged { courses: vec![tour], ..order(20) });
    let (proposal, _) = decide(&mut given);
    assert_eq!((proposal.classes.len(), proposal.classes[0].class.parts.len()), (1, 3));
}

#[test]
fn holidays_and_weeks_off_are_not_planned() {
    let (mut given, _) = three_orders();
    let days =
        (0..12).filter(|n| *n != 8).map(|n| CalendarDay { day: day("2026-12-07").plus(n), follows: None });
    given.city(CalendarPublished { days: days.collect() });
    let (proposal, _) = decide(&mut given);
    assert_eq!(proposal.classes[0].class.slot.day, day("2026-12-15"));
}

#[test]
fn a_course_off_the_list_is_answered_too() {
    let mut given = Given::a_shared_teacher();
    let request = given.write(branch(1), order(20));
    given.city(CourseDelisted { course: COURSE, reason: "过时".into() });
    decide(&mut given);
    let outcome = given.views().requests.orders[&request].outcome.clone().unwrap();
    assert_eq!(outcome.reasons, [Reason::plain(ReasonCode::NotListed)]);
}

#[test]
fn of_two_orders_for_one_place_the_branch_with_fewer_pool_hours_has_it() {
    for served in [1, 2] {
        let mut given = Given::a_shared_teacher();
        let hall = room(&mut given, HOME, 30);
        for n in [1, 2] {
            given.write(branch(n), BranchProfile { name: format!("分校{n}"), registered: 100 });
        }
        let early = given.write(branch(served), claim(TEACHER, slot("2026-12-01", 540)));
        given.city(ClaimConfirmed { claim: early, reason: Reason::plain(ReasonCode::Unopposed) });
        let one_afternoon = RequestLodged {
            from: day("2026-12-10"),
            to: day("2026-12-10"),
            half_days: vec![crate::time::HalfDay { weekday: 3, afternoon: true }],
            pre_consent: false,
            ..order(25)
        };
        // Of the two classes of an afternoon one is booked.
        let wish = ClaimLodged { asset: Some(hall), ..claim(TEACHER, slot("2026-12-10", 14 * 60)) };
        let booked = given.write(branch(3), wish);
        given.city(ClaimConfirmed { claim: booked, reason: Reason::plain(ReasonCode::Unopposed) });
        let orders = [1, 2].map(|n| given.write(branch(n), one_afternoon.clone()));
        let (proposal, _) = decide(&mut given);
        let winner = proposal.classes.iter().map(|it| it.class.parts[0].request).collect::<Vec<_>>();
        assert_eq!(winner, [orders[2 - usize::from(served)]], "branch {served} had the teacher before");
    }
}

#[test]
fn a_decided_plan_is_made_again_from_what_the_city_knew_and_a_changed_one_shows() {
    let (mut given, _) = three_orders();
    given.write(branch(4), RequestLodged { max_travel_minutes: 10, ..order(20) });
    let (_, decisions) = decide(&mut given);
    // What is written afterwards, in lines the city knew and in others, alters nothing.
    given.write(branch(1), order(40));
    given
        .write(HOME, TeacherUnavailable { teacher: TEACHER, from: day("2026-12-01"), to: day("2026-12-31") });
    given.write(branch(9), order(10));
    let history = given.history();
    for decision in &decisions {
        let again = replay(&history, decision, |_| {}).unwrap();
        assert!(again.holds(), "{again:?}");
        assert_eq!((again.same, again.minutes_saved), (decisions.len(), 180));
    }
}

#[test]
fn a_plan_that_was_written_down_otherwise_shows() {
    let (mut given, orders) = three_orders();
    let mut proposal = propose(&given);
    proposal.classes[0].class.slot.day = proposal.classes[0].class.slot.day.plus(1);
    let decisions = proposal.decisions(None, &known(&given), ChangeHash([52; 32]));
    let drafts: Vec<Draft> =
        decisions.into_iter().map(|decision| Draft::new(BranchId::CITY, decision.event)).collect();
    let written = given.act(BranchId::CITY, &drafts);
    let again = replay(&given.history(), &written[0], |_| {}).unwrap();
    assert!(!again.holds());
    assert_eq!((again.differing, again.unrecorded), (vec![written[0]], 1));
    assert_eq!(again.recorded, again.made, "the plan itself is as it was promised");
    assert_eq!(proposal.classes[0].class.parts.len(), orders.len());
}

/// Whoever changes this plan raises the version, so that plans decided before are not taken for forged.
#[test]
fn a_version_of_the_planner_always_comes_to_the_same_plan() {
    let (mut given, _) = three_orders();
    for n in 4..=9 {
        let one_afternoon = vec![crate::time::HalfDay { weekday: n % 5, afternoon: true }];
        given.write(branch(n), RequestLodged { half_days: one_afternoon, ..order(5 * u32::from(n)) });
    }
    let proposal = propose(&given);
    let classes: Vec<(usize, String)> =
        proposal.classes.iter().map(|it| (it.class.parts.len(), it.class.slot.day.to_string())).collect();
    assert_eq!(
        (VERSION, proposal.plan.to_string().as_str()),
        (2, "f87d0d17cd9238629be45885d1b2416a919025fa0da49916405d32d6babe7953"),
        "{classes:?}"
    );
}

#[test]
fn a_plan_of_another_version_is_told_apart() {
    let (mut given, _) = three_orders();
    let proposal = propose(&given);
    let mut drafts: Vec<Draft> =
        proposal.decisions(None, &known(&given), ChangeHash([52; 32])).into_iter().map(Draft::from).collect();
    let Some(Event::Request(RequestEvent::Plan(decided))) = drafts.last_mut().map(|draft| &mut draft.event)
    else {
        panic!("the plan comes last")
    };
    decided.planner = VERSION + 1;
    let written = given.act(BranchId::CITY, &drafts);
    let again = replay(&given.history(), &written[0], |_| {}).unwrap();
    assert_eq!((again.planner, again.holds()), ((VERSION + 1, VERSION), false));
}

#[test]
fn a_city_with_many_lines_names_them_in_several_events() {
    let (mut given, _) = three_orders();
    for n in 0..1000 {
        given.authors.remove(&branch(1));
        given.write(branch(1), BranchProfile { name: "分校".into(), registered: n });
    }
    let known = known(&given);
    assert!(known.len() > 2 * LINES_AT_ONCE, "{} lines", known.len());
    let (_, written) = decide(&mut given);
    let history = given.history();
    let parts = written
        .iter()
        .filter(|it| matches!(history.get(it).unwrap().event, Event::Request(RequestEvent::PlanInputs(_))));
    assert_eq!(parts.count(), known.len().div_ceil(LINES_AT_ONCE));
    let again = replay(&history, &written[0], |_| {}).unwrap();
    assert!(again.holds(), "{again:?}");
    assert_eq!(again.lines, known.len());
}

/// A is lower by an order's points if it is served.
fn points_of_orders(given: &Given) -> Vec<i64> {
    let drawn = draw(&given.views(), given.now, &BTreeSet::new()).unwrap();
    drawn.instance.orders.iter().map(|order| order.unmet).collect()
}

#[test]
fn of_a_branchs_important_orders_so_many_count_as_such() {
    let mut given = Given::a_shared_teacher();
    let rules = given.views().planning.0.clone();
    let orders: Vec<EventRef> = (0..rules.important_orders + 2)
        .map(|_| given.write(branch(1), RequestLodged { priority: 3, ..order(20) }))
        .collect();
    given.write(branch(2), RequestLodged { priority: 3, ..order(20) });
    let mut points = points_of_orders(&given);
    points.sort_unstable();
    let [_, usual, important] = rules.points.unmet.map(i64::from);
    let mut wanted = vec![usual; 2];
    wanted.resize(orders.len() + 1, important);
    assert_eq!(points, wanted);
}

#[test]
fn an_order_that_came_too_late_for_its_plan_counts_for_more_in_the_next() {
    let (mut given, _) = three_orders();
    let before = given.now;
    given.now = given.now.plus_minutes(60);
    decide(&mut given);
    let now = std::mem::replace(&mut given.now, before);
    given.write(branch(4), order(20));
    given.now = now;
    given.write(branch(5), order(20));
    let rules = given.views().planning.0.clone();
    let usual = i64::from(rules.points.unmet[1]);
    let views = given.views();
    let drawn = draw(&views, given.now, &BTreeSet::new()).unwrap();
    let open: Vec<i64> = views
        .requests
        .open_orders()
        .map(|(id, _)| {
            let id = id.to_string();
            drawn.instance.orders.iter().find(|order| order.id == id).unwrap().unmet
        })
        .collect();
    let mut open = open;
    open.sort_unstable();
    assert_eq!(open, [usual, usual + i64::from(rules.late_points)]);
}

#[test]
fn what_clashes_with_a_decision_keeps_its_own_room() {
    let own_hall = |clash: bool| {
        let mut given = Given::a_shared_teacher();
        room(&mut given, branch(1), 100);
        let mornings = |weekday| crate::time::HalfDay { weekday, afternoon: false };
        given.write(branch(1), RequestLodged { half_days: (0..5).map(mornings).collect(), ..order(20) });
        decide(&mut given);
        let class = given.views().requests.joint.values().next().unwrap().clone();
        let second = TeacherId([8; 16]);
        given.write(HOME, teacher(second, "示例乙"));
        given.write(HOME, offered(second));
        given.city(TeacherApproved { teacher: second, courses: vec![COURSE] });
        let hall = room(&mut given, branch(4), 100);
        let mut session = 60;
        let mut announce = |given: &mut Given, teacher, slot| {
            session += 1;
            let session = ClassId([session; 16]);
            let venue = Some(hall);
            given.write(
                branch(4),
                SessionAnnounced { session, course: COURSE, teacher, venue, slot, headcount: 9 },
            );
        };
        if clash {
            announce(&mut given, Some(TEACHER), class.slot);
        }
        // No other class of that morning is possible in the hall.
        for period in given.views().planning.0.periods.clone() {
            let duration_minutes = period.end_minute - period.start_minute;
            let slot =
                crate::time::Slot { start_minute: period.start_minute, duration_minutes, ..class.slot };
            if !slot.overlaps(&class.slot) {
                announce(&mut given, None, slot);
            }
        }
        let request = given.write(
            branch(4),
            RequestLodged {
                from: class.slot.day,
                to: class.slot.day,
                half_days: vec![mornings(class.slot.day.weekday())],
                max_travel_minutes: 5,
                pre_consent: false,
                ..order(20)
            },
        );
        let proposal = propose(&given);
        let served =
            proposal.classes.iter().any(|it| it.class.parts.iter().any(|part| part.request == request));
        (served, proposal.unmet.len())
    };
    assert_eq!(own_hall(false), (true, 0), "the hall is free but for the clash");
    assert_eq!(own_hall(true), (false, 1));
}

#[test]
fn what_the_city_knew_is_missing_here() {
    let (mut given, orders) = three_orders();
    let (_, decisions) = decide(&mut given);
    let mut history = History::default();
    for change in given.changes.iter().filter(|change| change.document.branch != branch(3)) {
        change.put_into(&mut history);
    }
    let error = replay(&history, &decisions[0], |_| {}).unwrap_err();
    assert!(matches!(error, ReplayError::NotHeld(_)), "{error}");
    let error = replay(&given.history(), &orders[0], |_| {}).unwrap_err();
    assert_eq!(error, ReplayError::NotOfAPlan(orders[0]));
}

#[test]
fn a_branch_previews_only_its_own_orders_and_nothing_is_decided() {
    let (given, orders) = three_orders();
    let proposal = propose(&given);
    assert_eq!(proposal.clone().of_branch(branch(2)).classes.len(), 1);
    assert_eq!(proposal.of_branch(branch(9)).classes, []);
    assert!(given.views().requests.orders[&orders[0]].outcome.is_none());
}

fn asked(given: &Given, what: &WhatIf) -> WhatIfAnswer {
    let mut planning = WhatIfPlanning::new(given.views(), what, given.now, BUDGET).unwrap();
    while !planning.progress().done {
        planning.run(10_000);
    }
    planning.finish()
}

#[test]
fn what_if_the_teacher_is_ill_the_class_moves_to_another_with_little_else() {
    let (mut given, orders) = three_orders();
    decide(&mut given);
    let second = TeacherId([8; 16]);
    given.write(HOME, teacher(second, "示例乙"));
    given.write(HOME, offered(second));
    given.city(TeacherApproved { teacher: second, courses: vec![COURSE] });
    let class = given.views().requests.joint.values().next().unwrap().clone();
    let ill = WhatIf::TeacherAway { teacher: TEACHER, from: class.slot.day, to: class.slot.day };
    let answer = asked(&given, &ill);
    let changed: Vec<EventRef> = answer.changes.iter().map(|change| change.request).collect();
    assert_eq!(changed, orders);
    for change in &answer.changes {
        assert_eq!(change.before, Before::Confirmed { class: class.clone() });
        let after = change.after.as_ref().unwrap();
        assert_eq!((after.slot, after.venue, after.teacher), (class.slot, class.venue, second));
    }
    assert_eq!((answer.minutes_saved, answer.untouched), ((180, 180), 0));
    let elsewhere = WhatIf::TeacherAway { teacher: second, from: class.slot.day, to: class.slot.day };
    assert_eq!(asked(&given, &elsewhere).changes, []);
}

#[test]
fn what_if_the_hall_is_closed_and_what_if_one_more_order_came() {
    let (mut given, _) = three_orders();
    decide(&mut given);
    let class = given.views().requests.joint.values().next().unwrap().clone();
    let closed = WhatIf::VenueClosed { venue: class.venue, from: day("2026-12-01"), to: day("2026-12-31") };
    let answer = asked(&given, &closed);
    assert_eq!(answer.changes.len(), 3);
    assert!(answer.changes.iter().all(|change| change.after.is_none() && change.unmet.is_some()));
    let more = WhatIf::OneMoreOrder { branch: branch(4), order: order(30).into() };
    let answer = asked(&given, &more);
    assert_eq!(answer.changes.len(), 1);
    assert_eq!(answer.changes[0].before, Before::NotLodged);
    assert_eq!(answer.changes[0].after.as_ref().unwrap().session, class.session);
    assert_eq!(answer.minutes_saved, (180, 270));
    assert_eq!(given.views().requests.orders.len(), 3);
}
