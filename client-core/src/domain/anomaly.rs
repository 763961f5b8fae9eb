//! What does not fit together, for people to look at.

mod conflicts;
mod view;

pub use conflicts::is_of_others;
pub use view::*;
