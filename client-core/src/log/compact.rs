//! Compaction: many small runs of one line become few, with the same changes under the last signature.

use super::{Run, RunError};

/// The size runs are joined up to. A session sends no part of one: a line has to hold as long as it takes.
pub const COMPACT_BYTES: usize = 8 * 1024;

/// Joins runs that follow each other on one line, as long as a joined run stays within
/// [`COMPACT_BYTES`]; larger runs stay as they are. Every joined run ends where one of `runs` ended.
pub fn compact(mut runs: Vec<Run>) -> Result<Vec<Run>, RunError> {
    // Small runs compress badly alone: what is joined leaves room for more.
    loop {
        let before = runs.len();
        let mut joined = Vec::new();
        let mut group: Vec<Run> = Vec::new();
        let mut bytes = 0;
        for run in runs {
            let follows =
                group.last().is_some_and(|last| last.key() == run.key() && last.end() == run.start());
            if !follows || bytes + run.bytes.len() > COMPACT_BYTES {
                joined.append(&mut Run::join_all(&group)?);
                group.clear();
                bytes = 0;
            }
            bytes += run.bytes.len();
            group.push(run);
        }
        joined.append(&mut Run::join_all(&group)?);
        if joined.len() == before {
            return Ok(joined);
        }
        runs = joined;
    }
}
