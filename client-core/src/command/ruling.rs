//! Rulings of a person at the city: revoking a device, lifting or confirming quarantine, closing an actor.

use super::{Asker, Command, CommandError, filled, invalid, unknown};
use crate::event::{
    Accepted, ActorClosed, DeviceRevoked, Draft, Event, QuarantineRejected, QuarantineReleased,
};
use crate::fold::{Rulings, SharedViews};
use crate::ids::{BranchId, ChangeHash, DeviceId};
use crate::log::{Ledger, LogKey};

impl Command {
    /// A ruling that says not what it goes up to takes in what is held here at this moment.
    pub fn as_of(mut self, ledger: &Ledger, rulings: &Rulings) -> Self {
        match &mut self {
            Self::RevokeDevice { device, accepted, .. } if accepted.is_none() => {
                *accepted = Some(held_of(*device, ledger, rulings));
            }
            Self::CloseActor { document, actor, keep } if keep.is_empty() => {
                let log = ledger.get(&LogKey { document: *document, actor: *actor });
                // The line that came furthest goes on.
                let mut heads = log.map_or_else(Vec::new, |log| log.heads(*actor));
                heads.sort_by_key(|head| (std::cmp::Reverse(head.seq), head.hash));
                *keep = heads.into_iter().map(|head| head.hash).collect();
            }
            _ => {}
        }
        self
    }
}

fn held_of(device: DeviceId, ledger: &Ledger, rulings: &Rulings) -> Vec<Accepted> {
    let own = ledger.iter().filter(|(_, log)| rulings.cover(device, &log.author));
    own.map(|(key, log)| {
        let heads = log.heads(key.actor).into_iter().map(|head| head.hash).collect();
        Accepted { document: key.document, actor: key.actor, heads }
    })
    .collect()
}

pub(super) fn revoke(
    asker: &Asker,
    views: &SharedViews,
    device: DeviceId,
    reason: &str,
    accepted: Option<&[Accepted]>,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    filled("reason", reason)?;
    let accepted = accepted.unwrap_or_default().to_vec();
    if accepted.is_empty() && !views.branches.devices.contains_key(&device) {
        return Err(unknown("device", device));
    }
    let revoked = DeviceRevoked { device, reason: reason.trim().to_owned(), accepted };
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
