//! Runs: consecutive changes of one line, compressed, as they are stored and sent.
//!
//! A run leaves out what the chain implies. Layout before compression, numbers in LEB128: version 1,
//! count of changes, puts per change, then for all puts their lengths, their ids, their values.

use super::change::{self, ChangeError, MAX_CHANGE_BYTES, Position, Put};
use super::leb::{Reader, put_unsigned};
use crate::ids::{ActorId, ChangeHash, EventId};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use std::io::{Read, Write};

/// The most bytes a run may expand to.
pub const MAX_RUN_BYTES: usize = 4 * 1024 * 1024;

const VERSION: u64 = 1;

/// The changes of a run, in order; each is its puts.
pub type Changes = Vec<Vec<Put>>;

/// Why a run is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The compressed bytes cannot be read.
    #[error("the run cannot be read: {0}")]
    Malformed(&'static str),
    /// It expands to more than [`MAX_RUN_BYTES`].
    #[error("the run expands to more than {MAX_RUN_BYTES} bytes")]
    TooLarge,
    /// A change in it is refused.
    #[error("change {seq} {error}")]
    Change {
        /// Its sequence number.
        seq: u64,
        /// What is wrong with it.
        error: ChangeError,
    },
    /// The changes do not end in the hash that was announced.
    #[error("the run ends in {found}, not in the announced {announced}")]
    WrongHash {
        /// The hash the sender named.
        announced: ChangeHash,
        /// The hash the changes give.
        found: ChangeHash,
    },
}

/// Compresses changes that follow each other on one line.
pub fn pack(changes: &[Vec<Put>]) -> Vec<u8> {
    let puts = || changes.iter().flatten();
    let mut plain = Vec::new();
    put_unsigned(&mut plain, VERSION);
    put_unsigned(&mut plain, changes.len() as u64);
    for change in changes {
        put_unsigned(&mut plain, change.len() as u64);
    }
    for put in puts() {
        put_unsigned(&mut plain, put.value.len() as u64);
    }
    for put in puts() {
        plain.extend_from_slice(&put.id.0);
    }
    for put in puts() {
        plain.extend_from_slice(&put.value);
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(&plain).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// Expands a run without checking it against a line.
pub fn unpack(bytes: &[u8]) -> Result<Changes, RunError> {
    const SHORT: RunError = RunError::Malformed("it ends early");
    let mut plain = Vec::new();
    DeflateDecoder::new(bytes)
        .take(MAX_RUN_BYTES as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|_| RunError::Malformed("it does not decompress"))?;
    if plain.len() > MAX_RUN_BYTES {
        return Err(RunError::TooLarge);
    }
    let mut reader = Reader::new(&plain);
    if reader.unsigned().ok_or(SHORT)? != VERSION {
        return Err(RunError::Malformed("its version is unknown; a newer program wrote it"));
    }
    let change_count = reader.unsigned().ok_or(SHORT)?;
    let mut put_counts = Vec::new();
    for _ in 0..change_count {
        let count = reader.unsigned().ok_or(SHORT)?;
        if count as usize > MAX_CHANGE_BYTES {
            return Err(RunError::Malformed("a change has too many events"));
        }
        put_counts.push(count as usize);
    }
    let total = put_counts.iter().try_fold(0usize, |sum, n| sum.checked_add(*n)).ok_or(SHORT)?;
    let mut lengths = Vec::new();
    for _ in 0..total {
        lengths.push(reader.unsigned().ok_or(SHORT)? as usize);
    }
    let ids = reader.take(total.checked_mul(EventId::LEN).ok_or(SHORT)?).ok_or(SHORT)?;
    let mut ids = ids.chunks_exact(EventId::LEN);
    let mut lengths = lengths.into_iter();
    let mut changes = Vec::with_capacity(put_counts.len());
    for count in put_counts {
        let mut puts = Vec::with_capacity(count);
        for _ in 0..count {
            let id = ids.next().and_then(|bytes| EventId::from_slice(bytes).ok()).ok_or(SHORT)?;
            let value = reader.take(lengths.next().ok_or(SHORT)?).ok_or(SHORT)?.to_vec();
            puts.push(Put { id, value });
        }
        changes.push(puts);
    }
    if reader.remaining() != 0 {
        return Err(RunError::Malformed("bytes follow its end"));
    }
    Ok(changes)
}

/// Expands a run and rebuilds every change on the line it continues. Returns the changes and where
/// the line stands after them; refuses a run that does not end in `announced`.
pub fn admit(
    actor: ActorId,
    at: &Position,
    bytes: &[u8],
    announced: ChangeHash,
) -> Result<(Changes, Position), RunError> {
    let changes = unpack(bytes)?;
    let mut position = *at;
    for puts in &changes {
        let (_, after) = change::encode(actor, &position, puts)
            .map_err(|error| RunError::Change { seq: position.seq + 1, error })?;
        position = after;
    }
    if position.hash != announced || changes.is_empty() {
        return Err(RunError::WrongHash { announced, found: position.hash });
    }
    Ok((changes, position))
}

/// Rebuilds the chunks of a run, for the merged document.
pub fn chunks(
    actor: ActorId,
    at: &Position,
    changes: &[Vec<Put>],
) -> Result<(Vec<Vec<u8>>, Position), RunError> {
    let mut position = *at;
    let mut chunks = Vec::with_capacity(changes.len());
    for puts in changes {
        let (chunk, after) = change::encode(actor, &position, puts)
            .map_err(|error| RunError::Change { seq: position.seq + 1, error })?;
        chunks.push(chunk);
        position = after;
    }
    Ok((chunks, position))
}
