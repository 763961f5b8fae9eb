//! Small random instances, small enough to try every plan.

use crate::plan::objective::objective;
use crate::plan::random::Random;
use crate::plan::rules::{Admission, Occupation, class_faults};
use crate::plan::{Class, Instance, Mode, Objective, Part, Rule};
use serde_json::{Value, json};

/// Two towns, four days, two periods, a handful of orders.
pub fn instance(seed: u64) -> Value {
    let mut random = Random::of(seed);
    let mut pick = |from: u32, to: u32| from + random.below(to - from + 1);
    let days = pick(1, 4);
    let minutes = [10, 30, 60][pick(0, 2) as usize];
    let ids = |prefix: &str, count: u32| (0..count).map(|at| format!("{prefix}{at}")).collect::<Vec<_>>();
    let (courses, teachers, venues) = (ids("c", pick(1, 2)), ids("t", pick(1, 2)), ids("v", pick(1, 2)));
    let orders = ids("r", pick(2, 4));
    let avail = |pick: &mut dyn FnMut(u32, u32) -> u32| {
        (0..days).map(|_| if pick(0, 3) == 0 { pick(0, 3) } else { 3 }).collect::<Vec<u32>>()
    };
    let windows = |pick: &mut dyn FnMut(u32, u32) -> u32| {
        let mut window = || {
            let from = pick(0, days - 1);
            json!({ "from": from, "to": pick(from, days), "dow": [0, 1, 2, 3, 4, 5, 6], "mask": pick(1, 3),
                "pref": pick(0, 1) == 0 })
        };
        (0..2).map(|_| window()).collect::<Vec<_>>()
    };
    let made_courses: Vec<Value> = courses
        .iter()
        .map(|id| {
            json!({ "id": id, "duration": if pick(0, 4) == 0 { 2 } else { 1 }, "max_groups": pick(1, 3), "needs": [],
                "sites": if pick(0, 4) == 0 { json!([venues[0]]) } else { Value::Null }, "online_ok": pick(0, 2) > 0 })
        })
        .collect();
    let made_teachers: Vec<Value> = teachers
        .iter()
        .map(|id| {
            let mut skills = serde_json::Map::new();
            courses.iter().for_each(|course| {
                if pick(0, 3) > 0 {
                    skills.insert(course.clone(), json!(pick(0, 2)));
                }
            });
            json!({ "id": id, "town": pick(0, 1), "skills": skills, "reach": ([0, 40, 90][pick(0, 2) as usize]),
                "max_day": pick(1, 2), "max_week": pick(1, 3), "target": pick(0, 2), "avail": avail(&mut pick) })
        })
        .collect();
    let made_venues: Vec<Value> = venues
        .iter()
        .map(|id| {
            let equip = if pick(0, 1) == 0 { json!(["stream"]) } else { json!([]) };
            json!({ "id": id, "town": pick(0, 1), "capacity": pick(2, 6) * 10, "equip": equip,
                "lecture": pick(0, 5) > 0, "avail": avail(&mut pick) })
        })
        .collect();
    let made_orders: Vec<Value> = orders
        .iter()
        .map(|id| {
            let mut wanted = vec![courses[pick(0, courses.len() as u32 - 1) as usize].clone()];
            if pick(0, 3) == 0 && !wanted.contains(&courses[0]) {
                wanted.push(courses[0].clone());
            }
            json!({ "id": id, "branch": format!("b{}", pick(0, 1)), "group": format!("g{}", pick(0, 1)),
                "courses": wanted, "headcount": pick(1, 4) * 10, "windows": windows(&mut pick),
                "max_travel": ([0, 30, 60][pick(0, 2) as usize]), "online": pick(0, 1) == 0,
                "prefer": (["host", "travel", "online", "any"][pick(0, 3) as usize]), "priority": pick(1, 3),
                "credit": if pick(0, 4) == 0 { 7 } else { 0 } })
        })
        .collect();
    let mut class = |open: bool| {
        let venue = pick(0, venues.len() as u32 - 1) as usize;
        let order = pick(0, orders.len() as u32 - 1) as usize;
        let home = made_orders[order]["branch"] == json!("b0");
        let host = (made_venues[venue]["town"] == json!(0)) == home;
        json!({ "course": made_orders[order]["courses"][0], "teacher": (teachers[pick(0, teachers.len() as u32 - 1) as usize]),
            "venue": venues[venue], "day": pick(0, days - 1), "period": pick(0, 1), "open": open,
            "parts": [{ "request": orders[order], "mode": if host { "host" } else { "travel" } }] })
    };
    let mut pinned = Vec::new();
    let mut previous = Vec::new();
    match seed % 4 {
        1 => previous.push(class(false)),
        2 => pinned.extend([class(true), class(false)]),
        3 => {
            previous.push(class(false));
            pinned.push(class(seed % 8 == 3));
        }
        _ => {}
    }
    json!({
        "format": "jts-1", "name": format!("small {seed}"), "days": days,
        "periods": [{ "start": 480, "end": 540 }, { "start": 570, "end": 630 }],
        "starts": { "1": [0, 1], "2": [0] }, "travel": [[0, minutes], [minutes, 0]],
        "branches": [{ "id": "b0", "town": 0 }, { "id": "b1", "town": 1 }],
        "courses": made_courses, "teachers": made_teachers, "venues": made_venues, "requests": made_orders,
        "pinned": pinned, "previous": previous, "earliest": u32::from(seed.is_multiple_of(3)),
        "weights": super::rules::instance()["weights"],
    })
}

/// Every class an order could be in, alone or not; `None` if trying all plans would take too long.
pub fn best_of_all(instance: &Instance, admission: &Admission) -> Option<Objective> {
    let confirmed: Vec<(Class, bool)> = admission
        .admitted
        .iter()
        .map(|at| &instance.pinned[*at as usize])
        .map(|pinned| (pinned.class.clone(), pinned.open))
        .collect();
    let served =
        |order: u32| confirmed.iter().any(|(class, _)| class.parts.iter().any(|part| part.order == order));
    let free: Vec<u32> = (0..instance.orders.len() as u32).filter(|order| !served(*order)).collect();
    let ways: Vec<Vec<Class>> = free.iter().map(|order| ways(instance, *order)).collect();
    let plans: usize = ways.iter().map(|ways| ways.len() + 1).product();
    if plans > 20_000 {
        return None;
    }
    let mut all = All { instance, admission, free, ways, best: None };
    let mut classes = confirmed;
    all.try_from(0, &mut classes);
    all.best
}

struct All<'a> {
    instance: &'a Instance,
    admission: &'a Admission,
    free: Vec<u32>,
    ways: Vec<Vec<Class>>,
    best: Option<Objective>,
}

impl All<'_> {
    fn try_from(&mut self, at: usize, classes: &mut Vec<(Class, bool)>) {
        if at == self.free.len() {
            self.count(classes);
            return;
        }
        self.try_from(at + 1, classes);
        for way in self.ways[at].clone() {
            let same = classes.iter().position(|(class, _)| class.key() == way.key());
            match same {
                Some(same) if classes[same].1 => {
                    classes[same].0.parts.push(way.parts[0]);
                    self.try_from(at + 1, classes);
                    classes[same].0.parts.pop();
                }
                Some(_) => {}
                None => {
                    classes.push((way, true));
                    self.try_from(at + 1, classes);
                    classes.pop();
                }
            }
        }
    }

    fn count(&mut self, classes: &[(Class, bool)]) {
        let classes: Vec<Class> = classes.iter().map(|(class, _)| class.clone()).collect();
        let mut occupation = Occupation::new(self.instance);
        for class in &classes {
            if !class_faults(self.instance, class, None).is_empty() || !occupation.conflicts(class).is_empty()
            {
                return;
            }
            occupation.add(class);
        }
        let objective = objective(self.instance, &self.admission.published, &classes);
        if self.best.is_none_or(|best| objective < best) {
            self.best = Some(objective);
        }
    }
}

/// Classes with one order in them that break no rule but H7 (an online order needs somebody in the room).
fn ways(instance: &Instance, order: u32) -> Vec<Class> {
    let mut ways = Vec::new();
    for class in shapes(instance) {
        for mode in Mode::ALL {
            let class = Class { parts: vec![Part { order, mode }], ..class.clone() };
            if class_faults(instance, &class, None).iter().all(|(rule, _)| *rule == Rule::H7) {
                ways.push(class);
            }
        }
    }
    ways
}

/// Every course, teacher, venue and time.
pub fn shapes(instance: &Instance) -> Vec<Class> {
    let mut shapes = Vec::new();
    for course in 0..instance.courses.len() as u32 {
        for teacher in 0..instance.teachers.len() as u32 {
            for venue in 0..instance.venues.len() as u32 {
                for day in 0..instance.days {
                    for period in 0..instance.periods.len() as u32 {
                        shapes.push(Class { course, teacher, venue, day, period, parts: Vec::new() });
                    }
                }
            }
        }
    }
    shapes
}
