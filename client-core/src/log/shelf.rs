//! The shelf: where runs are kept and read again, whatever the storage is.

use super::{Changes, Head, Ledger, LogKey, Place, Position, Run, RunError, chunks, encode_change, unpack};
use crate::identity::Certificate;
use crate::ids::ChangeHash;
use std::collections::BTreeMap;

/// A stored run could not be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot give back what it holds: {0}")]
pub struct ShelfError(pub String);

impl From<RunError> for ShelfError {
    fn from(error: RunError) -> Self {
        Self(error.to_string())
    }
}

/// A run in the order it was stored here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedItem {
    /// Its number in that order.
    pub offset: u64,
    /// The line it lies on here.
    pub line: u8,
    /// The run.
    pub run: Run,
}

/// Reads what is durable here.
pub trait Shelf {
    /// Runs of one line that hold what follows `after`, in order, about `max_bytes` of them, at least
    /// one if there is any. What lies on the line it parts from is not among them.
    fn runs_after(
        &self,
        key: &LogKey,
        line: u8,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Run>, ShelfError>;

    /// What travels ahead of the actor's first run in the document.
    fn introduction(&self, key: &LogKey) -> Result<Option<Vec<u8>>, ShelfError>;

    /// The number of the run stored last.
    fn feed_head(&self) -> u64;

    /// Runs after this number that `reader` may read, about `max_bytes` of them, at least one if
    /// there is any; and the number up to which they were looked for.
    fn feed_after(
        &self,
        after: u64,
        reader: &Certificate,
        max_bytes: usize,
    ) -> Result<(Vec<FeedItem>, u64), ShelfError>;
}

/// Where on its lines an actor's change stands, if it is held here.
pub fn locate(
    ledger: &Ledger,
    shelf: &dyn Shelf,
    key: &LogKey,
    seq: u64,
    hash: ChangeHash,
) -> Result<Option<(u8, Position)>, ShelfError> {
    let Some(log) = ledger.get(key) else { return Ok(None) };
    if seq == 0 {
        return Ok((hash == Position::START.hash).then_some((0, Position::START)));
    }
    for (number, line) in log.lines().iter().enumerate() {
        let number = number as u8;
        if line.head.seq == seq && line.head.hash == hash {
            return Ok(Some((number, line.head)));
        }
        if seq <= line.from.seq || seq >= line.head.seq {
            continue;
        }
        let runs = shelf.runs_after(key, number, seq - 1, 1)?;
        let Some(run) = runs.first().filter(|run| run.first_seq <= seq) else {
            return Err(ShelfError(format!("change {seq} of {key} is missing")));
        };
        let at = position_in(run, seq)?;
        if at.hash == hash {
            return Ok(Some((number, at)));
        }
    }
    Ok(None)
}

/// Where the line stands after a change within a run.
pub fn position_in(run: &Run, seq: u64) -> Result<Position, RunError> {
    let mut changes: Changes = unpack(&run.bytes)?;
    changes.truncate((seq + 1).saturating_sub(run.first_seq) as usize);
    Ok(chunks(run.actor, &run.start(), &changes)?.1)
}

/// A change on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its own hash.
    pub hash: ChangeHash,
    /// The hash of the change before it.
    pub before: ChangeHash,
}

/// The changes of a run as links. What cannot be put together again is left out; the door saw to that.
pub fn links(run: &Run, changes: &Changes) -> Vec<Link> {
    let mut at = run.start();
    let mut links = Vec::with_capacity(changes.len());
    for puts in changes {
        let Ok((_, after)) = encode_change(run.actor, &at, puts) else { break };
        links.push(Link { hash: after.hash, before: at.hash });
        at = after;
    }
    links
}

/// Points of a line, newest first, ever farther apart: enough for a peer to find where theirs parts.
pub fn points(shelf: &dyn Shelf, ledger: &Ledger, key: &LogKey, line: u8) -> Result<Vec<Head>, ShelfError> {
    const MOST: usize = 48;
    let Some(log) = ledger.get(key) else { return Ok(Vec::new()) };
    let mut ends: Vec<(u64, ChangeHash)> = Vec::new();
    let (mut number, mut upto) = (line, u64::MAX);
    loop {
        let super::Line { parent, from, .. } = log.lines()[usize::from(number)];
        let mut own = Vec::new();
        let mut after = from.seq;
        loop {
            let runs = shelf.runs_after(key, number, after, 64 * 1024)?;
            let Some(last) = runs.last() else { break };
            after = last.last_seq;
            own.extend(runs.iter().map(|run| (run.last_seq, run.last_hash)));
        }
        ends.extend(own.into_iter().rev().filter(|(seq, _)| *seq <= upto));
        if number == 0 {
            break;
        }
        ends.push((from.seq, from.hash));
        (number, upto) = (parent, from.seq.saturating_sub(1));
    }
    let mut points = Vec::new();
    let (mut step, mut next) = (1, 0);
    for (n, (seq, hash)) in ends.iter().enumerate() {
        if n == next && points.len() < MOST {
            points.push(Head { actor: key.actor, seq: *seq, hash: *hash });
            next += step;
            step *= 2;
        }
    }
    Ok(points)
}

#[derive(Clone, Debug, Default)]
struct Kept {
    introduction: Vec<u8>,
    lines: Vec<Vec<Run>>,
}

/// A shelf in memory: compressed runs, never expanded but once.
#[derive(Clone, Debug, Default)]
pub struct MemoryShelf {
    kept: BTreeMap<LogKey, Kept>,
    feed: Vec<(LogKey, u8, usize)>,
}

impl MemoryShelf {
    /// Keeps the introduction of an actor's log.
    pub fn introduce(&mut self, key: LogKey, introduction: Vec<u8>) {
        self.kept.entry(key).or_default().introduction = introduction;
    }

    /// Keeps a run where the door placed it.
    pub fn push(&mut self, place: Place, run: Run) {
        let key = run.key();
        let lines = &mut self.kept.entry(key).or_default().lines;
        let number = usize::from(place.line());
        if lines.len() <= number {
            lines.resize_with(number + 1, Vec::new);
        }
        self.feed.push((key, place.line(), lines[number].len()));
        lines[number].push(run);
    }

    fn line(&self, key: &LogKey, line: u8) -> &[Run] {
        let lines = self.kept.get(key).map_or(&[][..], |kept| kept.lines.as_slice());
        lines.get(usize::from(line)).map_or(&[], Vec::as_slice)
    }
}

impl Shelf for MemoryShelf {
    fn runs_after(
        &self,
        key: &LogKey,
        line: u8,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Run>, ShelfError> {
        let runs = self.line(key, line);
        let first = runs.partition_point(|run| run.last_seq <= after);
        let mut bytes = 0;
        let fitting = runs[first..].iter().take_while(|run| {
            let fits = bytes == 0 || bytes + run.bytes.len() <= max_bytes;
            bytes += run.bytes.len();
            fits
        });
        Ok(fitting.cloned().collect())
    }

    fn introduction(&self, key: &LogKey) -> Result<Option<Vec<u8>>, ShelfError> {
        Ok(self.kept.get(key).map(|kept| kept.introduction.clone()))
    }

    fn feed_head(&self) -> u64 {
        self.feed.len() as u64
    }

    fn feed_after(
        &self,
        after: u64,
        reader: &Certificate,
        max_bytes: usize,
    ) -> Result<(Vec<FeedItem>, u64), ShelfError> {
        let (mut items, mut bytes, mut upto) = (Vec::new(), 0, after);
        for (offset, (key, line, index)) in self.feed.iter().enumerate().skip(after as usize) {
            let run = &self.line(key, *line)[*index];
            if reader.may_read(&key.document) {
                if bytes > 0 && bytes + run.bytes.len() > max_bytes {
                    break;
                }
                bytes += run.bytes.len();
                items.push(FeedItem { offset: offset as u64 + 1, line: *line, run: run.clone() });
            }
            upto = offset as u64 + 1;
        }
        Ok((items, upto))
    }
}
