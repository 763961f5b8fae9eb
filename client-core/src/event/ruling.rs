//! What an event says of other events, as the history understands it, whatever its kind.

use super::{DocumentId, EventRef, Subject};
use crate::ids::{ActorId, BranchId, ChangeHash, DeviceId, PublicKey};
use client_core_macros::Packed;
use serde::{Deserialize, Serialize};

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

/// The bytes of one event that a decision was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct Basis {
    /// The event.
    pub event: EventRef,
    /// SHA-256 over its id and bytes.
    pub hash: ChangeHash,
}
