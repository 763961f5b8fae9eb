//! `cargo demo` and `cargo verify`: each does its own set-up, builds what it needs and runs it.

mod build;
mod setup;
mod steps;
mod verify;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let done = match task.as_str() {
        "demo" => demo(arguments),
        "verify" => verify::verify(),
        _ => Err("say `cargo demo` or `cargo verify`".to_owned()),
    };
    done.unwrap_or_else(|problem| {
        eprintln!("{problem}");
        ExitCode::FAILURE
    })
}

/// Builds page and program, then runs the demo with the arguments given.
fn demo(arguments: impl Iterator<Item = String>) -> Result<ExitCode, String> {
    match setup::wasm_target() {
        Ok(()) => build::page()?,
        Err(missing) => eprintln!("the page is left out: {missing}"),
    }
    build::node()?;
    let mut command = Command::new(build::node_path());
    command.arg("demo").args(arguments);
    command.env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "warn".into()));
    let status = command.status().map_err(|error| format!("the demo cannot be started: {error}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("tests/tasks lies two folders below the root").to_owned()
}
