//! Work a node does by itself.

pub mod arbiter;
pub mod sealer;
