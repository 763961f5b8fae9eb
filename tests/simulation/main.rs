//! The deterministic simulator: a whole city in one thread from one seed, with everything that goes
//! wrong, and a checker that shares no rule with the product. See `docs/simulation.md`.

mod cast;
mod checker;
mod city;
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
mod world;

use faults::Fault;
use scenario::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
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

/// What the seeds run so far came to.
#[derive(Default)]
struct Tally {
    seeds: u64,
    faults: BTreeMap<&'static str, u64>,
    violations: usize,
    stalls: usize,
    events: usize,
    forks: usize,
    confirmed: usize,
    lost_with_city: usize,
    rounds: usize,
    revoked: usize,
    names: usize,
    sealed_runs: usize,
    over_the_cap: usize,
    round_trips: u64,
    most_round_trips: u64,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        for (kind, count) in outcome.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.violations += outcome.violations.len();
        self.stalls += usize::from(outcome.stall.is_some());
        self.events += outcome.events;
        self.forks += outcome.forks;
        self.confirmed += outcome.confirmed;
        self.lost_with_city += outcome.lost_with_city;
        self.rounds += outcome.rounds;
        self.revoked += usize::from(outcome.revoked);
        self.names += outcome.names;
        self.sealed_runs += outcome.sealed_runs;
        self.over_the_cap += usize::from(outcome.over_the_cap);
        self.round_trips += outcome.round_trips;
        self.most_round_trips = self.most_round_trips.max(outcome.round_trips);
    }

    fn has_failed(&self) -> bool {
        self.violations + self.stalls > 0
    }

    fn line(&self, since: Instant) -> serde_json::Value {
        serde_json::json!({
            "seeds": self.seeds, "events": self.events, "faults": self.faults,
            "violations": self.violations, "stalls": self.stalls,
            "forks": self.forks, "confirmed": self.confirmed, "lost_with_city": self.lost_with_city,
            "rounds": self.rounds, "revoked": self.revoked, "names": self.names,
            "sealed_runs": self.sealed_runs,
            "over_the_cap": self.over_the_cap,
            "round_trips": { "mean": self.round_trips / self.seeds.max(1), "most": self.most_round_trips },
            "seconds": (since.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        })
    }
}

/// Runs the seeds on every core; how it goes stands on stderr every thousand seeds.
fn run(wanted: &Wanted) -> ExitCode {
    let begin = Instant::now();
    let mut tally = Tally::default();
    let next = AtomicU64::new(wanted.seeds.start);
    let (done, outcomes) = mpsc::channel();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let is_wanted = wanted.seeds.contains(&seed);
                    if !is_wanted || done.send((seed, scenario::run_guarded(seed, &wanted.faults))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        // Taken by the loop: workers whose outcomes nobody waits for end.
        for (seed, outcome) in outcomes {
            report(seed, &outcome, &wanted.faults);
            tally.add(outcome);
            if tally.seeds.is_multiple_of(1000) {
                eprintln!("{}", tally.line(begin));
            }
            if wanted.first_failure && tally.has_failed() {
                break;
            }
        }
    });
    println!("{}", tally.line(begin));
    if tally.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What went wrong with a seed, and the command that replays it.
fn report(seed: u64, outcome: &Outcome, faults: &BTreeSet<Fault>) {
    let wrong: Vec<&String> = outcome.violations.iter().chain(&outcome.stall).collect();
    for text in &wrong {
        println!("seed {seed}: {text}");
    }
    if !wrong.is_empty() {
        let (after, words) = (seed + 1, words(faults));
        println!("replay: cargo run --release -p tests --bin simulate -- --seeds {seed}..{after}{words}");
    }
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
