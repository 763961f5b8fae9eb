//! Runs: consecutive changes of one line, compressed, as they are stored and sent.
//!
//! A run leaves out what the chain implies. Layout before compression, numbers in LEB128: version 1,
//! count of changes, puts per change as (how many changes, puts in each), then the puts in columns.
//! A first byte says whether this is deflated.

use super::change::{self, ChangeError, Position, Put};
use super::columns;
use super::leb::{Reader, put_unsigned};
use super::ledger::{Head, LogKey};
use crate::event::DocumentId;
use crate::identity::{self, Certificate, SecretKey};
use crate::ids::{ActorId, ChangeHash, CityId, Signature};
use flate2::{Compression, Decompress, FlushDecompress, Status, write::DeflateEncoder};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Write;

/// The most bytes a run may expand to.
pub const MAX_RUN_BYTES: usize = 4 * 1024 * 1024;

/// The most events of a run; it bounds what reading one takes beyond its bytes.
pub const MAX_RUN_EVENTS: usize = 64 * 1024;

/// Runs are joined up to so many bytes of values and [`EVENT_ROOM`] an event, so that the layout fits too.
const MOST_JOINED: usize = MAX_RUN_BYTES - 128 * 1024;
const EVENT_ROOM: usize = 64;

const VERSION: u64 = 1;
/// The first byte of a run says how the rest is kept.
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;
/// Below this many bytes deflating costs more than it saves.
const LEAST_DEFLATED: usize = 256;

/// The changes of a run, in order; each is its puts.
pub type Changes = Vec<Vec<Put>>;

/// A run as it is stored and sent: what the line implies, the compressed changes, and the author's
/// signature over the last of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The document.
    pub document: DocumentId,
    /// The line.
    pub actor: ActorId,
    /// Sequence number of the first change.
    pub first_seq: u64,
    /// Hash of the change before the first; zeros where there is none.
    pub before: ChangeHash,
    /// Number of the first operation.
    pub first_op: u64,
    /// Sequence number of the last change.
    pub last_seq: u64,
    /// Hash of the last change.
    pub last_hash: ChangeHash,
    /// How many events it holds.
    pub events: u32,
    /// The author's signature over the last change.
    pub attestation: Signature,
    /// The compressed changes, see [`pack`].
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl Run {
    /// Whose changes, and where.
    pub fn key(&self) -> LogKey {
        LogKey { document: self.document, actor: self.actor }
    }

    /// The head it leaves the line at, as peers name it.
    pub fn head(&self) -> Head {
        Head { actor: self.actor, seq: self.last_seq, hash: self.last_hash }
    }

    /// Where the line stands before the first change.
    pub fn start(&self) -> Position {
        Position { seq: self.first_seq - 1, hash: self.before, next_op: self.first_op }
    }

    /// Where the line stands after the last change.
    pub fn end(&self) -> Position {
        Position { seq: self.last_seq, hash: self.last_hash, next_op: self.first_op + u64::from(self.events) }
    }

    /// Puts changes that continue `at` into a run, signed by their author.
    pub fn write(
        city: CityId,
        key: &SecretKey,
        document: DocumentId,
        actor: ActorId,
        at: &Position,
        changes: &[Vec<Put>],
    ) -> Result<Self, RunError> {
        let (_, end) = chunks(actor, at, changes)?;
        let message = identity::attestation(city, &document, actor, end.seq, end.hash);
        Ok(Self {
            document,
            actor,
            first_seq: at.seq + 1,
            before: at.hash,
            first_op: at.next_op,
            last_seq: end.seq,
            last_hash: end.hash,
            events: changes.iter().map(|puts| puts.len() as u32).sum(),
            attestation: key.sign(&message),
            bytes: pack(changes),
        })
    }

    /// Checks that its numbers can be those of any run; [`Run::start`] and [`Run::end`] rely on it.
    pub fn check_numbers(&self) -> Result<(), RunError> {
        let ops = 1..u64::from(u32::MAX);
        let in_order = 1 <= self.first_seq && self.first_seq <= self.last_seq && self.last_seq < ops.end;
        if in_order && ops.contains(&self.first_op) {
            Ok(())
        } else {
            Err(RunError::Malformed("its sequence or operation numbers are out of range"))
        }
    }

    /// Checks every byte of it against the line it continues and the author's certificate, and
    /// expands it. This is the whole of what the door checks.
    pub fn admit(&self, city: CityId, author: &Certificate) -> Result<Changes, RunError> {
        self.check_numbers()?;
        if !author.may_write(&self.document) {
            return Err(RunError::NotAllowed);
        }
        let (changes, end) = admit(self.actor, &self.start(), &self.bytes, self.last_hash)?;
        if end != self.end() {
            return Err(RunError::Malformed("its counts do not fit its changes"));
        }
        let message = identity::attestation(city, &self.document, self.actor, self.last_seq, self.last_hash);
        if !identity::verify(author.key, &message, &self.attestation) {
            return Err(RunError::BadSignature);
        }
        Ok(changes)
    }

    /// The part of the run after `seq`, for a peer that has the first changes of it.
    pub fn after(&self, seq: u64) -> Result<Self, RunError> {
        if seq < self.first_seq {
            return Ok(self.clone());
        }
        let mut changes = unpack(&self.bytes)?;
        let kept = changes.split_off(((seq + 1 - self.first_seq) as usize).min(changes.len()));
        let (_, cut) = chunks(self.actor, &self.start(), &changes)?;
        Ok(Self {
            first_seq: cut.seq + 1,
            before: cut.hash,
            first_op: cut.next_op,
            events: kept.iter().map(|puts| puts.len() as u32).sum(),
            bytes: pack(&kept),
            ..self.clone()
        })
    }

    /// Joins runs that follow each other on one line; the last signature covers all.
    pub fn join(runs: &[Run]) -> Result<Option<Self>, RunError> {
        if let [run] = runs {
            return Ok(Some(run.clone()));
        }
        let mut changes = Vec::new();
        for run in runs {
            changes.extend(unpack(&run.bytes)?);
        }
        Ok((!runs.is_empty()).then(|| Self::over(runs, &changes)))
    }

    /// Joins runs that follow each other on one line into as few as a reader takes.
    pub fn join_all(runs: &[Run]) -> Result<Vec<Self>, RunError> {
        if runs.len() < 2 {
            return Ok(runs.to_vec());
        }
        let (mut joined, mut from) = (Vec::new(), 0);
        let (mut held, mut size) = (Changes::new(), 0);
        for (n, run) in runs.iter().enumerate() {
            let changes = unpack(&run.bytes)?;
            let own: usize = changes.iter().flatten().map(|put| put.value.len() + EVENT_ROOM).sum();
            if n > from && size + own > MOST_JOINED {
                joined.push(Self::over(&runs[from..n], &held));
                (from, size) = (n, 0);
                held.clear();
            }
            size += own;
            held.extend(changes);
        }
        joined.push(Self::over(&runs[from..], &held));
        Ok(joined)
    }

    /// The run from the first to the last of these, which hold these changes.
    fn over(runs: &[Run], changes: &[Vec<Put>]) -> Self {
        let [first, .., last] = runs else { return runs[0].clone() };
        Self {
            last_seq: last.last_seq,
            last_hash: last.last_hash,
            events: changes.iter().map(|puts| puts.len() as u32).sum(),
            attestation: last.attestation,
            bytes: pack(changes),
            ..first.clone()
        }
    }
}

/// Why a run is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The compressed bytes cannot be read.
    #[error("the run cannot be read: {0}")]
    Malformed(&'static str),
    /// It expands to more than [`MAX_RUN_BYTES`].
    #[error("the run expands to more than {MAX_RUN_BYTES} bytes")]
    TooLarge,
    /// The author's certificate does not allow this document.
    #[error("the author's certificate does not allow writing in this document")]
    NotAllowed,
    /// The author's signature does not hold.
    #[error("the author's signature over the last change does not hold")]
    BadSignature,
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
    let mut plain = Vec::new();
    put_unsigned(&mut plain, VERSION);
    put_unsigned(&mut plain, changes.len() as u64);
    for alike in changes.chunk_by(|one, next| one.len() == next.len()) {
        put_unsigned(&mut plain, alike.len() as u64);
        put_unsigned(&mut plain, alike[0].len() as u64);
    }
    columns::write(&mut plain, changes.iter().flatten());
    if plain.len() < LEAST_DEFLATED {
        plain.insert(0, PLAIN);
        return plain;
    }
    let mut encoder = DeflateEncoder::new(vec![DEFLATED], Compression::new(6));
    encoder.write_all(&plain).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// Expands a run without checking it against a line.
pub fn unpack(bytes: &[u8]) -> Result<Changes, RunError> {
    const SHORT: RunError = RunError::Malformed(columns::SHORT);
    let plain = match bytes.split_first().ok_or(SHORT)? {
        (&PLAIN, plain) => Cow::Borrowed(plain),
        (&DEFLATED, packed) => Cow::Owned(inflate(packed)?),
        _ => return Err(RunError::Malformed("its first byte says neither plain nor deflated")),
    };
    let mut reader = Reader::new(&plain);
    if reader.unsigned().ok_or(SHORT)? != VERSION {
        return Err(RunError::Malformed("its version is unknown; a newer program wrote it"));
    }
    let counts = put_counts(&mut reader, MAX_RUN_EVENTS.min(plain.len() / columns::LEAST_PUT))?;
    let puts = columns::read(&mut reader, counts.iter().sum(), MAX_RUN_BYTES).map_err(RunError::Malformed)?;
    if reader.remaining() != 0 {
        return Err(RunError::Malformed("bytes follow its end"));
    }
    let mut puts = puts.into_iter();
    Ok(counts.into_iter().map(|count| puts.by_ref().take(count).collect()).collect())
}

/// Takes exactly one deflate stream: none that ends early, nothing after its end.
fn inflate(packed: &[u8]) -> Result<Vec<u8>, RunError> {
    // What it needs is far more than most runs hold: it is made once.
    thread_local!(static DECODER: RefCell<Decompress> = RefCell::new(Decompress::new(false)));
    DECODER.with_borrow_mut(|decoder| {
        decoder.reset(false);
        inflate_with(decoder, packed)
    })
}

fn inflate_with(decoder: &mut Decompress, packed: &[u8]) -> Result<Vec<u8>, RunError> {
    const WRONG: RunError = RunError::Malformed("it does not decompress");
    let mut plain = Vec::with_capacity((4 * packed.len()).min(MAX_RUN_BYTES + 1));
    loop {
        let rest = &packed[decoder.total_in() as usize..];
        let before = (decoder.total_in(), plain.len());
        let status = decoder.decompress_vec(rest, &mut plain, FlushDecompress::None).map_err(|_| WRONG)?;
        if plain.len() > MAX_RUN_BYTES {
            return Err(RunError::TooLarge);
        }
        if status == Status::StreamEnd {
            break;
        }
        if plain.len() == plain.capacity() {
            plain.reserve_exact(plain.len().max(4096).min(MAX_RUN_BYTES + 1 - plain.len()));
        } else if before == (decoder.total_in(), plain.len()) {
            return Err(WRONG);
        }
    }
    if decoder.total_in() as usize != packed.len() {
        return Err(RunError::Malformed("bytes follow its end"));
    }
    Ok(plain)
}

/// How many puts each change has, `most` together: a count cannot ask for more than is there.
fn put_counts(reader: &mut Reader<'_>, most: usize) -> Result<Vec<usize>, RunError> {
    const SHORT: RunError = RunError::Malformed(columns::SHORT);
    const WRONG: RunError = RunError::Malformed("its counts do not fit its changes");
    let number = |reader: &mut Reader<'_>| {
        let number = reader.unsigned().ok_or(SHORT)?;
        usize::try_from(number).ok().filter(|number| (1..=most).contains(number)).ok_or(WRONG)
    };
    let changes = number(reader)?;
    let (mut counts, mut puts) = (Vec::new(), 0usize);
    while counts.len() < changes {
        let (alike, count) = (number(reader)?, number(reader)?);
        puts = alike.checked_mul(count).and_then(|more| puts.checked_add(more)).ok_or(WRONG)?;
        if puts > most || counts.len() + alike > changes {
            return Err(WRONG);
        }
        counts.extend(std::iter::repeat_n(count, alike));
    }
    Ok(counts)
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
