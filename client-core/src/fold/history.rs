//! The merged history: every event a node holds, in the one order all nodes agree on.

use crate::event::{DecodeError, DocumentId, Envelope, Event, EventRef, LoggedEvent};
use crate::identity::Certificate;
use crate::ids::{ActionId, ActorId, BranchId, DeviceId, UserId};
use crate::time::{Millis, Stamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// One event as folds see it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its full identity.
    pub reference: EventRef,
    /// Orders it.
    pub stamp: Stamp,
    /// The wall clock its author saw.
    pub claimed: Millis,
    /// Who wrote it.
    pub device: DeviceId,
    /// On whose behalf.
    pub user: UserId,
    /// The branch it belongs to.
    pub branch: BranchId,
    /// The user action it is part of.
    pub action: ActionId,
    /// What it replaces.
    pub supersedes: Option<EventRef>,
    /// What happened.
    pub event: Event,
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
        /// The same identity came with other bytes, and those count.
        Doublet = 3 "doublet",
        /// Its kind or version is newer than this program.
        UnknownKind = 4 "unknown_kind",
    }
}

/// An event that is kept and forwarded, but does not fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its identity.
    pub reference: EventRef,
    /// Why it does not fold.
    pub why: Unfolded,
}

/// Sort key of the fold order: stamp, actor, document, seq, index in the change, hash of the event.
type Rank = (Stamp, ActorId, DocumentId, u64, u32, [u8; 32]);

/// Events in fold order. Inserting in any order gives the same history.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: BTreeMap<Rank, Entry>,
    by_identity: BTreeMap<EventRef, Rank>,
    kept: BTreeMap<(EventRef, [u8; 32]), Unfolded>,
    superseding: usize,
}

impl History {
    /// Takes in the events of one change, written under this certificate.
    pub fn insert(
        &mut self,
        document: DocumentId,
        actor: ActorId,
        author: &Certificate,
        seq: u64,
        events: &[LoggedEvent<'_>],
    ) {
        for (index, put) in events.iter().enumerate() {
            let reference = EventRef { document, actor, event: put.id };
            let hash: [u8; 32] =
                Sha256::new().chain_update(put.id.0).chain_update(put.value).finalize().into();
            match read(&document, author, put.value) {
                Ok((envelope, event)) => {
                    let rank = (envelope.stamp, actor, document, seq, index as u32, hash);
                    self.place(rank, entry(reference, envelope, event));
                }
                Err(why) => {
                    self.kept.insert((reference, hash), why);
                }
            }
        }
    }

    /// Of two events with one identity and differing bytes the smaller hash counts.
    fn place(&mut self, rank: Rank, entry: Entry) {
        let reference = entry.reference;
        if let Some(existing) = self.by_identity.get(&reference).copied() {
            if existing.5 == rank.5 {
                return;
            }
            let (loser, winner) = if rank.5 < existing.5 { (existing, rank) } else { (rank, existing) };
            self.kept.insert((reference, loser.5), Unfolded::Doublet);
            if winner == existing {
                return;
            }
            if let Some(gone) = self.entries.remove(&existing) {
                self.superseding -= usize::from(gone.supersedes.is_some());
            }
        }
        self.superseding += usize::from(entry.supersedes.is_some());
        self.by_identity.insert(reference, rank);
        self.entries.insert(rank, entry);
    }

    /// All folding events in fold order: an event ranks after what it supersedes, else by rank.
    pub fn ordered(&self) -> Vec<&Entry> {
        if self.superseding == 0 {
            return self.entries.values().collect();
        }
        let mut waiting: BTreeMap<EventRef, Vec<&Entry>> = BTreeMap::new();
        let mut placed = BTreeSet::new();
        let mut ordered = Vec::with_capacity(self.entries.len());
        for entry in self.entries.values() {
            match entry.supersedes {
                Some(earlier) if self.by_identity.contains_key(&earlier) && !placed.contains(&earlier) => {
                    waiting.entry(earlier).or_default().push(entry);
                }
                _ => place_with_followers(entry, &mut waiting, &mut placed, &mut ordered),
            }
        }
        // Only cycles are left: their edges are ignored, rank decides.
        for entry in self.entries.values() {
            if !placed.contains(&entry.reference) {
                placed.insert(entry.reference);
                ordered.push(entry);
            }
        }
        ordered
    }

    /// Events that are in the log and do not fold, with the reason.
    pub fn kept(&self) -> Vec<Kept> {
        self.kept.iter().map(|((reference, _), why)| Kept { reference: *reference, why: *why }).collect()
    }

    /// Why an event does not fold, if it is held and does not.
    pub fn kept_aside(&self, reference: &EventRef) -> Option<Unfolded> {
        let from = (*reference, [0; 32]);
        self.kept.range(from..=(*reference, [0xff; 32])).next().map(|(_, why)| *why)
    }

    /// One event by its identity.
    pub fn get(&self, reference: &EventRef) -> Option<&Entry> {
        self.by_identity.get(reference).and_then(|rank| self.entries.get(rank))
    }

    /// Where on its line an event stands: the sequence number of its change.
    pub fn seq(&self, reference: &EventRef) -> Option<u64> {
        self.by_identity.get(reference).map(|rank| rank.3)
    }

    /// Another history of the same events, each as `edit` gives it back, or left out.
    pub fn edited(&self, mut edit: impl FnMut(&Entry) -> Option<Entry>) -> Self {
        let mut other = Self { kept: self.kept.clone(), ..Self::default() };
        for (rank, entry) in &self.entries {
            if let Some(entry) = edit(entry) {
                other.place(*rank, entry);
            }
        }
        other
    }

    /// How many events fold.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing folds yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn place_with_followers<'a>(
    first: &'a Entry,
    waiting: &mut BTreeMap<EventRef, Vec<&'a Entry>>,
    placed: &mut BTreeSet<EventRef>,
    ordered: &mut Vec<&'a Entry>,
) {
    let mut next = vec![first];
    while let Some(entry) = next.pop() {
        placed.insert(entry.reference);
        ordered.push(entry);
        if let Some(followers) = waiting.remove(&entry.reference) {
            next.extend(followers.into_iter().rev());
        }
    }
}

/// Whether an event of this author may fold in the document, by its bytes alone.
pub fn check(document: &DocumentId, author: &Certificate, bytes: &[u8]) -> Result<(), Unfolded> {
    read(document, author, bytes).map(drop)
}

fn read(document: &DocumentId, author: &Certificate, bytes: &[u8]) -> Result<(Envelope, Event), Unfolded> {
    let (envelope, event) = Envelope::decode(bytes).map_err(|error| match error {
        DecodeError::Envelope(_) | DecodeError::Body { .. } | DecodeError::NotCanonical { .. } => {
            Unfolded::Unreadable
        }
    })?;
    if envelope.device != author.device || !branch_fits(document, author, envelope.branch) {
        return Err(Unfolded::WrongAuthor);
    }
    match event.kind() {
        None => Err(Unfolded::UnknownKind),
        Some((_, _, scope)) if scope == document.scope => Ok((envelope, event)),
        Some(_) => Err(Unfolded::WrongScope),
    }
}

/// The city's own devices write for the branch whose document it is; all others for their own branch.
fn branch_fits(document: &DocumentId, author: &Certificate, branch: BranchId) -> bool {
    branch == document.branch && (author.branch == branch || author.branch == BranchId::CITY)
}

fn entry(reference: EventRef, envelope: Envelope, event: Event) -> Entry {
    Entry {
        reference,
        stamp: envelope.stamp,
        claimed: envelope.claimed,
        device: envelope.device,
        user: envelope.user,
        branch: envelope.branch,
        action: envelope.action,
        supersedes: envelope.supersedes,
        event,
    }
}
