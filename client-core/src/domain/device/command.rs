//! Rulings of a person at the city: revoking a device, lifting or confirming quarantine, closing an actor.

use super::{ActorClosed, DeviceRevoked, QuarantineRejected, QuarantineReleased};
use crate::domain::command::{filled, of_the_city};
use crate::domain::{Act, Context, Draft, History, Problem, Refusal, Sort};
use crate::event::{Accepted, DocumentId, Named};
use crate::history::Rulings;
use crate::ids::{ActorId, ChangeHash, DeviceId, PublicKey};
use crate::log::{Ledger, LogKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The city trusts a device no longer: stolen, lost, or it wrote what nobody may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeDevice {
    /// The device.
    pub device: DeviceId,
    /// Its key; needed only where several are certified under the id.
    #[serde(default)]
    pub key: Option<PublicKey>,
    /// Why.
    pub reason: String,
    /// What is accepted of it; all that is held at this moment if left out.
    #[serde(default)]
    pub accepted: Option<Vec<Accepted>>,
}

/// The city lets changes in quarantine count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseQuarantine {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// The first change.
    pub from: ChangeHash,
    /// The last change, on the same line.
    pub to: ChangeHash,
}

/// The city rules that changes in quarantine never count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectQuarantine {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// The first change.
    pub from: ChangeHash,
    /// The last change, on the same line.
    pub to: ChangeHash,
}

/// The city closes an actor that wrote too many lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseActor {
    /// The document.
    pub document: DocumentId,
    /// The actor.
    pub actor: ActorId,
    /// Where the lines end that count, the one that goes on first; all held at this moment if empty.
    #[serde(default)]
    pub keep: Vec<ChangeHash>,
}

impl Act for RevokeDevice {
    const NAME: &'static str = "revoke_device";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { device, key, reason, accepted } = self.clone();
        let (reason, accepted) = (reason.trim().to_owned(), accepted.unwrap_or_default());
        filled("reason", &reason)?;
        let is_known = !accepted.is_empty() || key.is_some();
        if !is_known && !context.views.devices.enrolled.contains_key(&device) {
            return Err(Refusal::unknown(Sort::Device, device));
        }
        Ok(vec![of_the_city(DeviceRevoked { device, key, reason, accepted })])
    }

    fn as_of(&mut self, ledger: &Ledger, history: &History) -> Result<(), Refusal> {
        self.key = key_of(self.device, self.key, ledger, history.rulings())?;
        let named = Named { device: self.device, key: self.key };
        self.accepted.get_or_insert_with(|| held_of(named, ledger, history.rulings()));
        Ok(())
    }
}

/// The key that a device's id stands for, where it stands for one alone.
fn key_of(
    device: DeviceId,
    key: Option<PublicKey>,
    ledger: &Ledger,
    rulings: &Rulings,
) -> Result<Option<PublicKey>, Refusal> {
    if key.is_some() {
        return Ok(key);
    }
    let written = ledger.iter().map(|(_, log)| &log.author).filter(|author| author.device == device);
    let keys: BTreeSet<PublicKey> = written.map(|author| author.key).chain(rulings.keys_of(device)).collect();
    match keys.len() {
        0 | 1 => Ok(keys.first().copied()),
        _ => Err(Problem::SeveralKeys(keys.into_iter().collect()).in_field("key")),
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

impl Act for ReleaseQuarantine {
    const NAME: &'static str = "release_quarantine";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        may_rule(context)?;
        let Self { document, actor, from, to } = *self;
        Ok(vec![of_the_city(QuarantineReleased { document, actor, from, to })])
    }
}

impl Act for RejectQuarantine {
    const NAME: &'static str = "reject_quarantine";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        may_rule(context)?;
        let Self { document, actor, from, to } = *self;
        Ok(vec![of_the_city(QuarantineRejected { document, actor, from, to })])
    }
}

fn may_rule(context: &Context<'_>) -> Result<(), Refusal> {
    context.city()?;
    let nothing = context.views.devices.revoked.is_empty();
    if nothing { Err(Problem::NothingInQuarantine.in_field("from")) } else { Ok(()) }
}

impl Act for CloseActor {
    const NAME: &'static str = "close_actor";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { document, actor, keep } = self.clone();
        if keep.is_empty() {
            return Err(Refusal::unknown(Sort::Actor, LogKey { document, actor }));
        }
        Ok(vec![of_the_city(ActorClosed { document, actor, keep })])
    }

    fn as_of(&mut self, ledger: &Ledger, _history: &History) -> Result<(), Refusal> {
        if self.keep.is_empty() {
            let log = ledger.get(&LogKey { document: self.document, actor: self.actor });
            // The line that came furthest goes on.
            let mut heads = log.map_or_else(Vec::new, |log| log.heads(self.actor));
            heads.sort_by_key(|head| (std::cmp::Reverse(head.seq), head.hash));
            self.keep = heads.into_iter().map(|head| head.hash).collect();
        }
        Ok(())
    }
}
