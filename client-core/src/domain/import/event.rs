//! Events about files that were brought in. Each branch's part of an import has a closing and may have a
//! reverting in each scope, so that whoever holds the documents of that scope alone can judge it.

use crate::event::{Brought, Checked, Kind, Ruling, Scope, Speaker, bounds};
use crate::ids::{ActionId, ChangeHash};
use client_core_macros::Packed;

/// Last event of an import in a branch's private documents, also where it brought nothing there: it counts
/// as applied only when this one has come.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ImportApplied {
    /// The action all parts of the import share.
    pub action: ActionId,
    /// How many events of the action came before this one.
    pub events: u32,
    /// SHA-256 over the ids of those events, in ascending order.
    pub hash: ChangeHash,
    /// The file's name.
    pub file: String,
}

/// Last event of an import in a branch's shared documents. The file's name stands in the private ones alone:
/// it may name a person.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ImportShared {
    /// The action all parts of the import share.
    pub action: ActionId,
    /// How many events of the action came before this one.
    pub events: u32,
    /// SHA-256 over the ids of those events, in ascending order.
    pub hash: ChangeHash,
}

/// What an import brought to a branch's private documents counts no longer.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ImportReverted {
    /// The action all parts of the import share.
    pub action: ActionId,
    /// How many events of the action it brought.
    pub events: u32,
    /// SHA-256 over the ids of those events, in ascending order.
    pub hash: ChangeHash,
    /// Why; names nobody.
    pub reason: String,
}

/// What an import brought to a branch's shared documents counts no longer.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ImportWithdrawn {
    /// The action all parts of the import share.
    pub action: ActionId,
    /// How many events of the action it brought.
    pub events: u32,
    /// SHA-256 over the ids of those events, in ascending order.
    pub hash: ChangeHash,
    /// Why; names nobody.
    pub reason: String,
}

impl Kind for ImportApplied {
    const NAME: &'static str = "import.applied";
    const SCOPE: Scope = Scope::Private;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Importer;

    fn ruling(&self) -> Option<Ruling<'_>> {
        let Self { action, events, hash, .. } = *self;
        Some(Ruling::Imported(Brought { action, events, hash }))
    }

    fn bounds(&self) -> Checked {
        let Self { action: _, events: _, hash: _, file } = self;
        bounds::text("file", file)
    }
}

impl Kind for ImportShared {
    const NAME: &'static str = "import.shared";
    const SCOPE: Scope = Scope::Shared;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Importer;
    const SINCE: u16 = 2;

    fn ruling(&self) -> Option<Ruling<'_>> {
        let Self { action, events, hash } = *self;
        Some(Ruling::Imported(Brought { action, events, hash }))
    }

    fn bounds(&self) -> Checked {
        let Self { action: _, events: _, hash: _ } = self;
        Ok(())
    }
}

impl Kind for ImportReverted {
    const NAME: &'static str = "import.reverted";
    const SCOPE: Scope = Scope::Private;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Importer;
    const SINCE: u16 = 2;

    fn ruling(&self) -> Option<Ruling<'_>> {
        let Self { action, events, hash, .. } = *self;
        Some(Ruling::Reverted(Brought { action, events, hash }))
    }

    fn bounds(&self) -> Checked {
        let Self { action: _, events: _, hash: _, reason } = self;
        bounds::text("reason", reason)
    }
}

impl Kind for ImportWithdrawn {
    const NAME: &'static str = "import.withdrawn";
    const SCOPE: Scope = Scope::Shared;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Importer;
    const SINCE: u16 = 2;

    fn ruling(&self) -> Option<Ruling<'_>> {
        let Self { action, events, hash, .. } = *self;
        Some(Ruling::Reverted(Brought { action, events, hash }))
    }

    fn bounds(&self) -> Checked {
        let Self { action: _, events: _, hash: _, reason } = self;
        bounds::text("reason", reason)
    }
}
