//! The one canonical shape of a change, written and checked without Automerge.
//!
//! A canonical change is an uncompressed Automerge change chunk whose operations are puts of bytes at
//! the root map and nothing else. Everything in it but the puts follows from the line it continues
//! (actor, sequence number, dependency, first operation), so it is written from the puts alone, and
//! reading is: take the puts out, write them again, compare. Anything else is refused before
//! Automerge could see it. A property test holds our bytes equal to Automerge's own.

use super::leb::{Reader, put_signed, put_unsigned};
use crate::ids::{ActorId, ChangeHash, EventId};
use sha2::{Digest, Sha256};

/// The largest chunk of one change, in bytes.
pub const MAX_CHANGE_BYTES: usize = 64 * 1024;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHUNK_TYPE_CHANGE: u8 = 1;
const VALUE_TYPE_BYTES: u64 = 7;
const ACTION_PUT: u64 = 1;

/// Where a line stands: the next change continues from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Sequence number of the last change, 0 before the first.
    pub seq: u64,
    /// Hash of the last change, zeros before the first.
    pub hash: ChangeHash,
    /// Number of the next operation; 1 before the first.
    pub next_op: u64,
}

impl Position {
    /// Before the first change.
    pub const START: Self = Self { seq: 0, hash: ChangeHash([0; 32]), next_op: 1 };
}

/// One entry of the root map: an event under its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The event's id; the key is its hexadecimal text.
    pub id: EventId,
    /// The encoded envelope.
    pub value: Vec<u8>,
}

/// Why bytes are not the canonical change that continues a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The chunk is not an uncompressed change chunk, or ends early.
    #[error("not an uncompressed change chunk: {0}")]
    Malformed(&'static str),
    /// The chunk holds something other than puts of bytes under event ids at the root.
    #[error("holds more than puts of events at the root: {0}")]
    NotPuts(&'static str),
    /// The puts, written canonically, give other bytes: another actor, sequence number, dependency,
    /// first operation, time, message or spare bytes.
    #[error("is not the canonical next change of this line (expected seq {expected_seq})")]
    NotCanonical {
        /// The sequence number the line expects next.
        expected_seq: u64,
    },
    /// Larger than [`MAX_CHANGE_BYTES`].
    #[error("is {bytes} bytes; a change has at most {MAX_CHANGE_BYTES}")]
    TooLarge {
        /// The size met.
        bytes: usize,
    },
    /// No event, the same event twice, or an event without bytes.
    #[error("holds no event, one event twice, or an empty event")]
    BadPuts,
    /// The line has no room for more operations.
    #[error("the line is full")]
    LineFull,
}

/// Writes the next change of a line: the chunk's bytes and where the line stands after it.
pub fn encode(actor: ActorId, at: &Position, puts: &[Put]) -> Result<(Vec<u8>, Position), ChangeError> {
    check_puts(puts)?;
    let next_op = at
        .next_op
        .checked_add(puts.len() as u64)
        .filter(|next| *next < u64::from(u32::MAX))
        .ok_or(ChangeError::LineFull)?;
    let body = encode_body(actor, at, puts);
    let mut hashed = Vec::with_capacity(body.len() + 12);
    hashed.push(CHUNK_TYPE_CHANGE);
    put_unsigned(&mut hashed, body.len() as u64);
    hashed.extend_from_slice(&body);
    let hash: [u8; 32] = Sha256::digest(&hashed).into();
    let mut chunk = Vec::with_capacity(hashed.len() + 8);
    chunk.extend_from_slice(&MAGIC);
    chunk.extend_from_slice(&hash[..4]);
    chunk.extend_from_slice(&hashed);
    if chunk.len() > MAX_CHANGE_BYTES {
        return Err(ChangeError::TooLarge { bytes: chunk.len() });
    }
    Ok((chunk, Position { seq: at.seq + 1, hash: ChangeHash(hash), next_op }))
}

/// Checks that the bytes are the canonical next change of a line and takes the puts out.
pub fn decode(actor: ActorId, at: &Position, chunk: &[u8]) -> Result<(Vec<Put>, Position), ChangeError> {
    if chunk.len() > MAX_CHANGE_BYTES {
        return Err(ChangeError::TooLarge { bytes: chunk.len() });
    }
    let puts = read_puts(chunk)?;
    let (expected, after) = encode(actor, at, &puts)?;
    if expected != chunk {
        return Err(ChangeError::NotCanonical { expected_seq: at.seq + 1 });
    }
    Ok((puts, after))
}

fn check_puts(puts: &[Put]) -> Result<(), ChangeError> {
    let mut ids: Vec<EventId> = puts.iter().map(|put| put.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if puts.is_empty() || ids.len() != puts.len() || puts.iter().any(|put| put.value.is_empty()) {
        return Err(ChangeError::BadPuts);
    }
    Ok(())
}

/// Column specifications of Automerge's binary format: column id × 16 + type.
mod column {
    pub const KEY_TEXT: u64 = 0x15;
    pub const INSERT: u64 = 0x34;
    pub const ACTION: u64 = 0x42;
    pub const VALUE_META: u64 = 0x56;
    pub const VALUE_RAW: u64 = 0x57;
    pub const PRED_COUNT: u64 = 0x70;
}

fn encode_body(actor: ActorId, at: &Position, puts: &[Put]) -> Vec<u8> {
    let count = puts.len() as u64;
    let mut keys = Vec::with_capacity(puts.len() * 33 + 4);
    put_signed(&mut keys, -(count as i64));
    for put in puts {
        put_unsigned(&mut keys, 32);
        keys.extend_from_slice(put.id.to_hex().as_bytes());
    }
    let mut insert = Vec::new();
    put_unsigned(&mut insert, count);
    let lengths: Vec<u64> =
        puts.iter().map(|put| ((put.value.len() as u64) << 4) | VALUE_TYPE_BYTES).collect();
    let raw: Vec<u8> = puts.iter().flat_map(|put| put.value.iter().copied()).collect();
    let columns = [
        (column::KEY_TEXT, keys),
        (column::INSERT, insert),
        (column::ACTION, run_length(&vec![ACTION_PUT; puts.len()])),
        (column::VALUE_META, run_length(&lengths)),
        (column::VALUE_RAW, raw),
        (column::PRED_COUNT, run_length(&vec![0; puts.len()])),
    ];

    let mut body = Vec::new();
    if at.seq == 0 {
        put_unsigned(&mut body, 0);
    } else {
        put_unsigned(&mut body, 1);
        body.extend_from_slice(&at.hash.0);
    }
    put_unsigned(&mut body, ActorId::LEN as u64);
    body.extend_from_slice(&actor.0);
    put_unsigned(&mut body, at.seq + 1);
    put_unsigned(&mut body, at.next_op);
    put_signed(&mut body, 0); // time
    put_unsigned(&mut body, 0); // message
    put_unsigned(&mut body, 0); // other actors
    put_unsigned(&mut body, columns.len() as u64);
    for (spec, data) in &columns {
        put_unsigned(&mut body, *spec);
        put_unsigned(&mut body, data.len() as u64);
    }
    for (_, data) in &columns {
        body.extend_from_slice(data);
    }
    body
}

/// Automerge's run-length encoding: `n value` for a run of two and more, `-n values…` for a literal run.
fn run_length(values: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut literal_from = 0;
    let mut at = 0;
    while at < values.len() {
        let run = values[at..].iter().take_while(|value| **value == values[at]).count();
        if run >= 2 {
            flush_literal(&mut bytes, &values[literal_from..at]);
            put_signed(&mut bytes, run as i64);
            put_unsigned(&mut bytes, values[at]);
            literal_from = at + run;
        }
        at += run;
    }
    flush_literal(&mut bytes, &values[literal_from..]);
    bytes
}

fn flush_literal(bytes: &mut Vec<u8>, values: &[u64]) {
    if values.is_empty() {
        return;
    }
    put_signed(bytes, -(values.len() as i64));
    for value in values {
        put_unsigned(bytes, *value);
    }
}

/// Takes the puts out of a chunk, trusting nothing; what it skips is held by comparing afterwards.
fn read_puts(chunk: &[u8]) -> Result<Vec<Put>, ChangeError> {
    const SHORT: ChangeError = ChangeError::Malformed("it ends early");
    if chunk.get(..4) != Some(&MAGIC) {
        return Err(ChangeError::Malformed("it does not begin with Automerge's magic bytes"));
    }
    if chunk.get(8) != Some(&CHUNK_TYPE_CHANGE) {
        return Err(ChangeError::Malformed("it is of another chunk type, or compressed"));
    }
    let mut reader = Reader::new(&chunk[9..]);
    let length = reader.unsigned().ok_or(SHORT)? as usize;
    if reader.remaining() != length {
        return Err(ChangeError::Malformed("its length does not fit"));
    }
    let deps = reader.unsigned().ok_or(SHORT)?;
    if deps > 1 {
        return Err(ChangeError::NotPuts("more than one dependency"));
    }
    reader.take(deps as usize * 32).ok_or(SHORT)?;
    let actor_len = reader.unsigned().ok_or(SHORT)? as usize;
    reader.take(actor_len).ok_or(SHORT)?;
    for _ in 0..2 {
        reader.unsigned().ok_or(SHORT)?;
    }
    reader.signed().ok_or(SHORT)?;
    let message_len = reader.unsigned().ok_or(SHORT)? as usize;
    reader.take(message_len).ok_or(SHORT)?;
    if reader.unsigned().ok_or(SHORT)? != 0 {
        return Err(ChangeError::NotPuts("another actor"));
    }
    let columns = reader.unsigned().ok_or(SHORT)?;
    if columns != 6 {
        return Err(ChangeError::NotPuts("other columns than key, action and value"));
    }
    let mut lengths = [0usize; 6];
    for length in &mut lengths {
        reader.unsigned().ok_or(SHORT)?;
        *length = reader.unsigned().ok_or(SHORT)? as usize;
    }
    let mut keys = Reader::new(reader.take(lengths[0]).ok_or(SHORT)?);
    let skipped = lengths[1].checked_add(lengths[2]).ok_or(SHORT)?;
    reader.take(skipped).ok_or(SHORT)?;
    let mut value_lengths = Reader::new(reader.take(lengths[3]).ok_or(SHORT)?);
    let mut raw = Reader::new(reader.take(lengths[4]).ok_or(SHORT)?);

    let count = keys.signed().ok_or(SHORT)?;
    if !(-(MAX_CHANGE_BYTES as i64)..0).contains(&count) {
        return Err(ChangeError::NotPuts("keys that are not one literal run"));
    }
    let mut ids = Vec::new();
    for _ in 0..-count {
        let length = keys.unsigned().ok_or(SHORT)? as usize;
        let key = keys.take(length).ok_or(SHORT)?;
        let id = std::str::from_utf8(key).ok().and_then(|text| EventId::from_hex(text).ok());
        ids.push(id.ok_or(ChangeError::NotPuts("a key that is not an event id"))?);
    }
    let mut puts = Vec::with_capacity(ids.len());
    let mut ids = ids.into_iter();
    while let Some(header) = value_lengths.signed() {
        let literal = header < 0;
        let mut meta = 0;
        for n in 0..header.unsigned_abs() {
            if literal || n == 0 {
                meta = value_lengths.unsigned().ok_or(SHORT)?;
            }
            if meta & 15 != VALUE_TYPE_BYTES {
                return Err(ChangeError::NotPuts("a value that is not bytes"));
            }
            let id = ids.next().ok_or(ChangeError::NotPuts("more values than keys"))?;
            let value = raw.take((meta >> 4) as usize).ok_or(SHORT)?.to_vec();
            puts.push(Put { id, value });
        }
    }
    Ok(puts)
}
