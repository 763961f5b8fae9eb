//! Rooms, equipment and on-site points that branches share.

mod command;
mod event;
mod view;

pub use command::*;
pub use event::*;
pub use view::*;

kinds! {
    /// What is said of assets.
    AssetEvent in Asset {
        Declared(AssetDeclared),
        Condition(AssetConditionNoted),
        Offered(AssetOffered),
        Blocked(AssetBlocked),
    }
}

commands! {
    /// What is done about assets.
    AssetCommand in Asset {
        DeclareAsset,
        NoteCondition,
        OfferAsset,
        BlockAsset,
    }
}

#[cfg(test)]
mod tests;
