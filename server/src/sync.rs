//! Sync over WebSocket: one driver for both ends, carrying out what the core's session says.

pub mod endpoint;
mod peer;
pub use peer::now;
pub mod upstream;
