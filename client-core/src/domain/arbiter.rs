//! What the arbiter says of its own work: its terms, what its decisions stand on, the release it runs.

mod event;
mod view;

pub use event::*;
pub use view::*;

kinds! {
    /// What the arbiter says of its work.
    ArbiterEvent in Arbiter {
        Term(ArbiterTerm),
        Basis(DecisionBasis),
        Release(ReleaseAnnounced),
    }
}
