//! The teaching list.

use super::{Asker, CommandError, filled, invalid, unknown};
use crate::event::{CourseDelisted, CourseListed, Draft};
use crate::fold::SharedViews;
use crate::ids::{BranchId, SubjectId};

pub(super) fn list(
    asker: &Asker,
    views: &SharedViews,
    course: &CourseListed,
    new_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    filled("code", &course.code)?;
    filled("title", &course.title)?;
    if !(1..=16).contains(&course.periods) {
        return Err(invalid("periods", "a course has 1 to 16 periods of 45 minutes"));
    }
    if views.courses.by_code(&course.code).is_some() {
        return Err(CommandError::Already(format!("{} is on the list", course.code)));
    }
    let listed = CourseListed { course: SubjectId(new_id()), ..course.clone() };
    Ok(vec![Draft::new(BranchId::CITY, listed)])
}

pub(super) fn delist(
    asker: &Asker,
    views: &SharedViews,
    course: SubjectId,
    reason: &str,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    filled("reason", reason)?;
    if views.courses.on_list(course).is_none() {
        return Err(unknown("course", course));
    }
    Ok(vec![Draft::new(BranchId::CITY, CourseDelisted { course, reason: reason.to_owned() })])
}
