//! Files that were brought in.

mod event;
mod view;

pub use event::*;
pub use view::*;

kinds! {
    /// What is said of imports.
    ImportEvent in Import {
        Applied(ImportApplied),
        Shared(ImportShared),
        Reverted(ImportReverted),
        Withdrawn(ImportWithdrawn),
    }
}
