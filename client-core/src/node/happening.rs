//! What people who look after a node want to know.

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// This store was put back from a copy; the node goes on under new actors, in a new epoch.
    StorePutBack,
    /// A copy of this node's store wrote on; this node goes on as a new actor.
    StoreCopied,
    /// A device was restored or copied and wrote a second line; both are kept.
    Forked,
    /// The upstream's store was put back or begun anew; it is supplied with what it lacks.
    UpstreamRenewed,
    /// Changes were refused, for their actor alone.
    ChangesRefused,
    /// The disk is full; nothing that was acknowledged is lost.
    DiskFull,
    /// The store failed otherwise.
    StoreFailed,
    /// The store takes writes again.
    StoreWorks,
    /// This machine's clock is far from the upstream's; stamps follow the upstream.
    ClockOff,
    /// A line in the store cannot be read; what stands on it is not looked at.
    LineUnreadable,
    /// Records of owners or lines could not be written; the arbiter decides without them.
    UpkeepFailed,
    /// The arbiter decides nothing until it knows what it may have forgotten.
    ArbiterPaused,
    /// The arbiter decides again.
    ArbiterReleased,
}
