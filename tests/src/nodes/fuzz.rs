//! Fuzzing: one function a decoder, mutated inputs over a corpus, the same on every run of a seed.
//!
//! `cargo verify` runs a few thousand inputs a decoder (`tests/tests/fuzz.rs`); `cargo run --release
//! -p tests --bin fuzz` runs for as long as one likes; `tests/fuzz` has the same functions for
//! cargo-fuzz. What was found joins `tests/fuzz/corpus`.

mod mutate;
mod office;
mod seeds;
mod targets;

pub use mutate::{Dice, mutate};
pub use seeds::write_corpus;
pub use targets::{TARGETS, Target};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// The largest input a mutation makes.
pub const MOST_BYTES: usize = 64 * 1024;

/// What a run of one target saw.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Inputs run.
    pub executions: u64,
    /// Those the decoder accepted.
    pub accepted: u64,
    /// Where the input lies that broke a promise; the run ends with it.
    pub failure: Option<PathBuf>,
}

/// The folder of one target's inputs.
pub fn corpus_folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// A target's inputs, by name.
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = corpus_folder(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("an input")).collect()
}

/// Runs the corpus as it is, then mutations of it for as long as `go_on` says, given the number of inputs so far.
pub fn run(target: &Target, seed: u64, go_on: impl Fn(u64) -> bool) -> Tally {
    static QUIET: Once = Once::new();
    QUIET.call_once(quiet);
    let corpus = corpus(target.name);
    let mut tally = Tally::default();
    let mut dice = Dice::new(seed);
    for input in &corpus {
        if !run_one(target, input, &mut tally) {
            return tally;
        }
    }
    while go_on(tally.executions) {
        let input = mutate(&corpus, &mut dice);
        if !run_one(target, &input, &mut tally) {
            return tally;
        }
    }
    tally
}

/// Runs one input of the target of this name.
///
/// # Panics
/// Where a promise is broken.
pub fn run_named(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    (target.run)(input);
}

/// The most memory this process ever held, in MiB; `None` where the system does not say.
pub fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
}

fn run_one(target: &Target, input: &[u8], tally: &mut Tally) -> bool {
    tally.executions += 1;
    match catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        Ok(accepted) => tally.accepted += u64::from(accepted),
        Err(_) => tally.failure = Some(keep(target.name, input)),
    }
    tally.failure.is_none()
}

/// Panics of the spreadsheet library are caught by the importer; they need no word each.
fn quiet() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|location| !location.file().contains("/calamine-")) {
            loud(panic);
        }
    }));
}

/// Keeps an input that broke a promise.
fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join("lianxiao-fuzz").join(target);
    let path = folder.join(client_core::log::segment_id(input).to_hex());
    std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input)).expect("a folder for it");
    path
}
