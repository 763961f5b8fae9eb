//! What the tests share: real nodes as processes, a throw-away PostgreSQL, a city with a branch.

pub mod reference;
pub mod second;
pub mod timetable;
pub mod years;

#[cfg(feature = "node")]
mod nodes;
#[cfg(feature = "node")]
pub use nodes::*;
