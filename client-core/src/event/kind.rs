//! What a kind says about itself, beside its struct: who may say it, of what, and within which bounds.

use super::{Checked, EventRef};
use crate::ids::{BranchId, PersonId, SubjectId};
use crate::time::Day;
use serde::{Serialize, Serializer};
use std::fmt;

/// Whose word an event of a kind is. The city's importer speaks for the branch that the document names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The unit that owns what the event is about ([`Kind::subject`]).
    Owner,
    /// Any office of the branch whose document it is.
    Branch,
    /// The city's importer alone.
    Importer,
    /// The city's arbiter alone.
    Arbiter,
}

/// Something that one unit owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A teacher.
    Teacher(PersonId),
    /// A room, equipment or an on-site point.
    Asset(SubjectId),
    /// A class.
    Class(SubjectId),
    /// An order or claim; the branch in its document owns it.
    Request(EventRef),
}

impl Subject {
    /// The id that may prove its unit; a request has none.
    pub fn id(&self) -> Option<[u8; 16]> {
        match self {
            Self::Teacher(id) => Some(id.0),
            Self::Asset(id) | Self::Class(id) => Some(id.0),
            Self::Request(_) => None,
        }
    }
}

/// `teacher:<id>`, `asset:<id>`, `class:<id>`, `request:<event>`
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Teacher(id) => write!(f, "teacher:{id}"),
            Self::Asset(id) => write!(f, "asset:{id}"),
            Self::Class(id) => write!(f, "class:{id}"),
            Self::Request(event) => write!(f, "request:{event}"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value of which the last word counts, e.g. a branch's profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register {
    /// What a branch says of itself.
    Unit(BranchId),
    /// What was declared of a subject.
    Declared(Subject),
    /// What a unit recorded of a class.
    Held(SubjectId, BranchId),
}

/// One kind of event.
pub trait Kind {
    /// Who may say it.
    const SPEAKER: Speaker;

    /// Whether it brings its subject into being.
    const DECLARES: bool = false;

    /// What it is about, where only the owner may speak of that.
    fn subject(&self) -> Option<Subject> {
        None
    }

    /// The value it sets for its unit, where a later event sets it anew.
    fn register(&self, _unit: BranchId) -> Option<Register> {
        None
    }

    /// The day of the fact itself, where it has one; it decides the quarter of the document.
    fn fact_day(&self) -> Option<Day> {
        None
    }

    /// Whether every field is something that can be meant. The bounds of a released version never change:
    /// all programs set the same events aside.
    fn bounds(&self) -> Checked;
}
