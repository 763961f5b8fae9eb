//! Imports that are wholly applied to a branch, and those that were reverted.

use super::ImportEvent;
use crate::domain::{Entry, Event, View};
use crate::ids::ActionId;
use imbl::OrdMap;
use serde::Serialize;

/// What an import brought to a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The file's name.
    pub file: String,
    /// How many events, in the private documents.
    pub events: u32,
    /// Why it counts no longer, if it was reverted.
    pub reverted: Option<String>,
}

/// A branch's imports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imports {
    /// By action.
    pub applied: OrdMap<ActionId, Imported>,
}

impl View for Imports {
    const NAME: &'static str = "imports";

    type Key = ActionId;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = ActionId> {
        match &entry.event {
            Event::Import(ImportEvent::Applied(it)) => Some(it.action),
            Event::Import(ImportEvent::Reverted(it)) => Some(it.action),
            _ => None,
        }
    }

    fn forget(&mut self, action: &ActionId) {
        self.applied.remove(action);
    }

    fn apply(&mut self, _: &ActionId, entry: &Entry) {
        let Event::Import(said) = &entry.event else { return };
        match said {
            ImportEvent::Applied(it) => {
                let imported = Imported { file: it.file.clone(), events: it.events, reverted: None };
                self.applied.insert(it.action, imported);
            }
            ImportEvent::Reverted(it) => {
                if let Some(imported) = self.applied.get_mut(&it.action) {
                    imported.reverted = Some(it.reason.clone());
                }
            }
            // The history goes by these.
            ImportEvent::Shared(_) | ImportEvent::Withdrawn(_) => {}
        }
    }
}
