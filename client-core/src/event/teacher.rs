//! Events about teachers.

use crate::ids::{PersonId, SubjectId};
use crate::time::{Day, HalfDay};
use serde::{Deserialize, Serialize};

/// A branch puts a teacher forward for the pool. The phone number lives in the sealed-text store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeacherProposed {
    /// The teacher.
    pub teacher: PersonId,
    /// Teachers' names are shared by decision.
    pub name: String,
    /// Full-time (专职) rather than part-time (兼职).
    pub full_time: bool,
    /// Where the teacher comes from (来源), e.g. 高校学者.
    pub source: String,
    /// The courses the teacher can teach.
    pub courses: Vec<SubjectId>,
    /// The most teaching periods of 45 minutes in a week.
    pub weekly_cap_periods: u8,
}

/// A teacher's weekly windows become the pool's to allocate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeacherOffered {
    /// The teacher.
    pub teacher: PersonId,
    /// Offered half-days of every week.
    pub windows: Vec<HalfDay>,
    /// First day of the offer.
    pub from: Day,
    /// Last day of the offer.
    pub to: Day,
}

/// A teacher cannot teach on these days, offered or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeacherUnavailable {
    /// The teacher.
    pub teacher: PersonId,
    /// First day away.
    pub from: Day,
    /// Last day away.
    pub to: Day,
}

/// The city takes a teacher into the pool for these courses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeacherApproved {
    /// The teacher.
    pub teacher: PersonId,
    /// The courses approved.
    pub courses: Vec<SubjectId>,
}

/// A person ruled that two entries are one teacher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeacherMerged {
    /// The entry that stays.
    pub kept: PersonId,
    /// The entry that becomes another name of it.
    pub merged: PersonId,
}
