//! Rulings: the city's decisions on what already stands in the log. They change no line, only how the
//! fold takes what is on it.

use super::DocumentId;
use crate::ids::{ActorId, ChangeHash, DeviceId};
use serde::{Deserialize, Serialize};

/// Up to where one actor's changes in a document are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// The last change accepted of each of its lines.
    pub heads: Vec<ChangeHash>,
}

/// A device is no longer trusted. What is not up to an accepted head is in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRevoked {
    /// The device; of a branch node also those it certified that no `device.enrolled` names.
    pub device: DeviceId,
    /// Why, in a person's words.
    pub reason: String,
    /// What is accepted of it.
    pub accepted: Vec<Accepted>,
}

/// Changes in quarantine count after all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineReleased {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// The first change.
    pub from: ChangeHash,
    /// The last change, on the same line.
    pub to: ChangeHash,
}

/// Changes in quarantine never count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRejected {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// The first change.
    pub from: ChangeHash,
    /// The last change, on the same line.
    pub to: ChangeHash,
}

/// A clock was wrong: these changes are ordered as if it had shown another time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockCorrected {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// The first change.
    pub from: ChangeHash,
    /// The last change, on the same line.
    pub to: ChangeHash,
    /// Added to the stamps as they were written.
    pub offset_millis: i64,
}

/// An actor wrote too many lines. What the city held of them counts, the first goes on, the rest ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorClosed {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// Where each line stood at the city; the first is the line that goes on.
    pub keep: Vec<ChangeHash>,
}
