//! Sync: moves changes and sealed rows between a node and its upstream. Never sees event kinds.

mod frame;
mod lack;
mod pace;
mod reach;
mod session;

pub use frame::{
    CityStatement, Frame, MAX_FRAME_BYTES, OLDEST_PROTOCOL, PROTOCOL, Refusal, opening_query, proof_message,
};
pub use pace::{Backoff, Pace};
pub use reach::{Reach, Reached};
pub use session::{Cursor, Here, Local, Output, Session, Side};
