//! The planner on made-up cities: pinned bytes, stability, other orders of the lists.

use client_core::plan::{Budget, Instance, Plan, check, plan};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::timetable::{KINDS, Known, PINNED_BUDGET, city, known, pinned, read};

fn made(instance: &Value) -> Plan {
    let instance = read(instance);
    let plan = plan(instance.clone(), PINNED_BUDGET, |_| {}).plan();
    check(&instance, &plan).unwrap_or_else(|broken| panic!("{}: {broken:?}", instance.name));
    plan
}

fn digest(plan: &Plan) -> String {
    hex::encode(&Sha256::digest(serde_json::to_vec(plan).expect("plain data"))[..8])
}

#[test]
fn the_same_content_gives_the_same_bytes_on_every_machine() {
    let found: Vec<(&str, String)> =
        pinned().iter().map(|(name, instance)| (*name, digest(&made(instance)))).collect();
    let expected = [
        ("month", "8f5e3ebc31f61c7b"),
        ("quarter", "3c4632f167a79632"),
        ("crunch", "29b7b3c305c9629d"),
        ("quarter, later", "246deef12fe2100d"),
        ("university", "65ac6abbb897e1b9"),
    ];
    let expected = expected.map(|(name, digest)| (name, digest.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn lists_turned_round_give_the_same_bytes() {
    for (name, instance) in pinned() {
        let mut turned = instance.clone();
        for list in ["branches", "courses", "teachers", "venues", "requests", "previous"] {
            turned[list].as_array_mut().expect("a list").reverse();
        }
        assert_eq!(made(&instance), made(&turned), "{name}");
    }
}

#[test]
fn planned_again_from_what_was_published_nothing_changes() {
    let instance = city(KINDS[1].1, 2);
    let first = made(&instance);
    let mut again = instance.clone();
    again["previous"] = serde_json::to_value(&first.classes).expect("plain data");
    assert_eq!(made(&again).classes, first.classes);
}

#[test]
fn the_default_budget_ends_at_the_least_a_and_within_one_per_cent_of_the_least_b() {
    for Known { name, instance, least_a, least_b } in known() {
        let instance = Instance::from_json(&instance).expect("a sound instance");
        let plan = plan(instance.clone(), Budget::default(), |_| {}).plan();
        let found = check(&instance, &plan).unwrap_or_else(|broken| panic!("{name}: {broken:?}"));
        assert_eq!(found.a, least_a, "{name}");
        assert!(found.b * 100 <= least_b * 101, "{name}: B {}, least known {least_b}", found.b);
    }
}
