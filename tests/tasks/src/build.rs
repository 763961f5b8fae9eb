//! Building the page and the node.

use crate::root;
use std::path::PathBuf;
use std::process::Command;

/// The target of the page.
pub const WASM: &str = "wasm32-unknown-unknown";

/// Compiles the page and bundles it into `target/page`, where the node's build takes it from.
pub fn page() -> Result<(), String> {
    cargo(&["build", "--profile", "web", "--target", WASM, "--package", "lianxiao-web"])?;
    cargo(&["build", "--release", "--package", "bundle"])?;
    let wasm = target().join(WASM).join("web/lianxiao-web.wasm");
    let mut bundle = Command::new(target().join("release/bundle"));
    bundle.arg(wasm).arg(target().join("page"));
    run(&mut bundle)
}

/// Compiles the node.
pub fn node() -> Result<(), String> {
    cargo(&["build", "--release", "--package", "lianxiao"])
}

/// The compiled node.
pub fn node_path() -> PathBuf {
    target().join("release").join(format!("lianxiao{}", std::env::consts::EXE_SUFFIX))
}

/// Runs cargo in the workspace.
pub fn cargo(arguments: &[&str]) -> Result<(), String> {
    run(Command::new(env!("CARGO")).args(arguments))
}

/// Runs a program in the workspace.
pub fn run(command: &mut Command) -> Result<(), String> {
    let status = command.current_dir(root()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(error) => Err(format!("{command:?} cannot be started: {error}")),
    }
}

fn target() -> PathBuf {
    root().join("target")
}
