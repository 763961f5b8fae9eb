//! Events about classes held.

use super::{Checked, Kind, Register, Speaker, Subject, bounds};
use crate::ids::{BranchId, PersonId, SubjectId};
use crate::time::{Day, Slot};
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

impl Kind for SessionAnnounced {
    const SPEAKER: Speaker = Speaker::Owner;
    const DECLARES: bool = true;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Class(self.session))
    }

    fn fact_day(&self) -> Option<Day> {
        Some(self.slot.day)
    }

    fn bounds(&self) -> Checked {
        let Self { session: _, course: _, teacher: _, venue: _, slot, headcount } = self;
        bounds::slot("slot", slot)?;
        bounds::count("headcount", *headcount)
    }
}

impl Kind for SessionTaught {
    /// A fact of the branch that writes it, about its own heads, whosesoever the class was.
    const SPEAKER: Speaker = Speaker::Branch;

    fn register(&self, unit: BranchId) -> Option<Register> {
        Some(Register::Held(self.session, unit))
    }

    fn fact_day(&self) -> Option<Day> {
        Some(self.slot.day)
    }

    fn bounds(&self) -> Checked {
        let Self { session: _, ledger_code, course: _, teacher: _, slot, headcount, online: _ } = self;
        bounds::name("ledger_code", ledger_code)?;
        bounds::slot("slot", slot)?;
        bounds::count("headcount", *headcount)
    }
}

impl Kind for SessionCancelled {
    const SPEAKER: Speaker = Speaker::Owner;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Class(self.session))
    }

    fn bounds(&self) -> Checked {
        let Self { session: _, reason } = self;
        bounds::text("reason", reason)
    }
}
