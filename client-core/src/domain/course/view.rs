//! The city teaching list (市级教学清单) and how each course is used.

use super::{CourseEvent, CourseListed};
use crate::domain::{Entry, Event, SessionState, Sessions, View};
use crate::ids::{BranchId, CourseId};
use crate::time::Day;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One course of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Course {
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
    /// The reason it was taken off the list, if it was.
    pub delisted: Option<String>,
}

/// How often a course was held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CourseUse {
    /// Classes held.
    pub classes: u32,
    /// Person-times.
    pub headcount: u32,
    /// Last day held.
    pub last: Option<Day>,
    /// Branches that held it.
    pub branches: BTreeSet<BranchId>,
}

/// The course library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CourseLibrary {
    /// Every course by id.
    pub courses: BTreeMap<CourseId, Course>,
    /// Use by course id, of courses off the list too.
    pub usage: BTreeMap<CourseId, CourseUse>,
}

impl CourseLibrary {
    /// The course with this number on the list.
    pub fn by_code(&self, code: &str) -> Option<CourseId> {
        self.courses.iter().find(|(_, course)| course.code == code).map(|(id, _)| *id)
    }

    /// A course that is on the list today.
    pub fn on_list(&self, course: CourseId) -> Option<&Course> {
        self.courses.get(&course).filter(|course| course.delisted.is_none())
    }
}

impl CourseLibrary {
    /// Counts what was held.
    pub(crate) fn count(&mut self, sessions: &Sessions) {
        self.usage.clear();
        for (_, branch, held) in
            sessions.iter().filter(|(_, _, session)| session.state == SessionState::Taught)
        {
            let Some(course) = held.course else { continue };
            let usage = self.usage.entry(course).or_default();
            usage.classes = usage.classes.saturating_add(1);
            usage.headcount = usage.headcount.saturating_add(held.headcount);
            usage.last = usage.last.max(Some(held.slot.day));
            usage.branches.insert(branch);
        }
    }
}

impl View for CourseLibrary {
    const NAME: &'static str = "courses";

    fn apply(&mut self, entry: &Entry) {
        let Event::Course(said) = &entry.event else { return };
        match said {
            CourseEvent::Listed(listed) => {
                let CourseListed { course, code, title, area, periods, method, audience, online } =
                    listed.clone();
                let listed = Course { code, title, area, periods, method, audience, online, delisted: None };
                self.courses.insert(course, listed);
            }
            CourseEvent::Delisted(delisted) => {
                if let Some(course) = self.courses.get_mut(&delisted.course) {
                    course.delisted = Some(delisted.reason.clone());
                }
            }
        }
    }
}
