//! What needs real nodes: processes, a throw-away PostgreSQL, a city with a branch, fuzz targets.

mod city;
mod postgres;
mod valve;

pub mod conformance;
pub mod fuzz;
pub mod small_city;

pub use city::{CityWithBranch, command, converged, node_program};
pub use lianxiao::demo::line::Line;
pub use lianxiao::demo::processes::NodeProcess;
pub use postgres::{Postgres, cpu_seconds};
pub use valve::Valve;

use std::io::Write;
use std::path::PathBuf;

/// The value of a variable `cargo verify` sets, or `None` after noting that `test` was skipped.
pub fn given_or_skipped(variable: &str, test: &str) -> Option<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from);
    if given.is_none() {
        eprintln!("skipped: {variable} is not set; cargo verify sets it");
        if let Some(list) = std::env::var_os("LIANXIAO_SKIPPED") {
            let mut list =
                std::fs::OpenOptions::new().append(true).create(true).open(list).expect("the list of skips");
            writeln!(list, "{test}: {variable} is not set").expect("the list of skips");
        }
    }
    given
}
