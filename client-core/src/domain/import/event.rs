//! Events about files that were brought in.

use crate::event::{Checked, Kind, Scope, Speaker, bounds};
use crate::ids::{ActionId, ChangeHash};
use client_core_macros::Packed;

/// Last event of an import: it counts as applied only when this one has come.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ImportApplied {
    /// The action all parts of the import share.
    pub action: ActionId,
    /// How many events of the action came before this one in the branch's private documents.
    pub events: u32,
    /// SHA-256 over the ids of those events, in ascending order.
    pub hash: ChangeHash,
    /// The file's name.
    pub file: String,
}

impl Kind for ImportApplied {
    const NAME: &'static str = "import.applied";
    const SCOPE: Scope = Scope::Private;
    const SPEAKER: Speaker = Speaker::Importer;

    fn bounds(&self) -> Checked {
        let Self { action: _, events: _, hash: _, file } = self;
        bounds::text("file", file)
    }
}
