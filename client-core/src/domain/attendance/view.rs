//! Who was at a branch's classes.

use super::{AttendanceEvent, CheckIn};
use crate::domain::{Entry, Event, View};
use crate::ids::{ClassId, LearnerId};
use crate::time::Millis;
use serde::Serialize;
use std::collections::BTreeMap;

/// A branch's attendance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attendance {
    /// Who was at which class, when and how; the first check-in of a learner counts.
    pub classes: BTreeMap<ClassId, BTreeMap<LearnerId, (Millis, CheckIn)>>,
}

impl Attendance {
    /// Person-times over all classes.
    pub fn person_times(&self) -> usize {
        self.classes.values().map(BTreeMap::len).fold(0, usize::saturating_add)
    }
}

impl View for Attendance {
    const NAME: &'static str = "attendance";

    fn apply(&mut self, entry: &Entry) {
        let Event::Attendance(AttendanceEvent::CheckedIn(check)) = &entry.event else { return };
        let class = self.classes.entry(check.session).or_default();
        class.entry(check.learner).or_insert((check.at, check.how));
    }
}
