//! Whole plans: against every plan there is, in any order of the lists, explained.

use super::small::{best_of_all, instance, shapes};
use crate::plan::random::Random;
use crate::plan::rules::{Admission, Occupation, Wishes, admit, class_faults};
use crate::plan::{Budget, Class, Instance, Mode, Part, Plan, check, plan};
use serde_json::Value;

const STEPS: Budget = Budget { steps: Some(20_000) };

fn read(raw: &Value) -> Instance {
    Instance::from_json(&raw.to_string()).expect("an instance")
}

/// 10,000 small instances: every plan keeps the rules; where every plan there is can be tried, A is the
/// least possible, and B is never less than the least possible.
#[test]
fn ten_thousand_small_plans_keep_the_rules_and_are_the_best() {
    let (mut tried, mut equal) = (0, 0);
    for seed in 0..10_000 {
        let instance = read(&instance(seed));
        let made = plan(instance.clone(), STEPS, |_| {}).plan();
        let found = check(&instance, &made).unwrap_or_else(|broken| panic!("seed {seed}: {broken:?}"));
        let admission = admit(&instance);
        if let Some(best) = best_of_all(&instance, &admission) {
            tried += 1;
            assert_eq!(found.a, best.a, "seed {seed}");
            assert!(found.b >= best.b, "seed {seed}: {found:?} is better than {best:?}");
            equal += u32::from(found == best);
        }
    }
    println!("{tried} compared with every plan there is, {equal} equal in B too");
    assert!(tried > 5_000, "{tried}");
    assert!(equal * 1_000 >= tried * 998, "{equal} of {tried}");
}

/// The classes of a plan by rank.
fn classes(instance: &Instance, made: &Plan) -> Vec<Class> {
    let rank = |ids: Vec<&String>, id: &str| ids.iter().position(|known| *known == id).expect("known") as u32;
    let class = |raw: &crate::plan::RawClass| Class {
        course: rank(instance.courses.iter().map(|course| &course.id).collect(), &raw.course),
        teacher: rank(instance.teachers.iter().map(|teacher| &teacher.id).collect(), &raw.teacher),
        venue: rank(instance.venues.iter().map(|venue| &venue.id).collect(), &raw.venue),
        day: raw.day,
        period: raw.period,
        parts: raw
            .parts
            .iter()
            .map(|part| Part {
                order: rank(instance.orders.iter().map(|order| &order.id).collect(), &part.request),
                mode: Mode::of_word(&part.mode).expect("a mode"),
            })
            .collect(),
    };
    made.classes.iter().map(class).collect()
}

/// Wishes given up, days away, minutes: the nearest of all classes an unmet order could be in.
fn nearest(
    instance: &Instance,
    admission: &Admission,
    classes: &[Class],
    order: u32,
    wishes: Wishes,
) -> Option<(u32, bool, u32, u32)> {
    let occupation = Occupation::of(instance, classes);
    let wanted = &instance.orders[order as usize];
    let mut best = None;
    for shape in shapes(instance) {
        if occupation.group_is_busy(wanted.group, shape.day) {
            continue;
        }
        let there = classes.iter().find(|class| class.key() == shape.key());
        let closed = admission.admitted.iter().any(|at| {
            let pinned = &instance.pinned[*at as usize];
            !pinned.open && pinned.class.key() == shape.key()
        });
        for mode in Mode::ALL {
            let mut class = there.unwrap_or(&shape).clone();
            class.parts.push(Part { order, mode });
            let possible = !closed
                && class_faults(instance, &class, Some((order, wishes))).is_empty()
                && (there.is_some() || occupation.conflicts(&class).is_empty());
            if possible {
                let days = (0..instance.days).filter(|day| wanted.wish(*day).accepted != 0);
                let away = days.map(|day| day.abs_diff(shape.day)).min().unwrap_or(u32::MAX);
                let town = instance.venues[shape.venue as usize].town;
                let minutes =
                    if mode == Mode::Travel { instance.minutes(instance.home(wanted), town) } else { 0 };
                let away = if wishes.time { away } else { 0 };
                let nearness = (wishes.count(), wishes.course, away, minutes);
                best = Some(best.map_or(nearness, |least: (u32, bool, u32, u32)| least.min(nearness)));
            }
        }
    }
    best
}

#[test]
fn no_unmet_order_could_simply_be_added_and_the_nearest_alternative_is_offered() {
    let mut unmet = 0;
    for seed in 0..600 {
        let instance = read(&instance(seed));
        let made = plan(instance.clone(), STEPS, |_| {}).plan();
        let classes = classes(&instance, &made);
        let admission = admit(&instance);
        for word in &made.unmet {
            unmet += 1;
            assert!(!word.reasons.is_empty(), "seed {seed}: {}", word.request);
            let order =
                instance.orders.iter().position(|order| order.id == word.request).expect("known") as u32;
            let add = nearest(&instance, &admission, &classes, order, Wishes::default());
            assert_eq!(add, None, "seed {seed}: {} could simply be added", word.request);
            let sets = (1..16u32).map(|bits| Wishes {
                time: bits & 1 != 0,
                travel: bits & 2 != 0,
                online: bits & 4 != 0,
                course: bits & 8 != 0,
            });
            let best =
                sets.filter_map(|wishes| nearest(&instance, &admission, &classes, order, wishes)).min();
            let offered = word.alternative.as_ref().map(|alternative| {
                let gives_up = |wish: &str| alternative.give_up.iter().any(|word| word == wish);
                let wanted = &instance.orders[order as usize];
                let days = (0..instance.days).filter(|day| wanted.wish(*day).accepted != 0);
                let away = days.map(|day| day.abs_diff(alternative.class.day)).min().unwrap_or(u32::MAX);
                let venue = instance.venues.iter().find(|venue| venue.id == alternative.class.venue);
                let town = venue.expect("known").town;
                let part = alternative.class.parts.iter().find(|part| part.request == word.request);
                let travels = part.expect("in it").mode == "travel";
                let minutes = if travels { instance.minutes(instance.home(wanted), town) } else { 0 };
                let away = if gives_up("time") { away } else { 0 };
                (alternative.give_up.len() as u32, gives_up("course"), away, minutes)
            });
            assert_eq!(offered, best, "seed {seed}: {}", word.request);
        }
    }
    assert!(unmet > 300, "{unmet}");
}

/// Turns every list whose order carries no meaning.
fn turned(raw: &Value, seed: u64) -> Value {
    let mut random = Random::of(seed);
    let mut raw = raw.clone();
    let mut turn = |list: &mut Value| {
        if let Some(list) = list.as_array_mut() {
            for at in (1..list.len()).rev() {
                list.swap(at, random.index(at + 1));
            }
        }
    };
    for list in ["branches", "courses", "teachers", "venues", "requests", "previous"] {
        turn(&mut raw[list]);
    }
    for order in raw["requests"].as_array_mut().expect("orders") {
        turn(&mut order["courses"]);
        turn(&mut order["windows"]);
    }
    for list in ["previous", "pinned"] {
        raw[list].as_array_mut().expect("classes").iter_mut().for_each(|class| turn(&mut class["parts"]));
    }
    raw
}

#[test]
fn another_order_of_the_lists_gives_the_same_bytes() {
    for seed in 0..200 {
        let raw = instance(seed);
        let bytes =
            |raw: &Value| serde_json::to_string(&plan(read(raw), STEPS, |_| {}).plan()).expect("plain data");
        assert_eq!(bytes(&raw), bytes(&turned(&raw, seed)), "seed {seed}");
    }
}

#[test]
fn in_parts_or_in_one_go_the_plan_is_the_same() {
    for seed in 0..50 {
        let instance = read(&instance(seed));
        let mut planner = crate::plan::Planner::new(instance.clone(), STEPS);
        while !planner.progress().done {
            planner.run(7);
        }
        assert_eq!(planner.finish().plan(), plan(instance, STEPS, |_| {}).plan(), "seed {seed}");
    }
}

#[test]
fn a_plan_made_again_from_itself_changes_nothing() {
    for seed in (0..400).step_by(4) {
        let raw = instance(seed);
        let first = plan(read(&raw), STEPS, |_| {}).plan();
        let mut again = raw.clone();
        again["previous"] = serde_json::to_value(&first.classes).expect("plain data");
        assert_eq!(plan(read(&again), STEPS, |_| {}).plan().classes, first.classes, "seed {seed}");
    }
}
