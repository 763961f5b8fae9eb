//! The deterministic simulator: a whole city in one thread from one seed, with everything that goes
//! wrong, and a checker that shares no rule with the product. See `docs/simulation.md`.

mod arbiter;
mod cast;
mod checker;
mod deeds;
mod dice;
mod disk;
mod exhaustive;
mod faults;
mod line;
mod malice;
mod network;
mod node;
#[cfg(test)]
mod regressions;
mod scenario;
mod shell;
mod world;

use faults::Fault;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "\
simulate --seeds FROM..TO [--faults all|cut,crash,…] [--first-failure yes]
                                                       whole networks, one a seed
simulate --exhaustive DEPTH                            two devices and a node, every sequence of steps
simulate --line [CROWD]                                figures over simulated lines";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |n: usize, otherwise| arguments.get(n).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    match arguments.first().map(String::as_str) {
        Some("--exhaustive") => return explore(number(1, 4)),
        Some("--line") => return measure(number(1, 5_000)),
        _ => {}
    }
    match read(&arguments) {
        Ok(wanted) => run(&wanted),
        Err(text) => {
            eprintln!("{text}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What the command line asks for.
struct Wanted {
    seeds: std::ops::Range<u64>,
    faults: BTreeSet<Fault>,
    /// Ends after the first seed that fails.
    first_failure: bool,
}

fn read(arguments: &[String]) -> Result<Wanted, String> {
    let mut wanted =
        Wanted { seeds: 0..100, faults: Fault::ALL.iter().copied().collect(), first_failure: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--seeds" => {
                let (from, to) = value.split_once("..").ok_or("seeds are FROM..TO")?;
                let number = |text: &str| text.parse::<u64>().map_err(|_| format!("not a number: {text}"));
                wanted.seeds = number(from)?..number(to)?;
            }
            "--faults" if value == "all" => {}
            "--faults" => {
                let word =
                    |word: &str| Fault::of_word(word).ok_or_else(|| format!("no fault is named {word}"));
                wanted.faults = value.split(',').map(word).collect::<Result<_, _>>()?;
            }
            "--first-failure" => wanted.first_failure = true,
            _ => return Err(format!("unknown: {argument}")),
        }
    }
    Ok(wanted)
}

fn run(wanted: &Wanted) -> ExitCode {
    let (seeds, allowed) = (wanted.seeds.clone(), &wanted.faults);
    let begin = Instant::now();
    let (mut events, mut violations, mut stalls, mut forks, mut confirmed, mut lost) = (0, 0, 0, 0, 0, 0);
    let (mut slowest, mut round_trips, mut over_the_cap) = (0, 0, 0);
    let mut by_kind: BTreeMap<&str, u64> = BTreeMap::new();
    let count = seeds.end.saturating_sub(seeds.start);
    for seed in seeds {
        let outcome = scenario::run_guarded(seed, allowed);
        events += outcome.events;
        violations += outcome.violations.len();
        stalls += usize::from(outcome.stall.is_some());
        forks += outcome.forks;
        confirmed += outcome.confirmed;
        lost += outcome.lost_with_city;
        over_the_cap += usize::from(outcome.over_the_cap);
        slowest = slowest.max(outcome.round_trips);
        round_trips += outcome.round_trips;
        for (kind, count) in outcome.faults {
            *by_kind.entry(kind).or_default() += count;
        }
        let failed = !outcome.violations.is_empty() || outcome.stall.is_some();
        for text in outcome.violations.iter().chain(&outcome.stall) {
            println!("seed {seed}: {text}");
        }
        if failed {
            println!(
                "replay: cargo run --release -p tests --bin simulate -- --seeds {seed}..{}{}",
                seed + 1,
                words(allowed)
            );
            if wanted.first_failure {
                break;
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({
            "seeds": count, "events": events, "faults": by_kind, "violations": violations, "stalls": stalls,
            "forks": forks, "confirmed": confirmed, "lost_with_city": lost,
            "over_the_cap": over_the_cap,
            "round_trips": { "mean": round_trips / count.max(1), "most": slowest },
            "seconds": (seconds * 10.0).round() / 10.0,
        })
    );
    if violations + stalls > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn explore(depth: usize) -> ExitCode {
    let begin = Instant::now();
    let explored = exhaustive::explore(depth);
    explored.violations.iter().for_each(|text| println!("{text}"));
    println!(
        "{}",
        serde_json::json!({
            "depth": depth, "states": explored.states, "paths": explored.paths,
            "violations": explored.violations.len(), "seconds": begin.elapsed().as_secs(),
        })
    );
    if explored.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(crowd: usize) -> ExitCode {
    let mut missed = 0;
    for line::Figure { what, value, most } in line::figures(crowd) {
        println!("{what}: {value:.2} (at most {most})");
        missed += u32::from(value > most);
    }
    println!("{}", serde_json::json!({ "crowd": crowd, "missed": missed }));
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How the faults are named on the command line, if they are not all.
fn words(allowed: &BTreeSet<Fault>) -> String {
    if allowed.len() == Fault::ALL.len() {
        return String::new();
    }
    let words: Vec<&str> = allowed.iter().map(|fault| fault.word()).collect();
    format!(" --faults {}", words.join(","))
}
