//! What needs real nodes: processes, a throw-away PostgreSQL, a city with a branch, fuzz targets.

mod city;
mod commands;
mod control;
mod device;
mod memory;
mod postgres;
mod rogue;
mod town;
mod valve;

pub mod conformance;
pub mod fuzz;
pub mod scene;
pub mod small_city;
pub mod words;

pub use city::{CityWithBranch, command, converged, node_program};
pub use commands::command_for;
pub use control::control;
pub use device::Device;
pub use lianxiao::demo::line::Line;
pub use lianxiao::demo::processes::NodeProcess;
pub use memory::peak_memory_mb;
pub use postgres::{Postgres, cpu_seconds};
pub use rogue::{Rogue, Said, Uploaded};
pub use town::{CITY, Town, copy_folder};
pub use valve::Valve;

use std::io::Write;
use std::path::PathBuf;

/// Notes that a test, or a part of it, was skipped, and why.
pub fn skipped(test: &str, why: &str) {
    eprintln!("skipped: {why}");
    if let Some(list) = std::env::var_os("LIANXIAO_SKIPPED") {
        let list = std::fs::OpenOptions::new().append(true).create(true).open(list);
        writeln!(list.expect("the list of skips"), "{test}: {why}").expect("the list of skips");
    }
}

/// The value of a variable `cargo verify` sets, or `None` after noting that `test` was skipped.
pub fn given_or_skipped(variable: &str, test: &str) -> Option<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from);
    if given.is_none() {
        skipped(test, &format!("{variable} is not set; cargo verify sets it"));
    }
    given
}
