//! Events about teachers.

use crate::event::{Checked, Kind, Register, Scope, Speaker, Subject, bounds};
use crate::ids::{BranchId, CourseId, TeacherId};
use crate::time::{Day, HalfDay};
use client_core_macros::Packed;

/// A branch puts a teacher forward for the pool. The phone number lives in the sealed-text store.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct TeacherProposed {
    /// The teacher.
    pub teacher: TeacherId,
    /// Teachers' names are shared by decision.
    pub name: String,
    /// Full-time (专职) rather than part-time (兼职).
    pub full_time: bool,
    /// Where the teacher comes from (来源), e.g. 高校学者.
    pub source: String,
    /// The courses the teacher can teach.
    pub courses: Vec<CourseId>,
    /// The most teaching periods of 45 minutes in a week.
    pub weekly_cap_periods: u8,
}

/// What was said of a teacher changes; all of it is said anew.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct TeacherUpdated {
    /// The teacher.
    pub teacher: TeacherId,
    /// Teachers' names are shared by decision.
    pub name: String,
    /// Full-time (专职) rather than part-time (兼职).
    pub full_time: bool,
    /// Where the teacher comes from (来源), e.g. 高校学者.
    pub source: String,
    /// The courses the teacher can teach.
    pub courses: Vec<CourseId>,
    /// The most teaching periods of 45 minutes in a week.
    pub weekly_cap_periods: u8,
}

/// A teacher's weekly windows become the pool's to allocate.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct TeacherOffered {
    /// The teacher.
    pub teacher: TeacherId,
    /// Offered half-days of every week.
    pub windows: Vec<HalfDay>,
    /// First day of the offer.
    pub from: Day,
    /// Last day of the offer.
    pub to: Day,
}

/// A teacher cannot teach on these days, offered or not.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct TeacherUnavailable {
    /// The teacher.
    pub teacher: TeacherId,
    /// First day away.
    pub from: Day,
    /// Last day away.
    pub to: Day,
}

/// The city takes a teacher into the pool for these courses.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct TeacherApproved {
    /// The teacher.
    pub teacher: TeacherId,
    /// The courses approved.
    pub courses: Vec<CourseId>,
}

/// A person ruled that two entries are one teacher.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct TeacherMerged {
    /// The entry that stays.
    pub kept: TeacherId,
    /// The entry that becomes another name of it.
    pub merged: TeacherId,
}

/// Most courses in one event about a teacher.
const MOST_COURSES: usize = 1_000;

impl Kind for TeacherProposed {
    const NAME: &'static str = "teacher.proposed";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;
    const DECLARES: bool = true;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Teacher(self.teacher))
    }

    fn register(&self, _unit: BranchId) -> Option<Register> {
        Some(Register::Declared(Subject::Teacher(self.teacher)))
    }

    fn bounds(&self) -> Checked {
        let Self { teacher: _, name, full_time: _, source, courses, weekly_cap_periods: _ } = self;
        bounds::name("name", name)?;
        bounds::text("source", source)?;
        bounds::list("courses", courses, MOST_COURSES)
    }
}

impl Kind for TeacherUpdated {
    const NAME: &'static str = "teacher.updated";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;
    const SINCE: u16 = 2;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Teacher(self.teacher))
    }

    fn register(&self, _unit: BranchId) -> Option<Register> {
        Some(Register::Declared(Subject::Teacher(self.teacher)))
    }

    fn bounds(&self) -> Checked {
        let Self { teacher: _, name, full_time: _, source, courses, weekly_cap_periods: _ } = self;
        bounds::name("name", name)?;
        bounds::text("source", source)?;
        bounds::list("courses", courses, MOST_COURSES)
    }
}

impl Kind for TeacherOffered {
    const NAME: &'static str = "teacher.offered";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Teacher(self.teacher))
    }

    fn bounds(&self) -> Checked {
        let Self { teacher: _, windows, from, to } = self;
        bounds::half_days("windows", windows)?;
        bounds::day("from", *from)?;
        bounds::day("to", *to)
    }
}

impl Kind for TeacherUnavailable {
    const NAME: &'static str = "teacher.unavailable";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Teacher(self.teacher))
    }

    fn bounds(&self) -> Checked {
        let Self { teacher: _, from, to } = self;
        bounds::day("from", *from)?;
        bounds::day("to", *to)
    }
}

impl Kind for TeacherApproved {
    const NAME: &'static str = "teacher.approved";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { teacher: _, courses } = self;
        bounds::list("courses", courses, MOST_COURSES)
    }
}

impl Kind for TeacherMerged {
    const NAME: &'static str = "teacher.merged";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        Ok(())
    }
}
