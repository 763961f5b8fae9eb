//! The merged history: every event a node holds, in the one order all nodes agree on, and what of it counts.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod arrival;
mod chain;
mod count;
mod delta;
mod entry;
mod epochs;
mod imports;
mod owners;
mod past;
mod rulings;
mod standing;
mod supersession;

pub use count::{Count, LeftOut, Since, Turned};
pub use delta::Delta;
pub use entry::{Aside, Correction, Entry, Kept, Ranked, Unfolded, read as read_event};
pub use owners::{Owners, Ownership};
pub use past::NotHeld;
pub use rulings::Rulings;
pub use supersession::Counted;

use self::arrival::{At, Change, Read, greatest_stamp};
use self::chain::{Chain, First, Forks, Identity, NOTHING};
use self::entry::{Rank, basis_of, entry, hash_of, read};
use self::epochs::Epochs;
use self::rulings::Concerns;
use self::standing::{Standing, Verdict};
use crate::event::{EventRef, KnownLines, Scope, Statement};
use crate::identity::Certificate;
use crate::ids::{ChangeHash, DeviceId, EventId, PublicKey};
use crate::log::{Changes, Link, LogKey, Run, links};
use crate::time::Stamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Events in fold order. Taking runs in in any order gives the same history.
#[derive(Clone, Debug)]
pub struct History<E> {
    entries: BTreeSet<Ranked<E>>,
    by_identity: BTreeMap<EventRef, Arc<Entry<E>>>,
    kept: BTreeMap<(EventRef, [u8; 32]), Aside>,
    rulings: Rulings,
    epochs: Epochs,
    /// The bytes that decisions were made on, the first decision first.
    bound: BTreeMap<EventRef, BTreeMap<Rank, [u8; 32]>>,
    written: BTreeMap<LogKey, Written>,
    unsettled: BTreeSet<LogKey>,
    /// For whoever keeps up with it.
    delta: Option<Delta<E>>,
    /// Of a program older than this one.
    #[cfg(test)]
    pub(crate) unknown_kinds: &'static [&'static str],
}

/// What an actor wrote in a document, to be judged anew when the city rules on it. Decisions are not.
#[derive(Clone, Debug)]
struct Written {
    author: Certificate,
    runs: BTreeMap<(u64, u64, ChangeHash), Run>,
    /// The rulings that it was judged by.
    judged_by: Vec<Rank>,
    /// Where there are any.
    standing: Option<Standing>,
    chain: Chain,
}

impl Written {
    fn new(author: Certificate, chain: Chain) -> Self {
        Self { author, runs: BTreeMap::new(), judged_by: Vec::new(), standing: None, chain }
    }
}

impl<E> Default for History<E> {
    fn default() -> Self {
        Self {
            entries: BTreeSet::new(),
            by_identity: BTreeMap::new(),
            kept: BTreeMap::new(),
            rulings: Rulings::default(),
            epochs: Epochs::default(),
            bound: BTreeMap::new(),
            written: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            delta: None,
            #[cfg(test)]
            unknown_kinds: &[],
        }
    }
}

impl<E: Statement> History<E> {
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
            if !rulings.on(&key, author).is_empty() {
                self.unsettled.insert(key);
            }
            if let Some(delta) = &mut self.delta {
                delta.has_certificates = true;
            }
            let chain = Chain::One(NOTHING);
            Written::new(author.clone(), chain)
        });
        written.runs.insert((run.first_seq, run.last_seq, run.last_hash), run.clone());
        if self.unsettled.contains(&key) {
            return greatest_stamp(changes);
        }
        if !written.chain.append(run, || links(run, changes)) {
            self.unsettled.insert(key);
            return greatest_stamp(changes);
        }
        if let (Some(delta), Chain::Forked(_)) = (&mut self.delta, &written.chain) {
            delta.is_forked = true;
        }
        if written.standing.is_none() && matches!(written.chain, Chain::One(_)) {
            return self.place_all(run, author, changes);
        }
        let links = links(run, changes);
        if let Some(standing) = &mut written.standing
            && !links.iter().all(|link| standing.append(*link))
        {
            self.unsettled.insert(key);
            return greatest_stamp(changes);
        }
        let Some(mut written) = self.written.remove(&key) else { return Stamp::default() };
        let seen =
            self.place_judged(&mut written.chain, written.standing.as_ref(), author, run, changes, &links);
        self.written.insert(key, written);
        seen
    }

    /// Judges anew what rulings or changes that came since concern.
    pub fn settle(&mut self) {
        while let Some(key) = self.unsettled.pop_first() {
            self.judge(key);
        }
        self.renew_epochs();
    }

    fn renew_epochs(&mut self) {
        if self.epochs.renew() {
            let decisions = self.ranked().filter(|entry| entry.reference.document.scope == Scope::Decisions);
            let others = decisions.filter(|entry| entry.epoch != self.epochs.of(&entry.rank()));
            for entry in others.cloned().collect::<Vec<_>>() {
                let epoch = self.epochs.of(&entry.rank());
                self.remove(&entry.reference);
                self.insert_entry(Entry { epoch, ..entry });
            }
        }
    }

    fn insert_entry(&mut self, entry: Entry<E>) {
        let entry = Arc::new(entry);
        self.entries.insert(Ranked::from(&entry));
        let reference = entry.reference;
        let before = self.by_identity.insert(reference, entry);
        self.note(reference, before);
    }

    fn remove(&mut self, reference: &EventRef) -> Option<Arc<Entry<E>>> {
        let gone = self.by_identity.remove(reference)?;
        self.entries.remove(&Ranked::from(&gone));
        self.note(*reference, Some(gone.clone()));
        Some(gone)
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

    /// Places a run of a single line that no ruling concerns.
    fn place_all(&mut self, run: &Run, author: &Certificate, changes: &Changes) -> Stamp {
        let mut greatest = Stamp::default();
        for (n, puts) in changes.iter().enumerate() {
            let verdict = Verdict::Folds(None);
            for at in (Change { run, author, n, verdict: &verdict }).puts(puts) {
                // Decisions go by their place in whatever order they come (`History::place`).
                let is_decision = at.reference.document.scope == Scope::Decisions;
                greatest = greatest.max(if is_decision { self.fold_put(&at) } else { self.place_put(&at) });
            }
        }
        greatest
    }

    /// Places a run of an actor that rulings concern or that wrote several lines.
    fn place_judged(
        &mut self,
        chain: &mut Chain,
        standing: Option<&Standing>,
        author: &Certificate,
        run: &Run,
        changes: &Changes,
        links: &[Link],
    ) -> Stamp {
        let mut greatest = Stamp::default();
        for (n, (puts, link)) in changes.iter().zip(links).enumerate() {
            let verdict = standing.map_or(Verdict::Folds(None), |standing| standing.verdict(&link.hash));
            for at in (Change { run, author, n, verdict: &verdict }).puts(puts) {
                let seen = match chain {
                    Chain::One(_) => self.place_put(&at),
                    Chain::Forked(forks) => self.place_fork(forks, standing, &at, link.hash),
                };
                greatest = greatest.max(seen);
            }
        }
        greatest
    }

    /// Places a put of an actor with several lines: what counts under its id may alter with it.
    fn place_fork(
        &mut self,
        forks: &mut Forks,
        standing: Option<&Standing>,
        at: &At<'_>,
        change: ChangeHash,
    ) -> Stamp {
        let (reference, id) = (at.reference, at.reference.event);
        let first = |place| First {
            at: place,
            change,
            hash: at.hash,
            seq: (at.seq, at.index),
            value: at.value.to_vec(),
        };
        match forks.identify(id, first, change, at.hash) {
            Identity::Copy => return Stamp::default(),
            Identity::Later => {
                self.set_aside(reference, at.hash, Unfolded::Doublet.into());
                return Stamp::default();
            }
            Identity::First => {}
        }
        let bound = self.bound.get(&reference).and_then(|by| by.values().next()).copied();
        let counts = forks.which(&id, standing, bound);
        for first in forks.firsts(&id) {
            if self.by_identity.get(&reference).is_some_and(|entry| entry.hash.0 == first.hash) {
                self.take_out(&reference);
            }
            self.restore(&(reference, first.hash));
        }
        let mut greatest = Stamp::default();
        for first in forks.firsts(&id) {
            let verdict = standing.map_or(Verdict::Folds(None), |standing| standing.verdict(&first.change));
            let (seq, index) = first.seq;
            let why = match (&verdict, counts) {
                (Verdict::Folds(_), None) => Some(Unfolded::Contested),
                (Verdict::Folds(_), Some(counts)) if counts != first.hash => Some(Unfolded::Doublet),
                _ => None,
            };
            match why {
                Some(why) => self.set_aside(reference, first.hash, why.into()),
                None => {
                    let change = Change { verdict: &verdict, ..*at.change };
                    let (hash, value) = (first.hash, first.value.as_slice());
                    let at = At { change: &change, reference, seq, index, hash, value };
                    greatest = greatest.max(self.fold_put(&at));
                }
            }
        }
        greatest
    }

    /// Places a put of an actor with one line, on which its bytes under an id are the first or come later.
    fn place_put(&mut self, at: &At<'_>) -> Stamp {
        match self.stands_before(&at.reference, at.hash) {
            Some(true) => Stamp::default(),
            Some(false) => {
                self.set_aside(at.reference, at.hash, Unfolded::Doublet.into());
                Stamp::default()
            }
            None => self.fold_put(at),
        }
    }

    /// Gives back its stamp as it was written, if it folds.
    fn fold_put(&mut self, at: &At<'_>) -> Stamp {
        let Change { run, author, verdict, .. } = at.change;
        let (reference, hash) = (at.reference, at.hash);
        if let Verdict::Aside(why, ruling) = verdict {
            self.set_aside(reference, hash, Aside { ruling: Some(*ruling), ..(*why).into() });
            return Stamp::default();
        }
        let read = read::<E>(&run.document, author, at.value);
        #[cfg(test)]
        let read = read.and_then(|read| match self.unknown_kinds.contains(&read.0.kind.as_str()) {
            true => Err(Unfolded::UnknownKind.into()),
            false => Ok(read),
        });
        let (envelope, event) = match read {
            Ok(read) => read,
            Err(aside) => {
                self.set_aside(reference, hash, aside);
                return Stamp::default();
            }
        };
        let stamp = envelope.stamp;
        let mut entry = entry(reference, ((at.seq, at.index), hash), author.role, envelope, event);
        if let Verdict::Folds(Some((offset, ruling))) = verdict {
            entry.stamp = stamp.shifted(*offset);
            entry.correction = Some(Box::new(Correction { written: stamp, ruling: *ruling }));
        }
        self.place(entry);
        stamp
    }

    /// Whether bytes stood under this id before on the one line of the actor, and whether these are the same
    /// or were seen before.
    fn stands_before(&self, reference: &EventRef, hash: [u8; 32]) -> Option<bool> {
        if let Some(entry) = self.by_identity.get(reference) {
            return Some(entry.hash.0 == hash);
        }
        if self.kept.is_empty() {
            return None;
        }
        let mut kept = self.kept.range((*reference, [0; 32])..=(*reference, [0xff; 32]));
        kept.next()?;
        Some(self.kept.contains_key(&(*reference, hash)))
    }

    /// Of copies of one event the first counts, and of decisions under one identity the first on the line.
    fn place(&mut self, mut entry: Entry<E>) {
        let (reference, rank) = (entry.reference, entry.rank());
        if let Some(existing) = self.by_identity.get(&reference) {
            let existing = existing.rank();
            let place = |rank: &Rank| (rank.3, rank.4, rank.5);
            let (is_same, is_later) = (existing.5 == rank.5, place(&existing) < place(&rank));
            if if is_same { existing <= rank } else { is_later } {
                if !is_same {
                    self.set_aside(reference, rank.5, Unfolded::Doublet.into());
                }
                return;
            }
            self.take_out(&reference);
            if !is_same {
                self.set_aside(reference, existing.5, Unfolded::Doublet.into());
            }
        }
        if !self.kept.is_empty() {
            self.restore(&(reference, rank.5));
        }
        if reference.document.scope == Scope::Decisions {
            let concerns = self.rulings.take(rank, &entry);
            self.concern(concerns);
            for item in basis_of(&entry.event) {
                self.bound.entry(item.event).or_default().insert(rank, item.hash.0);
                self.concern_fork(&item.event);
            }
            self.note_enrolment(&entry);
            self.epochs.take(&entry);
            entry.epoch = self.epochs.of(&rank);
        }
        self.insert_entry(entry);
    }

    /// A word on an id that a forked actor wrote several times.
    fn concern_fork(&mut self, event: &EventRef) {
        let key = LogKey { document: event.document, actor: event.actor };
        if let Some(Written { chain: Chain::Forked(forks), .. }) = self.written.get(&key)
            && forks.has_several(&event.event)
        {
            self.unsettled.insert(key);
        }
    }

    fn take_out(&mut self, reference: &EventRef) {
        let Some(gone) = self.remove(reference) else { return };
        if reference.document.scope == Scope::Decisions {
            let rank = gone.rank();
            let concerns = self.rulings.forget(rank);
            self.concern(concerns);
            self.note_enrolment(&gone);
            self.epochs.forget(&rank);
            for item in basis_of(&gone.event) {
                if let Some(by) = self.bound.get_mut(&item.event) {
                    by.remove(&rank);
                }
                self.concern_fork(&item.event);
            }
        }
    }

    /// These bytes are no longer kept aside.
    fn restore(&mut self, what: &(EventRef, [u8; 32])) {
        if self.kept.remove(what).is_some() {
            self.note_aside(*what);
        }
    }

    /// Of several reasons for the same bytes the one that stands first counts.
    fn set_aside(&mut self, reference: EventRef, hash: [u8; 32], aside: Aside) {
        if self.by_identity.get(&reference).is_some_and(|entry| entry.hash.0 == hash) {
            return;
        }
        let reason = self.kept.entry((reference, hash)).or_insert_with(|| aside.clone());
        if aside < *reason {
            *reason = aside;
        }
        self.note_aside((reference, hash));
    }

    /// Whoever a change of the rulings concerns is to be judged anew.
    fn concern(&mut self, concerns: Concerns) {
        match concerns {
            Concerns::Nothing => {}
            Concerns::Actor(key) => self.unsettled.extend(self.written.contains_key(&key).then_some(key)),
            Concerns::Anybody => {
                let rulings = &self.rulings;
                let concerned = self.written.iter().filter(|(key, written)| {
                    let is_forked = matches!(&written.chain, Chain::Forked(forks) if forks.has_any_several());
                    is_forked || rulings.on(key, &written.author) != written.judged_by
                });
                self.unsettled.extend(concerned.map(|(key, _)| *key));
            }
        }
    }

    /// Places all an actor wrote in a document once more, as the rulings now stand.
    fn judge(&mut self, key: LogKey) {
        let Some(Written { author, runs, chain: before, .. }) = self.written.remove(&key) else { return };
        let identity = |event| EventRef { document: key.document, actor: key.actor, event };
        let (first, last) = (identity(EventId([0; 16])), identity(EventId([0xff; 16])));
        let placed: Vec<EventRef> = self.by_identity.range(first..=last).map(|(event, _)| *event).collect();
        placed.iter().for_each(|event| self.take_out(event));
        let kept: Vec<_> = self.kept.range((first, [0; 32])..=(last, [0xff; 32])).map(|it| *it.0).collect();
        kept.iter().for_each(|it| self.restore(it));
        let read = Read::of(runs.values());
        let standing = Standing::of(&self.rulings, &key, &author, &read.links());
        let chain = self.place_read(&read, standing.as_ref(), &author);
        if let Some(delta) = &mut self.delta {
            delta.is_forked |= [&before, &chain].iter().any(|it| matches!(it, Chain::Forked(_)));
        }
        let judged_by = self.rulings.on(&key, &author);
        self.written.insert(key, Written { runs, judged_by, standing, ..Written::new(author, chain) });
    }

    fn place_read(&mut self, read: &Read<'_>, standing: Option<&Standing>, author: &Certificate) -> Chain {
        let mut chain = Chain::of(read.0.iter().map(|(run, _, links)| (*run, links.as_slice())));
        for (run, changes, links) in &read.0 {
            self.place_judged(&mut chain, standing, author, run, changes, links);
        }
        chain
    }

    /// All events that fold, in fold order: by stamp as the city corrected it, but decisions by epoch first.
    pub fn ranked(&self) -> impl DoubleEndedIterator<Item = &Entry<E>> {
        self.in_order().map(AsRef::as_ref)
    }

    /// The same, to be held.
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = &Arc<Entry<E>>> {
        self.entries.iter().filter_map(Ranked::entry)
    }

    /// Events that are in the log and do not fold, with the reason.
    pub fn kept(&self) -> Vec<Kept> {
        let kept = self.kept.iter().map(|((reference, _), aside)| Kept {
            reference: *reference,
            why: aside.why,
            ruling: aside.ruling,
            detail: aside.detail.as_deref().map(str::to_owned),
        });
        kept.collect()
    }

    /// Bytes that do not fold, by event and hash.
    pub fn all_aside(&self) -> impl Iterator<Item = (&(EventRef, [u8; 32]), &Aside)> {
        self.kept.iter()
    }

    /// Why bytes of this hash do not fold, if they are held and do not.
    pub fn aside(&self, what: &(EventRef, [u8; 32])) -> Option<&Aside> {
        self.kept.get(what)
    }

    /// Why these bytes of an event do not fold, if they are held and do not.
    pub fn kept_aside(&self, reference: &EventRef, value: &[u8]) -> Option<&Aside> {
        self.kept.get(&(*reference, hash_of(reference.event, value)))
    }

    /// Actors with ids under which parallel lines hold other bytes, and nobody has ruled which count.
    pub fn contested(&self) -> BTreeSet<LogKey> {
        let contested = self.kept.iter().filter(|(_, aside)| aside.why == Unfolded::Contested);
        contested.map(|((event, _), _)| LogKey { document: event.document, actor: event.actor }).collect()
    }

    /// Whether a decision was made on an event and named its bytes.
    pub fn is_bound(&self, reference: &EventRef) -> bool {
        self.bound.get(reference).is_some_and(|by| !by.is_empty())
    }

    /// Whether a change lies on a line that the city closed.
    pub fn is_closed(&self, key: &LogKey, change: &ChangeHash) -> bool {
        let standing = self.written.get(key).and_then(|written| written.standing.as_ref());
        standing.is_some_and(|it| matches!(it.verdict(change), Verdict::Aside(Unfolded::Closed, _)))
    }

    /// The hash over id and bytes of an event that folds.
    pub fn hash(&self, reference: &EventRef) -> Option<ChangeHash> {
        self.by_identity.get(reference).map(|entry| entry.hash)
    }

    /// Whether an event lies at or before one of these heads, on the line of that head.
    pub fn is_within(&self, reference: &EventRef, heads: &[KnownLines]) -> bool {
        let key = LogKey { document: reference.document, actor: reference.actor };
        let Some(entry) = self.by_identity.get(reference) else { return false };
        let own = heads.iter().filter(|lines| (lines.document, lines.actor) == (key.document, key.actor));
        let mut heads = own.flat_map(|lines| &lines.heads);
        match self.written.get(&key).map(|written| &written.chain) {
            Some(Chain::Forked(forks)) => {
                heads.any(|head| forks.is_within(&reference.event, entry.hash.0, head.hash))
            }
            _ => heads.any(|head| entry.at.0 <= head.seq),
        }
    }

    /// Devices whose id stands in certificates of several keys, with an event under each where one folds.
    pub fn devices_with_several_keys(&self) -> BTreeMap<DeviceId, BTreeMap<PublicKey, Option<EventRef>>> {
        let mut keys: BTreeMap<DeviceId, BTreeMap<PublicKey, Option<EventRef>>> = BTreeMap::new();
        for (device, key) in self.rulings.enrolled_keys() {
            keys.entry(device).or_default().entry(key).or_default();
        }
        for (LogKey { document, actor }, Written { author, .. }) in &self.written {
            let event = keys.entry(author.device).or_default().entry(author.key).or_default();
            if event.is_none() {
                let identity = |id| EventRef { document: *document, actor: *actor, event: EventId(id) };
                let mut own = self.by_identity.range(identity([0; 16])..=identity([0xff; 16]));
                *event = own.next().map(|(event, _)| *event);
            }
        }
        keys.retain(|_, keys| keys.len() > 1);
        keys
    }

    /// One event by its identity.
    pub fn get(&self, reference: &EventRef) -> Option<&Entry<E>> {
        self.held(reference).map(AsRef::as_ref)
    }

    /// The same, to be held.
    pub fn held(&self, reference: &EventRef) -> Option<&Arc<Entry<E>>> {
        self.by_identity.get(reference)
    }

    /// Where on its line an event stands: the sequence number of its change.
    pub fn seq(&self, reference: &EventRef) -> Option<u64> {
        self.by_identity.get(reference).map(|entry| entry.at.0)
    }

    /// Another history of the same events, each as `edit` gives it back, or left out.
    pub fn edited(&self, mut edit: impl FnMut(&Entry<E>) -> Option<Entry<E>>) -> Self {
        let lines = self.written.iter().map(|(key, Written { author, judged_by, standing, chain, .. })| {
            let (judged_by, standing) = (judged_by.clone(), standing.clone());
            (*key, Written { judged_by, standing, ..Written::new(author.clone(), chain.clone()) })
        });
        let mut other = Self { kept: self.kept.clone(), written: lines.collect(), ..Self::default() };
        self.ranked().filter_map(&mut edit).for_each(|entry| other.place(entry));
        other.renew_epochs();
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

#[cfg(test)]
mod tests;
