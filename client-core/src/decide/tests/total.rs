//! Whatever the views hold, deciding and planning neither panic nor refuse: extremes within what events may
//! hold come as events, extremes beyond that are put into the views.

use super::*;
use crate::decide::timetable::{Planning, WhatIf, WhatIfPlanning};
use crate::domain::Booking;
use crate::given::{COURSE, course, order, room};
use crate::plan::Budget;
use crate::time::{Day, HalfDay};
use imbl::OrdMap;
use std::ops::RangeInclusive;

/// Numbers that a property test drew, handed out one after the other.
struct Dice {
    drawn: Vec<u64>,
    next: usize,
}

impl Dice {
    fn word(&mut self) -> u64 {
        let word = self.drawn[self.next % self.drawn.len()];
        let lap = (self.next / self.drawn.len()) as u64;
        self.next += 1;
        word.rotate_left(lap as u32 % 64).wrapping_mul(lap * 2 + 1)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.word() % end as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A number of a range, often one of its ends.
    fn within(&mut self, range: RangeInclusive<i64>) -> i64 {
        let (first, last) = range.into_inner();
        let span = last.abs_diff(first);
        match self.below(4) {
            0 => first,
            1 => last,
            _ if span == u64::MAX => self.word() as i64,
            _ => first.wrapping_add((self.word() % (span + 1)) as i64),
        }
    }

    fn people(&mut self) -> u32 {
        match self.below(3) {
            0 => self.within(0..=1_000_000) as u32,
            _ => self.within(0..=60) as u32,
        }
    }

    fn day(&mut self) -> Day {
        match self.below(8) {
            0 => crate::given::day("1800-01-01"),
            1 => crate::given::day("2299-12-31"),
            2 => crate::given::day("1800-01-01").plus(self.below(182_000) as i32),
            _ => crate::given::day("2026-11-20").plus(self.below(50) as i32),
        }
    }

    fn slot(&mut self) -> Slot {
        let start_minute = match self.below(3) {
            0 => self.within(0..=1_439) as u16,
            _ => self.one_of(&[540, 585, 630, 840, 930]),
        };
        let longest = 1_440 - i64::from(start_minute);
        let duration = if self.below(3) == 0 { self.within(0..=longest) } else { 90 };
        Slot { day: self.day(), start_minute, duration_minutes: duration.min(longest) as u16 }
    }

    fn half_days(&mut self) -> Vec<HalfDay> {
        let count = self.one_of(&[0, 1, 5, 14]);
        let half_day = |_| HalfDay { weekday: self.below(9) as u8, afternoon: self.below(2) == 0 };
        (0..count).map(half_day).collect()
    }

    fn teacher(&mut self) -> TeacherId {
        TeacherId([[7, 8, 77][self.below(3)]; 16])
    }

    fn asset(&mut self) -> AssetId {
        AssetId([[101, 102, 103, 104, 66][self.below(5)]; 16])
    }

    fn course(&mut self) -> CourseId {
        [COURSE, COURSE, CourseId([10; 16]), CourseId([11; 16])][self.below(4)]
    }

    fn courses(&mut self) -> Vec<CourseId> {
        (0..self.one_of(&[0, 1, 2, 5])).map(|_| self.course()).collect()
    }

    fn text(&mut self) -> String {
        match self.below(8) {
            0 => "班".repeat(1_365),
            _ => String::from(["", "甲班", "乙班"][self.below(3)]),
        }
    }

    fn moment(&mut self) -> Millis {
        match self.below(8) {
            0 => Millis(self.one_of(&[i64::MIN, i64::MAX, 0])),
            1 => Millis(self.word() as i64),
            _ => crate::given::day("2026-11-23").plus(self.below(20) as i32).start(),
        }
    }
}

/// What a branch may write.
fn of_a_branch(dice: &mut Dice, session: u8) -> Event {
    match dice.below(16) {
        0 => TeacherProposed {
            teacher: dice.teacher(),
            name: dice.text(),
            full_time: true,
            source: dice.text(),
            courses: dice.courses(),
            weekly_cap_periods: dice.within(0..=255) as u8,
        }
        .into(),
        1 => TeacherOffered {
            teacher: dice.teacher(),
            windows: dice.half_days(),
            from: dice.day(),
            to: dice.day(),
        }
        .into(),
        2 => TeacherUnavailable { teacher: dice.teacher(), from: dice.day(), to: dice.day() }.into(),
        3 => AssetDeclared {
            asset: dice.asset(),
            kind: dice.one_of(AssetKind::ALL),
            name: dice.text(),
            place: dice.text(),
            capacity: dice.people(),
            quantity: dice.people(),
            features: vec!["直播设备".into(), dice.text()],
            condition: dice.one_of(Condition::ALL),
            open: dice.half_days(),
            talk_minutes: dice.within(0..=65_535) as u16,
            docent: String::new(),
        }
        .into(),
        4 => {
            AssetOffered { asset: dice.asset(), windows: dice.half_days(), from: dice.day(), to: dice.day() }
                .into()
        }
        5 => {
            let reason = dice.text();
            AssetBlocked { asset: dice.asset(), from: dice.day(), to: dice.day(), reason }.into()
        }
        6 => BranchProfile { name: dice.text(), registered: dice.people() }.into(),
        7 | 8 => SessionAnnounced {
            session: ClassId([session; 16]),
            course: dice.course(),
            teacher: Some(dice.teacher()).filter(|_| dice.below(3) > 0),
            venue: Some(dice.asset()).filter(|_| dice.below(3) > 0),
            slot: dice.slot(),
            headcount: dice.people(),
        }
        .into(),
        9..=11 => wish(dice).into(),
        _ => an_order(dice).into(),
    }
}

fn wish(dice: &mut Dice) -> ClaimLodged {
    ClaimLodged {
        teacher: Some(dice.teacher()).filter(|_| dice.below(4) > 0),
        asset: Some(dice.asset()).filter(|_| dice.below(3) > 0),
        course: Some(dice.course()).filter(|_| dice.below(4) > 0),
        slot: dice.slot(),
        headcount: dice.people(),
        branches_served: dice.within(0..=255) as u8,
    }
}

fn an_order(dice: &mut Dice) -> RequestLodged {
    let plain = order(20);
    let (from, to) = match dice.below(3) {
        0 => (dice.day(), dice.day()),
        _ => (plain.from, plain.to),
    };
    RequestLodged {
        courses: if dice.below(3) == 0 { dice.courses() } else { vec![COURSE] },
        group: dice.text(),
        headcount: dice.people(),
        from,
        to,
        half_days: dice.half_days(),
        max_travel_minutes: dice.within(0..=65_535) as u16,
        online: dice.below(2) == 0,
        priority: dice.within(0..=255) as u8,
        pre_consent: dice.below(2) == 0,
    }
}

/// What the city may write, about these claims and orders.
fn of_the_city(dice: &mut Dice, claims: &[EventRef], orders: &[EventRef]) -> Option<Event> {
    let claim = (!claims.is_empty()).then(|| dice.one_of(claims));
    let asked = (!orders.is_empty()).then(|| dice.one_of(orders));
    let reason = Reason::plain(ReasonCode::Unopposed);
    Some(match dice.below(16) {
        10 | 11 => {
            let (mode, round) = (dice.one_of(DecisionMode::ALL), Some(ROUND).filter(|_| dice.below(2) == 0));
            ClaimReceived { claim: claim?, at: dice.moment(), mode, round }.into()
        }
        12..=15 => sound_class(dice, asked?).into(),
        0 | 1 => ClaimConfirmed { claim: claim?, reason }.into(),
        2 => ClaimRefused { claim: claim?, reason, alternatives: Vec::new() }.into(),
        3 | 4 => {
            let second = dice.one_of(orders.get(..1)?);
            let parts = [asked?, second, asked?].map(|request| JointPart { request, mode: mode(request) });
            JointConfirmed {
                session: ClassId([dice.below(3) as u8 + 50; 16]),
                course: dice.course(),
                teacher: dice.teacher(),
                venue: dice.asset(),
                slot: dice.slot(),
                parts: parts.to_vec(),
                reason,
            }
            .into()
        }
        5 => TeacherMerged { kept: dice.teacher(), merged: dice.teacher() }.into(),
        6 => CourseDelisted { course: CourseId([10; 16]), reason: dice.text() }.into(),
        7 => {
            let day = |_| CalendarDay { day: dice.day(), follows: Some(dice.below(9) as u8) };
            CalendarPublished { days: (0..3).map(day).collect() }.into()
        }
        8 => PlanningPublished::from(rules(dice)).into(),
        _ => PolicyPublished {
            travel: vec![TravelTime { a: branch(1), b: branch(2), minutes: dice.within(0..=65_535) as u16 }],
            default_travel_minutes: dice.within(0..=65_535) as u16,
            round_lead_days: dice.one_of(&[0, 14, 65_535]),
            round_open_days: dice.one_of(&[0, 5, 65_535]),
        }
        .into(),
    })
}

/// A class that others may join, if its order agreed to that.
fn sound_class(dice: &mut Dice, request: EventRef) -> JointConfirmed {
    let mode = if request.document.branch == branch(1) { Mode::Host } else { Mode::Travel };
    let day = crate::given::day("2026-12-07").plus(dice.below(5) as i32);
    JointConfirmed {
        session: ClassId([dice.below(3) as u8 + 50; 16]),
        course: COURSE,
        teacher: TEACHER,
        venue: AssetId([101; 16]),
        slot: Slot { day, ..slot("2026-12-07", 540) },
        parts: vec![JointPart { request, mode }; 1 + dice.below(2)],
        reason: Reason::plain(ReasonCode::Joint),
    }
}

fn mode(request: EventRef) -> Mode {
    Mode::ALL[usize::from(request.event.0[0]) % 3]
}

/// Rules that are sometimes sound.
fn rules(dice: &mut Dice) -> PlanningRules {
    let mut rules = crate::domain::Planning::default().0;
    rules.horizon_days = dice.one_of(&[7, 91, 400]);
    rules.lead_days = dice.one_of(&[0, 6, 399]);
    rules.teacher_periods_a_day = dice.within(0..=255) as u8;
    rules.groups_a_class = dice.within(0..=65_535) as u16;
    rules.important_orders = dice.within(0..=65_535) as u16;
    rules.fairness_points = dice.within(0..=100_000) as u32;
    rules.late_points = dice.within(0..=100_000) as u32;
    rules.points.group_travel_div = dice.one_of(&[1, 60, 100_000]);
    rules.points.over_double = dice.within(0..=100_000) as u32;
    if dice.below(3) == 0 {
        rules.starts = vec![ClassStarts { periods: dice.within(0..=5) as u8, at: vec![0; 3] }];
    }
    if dice.below(4) == 0 {
        rules.periods.truncate(dice.below(4));
        rules.starts = [1, 2, 4].map(|periods| ClassStarts { periods, at: Vec::new() }).to_vec();
    }
    rules
}

fn random_city(dice: &mut Dice, events: usize) -> Given {
    let mut given = Given::a_shared_teacher();
    room(&mut given, branch(1), 100);
    for (id, periods, method) in [(10, dice.within(0..=255) as u8, "讲授"), (11, 2, "现场教学")] {
        let id = CourseId([id; 16]);
        given.city(CourseListed { course: id, periods, method: method.into(), ..course() });
        given.city(TeacherApproved { teacher: TEACHER, courses: vec![COURSE, id] });
    }
    let (mut claims, mut orders) = (Vec::new(), Vec::new());
    let opened = open_round(&given.views(), given.now, ROUND, SEED);
    given.city(opened);
    for n in 0..events {
        if dice.below(4) == 0 {
            if let Some(event) = of_the_city(dice, &claims, &orders) {
                given.city(event);
            }
            continue;
        }
        let event = of_a_branch(dice, n as u8 + 60);
        let (claim, order) = (
            matches!(event, Event::Request(RequestEvent::Claim(_))),
            matches!(event, Event::Request(RequestEvent::Order(_))),
        );
        let written = given.write(branch(1 + dice.below(3) as u8), event);
        claims.extend(claim.then_some(written));
        orders.extend(order.then_some(written));
    }
    if dice.below(3) > 0 {
        for receipt in receipts(&given.views(), given.now) {
            given.city(receipt);
        }
    }
    given
}

/// Asks everything of the views.
fn decide_everything(views: &SharedViews, now: Millis, whole: bool) {
    let _ = (needs_round(views, now), open_round(views, now, ROUND, SEED), receipts(views, now));
    decide_round(views, ROUND, SEED, now, FRONTIER);
    decide_now(views, now, FRONTIER);
    displace(views, now, FRONTIER);
    for lodged in views.requests.claims.values().filter_map(|state| state.lodged.as_ref()).take(3) {
        alternatives(views, &views.bookings, &lodged.wish, lodged.branch, now.day());
        obstacles(views, &views.bookings, &lodged.wish, lodged.branch);
    }
    let budget = Budget { steps: Some(300) };
    let planning = Planning::new(views.clone(), now, budget);
    let planning = planning.unwrap_or_else(|refusal| panic!("an instance is refused: {refusal}"));
    if whole {
        planning.complete(|_| {}).decisions(None, &[], FRONTIER);
        let what = WhatIf::TeacherAway { teacher: TEACHER, from: Day(i32::MIN), to: Day(i32::MAX) };
        let mut asked = WhatIfPlanning::new(views.clone(), &what, now, budget).unwrap();
        while !asked.progress().done {
            asked.run(1_000);
        }
        asked.finish();
    }
}

fn each<K: Clone + Ord, V: Clone>(map: &mut OrdMap<K, V>, mut change: impl FnMut(&mut V)) {
    for key in map.keys().cloned().collect::<Vec<K>>() {
        change(&mut map[&key]);
    }
}

/// Puts into the views what no event may say.
fn stretch(views: &mut SharedViews, dice: &mut Dice) {
    let wildness = dice.one_of(&[5, 20, 100]);
    let mut far = |slot: &mut Slot| match dice.below(wildness) {
        0 => slot.day = Day(dice.one_of(&[i32::MIN, i32::MAX, i32::MAX - 3])),
        1 => slot.start_minute = dice.within(0..=65_535) as u16,
        2 => slot.duration_minutes = dice.within(0..=65_535) as u16,
        _ => {}
    };
    each(&mut views.requests.claims, |state| {
        let Some(lodged) = &mut state.lodged else { return };
        far(&mut lodged.wish.slot);
        lodged.wish.headcount = u32::MAX;
    });
    each(&mut views.requests.joint, |joint| far(&mut joint.slot));
    let mut bookings: Vec<Booking> = views.bookings.iter().cloned().collect();
    bookings.iter_mut().for_each(|booking| far(&mut booking.slot));
    views.bookings = bookings.iter().cloned().collect();
    if dice.below(2) == 0 {
        bookings.iter_mut().for_each(|twice| twice.headcount = twice.headcount.wrapping_add(1));
        views.bookings.extend(bookings);
    }
    let wild = |dice: &mut Dice| HalfDay { weekday: dice.one_of(&[7, 255]), afternoon: false };
    each(&mut views.requests.orders, |state| {
        let Some(lodged) = &mut state.lodged else { return };
        lodged.wish.headcount = dice.one_of(&[0, u32::MAX, u32::MAX - 1]);
        lodged.wish.half_days.push(wild(dice));
        (lodged.wish.from, lodged.at) = (Day(dice.one_of(&[i32::MIN, i32::MAX])), dice.moment());
    });
    each(&mut views.teachers.teachers, |teacher| {
        teacher.away.push((Day(dice.one_of(&[i32::MAX, i32::MIN])), Day(i32::MAX)));
        for offer in &mut teacher.offers {
            offer.windows.push(wild(dice));
            (offer.from, offer.to) = (Day(i32::MIN), Day(i32::MAX));
        }
    });
    each(&mut views.resources.assets, |asset| (asset.capacity, asset.quantity) = (u32::MAX, u32::MAX));
    each(&mut views.branches.branches, |branch| branch.registered = u32::MAX);
    views.calendar.days.insert(crate::given::day("2026-12-08"), Some(255));
    if dice.below(2) == 0 {
        views.planning.0 = rules(dice);
        views.planning.0.points.open_period = u32::MAX;
    }
    each(&mut views.requests.rounds, |round| round.number = u32::MAX);
}

proptest! {
    #![proptest_config(cases(160))]
    #[test]
    fn extremes_that_events_may_hold_are_decided_and_planned(
        drawn in prop::collection::vec(any::<u64>(), 64..200), events in 5..60_usize,
    ) {
        let mut dice = Dice { drawn, next: 0 };
        let given = random_city(&mut dice, events);
        let now = dice.moment();
        decide_everything(&given.views(), now, dice.below(2) == 0);
    }

    #[test]
    fn nothing_in_the_views_ends_the_program(
        drawn in prop::collection::vec(any::<u64>(), 64..200), events in 5..40_usize,
    ) {
        let mut dice = Dice { drawn, next: 0 };
        let mut views = random_city(&mut dice, events).views();
        stretch(&mut views, &mut dice);
        let now = dice.moment();
        decide_everything(&views, now, dice.below(2) == 0);
    }
}
