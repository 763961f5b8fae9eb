//! What the city does about owners.

use super::{Owned, OwnerRecorded, OwnerTransferred};
use crate::domain::command::{filled, of_the_city};
use crate::domain::{Act, Context, Done, Draft, History, Refusal, Sort};
use crate::event::{KnownHead, KnownLines, Statement, Subject};
use crate::ids::{BranchId, SubjectId};
use crate::log::{Ledger, LogKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The city records whose a thing is that several units declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordOwner {
    /// What sort of thing.
    pub sort: Owned,
    /// The thing.
    pub subject: SubjectId,
    /// Whose it is.
    pub unit: BranchId,
}

/// The city gives a thing to another unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferOwner {
    /// What sort of thing.
    pub sort: Owned,
    /// The thing.
    pub subject: SubjectId,
    /// Whose it is from now on.
    pub unit: BranchId,
    /// Up to where the word of the owner before it counts; all that is held at this moment if left out.
    #[serde(default)]
    pub accepted: Option<Vec<KnownLines>>,
    /// Why.
    pub reason: String,
}

impl OwnerRecorded {
    /// The record of a thing for the unit that declared it; none for a request, which names its branch.
    pub fn of(subject: &Subject, unit: BranchId, declaration: crate::ids::ChangeHash) -> Option<Self> {
        let (sort, subject) = Owned::of(subject)?;
        Some(Self { sort, subject, unit, declaration })
    }
}

impl Act for RecordOwner {
    const NAME: &'static str = "record_owner";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { sort, subject, unit } = *self;
        let (thing, owners) = (sort.subject(subject), &context.views.owners);
        if let Some(owner) = owners.listed_owner(&thing).filter(|owner| *owner != unit) {
            return Err(Done::Owned(context.views.branches.name(owner)).into());
        }
        let declared = owners.declaration(&thing, unit);
        let declaration = declared.ok_or_else(|| Refusal::unknown(Sort::Unrecorded, subject))?;
        Ok(vec![of_the_city(OwnerRecorded { sort, subject, unit, declaration })])
    }
}

impl Act for TransferOwner {
    const NAME: &'static str = "transfer_owner";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { sort, subject, unit, accepted, reason } = self.clone();
        let reason = reason.trim().to_owned();
        filled("reason", &reason)?;
        if unit != BranchId::CITY && !context.views.branches.branches.contains_key(&unit) {
            return Err(unit.into());
        }
        if context.views.owners.is_owner(unit, &sort.subject(subject)) {
            return Err(Done::Transferred.into());
        }
        let accepted = accepted.unwrap_or_default();
        Ok(vec![of_the_city(OwnerTransferred { sort, subject, unit, accepted, reason })])
    }

    fn as_of(&mut self, ledger: &Ledger, history: &History) -> Result<(), Refusal> {
        let (subject, unit) = (self.sort.subject(self.subject), self.unit);
        self.accepted.get_or_insert_with(|| said_of(subject, unit, ledger, history));
        Ok(())
    }
}

/// Where the lines stand on which others than this unit spoke of a thing.
fn said_of(subject: Subject, unit: BranchId, ledger: &Ledger, history: &History) -> Vec<KnownLines> {
    let entries = history.ranked();
    let said = entries.filter(|entry| entry.branch != unit && entry.event.body().subject() == Some(subject));
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
