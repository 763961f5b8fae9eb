//! Rulings: the city's decisions on what already stands in the log. They change no line, only how the
//! fold takes what is on it.

use super::{Checked, DocumentId, Kind, Speaker, bounds};
use crate::ids::{ActorId, ChangeHash, DeviceId, PublicKey};
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

/// A device's key is no longer trusted. What is not up to an accepted head is in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRevoked {
    /// The device, as its certificate names it. Whoever issued the certificate chose this id, so that two
    /// keys may stand under one.
    pub device: DeviceId,
    /// Its key; of a branch node also those it certified that no `device.enrolled` names. Version 1 named
    /// none: it meant every key under the id, and those that the key enrolled under it certified.
    pub key: Option<PublicKey>,
    /// Why, in a person's words.
    pub reason: String,
    /// What is accepted of it.
    pub accepted: Vec<Accepted>,
}

/// Version 1 of [`DeviceRevoked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRevoked1 {
    /// The device.
    pub device: DeviceId,
    /// Why.
    pub reason: String,
    /// What is accepted of it.
    pub accepted: Vec<Accepted>,
}

impl From<DeviceRevoked1> for DeviceRevoked {
    fn from(DeviceRevoked1 { device, reason, accepted }: DeviceRevoked1) -> Self {
        Self { device, key: None, reason, accepted }
    }
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

impl Kind for DeviceRevoked {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { device: _, key: _, reason, accepted } = self;
        bounds::text("reason", reason)?;
        bounds::list("accepted", accepted, bounds::MOST_ELEMENTS)
    }
}

impl Kind for QuarantineReleased {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for QuarantineRejected {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for ClockCorrected {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for ActorClosed {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        bounds::list("keep", &self.keep, bounds::MOST_ELEMENTS)
    }
}
