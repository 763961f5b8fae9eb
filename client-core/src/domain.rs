//! The domain, a folder a subject: what is said of it, what people do with it, what everybody sees of it.
//!
//! A subject's `event.rs` holds the bodies of its kinds, `command.rs` what a person may do, `view.rs` the fold
//! to what is seen. The list of subjects below puts them together; `docs/adding-a-capability.md` walks one.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

#[macro_use]
mod registry;

mod anomaly;
mod arbiter;
mod asset;
mod attendance;
mod bench;
mod booking;
mod branch;
mod class;
mod command;
mod course;
mod device;
mod import;
mod learner;
mod owner;
mod request;
mod teacher;
mod timetable;

pub use anomaly::*;
pub use arbiter::*;
pub use asset::*;
pub use attendance::*;
pub use bench::*;
pub use booking::*;
pub use branch::*;
pub use class::*;
pub use command::*;
pub use course::*;
pub use device::*;
pub use import::*;
pub use learner::*;
pub use owner::*;
pub use request::*;
pub use teacher::*;
pub use timetable::*;

use crate::event::{Body, DecodeError, EventRef, Kind, KindInfo, Statement};
use crate::history::{self, Counted, Owners, Unfolded, by_epoch};
use crate::ids::{BranchId, ChangeHash};
use crate::packed::Malformed;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

subjects! {
    // subject   its kinds             its commands           what everybody sees      what a branch sees
    Arbiter      said ArbiterEvent                            seen releases: Releases;
    Owner        said OwnerEvent       done OwnerCommand;
    Branch       said BranchEvent      done BranchCommand     seen branches: Branches;
    Device       said DeviceEvent      done DeviceCommand     seen devices: Devices;
    Timetable    said TimetableEvent   done TimetableCommand  seen calendar: Calendar, planning: Planning;
    Course       said CourseEvent      done CourseCommand     seen courses: CourseLibrary;
    Teacher      said TeacherEvent     done TeacherCommand    seen teachers: TeacherPool;
    Asset        said AssetEvent       done AssetCommand      seen resources: Resources;
    Request      said RequestEvent     done RequestCommand    seen requests: Requests;
    Class        said ClassEvent       done ClassCommand      seen sessions: Sessions;
    Learner      said LearnerEvent                                                     own learners: Learners;
    Attendance   said AttendanceEvent  done AttendanceCommand                          own attendance: Attendance;
    Import       said ImportEvent                                                      own imports: Imports;
    Bench        said BenchEvent;
}

/// An event that counts.
pub type Entry = history::Entry<Event>;
/// The merged history.
pub type History = history::History<Event>;
/// An event before it is written.
pub type Draft = crate::event::Draft<Event>;

/// Raised whenever a view changes its meaning; digests are comparable only at one version.
pub const FOLD_VERSION: u32 = 7;

/// What is seen of a subject: a fold of the events that count. It is total, deterministic, free of panics.
pub trait View: Default + Serialize {
    /// The name under which it is served.
    const NAME: &'static str;

    /// Takes one event in fold order; other subjects' events are ignored.
    fn apply(&mut self, entry: &Entry);

    /// What was given to another unit is that unit's.
    fn follow(&mut self, _owners: &Owners) {}

    /// As it is served.
    fn answer(&self) -> serde_json::Value {
        serde_json::json!(self)
    }
}

impl Event {
    /// The release that this program is of: the latest that brought a kind.
    pub fn release() -> u16 {
        Self::kinds().map(|kind| kind.since).max().unwrap_or_default()
    }

    /// The kinds and versions that releases after this one brought.
    pub fn brought_since(release: u16) -> impl Iterator<Item = (&'static str, u16)> {
        Self::kinds().filter(move |kind| kind.since > release).map(KindInfo::id)
    }

    /// The body, if it is of this kind.
    pub fn get<K: Kind>(&self) -> Option<&K> {
        self.body().as_any().downcast_ref()
    }

    /// Whether a kind and version are known here.
    pub fn is_known(kind: &str, version: u16) -> bool {
        Self::kinds().chain(Self::older()).any(|known| known.id() == (kind, version))
    }
}

impl SharedViews {
    /// Folds the shared and decisions documents of a history; private documents in it are ignored.
    pub fn fold(history: &History) -> Self {
        let ordered = by_epoch(history.ranked());
        let owners = Owners::of(history, &ordered);
        let mut open: Vec<&Entry> = ordered.into_iter().filter(is_open_to_all).collect();
        let imports = history::Imports::settle(&mut open);
        let (entitled, not_entitled): (Vec<&Entry>, Vec<&Entry>) =
            open.into_iter().partition(|entry| owners.entitle(history, entry));
        let Counted { entries, replaced, conflicts } = Counted::of(entitled);
        let mut views = Self {
            not_entitled: not_entitled.into_iter().map(|entry| entry.reference).collect(),
            unfinished: imports.unfinished,
            reverted: imports.reverted,
            replaced,
            owners,
            ..Self::default()
        };
        entries.iter().for_each(|entry| views.apply(entry));
        views.follow();
        views.courses.count(&views.sessions);
        views.bookings = bookings(&views);
        views.anomalies = anomalies(&views, history, &entries, conflicts);
        views
    }

    /// Why a readable event does not count, and by which event, where it does not.
    pub fn left_out(&self, event: &EventRef) -> Option<(Unfolded, Option<EventRef>)> {
        if self.not_entitled.contains(event) {
            return Some((Unfolded::NotEntitled, None));
        }
        left_out(event, &self.unfinished, &self.reverted, &self.replaced)
    }

    /// Equal on all nodes that hold the same shared and decisions documents.
    pub fn digest(&self) -> ChangeHash {
        digest(self)
    }
}

impl PrivateViews {
    /// Folds the private documents of one branch.
    pub fn fold(history: &History, branch: BranchId) -> Self {
        let owners = Owners::default();
        let mut own = history.ranked().filter(|entry| entry.branch == branch).collect();
        let history::Imports { unfinished, reverted } = history::Imports::settle(&mut own);
        own.retain(|entry| owners.entitle(history, entry));
        let Counted { entries, replaced, conflicts } = Counted::of(own);
        let mut views = Self { unfinished, reverted, replaced, conflicts, ..Self::default() };
        entries.iter().for_each(|entry| views.apply(entry));
        views
    }

    /// Why a readable event does not count, and by which event, where it does not.
    pub fn left_out(&self, event: &EventRef) -> Option<(Unfolded, Option<EventRef>)> {
        left_out(event, &self.unfinished, &self.reverted, &self.replaced)
    }

    /// Equal on the branch's nodes and on the city's.
    pub fn digest(&self) -> ChangeHash {
        digest(self)
    }
}

/// Why a readable event that its author may say does not count, and by which event.
fn left_out(
    event: &EventRef,
    unfinished: &BTreeSet<EventRef>,
    reverted: &BTreeMap<EventRef, EventRef>,
    replaced: &BTreeMap<EventRef, EventRef>,
) -> Option<(Unfolded, Option<EventRef>)> {
    if unfinished.contains(event) {
        return Some((Unfolded::Unfinished, None));
    }
    let by = |all: &BTreeMap<EventRef, EventRef>| all.get(event).copied();
    by(reverted)
        .map(|by| (Unfolded::Reverted, Some(by)))
        .or_else(|| by(replaced).map(|by| (Unfolded::Replaced, Some(by))))
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
