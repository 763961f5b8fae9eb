//! Work the city node does by itself.

pub mod arbiter;
