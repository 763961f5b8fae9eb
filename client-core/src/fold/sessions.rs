//! Classes: announced, held, called off.

use super::{Entry, Fold};
use crate::event::{Event, EventRef};
use crate::ids::{BranchId, PersonId, SubjectId};
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

/// One class of one branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Whose class it is.
    pub branch: BranchId,
    /// Its number in the branch's ledger, or empty.
    pub ledger_code: String,
    /// The course.
    pub course: Option<SubjectId>,
    /// The teacher, if one of the pool.
    pub teacher: Option<PersonId>,
    /// The venue, if known.
    pub venue: Option<SubjectId>,
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
}

/// All classes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sessions {
    /// Every class by id.
    pub sessions: BTreeMap<SubjectId, Session>,
}

impl Sessions {
    /// The class with this number in the ledger.
    pub fn by_ledger_code(&self, code: &str) -> Option<SubjectId> {
        self.sessions.iter().find(|(_, session)| session.ledger_code == code).map(|(id, _)| *id)
    }

    /// Classes held.
    pub fn taught(&self) -> usize {
        self.sessions.values().filter(|session| session.state == SessionState::Taught).count()
    }
}

impl Fold for Sessions {
    fn apply(&mut self, entry: &Entry) {
        match &entry.event {
            Event::SessionAnnounced(announced) => {
                let session = Session {
                    branch: entry.branch,
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
                };
                self.sessions.entry(announced.session).or_insert(session);
            }
            Event::SessionTaught(taught) => {
                let venue = self.sessions.get(&taught.session).and_then(|announced| announced.venue);
                let session = Session {
                    branch: entry.branch,
                    ledger_code: taught.ledger_code.clone(),
                    course: taught.course,
                    teacher: taught.teacher,
                    venue,
                    slot: taught.slot,
                    headcount: taught.headcount,
                    online: taught.online,
                    state: SessionState::Taught,
                    source: entry.reference,
                    stamp: entry.stamp,
                };
                self.sessions.insert(taught.session, session);
            }
            Event::SessionCancelled(cancelled) => {
                if let Some(session) = self.sessions.get_mut(&cancelled.session)
                    && session.branch == entry.branch
                    && session.state == SessionState::Announced
                {
                    session.state = SessionState::Cancelled;
                }
            }
            _ => {} // other subjects
        }
    }
}
