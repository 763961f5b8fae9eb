//! Imports that are wholly applied.

use super::ImportEvent;
use crate::domain::{Entry, Event, View};
use crate::ids::ActionId;
use serde::Serialize;
use std::collections::BTreeMap;

/// A branch's imports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imports {
    /// The file's name, by the import's action.
    pub applied: BTreeMap<ActionId, String>,
}

impl View for Imports {
    const NAME: &'static str = "imports";

    fn apply(&mut self, entry: &Entry) {
        let Event::Import(ImportEvent::Applied(applied)) = &entry.event else { return };
        self.applied.insert(applied.action, applied.file.clone());
    }
}
