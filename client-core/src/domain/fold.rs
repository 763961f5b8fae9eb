//! Views kept up with a history: an event changes what it bears on, and what follows from that.
//!
//! A view is many small folds, one by each of its keys: a class, a teacher, an order. Where an event comes
//! last of its key it is applied; where it comes late or no longer counts, that key alone is folded again.
//! What is derived from several views compares them as they were before with what they are now, key by key.

use super::anomaly::{Contradictions, Touched};
use super::booking::{Named, book};
use super::{Entry, Event, History, OwnIndexes, PrivateViews, SharedIndexes, SharedViews};
use crate::event::Subject;
use crate::history::{Count, Owners, Ranked, Since, Turned};
use crate::ids::BranchId;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// What is seen of a subject: a fold of the events that count. It is total, deterministic, free of panics.
pub trait View: Default + Clone + Serialize {
    /// The name under which it is served.
    const NAME: &'static str;

    /// By what it is folded: what stands under one key follows from the events of that key alone.
    type Key: Clone + Ord;

    /// The keys that an event bears on; none where it is of another subject.
    fn keys(entry: &Entry) -> impl IntoIterator<Item = Self::Key>;

    /// Takes one event of a key in, in fold order.
    fn apply(&mut self, key: &Self::Key, entry: &Entry);

    /// Forgets all that was applied under a key.
    fn forget(&mut self, key: &Self::Key);

    /// The key of something that a unit owns.
    fn key_of(_subject: &Subject) -> Option<Self::Key> {
        None
    }

    /// What was given to another unit is that unit's.
    fn follow(&mut self, _key: &Self::Key, _owners: &Owners) {}

    /// As it is served.
    fn answer(&self) -> serde_json::Value {
        serde_json::json!(self)
    }
}

/// Entries that count, by key and in fold order.
#[derive(Clone, Debug)]
pub struct Index<K>(BTreeSet<(K, Ranked<Event>)>);

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Clone + Ord> Index<K> {
    fn remove(&mut self, key: &K, entry: &Arc<Entry>) {
        self.0.remove(&(key.clone(), entry.into()));
    }

    /// Says whether it comes behind all others of its key.
    fn insert(&mut self, key: &K, entry: &Arc<Entry>) -> bool {
        let at = (key.clone(), Ranked::from(entry));
        let mut behind = self.0.range((Bound::Excluded(&at), Bound::Unbounded));
        let is_last = behind.next().is_none_or(|(other, _)| other != key);
        self.0.insert(at);
        is_last
    }
}

/// What views take in together.
pub struct News<'a> {
    history: &'a History,
    count: &'a Count<Event>,
    /// What counts otherwise than before.
    pub turned: Turned<Event>,
}

impl<'a> News<'a> {
    /// What it is news of.
    pub fn history(&self) -> &'a History {
        self.history
    }

    /// Brings a view up to date. Gives back the keys that changed.
    pub fn fold<V: View>(&self, view: &mut V, index: &mut Index<V::Key>) -> BTreeSet<V::Key> {
        // By key: what comes behind all else of it; none where it is to be folded again.
        let mut changed: BTreeMap<V::Key, Option<Vec<&Entry>>> = BTreeMap::new();
        changed.extend(self.turned.owners.iter().filter_map(V::key_of).map(|key| (key, None)));
        for entry in &self.turned.out {
            for key in V::keys(entry) {
                index.remove(&key, entry);
                changed.insert(key, None);
            }
        }
        for entry in &self.turned.into {
            for key in V::keys(entry) {
                let is_last = index.insert(&key, entry) && self.count.is_in_order(entry);
                match changed.entry(key).or_insert_with(|| Some(Vec::new())) {
                    Some(last) if is_last => last.push(entry),
                    again => *again = None,
                }
            }
        }
        for (key, last) in &changed {
            match last {
                Some(entries) => entries.iter().for_each(|entry| view.apply(key, entry)),
                None => {
                    view.forget(key);
                    for entry in self.entries(index, key) {
                        view.apply(key, &entry);
                    }
                }
            }
            view.follow(key, self.count.owners());
        }
        changed.into_keys().collect()
    }

    /// Brings an index alone up to date. Gives back the keys that changed.
    pub fn index<K: Clone + Ord>(
        &self,
        index: &mut Index<K>,
        key: impl Fn(&Entry) -> Option<K>,
    ) -> BTreeSet<K> {
        let mut changed = BTreeSet::new();
        for entry in &self.turned.out {
            changed.extend(key(entry).inspect(|key| index.remove(key, entry)));
        }
        for entry in &self.turned.into {
            let key = key(entry);
            key.iter().for_each(|key| {
                index.insert(key, entry);
            });
            changed.extend(key);
        }
        changed
    }

    /// The entries of a key, in the order in which views take them.
    pub fn entries<K: Clone + Ord>(&self, index: &Index<K>, key: &K) -> Vec<Arc<Entry>> {
        let from = index.0.range((Bound::Included((key.clone(), Ranked::LEAST)), Bound::Unbounded));
        let own = from.take_while(|(of, _)| of == key);
        let mut entries: Vec<Arc<Entry>> = own.filter_map(|(_, ranked)| ranked.entry().cloned()).collect();
        self.count.arrange(&mut entries);
        entries
    }
}

/// The views of shared and decisions documents, with what it takes to keep them up.
#[derive(Clone, Debug)]
pub struct SharedFold {
    count: Count<Event>,
    indexes: SharedIndexes,
    named: Named,
    contradictions: Contradictions,
    views: Arc<SharedViews>,
    is_begun: bool,
}

impl Default for SharedFold {
    fn default() -> Self {
        Self {
            count: Count::of_shared(),
            indexes: SharedIndexes::default(),
            named: Named::default(),
            contradictions: Contradictions::default(),
            views: Arc::default(),
            is_begun: false,
        }
    }
}

/// The views of a branch's private documents, with what it takes to keep them up.
#[derive(Clone, Debug)]
pub struct PrivateFold {
    count: Count<Event>,
    indexes: OwnIndexes,
    views: PrivateViews,
    is_begun: bool,
}

impl SharedFold {
    /// The views, after what changed since they were asked for last. All that does so must ask here: what
    /// changed in a history is told once.
    pub fn views(&mut self, history: &mut History) -> &Arc<SharedViews> {
        match history.take_delta() {
            Some(delta) if self.is_begun => self.keep_up(history, &Since::Then(delta)),
            _ => *self = Self::of(history),
        }
        &self.views
    }

    /// Takes in what changed, if anybody ever asked for the views.
    pub fn keep_up_if_begun(&mut self, history: &mut History) {
        if self.is_begun {
            self.views(history);
        }
    }

    /// Folds a history from its beginning.
    pub fn of(history: &History) -> Self {
        let mut fold = Self { is_begun: true, ..Self::default() };
        fold.keep_up(history, &Since::Ever);
        fold
    }

    /// The views alone.
    pub fn into_views(self) -> Arc<SharedViews> {
        self.views
    }

    fn keep_up(&mut self, history: &History, since: &Since<Event>) {
        if since.is_nothing() {
            return;
        }
        let turned = self.count.keep_up(history, since);
        let news = News { history, count: &self.count, turned };
        let before = self.views.clone();
        let mut views = SharedViews::clone(&before);
        views.owners.clone_from(self.count.owners());
        views.left_out.clone_from(self.count.left_out());
        views.conflicts.clone_from(self.count.conflicts());
        let changed = views.fold_in(&news, &mut self.indexes);
        views.teachers.group(&before.teachers);
        views.courses.count(&before.sessions, &views.sessions, &changed.sessions);
        let mut touched = self.named.keep_up(&before, &views, &changed, &news.turned.owners);
        let booked = book(&before, &mut views, &touched);
        self.named.beside(&booked, &views, &mut touched);
        let touched = Touched { sources: touched, booked };
        self.contradictions.keep_up((&before, &mut views), since, &news, &changed, &touched);
        self.views = Arc::new(views);
    }
}

impl PrivateFold {
    /// Nothing yet, of a branch.
    pub fn new(branch: BranchId) -> Self {
        let (indexes, views) = Default::default();
        Self { count: Count::of_private(branch), indexes, views, is_begun: false }
    }

    /// The views, after what changed since they were asked for last. All that does so must ask here: what
    /// changed in a history is told once.
    pub fn views(&mut self, history: &mut History) -> &PrivateViews {
        match history.take_delta() {
            Some(delta) if self.is_begun => self.keep_up(history, &Since::Then(delta)),
            _ => {
                self.count = self.count.begun_anew();
                (self.indexes, self.views) = Default::default();
                self.keep_up(history, &Since::Ever);
            }
        }
        &self.views
    }

    /// Keeps the views up, if somebody asked for them before.
    pub fn keep_up_if_begun(&mut self, history: &mut History) {
        if self.is_begun {
            self.views(history);
        }
    }

    /// Folds a history from its beginning.
    pub fn of(history: &History, branch: BranchId) -> PrivateViews {
        let mut fold = Self::new(branch);
        fold.keep_up(history, &Since::Ever);
        fold.views
    }

    fn keep_up(&mut self, history: &History, since: &Since<Event>) {
        self.is_begun = true;
        if since.is_nothing() {
            return;
        }
        let turned = self.count.keep_up(history, since);
        self.views.left_out.clone_from(self.count.left_out());
        self.views.conflicts.clone_from(self.count.conflicts());
        self.views.fold_in(&News { history, count: &self.count, turned }, &mut self.indexes);
    }
}

#[cfg(test)]
mod tests;
