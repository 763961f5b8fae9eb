//! Events about orders and claims: what branches ask, and what the city answers.

mod answer;
mod ask;

pub use answer::*;
pub use ask::*;
