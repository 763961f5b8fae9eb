//! What a peer lacks of one actor's lines, from the heads it named.

use super::session::Here;
use crate::log::{ActorLog, Head, LogKey, ShelfError, locate};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a peer's holding of one actor.
#[derive(Clone, Debug, Default)]
pub struct Theirs {
    /// Heads it named that stand on no line here: it is ahead, or its line parts from ours.
    unplaced: Vec<Head>,
    /// Up to which change it holds each of our lines.
    upto: BTreeMap<u8, u64>,
    /// Lines for which it was asked where they part.
    asked: BTreeSet<u8>,
    /// Lines for which it answered.
    answered: BTreeSet<u8>,
    /// How often it said that a chunk stands on nothing it has.
    pub behind: u8,
}

/// What to do for the peer next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It has all it can take.
    Nothing,
    /// Send the line after this change.
    Send {
        /// The line.
        line: u8,
        /// The last change it has.
        after: u64,
    },
    /// Its lines part from this one: ask where.
    Ask {
        /// The line.
        line: u8,
    },
}

impl Theirs {
    /// A peer that named exactly these heads.
    pub fn told(heads: Vec<Head>) -> Self {
        Self { unplaced: heads, ..Self::default() }
    }

    /// Whether every head it named stands on a line here.
    pub fn is_settled(&self) -> bool {
        self.unplaced.is_empty()
    }

    /// Heads it named that stand on no line here.
    pub fn unplaced(&self) -> &[Head] {
        &self.unplaced
    }

    /// It holds a line of ours up to this change.
    pub fn holds(&mut self, line: u8, seq: u64) {
        let upto = self.upto.entry(line).or_default();
        *upto = (*upto).max(seq);
    }

    /// It answered where its line parts from ours.
    pub fn parts(&mut self, line: u8, seq: u64) {
        self.answered.insert(line);
        self.holds(line, seq);
    }

    /// It was asked.
    pub fn ask(&mut self, line: u8) {
        self.asked.insert(line);
    }

    /// Whether it was asked about this line.
    pub fn was_asked(&self, line: u8) -> bool {
        self.asked.contains(&line)
    }

    /// Places what can be placed; gives back the changes of our lines that were found.
    pub fn place(&mut self, here: &Here<'_>, key: &LogKey) -> Result<Vec<(u8, Head)>, ShelfError> {
        let mut placed = Vec::new();
        for head in std::mem::take(&mut self.unplaced) {
            match locate(here.ledger, here.shelf, key, head.seq, head.hash)? {
                Some((line, at)) => {
                    self.holds(line, at.seq);
                    placed.push((line, head));
                }
                None => self.unplaced.push(head),
            }
        }
        Ok(placed)
    }

    /// Whether it holds a change of a line of ours.
    pub fn has(&self, here: &Here<'_>, key: &LogKey, line: u8, seq: u64) -> bool {
        self.known(here, key, line) >= seq
    }

    fn known(&self, here: &Here<'_>, key: &LogKey, line: u8) -> u64 {
        let Some(log) = here.ledger.get(key) else { return 0 };
        let through = self.upto.iter().map(|(other, upto)| (*upto).min(log.common(line, *other)));
        through.max().unwrap_or(0)
    }

    /// What it lacks first. Call after [`Theirs::place`].
    pub fn lack(&self, here: &Here<'_>, key: &LogKey) -> Lack {
        let Some(log) = here.ledger.get(key) else { return Lack::Nothing };
        for (number, line) in log.lines().iter().enumerate() {
            let number = number as u8;
            let after = self.known(here, key, number);
            // A line that parts from another comes after that other.
            if after >= line.head.seq || after < line.from.seq {
                continue;
            }
            if self.unplaced.is_empty() || self.answered.contains(&number) {
                return Lack::Send { line: number, after };
            }
            if !self.asked.contains(&number) && !self.is_ahead(log) {
                return Lack::Ask { line: number };
            }
            // Else it is ahead of this line or was asked: it is its turn.
        }
        Lack::Nothing
    }

    /// Whether it named one line, longer than the only one here, and so sends first. Where there are more
    /// lines each side might take the other for the one ahead, and both would wait.
    fn is_ahead(&self, log: &ActorLog) -> bool {
        let (lines, heads) = (log.lines(), &self.unplaced);
        let one_each = lines.len() == 1 && heads.len() == 1 && self.upto.is_empty();
        one_each && self.behind == 0 && heads[0].seq > lines[0].head.seq
    }
}
