//! What the build and the tests need beside Rust: checked, and installed where that is possible.

use crate::build::{WASM, run};
use crate::root;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Makes sure that Rust can compile the page.
pub fn wasm_target() -> Result<(), String> {
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]));
    if installed.is_some_and(|list| list.lines().any(|line| line == WASM)) {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add", WASM]))
        .map_err(|_| format!("the Rust target {WASM} is missing: rustup target add {WASM}"))
}

/// The folder of PostgreSQL's programs.
pub fn postgres() -> Result<PathBuf, String> {
    let find = || {
        let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .filter(|bin| bin.join("initdb").exists())
            .collect();
        versions.sort();
        versions.pop().or_else(|| on_path("initdb")?.parent().map(PathBuf::from))
    };
    find()
        .or_else(|| {
            install(&["postgresql"]);
            find()
        })
        .ok_or_else(|| "PostgreSQL is missing: apt-get install postgresql".to_owned())
}

/// What lets a test's node see another time; the test says itself that it was skipped without it.
pub fn faketime() {
    if on_path("faketime").is_none() {
        install(&["faketime"]);
    }
}

/// A browser, Node.js and the library that drives the browser.
pub fn browser() -> Result<PathBuf, String> {
    let find = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
    let chromium = find()
        .or_else(|| {
            install(&["chromium"]);
            find()
        })
        .ok_or("Chromium is missing: apt-get install chromium")?;
    if on_path("npm").is_none() {
        install(&["nodejs", "npm"]);
    }
    let folder = root().join("tests/browser");
    if !folder.join("node_modules/playwright-core").exists() {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--prefix"]).arg(&folder))
            .map_err(|_| "playwright-core is missing: npm ci --prefix tests/browser (Node.js 20 or later)")?;
    }
    Ok(chromium)
}

/// Asks Debian's package manager where this user may.
fn install(packages: &[&str]) {
    let is_root = output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    if !is_root || on_path("apt-get").is_none() {
        return;
    }
    let quiet = |command: &mut Command| {
        // What is missing afterwards is said by the caller.
        let _ = command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status();
    };
    quiet(Command::new("apt-get").args(["update", "-qq"]));
    quiet(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages));
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
