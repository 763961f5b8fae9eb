//! Whose a thing is, and so whose word on it counts. Neither follows from a stamp: a stamp can be back-dated.

use super::{Entry, History};
use crate::event::{Basis, EventRef, KnownLines, Ruling, Speaker, Statement, Subject};
use crate::identity::Role;
use crate::ids::{BranchId, ChangeHash, is_of_unit};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the owner of a thing whose id does not say enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Ownership {
    /// The city recorded it.
    Recorded(BranchId),
    /// One unit alone declared it, and the city has not recorded it yet.
    Alone(BranchId, Basis),
    /// Several units declared it: nothing that is said of it counts until the city records whose it is.
    Contested(BTreeMap<BranchId, Basis>),
    /// It went from one unit to the next; each but the last is followed by what counts of its word.
    Transferred(Vec<(BranchId, Vec<KnownLines>)>, BranchId),
}

/// Whose every thing is. Things whose id proves their unit are not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Owners {
    /// By thing.
    pub listed: BTreeMap<Subject, Ownership>,
}

impl Owners {
    /// Reads off who declared what and what the city recorded. Decisions come in the order in which they
    /// count.
    pub fn of<E: Statement>(history: &History<E>, entries: &[&Entry<E>]) -> Self {
        let mut declared: BTreeMap<Subject, BTreeMap<BranchId, EventRef>> = BTreeMap::new();
        let mut units: BTreeSet<BranchId> = BTreeSet::from([BranchId::CITY]);
        let mut recorded: BTreeMap<Subject, BranchId> = BTreeMap::new();
        let mut of_the_city: BTreeSet<Subject> = BTreeSet::new();
        let mut transfers: Vec<(Subject, BranchId, &[KnownLines])> = Vec::new();
        for entry in entries {
            let said = entry.event.body();
            match said.ruling() {
                Some(Ruling::Unit(unit)) => drop(units.insert(unit)),
                Some(Ruling::Owner(subject, unit)) => drop(recorded.entry(subject).or_insert(unit)),
                Some(Ruling::OfTheCity(subject)) => drop(of_the_city.insert(subject)),
                Some(Ruling::Transferred(subject, unit, accepted)) => {
                    transfers.push((subject, unit, accepted))
                }
                _ if said.info().declares && is_office(entry.role) => {
                    let by = said.subject().map(|subject| declared.entry(subject).or_default());
                    by.map(|by| by.entry(entry.branch).or_insert(entry.reference));
                    units.insert(entry.branch);
                }
                _ => {}
            }
        }
        // A joint class is such a thing.
        recorded.extend(of_the_city.into_iter().map(|subject| (subject, BranchId::CITY)));
        let mut listed: BTreeMap<Subject, Ownership> = BTreeMap::new();
        for (subject, by) in declared {
            let proves = |unit: &BranchId| subject.id().is_some_and(|id| is_of_unit(&id, *unit));
            // Most often the one unit that declared it is the one that its id proves.
            if recorded.contains_key(&subject) || by.keys().any(proves) || units.iter().any(proves) {
                continue;
            }
            let basis = |event| Basis { event, hash: history.hash(&event).unwrap_or(ChangeHash([0; 32])) };
            let ownership = match by.iter().next() {
                Some((unit, event)) if by.len() == 1 => Ownership::Alone(*unit, basis(*event)),
                _ => Ownership::Contested(by.into_iter().map(|(unit, event)| (unit, basis(event))).collect()),
            };
            listed.insert(subject, ownership);
        }
        listed.extend(recorded.into_iter().map(|(subject, unit)| (subject, Ownership::Recorded(unit))));
        let mut owners = Self { listed };
        for (subject, unit, accepted) in transfers {
            owners.transfer(subject, unit, accepted, &units);
        }
        owners
    }

    fn transfer(
        &mut self,
        subject: Subject,
        unit: BranchId,
        accepted: &[KnownLines],
        units: &BTreeSet<BranchId>,
    ) {
        let proven = units.iter().find(|unit| subject.id().is_some_and(|id| is_of_unit(&id, **unit)));
        let ownership = match (self.listed.remove(&subject), proven) {
            (Some(Ownership::Transferred(mut before, owner)), _) => {
                before.push((owner, accepted.to_vec()));
                Ownership::Transferred(before, unit)
            }
            (Some(Ownership::Recorded(owner) | Ownership::Alone(owner, _)), _) => {
                Ownership::Transferred(vec![(owner, accepted.to_vec())], unit)
            }
            (None, Some(owner)) => Ownership::Transferred(vec![(*owner, accepted.to_vec())], unit),
            (None | Some(Ownership::Contested(_)), _) => Ownership::Recorded(unit),
        };
        self.listed.insert(subject, ownership);
    }

    /// Whether the thing is this unit's now.
    pub fn is_owner(&self, unit: BranchId, subject: &Subject) -> bool {
        match (self.listed.get(subject), subject) {
            (_, Subject::Request(event)) => event.document.branch == unit,
            (Some(Ownership::Recorded(owner) | Ownership::Alone(owner, _)), _) => *owner == unit,
            (Some(Ownership::Transferred(_, owner)), _) => *owner == unit,
            (Some(Ownership::Contested(_)), _) => false,
            (None, _) => subject.id().is_some_and(|id| is_of_unit(&id, unit)),
        }
    }

    /// The unit whose it is now, where that stands in the list.
    pub fn listed_owner(&self, subject: &Subject) -> Option<BranchId> {
        match self.listed.get(subject)? {
            Ownership::Recorded(owner) | Ownership::Alone(owner, _) | Ownership::Transferred(_, owner) => {
                Some(*owner)
            }
            Ownership::Contested(_) => None,
        }
    }

    /// Whether the author of an event may say what it says.
    pub fn entitle<E: Statement>(&self, history: &History<E>, entry: &Entry<E>) -> bool {
        match entry.event.body().info().speaker {
            Speaker::Arbiter => entry.role == Role::Arbiter,
            Speaker::Importer => entry.role == Role::Importer,
            Speaker::Branch => is_office(entry.role),
            Speaker::Owner => {
                is_office(entry.role)
                    && entry
                        .event
                        .body()
                        .subject()
                        .is_some_and(|subject| self.may_speak(history, entry, &subject))
            }
        }
    }

    fn may_speak<E: Statement>(&self, history: &History<E>, entry: &Entry<E>, subject: &Subject) -> bool {
        if self.is_owner(entry.branch, subject) {
            return true;
        }
        let Some(Ownership::Transferred(before, _)) = self.listed.get(subject) else { return false };
        let mut own = before.iter().filter(|(unit, _)| *unit == entry.branch).peekable();
        own.peek().is_some() && own.all(|(_, accepted)| history.is_within(&entry.reference, accepted))
    }

    /// Things that one unit alone declared, with that unit and the hash of its declaration.
    pub fn unrecorded(&self) -> impl Iterator<Item = (Subject, BranchId, ChangeHash)> {
        self.listed.iter().filter_map(|(subject, ownership)| match ownership {
            Ownership::Alone(unit, declared) => Some((*subject, *unit, declared.hash)),
            _ => None,
        })
    }

    /// The hash of this unit's declaration of a thing that it declared alone or beside others.
    pub fn declaration(&self, subject: &Subject, unit: BranchId) -> Option<ChangeHash> {
        match self.listed.get(subject)? {
            Ownership::Alone(owner, declared) if *owner == unit => Some(declared.hash),
            Ownership::Contested(by) => by.get(&unit).map(|declared| declared.hash),
            _ => None,
        }
    }
}

/// Whether a device of this role speaks for the branch whose document it writes in.
fn is_office(role: Role) -> bool {
    matches!(role, Role::Office | Role::BranchNode | Role::Importer)
}

#[cfg(test)]
mod tests;
