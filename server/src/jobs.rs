//! Work the city node does by itself.

pub mod arbiter;
pub mod clock_watch;
