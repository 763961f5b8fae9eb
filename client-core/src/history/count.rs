//! What counts of a history, kept up with it: what its authors may say, of imports that are whole, and
//! what no later event stands for.

use super::imports::{Imports, Part, Standing, part_of};
use super::owners::{Ownership, says_whose, subject_of, unit_of};
use super::{Counted, Delta, Entry, History, Owners, Ranked, Unfolded};
use crate::event::{EventRef, Statement, Subject};
use crate::ids::BranchId;
use imbl::{OrdMap, OrdSet};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Readable events that do not count, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Events of imports that are not whole here yet.
    pub unfinished: OrdSet<EventRef>,
    /// Events of imports that were reverted, and by which event.
    pub reverted: OrdMap<EventRef, EventRef>,
    /// Events whose authors may not say what they say.
    pub not_entitled: OrdSet<EventRef>,
    /// Events that a later one stands for or voids, and which.
    pub replaced: OrdMap<EventRef, EventRef>,
}

impl LeftOut {
    /// Why a readable event does not count, and by which event, where it does not.
    pub fn why(&self, event: &EventRef) -> Option<(Unfolded, Option<EventRef>)> {
        let by = |all: &OrdMap<EventRef, EventRef>| all.get(event).copied();
        let of_import = || by(&self.reverted).map(|by| (Unfolded::Reverted, Some(by)));
        let not_entitled = || self.not_entitled.contains(event).then_some((Unfolded::NotEntitled, None));
        let replaced = || by(&self.replaced).map(|by| (Unfolded::Replaced, Some(by)));
        match self.unfinished.contains(event) {
            true => Some((Unfolded::Unfinished, None)),
            false => of_import().or_else(not_entitled).or_else(replaced),
        }
    }

    /// Whether an event of a whole import, or of none, may be said by its author.
    fn is_eligible(&self, event: &EventRef) -> bool {
        !self.unfinished.contains(event)
            && !self.reverted.contains_key(event)
            && !self.not_entitled.contains(event)
    }
}

/// What counts of the documents that all may read, or of a branch's private ones.
#[derive(Clone, Debug)]
pub struct Count<E> {
    /// The branch, of its private documents.
    branch: Option<BranchId>,
    owners: Owners,
    left_out: LeftOut,
    /// Several that stand for one place, by the one that counts.
    conflicts: OrdMap<EventRef, Vec<EventRef>>,
    /// Units that exist, with how many events show it.
    units: BTreeMap<BranchId, usize>,
    /// What bears on whose a thing is, and what only its owner may say.
    said_of: BTreeSet<(Subject, Ranked<E>)>,
    imports: Imports,
    /// Every event that others name as superseded, with each that does.
    named: BTreeMap<EventRef, BTreeSet<EventRef>>,
    /// Behind which event those come that rank before what they supersede, and as which of those.
    moved: BTreeMap<EventRef, (Ranked<E>, usize)>,
    /// The same, by the event that they come behind.
    behind: BTreeSet<(Ranked<E>, EventRef)>,
}

/// What counts otherwise than before.
#[derive(Debug)]
pub struct Turned<E> {
    /// Entries that counted and do not, or not where they did.
    pub out: Vec<Arc<Entry<E>>>,
    /// Entries that count and did not, or not where they do.
    pub into: Vec<Arc<Entry<E>>>,
    /// Things of which something else is known than before about whose they are.
    pub owners: BTreeSet<Subject>,
    /// Events that may be left out for another reason than before, or no longer.
    pub left_out: BTreeSet<EventRef>,
    /// Events that stand, or stood, in a place that several were written for.
    pub conflicts: BTreeSet<EventRef>,
}

type Changed<'a, E> = (EventRef, Option<&'a Arc<Entry<E>>>);

/// From what state a history is kept up with.
pub enum Since<E> {
    /// Nothing of it was counted.
    Ever,
    /// All that now is otherwise, each as it stood before.
    Then(Delta<E>),
}

impl<E: Statement> Since<E> {
    /// Whether there is nothing to take in.
    pub fn is_nothing(&self) -> bool {
        let Self::Then(delta) = self else { return false };
        let Delta { before, aside, is_forked, has_certificates } = delta;
        before.is_empty() && aside.is_empty() && !is_forked && !has_certificates
    }

    /// Every event that may count otherwise, as it stood before.
    fn each<'a>(&'a self, history: &'a History<E>) -> Box<dyn Iterator<Item = Changed<'a, E>> + 'a> {
        match self {
            Self::Ever => Box::new(history.in_order().map(|entry| (entry.reference, None))),
            Self::Then(delta) => {
                let changed = delta.before.iter().filter(|(event, before)| {
                    let now = history.held(event);
                    let is_same = before.as_ref().zip(now).is_some_and(|(before, now)| before.is_as(now));
                    !is_same && (before.is_some() || now.is_some())
                });
                Box::new(changed.map(|(event, before)| (*event, before.as_ref())))
            }
        }
    }
}

/// One pass of keeping up.
struct Pass<'a, E> {
    history: &'a History<E>,
    since: &'a Since<E>,
    /// Entries that counted before, among those that may count otherwise by now.
    counted: BTreeMap<EventRef, Option<Arc<Entry<E>>>>,
    turned: Turned<E>,
    /// Events whose place among others alters with what they supersede.
    moved: BTreeSet<EventRef>,
}

impl<E: Statement> Count<E> {
    /// Of shared and decisions documents.
    pub fn of_shared() -> Self {
        Self::of(None)
    }

    /// Of a branch's private documents.
    pub fn of_private(branch: BranchId) -> Self {
        Self::of(Some(branch))
    }

    fn of(branch: Option<BranchId>) -> Self {
        let (owners, left_out, conflicts) = Default::default();
        Self {
            branch,
            owners,
            left_out,
            conflicts,
            units: BTreeMap::from([(BranchId::CITY, 1)]),
            said_of: BTreeSet::new(),
            imports: Imports::default(),
            named: BTreeMap::new(),
            moved: BTreeMap::new(),
            behind: BTreeSet::new(),
        }
    }

    /// The same, of nothing.
    pub fn begun_anew(&self) -> Self {
        Self::of(self.branch)
    }

    /// Whether views take an event behind all that ranks before it.
    pub fn is_in_order(&self, entry: &Arc<Entry<E>>) -> bool {
        !self.moved.contains_key(&entry.reference)
            && self.behind.last().is_none_or(|(last, _)| *last < Ranked::from(entry))
    }

    /// Whose things are, where their ids do not say so.
    pub fn owners(&self) -> &Owners {
        &self.owners
    }

    /// What does not count, and why.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Several that stand for one place, by the one that counts: a person should look.
    pub fn conflicts(&self) -> &OrdMap<EventRef, Vec<EventRef>> {
        &self.conflicts
    }

    /// Brings entries that count, in fold order, into the order in which views take them: an event comes
    /// after the one that it supersedes.
    pub fn arrange(&self, entries: &mut [Arc<Entry<E>>]) {
        if self.moved.is_empty() {
            return;
        }
        entries.sort_by_cached_key(|entry| {
            self.moved.get(&entry.reference).cloned().unwrap_or_else(|| (Ranked::from(entry), 0))
        });
    }

    /// Takes in what changed.
    pub fn keep_up(&mut self, history: &History<E>, since: &Since<E>) -> Turned<E> {
        let (counted, turned, moved) = Default::default();
        let mut pass = Pass { history, since, counted, turned, moved };
        let units: BTreeSet<BranchId> = self.units.keys().copied().collect();
        let mut subjects = BTreeSet::new();
        let mut parts: BTreeMap<Part, Vec<EventRef>> = BTreeMap::new();
        for (event, before) in since.each(history) {
            let before = before.filter(|entry| self.is_of_scope(entry));
            let now = history.held(&event).filter(|entry| self.is_of_scope(entry));
            if let Some(before) = before {
                self.touch(&mut pass, &event);
                if self.left_out.why(&event).is_some() {
                    pass.turned.left_out.insert(event);
                }
                self.forget(before, &mut subjects, &mut parts);
            }
            if let Some(now) = now {
                self.take(now, &mut subjects, &mut parts);
            }
        }
        let unjudged = self.own(&units, subjects, &mut pass);
        self.entitle(unjudged, &mut pass);
        for (part, came) in parts {
            let (standing, events) = self.imports.settle(&part, came);
            for event in events {
                self.settle(event, standing, &mut pass);
            }
        }
        self.supersede(&mut pass);
        self.turn(pass)
    }

    fn is_of_scope(&self, entry: &Entry<E>) -> bool {
        let document = &entry.reference.document;
        match self.branch {
            None => document.scope.is_open_to_all(),
            Some(branch) => !document.scope.is_open_to_all() && entry.branch == branch,
        }
    }

    /// Remembers how an event counted, before anything about it changes.
    fn touch(&self, pass: &mut Pass<'_, E>, event: &EventRef) {
        if pass.counted.contains_key(event) {
            return;
        }
        let before = match pass.since {
            Since::Ever => None,
            Since::Then(delta) => match delta.before.get(event) {
                Some(before) => before.as_ref(),
                None => pass.history.held(event),
            },
        };
        let before = before.filter(|entry| self.is_of_scope(entry) && self.left_out.why(event).is_none());
        pass.counted.insert(*event, before.cloned());
    }

    fn take(
        &mut self,
        entry: &Arc<Entry<E>>,
        subjects: &mut BTreeSet<Subject>,
        parts: &mut BTreeMap<Part, Vec<EventRef>>,
    ) {
        if let Some(part) = part_of(entry) {
            self.imports.take(part, entry);
            parts.entry(part).or_default().push(entry.reference);
        }
        if let Some(target) = entry.replaces() {
            self.named.entry(target).or_default().insert(entry.reference);
        }
        if self.branch.is_some() {
            return;
        }
        if let Some(subject) = subject_of(entry) {
            self.said_of.insert((subject, entry.into()));
            subjects.extend(says_whose(entry).then_some(subject));
        }
        if let Some(unit) = unit_of(entry) {
            let known = self.units.entry(unit).or_default();
            *known = known.saturating_add(1);
        }
    }

    fn forget(
        &mut self,
        entry: &Arc<Entry<E>>,
        subjects: &mut BTreeSet<Subject>,
        parts: &mut BTreeMap<Part, Vec<EventRef>>,
    ) {
        let event = &entry.reference;
        if let Some(part) = part_of(entry) {
            self.imports.forget(part, event);
            parts.entry(part).or_default();
        }
        if let Some(target) = entry.replaces()
            && let Some(naming) = self.named.get_mut(&target)
        {
            naming.remove(event);
            if naming.is_empty() {
                self.named.remove(&target);
            }
        }
        self.left_out.unfinished.remove(event);
        self.left_out.reverted.remove(event);
        self.left_out.not_entitled.remove(event);
        if self.branch.is_some() {
            return;
        }
        if let Some(subject) = subject_of(entry) {
            self.said_of.remove(&(subject, entry.into()));
            subjects.extend(says_whose(entry).then_some(subject));
        }
        if let Some(unit) = unit_of(entry)
            && let Some(known) = self.units.get_mut(&unit)
        {
            *known = known.saturating_sub(1);
            if *known == 0 {
                self.units.remove(&unit);
            }
        }
    }

    /// Reads off anew whose these things are. Gives back what is said of those that are another's now.
    fn own(
        &mut self,
        units: &BTreeSet<BranchId>,
        mut subjects: BTreeSet<Subject>,
        pass: &mut Pass<'_, E>,
    ) -> BTreeSet<EventRef> {
        if units.iter().any(|unit| !self.units.contains_key(unit)) {
            subjects.extend(self.said_of.iter().map(|(subject, _)| *subject));
        } else if self.units.len() > units.len() {
            // One of them may prove what no other does.
            subjects.extend(self.owners.listed.keys().copied());
        }
        let mut unjudged = BTreeSet::new();
        for subject in subjects {
            let now = Ownership::of(subject, self.said_of(subject), self.units.keys().copied());
            if self.owners.listed.get(&subject) == now.as_ref() {
                continue;
            }
            unjudged.extend(self.said_of(subject).map(|entry| entry.reference));
            pass.turned.owners.insert(subject);
            match now {
                Some(ownership) => drop(self.owners.listed.insert(subject, ownership)),
                None => drop(self.owners.listed.remove(&subject)),
            }
        }
        if matches!(pass.since, Since::Then(delta) if delta.is_forked) {
            for (subject, ownership) in &self.owners.listed {
                if matches!(ownership, Ownership::Transferred(..)) {
                    unjudged.extend(self.said_of(*subject).map(|entry| entry.reference));
                }
            }
        }
        unjudged
    }

    fn said_of(&self, subject: Subject) -> impl Iterator<Item = &Entry<E>> {
        let from = self.said_of.range((Bound::Included((subject, Ranked::LEAST)), Bound::Unbounded));
        from.take_while(move |(of, _)| *of == subject)
            .filter_map(|(_, ranked)| ranked.entry().map(AsRef::as_ref))
    }

    fn entitle(&mut self, unjudged: BTreeSet<EventRef>, pass: &mut Pass<'_, E>) {
        let history = pass.history;
        for (event, _) in pass.since.each(history) {
            self.judge(&event, pass);
        }
        for event in unjudged {
            self.judge(&event, pass);
        }
    }

    fn judge(&mut self, event: &EventRef, pass: &mut Pass<'_, E>) {
        let held = pass.history.get(event).filter(|entry| self.is_of_scope(entry));
        let Some(entry) = held else { return };
        let is_entitled = self.owners.entitle(pass.history, entry);
        if is_entitled != self.left_out.not_entitled.contains(event) {
            return;
        }
        self.touch(pass, event);
        pass.turned.left_out.insert(*event);
        match is_entitled {
            true => self.left_out.not_entitled.remove(event),
            false => self.left_out.not_entitled.insert(*event),
        };
    }

    fn settle(&mut self, event: EventRef, standing: Standing, pass: &mut Pass<'_, E>) {
        let stood = match (self.left_out.unfinished.contains(&event), self.left_out.reverted.get(&event)) {
            (true, _) => Standing::Unfinished,
            (false, Some(by)) => Standing::Reverted(*by),
            (false, None) => Standing::Counts,
        };
        if stood == standing {
            return;
        }
        self.touch(pass, &event);
        pass.turned.left_out.insert(event);
        self.left_out.unfinished.remove(&event);
        self.left_out.reverted.remove(&event);
        match standing {
            Standing::Counts => {}
            Standing::Unfinished => drop(self.left_out.unfinished.insert(event)),
            Standing::Reverted(by) => drop(self.left_out.reverted.insert(event, by)),
        }
    }

    /// Finds out anew what hides what, among all that is connected with what changed.
    fn supersede(&mut self, pass: &mut Pass<'_, E>) {
        if self.named.is_empty() && self.left_out.replaced.is_empty() && self.moved.is_empty() {
            return;
        }
        let mut seeds = BTreeSet::new();
        for (event, before) in pass.since.each(pass.history) {
            self.seed(&event, before, pass.history, &mut seeds);
        }
        for event in pass.counted.keys() {
            self.seed(event, None, pass.history, &mut seeds);
        }
        let mut seen = BTreeSet::new();
        for seed in seeds {
            if seen.contains(&seed) {
                continue;
            }
            let mut connected = self.connected_with(seed, pass.history);
            connected.sort_by_cached_key(|entry| Ranked::from(entry));
            if connected.is_empty() {
                self.stand_alone(&seed, pass);
                continue;
            }
            connected.iter().for_each(|entry| self.stand_alone(&entry.reference, pass));
            seen.extend(connected.iter().map(|entry| entry.reference));
            let counted = Counted::of(connected.iter().map(AsRef::as_ref).collect());
            pass.turned.conflicts.extend(counted.conflicts.keys());
            pass.turned.left_out.extend(counted.replaced.keys());
            for (event, (root, nth)) in counted.moved {
                let Some(root) = pass.history.held(&root).map(Ranked::from) else { continue };
                pass.moved.insert(event);
                self.behind.insert((root.clone(), event));
                self.moved.insert(event, (root, nth));
            }
            self.left_out.replaced.extend(counted.replaced);
            self.conflicts.extend(counted.conflicts);
        }
    }

    /// An event that may hide others or be hidden otherwise by now, and those it is connected with.
    fn seed(
        &self,
        event: &EventRef,
        before: Option<&Arc<Entry<E>>>,
        history: &History<E>,
        seeds: &mut BTreeSet<EventRef>,
    ) {
        let earlier = before.into_iter().chain(history.held(event)).filter_map(|entry| entry.replaces());
        let later = self.naming(event);
        let found: Vec<EventRef> = earlier.chain(later).collect();
        if !found.is_empty() || self.left_out.replaced.contains_key(event) {
            seeds.insert(*event);
            seeds.extend(found);
        }
    }

    /// Those that name an event as superseded.
    fn naming(&self, event: &EventRef) -> impl Iterator<Item = EventRef> {
        self.named.get(event).into_iter().flatten().copied()
    }

    fn eligible<'a>(&self, event: &EventRef, history: &'a History<E>) -> Option<&'a Arc<Entry<E>>> {
        let held = history.held(event).filter(|entry| self.is_of_scope(entry));
        held.filter(|_| self.left_out.is_eligible(event))
    }

    /// What an event supersedes and is superseded by, and so on.
    fn connected_with(&self, event: EventRef, history: &History<E>) -> Vec<Arc<Entry<E>>> {
        let mut found: BTreeMap<EventRef, Arc<Entry<E>>> = BTreeMap::new();
        let mut next = vec![event];
        while let Some(event) = next.pop() {
            if found.contains_key(&event) {
                continue;
            }
            let Some(entry) = self.eligible(&event, history) else { continue };
            next.extend(entry.replaces().into_iter().chain(self.naming(&event)));
            found.insert(event, entry.clone());
        }
        found.into_values().collect()
    }

    /// Forgets what the event hid or was hidden by.
    fn stand_alone(&mut self, event: &EventRef, pass: &mut Pass<'_, E>) {
        self.touch(pass, event);
        if self.left_out.replaced.remove(event).is_some() {
            pass.turned.left_out.insert(*event);
        }
        if self.conflicts.remove(event).is_some() {
            pass.turned.conflicts.insert(*event);
        }
        if let Some((root, _)) = self.moved.remove(event) {
            self.behind.remove(&(root, *event));
            pass.moved.insert(*event);
        }
    }

    /// What counts otherwise than before.
    fn turn(&self, mut pass: Pass<'_, E>) -> Turned<E> {
        let (history, since, mut counted) = (pass.history, pass.since, std::mem::take(&mut pass.counted));
        for (event, _) in since.each(history) {
            let before = counted.remove(&event).flatten();
            self.turn_one(&event, before, &mut pass);
        }
        for (event, before) in counted {
            self.turn_one(&event, before, &mut pass);
        }
        // Keys to which several come take them one behind the other.
        let in_order = |one: &Arc<Entry<E>>, other: &Arc<Entry<E>>| {
            (one.epoch, one.rank()).cmp(&(other.epoch, other.rank()))
        };
        pass.turned.into.sort_by(in_order);
        pass.turned
    }

    fn turn_one(&self, event: &EventRef, before: Option<Arc<Entry<E>>>, pass: &mut Pass<'_, E>) {
        let now = self.eligible(event, pass.history);
        let now = now.filter(|_| !self.left_out.replaced.contains_key(event));
        let is_same = before.as_ref().zip(now).is_some_and(|(before, now)| before.is_as(now));
        if is_same && !pass.moved.contains(event) {
            return;
        }
        pass.turned.out.extend(before);
        pass.turned.into.extend(now.cloned());
    }
}

impl<E> Default for Turned<E> {
    fn default() -> Self {
        let (owners, left_out, conflicts) = Default::default();
        Self { out: Vec::new(), into: Vec::new(), owners, left_out, conflicts }
    }
}
