//! Made-up timetables to plan: a city and its branches, a quarter, a crunch, a university week; from a seed.
//!
//! Integers and one generator only, so that a seed means the same bytes on every machine.

use client_core::plan::{Budget, Instance, Plan, plan};
use serde_json::{Value, json};

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct City {
    /// Branch schools, eight to a county, one to a town.
    pub branches: u32,
    /// Weeks of the horizon.
    pub weeks: u32,
    /// Orders of all branches.
    pub orders: u32,
    /// Teachers, in per cent of what eight branches usually have (34 full-time, 100 part-time).
    pub teachers_percent: u32,
}

/// The kinds that tests and benchmarks name.
pub const KINDS: [(&str, City); 4] = [
    ("month", City { branches: 8, weeks: 4, orders: 60, teachers_percent: 100 }),
    ("quarter", City { branches: 8, weeks: 13, orders: 400, teachers_percent: 100 }),
    ("crunch", City { branches: 8, weeks: 6, orders: 400, teachers_percent: 60 }),
    ("hundred", City { branches: 100, weeks: 13, orders: 5_000, teachers_percent: 100 }),
];

/// The budget for [`pinned`].
pub const PINNED_BUDGET: Budget = Budget { steps: Some(400_000) };

const MORNING: u32 = 0b00011;
const AFTERNOON: u32 = 0b01100;
const EVENING: u32 = 0b10000;
/// Courses every county has, and courses of one county alone.
const CORE: u32 = 45;
const LOCAL: u32 = 80;

struct Dice(u64);

impl Dice {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u32) -> u32 {
        (((self.word() >> 32) * u64::from(end)) >> 32) as u32
    }

    fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.below(to - from + 1)
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// Often small, sometimes large: what everybody wants and what hardly anybody does.
    fn skewed(&mut self, end: u32) -> u32 {
        let (one, other) = (self.below(end), self.below(end));
        one.min(other)
    }
}

/// The weights of the model.
pub fn weights() -> Value {
    json!({ "unmet": { "1": 20, "2": 40, "3": 100 }, "dropped": 30, "moved_time": 12, "moved_venue": 5,
        "moved_mode": 5, "moved_teacher": 3, "open_period": 30, "teacher_minute": 1, "skill": 6,
        "group_travel_div": 60, "online_unwanted": 12, "not_preferred_mode": 6, "not_preferred_time": 8,
        "over_target": 6, "over_double": 12 })
}

/// A city in `jts-1`.
pub fn city(kind: City, seed: u64) -> Value {
    let mut dice = Dice(seed.wrapping_mul(0x1000_0001).wrapping_add(7));
    let days = kind.weeks * 7;
    let places: Vec<(u32, u32)> = (0..kind.branches).map(|branch| town(branch, &mut dice)).collect();
    let minutes = |a: &(u32, u32), b: &(u32, u32)| {
        if a == b { 0 } else { 8 + (a.0.abs_diff(b.0) + a.1.abs_diff(b.1)) * 12 / 100 }
    };
    let travel: Vec<Vec<u32>> =
        places.iter().map(|from| places.iter().map(|to| minutes(from, to)).collect()).collect();
    let counties = kind.branches.div_ceil(8);
    let mut venues = Vec::new();
    let mut points: Vec<Vec<usize>> = vec![Vec::new(); counties as usize];
    for branch in 0..kind.branches {
        venues.push(venue(&mut dice, venues.len(), branch, days, (45, 150), 100));
        if branch % 8 == 0 {
            venues.push(venue(&mut dice, venues.len(), branch, days, (200, 260), 100));
            venues.push(venue(&mut dice, venues.len(), branch, days, (60, 60), 100));
        }
        for _ in 0..dice.between(3, 4) {
            points[(branch / 8) as usize].push(venues.len());
            venues.push(venue(&mut dice, venues.len(), branch, days, (40, 120), 45));
        }
    }
    let mut courses: Vec<Value> = (0..CORE).map(|_| course(&mut dice, None)).collect();
    for points in &points {
        for at in 0..LOCAL {
            let site = points[dice.below(points.len() as u32) as usize];
            courses.push(course(&mut dice, (at < 32).then_some(site)));
        }
    }
    courses.iter_mut().enumerate().for_each(|(at, course)| course["id"] = json!(format!("c{at:05}")));
    let teachers: Vec<Value> = (0..kind.branches * 134 * kind.teachers_percent / 800)
        .map(|at| teacher(&mut dice, at, kind, days))
        .collect();
    let orders: Vec<Value> = (0..kind.orders).map(|at| order(&mut dice, at, kind, &courses)).collect();
    let branches: Vec<Value> =
        (0..kind.branches).map(|at| json!({ "id": format!("b{at:04}"), "town": at })).collect();
    let clock = [(510, 600), (615, 705), (840, 930), (945, 1035), (1140, 1230)];
    let periods: Vec<Value> =
        clock.iter().map(|(start, end)| json!({ "start": start, "end": end })).collect();
    json!({ "format": "jts-1", "name": format!("{} branches, seed {seed}", kind.branches), "days": days,
        "periods": periods, "starts": { "1": [0, 1, 2, 3, 4], "2": [0, 2] }, "travel": travel,
        "branches": branches, "courses": courses, "teachers": teachers, "venues": venues, "requests": orders,
        "pinned": [], "previous": [], "weights": weights() })
}

/// Towns lie around the seat of their county, in tenths of a kilometre.
fn town(branch: u32, dice: &mut Dice) -> (u32, u32) {
    let county = branch / 8;
    let (x, y) = (300 + county % 12 * 550, 300 + county / 12 * 550);
    if branch.is_multiple_of(8) { (x, y) } else { (x + dice.below(340) - 170, y + dice.below(340) - 170) }
}

fn venue(
    dice: &mut Dice,
    at: usize,
    town: u32,
    days: u32,
    (least, most): (u32, u32),
    room_percent: u32,
) -> Value {
    let room = dice.percent(room_percent);
    let mut equip = Vec::new();
    for (item, percent) in [("projector", 90), ("stage", 35), ("tables", 55), ("stream", 45)] {
        if room && dice.percent(percent) {
            equip.push(item);
        }
    }
    let evening = if dice.percent(60) { EVENING } else { 0 };
    let saturday = dice.percent(70);
    let free: Vec<u32> = (0..days)
        .map(|day| match day % 7 {
            6 => 0,
            5 if !saturday => 0,
            _ if dice.percent(8) => 0,
            _ if dice.percent(15) => AFTERNOON | evening,
            _ => MORNING | AFTERNOON | evening,
        })
        .collect();
    json!({ "id": format!("v{at:05}"), "town": town, "capacity": dice.between(least, most), "equip": equip,
        "lecture": room, "avail": free })
}

fn course(dice: &mut Dice, site: Option<usize>) -> Value {
    let tables = site.is_none() && dice.percent(15);
    let mut needs = Vec::new();
    if site.is_none() && dice.percent(70) {
        needs.push("projector");
    }
    if tables {
        needs.push("tables");
    }
    let long = dice.percent(if site.is_some() { 45 } else { 15 });
    json!({ "id": "", "duration": if long { 2 } else { 1 }, "needs": needs,
        "max_groups": if tables || site.is_some() { dice.between(2, 3) } else { dice.between(3, 5) },
        "sites": site.map(|site| vec![format!("v{site:05}")]),
        "online_ok": site.is_none() && !tables && dice.percent(75) })
}

fn teacher(dice: &mut Dice, at: u32, kind: City, days: u32) -> Value {
    let full = at.is_multiple_of(4);
    let town = dice.below(kind.branches);
    let county = town / 8;
    let mut skills = serde_json::Map::new();
    let mut learn = |dice: &mut Dice, first: u32, count: u32, most: u32| {
        for _ in 0..dice.between(1, most) {
            skills.insert(format!("c{:05}", first + dice.below(count)), json!(dice.below(3)));
        }
    };
    learn(dice, CORE + county * LOCAL, LOCAL, 4);
    if full || dice.percent(30) {
        learn(dice, 0, CORE, if full { 6 } else { 2 });
    }
    let chances = if full { (60, 70, 20) } else { (24, 32, 22) };
    let week: Vec<u32> = (0..7)
        .map(|weekday| {
            let mut free = 0;
            for (part, percent) in [(MORNING, chances.0), (AFTERNOON, chances.1), (EVENING, chances.2)] {
                free |= if dice.percent(percent) { part } else { 0 };
            }
            if weekday < 5 || (weekday == 5 && dice.percent(30)) { free } else { 0 }
        })
        .collect();
    let away = dice.below(days);
    let back = away + dice.between(2, 9);
    let free: Vec<u32> = (0..days)
        .map(|day| if (away..back).contains(&day) || dice.percent(8) { 0 } else { week[(day % 7) as usize] })
        .collect();
    json!({ "id": format!("t{at:05}"), "town": town, "skills": skills,
        "reach": if full { dice.between(45, 75) } else { dice.between(0, 3) * 20 },
        "max_day": if full { 3 } else { 2 }, "max_week": if full { dice.between(2, 4) } else { 2 },
        "target": (kind.weeks * if full { 6 } else { 3 } / 10).max(2), "avail": free })
}

fn order(dice: &mut Dice, at: u32, kind: City, courses: &[Value]) -> Value {
    let branch = dice.below(kind.branches);
    let campaign = dice.percent(35);
    let wanted = if campaign {
        dice.below(6)
    } else {
        let among = dice.skewed(CORE + LOCAL);
        if among < CORE { among } else { branch / 8 * LOCAL + among }
    };
    let site = !courses[wanted as usize]["sites"].is_null();
    let first = if campaign { wanted * 14 } else { dice.below(kind.weeks) * 7 } % (kind.weeks * 7);
    let last = (first + if campaign { 21 } else { 7 * dice.between(1, 4) }).min(kind.weeks * 7) - 1;
    let some_days = [dice.below(5), dice.below(5)];
    let (weekdays, mask) = match dice.below(10) {
        0..4 => (vec![0, 1, 2, 3, 4], AFTERNOON),
        4..7 => (some_days.to_vec(), MORNING | AFTERNOON),
        7..9 if courses[wanted as usize]["duration"] == 1 => (vec![0, 1, 2, 3, 4], EVENING),
        _ => (vec![5], MORNING | AFTERNOON),
    };
    let mut windows = vec![json!({ "from": first, "to": last, "dow": weekdays, "mask": mask, "pref": true })];
    if dice.percent(55) {
        windows.push(json!({ "from": first, "to": last, "dow": some_days, "mask": MORNING | AFTERNOON, "pref": false }));
    }
    let online = !site && dice.percent(40);
    let travel = if site { dice.between(30, 70) } else { dice.below(3) * 20 };
    let preferences = ["any", "host", if online { "online" } else { "host" }];
    json!({ "id": format!("r{at:05}"), "branch": format!("b{branch:04}"), "group": format!("g{}", dice.below(6)),
        "courses": [format!("c{wanted:05}")], "headcount": dice.between(12, 70), "windows": windows,
        "max_travel": travel, "online": online, "prefer": preferences[dice.below(3) as usize],
        "priority": 1 + u32::from(dice.percent(75)) + u32::from(dice.percent(20)) })
}

/// One dense week of a university: few rooms, most periods taken, a teacher or two a course.
pub fn university(seed: u64, rooms: u32, orders: u32) -> Value {
    let mut dice = Dice(seed.wrapping_mul(0x1000_0003).wrapping_add(11));
    let week = |dice: &mut Dice, percent: u32| {
        let mut day = || (0..6).map(|period| u32::from(dice.percent(percent)) << period).sum::<u32>();
        (0..7).map(|weekday| if weekday < 5 { day() } else { 0 }).collect::<Vec<u32>>()
    };
    let courses: Vec<Value> = (0..orders / 3)
        .map(|at| {
            json!({ "id": format!("c{at:03}"), "duration": 1, "max_groups": dice.between(1, 2), "sites": null,
                "needs": if dice.percent(30) { vec!["projector"] } else { vec![] }, "online_ok": false })
        })
        .collect();
    let mut skills = vec![serde_json::Map::new(); (orders / 5) as usize];
    for course in &courses {
        for _ in 0..dice.between(1, 2) {
            let who = dice.below(skills.len() as u32) as usize;
            skills[who].insert(course["id"].as_str().unwrap_or_default().to_owned(), json!(dice.below(3)));
        }
    }
    let teachers: Vec<Value> = (0..)
        .zip(skills)
        .map(|(at, skills): (u32, _)| {
            json!({ "id": format!("t{at:03}"), "town": 0, "skills": skills, "reach": 30, "max_day": 4, "max_week": 14,
                "target": 6, "avail": week(&mut dice, 80) })
        })
        .collect();
    let venues: Vec<Value> = (0..rooms)
        .map(|at| {
            json!({ "id": format!("v{at:02}"), "town": 0, "capacity": 40 + dice.below(4) * 30, "lecture": true,
                "equip": if dice.percent(70) { vec!["projector"] } else { vec![] }, "avail": week(&mut dice, 97) })
        })
        .collect();
    let requests: Vec<Value> = (0..orders)
        .map(|at| {
            let course = dice.below(courses.len() as u32);
            let mask = 63 & !(1 << dice.below(6)) & !(1 << dice.below(6));
            json!({ "id": format!("r{at:04}"), "branch": format!("b{}", dice.below(3)), "group": format!("g{}", dice.below(24)),
                "courses": [format!("c{course:03}")], "headcount": dice.between(15, 90), "max_travel": 0, "online": false,
                "windows": [
                    { "from": 0, "to": 6, "dow": [0, 1, 2, 3, 4], "mask": mask, "pref": false },
                    { "from": 0, "to": 6, "dow": [dice.below(5), dice.below(5)], "mask": mask, "pref": true },
                ],
                "prefer": "any", "priority": dice.between(1, 3) })
        })
        .collect();
    let periods: Vec<Value> =
        (0..6).map(|at| json!({ "start": 480 + at * 100, "end": 570 + at * 100 })).collect();
    let branches: Vec<Value> = (0..3).map(|at| json!({ "id": format!("b{at}"), "town": 0 })).collect();
    json!({ "format": "jts-1", "name": format!("university, seed {seed}"), "days": 7, "periods": periods,
        "starts": { "1": [0, 1, 2, 3, 4, 5] }, "travel": [[0]], "branches": branches, "courses": courses,
        "teachers": teachers, "venues": venues, "requests": requests, "pinned": [], "previous": [],
        "weights": weights() })
}

/// The same two weeks later: near classes are confirmed, the others published; some teachers fell ill.
pub fn two_weeks_later(instance: &Value, plan: &Plan, seed: u64) -> Value {
    let mut dice = Dice(seed.wrapping_add(13));
    let mut later = instance.clone();
    let written = |from: u32, to: u32| {
        let within = plan.classes.iter().filter(|class| (from..to).contains(&class.day));
        within.map(|class| serde_json::to_value(class).expect("plain data")).collect::<Vec<Value>>()
    };
    later["previous"] = json!(written(21, u32::MAX));
    let mut pinned = written(0, 21);
    pinned.iter_mut().for_each(|class| class["open"] = json!(class["day"].as_u64() >= Some(14)));
    later["pinned"] = json!(pinned);
    later["earliest"] = json!(16);
    let teachers = later["teachers"].as_array_mut().expect("teachers");
    for _ in 0..teachers.len() / 30 {
        let who = dice.below(teachers.len() as u32) as usize;
        let free = teachers[who]["avail"].as_array_mut().expect("a calendar");
        free.iter_mut().skip(21).take(14).for_each(|day| *day = json!(0));
    }
    later
}

/// What every build, native or in a browser, must make the same bytes of.
pub fn pinned() -> Vec<(&'static str, Value)> {
    let mut all: Vec<(&str, Value)> = KINDS[..3].iter().map(|(name, kind)| (*name, city(*kind, 1))).collect();
    let quarter = plan(read(&all[1].1), PINNED_BUDGET, |_| {}).plan();
    let later = two_weeks_later(&all[1].1, &quarter, 1);
    all.push(("quarter, later", later));
    all.push(("university", university(1, 8, 210)));
    all
}

/// An instance of `tests/timetables`, whose optimum an exact solver has bounded.
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// As `jts-1`.
    pub instance: String,
    /// The least A there is.
    pub least_a: i64,
    /// The least B found with it, at most half a per cent above the bound.
    pub least_b: i64,
}

/// All of them.
pub fn known() -> Vec<Known> {
    let all = [
        ("town-month-s1", 300, 2_666),
        ("city-quarter-s1", 1_440, 17_450),
        ("city-crunch-s1", 2_840, 17_759),
        ("rolling-s2", 2_908, 15_700),
        ("conflict-s3", 2_260, 16_662),
    ];
    let read = |name| {
        let file = format!("{}/timetables/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let known = |(name, least_a, least_b): (&'static str, _, _)| Known {
        name,
        instance: read(name),
        least_a,
        least_b,
    };
    all.into_iter().map(known).collect()
}

/// Reads an instance that was made here.
pub fn read(instance: &Value) -> Instance {
    Instance::from_json(&instance.to_string()).expect("a made-up instance is sound")
}
