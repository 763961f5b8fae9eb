//! Whose a thing is, and so whose word on it counts. Neither follows from a stamp: a stamp can be back-dated.

use super::{Entry, History};
use crate::event::{Basis, KnownLines, Ruling, Speaker, Statement, Subject};
use crate::identity::Role;
use crate::ids::{BranchId, ChangeHash, is_of_unit};
use imbl::OrdMap;
use serde::Serialize;
use std::collections::BTreeMap;

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
    pub listed: OrdMap<Subject, Ownership>,
}

/// The thing of which an event says whose it is, or of which only its owner may speak. Requests are not
/// such things: their document says whose they are.
pub fn subject_of<E: Statement>(entry: &Entry<E>) -> Option<Subject> {
    let said = entry.event.body();
    let subject = match said.ruling() {
        Some(Ruling::Owner(subject, _) | Ruling::OfTheCity(subject) | Ruling::Transferred(subject, _, _)) => {
            Some(subject)
        }
        _ if said.info().speaker == Speaker::Owner || declares(entry) => said.subject(),
        _ => None,
    };
    subject.filter(|subject| subject.id().is_some())
}

/// Whether it says whose the thing is.
pub fn says_whose<E: Statement>(entry: &Entry<E>) -> bool {
    use Ruling::{OfTheCity, Owner, Transferred};
    let ruling = entry.event.body().ruling();
    matches!(ruling, Some(Owner(..) | OfTheCity(_) | Transferred(..))) || declares(entry)
}

/// Whether it declares the thing it speaks of.
pub fn declares<E: Statement>(entry: &Entry<E>) -> bool {
    let info = entry.event.body().info();
    info.declares && is_office(entry.role)
}

/// The unit that an event shows to exist: one that the city admitted, or that declared a thing.
pub fn unit_of<E: Statement>(entry: &Entry<E>) -> Option<BranchId> {
    match entry.event.body().ruling() {
        Some(Ruling::Unit(unit)) => Some(unit),
        Some(_) => None,
        None => declares(entry).then_some(entry.branch),
    }
}

impl Ownership {
    /// Reads off who declared a thing and what the city recorded of it; `None` where its id says whose it
    /// is, or nothing does. The entries are those of [`subject_of`] the thing, in fold order.
    pub fn of<'a, E: Statement + 'a>(
        subject: Subject,
        entries: impl Iterator<Item = &'a Entry<E>>,
        units: impl Iterator<Item = BranchId> + Clone,
    ) -> Option<Self> {
        let mut declared: BTreeMap<BranchId, Basis> = BTreeMap::new();
        let (mut recorded, mut is_of_the_city) = (None, false);
        let mut transfers: Vec<(BranchId, &[KnownLines])> = Vec::new();
        for entry in entries {
            match entry.event.body().ruling() {
                Some(Ruling::Owner(_, unit)) => drop(recorded.get_or_insert(unit)),
                // A joint class is such a thing.
                Some(Ruling::OfTheCity(_)) => is_of_the_city = true,
                Some(Ruling::Transferred(_, unit, accepted)) => transfers.push((unit, accepted)),
                _ if declares(entry) => {
                    let basis = Basis { event: entry.reference, hash: entry.hash };
                    declared.entry(entry.branch).or_insert(basis);
                }
                _ => {}
            }
        }
        let recorded = if is_of_the_city { Some(BranchId::CITY) } else { recorded };
        let proves = |unit: &BranchId| subject.id().is_some_and(|id| is_of_unit(&id, *unit));
        // Most often the one unit that declared it is the one that its id proves.
        let proven = || {
            let by_declaration = declared.keys().copied().find(proves);
            by_declaration.or_else(|| units.clone().find(proves))
        };
        let first = match (recorded, declared.len()) {
            (Some(unit), _) => Some(Self::Recorded(unit)),
            (None, 0) => None,
            (None, _) if proven().is_some() => None,
            (None, 1) => declared.iter().next().map(|(unit, basis)| Self::Alone(*unit, *basis)),
            (None, _) => Some(Self::Contested(declared.clone())),
        };
        transfers.into_iter().fold(first, |ownership, (unit, accepted)| {
            let before = match ownership {
                Some(Self::Transferred(before, owner)) => Some((before, owner)),
                Some(Self::Recorded(owner) | Self::Alone(owner, _)) => Some((Vec::new(), owner)),
                Some(Self::Contested(_)) => None,
                None => units.clone().find(proves).map(|owner| (Vec::new(), owner)),
            };
            Some(match before {
                Some((mut before, owner)) => {
                    before.push((owner, accepted.to_vec()));
                    Self::Transferred(before, unit)
                }
                None => Self::Recorded(unit),
            })
        })
    }
}

impl Owners {
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
            Speaker::CityOffice => entry.role == Role::Office && entry.branch == BranchId::CITY,
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
