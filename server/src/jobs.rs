//! Work a node does by itself.

pub mod arbiter;
pub mod clock_watch;
pub mod sealer;
