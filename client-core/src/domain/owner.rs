//! Whose a thing is, where its id does not prove it.

mod command;
mod event;

pub use command::*;
pub use event::*;

kinds! {
    /// What the city says of owners.
    OwnerEvent in Owner {
        Recorded(OwnerRecorded),
        Transferred(OwnerTransferred),
    }
}

commands! {
    /// What the city does about owners.
    OwnerCommand in Owner {
        RecordOwner,
        TransferOwner,
    }
}
