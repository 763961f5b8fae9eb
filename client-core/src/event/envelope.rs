//! The envelope around every event, and its MessagePack form.

use super::{Checked, EventRef, bounds};
use crate::ids::{ActionId, BranchId, DeviceId, UserId};
use crate::packed::{packed, read_body};
use crate::time::{Millis, Stamp};
use client_core_macros::Packed;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_bytes::ByteBuf;

/// What every event carries, whatever its kind. Its id is the key it stands under in the log.
///
/// In the log this is a MessagePack array in field order with shortest integers, no floats and no maps.
/// The body stays bytes here, so that kinds a node does not know are kept and forwarded untouched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct Envelope {
    /// Dotted name of the kind, e.g. `teacher.offered`.
    pub kind: String,
    /// Version of the body's layout.
    pub version: u16,
    /// Hybrid-logical-clock stamp; orders the event.
    pub stamp: Stamp,
    /// The wall clock the author saw.
    pub claimed: Millis,
    /// The device that wrote it.
    pub device: DeviceId,
    /// The person on whose behalf.
    pub user: UserId,
    /// The branch it belongs to; [`BranchId::CITY`] for the city itself.
    pub branch: BranchId,
    /// The user action it is part of.
    pub action: ActionId,
    /// The event whose value this one replaces.
    pub supersedes: Option<EventRef>,
    /// The encoded payload.
    pub body: ByteBuf,
}

/// Why bytes in the log are not a readable event. The bytes stay; the fold shows an anomaly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The envelope is not MessagePack of the expected shape.
    #[error("the envelope cannot be read: {0}")]
    Envelope(String),
    /// The body of a known kind and version cannot be read.
    #[error("the body of {kind} version {version} cannot be read: {reason}")]
    Body {
        /// The kind in the envelope.
        kind: String,
        /// The version in the envelope.
        version: u16,
        /// What the decoder met.
        reason: String,
    },
}

impl Envelope {
    /// The bytes that go into the log.
    pub fn encode(&self) -> Vec<u8> {
        packed(self)
    }

    /// Reads an envelope. Its body is read by [`super::Statement::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        read_body(bytes).map_err(|error| DecodeError::Envelope(error.to_string()))
    }

    /// Whether its own fields lie within bounds. Its stamp needs none: one that is far ahead is corrected.
    pub fn bounds(&self) -> Checked {
        bounds::kind_name("kind", &self.kind)?;
        bounds::moment("claimed", self.claimed)
    }

    /// The stamp alone, for whoever needs no more; `None` where it cannot be read.
    pub fn stamp_of(bytes: &[u8]) -> Option<Stamp> {
        type Any = IgnoredAny;
        type Fields = (Any, Any, Stamp, Any, Any, Any, Any, Any, Any, Any);
        rmp_serde::from_slice::<Fields>(bytes).ok().map(|fields| fields.2)
    }
}
