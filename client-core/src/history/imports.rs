//! Imports count as a whole: the city's importer closes each branch's part of one in each scope, and may
//! revert it, naming how many events it brought and their hash.
//!
//! An import of an earlier program has no such closing in every part; its events count as they come.

use super::{Entry, Statement};
use crate::event::{Brought, EventRef, Ruling, Scope};
use crate::identity::Role;
use crate::ids::{ActionId, BranchId, is_import};
use std::collections::{BTreeMap, BTreeSet};

/// A branch's part of an import in one scope.
pub type Part = (BranchId, Scope, ActionId);

/// Whether the events of a part count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// They do.
    #[default]
    Counts,
    /// Some of it, or its closing, is still on its way.
    Unfinished,
    /// It was reverted, as this event says.
    Reverted(EventRef),
}

/// What is here of a part.
#[derive(Clone, Debug, Default)]
struct Held {
    events: BTreeSet<EventRef>,
    closed: BTreeMap<EventRef, Brought>,
    reverted: BTreeMap<EventRef, Brought>,
    standing: Standing,
}

/// Every import, a part at a time.
#[derive(Clone, Debug, Default)]
pub struct Imports(BTreeMap<Part, Held>);

/// The part that an event of the importer belongs to or speaks of.
pub fn part_of<E: Statement>(entry: &Entry<E>) -> Option<Part> {
    let action = match entry.event.body().ruling() {
        Some(Ruling::Imported(what) | Ruling::Reverted(what)) => what.action,
        _ => entry.action,
    };
    (entry.role == Role::Importer).then_some((entry.branch, entry.reference.document.scope, action))
}

impl Imports {
    /// Takes an event of a part in.
    pub fn take<E: Statement>(&mut self, part: Part, entry: &Entry<E>) {
        let held = self.0.entry(part).or_default();
        match entry.event.body().ruling() {
            Some(Ruling::Imported(what)) => drop(held.closed.insert(entry.reference, what)),
            Some(Ruling::Reverted(what)) => drop(held.reverted.insert(entry.reference, what)),
            _ => drop(held.events.insert(entry.reference)),
        }
    }

    /// Forgets an event of a part.
    pub fn forget(&mut self, part: Part, event: &EventRef) {
        if let Some(held) = self.0.get_mut(&part) {
            held.events.remove(event);
            held.closed.remove(event);
            held.reverted.remove(event);
        }
    }

    /// How a part stands by what is here. Gives back those of its events that this may be new to: all where
    /// it stood otherwise before, else those among `came`.
    pub fn settle(&mut self, part: &Part, came: Vec<EventRef>) -> (Standing, Vec<EventRef>) {
        let Some(held) = self.0.get_mut(part) else { return Default::default() };
        let standing = held.judge(part.2);
        let stood_otherwise = std::mem::replace(&mut held.standing, standing) != standing;
        let events = match stood_otherwise {
            true => held.events.iter().copied().collect(),
            false => came.into_iter().filter(|event| held.events.contains(event)).collect(),
        };
        if held.events.is_empty() && held.closed.is_empty() && held.reverted.is_empty() {
            self.0.remove(part);
        }
        (standing, events)
    }
}

impl Held {
    fn judge(&self, action: ActionId) -> Standing {
        let is_checked = is_import(&action);
        if !is_checked && self.reverted.is_empty() {
            return Standing::Counts;
        }
        let number = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let mut said = self.closed.values().chain(self.reverted.values());
        // Hashing all of a part at each of its events would be quadratic.
        let held = said
            .any(|what| what.events == number)
            .then(|| Brought::of(action, self.events.iter().map(|event| event.event).collect()));
        let says_so = |what: &Brought| held.as_ref() == Some(what);
        let undone = self.reverted.iter().find(|(_, what)| says_so(what));
        match undone {
            Some((by, _)) => Standing::Reverted(*by),
            None if is_checked && !self.closed.values().any(says_so) => Standing::Unfinished,
            None => Standing::Counts,
        }
    }
}

#[cfg(test)]
mod tests;
