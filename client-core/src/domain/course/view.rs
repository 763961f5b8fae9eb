//! The city teaching list (市级教学清单) and how each course is used.

use super::{CourseEvent, CourseListed};
use crate::domain::{Entry, Event, Session, SessionState, Sessions, View};
use crate::ids::{BranchId, ClassId, CourseId};
use crate::time::Day;
use imbl::OrdMap;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CourseUse {
    /// Classes held.
    pub classes: u64,
    /// Person-times.
    pub headcount: u64,
    /// How many of them on each day.
    days: OrdMap<Day, u64>,
    /// How many of them each branch held.
    by: OrdMap<BranchId, u64>,
}

impl CourseUse {
    /// Last day held.
    pub fn last(&self) -> Option<Day> {
        self.days.get_max().map(|(day, _)| *day)
    }

    /// Branches that held it.
    pub fn branches(&self) -> impl Iterator<Item = BranchId> {
        self.by.keys().copied()
    }

    fn add(&mut self, branch: BranchId, held: &Session) {
        self.classes = self.classes.saturating_add(1);
        self.headcount = self.headcount.saturating_add(held.headcount.into());
        let one_more = |count: &mut u64| *count = count.saturating_add(1);
        one_more(self.days.entry(held.slot.day).or_default());
        one_more(self.by.entry(branch).or_default());
    }

    fn take_away(&mut self, branch: BranchId, held: &Session) {
        self.classes = self.classes.saturating_sub(1);
        self.headcount = self.headcount.saturating_sub(held.headcount.into());
        take_one(&mut self.days, &held.slot.day);
        take_one(&mut self.by, &branch);
    }
}

fn take_one<K: Clone + Ord>(counts: &mut OrdMap<K, u64>, key: &K) {
    let Some(count) = counts.get_mut(key) else { return };
    *count = count.saturating_sub(1);
    if *count == 0 {
        counts.remove(key);
    }
}

/// `{"classes", "headcount", "last", "branches"}`
impl Serialize for CourseUse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("CourseUse", 4)?;
        shown.serialize_field("classes", &self.classes)?;
        shown.serialize_field("headcount", &self.headcount)?;
        shown.serialize_field("last", &self.last())?;
        shown.serialize_field("branches", &self.branches().collect::<Vec<_>>())?;
        shown.end()
    }
}

/// The course library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CourseLibrary {
    /// Every course by id.
    pub courses: OrdMap<CourseId, Course>,
    /// Use by course id, of courses off the list too.
    pub usage: OrdMap<CourseId, CourseUse>,
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
    /// Counts what was held: classes as they were before, and those that changed.
    pub(crate) fn count(
        &mut self,
        before: &Sessions,
        now: &Sessions,
        changed: &BTreeSet<(ClassId, BranchId)>,
    ) {
        let held = |session: &&Session| session.state == SessionState::Taught;
        for (class, branch) in changed {
            if let Some(session) = before.of(*class, *branch).filter(held)
                && let Some(course) = session.course
                && let Some(used) = self.usage.get_mut(&course)
            {
                used.take_away(*branch, session);
                if used.classes == 0 {
                    self.usage.remove(&course);
                }
            }
            if let Some(session) = now.of(*class, *branch).filter(held)
                && let Some(course) = session.course
            {
                self.usage.entry(course).or_default().add(*branch, session);
            }
        }
    }
}

impl View for CourseLibrary {
    const NAME: &'static str = "courses";

    type Key = CourseId;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = CourseId> {
        let Event::Course(said) = &entry.event else { return None };
        Some(match said {
            CourseEvent::Listed(listed) => listed.course,
            CourseEvent::Delisted(delisted) => delisted.course,
        })
    }

    fn forget(&mut self, course: &CourseId) {
        self.courses.remove(course);
    }

    fn apply(&mut self, _: &CourseId, entry: &Entry) {
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
