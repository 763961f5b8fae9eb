//! Rulings of a person at the city: revoking a device, lifting or confirming quarantine, closing an actor.

use super::{Asker, Command, CommandError, filled, invalid, unknown};
use crate::event::{
    Accepted, ActorClosed, DeviceRevoked, Draft, Event, KnownHead, KnownLines, QuarantineRejected,
    QuarantineReleased, Subject,
};
use crate::fold::{History, Named, Rulings, SharedViews};
use crate::ids::{BranchId, ChangeHash, DeviceId, PublicKey};
use crate::log::{Ledger, LogKey};
use std::collections::BTreeSet;

impl Command {
    /// A ruling that says not what it goes up to takes in what is held here at this moment.
    pub fn as_of(mut self, ledger: &Ledger, history: &History) -> Result<Self, CommandError> {
        match &mut self {
            Self::RevokeDevice { device, key, accepted, .. } => {
                *key = key_of(*device, *key, ledger, history.rulings())?;
                let named = Named { device: *device, key: *key };
                accepted.get_or_insert_with(|| held_of(named, ledger, history.rulings()));
            }
            Self::CloseActor { document, actor, keep } if keep.is_empty() => {
                let log = ledger.get(&LogKey { document: *document, actor: *actor });
                // The line that came furthest goes on.
                let mut heads = log.map_or_else(Vec::new, |log| log.heads(*actor));
                heads.sort_by_key(|head| (std::cmp::Reverse(head.seq), head.hash));
                *keep = heads.into_iter().map(|head| head.hash).collect();
            }
            Self::TransferOwner { sort, subject, unit, accepted, .. } => {
                let subject = sort.subject(*subject);
                accepted.get_or_insert_with(|| said_of(subject, *unit, ledger, history));
            }
            _ => {}
        }
        Ok(self)
    }
}

/// The key that a device's id stands for, where it stands for one alone.
fn key_of(
    device: DeviceId,
    key: Option<PublicKey>,
    ledger: &Ledger,
    rulings: &Rulings,
) -> Result<Option<PublicKey>, CommandError> {
    if key.is_some() {
        return Ok(key);
    }
    let written = ledger.iter().map(|(_, log)| &log.author).filter(|author| author.device == device);
    let keys: BTreeSet<PublicKey> = written.map(|author| author.key).chain(rulings.keys_of(device)).collect();
    match keys.len() {
        0 | 1 => Ok(keys.first().copied()),
        _ => {
            let keys: Vec<String> = keys.iter().map(PublicKey::to_hex).collect();
            let problem =
                format!("several keys are certified under this device's id: name one of {}", keys.join(", "));
            Err(invalid("key", problem))
        }
    }
}

fn held_of(named: Named, ledger: &Ledger, rulings: &Rulings) -> Vec<Accepted> {
    let own = ledger.iter().filter(|(_, log)| rulings.cover(named, &log.author));
    own.map(|(key, log)| {
        let heads = log.heads(key.actor).into_iter().map(|head| head.hash).collect();
        Accepted { document: key.document, actor: key.actor, heads }
    })
    .collect()
}

/// Where the lines stand on which others than this unit spoke of a thing.
fn said_of(subject: Subject, unit: BranchId, ledger: &Ledger, history: &History) -> Vec<KnownLines> {
    let entries = history.ordered().into_iter();
    let said = entries.filter(|entry| entry.branch != unit && entry.event.subject() == Some(subject));
    let keys: BTreeSet<LogKey> = said
        .map(|entry| LogKey { document: entry.reference.document, actor: entry.reference.actor })
        .collect();
    let lines = keys.into_iter().filter_map(|key| {
        let heads = ledger.get(&key)?.heads(key.actor).into_iter();
        let heads = heads.map(|head| KnownHead { seq: head.seq, hash: head.hash }).collect();
        Some(KnownLines { document: key.document, actor: key.actor, heads })
    });
    lines.collect()
}

pub(super) fn revoke(
    asker: &Asker,
    views: &SharedViews,
    named: Named,
    reason: &str,
    accepted: Option<&[Accepted]>,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    filled("reason", reason)?;
    let Named { device, key } = named;
    let accepted = accepted.unwrap_or_default().to_vec();
    if accepted.is_empty() && key.is_none() && !views.branches.devices.contains_key(&device) {
        return Err(unknown("device", device));
    }
    let revoked = DeviceRevoked { device, key, reason: reason.trim().to_owned(), accepted };
    Ok(vec![Draft::new(BranchId::CITY, revoked)])
}

/// Changes from one to another on one line.
pub(super) fn on_quarantine(
    asker: &Asker,
    views: &SharedViews,
    key: LogKey,
    (from, to): (ChangeHash, ChangeHash),
    release: bool,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    if views.branches.revoked.is_empty() {
        return Err(invalid("from", "no device was revoked, so nothing is in quarantine"));
    }
    let LogKey { document, actor } = key;
    let ruling: Event = match release {
        true => QuarantineReleased { document, actor, from, to }.into(),
        false => QuarantineRejected { document, actor, from, to }.into(),
    };
    Ok(vec![Draft::new(BranchId::CITY, ruling)])
}

pub(super) fn close(asker: &Asker, key: LogKey, keep: &[ChangeHash]) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    if keep.is_empty() {
        return Err(unknown("actor", key));
    }
    let LogKey { document, actor } = key;
    Ok(vec![Draft::new(BranchId::CITY, ActorClosed { document, actor, keep: keep.to_vec() })])
}
