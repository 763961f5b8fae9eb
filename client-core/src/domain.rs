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
mod fold;
mod import;
mod instruction;
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
pub use fold::{PrivateFold, SharedFold, View};
pub use import::*;
pub use instruction::*;
pub use learner::*;
pub use owner::*;
pub use request::*;
pub use teacher::*;
pub use timetable::*;

use self::fold::{Index, News};
use crate::event::{Body, DecodeError, EventRef, Kind, KindInfo, Statement};
use crate::history::{self, LeftOut, Owners};
use crate::ids::{BranchId, ChangeHash};
use crate::packed::Malformed;
use imbl::{OrdMap, OrdSet};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

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
    Instruction  said InstructionEvent done InstructionCommand seen answers: Answers    own instructions: Instructions;
    Bench        said BenchEvent;
}

/// An event that counts.
pub type Entry = history::Entry<Event>;
/// The merged history.
pub type History = history::History<Event>;
/// An event before it is written.
pub type Draft = crate::event::Draft<Event>;

/// Raised whenever a view changes its meaning; digests are comparable only at one version.
pub const FOLD_VERSION: u32 = 9;

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
        Arc::unwrap_or_clone(SharedFold::of(history).into_views())
    }

    /// Equal on all nodes that hold the same shared and decisions documents.
    pub fn digest(&self) -> ChangeHash {
        digest(self)
    }
}

impl PrivateViews {
    /// Folds the private documents of one branch.
    pub fn fold(history: &History, branch: BranchId) -> Self {
        PrivateFold::of(history, branch)
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
