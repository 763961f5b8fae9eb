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
type Part = (BranchId, Scope, ActionId);

/// Why events of imports do not count.
#[derive(Debug, Default)]
pub struct Imports {
    /// Parts that are not whole here: some of it, or its closing, is still on its way.
    pub unfinished: BTreeSet<EventRef>,
    /// Parts that were reverted, each event with the one that says so.
    pub reverted: BTreeMap<EventRef, EventRef>,
}

impl Imports {
    /// Leaves out of the entries what does not count, and says why.
    pub fn settle<E: Statement>(entries: &mut Vec<&Entry<E>>) -> Self {
        let mut brought: BTreeMap<Part, Vec<EventRef>> = BTreeMap::new();
        let mut closed: BTreeMap<Part, Vec<Brought>> = BTreeMap::new();
        let mut reverted: BTreeMap<Part, Vec<(Brought, EventRef)>> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.role == Role::Importer) {
            let part = |action| (entry.branch, entry.reference.document.scope, action);
            match entry.event.body().ruling() {
                Some(Ruling::Imported(what)) => closed.entry(part(what.action)).or_default().push(what),
                Some(Ruling::Reverted(what)) => {
                    reverted.entry(part(what.action)).or_default().push((what, entry.reference));
                }
                _ => brought.entry(part(entry.action)).or_default().push(entry.reference),
            }
        }
        let mut imports = Self::default();
        for (part, events) in brought {
            let (is_checked, undone) = (is_import(&part.2), reverted.get(&part));
            if !is_checked && undone.is_none() {
                continue;
            }
            let held = Brought::of(part.2, events.iter().map(|event| event.event).collect());
            let undone = undone.and_then(|all| all.iter().find(|(what, _)| *what == held));
            if let Some((_, by)) = undone {
                imports.reverted.extend(events.into_iter().map(|event| (event, *by)));
            } else if is_checked && !closed.get(&part).is_some_and(|all| all.contains(&held)) {
                imports.unfinished.extend(events);
            }
        }
        let Self { unfinished, reverted } = &imports;
        entries.retain(|entry| {
            !unfinished.contains(&entry.reference) && !reverted.contains_key(&entry.reference)
        });
        imports
    }
}

#[cfg(test)]
mod tests;
