//! Who owns what, where the id alone does not prove it, and what the city's release brings.

use crate::event::{Checked, Kind, KnownLines, Ruling, Scope, Speaker, Subject, bounds};
use crate::ids::{AssetId, BranchId, ChangeHash, ClassId, SubjectId, TeacherId};
use client_core_macros::Packed;

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
            Self::Teacher => Subject::Teacher(TeacherId(id.0)),
            Self::Asset => Subject::Asset(AssetId(id.0)),
            Self::Class => Subject::Class(ClassId(id.0)),
        }
    }

    /// The sort and the id of a subject; a request has none.
    pub fn of(subject: &Subject) -> Option<(Self, SubjectId)> {
        match subject {
            Subject::Teacher(id) => Some((Self::Teacher, SubjectId(id.0))),
            Subject::Asset(id) => Some((Self::Asset, SubjectId(id.0))),
            Subject::Class(id) => Some((Self::Class, SubjectId(id.0))),
            Subject::Request(_) => None,
        }
    }
}

/// The city recorded whose a thing is, whose id does not prove its unit. The first record counts, and it
/// stays whatever becomes of the declaration.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
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
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
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

impl Kind for OwnerRecorded {
    const NAME: &'static str = "owner.recorded";
    const SCOPE: Scope = Scope::Decisions;
    const SINCE: u16 = 1;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::Owner(self.sort.subject(self.subject), self.unit))
    }

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for OwnerTransferred {
    const NAME: &'static str = "owner.transferred";
    const SCOPE: Scope = Scope::Decisions;
    const SINCE: u16 = 1;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::Transferred(self.sort.subject(self.subject), self.unit, &self.accepted))
    }

    fn bounds(&self) -> Checked {
        let Self { sort: _, subject: _, unit: _, accepted, reason } = self;
        bounds::list("accepted", accepted, bounds::MOST_ELEMENTS)?;
        bounds::text("reason", reason)
    }
}
