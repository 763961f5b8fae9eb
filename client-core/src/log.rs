//! The log: lines of canonical changes, and the Automerge document they make up.

mod change;
mod leb;
mod merged;
mod run;

pub use change::{
    ChangeError, MAX_CHANGE_BYTES, Position, Put, decode as decode_change, encode as encode_change,
};
pub use merged::{MergeError, events as events_of_merged, merge};
pub use run::{Changes, MAX_RUN_BYTES, Run, RunError, admit as admit_run, chunks, pack, unpack};

#[cfg(test)]
mod tests;
