//! Of which epoch decisions are. A line of the city that comes back after a restore counts before the
//! epoch that did not know it, whatever the clocks said.

use super::entry::{Entry, Rank};
use crate::event::{DocumentId, Ruling, Statement};
use crate::ids::ActorId;
use std::collections::BTreeMap;

/// The terms of the city's arbiter.
///
/// A restore begins a new epoch, and its first term knew the first term of every epoch before it: so
/// epochs count in the order of their first terms.
#[derive(Clone, Debug, Default)]
pub struct Epochs {
    terms: BTreeMap<Rank, u64>,
    /// From 1, by the number that the city drew.
    numbers: BTreeMap<u64, u32>,
    of_actor: BTreeMap<(DocumentId, ActorId), u32>,
    is_stale: bool,
}

impl Epochs {
    /// Takes a decision in, if it begins a term.
    pub fn take(&mut self, entry: &Entry<impl Statement>) {
        if let Some(Ruling::Term(epoch)) = entry.event.body().ruling() {
            self.is_stale |= self.terms.insert(entry.rank(), epoch) != Some(epoch);
        }
    }

    /// Forgets a decision that does not fold after all.
    pub fn forget(&mut self, rank: &Rank) {
        self.is_stale |= self.terms.remove(rank).is_some();
    }

    /// The epoch of a decision; 0 while there is only one.
    pub fn of(&self, rank: &Rank) -> u32 {
        if self.numbers.len() < 2 {
            return 0;
        }
        // A line without a term of its own goes on from the term before it.
        let before = || self.terms.range(..=rank).next_back().and_then(|(_, epoch)| self.numbers.get(epoch));
        self.of_actor.get(&(rank.2, rank.1)).or_else(before).copied().unwrap_or(1)
    }

    /// Reads off the terms which epochs there are. Says whether decisions may be of others than before.
    pub fn renew(&mut self) -> bool {
        if !std::mem::take(&mut self.is_stale) {
            return false;
        }
        let were_several = self.numbers.len() > 1;
        (self.numbers, self.of_actor) = Default::default();
        for (rank, epoch) in &self.terms {
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX).saturating_add(1);
            let number = *self.numbers.entry(*epoch).or_insert(next);
            self.of_actor.insert((rank.2, rank.1), number);
        }
        were_several || self.numbers.len() > 1
    }
}
