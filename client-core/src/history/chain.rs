//! How the changes of one actor in a document follow each other, and which bytes under an event id count.
//!
//! On one line the first bytes count for ever. A copied device writes parallel lines: there the bytes that
//! a decision was made on count, or those on the line that the city kept; else both wait.

use super::{Standing, Verdict};
use crate::ids::{ChangeHash, EventId};
use crate::log::{Link, Run};
use std::collections::{BTreeMap, BTreeSet};

/// What stands before the first change.
pub const NOTHING: ChangeHash = ChangeHash([0; 32]);

/// The lines of an actor in a document.
#[derive(Clone, Debug)]
pub enum Chain {
    /// One line; its last change.
    One(ChangeHash),
    /// Lines of a copied device, or what is not here from the first change on.
    Forked(Box<Forks>),
}

/// Lines that part from each other.
#[derive(Clone, Debug, Default)]
pub struct Forks {
    lines: Vec<Line>,
    at: BTreeMap<ChangeHash, Place>,
    /// Changes that others stand on and that are not here.
    missing: BTreeSet<ChangeHash>,
    /// The first put of each id on each line, where no line before it holds one.
    firsts: BTreeMap<EventId, Vec<First>>,
}

/// A line, and the number and sequence of the change it parts from.
#[derive(Clone, Copy, Debug)]
struct Line {
    parts_from: Option<Place>,
    last: u64,
}

/// The place of a change among the lines of its actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    line: usize,
    seq: u64,
}

/// The first bytes under an id on a line.
#[derive(Clone, Debug)]
pub struct First {
    /// Where they stand among the lines.
    pub at: Place,
    /// The change they came in.
    pub change: ChangeHash,
    /// Their hash.
    pub hash: [u8; 32],
    /// The number of the change and their index in it.
    pub seq: (u64, u32),
    /// The bytes.
    pub value: Vec<u8>,
}

/// What bytes under an id are on their line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The first; what counts under the id may be other than before.
    First,
    /// A copy of the first.
    Copy,
    /// Others than the first.
    Later,
}

impl Chain {
    /// The chain of these runs, which come in order of their first change. Puts are told to it afterwards.
    pub fn of<'a>(runs: impl Iterator<Item = (&'a Run, &'a [Link])> + Clone) -> Self {
        let mut head = NOTHING;
        let follows = |(run, _): (&Run, &[Link])| std::mem::replace(&mut head, run.last_hash) == run.before;
        if runs.clone().all(follows) {
            return Self::One(head);
        }
        let mut forks = Forks::default();
        for link in runs.flat_map(|(_, links)| links) {
            forks.add(link);
        }
        Self::Forked(Box::new(forks))
    }

    /// Takes in a run that goes on from the end of a line; `false` if it does not, or if lines meet in it.
    pub fn append(&mut self, run: &Run, links: impl FnOnce() -> Vec<Link>) -> bool {
        match self {
            Self::One(head) => {
                let follows = *head == run.before;
                if follows {
                    *head = run.last_hash;
                }
                follows
            }
            Self::Forked(forks) => {
                let links = links();
                let goes_on = forks.ends_with(run.before)
                    && !links.iter().any(|link| forks.missing.contains(&link.hash));
                if goes_on {
                    links.iter().for_each(|link| forks.add(link));
                }
                goes_on
            }
        }
    }
}

impl Forks {
    fn ends_with(&self, change: ChangeHash) -> bool {
        self.at.get(&change).is_some_and(|at| self.lines[at.line].last == at.seq)
    }

    fn add(&mut self, link: &Link) {
        if self.at.contains_key(&link.hash) {
            return;
        }
        let before = self.at.get(&link.before).copied();
        let at = match before {
            Some(before) if self.lines[before.line].last == before.seq => {
                Place { seq: before.seq.saturating_add(1), ..before }
            }
            _ => {
                if before.is_none() && link.before != NOTHING {
                    self.missing.insert(link.before);
                }
                let seq = before.map_or(0, |before| before.seq.saturating_add(1));
                self.lines.push(Line { parts_from: before, last: seq });
                Place { line: self.lines.len().saturating_sub(1), seq }
            }
        };
        self.lines[at.line].last = at.seq;
        self.at.insert(link.hash, at);
    }

    /// Whether one change is the other, or stands before it on its line.
    fn leads_to(&self, earlier: Place, later: Place) -> bool {
        let mut at = later;
        while at.line != earlier.line {
            match self.lines[at.line].parts_from {
                Some(parting) => at = parting,
                None => return false,
            }
        }
        earlier.seq <= at.seq
    }

    /// Takes a put in, in the order of its line.
    pub fn identify(
        &mut self,
        id: EventId,
        first: impl FnOnce(Place) -> First,
        change: ChangeHash,
        hash: [u8; 32],
    ) -> Identity {
        let Some(at) = self.at.get(&change).copied() else { return Identity::Copy };
        let known = self.firsts.get(&id).map(Vec::as_slice).unwrap_or_default();
        let mut before = known.iter().filter(|first| self.leads_to(first.at, at));
        match before.next() {
            Some(first) if first.hash == hash => Identity::Copy,
            // Where the same bytes are the first on another line, that line says what becomes of them.
            Some(_) if known.iter().any(|first| first.hash == hash) => Identity::Copy,
            Some(_) => Identity::Later,
            None => {
                let first = first(at);
                self.firsts.entry(id).or_default().push(first);
                Identity::First
            }
        }
    }

    /// The first bytes under an id on each line.
    pub fn firsts(&self, id: &EventId) -> &[First] {
        self.firsts.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// The hash of those that count, as far as rulings let them fold; `None` where nobody has ruled yet.
    /// `bound` are the bytes that a decision was made on.
    pub fn which(
        &self,
        id: &EventId,
        standing: Option<&Standing>,
        bound: Option<[u8; 32]>,
    ) -> Option<[u8; 32]> {
        let folds = |first: &&First| {
            standing.is_none_or(|standing| matches!(standing.verdict(&first.change), Verdict::Folds(_)))
        };
        let firsts: Vec<&First> = self.firsts(id).iter().filter(folds).collect();
        let one = firsts.first()?;
        if firsts.iter().all(|first| first.hash == one.hash) {
            return Some(one.hash);
        }
        if let Some(bound) = bound.filter(|bound| firsts.iter().any(|first| first.hash == *bound)) {
            return Some(bound);
        }
        let kept = |first: &First| standing.and_then(|standing| standing.place_in_kept(&first.change));
        let best = firsts.iter().filter_map(|first| kept(first)).min()?;
        let mut on_it = firsts.iter().filter(|first| kept(first) == Some(best)).map(|first| first.hash);
        let hash = on_it.next()?;
        on_it.all(|other| other == hash).then_some(hash)
    }

    /// Whether these bytes of an id lie at or before a change, on its line.
    pub fn is_within(&self, id: &EventId, hash: [u8; 32], head: ChangeHash) -> bool {
        let Some(head) = self.at.get(&head).copied() else { return false };
        let mut firsts = self.firsts.get(id).into_iter().flatten().filter(|first| first.hash == hash);
        firsts.any(|first| self.leads_to(first.at, head))
    }

    /// Whether some id has several first bytes.
    pub fn has_several(&self, id: &EventId) -> bool {
        self.firsts.get(id).is_some_and(|firsts| firsts.len() > 1)
    }

    /// Whether any id has.
    pub fn has_any_several(&self) -> bool {
        self.firsts.values().any(|firsts| firsts.len() > 1)
    }
}
