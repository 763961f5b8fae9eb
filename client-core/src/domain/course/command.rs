//! What the city does about its teaching list.

use super::{CourseDelisted, CourseListed};
use crate::domain::command::{filled, hash_of, number, of_the_city};
use crate::domain::{Act, Context, Done, Draft, Refusal, SharedViews};
use crate::ids::{ChangeHash, CourseId};
use serde::{Deserialize, Serialize};

/// The city puts a course on the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListCourse {
    /// Its number on the list, e.g. `K001`.
    pub code: String,
    /// Its title.
    pub title: String,
    /// Content area (内容类别).
    pub area: String,
    /// Length in teaching periods of 45 minutes.
    pub periods: u8,
    /// Method of teaching (教学方式).
    pub method: String,
    /// For whom (适用对象).
    pub audience: String,
    /// Whether a group may join online.
    pub online: bool,
}

/// The city takes a course off the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelistCourse {
    /// The course.
    pub course: CourseId,
    /// Why.
    pub reason: String,
}

impl Act for ListCourse {
    const NAME: &'static str = "list_course";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { code, title, area, periods, method, audience, online } = self.clone();
        filled("code", &code)?;
        filled("title", &title)?;
        number("periods", periods.into(), 1, 16)?;
        if context.views.courses.by_code(&code).is_some() {
            return Err(Done::Listed(code).into());
        }
        let course = CourseId((context.random)());
        Ok(vec![of_the_city(CourseListed { course, code, title, area, periods, method, audience, online })])
    }
}

impl Act for DelistCourse {
    const NAME: &'static str = "delist_course";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { course, reason } = self.clone();
        filled("reason", &reason)?;
        context.views.courses.on_list(course).ok_or(course)?;
        Ok(vec![of_the_city(CourseDelisted { course, reason })])
    }

    fn stands_on(&self, views: &SharedViews) -> Option<ChangeHash> {
        Some(hash_of(&views.courses.courses.get(&self.course)))
    }
}
