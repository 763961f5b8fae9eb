//! What does not fit together, for people to look at.

mod conflicts;
mod view;

pub use view::*;
