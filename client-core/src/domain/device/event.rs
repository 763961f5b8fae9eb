//! Rulings: the city's decisions on what already stands in the log. They change no line, only how the
//! fold takes what is on it.

use crate::event::{
    Accepted, Checked, DocumentId, Kind, Named, Older, OnLine, Ruling, Scope, Speaker, bounds,
};
use crate::identity::Role;
use crate::ids::{ActorId, BranchId, ChangeHash, DeviceId, PublicKey};
use client_core_macros::Packed;

/// The city took note of a device.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct DeviceEnrolled {
    /// The device.
    pub device: DeviceId,
    /// Its public key.
    pub key: PublicKey,
    /// The branch it works for.
    pub branch: BranchId,
    /// What it may do.
    pub role: Role,
    /// What people call it, e.g. 前台电脑.
    pub label: String,
}

/// A device's key is no longer trusted. What is not up to an accepted head is in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
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
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
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

impl Older for DeviceRevoked1 {
    const VERSION: u16 = 1;
    type Now = DeviceRevoked;
}

/// Changes in quarantine count after all.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
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
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
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
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
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
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ActorClosed {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// Where each line stood at the city; the first is the line that goes on.
    pub keep: Vec<ChangeHash>,
}

impl Kind for DeviceEnrolled {
    const NAME: &'static str = "device.enrolled";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::Enrolled(self.device, self.key))
    }

    fn bounds(&self) -> Checked {
        let Self { device: _, key: _, branch: _, role: _, label } = self;
        bounds::text("label", label)
    }
}

impl Kind for DeviceRevoked {
    const NAME: &'static str = "device.revoked";
    const VERSION: u16 = 2;
    const SCOPE: Scope = Scope::Decisions;
    const SINCE: u16 = 1;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        let named = Named { device: self.device, key: self.key };
        Some(Ruling::Revoked(named, &self.accepted))
    }

    fn bounds(&self) -> Checked {
        let Self { device: _, key: _, reason, accepted } = self;
        bounds::text("reason", reason)?;
        bounds::list("accepted", accepted, bounds::MOST_ELEMENTS)
    }
}

impl Kind for QuarantineReleased {
    const NAME: &'static str = "quarantine.released";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::OnLine(self.document, self.actor, OnLine::Released(self.from, self.to)))
    }

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for QuarantineRejected {
    const NAME: &'static str = "quarantine.rejected";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::OnLine(self.document, self.actor, OnLine::Rejected(self.from, self.to)))
    }

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for ClockCorrected {
    const NAME: &'static str = "clock.corrected";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::OnLine(
            self.document,
            self.actor,
            OnLine::Corrected(self.from, self.to, self.offset_millis),
        ))
    }

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for ActorClosed {
    const NAME: &'static str = "actor.closed";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::OnLine(self.document, self.actor, OnLine::Closed(&self.keep)))
    }

    fn bounds(&self) -> Checked {
        bounds::list("keep", &self.keep, bounds::MOST_ELEMENTS)
    }
}
