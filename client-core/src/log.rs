//! The log: lines of canonical changes, and the Automerge document they make up.

mod change;
mod columns;
mod compact;
mod leb;
mod ledger;
mod merged;
mod run;
mod segment;
mod shelf;
mod token;

pub use change::{
    ChangeError, MAX_CHANGE_BYTES, Position, Put, decode as decode_change, encode as encode_change,
};
pub use compact::{COMPACT_BYTES, compact};
pub use ledger::{ActorLog, Frontier, Head, Ledger, Line, LogKey, MAX_LINES, Place};
pub use merged::{MergeError, events as events_of_merged, merge};
pub use run::{
    Changes, MAX_RUN_BYTES, MAX_RUN_EVENTS, Run, RunError, admit as admit_run, chunks, pack, unpack,
};
pub use segment::{
    MAX_HEADER_BYTES, MAX_RECORD_BYTES, SEGMENT_MAGIC, SegmentError, SegmentHeader, SegmentReader,
    SegmentRun, segment_id, segment_record,
};
pub use shelf::{FeedItem, Link, MemoryShelf, Shelf, ShelfError, links, locate, points, position_in};

#[cfg(test)]
mod tests;
