//! What an event says of other events, as the history understands it, whatever its kind.

use super::{DocumentId, EventRef, Subject};
use crate::ids::{ActionId, ActorId, BranchId, ChangeHash, DeviceId, EventId, PublicKey};
use client_core_macros::Packed;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A word on other events. Only the arbiter's counts.
#[derive(Clone, Copy, Debug)]
pub enum Ruling<'a> {
    /// A device was enrolled with this key.
    Enrolled(DeviceId, PublicKey),
    /// A device is no longer trusted, beyond what is accepted of it.
    Revoked(Named, &'a [Accepted]),
    /// What an actor wrote between two changes counts otherwise.
    OnLine(DocumentId, ActorId, OnLine<'a>),
    /// A unit exists.
    Unit(BranchId),
    /// The city recorded whose a thing is.
    Owner(Subject, BranchId),
    /// A thing goes to another unit; of the owner before it counts what is accepted.
    Transferred(Subject, BranchId, &'a [KnownLines]),
    /// A thing is the city's, whoever declared it.
    OfTheCity(Subject),
    /// Decisions were made on these bytes.
    Basis(&'a [Basis]),
    /// The decisions that follow are of this epoch.
    Term(u64),
    /// The branch's part of an import, in the scope of this event, is whole.
    Imported(Brought),
    /// The branch's part of an import counts no longer.
    Reverted(Brought),
}

/// What is said of an actor's changes in a document.
#[derive(Clone, Copy, Debug)]
pub enum OnLine<'a> {
    /// From one change to another, quarantine is lifted.
    Released(ChangeHash, ChangeHash),
    /// From one change to another, quarantine is for good.
    Rejected(ChangeHash, ChangeHash),
    /// From one change to another, stamps are moved by so many milliseconds.
    Corrected(ChangeHash, ChangeHash, i64),
    /// Only what leads to these changes counts, and what follows the first.
    Closed(&'a [ChangeHash]),
}

/// Whom a revocation names. Whoever issues a certificate chooses the device's id, so that two keys may stand
/// under one: the key decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The device.
    pub device: DeviceId,
    /// Its key; none in the first version of the ruling.
    pub key: Option<PublicKey>,
}

/// Up to where one actor's changes in a document are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct Accepted {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// The last change accepted of each of its lines.
    pub heads: Vec<ChangeHash>,
}

/// Where a line stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct KnownHead {
    /// Sequence number of its last change.
    pub seq: u64,
    /// Hash of its last change.
    pub hash: ChangeHash,
}

/// How far one actor's lines in a document were known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct KnownLines {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// The last change of each line.
    pub heads: Vec<KnownHead>,
}

/// What an import brought to one branch in one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought {
    /// The action that all parts of the import share.
    pub action: ActionId,
    /// How many events.
    pub events: u32,
    /// SHA-256 over their ids, in ascending order.
    pub hash: ChangeHash,
}

impl Brought {
    /// These events of an import.
    pub fn of(action: ActionId, mut events: Vec<EventId>) -> Self {
        events.sort_unstable();
        let mut hasher = Sha256::new();
        events.iter().for_each(|event| hasher.update(event.0));
        let hash = ChangeHash(hasher.finalize().into());
        Self { action, events: u32::try_from(events.len()).unwrap_or(u32::MAX), hash }
    }
}

/// The bytes of one event that a decision was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct Basis {
    /// The event.
    pub event: EventRef,
    /// SHA-256 over its id and bytes.
    pub hash: ChangeHash,
}
