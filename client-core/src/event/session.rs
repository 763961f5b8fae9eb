//! Events about classes held.

use crate::ids::{PersonId, SubjectId};
use crate::time::Slot;
use serde::{Deserialize, Serialize};

/// A branch announces a class of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAnnounced {
    /// The class.
    pub session: SubjectId,
    /// The course.
    pub course: SubjectId,
    /// The teacher, if one of the pool.
    pub teacher: Option<PersonId>,
    /// The room or on-site point, if known.
    pub venue: Option<SubjectId>,
    /// When.
    pub slot: Slot,
    /// How many people are expected.
    pub headcount: u32,
}

/// A class was held. Heads only; who was there stays in the branch's private scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTaught {
    /// The class.
    pub session: SubjectId,
    /// Its number in the branch's ledger (班次号), or empty.
    pub ledger_code: String,
    /// The course, if it is on the teaching list.
    pub course: Option<SubjectId>,
    /// The teacher, if one of the pool.
    pub teacher: Option<PersonId>,
    /// When; duration 0 where a ledger gives only the day.
    pub slot: Slot,
    /// How many people came.
    pub headcount: u32,
    /// Held online.
    pub online: bool,
}

/// A class that was announced does not take place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCancelled {
    /// The class.
    pub session: SubjectId,
    /// Why.
    pub reason: String,
}
