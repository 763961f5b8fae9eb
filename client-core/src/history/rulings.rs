//! The rulings in force: what the decisions documents say on devices and lines, in decision order.

use super::entry::{Entry, Rank};
use crate::event::{Accepted, EventRef, Named, OnLine, Ruling, Statement};
use crate::identity::Certificate;
use crate::ids::{ChangeHash, DeviceId, PublicKey};
use crate::log::LogKey;
use std::collections::BTreeMap;

/// What a ruling says on one actor's changes in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// From one change to another, quarantine is lifted.
    Released(ChangeHash, ChangeHash),
    /// From one change to another, quarantine is for good.
    Rejected(ChangeHash, ChangeHash),
    /// From one change to another, stamps are moved by so many milliseconds.
    Corrected(ChangeHash, ChangeHash, i64),
    /// Only what leads to these changes counts, and what follows the first.
    Closed(Vec<ChangeHash>),
}

/// A device that is no longer trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Revoked {
    named: Named,
    accepted: Vec<Accepted>,
}

/// What a change of the rulings may concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concerns {
    /// No line.
    Nothing,
    /// One actor in one document.
    Actor(LogKey),
    /// Any.
    Anybody,
}

/// Every ruling that folds. Which of them count follows from all of them, not from their arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulings {
    on_lines: BTreeMap<LogKey, BTreeMap<Rank, (EventRef, Said)>>,
    revoked: BTreeMap<Rank, (EventRef, Revoked)>,
    enrolled: BTreeMap<Rank, (DeviceId, PublicKey)>,
    superseding: BTreeMap<Rank, EventRef>,
}

impl Rulings {
    /// Takes a decision in, if it is a ruling.
    pub(super) fn take(&mut self, rank: Rank, entry: &Entry<impl Statement>) -> Concerns {
        let concerns = match entry.event.body().ruling() {
            Some(Ruling::Revoked(named, accepted)) => {
                let it = Revoked { named, accepted: accepted.to_vec() };
                self.revoked.insert(rank, (entry.reference, it));
                Concerns::Anybody
            }
            Some(Ruling::Enrolled(device, key)) => {
                self.enrolled.insert(rank, (device, key));
                if self.revoked.is_empty() { Concerns::Nothing } else { Concerns::Anybody }
            }
            Some(Ruling::OnLine(document, actor, what)) => {
                let key = LogKey { document, actor };
                self.on_lines.entry(key).or_default().insert(rank, (entry.reference, what.into()));
                Concerns::Actor(key)
            }
            _ => return Concerns::Nothing,
        };
        match entry.supersedes {
            Some(earlier) => {
                self.superseding.insert(rank, earlier);
                Concerns::Anybody
            }
            None => concerns,
        }
    }

    /// Forgets a decision that does not fold after all.
    pub(super) fn forget(&mut self, rank: Rank) -> Concerns {
        self.on_lines.retain(|_, rulings| {
            rulings.remove(&rank);
            !rulings.is_empty()
        });
        self.revoked.remove(&rank);
        self.enrolled.remove(&rank);
        self.superseding.remove(&rank);
        Concerns::Anybody
    }

    /// The rulings in force that concern this actor's changes in a document.
    pub(super) fn on(&self, key: &LogKey, author: &Certificate) -> Vec<Rank> {
        let on_line = self.on_lines.get(key).into_iter().flatten();
        let on_line =
            on_line.filter(|(rank, (ruling, _))| self.in_force(rank, ruling)).map(|(rank, _)| *rank);
        on_line.chain(self.revocations_of(author).map(|(rank, _, _)| rank)).collect()
    }

    /// Whether the device of this certificate was revoked, by itself or with the node that issued it.
    pub fn revoke(&self, author: &Certificate) -> bool {
        self.revocations_of(author).next().is_some()
    }

    /// Whether revoking what is named revokes this certificate: the key itself, or those that the key of a
    /// branch node issued and that no `device.enrolled` names.
    pub fn cover(&self, named: Named, author: &Certificate) -> bool {
        let covers = |key| author.key == key || (author.issuer == key && !self.is_enrolled(author.key));
        if let Some(key) = named.key {
            return covers(key);
        }
        author.device == named.device || self.keys_of(named.device).any(covers)
    }

    /// Every device that was enrolled, with its key.
    pub fn enrolled_keys(&self) -> impl Iterator<Item = (DeviceId, PublicKey)> {
        self.enrolled.values().copied()
    }

    /// The keys enrolled under a device's id.
    pub fn keys_of(&self, device: DeviceId) -> impl Iterator<Item = PublicKey> {
        self.enrolled_keys().filter(move |(of, _)| *of == device).map(|(_, key)| key)
    }

    /// Whether exactly these changes were corrected.
    pub fn correct(&self, key: &LogKey, from: ChangeHash, to: ChangeHash) -> bool {
        let same = |it: &Said| matches!(it, Said::Corrected(first, last, _) if (*first, *last) == (from, to));
        self.on_line(key).any(|(_, it)| same(it))
    }

    /// Every actor the city closed, with the changes kept.
    pub fn closings(&self) -> impl Iterator<Item = (LogKey, &[ChangeHash])> {
        self.on_lines.keys().filter_map(|key| {
            let last = self.on_line(key).filter_map(|(_, ruling)| match ruling {
                Said::Closed(keep) => Some(keep.as_slice()),
                _ => None,
            });
            Some((*key, last.last()?))
        })
    }

    /// Rulings on this actor in decision order.
    pub(super) fn on_line(&self, key: &LogKey) -> impl Iterator<Item = (EventRef, &Said)> {
        let all = self.on_lines.get(key).into_iter().flatten();
        all.filter(|(rank, (ruling, _))| self.in_force(rank, ruling)).map(|(_, (ruling, it))| (*ruling, it))
    }

    /// Revocations of this author in decision order, each with what it accepts of the actor.
    pub(super) fn revocations<'a>(
        &'a self,
        key: &'a LogKey,
        author: &'a Certificate,
    ) -> impl Iterator<Item = (EventRef, Vec<ChangeHash>)> + 'a {
        self.revocations_of(author).map(move |(_, ruling, revoked)| {
            let own = |accepted: &&Accepted| accepted.document == key.document && accepted.actor == key.actor;
            let heads =
                revoked.accepted.iter().filter(own).flat_map(|accepted| accepted.heads.iter().copied());
            (ruling, heads.collect())
        })
    }

    fn revocations_of<'a>(
        &'a self,
        author: &'a Certificate,
    ) -> impl Iterator<Item = (Rank, EventRef, &'a Revoked)> + 'a {
        let all = self.revoked.iter();
        all.filter(|(rank, (ruling, revoked))| {
            self.cover(revoked.named, author) && self.in_force(rank, ruling)
        })
        .map(|(rank, (ruling, revoked))| (*rank, *ruling, revoked))
    }

    fn is_enrolled(&self, key: PublicKey) -> bool {
        self.enrolled.values().any(|(_, enrolled)| *enrolled == key)
    }

    /// A ruling counts unless a later one supersedes it by name.
    fn in_force(&self, rank: &Rank, ruling: &EventRef) -> bool {
        !self.superseding.iter().any(|(later, named)| named == ruling && later > rank)
    }
}

impl From<OnLine<'_>> for Said {
    fn from(what: OnLine<'_>) -> Self {
        match what {
            OnLine::Released(from, to) => Self::Released(from, to),
            OnLine::Rejected(from, to) => Self::Rejected(from, to),
            OnLine::Corrected(from, to, offset) => Self::Corrected(from, to, offset),
            OnLine::Closed(keep) => Self::Closed(keep.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests;
