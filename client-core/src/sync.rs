//! Sync: moves changes and sealed rows between a node and its upstream. Never sees event kinds.

mod frame;
mod pace;
mod session;

pub use frame::{CityStatement, Frame, Head, MAX_FRAME_BYTES, PROTOCOL, Refusal, proof_message};
pub use session::{Local, Output, Session, Side};

#[cfg(test)]
mod tests;
