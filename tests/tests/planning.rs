//! The planner on made-up cities: pinned bytes, stability, other orders of the lists.

use client_core::plan::{Budget, Plan, check, plan};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::timetable::{KINDS, city, read, two_weeks_later, university};

const STEPS: Budget = Budget { steps: Some(400_000) };

fn made(instance: &Value) -> Plan {
    let instance = read(instance);
    let plan = plan(instance.clone(), STEPS, |_| {});
    check(&instance, &plan).unwrap_or_else(|broken| panic!("{}: {broken:?}", instance.name));
    plan
}

fn digest(plan: &Plan) -> String {
    hex::encode(&Sha256::digest(serde_json::to_vec(plan).expect("plain data"))[..8])
}

/// What every build, native or in a browser, must make of the made-up instances.
fn pinned() -> Vec<(&'static str, Value)> {
    let mut all: Vec<(&str, Value)> = KINDS[..3].iter().map(|(name, kind)| (*name, city(*kind, 1))).collect();
    let later = two_weeks_later(&all[1].1, &made(&all[1].1), 1);
    all.push(("quarter, later", later));
    all.push(("university", university(1, 8, 210)));
    all
}

#[test]
fn the_same_content_gives_the_same_bytes_on_every_machine() {
    let found: Vec<(&str, String)> =
        pinned().iter().map(|(name, instance)| (*name, digest(&made(instance)))).collect();
    let expected = [
        ("month", "71948de3ec071a61"),
        ("quarter", "0e45fb5a5c581763"),
        ("crunch", "c3fcea488255f95f"),
        ("quarter, later", "35b5f2a53c203ab1"),
        ("university", "1e506a111149a039"),
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
