//! Imports that are wholly applied, and those that were reverted: of a branch's private documents for the
//! branch, of its shared ones for everybody.

use super::ImportEvent;
use crate::domain::{Entry, Event, View};
use crate::ids::{ActionId, BranchId};
use serde::Serialize;
use std::collections::BTreeMap;

/// What an import brought to a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The file's name.
    pub file: String,
    /// How many events, in the documents that are seen here.
    pub events: u32,
    /// Why it counts no longer, if it was reverted.
    pub reverted: Option<String>,
}

/// Imports by action and branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imports {
    /// Each with the branches that it brought something to.
    pub applied: BTreeMap<ActionId, BTreeMap<BranchId, Imported>>,
}

impl Imports {
    fn close(&mut self, branch: BranchId, action: ActionId, file: &str, events: u32) {
        let imported = Imported { file: file.to_owned(), events, reverted: None };
        self.applied.entry(action).or_default().insert(branch, imported);
    }

    fn revert(&mut self, branch: BranchId, action: ActionId, reason: &str) {
        if let Some(imported) = self.applied.get_mut(&action).and_then(|by| by.get_mut(&branch)) {
            imported.reverted = Some(reason.to_owned());
        }
    }
}

impl View for Imports {
    const NAME: &'static str = "imports";

    fn apply(&mut self, entry: &Entry) {
        let Event::Import(said) = &entry.event else { return };
        match said {
            ImportEvent::Applied(it) => self.close(entry.branch, it.action, &it.file, it.events),
            ImportEvent::Shared(it) => self.close(entry.branch, it.action, &it.file, it.events),
            ImportEvent::Reverted(it) => self.revert(entry.branch, it.action, &it.reason),
            ImportEvent::Withdrawn(it) => self.revert(entry.branch, it.action, &it.reason),
        }
    }
}
