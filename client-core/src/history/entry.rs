//! One event as folds see it, and why one does not fold by its bytes.

use crate::event::{Basis, DocumentId, Envelope, EventRef, Ruling, Statement};
use crate::identity::{Certificate, Role};
use crate::ids::{ActionId, ActorId, BranchId, ChangeHash, DeviceId, EventId, UserId};
use crate::time::{Millis, Quarter, Stamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::sync::Arc;

/// A stamp that the city corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// As it was written.
    pub written: Stamp,
    /// The ruling.
    pub ruling: EventRef,
}

/// One event as folds see it.
#[derive(Clone, Debug)]
pub struct Entry<E> {
    /// Its full identity.
    pub reference: EventRef,
    /// SHA-256 over its id and bytes.
    pub hash: ChangeHash,
    /// The number of its change on its line, and its place in the change.
    pub at: (u64, u32),
    /// The city's epoch that a decision is of, counted from 1 once there are several; 0 otherwise.
    pub epoch: u32,
    /// Orders it, corrected where the city ruled so.
    pub stamp: Stamp,
    /// The stamp as it was written, where it was corrected.
    pub correction: Option<Box<Correction>>,
    /// The wall clock its author saw.
    pub claimed: Millis,
    /// Who wrote it.
    pub device: DeviceId,
    /// As what the device is certified.
    pub role: Role,
    /// On whose behalf.
    pub user: UserId,
    /// The branch it belongs to.
    pub branch: BranchId,
    /// The user action it is part of.
    pub action: ActionId,
    /// What it replaces.
    pub supersedes: Option<EventRef>,
    /// What happened.
    pub event: E,
}

code_enum! {
    /// Why an event that is in the log does not fold.
    Unfolded {
        /// Its bytes are not a readable event.
        Unreadable = 0 "unreadable",
        /// Its kind does not belong into this scope.
        WrongScope = 1 "wrong_scope",
        /// Its device or branch is not the certificate's.
        WrongAuthor = 2 "wrong_author",
        /// The same identity came before with other bytes, and those count.
        Doublet = 3 "doublet",
        /// Its kind or version is newer than this program.
        UnknownKind = 4 "unknown_kind",
        /// Its device was revoked, and nobody has ruled on it yet.
        Quarantine = 5 "quarantine",
        /// Its device was revoked, and it was ruled that it does not count.
        Rejected = 6 "rejected",
        /// Its actor was closed, and it lies on a line that was not kept.
        Closed = 7 "closed",
        /// A field lies outside the bounds of its kind.
        OutOfBounds = 8 "out_of_bounds",
        /// Its document is of another quarter than the fact.
        WrongPeriod = 9 "wrong_period",
        /// Two lines of a copied device hold other bytes under its identity; the city rules on it.
        Contested = 10 "contested",
        /// It speaks of what another unit owns.
        NotEntitled = 11 "not_entitled",
        /// A later event stands in its place, or voids it.
        Replaced = 12 "replaced",
        /// It is part of an import that is not whole here yet.
        Unfinished = 13 "unfinished",
        /// It is part of an import that was reverted.
        Reverted = 14 "reverted",
    }
}

/// Why an event is kept aside, with what the reason points at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aside {
    /// Why it does not fold.
    pub why: Unfolded,
    /// The ruling that says so, where it is one.
    pub ruling: Option<EventRef>,
    /// The field outside its bounds, or the kind and version that are unknown.
    pub detail: Option<Box<str>>,
}

impl From<Unfolded> for Aside {
    fn from(why: Unfolded) -> Self {
        Self { why, ruling: None, detail: None }
    }
}

impl<E> Entry<E> {
    /// Its place among all events, whatever the epoch.
    pub(super) fn rank(&self) -> Rank {
        let EventRef { document, actor, .. } = self.reference;
        (self.stamp, actor, document, self.at.0, self.at.1, self.hash.0)
    }

    /// Whether folds can tell the two apart.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        (self.rank(), self.epoch, &self.correction) == (other.rank(), other.epoch, &other.correction)
    }

    /// The event it replaces, where its author may: only what the same unit said in the same scope.
    pub fn replaces(&self) -> Option<EventRef> {
        let (own, earlier) = (&self.reference.document, self.supersedes?);
        let same = own.scope == earlier.document.scope && own.branch == earlier.document.branch;
        same.then_some(earlier)
    }
}

/// An event that is kept and forwarded, but does not fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its identity.
    pub reference: EventRef,
    /// Why it does not fold.
    pub why: Unfolded,
    /// The ruling that says so, where it is one.
    pub ruling: Option<EventRef>,
    /// The field outside its bounds, or the kind and version that are unknown.
    pub detail: Option<String>,
}

/// Corrected stamp, actor, document, seq, index in the change, hash of the event.
pub type Rank = (Stamp, ActorId, DocumentId, u64, u32, [u8; 32]);

/// An entry at its place in the fold order: by epoch, then by rank.
#[derive(Debug)]
pub struct Ranked<E> {
    epoch: u32,
    stamp: Stamp,
    /// None stands before every entry.
    entry: Option<Arc<Entry<E>>>,
}

impl<E> Ranked<E> {
    /// Stands before every entry.
    pub const LEAST: Self = Self { epoch: 0, stamp: Stamp(0), entry: None };

    /// The entry; none at [`Ranked::LEAST`].
    pub fn entry(&self) -> Option<&Arc<Entry<E>>> {
        self.entry.as_ref()
    }
}

impl<E> From<&Arc<Entry<E>>> for Ranked<E> {
    fn from(entry: &Arc<Entry<E>>) -> Self {
        Self { epoch: entry.epoch, stamp: entry.stamp, entry: Some(entry.clone()) }
    }
}

impl<E> Clone for Ranked<E> {
    fn clone(&self) -> Self {
        Self { epoch: self.epoch, stamp: self.stamp, entry: self.entry.clone() }
    }
}

impl<E> Ord for Ranked<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |it: &Self| it.entry.as_ref().map(|entry| entry.rank());
        (self.epoch, self.stamp).cmp(&(other.epoch, other.stamp)).then_with(|| rank(self).cmp(&rank(other)))
    }
}

impl<E> PartialOrd for Ranked<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Ranked<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Ranked<E> {}

/// What tells events of one identity apart.
pub(super) fn hash_of(id: EventId, value: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(id.0).chain_update(value).finalize().into()
}

/// Reads an event that may fold in the document, by its bytes alone.
pub fn read<E: Statement>(
    document: &DocumentId,
    author: &Certificate,
    bytes: &[u8],
) -> Result<(Envelope, E), Aside> {
    let unreadable = |_| Aside::from(Unfolded::Unreadable);
    let envelope = Envelope::decode(bytes).map_err(unreadable)?;
    let event = E::decode(&envelope.kind, envelope.version, &envelope.body).map_err(unreadable)?;
    if envelope.device != author.device || !branch_fits(document, author, envelope.branch) {
        return Err(Unfolded::WrongAuthor.into());
    }
    envelope
        .bounds()
        .and_then(|()| event.as_ref().map_or(Ok(()), |event| event.body().bounds()))
        .map_err(|out| Aside { detail: Some(out.field.into()), ..Unfolded::OutOfBounds.into() })?;
    match event {
        None => Err(Aside {
            detail: Some(format!("{} {}", envelope.kind, envelope.version).into()),
            ..Unfolded::UnknownKind.into()
        }),
        Some(event) if event.body().info().scope != document.scope => Err(Unfolded::WrongScope.into()),
        Some(event) if !period_fits(document, &envelope, &event) => Err(Unfolded::WrongPeriod.into()),
        Some(event) => Ok((envelope, event)),
    }
}

/// A document holds the facts of its quarter; what has no day of its own goes by the stamp as it was written.
fn period_fits(document: &DocumentId, envelope: &Envelope, event: &impl Statement) -> bool {
    let day = event.body().fact_day().unwrap_or_else(|| envelope.stamp.millis().day());
    document.period == Quarter::of(day)
}

/// The city's own devices write for the branch whose document it is; all others for their own branch.
fn branch_fits(document: &DocumentId, author: &Certificate, branch: BranchId) -> bool {
    branch == document.branch && (author.branch == branch || author.branch == BranchId::CITY)
}

/// Puts an event that was read together.
pub(super) fn entry<E>(
    reference: EventRef,
    (at, hash): ((u64, u32), [u8; 32]),
    role: Role,
    envelope: Envelope,
    event: E,
) -> Entry<E> {
    Entry {
        reference,
        hash: ChangeHash(hash),
        at,
        epoch: 0,
        stamp: envelope.stamp,
        correction: None,
        claimed: envelope.claimed,
        device: envelope.device,
        role,
        user: envelope.user,
        branch: envelope.branch,
        action: envelope.action,
        supersedes: envelope.supersedes,
        event,
    }
}

/// The bytes that it says decisions were made on.
pub(super) fn basis_of(event: &impl Statement) -> &[Basis] {
    match event.body().ruling() {
        Some(Ruling::Basis(basis)) => basis,
        _ => &[],
    }
}
