//! Plants one bug after another into a copy of the tree: each must be caught, by the simulator or by the
//! core's own tests. `mutants TEXT` plants those alone whose name holds the text.

mod fold;
mod network;
mod planner;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Of the simulator, for each bug of the network.
const SEEDS: &str = "0..1100";

/// One planted bug. The text to find occurs exactly once in its file; a test holds that.
pub struct Mutation {
    /// What it breaks.
    pub breaks: &'static str,
    /// Where, from the root of the tree.
    pub file: &'static str,
    /// The text that goes.
    pub find: &'static str,
    /// What comes in its place.
    pub replace: &'static str,
}

/// What has to catch a bug.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    Simulator,
    /// The core's own tests whose names begin so.
    CoreTests(&'static [&'static str]),
}

const FOLD_TESTS: Guard = Guard::CoreTests(&["domain::", "history::"]);
const PLANNER_TESTS: Guard = Guard::CoreTests(&["plan::"]);

fn mutations() -> impl Iterator<Item = (Guard, &'static Mutation)> {
    let network = network::MUTATIONS.iter().map(|mutation| (Guard::Simulator, mutation));
    let fold = fold::MUTATIONS.iter().map(|mutation| (FOLD_TESTS, mutation));
    network.chain(fold).chain(planner::MUTATIONS.iter().map(|mutation| (PLANNER_TESTS, mutation)))
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the tree");
    let copy = std::env::temp_dir().join(format!("lianxiao-mutants-{}", std::process::id()));
    let only = std::env::args().nth(1).unwrap_or_default();
    let result = copy_tree(root, &copy).and_then(|()| run(&copy, &only));
    if let Err(error) = std::fs::remove_dir_all(&copy) {
        eprintln!("{} stays behind: {error}", copy.display());
    }
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the mutants could not be tried: {error}");
            ExitCode::from(2)
        }
    }
}

/// Sources are copied; what was built of other crates is linked, for it is never written to again.
fn copy_tree(root: &Path, copy: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(copy.join("target/release"))?;
    for name in ["Cargo.toml", "Cargo.lock", ".cargo", "client-core", "server", "wasm", "tests", "docs"] {
        shell(Command::new("cp").arg("-a").arg(root.join(name)).arg(copy))?;
    }
    for (name, how) in [("deps", "-al"), ("build", "-al"), (".fingerprint", "-a")] {
        let from = root.join("target/release").join(name);
        if from.exists() {
            shell(Command::new("cp").arg(how).arg(from).arg(copy.join("target/release")))?;
        }
    }
    Ok(())
}

fn shell(command: &mut Command) -> std::io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(std::io::Error::other(format!("{command:?}: {status}"))) }
}

/// `true` where the tree as it is passes and every mutant is caught.
fn run(copy: &Path, only: &str) -> std::io::Result<bool> {
    let mut all_caught = true;
    if only.is_empty() {
        for guard in [Guard::Simulator, FOLD_TESTS, PLANNER_TESTS] {
            let clean = passes(guard, copy)?;
            println!("{} the tree as it is", if clean { "passes" } else { "FAILS " });
            all_caught &= clean;
        }
    }
    for (guard, mutation) in mutations().filter(|(_, mutation)| mutation.breaks.contains(only)) {
        let begin = Instant::now();
        let (file, original) = plant(copy, mutation)?;
        let caught = !passes(guard, copy)?;
        std::fs::write(file, original)?;
        let verdict = if caught { "caught" } else { "MISSED" };
        println!("{verdict} in {:>3} s: {}", begin.elapsed().as_secs(), mutation.breaks);
        all_caught &= caught;
    }
    Ok(all_caught)
}

fn plant(copy: &Path, mutation: &Mutation) -> std::io::Result<(PathBuf, String)> {
    let file = copy.join(mutation.file);
    let original = std::fs::read_to_string(&file)?;
    std::fs::write(&file, original.replacen(mutation.find, mutation.replace, 1))?;
    Ok((file, original))
}

/// Builds a guard and runs it until its first failure; that it builds is no matter of the bug.
fn passes(guard: Guard, copy: &Path) -> std::io::Result<bool> {
    match guard {
        Guard::Simulator => {
            let build = ["build", "--package", "tests", "--no-default-features", "--bin", "simulate"];
            shell(&mut cargo(copy, &build))?;
            let mut simulate = Command::new(copy.join("target/release/simulate"));
            simulate.args(["--seeds", SEEDS, "--first-failure", "yes"]).env("RUST_BACKTRACE", "0");
            Ok(simulate.output()?.status.success())
        }
        Guard::CoreTests(names) => {
            let tests = ["test", "--package", "client-core", "--lib"];
            shell(cargo(copy, &tests).arg("--no-run"))?;
            Ok(cargo(copy, &tests).arg("--").args(names).output()?.status.success())
        }
    }
}

/// What is built again and again is built quickly; what it stands on stays as it is.
fn cargo(copy: &Path, arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", copy.join("target"));
    cargo.args(arguments).args(["--quiet", "--release"]);
    for package in ["client-core", "tests"] {
        cargo.args(["--config", &format!("profile.release.package.{package}.opt-level=1")]);
    }
    cargo
}

#[test]
fn every_planted_bug_has_its_place_in_the_tree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the tree");
    for (_, mutation) in mutations() {
        let text = std::fs::read_to_string(root.join(mutation.file)).expect("a source file");
        let found = text.matches(mutation.find).count();
        assert_eq!(found, 1, "{} ({}): the text to replace", mutation.breaks, mutation.file);
        assert_ne!(mutation.find, mutation.replace, "{}", mutation.breaks);
    }
    for (guard, least) in [(Guard::Simulator, 8), (FOLD_TESTS, 14), (PLANNER_TESTS, 12)] {
        assert!(mutations().filter(|(of, _)| *of == guard).count() >= least);
    }
}
