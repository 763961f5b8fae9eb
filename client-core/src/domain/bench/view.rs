//! Attendances by course, from the benchmarks' records.

use super::{BenchEvent, BenchRecorded};
use crate::domain::{Entry, Event};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was recorded of one course.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CourseTally {
    /// Records of any kind.
    pub recorded: u64,
    /// Attendances.
    pub attended: u64,
}

/// Records by course.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CourseAttendance {
    /// By the course's name.
    pub courses: BTreeMap<String, CourseTally>,
}

impl CourseAttendance {
    /// Counts one event.
    pub fn apply(&mut self, entry: &Entry) {
        let Event::Bench(BenchEvent::Recorded(record)) = &entry.event else { return };
        let tally = match self.courses.get_mut(&record.course) {
            Some(tally) => tally,
            None => self.courses.entry(record.course.clone()).or_default(),
        };
        let is_attendance = record.kind == BenchRecorded::ATTENDANCE;
        tally.recorded = tally.recorded.saturating_add(1);
        tally.attended = tally.attended.saturating_add(u64::from(is_attendance));
    }
}
