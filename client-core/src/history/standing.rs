//! How one actor's changes in a document stand under the rulings: by the chain of their hashes alone,
//! so that forked lines are judged alike wherever and in whatever order they arrived.

use super::entry::Unfolded;
use super::rulings::{Rulings, Said};
use crate::event::EventRef;
use crate::identity::Certificate;
use crate::ids::ChangeHash;
use crate::log::{Link, LogKey};
use std::collections::{BTreeMap, BTreeSet};

/// What the rulings make of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It folds; its stamps are moved by so many milliseconds, as this ruling says.
    Folds(Option<(i64, EventRef)>),
    /// It is kept aside, by this ruling.
    Aside(Unfolded, EventRef),
}

/// The verdicts on all changes of one actor in a document.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The change before each.
    before: BTreeMap<ChangeHash, ChangeHash>,
    /// Changes that another one stands on.
    stood_on: BTreeSet<ChangeHash>,
    /// Changes that rulings name: when one of them arrives, everything is judged anew.
    named: BTreeSet<ChangeHash>,
    /// The first revocation; nothing that comes later is accepted by it.
    revoked: Option<EventRef>,
    quarantined: BTreeMap<ChangeHash, EventRef>,
    /// Whether released, for what is or would be in quarantine.
    released: BTreeMap<ChangeHash, (bool, EventRef)>,
    corrected: BTreeMap<ChangeHash, (i64, EventRef)>,
    closed: Option<Closed>,
}

/// What counts of a closed actor.
#[derive(Clone, Debug)]
struct Closed {
    ruling: EventRef,
    /// What leads to the changes kept, each with the first of them it leads to.
    counts: BTreeMap<ChangeHash, usize>,
    /// The change the kept line went on from, and all that follow it.
    kept: BTreeSet<ChangeHash>,
}

impl Standing {
    /// Judges these changes; `None` where no ruling concerns the actor.
    pub fn of(rulings: &Rulings, key: &LogKey, author: &Certificate, links: &[Link]) -> Option<Self> {
        if rulings.on(key, author).is_empty() {
            return None;
        }
        let mut standing = Self::default();
        for link in links {
            standing.before.insert(link.hash, link.before);
            standing.stood_on.insert(link.before);
        }
        for (ruling, heads) in rulings.revocations(key, author) {
            standing.revoke(ruling, heads);
        }
        for (ruling, what) in rulings.on_line(key) {
            match what {
                Said::Released(from, to) => standing.lift(ruling, *from, *to, true),
                Said::Rejected(from, to) => standing.lift(ruling, *from, *to, false),
                Said::Corrected(from, to, offset) => standing.correct(ruling, *from, *to, *offset),
                Said::Closed(keep) => standing.close(ruling, keep),
            }
        }
        Some(standing)
    }

    /// Takes in one more change; `false` if it may alter the verdict on others.
    pub fn append(&mut self, link: Link) -> bool {
        if self.before.contains_key(&link.hash) {
            return true;
        }
        if self.named.contains(&link.hash) || self.stood_on.contains(&link.hash) {
            return false;
        }
        self.before.insert(link.hash, link.before);
        self.stood_on.insert(link.before);
        if let Some(ruling) = self.revoked {
            self.quarantined.insert(link.hash, ruling);
        }
        if let Some(closed) = &mut self.closed
            && closed.kept.contains(&link.before)
        {
            closed.kept.insert(link.hash);
        }
        true
    }

    /// What the rulings make of a change.
    pub fn verdict(&self, change: &ChangeHash) -> Verdict {
        if let Some(closed) = &self.closed
            && !closed.counts.contains_key(change)
            && !closed.kept.contains(change)
        {
            return Verdict::Aside(Unfolded::Closed, closed.ruling);
        }
        match (self.quarantined.get(change), self.released.get(change)) {
            (Some(revocation), None) => Verdict::Aside(Unfolded::Quarantine, *revocation),
            (Some(_), Some((false, rejection))) => Verdict::Aside(Unfolded::Rejected, *rejection),
            _ => Verdict::Folds(self.corrected.get(change).copied()),
        }
    }

    /// Of a closed actor: on which of the lines that were kept the change lies, the first of them.
    pub fn place_in_kept(&self, change: &ChangeHash) -> Option<usize> {
        let closed = self.closed.as_ref()?;
        if closed.kept.contains(change) { Some(0) } else { closed.counts.get(change).copied() }
    }

    /// Several revocations: all must accept. The first that does not is named.
    fn revoke(&mut self, ruling: EventRef, heads: Vec<ChangeHash>) {
        let accepted: BTreeSet<ChangeHash> = heads.iter().flat_map(|head| self.back_from(*head)).collect();
        for change in self.before.keys().filter(|change| !accepted.contains(change)) {
            self.quarantined.entry(*change).or_insert(ruling);
        }
        self.named.extend(heads);
        self.revoked.get_or_insert(ruling);
    }

    /// The first ruling on a change in quarantine counts.
    fn lift(&mut self, ruling: EventRef, from: ChangeHash, to: ChangeHash, released: bool) {
        for change in self.stretch(from, to) {
            self.released.entry(change).or_insert((released, ruling));
        }
    }

    /// The last correction of a change counts; they never add.
    fn correct(&mut self, ruling: EventRef, from: ChangeHash, to: ChangeHash, offset: i64) {
        for change in self.stretch(from, to) {
            self.corrected.insert(change, (offset, ruling));
        }
    }

    /// The last closing counts.
    fn close(&mut self, ruling: EventRef, keep: &[ChangeHash]) {
        self.named.extend(keep);
        let mut counts = BTreeMap::new();
        for (place, head) in keep.iter().enumerate() {
            for change in self.back_from(*head) {
                counts.entry(change).or_insert(place);
            }
        }
        let mut kept: BTreeSet<ChangeHash> = keep.first().copied().into_iter().collect();
        let mut followers: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
        for (change, before) in &self.before {
            followers.entry(*before).or_default().push(*change);
        }
        let mut next: Vec<ChangeHash> = kept.iter().copied().collect();
        while let Some(change) = next.pop() {
            let after = followers.remove(&change).unwrap_or_default();
            kept.extend(&after);
            next.extend(after);
        }
        self.closed = Some(Closed { ruling, counts, kept });
    }

    /// From one change to another on the same line, both included; nothing if they are not on one line
    /// or not all here.
    fn stretch(&mut self, from: ChangeHash, to: ChangeHash) -> Vec<ChangeHash> {
        self.named.extend([from, to]);
        let mut stretch = Vec::new();
        for change in self.back_from(to) {
            stretch.push(change);
            if change == from {
                return stretch;
            }
        }
        Vec::new()
    }

    /// A change that is here and all it stands on, back to the first or to a gap.
    fn back_from(&self, head: ChangeHash) -> impl Iterator<Item = ChangeHash> {
        let held = |change: &ChangeHash| self.before.contains_key(change);
        std::iter::successors(Some(head).filter(held), move |change| {
            self.before.get(change).copied().filter(held)
        })
    }
}
