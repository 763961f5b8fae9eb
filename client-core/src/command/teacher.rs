//! Teachers and the pool.

use super::{Asker, CommandError, filled, invalid, range, unknown, windows};
use crate::event::{
    Draft, TeacherApproved, TeacherMerged, TeacherOffered, TeacherProposed, TeacherUnavailable,
};
use crate::fold::{SharedViews, Teacher};
use crate::ids::{BranchId, PersonId, SubjectId};
use crate::time::{Day, HalfDay};

pub(super) fn propose(
    asker: &Asker,
    views: &SharedViews,
    teacher: &TeacherProposed,
    new_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Draft>, CommandError> {
    asker.branch()?;
    filled("name", &teacher.name)?;
    known_courses(views, &teacher.courses)?;
    if teacher.weekly_cap_periods == 0 {
        return Err(invalid("weekly_cap_periods", "must be at least 1"));
    }
    let proposed = TeacherProposed { teacher: PersonId(asker.new_id(new_id)), ..teacher.clone() };
    Ok(vec![Draft::new(asker.branch, proposed)])
}

pub(super) fn offer(
    asker: &Asker,
    views: &SharedViews,
    teacher: PersonId,
    offered: &[HalfDay],
    from: Day,
    to: Day,
) -> Result<Vec<Draft>, CommandError> {
    asker.owner(known(views, teacher)?.home)?;
    windows(offered)?;
    range(from, to)?;
    Ok(vec![Draft::new(asker.branch, TeacherOffered { teacher, windows: offered.to_vec(), from, to })])
}

pub(super) fn unavailable(
    asker: &Asker,
    views: &SharedViews,
    teacher: PersonId,
    from: Day,
    to: Day,
) -> Result<Vec<Draft>, CommandError> {
    asker.owner(known(views, teacher)?.home)?;
    range(from, to)?;
    Ok(vec![Draft::new(asker.branch, TeacherUnavailable { teacher, from, to })])
}

pub(super) fn approve(
    asker: &Asker,
    views: &SharedViews,
    teacher: PersonId,
    courses: &[SubjectId],
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    let entry = known(views, teacher)?;
    known_courses(views, courses)?;
    let courses =
        if courses.is_empty() { entry.proposed.iter().copied().collect() } else { courses.to_vec() };
    Ok(vec![Draft::new(BranchId::CITY, TeacherApproved { teacher, courses })])
}

pub(super) fn merge(
    asker: &Asker,
    views: &SharedViews,
    kept: PersonId,
    merged: PersonId,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    known(views, kept)?;
    known(views, merged)?;
    if views.teachers.resolve(kept) == views.teachers.resolve(merged) {
        return Err(CommandError::Already("the two are one entry".into()));
    }
    Ok(vec![Draft::new(BranchId::CITY, TeacherMerged { kept, merged })])
}

fn known(views: &SharedViews, teacher: PersonId) -> Result<&Teacher, CommandError> {
    views.teachers.teachers.get(&teacher).ok_or_else(|| unknown("teacher", teacher))
}

fn known_courses(views: &SharedViews, courses: &[SubjectId]) -> Result<(), CommandError> {
    match courses.iter().find(|course| views.courses.on_list(**course).is_none()) {
        Some(missing) => Err(unknown("course", missing)),
        None => Ok(()),
    }
}
