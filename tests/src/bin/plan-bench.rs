//! The planner's objective against steps, with time and memory, on made-up instances.
//!
//! `cargo run --release -p tests --bin plan-bench -- [--only NAME] [--seed N] [--factors 1,4]`; the last
//! line is one JSON object. A factor multiplies the default budget.

use client_core::plan::{Budget, Planner};
use serde_json::{Value, json};
use std::time::Instant;
use tests::timetable::{City, KINDS, city, university};

const THOUSAND: City = City { branches: 1_000, weeks: 13, orders: 50_000, teachers_percent: 100 };

fn main() {
    let (mut only, mut seed, mut factors) = (None, 1, vec![1, 2, 4, 8]);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match name.as_str() {
            "--only" => only = Some(value),
            "--seed" => seed = value.parse().expect("--seed needs a number"),
            "--factors" => {
                let parsed = value.split(',').map(|factor| factor.parse().expect("--factors needs numbers"));
                factors = parsed.collect();
            }
            other => panic!("{other} is not known"),
        }
    }
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let mut rows: Vec<Value> = Vec::new();
    for (name, kind) in KINDS.into_iter().chain([("thousand", THOUSAND)]) {
        // The largest runs only if it is asked for.
        if wanted(name) && (name != "thousand" || only.is_some()) {
            rows.extend(measure(name, &city(kind, seed), &factors));
        }
    }
    if wanted("university") {
        rows.extend(measure("university", &university(seed, 12, 330), &factors));
    }
    println!("{}", json!({ "seed": seed, "rows": rows }));
}

/// A row for each eighth of the default budget, and one for each factor.
fn measure(name: &str, instance: &Value, factors: &[u64]) -> Vec<Value> {
    let text = instance.to_string();
    let began = Instant::now();
    let instance = client_core::plan::Instance::from_json(&text).expect("sound");
    let read_ms = began.elapsed().as_millis();
    drop(text);
    let orders = instance.orders.len();
    let default = Planner::new(instance.clone(), Budget::default()).progress().budget;
    let mut rows = Vec::new();
    for factor in factors {
        let began = Instant::now();
        let mut planner = Planner::new(instance.clone(), Budget { steps: Some(default * factor) });
        let first = planner.progress().best;
        println!("{name}: {orders} orders, first plan A {} B {}", first.a, first.b);
        while !planner.progress().done {
            let now = planner.run(default * factor / 8 + 1);
            println!(
                "  {:>12} steps {:>8.2} s  A {} B {}",
                now.steps,
                began.elapsed().as_secs_f64(),
                now.best.a,
                now.best.b
            );
        }
        let searched = began.elapsed().as_secs_f64();
        let timetable = planner.finish();
        let seconds = began.elapsed().as_secs_f64();
        rows.push(json!({ "instance": name, "orders": orders, "steps": default * factor, "a": timetable.objective.a,
            "b": timetable.objective.b, "first_a": first.a, "unmet": timetable.unmet.len(), "read_ms": read_ms as u64,
            "search_s": searched, "seconds": seconds, "peak_mib": peak_mib() }));
    }
    rows
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    (kib / 102.4).round() / 10.0
}
