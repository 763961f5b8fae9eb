//! Folds: pure functions from the merged history to views. A file a view.

mod anomalies;
mod branches;
mod calendar;
mod course_attendance;
mod course_library;
mod entry;
mod history;
mod planning;
mod requests;
mod resources;
mod rosters;
mod rulings;
mod schedule;
mod sessions;
mod standing;
mod teacher_pool;
mod terms;

pub use anomalies::{Anomaly, AnomalyKind};
pub use branches::{Branch, Branches, Device, Policy};
pub use calendar::Calendar;
pub use course_attendance::{CourseAttendance, CourseTally};
pub use course_library::{Course, CourseLibrary, CourseUse};
pub use entry::{Correction, Entry, Kept, Unfolded, read as read_event};
pub use history::{History, NotHeld};
pub use planning::Planning;
pub use requests::{Lodged, Outcome, OutcomeKind, Requests, Round, State};
pub use resources::{Asset, Resources};
pub use rosters::{Learner, Rosters};
pub use rulings::Rulings;
pub use schedule::{Booking, BookingKind};
pub use sessions::{Session, SessionState, Sessions};
pub use teacher_pool::{Offer, Teacher, TeacherPool};

use crate::ids::ChangeHash;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Raised whenever a view changes its meaning; digests are comparable only at one version.
pub const FOLD_VERSION: u32 = 5;

/// A view being built: total, deterministic, free of panics.
pub trait Fold: Default {
    /// Takes one event in fold order; other subjects' events are ignored.
    fn apply(&mut self, entry: &Entry);
}

/// What every branch may see: the fold of shared and decisions documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SharedViews {
    /// Branches, devices and rules.
    pub branches: Branches,
    /// Holidays and swapped workdays.
    pub calendar: Calendar,
    /// The rules of the timetable.
    pub planning: Planning,
    /// The teaching list.
    pub courses: CourseLibrary,
    /// The teacher pool.
    pub teachers: TeacherPool,
    /// Rooms, equipment, on-site points.
    pub resources: Resources,
    /// Claims, orders and decisions.
    pub requests: Requests,
    /// Classes.
    pub sessions: Sessions,
    /// The calendar of firm bookings, by time.
    pub bookings: Vec<Booking>,
    /// What does not fit together.
    pub anomalies: Vec<Anomaly>,
}

impl SharedViews {
    /// Folds the shared and decisions documents of a history; private documents in it are ignored.
    pub fn fold(history: &History) -> Self {
        let mut views = Self::default();
        let ordered = history.ordered();
        for entry in &ordered {
            views.branches.apply(entry);
            views.calendar.apply(entry);
            views.planning.apply(entry);
            views.courses.apply(entry);
            views.teachers.apply(entry);
            views.resources.apply(entry);
            views.sessions.apply(entry);
        }
        for entry in terms::by_epoch(&ordered) {
            views.requests.apply(entry);
        }
        views.bookings = schedule::bookings(&views.requests, &views.sessions, &views.teachers);
        let open_to_all = |kept: &Kept| {
            matches!(
                kept.reference.document.scope,
                crate::event::Scope::Shared | crate::event::Scope::Decisions
            )
        };
        let kept: Vec<Kept> = history.kept().into_iter().filter(open_to_all).collect();
        views.anomalies = anomalies::anomalies(history, &views.requests, &views.bookings, &kept);
        views
    }

    /// Equal on all nodes that hold the same shared and decisions documents.
    pub fn digest(&self) -> ChangeHash {
        digest(self)
    }
}

impl Rosters {
    /// Folds the private documents of one branch.
    pub fn fold(history: &History, branch: crate::ids::BranchId) -> Self {
        let mut rosters = Self::default();
        for entry in history.ordered().into_iter().filter(|entry| entry.branch == branch) {
            rosters.apply(entry);
        }
        rosters
    }

    /// Equal on the branch's nodes and on the city's.
    pub fn digest(&self) -> ChangeHash {
        digest(self)
    }
}

fn digest(view: &impl Serialize) -> ChangeHash {
    let bytes = rmp_serde::to_vec(&(FOLD_VERSION, view)).expect("views always encode");
    ChangeHash(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests;
