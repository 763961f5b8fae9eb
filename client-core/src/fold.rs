//! Folds: pure functions from the merged history to views. A file a view.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod anomalies;
mod branches;
mod calendar;
mod conflicts;
mod course_attendance;
mod course_library;
mod entry;
mod history;
mod owners;
mod planning;
mod releases;
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
pub use conflicts::is_of_others;
pub use course_attendance::{CourseAttendance, CourseTally};
pub use course_library::{Course, CourseLibrary, CourseUse};
pub use entry::{Aside, Correction, Entry, Kept, Unfolded, read as read_event};
pub use history::{History, NotHeld};
pub use owners::{Owners, Ownership};
pub use planning::Planning;
pub use releases::Releases;
pub use requests::{Lodged, Outcome, OutcomeKind, Requests, Round, State};
pub use resources::{Asset, Resources};
pub use rosters::{Learner, Rosters};
pub use rulings::{Named, Rulings};
pub use schedule::{Booking, BookingKind};
pub use sessions::{Session, SessionState, Sessions};
pub use teacher_pool::{Offer, Teacher, TeacherPool};

use crate::event::EventRef;
use crate::ids::ChangeHash;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Raised whenever a view changes its meaning; digests are comparable only at one version.
pub const FOLD_VERSION: u32 = 6;

/// A view being built: total, deterministic, free of panics.
pub trait Fold: Default {
    /// Takes one event in fold order; other subjects' events are ignored.
    fn apply(&mut self, entry: &Entry);
}

/// What every branch may see: the fold of shared and decisions documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SharedViews {
    /// What the city announced that it runs.
    pub releases: Releases,
    /// Whose things are, where their ids do not say so.
    pub owners: Owners,
    /// Events whose authors may not say what they say; kept, and they change nothing.
    pub not_entitled: BTreeSet<EventRef>,
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
        let ordered = history.ordered();
        let owners = Owners::of(history, &terms::by_epoch(&ordered));
        let (counted, not_entitled): (Vec<&Entry>, Vec<&Entry>) =
            ordered.into_iter().filter(is_open_to_all).partition(|entry| owners.entitle(history, entry));
        let mut views = Self {
            not_entitled: not_entitled.into_iter().map(|entry| entry.reference).collect(),
            owners,
            ..Self::default()
        };
        for entry in &counted {
            views.releases.apply(entry);
            views.branches.apply(entry);
            views.calendar.apply(entry);
            views.planning.apply(entry);
            views.courses.apply(entry);
            views.teachers.apply(entry);
            views.resources.apply(entry);
            views.sessions.apply(entry);
        }
        views.teachers.follow(&views.owners);
        views.resources.follow(&views.owners);
        for entry in terms::by_epoch(&counted) {
            views.requests.apply(entry);
        }
        let Self { requests, sessions, teachers, resources, .. } = &views;
        views.bookings = schedule::bookings(requests, sessions, teachers, resources);
        views.anomalies = views.look_for_anomalies(history, &counted);
        views
    }

    fn look_for_anomalies(&self, history: &History, counted: &[&Entry]) -> Vec<Anomaly> {
        let mut found = anomalies::anomalies(counted, &self.requests, &self.bookings);
        let open_to_all = |kept: &Kept| kept.reference.document.scope.is_open_to_all();
        let not_entitled = self.not_entitled.iter().map(|event| Kept {
            reference: *event,
            why: Unfolded::NotEntitled,
            ruling: None,
            detail: None,
        });
        found.extend(conflicts::unfolded(history.kept().into_iter().filter(open_to_all).chain(not_entitled)));
        found.extend(conflicts::decided_by_clock(counted));
        found.extend(conflicts::contested(&self.owners));
        found.extend(conflicts::devices_twice(history));
        found.extend(conflicts::unconfirmed(self));
        found.sort();
        found
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
        let owners = Owners::default();
        let of_branch = history.ordered().into_iter().filter(|entry| entry.branch == branch);
        for entry in of_branch.filter(|entry| owners.entitle(history, entry)) {
            rosters.apply(entry);
        }
        rosters
    }

    /// Equal on the branch's nodes and on the city's.
    pub fn digest(&self) -> ChangeHash {
        digest(self)
    }
}

fn is_open_to_all(entry: &&Entry) -> bool {
    entry.reference.document.scope.is_open_to_all()
}

fn digest(view: &impl Serialize) -> ChangeHash {
    let bytes = rmp_serde::to_vec(&(FOLD_VERSION, view)).expect("views always encode");
    ChangeHash(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests;
