//! What views cost: from the beginning, at one event more, at events that come late.
//!
//! `cargo run --release -p tests --bin fold -- --events N`; the last line is one JSON object. Times are in
//! milliseconds. An event costs its way into the history and the views that follow; it is decoded, but
//! neither checked nor stored, which the door and the store do.

use client_core::domain::{History, SharedFold, SharedViews};
use client_core::identity::Certificate;
use client_core::log::{Run, unpack};
use serde_json::{Map, Value, json};
use std::time::Instant;
use tests::years::Years;

type Written = (Run, Certificate);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let events = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--events"), Some(count)) => count.parse().expect("--events needs a number"),
        (None, _) => 100_000,
        _ => panic!("fold [--events N]"),
    };
    let mut years = Years::of(events);
    for (kind, count) in &years.counts {
        println!("{kind:24} {count:>8}  {:.2} %", *count as f64 * 100.0 / events as f64);
    }
    let stolen = if events >= 100_000 { 10_000 } else { events / 10 };
    let (by_thief, revoked) = years.stolen(stolen);
    let bytes: usize = years.runs.iter().map(|(run, _)| run.bytes.len()).sum();

    let empty = resident_mib();
    let began = Instant::now();
    let mut history = History::default();
    years.runs.iter().for_each(|written| load(&mut history, written));
    history.settle();
    let ordered_ms = ms(began);
    let history_mib = resident_mib() - empty;
    let began = Instant::now();
    let mut fold = SharedFold::default();
    fold.views(&mut history);
    let fold_ms = ms(began);
    let memory_mib = resident_mib() - empty;
    println!("history {ordered_ms:.0} ms, fold {fold_ms:.0} ms, {memory_mib:.0} MiB");

    let (mut last, mut late) = (Map::new(), Map::new());
    for kind in Years::kinds() {
        last.insert(
            kind.to_owned(),
            json!(median(5, || one(&mut history, &mut fold, &years.one_more(kind, false)))),
        );
    }
    for kind in Years::kinds() {
        late.insert(
            kind.to_owned(),
            json!(median(5, || one(&mut history, &mut fold, &years.one_more(kind, true)))),
        );
    }
    let began = Instant::now();
    by_thief.iter().for_each(|written| load(&mut history, written));
    history.settle();
    fold.views(&mut history);
    let of_thief_ms = ms(began);
    let revocation_ms = one(&mut history, &mut fold, &revoked);
    let copy_ms = {
        let began = Instant::now();
        let copy = SharedViews::clone(fold.views(&mut history));
        let took = ms(began);
        drop(copy);
        took
    };
    let began = Instant::now();
    let anew = SharedViews::fold(&history);
    let anew_ms = ms(began);
    assert!(**fold.views(&mut history) == anew, "views kept up are views folded anew");
    let result = json!({
        "events": events, "stored_bytes": bytes,
        "opening_ms": ordered_ms + fold_ms, "history_ms": ordered_ms, "fold_ms": fold_ms, "fold_anew_ms": anew_ms,
        "memory_mib": memory_mib, "history_mib": history_mib,
        "memory_over_stored": memory_mib * 1024.0 * 1024.0 / bytes as f64,
        "last_worst": worst(&last), "late_worst": worst(&late),
        "late_subject_ms": { "session.corrected": late["session.corrected"], "teacher.merged": late["teacher.merged"] },
        "late_all_ms": { "policy.published": late["policy.published"] },
        "revoked_events": stolen, "revocation_ms": revocation_ms, "ten_thousand_at_once_ms": of_thief_ms,
        "copy_ms": copy_ms, "last_ms": last, "late_ms": late,
    });
    println!("{result}");
}

fn load(history: &mut History, (run, author): &Written) {
    let changes = unpack(&run.bytes).expect("it was packed");
    history.load(run, author, &changes);
}

/// One event, and the views with it.
fn one(history: &mut History, fold: &mut SharedFold, written: &Written) -> f64 {
    let began = Instant::now();
    load(history, written);
    history.settle();
    fold.views(history);
    ms(began)
}

fn median(times: usize, mut measure: impl FnMut() -> f64) -> f64 {
    let mut all: Vec<f64> = (0..times).map(|_| measure()).collect();
    all.sort_by(f64::total_cmp);
    all[times / 2]
}

fn worst(all: &Map<String, Value>) -> Value {
    let worst = all.iter().max_by(|one, other| {
        one.1.as_f64().unwrap_or_default().total_cmp(&other.1.as_f64().unwrap_or_default())
    });
    json!(worst.map(|(kind, ms)| json!({ "kind": kind, "ms": ms })))
}

fn ms(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    kib / 1024.0
}
