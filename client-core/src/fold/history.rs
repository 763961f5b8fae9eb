//! The merged history: every event a node holds, in the one order all nodes agree on.

mod past;

pub use past::NotHeld;

use super::entry::{Correction, Entry, Kept, Rank, Unfolded, entry, hash_of, read};
use super::rulings::{Concerns, Rulings};
use super::standing::{Standing, Verdict};
use crate::event::{EventRef, Scope};
use crate::identity::Certificate;
use crate::ids::{ChangeHash, EventId};
use crate::log::{Changes, Link, LogKey, Put, Run, links, unpack};
use crate::time::Stamp;
use std::collections::{BTreeMap, BTreeSet};

/// Events in fold order. Taking runs in in any order gives the same history.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: BTreeMap<Rank, Box<Entry>>,
    by_identity: BTreeMap<EventRef, Rank>,
    kept: BTreeMap<(EventRef, [u8; 32]), (Unfolded, Option<EventRef>)>,
    superseding: usize,
    rulings: Rulings,
    written: BTreeMap<LogKey, Written>,
    unsettled: BTreeSet<LogKey>,
    /// Of a program older than this one.
    #[cfg(test)]
    pub(super) unknown_kinds: &'static [&'static str],
}

/// What an actor wrote in a document, to be judged anew when the city rules on it. Decisions are not.
#[derive(Clone, Debug)]
struct Written {
    author: Certificate,
    runs: BTreeMap<(u64, u64, ChangeHash), Run>,
    /// Where rulings concern it.
    standing: Option<Standing>,
}

impl History {
    /// Takes a run in. Gives back the greatest stamp in it.
    pub fn insert(&mut self, run: &Run, author: &Certificate, changes: &Changes) -> Stamp {
        let seen = self.load(run, author, changes);
        self.settle();
        seen
    }

    /// Takes one of many runs in; [`History::settle`] must follow the last.
    pub fn load(&mut self, run: &Run, author: &Certificate, changes: &Changes) -> Stamp {
        let key = run.key();
        if key.document.scope == Scope::Decisions {
            return self.place_all(run, author, changes);
        }
        let rulings = &self.rulings;
        let written = self.written.entry(key).or_insert_with(|| {
            if rulings.concern(&key, author) {
                self.unsettled.insert(key);
            }
            Written { author: author.clone(), runs: BTreeMap::new(), standing: None }
        });
        written.runs.insert((run.first_seq, run.last_seq, run.last_hash), run.clone());
        if self.unsettled.contains(&key) {
            return Stamp::default();
        }
        let Some(standing) = &mut written.standing else { return self.place_all(run, author, changes) };
        let links = links(run, changes);
        if !links.iter().all(|link| standing.append(*link)) {
            self.unsettled.insert(key);
            return Stamp::default();
        }
        let verdicts: Vec<Verdict> = links.iter().map(|link| standing.verdict(&link.hash)).collect();
        let judged = changes.iter().zip(&verdicts).enumerate();
        let stamps = judged.map(|(n, (puts, verdict))| self.place_change(run, author, n, puts, verdict));
        stamps.max().unwrap_or_default()
    }

    /// Judges anew what rulings or changes that came since concern.
    pub fn settle(&mut self) {
        while let Some(key) = self.unsettled.pop_first() {
            self.judge(key);
        }
    }

    /// The rulings in force.
    pub fn rulings(&self) -> &Rulings {
        &self.rulings
    }

    /// Goes by the rulings of another history, which holds the decisions.
    pub fn follow(&mut self, rulings: &Rulings) {
        if self.rulings != *rulings {
            self.rulings = rulings.clone();
            self.concern(Concerns::Anybody);
        }
        self.settle();
    }

    fn place_all(&mut self, run: &Run, author: &Certificate, changes: &Changes) -> Stamp {
        let all = changes.iter().enumerate();
        let stamps = all.map(|(n, puts)| self.place_change(run, author, n, puts, &Verdict::Folds(None)));
        stamps.max().unwrap_or_default()
    }

    /// Gives back the greatest stamp of what folds, as it was written.
    fn place_change(
        &mut self,
        run: &Run,
        author: &Certificate,
        n: usize,
        puts: &[Put],
        verdict: &Verdict,
    ) -> Stamp {
        let mut greatest = Stamp::default();
        let (document, actor, seq) = (run.document, run.actor, run.first_seq + n as u64);
        for (index, put) in puts.iter().enumerate() {
            let reference = EventRef { document, actor, event: put.id };
            let hash = hash_of(put.id, &put.value);
            let read = read(&document, author, &put.value);
            #[cfg(test)]
            let read = read.and_then(|read| match self.unknown_kinds.contains(&read.0.kind.as_str()) {
                true => Err(Unfolded::UnknownKind),
                false => Ok(read),
            });
            let (envelope, event) = match read {
                Ok(read) => read,
                Err(why) => {
                    self.set_aside(reference, hash, why, None);
                    continue;
                }
            };
            let corrected = match verdict {
                Verdict::Folds(corrected) => corrected,
                Verdict::Aside(why, ruling) => {
                    self.set_aside(reference, hash, *why, Some(*ruling));
                    continue;
                }
            };
            greatest = greatest.max(envelope.stamp);
            let mut entry = entry(reference, envelope, event);
            if let Some((offset, ruling)) = corrected {
                let written = entry.stamp;
                entry.stamp = written.shifted(*offset);
                entry.correction = Some(Box::new(Correction { written, ruling: *ruling }));
            }
            self.place((entry.stamp, actor, document, seq, index as u32, hash), entry);
        }
        greatest
    }

    /// Of two events with one identity and differing bytes the smaller hash counts; of copies the first.
    fn place(&mut self, rank: Rank, entry: Entry) {
        let reference = entry.reference;
        if let Some(existing) = self.by_identity.get(&reference).copied() {
            if existing.5 != rank.5 {
                self.set_aside(reference, existing.5.max(rank.5), Unfolded::Doublet, None);
            }
            if (existing.5, existing) <= (rank.5, rank) {
                return;
            }
            self.take_out(&existing);
        }
        if !self.kept.is_empty() {
            self.kept.remove(&(reference, rank.5));
        }
        if rank.2.scope == Scope::Decisions {
            let concerns = self.rulings.take(rank, &entry);
            self.concern(concerns);
        }
        self.superseding += usize::from(entry.supersedes.is_some());
        self.by_identity.insert(reference, rank);
        self.entries.insert(rank, Box::new(entry));
    }

    fn take_out(&mut self, rank: &Rank) {
        let Some(gone) = self.entries.remove(rank) else { return };
        self.by_identity.remove(&gone.reference);
        self.superseding -= usize::from(gone.supersedes.is_some());
        if rank.2.scope == Scope::Decisions {
            let concerns = self.rulings.forget(*rank);
            self.concern(concerns);
        }
    }

    /// Of several reasons for the same bytes the one that stands first counts.
    fn set_aside(&mut self, reference: EventRef, hash: [u8; 32], why: Unfolded, ruling: Option<EventRef>) {
        if self.by_identity.get(&reference).is_some_and(|rank| rank.5 == hash) && why != Unfolded::Doublet {
            return;
        }
        let reason = self.kept.entry((reference, hash)).or_insert((why, ruling));
        *reason = (why, ruling).min(*reason);
    }

    /// Whoever a change of the rulings concerns is to be judged anew.
    fn concern(&mut self, concerns: Concerns) {
        match concerns {
            Concerns::Nothing => {}
            Concerns::Actor(key) => self.unsettled.extend(self.written.contains_key(&key).then_some(key)),
            Concerns::Anybody => {
                let rulings = &self.rulings;
                let concerned = self.written.iter().filter(|(key, written)| {
                    written.standing.is_some() || rulings.concern(key, &written.author)
                });
                self.unsettled.extend(concerned.map(|(key, _)| *key));
            }
        }
    }

    /// Places all an actor wrote in a document once more, as the rulings now stand.
    fn judge(&mut self, key: LogKey) {
        let Some(Written { author, runs, .. }) = self.written.remove(&key) else { return };
        let identity = |event| EventRef { document: key.document, actor: key.actor, event };
        let (first, last) = (identity(EventId([0; 16])), identity(EventId([0xff; 16])));
        let placed: Vec<Rank> = self.by_identity.range(first..=last).map(|(_, rank)| *rank).collect();
        placed.iter().for_each(|rank| self.take_out(rank));
        let kept: Vec<_> = self.kept.range((first, [0; 32])..=(last, [0xff; 32])).map(|it| *it.0).collect();
        for it in kept {
            self.kept.remove(&it);
        }
        let read: Vec<(&Run, Changes)> =
            runs.values().filter_map(|run| Some((run, unpack(&run.bytes).ok()?))).collect();
        let links: Vec<Vec<Link>> = read.iter().map(|(run, changes)| links(run, changes)).collect();
        let standing = Standing::of(&self.rulings, &key, &author, &links.concat());
        for ((run, changes), links) in read.iter().zip(&links) {
            for (n, (puts, link)) in changes.iter().zip(links).enumerate() {
                let verdict = standing.as_ref().map_or(Verdict::Folds(None), |it| it.verdict(&link.hash));
                self.place_change(run, &author, n, puts, &verdict);
            }
        }
        self.written.insert(key, Written { author, runs, standing });
    }

    /// All folding events in fold order: an event ranks after what it supersedes, else by rank.
    pub fn ordered(&self) -> Vec<&Entry> {
        if self.superseding == 0 {
            return self.entries.values().map(AsRef::as_ref).collect();
        }
        let mut waiting: BTreeMap<EventRef, Vec<&Entry>> = BTreeMap::new();
        let mut placed = BTreeSet::new();
        let mut ordered = Vec::with_capacity(self.entries.len());
        for entry in self.entries.values() {
            match entry.supersedes {
                Some(earlier) if self.by_identity.contains_key(&earlier) && !placed.contains(&earlier) => {
                    waiting.entry(earlier).or_default().push(entry);
                }
                _ => place_with_followers(entry, &mut waiting, &mut placed, &mut ordered),
            }
        }
        // Only cycles are left: their edges are ignored, rank decides.
        for entry in self.entries.values() {
            if !placed.contains(&entry.reference) {
                placed.insert(entry.reference);
                ordered.push(entry);
            }
        }
        ordered
    }

    /// Events that are in the log and do not fold, with the reason.
    pub fn kept(&self) -> Vec<Kept> {
        let kept = self.kept.iter();
        kept.map(|((reference, _), (why, ruling))| Kept { reference: *reference, why: *why, ruling: *ruling })
            .collect()
    }

    /// Why these bytes of an event do not fold, if they are held and do not; and the ruling, where it is one.
    pub fn kept_aside(&self, reference: &EventRef, value: &[u8]) -> Option<(Unfolded, Option<EventRef>)> {
        self.kept.get(&(*reference, hash_of(reference.event, value))).copied()
    }

    /// One event by its identity.
    pub fn get(&self, reference: &EventRef) -> Option<&Entry> {
        self.by_identity.get(reference).and_then(|rank| self.entries.get(rank)).map(AsRef::as_ref)
    }

    /// Where on its line an event stands: the sequence number of its change.
    pub fn seq(&self, reference: &EventRef) -> Option<u64> {
        self.by_identity.get(reference).map(|rank| rank.3)
    }

    /// Another history of the same events, each as `edit` gives it back, or left out.
    pub fn edited(&self, mut edit: impl FnMut(&Entry) -> Option<Entry>) -> Self {
        let mut other = Self { kept: self.kept.clone(), ..Self::default() };
        for (rank, entry) in &self.entries {
            if let Some(entry) = edit(entry) {
                other.place(*rank, entry);
            }
        }
        other
    }

    /// How many events fold.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing folds yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn place_with_followers<'a>(
    first: &'a Entry,
    waiting: &mut BTreeMap<EventRef, Vec<&'a Entry>>,
    placed: &mut BTreeSet<EventRef>,
    ordered: &mut Vec<&'a Entry>,
) {
    let mut next = vec![first];
    while let Some(entry) = next.pop() {
        placed.insert(entry.reference);
        ordered.push(entry);
        if let Some(followers) = waiting.remove(&entry.reference) {
            next.extend(followers.into_iter().rev());
        }
    }
}
