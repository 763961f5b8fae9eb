//! Runs the fuzz targets for as long as one likes, or writes the seeds of their corpus.

use clap::Parser;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tests::fuzz;

#[derive(Parser)]
struct Arguments {
    /// The target; all of them, one after the other, where none is named.
    #[arg(long)]
    target: Option<String>,
    /// Seconds a target.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The seed of the mutations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes the seeds into the corpus instead.
    #[arg(long)]
    write_corpus: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.write_corpus {
        println!("{} seeds", fuzz::write_corpus().expect("the corpus can be written"));
        return ExitCode::SUCCESS;
    }
    let named = |target: &&fuzz::Target| arguments.target.as_ref().is_none_or(|name| name == target.name);
    let mut code = ExitCode::SUCCESS;
    for target in fuzz::TARGETS.iter().filter(named) {
        let until = Instant::now() + Duration::from_secs(arguments.seconds);
        let tally = fuzz::run(target, arguments.seed, |_| Instant::now() < until);
        let peak = fuzz::peak_mib().unwrap_or_default();
        let (name, done, accepted) = (target.name, tally.executions, tally.accepted);
        println!("{name}: {done} executions, {accepted} accepted, peak {peak} MiB so far");
        if let Some(path) = tally.failure {
            println!("{}: FAILED on {}", target.name, path.display());
            code = ExitCode::FAILURE;
        }
    }
    code
}
