//! Segments: a sealed stretch of one document as an immutable file, named by the SHA-256 of its bytes.
//!
//! A file is the magic, the length of the header and the header, then every run after its length.
//! Lengths are four bytes, big-endian. Nothing in it is believed: its runs carry their authors'
//! signatures and pass the same door as any other.

use super::{Head, Run};
use crate::event::DocumentId;
use crate::ids::{ActorId, ChangeHash, CityId, SegmentId, Signature};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};
use sha2::{Digest, Sha256};

/// How a segment begins; the last byte is the version of the layout.
pub const SEGMENT_MAGIC: [u8; 8] = *b"LXSEGMT\x01";

/// The largest header a reader takes.
pub const MAX_HEADER_BYTES: usize = 4 * 1024 * 1024;

/// The largest run a reader takes, with what stands around its changes.
pub const MAX_RECORD_BYTES: usize = 2 * 1024 * 1024;

const LENGTH: usize = 4;

/// What a segment says of itself. The frontiers help to choose one; they count for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHeader {
    /// The city.
    pub city: CityId,
    /// The document.
    pub document: DocumentId,
    /// Every line's head before the first run.
    pub from: Vec<Head>,
    /// Every line's head after the last run.
    pub to: Vec<Head>,
    /// What travels ahead of the actors whose log begins in it.
    pub introductions: Vec<(ActorId, ByteBuf)>,
    /// How many runs follow.
    pub runs: u64,
}

impl SegmentHeader {
    /// Describes runs that follow `from`; a line comes before those that part from it.
    pub fn over(city: CityId, document: DocumentId, from: Vec<Head>, runs: &[Run]) -> Self {
        let mut to = from.clone();
        for run in runs {
            let start = Head { actor: run.actor, seq: run.first_seq - 1, hash: run.before };
            match to.iter_mut().find(|head| **head == start) {
                Some(head) => *head = run.head(),
                None => to.push(run.head()),
            }
        }
        to.sort_unstable();
        Self { city, document, from, to, introductions: Vec::new(), runs: runs.len() as u64 }
    }

    /// The file up to its first run.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = SEGMENT_MAGIC.to_vec();
        put_record(&mut bytes, &rmp_serde::to_vec(self).expect("a header always encodes"));
        bytes
    }

    /// Reads what [`SegmentHeader::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, SegmentError> {
        let mut reader = SegmentReader::default();
        reader.push(bytes);
        reader.header()?.cloned().ok_or(SegmentError::NoHeader)
    }

    fn introduction(&self, run: &Run) -> Option<Vec<u8>> {
        let found = self.introductions.iter().find(|(actor, _)| *actor == run.actor);
        found.filter(|_| run.first_seq == 1).map(|(_, bytes)| bytes.to_vec())
    }
}

/// The fields of a run in a segment, in this order whatever becomes of [`Run`]: the same runs give
/// the same file for ever. The document stands in the header.
#[derive(Serialize)]
struct Record<'a>(
    ActorId,
    u64,
    ChangeHash,
    u64,
    u64,
    ChangeHash,
    u32,
    Signature,
    #[serde(with = "serde_bytes")] &'a Bytes,
);

type ReadRecord = (ActorId, u64, ChangeHash, u64, u64, ChangeHash, u32, Signature, ByteBuf);

/// One run as it stands in a segment.
pub fn segment_record(run: &Run) -> Vec<u8> {
    let record = Record(
        run.actor,
        run.first_seq,
        run.before,
        run.first_op,
        run.last_seq,
        run.last_hash,
        run.events,
        run.attestation,
        Bytes::new(&run.bytes),
    );
    let mut bytes = Vec::new();
    put_record(&mut bytes, &rmp_serde::to_vec(&record).expect("a run always encodes"));
    bytes
}

fn put_record(bytes: &mut Vec<u8>, record: &[u8]) {
    bytes.extend_from_slice(&(record.len() as u32).to_be_bytes());
    bytes.extend_from_slice(record);
}

/// The address of a whole file.
pub fn segment_id(bytes: &[u8]) -> SegmentId {
    SegmentId(Sha256::digest(bytes).into())
}

/// Why a file is not a segment this program can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// It begins with something else.
    #[error("this is not a segment: it does not begin with {:?}", String::from_utf8_lossy(&SEGMENT_MAGIC[..7]))]
    NotASegment,
    /// A newer program wrote it.
    #[error("the segment has layout {found}, this program reads {}: update the program", SEGMENT_MAGIC[7])]
    Version {
        /// Its layout.
        found: u8,
    },
    /// The header ends early.
    #[error("the segment ends within its header: fetch the rest of it")]
    NoHeader,
    /// A length is beyond what anybody writes.
    #[error("a part of the segment claims {bytes} bytes; the most is {most}")]
    TooLarge {
        /// The length it claims.
        bytes: usize,
        /// The largest there is.
        most: usize,
    },
    /// A part cannot be read.
    #[error("the segment is damaged: {0}")]
    Malformed(String),
    /// Runs are missing at its end.
    #[error("the segment ends early: {missing} of its runs are missing; fetch the rest of it")]
    Truncated {
        /// How many.
        missing: u64,
    },
    /// Something follows its last run.
    #[error("the segment is damaged: {bytes} bytes follow its last run")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// A run of a segment, with its actor's introduction where it begins the log.
pub type SegmentRun = (Run, Option<Vec<u8>>);

/// Reads a segment run by run out of whatever pieces it comes in; holds one piece and one run at a time.
#[derive(Debug, Default)]
pub struct SegmentReader {
    buffer: Vec<u8>,
    read: usize,
    header: Option<SegmentHeader>,
    taken: u64,
}

impl SegmentReader {
    /// The next piece of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.read));
        self.buffer.extend_from_slice(bytes);
    }

    /// The header, once enough of the file was pushed.
    pub fn header(&mut self) -> Result<Option<&SegmentHeader>, SegmentError> {
        if self.header.is_none() {
            let rest = &self.buffer[self.read..];
            let magic = &rest[..rest.len().min(SEGMENT_MAGIC.len())];
            let same = magic.len().min(7);
            if magic[..same] != SEGMENT_MAGIC[..same] {
                return Err(SegmentError::NotASegment);
            }
            let Some(version) = magic.get(7) else { return Ok(None) };
            if *version != SEGMENT_MAGIC[7] {
                return Err(SegmentError::Version { found: *version });
            }
            let Some(record) = record(&rest[8..], MAX_HEADER_BYTES)? else { return Ok(None) };
            let header: SegmentHeader = rmp_serde::from_slice(record).map_err(malformed)?;
            self.read += SEGMENT_MAGIC.len() + LENGTH + record.len();
            self.header = Some(header);
        }
        Ok(self.header.as_ref())
    }

    /// The next run; `None` when more of the file is needed, or none is left.
    pub fn next_run(&mut self) -> Result<Option<SegmentRun>, SegmentError> {
        self.header()?;
        let Some(header) = &self.header else { return Ok(None) };
        let rest = &self.buffer[self.read..];
        if self.taken >= header.runs {
            return match rest.len() {
                0 => Ok(None),
                bytes => Err(SegmentError::Trailing { bytes }),
            };
        }
        let Some(record) = record(rest, MAX_RECORD_BYTES)? else { return Ok(None) };
        let (actor, first_seq, before, first_op, last_seq, last_hash, events, attestation, bytes): ReadRecord =
            rmp_serde::from_slice(record).map_err(malformed)?;
        let run = Run {
            document: header.document,
            actor,
            first_seq,
            before,
            first_op,
            last_seq,
            last_hash,
            events,
            attestation,
            bytes: bytes.into_vec(),
        };
        let introduction = header.introduction(&run);
        self.read += LENGTH + record.len();
        self.taken += 1;
        Ok(Some((run, introduction)))
    }

    /// The file ended here: is that all of it?
    pub fn finish(mut self) -> Result<(), SegmentError> {
        let runs = self.header()?.ok_or(SegmentError::NoHeader)?.runs;
        match runs.checked_sub(self.taken) {
            Some(0) | None => self.next_run().map(drop),
            Some(missing) => Err(SegmentError::Truncated { missing }),
        }
    }
}

fn malformed(error: rmp_serde::decode::Error) -> SegmentError {
    SegmentError::Malformed(error.to_string())
}

/// What stands after its length, once all of it is there.
fn record(bytes: &[u8], most: usize) -> Result<Option<&[u8]>, SegmentError> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else { return Ok(None) };
    let bytes = u32::from_be_bytes(*length) as usize;
    if bytes > most {
        return Err(SegmentError::TooLarge { bytes, most });
    }
    Ok(rest.get(..bytes))
}

#[cfg(test)]
mod tests;
