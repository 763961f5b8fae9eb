//! Branches, and the rules that the city sets for them.

mod command;
mod event;
mod view;

pub use command::*;
pub use event::*;
pub use view::*;

kinds! {
    /// What is said of branches.
    BranchEvent in Branch {
        Admitted(BranchAdmitted),
        Profile(BranchProfile),
        Policy(PolicyPublished),
    }
}

commands! {
    /// What is done about branches.
    BranchCommand in Branch {
        AdmitBranch,
        SetProfile,
        PublishPolicy,
    }
}
