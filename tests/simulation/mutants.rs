//! Plants one bug after another into a copy of the tree and runs the simulator on it: each must be caught.

mod mutations;

use mutations::{MUTATIONS, Mutation};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

const SEEDS: &str = "0..700";

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
        let clean = simulate(copy)?;
        println!("{} the tree as it is", if clean { "passes" } else { "FAILS " });
        all_caught = clean;
    }
    for mutation in MUTATIONS.iter().filter(|mutation| mutation.breaks.contains(only)) {
        let begin = Instant::now();
        let (file, original) = plant(copy, mutation)?;
        let caught = !simulate(copy)?;
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

/// Builds the simulator and runs it until the first failure.
fn simulate(copy: &Path) -> std::io::Result<bool> {
    let target = copy.join("target");
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(copy).env("CARGO_TARGET_DIR", &target).args(["build", "--quiet", "--release"]);
    build.args(["--package", "tests", "--no-default-features", "--bin", "simulate"]);
    // What is built again and again is built quickly; what it stands on stays as it is.
    for package in ["client-core", "tests"] {
        build.args(["--config", &format!("profile.release.package.{package}.opt-level=1")]);
    }
    shell(&mut build)?;
    let mut simulate = Command::new(target.join("release/simulate"));
    simulate.args(["--seeds", SEEDS, "--first-failure", "yes"]).env("RUST_BACKTRACE", "0");
    Ok(simulate.output()?.status.success())
}
