//! The ledger: where every line stands. Heads only; the runs themselves stay on the shelf.
//!
//! An actor writes one line in a document. Restored, cloned or run twice it writes two that part
//! somewhere; both are kept, up to [`MAX_LINES`].

use super::Position;
use crate::event::DocumentId;
use crate::identity::Certificate;
use crate::ids::{ActorId, ChangeHash, CityId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The most lines an actor may have in a document before it is refused.
pub const MAX_LINES: usize = 8;

/// Whose changes: one actor's in one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogKey {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
}

impl std::fmt::Display for LogKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.document, self.actor)
    }
}

/// One line's head as peers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Head {
    /// The actor.
    pub actor: ActorId,
    /// Sequence number of its last change.
    pub seq: u64,
    /// Hash of its last change.
    pub hash: ChangeHash,
}

/// An unbroken line: from the start, or from where it parts from another line of its actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line it parts from; itself for the first.
    pub parent: u8,
    /// Where it parts.
    pub from: Position,
    /// Where it stands.
    pub head: Position,
}

/// Where a run stands among its actor's lines, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// It continues this line; line 0 also begins so.
    On(u8),
    /// It begins a new line, which parts from `parent` at the run's start.
    Parts {
        /// The line it parts from.
        parent: u8,
        /// The number of the new line.
        line: u8,
    },
}

impl Place {
    /// The number of the line the run lies on.
    pub fn line(self) -> u8 {
        match self {
            Self::On(line) | Self::Parts { line, .. } => line,
        }
    }
}

/// All lines of one actor in one document.
#[derive(Clone, Debug)]
pub struct ActorLog {
    /// Who writes them.
    pub author: Certificate,
    lines: Vec<Line>,
}

impl ActorLog {
    /// Nothing written yet.
    pub fn new(author: Certificate) -> Self {
        let start = Line { parent: 0, from: Position::START, head: Position::START };
        Self { author, lines: vec![start] }
    }

    /// Its lines by number.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The heads of all lines, sorted.
    pub fn heads(&self, actor: ActorId) -> Vec<Head> {
        let mut heads: Vec<Head> =
            self.lines.iter().map(|line| Head { actor, seq: line.head.seq, hash: line.head.hash }).collect();
        heads.sort_unstable();
        heads
    }

    /// The line that stands exactly here.
    pub fn line_at(&self, seq: u64, hash: ChangeHash) -> Option<u8> {
        let found = self.lines.iter().position(|line| line.head.seq == seq && line.head.hash == hash);
        found.map(|line| line as u8)
    }

    /// Up to which change two lines are the same.
    pub fn common(&self, a: u8, b: u8) -> u64 {
        let (left, right) = (self.descent(a), self.descent(b));
        let shared = left.iter().find_map(|(line, upto)| {
            let other = right.iter().find(|(other, _)| other == line)?;
            Some(other.1.min(*upto))
        });
        shared.unwrap_or(0)
    }

    /// A line and those it comes from, each with the last change that counts of it.
    fn descent(&self, line: u8) -> Vec<(u8, u64)> {
        let mut descent = Vec::new();
        let (mut number, mut upto) = (line, self.lines[usize::from(line)].head.seq);
        loop {
            descent.push((number, upto));
            if number == 0 {
                return descent;
            }
            let line = &self.lines[usize::from(number)];
            (number, upto) = (line.parent, line.from.seq);
        }
    }

    fn push(&mut self, place: Place, from: Position, head: Position) {
        match place {
            Place::On(line) => {
                let line = &mut self.lines[usize::from(line)];
                assert_eq!(line.head, from, "a run continues its line");
                line.head = head;
            }
            Place::Parts { parent, line } => {
                assert_eq!(usize::from(line), self.lines.len(), "lines are numbered in order");
                self.lines.push(Line { parent, from, head });
            }
        }
    }
}

/// Where every line stands.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    logs: BTreeMap<LogKey, ActorLog>,
    closed: BTreeMap<LogKey, Vec<ChangeHash>>,
}

impl Ledger {
    /// One actor's lines in a document.
    pub fn get(&self, key: &LogKey) -> Option<&ActorLog> {
        self.logs.get(key)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&LogKey, &ActorLog)> {
        self.logs.iter()
    }

    /// Takes over an actor's lines as they stand elsewhere.
    pub fn put(&mut self, key: LogKey, log: ActorLog) {
        self.logs.insert(key, log);
    }

    /// How many actors' logs there are.
    pub fn len(&self) -> usize {
        self.logs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Those of one document.
    pub fn of(&self, document: DocumentId) -> impl Iterator<Item = (&LogKey, &ActorLog)> {
        let key = |actor| LogKey { document, actor };
        self.logs.range(key(ActorId([0; 16]))..=key(ActorId([0xff; 16])))
    }

    /// Takes a run in that the door has placed.
    ///
    /// # Panics
    /// If it does not stand where the door said.
    pub fn push(&mut self, key: LogKey, author: &Certificate, place: Place, from: Position, head: Position) {
        let log = self.logs.entry(key).or_insert_with(|| ActorLog::new(author.clone()));
        log.push(place, from, head);
    }

    /// The city closed an actor that wrote too many lines and named where those that count end.
    pub fn close(&mut self, key: LogKey, keep: Vec<ChangeHash>) {
        self.closed.insert(key, keep);
    }

    /// Where the lines end that count of an actor the city closed.
    pub fn kept(&self, key: &LogKey) -> &[ChangeHash] {
        self.closed.get(key).map_or(&[], Vec::as_slice)
    }

    /// Every head of one document, sorted.
    pub fn heads_of(&self, document: DocumentId) -> Vec<Head> {
        self.of(document).flat_map(|(key, log)| log.heads(key.actor)).collect()
    }

    /// Every head of the documents wanted.
    pub fn heads(&self, wanted: impl Fn(&DocumentId) -> bool) -> Frontier {
        let mut frontier = Frontier::default();
        for (key, log) in self.logs.iter().filter(|(key, _)| wanted(&key.document)) {
            frontier.0.entry(key.document).or_default().extend(log.heads(key.actor));
        }
        frontier
    }
}

/// Heads by document: exactly what somebody holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier(pub BTreeMap<DocumentId, Vec<Head>>);

impl Frontier {
    /// Equal only where the same is held.
    pub fn digest(&self, city: CityId) -> ChangeHash {
        let mut hasher = Sha256::new();
        for (document, heads) in &self.0 {
            hasher.update(document.to_bytes(city));
            hasher.update((heads.len() as u64).to_be_bytes());
            for Head { actor, seq, hash } in heads {
                hasher.update(actor.0);
                hasher.update(seq.to_be_bytes());
                hasher.update(hash.0);
            }
        }
        ChangeHash(hasher.finalize().into())
    }
}
