//! `cargo verify`: format, lints, builds and every test, with the minutes each took.

use crate::build::{self, WASM, cargo};
use crate::root;
use crate::setup;
use crate::steps::Steps;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

/// What the test programs said in all.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Runs everything; a part that cannot run here is counted as skipped.
pub fn verify() -> Result<ExitCode, String> {
    let mut steps = Steps::default();
    let outcome = run_all(&mut steps);
    eprint!("{}", steps.table());
    let tally = outcome?;
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    Ok(if tally.failed == 0 && tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_all(steps: &mut Steps) -> Result<Tally, String> {
    let (postgres, browser) = steps.run("set-up", || {
        setup::wasm_target()?;
        setup::faketime();
        Ok((said(setup::postgres()), said(setup::browser())))
    })?;
    steps.run("format", || cargo(&["fmt", "--all", "--check"]))?;
    steps.run("page", build::page)?;
    steps.run("lints of the page", || {
        let of_page = ["clippy", "--profile", "web", "--target", WASM, "--package", "lianxiao-web"];
        cargo(&[&of_page[..], &["--", "--deny", "warnings"]].concat())
    })?;
    steps.run("node", || {
        // The features of the whole workspace, so that the tests find everything built.
        cargo(&["build", "--release", "--workspace", "--exclude", "lianxiao-web"])
    })?;
    steps.run("lints", || {
        let of_all = ["clippy", "--release", "--workspace", "--exclude", "lianxiao-web", "--all-targets"];
        cargo(&[&of_all[..], &["--", "--deny", "warnings"]].concat())
    })?;
    steps.run("tests", || {
        let skipped = root().join("target/skipped-tests");
        std::fs::write(&skipped, "").map_err(|error| format!("{}: {error}", skipped.display()))?;
        let mut tests = Command::new(env!("CARGO"));
        tests.args(["test", "--release", "--workspace", "--exclude", "lianxiao-web", "--no-fail-fast"]);
        tests.env("LIANXIAO_NODE", build::node_path()).env("LIANXIAO_SKIPPED", &skipped);
        if let Some(bin) = postgres {
            tests.env("LIANXIAO_POSTGRES", bin);
        }
        if let Some(chromium) = browser {
            tests.env("LIANXIAO_CHROMIUM", chromium);
        }
        let mut tally = run_tests(&mut tests)?;
        let names = std::fs::read_to_string(&skipped).unwrap_or_default();
        for name in names.lines() {
            eprintln!("skipped: {name}");
        }
        tally.skipped += names.lines().count();
        // A skipped test returned early and was counted as passed by its program.
        tally.passed = tally.passed.saturating_sub(names.lines().count());
        Ok(tally)
    })
}

fn said<T>(found: Result<T, String>) -> Option<T> {
    found.map_err(|missing| eprintln!("{missing}")).ok()
}

fn run_tests(command: &mut Command) -> Result<Tally, String> {
    let cannot = |error: std::io::Error| format!("the tests cannot be run: {error}");
    let mut child = command.current_dir(root()).stdout(Stdio::piped()).spawn().map_err(cannot)?;
    let mut tally = Tally::default();
    for line in BufReader::new(child.stdout.take().expect("stdout is piped")).lines() {
        let line = line.map_err(cannot)?;
        writeln!(std::io::stderr(), "{line}").map_err(cannot)?;
        count(&line, &mut tally);
    }
    let status = child.wait().map_err(cannot)?;
    // A program that crashed said nothing; it must not look like success.
    tally.failed += usize::from(!status.success() && tally.failed == 0);
    Ok(tally)
}

/// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn count(line: &str, tally: &mut Tally) {
    let Some(figures) = line.strip_prefix("test result: ") else { return };
    for part in figures.split(['.', ';']) {
        let mut words = part.split_whitespace();
        if let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse::<usize>), words.next()) {
            match what {
                "passed" => tally.passed += number,
                "failed" => tally.failed += number,
                "ignored" => tally.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, count};

    #[test]
    fn results_of_several_programs_add_up() {
        let mut tally = Tally::default();
        count("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out", &mut tally);
        count("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured", &mut tally);
        count("running 5 tests", &mut tally);
        assert_eq!((tally.passed, tally.failed, tally.skipped), (14, 3, 1));
    }
}
