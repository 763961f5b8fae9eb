//! What branches and the city do about teachers.

use super::{
    Teacher, TeacherApproved, TeacherMerged, TeacherOffered, TeacherProposed, TeacherUnavailable,
    TeacherUpdated,
};
use crate::domain::command::{filled, hash_of, number, of_the_city, range, windows};
use crate::domain::{Act, Context, Done, Draft, Refusal, SharedViews};
use crate::ids::{ChangeHash, CourseId, TeacherId};
use crate::time::{Day, HalfDay};
use serde::{Deserialize, Serialize};

/// A branch puts a teacher forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposeTeacher {
    /// The teacher's name; it is shared.
    pub name: String,
    /// Full-time (专职) rather than part-time (兼职).
    pub full_time: bool,
    /// Where the teacher comes from (来源).
    pub source: String,
    /// The courses the teacher can teach.
    pub courses: Vec<CourseId>,
    /// The most teaching periods of 45 minutes in a week.
    pub weekly_cap_periods: u8,
}

/// A branch says anew what it said of its teacher; windows, days away and approvals stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateTeacher {
    /// The teacher.
    pub teacher: TeacherId,
    /// The teacher's name; it is shared.
    pub name: String,
    /// Full-time (专职) rather than part-time (兼职).
    pub full_time: bool,
    /// Where the teacher comes from (来源).
    pub source: String,
    /// The courses the teacher can teach.
    pub courses: Vec<CourseId>,
    /// The most teaching periods of 45 minutes in a week.
    pub weekly_cap_periods: u8,
}

/// A teacher's weekly windows go to the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferTeacher {
    /// The teacher.
    pub teacher: TeacherId,
    /// Half-days of every week.
    pub windows: Vec<HalfDay>,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

/// A teacher is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkTeacherUnavailable {
    /// The teacher.
    pub teacher: TeacherId,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

/// The city takes a teacher into the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproveTeacher {
    /// The teacher.
    pub teacher: TeacherId,
    /// For these courses; empty means all that were proposed.
    pub courses: Vec<CourseId>,
}

/// The city rules that two entries are one teacher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeTeachers {
    /// The entry that stays.
    pub kept: TeacherId,
    /// The entry that becomes another name of it.
    pub merged: TeacherId,
}

impl Act for ProposeTeacher {
    const NAME: &'static str = "propose_teacher";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let Self { name, full_time, source, courses, weekly_cap_periods } = self.clone();
        filled("name", &name)?;
        on_list(context, &courses)?;
        number("weekly_cap_periods", weekly_cap_periods.into(), 1, u8::MAX.into())?;
        let teacher = TeacherId(context.id_of_unit());
        let proposed = TeacherProposed { teacher, name, full_time, source, courses, weekly_cap_periods };
        Ok(vec![context.own(proposed)])
    }
}

impl Act for UpdateTeacher {
    const NAME: &'static str = "update_teacher";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let Self { teacher, name, full_time, source, courses, weekly_cap_periods } = self.clone();
        let entry = known(context, teacher)?;
        context.owner(entry.home)?;
        filled("name", &name)?;
        let added: Vec<CourseId> =
            courses.iter().copied().filter(|course| !entry.proposed.contains(course)).collect();
        on_list(context, &added)?;
        number("weekly_cap_periods", weekly_cap_periods.into(), 1, u8::MAX.into())?;
        let updated = TeacherUpdated { teacher, name, full_time, source, courses, weekly_cap_periods };
        Ok(vec![context.replacing(updated, entry.said_by)])
    }
}

impl Act for OfferTeacher {
    const NAME: &'static str = "offer_teacher";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let Self { teacher, windows: offered, from, to } = self.clone();
        context.owner(known(context, teacher)?.home)?;
        windows(&offered)?;
        range(from, to)?;
        Ok(vec![context.own(TeacherOffered { teacher, windows: offered, from, to })])
    }
}

impl Act for MarkTeacherUnavailable {
    const NAME: &'static str = "mark_teacher_unavailable";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let Self { teacher, from, to } = *self;
        context.owner(known(context, teacher)?.home)?;
        range(from, to)?;
        Ok(vec![context.own(TeacherUnavailable { teacher, from, to })])
    }
}

impl Act for ApproveTeacher {
    const NAME: &'static str = "approve_teacher";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { teacher, courses } = self.clone();
        let proposed = known(context, teacher)?.proposed.iter().copied();
        on_list(context, &courses)?;
        let courses = if courses.is_empty() { proposed.collect() } else { courses };
        Ok(vec![of_the_city(TeacherApproved { teacher, courses })])
    }

    fn stands_on(&self, views: &SharedViews) -> Option<ChangeHash> {
        Some(hash_of(&as_proposed(views, self.teacher)))
    }
}

impl Act for MergeTeachers {
    const NAME: &'static str = "merge_teachers";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { kept, merged } = *self;
        known(context, kept)?;
        known(context, merged)?;
        let pool = &context.views.teachers;
        if pool.resolve(kept) == pool.resolve(merged) {
            return Err(Done::Merged.into());
        }
        Ok(vec![of_the_city(TeacherMerged { kept, merged })])
    }

    fn stands_on(&self, views: &SharedViews) -> Option<ChangeHash> {
        Some(hash_of(&[self.kept, self.merged].map(|teacher| as_proposed(views, teacher))))
    }
}

/// What its home says of a teacher and the city of its courses: whoever decides on it looks at that.
fn as_proposed(views: &SharedViews, teacher: TeacherId) -> impl Serialize + use<'_> {
    let entry = views.teachers.teachers.get(&teacher);
    entry.map(|it| (&it.name, it.home, &it.source, it.full_time, &it.proposed, &it.approved))
}

fn known<'a>(context: &Context<'a>, teacher: TeacherId) -> Result<&'a Teacher, Refusal> {
    Ok(context.views.teachers.teachers.get(&teacher).ok_or(teacher)?)
}

fn on_list(context: &Context<'_>, courses: &[CourseId]) -> Result<(), Refusal> {
    for course in courses {
        context.views.courses.on_list(*course).ok_or(*course)?;
    }
    Ok(())
}
