//! Who owns what, where the id alone does not prove it, and what the city's release brings.

use super::{Checked, EventRef, Kind, KnownLines, Speaker, Subject, bounds};
use crate::ids::{BranchId, ChangeHash, PersonId, SubjectId};
use serde::{Deserialize, Serialize};

code_enum! {
    /// What sort of thing a unit owns.
    Owned {
        /// A teacher.
        Teacher = 0 "teacher",
        /// A room, equipment or an on-site point.
        Asset = 1 "asset",
        /// A class.
        Class = 2 "class",
    }
}

impl Owned {
    /// The thing of this sort with this id.
    pub fn subject(self, id: SubjectId) -> Subject {
        match self {
            Self::Teacher => Subject::Teacher(PersonId(id.0)),
            Self::Asset => Subject::Asset(id),
            Self::Class => Subject::Class(id),
        }
    }

    /// The sort and the id of a subject; a request has none.
    pub fn of(subject: &Subject) -> Option<(Self, SubjectId)> {
        match subject {
            Subject::Teacher(id) => Some((Self::Teacher, SubjectId(id.0))),
            Subject::Asset(id) => Some((Self::Asset, *id)),
            Subject::Class(id) => Some((Self::Class, *id)),
            Subject::Request(_) => None,
        }
    }
}

/// The city recorded whose a thing is, whose id does not prove its unit. The first record counts, and it
/// stays whatever becomes of the declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRecorded {
    /// What sort of thing.
    pub sort: Owned,
    /// The thing.
    pub subject: SubjectId,
    /// Whose it is.
    pub unit: BranchId,
    /// SHA-256 over id and bytes of the event that declared it.
    pub declaration: ChangeHash,
}

/// A thing goes to another unit. The last word counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerTransferred {
    /// What sort of thing.
    pub sort: Owned,
    /// The thing.
    pub subject: SubjectId,
    /// Whose it is from here on.
    pub unit: BranchId,
    /// Up to where the word of the owner before it counts.
    pub accepted: Vec<KnownLines>,
    /// Why.
    pub reason: String,
}

/// The bytes of one event that a decision was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The event.
    pub event: EventRef,
    /// SHA-256 over its id and bytes.
    pub hash: ChangeHash,
}

/// What the decisions of the same action were made on: of events that a forked actor wrote twice under one
/// id, the bytes named here count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionBasis {
    /// Each event once.
    pub events: Vec<Basis>,
}

/// The city runs a release. Authors write the kinds named here from now on; a program that does not know
/// one of them decides nothing while such an event is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseAnnounced {
    /// Its number; counts up.
    pub number: u16,
    /// Every kind and version that it brought.
    pub kinds: Vec<(String, u16)>,
}

impl Kind for OwnerRecorded {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for OwnerTransferred {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { sort: _, subject: _, unit: _, accepted, reason } = self;
        bounds::list("accepted", accepted, bounds::MOST_ELEMENTS)?;
        bounds::text("reason", reason)
    }
}

impl Kind for DecisionBasis {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        bounds::list("events", &self.events, bounds::MOST_ELEMENTS)
    }
}

impl Kind for ReleaseAnnounced {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        bounds::list("kinds", &self.kinds, bounds::MOST_ELEMENTS)?;
        self.kinds.iter().try_for_each(|(kind, _)| bounds::name("kinds", kind))
    }
}
