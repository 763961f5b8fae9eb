//! Classes: announced, held, called off.

mod command;
mod event;
mod view;

pub use command::*;
pub use event::*;
pub use view::*;

kinds! {
    /// What is said of classes.
    ClassEvent in Class {
        Announced(SessionAnnounced),
        Taught(SessionTaught),
        Corrected(SessionCorrected),
        Cancelled(SessionCancelled),
    }
}

commands! {
    /// What is done about classes.
    ClassCommand in Class {
        AnnounceSession,
        RecordTaught,
        CorrectTaught,
        CancelSession,
    }
}
