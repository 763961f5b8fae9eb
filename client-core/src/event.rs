//! What every event has, whatever its kind: where it lies, who may say it, its bytes and its bounds.
//!
//! The kinds themselves stand with their subjects in [`crate::domain`].

pub(crate) mod bounds;
mod document;
mod draft;
mod envelope;
mod kind;
mod ruling;

pub(crate) use bounds::is_hidden;
pub use bounds::{Checked, Limit, MOST_COUNT, MOST_NAME_BYTES, MOST_TEXT_BYTES, OutOfBounds};
pub use document::{DocumentId, EventRef, Scope};
pub use draft::Draft;
pub use envelope::{DecodeError, Envelope};
pub use kind::{Body, Kind, KindInfo, Older, Register, Speaker, Statement, Subject, Supersedes};
pub use ruling::{Accepted, Basis, Brought, KnownHead, KnownLines, Named, OnLine, Ruling};
