//! Events about classes held.

use crate::event::{Checked, Kind, Register, Scope, Speaker, Subject, bounds};
use crate::ids::{AssetId, BranchId, ClassId, CourseId, TeacherId};
use crate::time::{Day, Slot};
use client_core_macros::Packed;

/// A branch announces a class of its own.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct SessionAnnounced {
    /// The class.
    pub session: ClassId,
    /// The course.
    pub course: CourseId,
    /// The teacher, if one of the pool.
    pub teacher: Option<TeacherId>,
    /// The room or on-site point, if known.
    pub venue: Option<AssetId>,
    /// When.
    pub slot: Slot,
    /// How many people are expected.
    pub headcount: u32,
}

/// A class was held. Heads only; who was there stays in the branch's private scope.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct SessionTaught {
    /// The class.
    pub session: ClassId,
    /// Its number in the branch's ledger (班次号), or empty.
    pub ledger_code: String,
    /// The course, if it is on the teaching list.
    pub course: Option<CourseId>,
    /// The teacher, if one of the pool.
    pub teacher: Option<TeacherId>,
    /// When; duration 0 where a ledger gives only the day.
    pub slot: Slot,
    /// How many people came.
    pub headcount: u32,
    /// Held online.
    pub online: bool,
}

/// The record of a class that was held was wrong: this stands in its place.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct SessionCorrected {
    /// The class.
    pub session: ClassId,
    /// Its number in the branch's ledger (班次号), or empty.
    pub ledger_code: String,
    /// The course, if it is on the teaching list.
    pub course: Option<CourseId>,
    /// The teacher, if one of the pool.
    pub teacher: Option<TeacherId>,
    /// When; duration 0 where a ledger gives only the day.
    pub slot: Slot,
    /// How many people came.
    pub headcount: u32,
    /// Held online.
    pub online: bool,
}

/// A class that was announced does not take place.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct SessionCancelled {
    /// The class.
    pub session: ClassId,
    /// Why.
    pub reason: String,
}

impl Kind for SessionAnnounced {
    const NAME: &'static str = "session.announced";
    const SCOPE: Scope = Scope::Shared;
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
    const NAME: &'static str = "session.taught";
    const SCOPE: Scope = Scope::Shared;
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

impl Kind for SessionCorrected {
    const NAME: &'static str = "session.corrected";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Branch;
    const SINCE: u16 = 2;

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
    const NAME: &'static str = "session.cancelled";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Class(self.session))
    }

    fn bounds(&self) -> Checked {
        let Self { session: _, reason } = self;
        bounds::text("reason", reason)
    }
}
