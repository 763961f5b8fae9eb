//! Classes: announced, held, called off.

use super::{ClassEvent, SessionCorrected, SessionTaught};
use crate::domain::{Entry, Event, View};
use crate::event::EventRef;
use crate::identity::Role;
use crate::ids::{AssetId, BranchId, ClassId, CourseId, TeacherId};
use crate::time::{Slot, Stamp};
use serde::Serialize;
use std::collections::BTreeMap;

code_enum! {
    /// How far a class has come.
    SessionState {
        /// To be held.
        Announced = 0 "announced",
        /// Held.
        Taught = 1 "taught",
        /// Called off.
        Cancelled = 2 "cancelled",
    }
}

/// What one branch announced or recorded of a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its number in the branch's ledger, or empty.
    pub ledger_code: String,
    /// The course.
    pub course: Option<CourseId>,
    /// The teacher, if one of the pool.
    pub teacher: Option<TeacherId>,
    /// The venue, if known.
    pub venue: Option<AssetId>,
    /// When.
    pub slot: Slot,
    /// People expected, or who came.
    pub headcount: u32,
    /// Held online.
    pub online: bool,
    /// How far it has come.
    pub state: SessionState,
    /// The event that says so.
    pub source: EventRef,
    /// When it says so.
    pub stamp: Stamp,
    /// The city's importer took it from the branch's ledger.
    pub imported: bool,
}

impl Session {
    /// Whether what it names is a word of the branch alone: not called off, and not the city's importer's.
    pub(crate) fn is_own_word(&self) -> bool {
        self.state != SessionState::Cancelled && !self.imported
    }
}

/// All classes, each as every branch recorded it: a branch speaks of its own heads alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sessions {
    /// By class, then by branch.
    pub sessions: BTreeMap<ClassId, BTreeMap<BranchId, Session>>,
}

impl Sessions {
    /// Every record with its class and its branch.
    pub fn iter(&self) -> impl Iterator<Item = (ClassId, BranchId, &Session)> {
        let classes = self.sessions.iter();
        classes.flat_map(|(class, by)| by.iter().map(|(branch, session)| (*class, *branch, session)))
    }

    /// What a branch announced or recorded of a class.
    pub fn of(&self, class: ClassId, branch: BranchId) -> Option<&Session> {
        self.sessions.get(&class)?.get(&branch)
    }

    /// Classes held.
    pub fn taught(&self) -> usize {
        self.iter().filter(|(_, _, session)| session.state == SessionState::Taught).count()
    }
}

/// What a branch recorded of a class that was held, first or corrected.
struct Held {
    session: ClassId,
    ledger_code: String,
    course: Option<CourseId>,
    teacher: Option<TeacherId>,
    slot: Slot,
    headcount: u32,
    online: bool,
}

impl Sessions {
    fn hold(&mut self, entry: &Entry, held: Held) {
        let by = self.sessions.entry(held.session).or_default();
        let session = Session {
            ledger_code: held.ledger_code,
            course: held.course,
            teacher: held.teacher,
            venue: by.get(&entry.branch).and_then(|announced| announced.venue),
            slot: held.slot,
            headcount: held.headcount,
            online: held.online,
            state: SessionState::Taught,
            source: entry.reference,
            stamp: entry.stamp,
            imported: entry.role == Role::Importer,
        };
        by.insert(entry.branch, session);
    }
}

impl View for Sessions {
    const NAME: &'static str = "sessions";

    fn apply(&mut self, entry: &Entry) {
        let Event::Class(said) = &entry.event else { return };
        match said {
            ClassEvent::Announced(announced) => {
                let session = Session {
                    ledger_code: String::new(),
                    course: Some(announced.course),
                    teacher: announced.teacher,
                    venue: announced.venue,
                    slot: announced.slot,
                    headcount: announced.headcount,
                    online: false,
                    state: SessionState::Announced,
                    source: entry.reference,
                    stamp: entry.stamp,
                    imported: entry.role == Role::Importer,
                };
                self.sessions.entry(announced.session).or_default().entry(entry.branch).or_insert(session);
            }
            ClassEvent::Taught(taught) => {
                let SessionTaught { session, ledger_code, course, teacher, slot, headcount, online } =
                    taught.clone();
                self.hold(entry, Held { session, ledger_code, course, teacher, slot, headcount, online });
            }
            ClassEvent::Corrected(corrected) => {
                let SessionCorrected { session, ledger_code, course, teacher, slot, headcount, online } =
                    corrected.clone();
                self.hold(entry, Held { session, ledger_code, course, teacher, slot, headcount, online });
            }
            ClassEvent::Cancelled(cancelled) => {
                let by = self.sessions.get_mut(&cancelled.session);
                if let Some(session) = by.and_then(|by| by.get_mut(&entry.branch))
                    && session.state == SessionState::Announced
                {
                    session.state = SessionState::Cancelled;
                }
            }
        }
    }
}
