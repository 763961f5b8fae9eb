//! Classes: announced, held, called off.

use super::{ClassEvent, SessionCorrected, SessionTaught};
use crate::domain::{Entry, Event, View};
use crate::event::EventRef;
use crate::identity::Role;
use crate::ids::{AssetId, BranchId, ClassId, CourseId, TeacherId};
use crate::time::{Slot, Stamp};
use imbl::OrdMap;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// By class and branch.
    pub sessions: OrdMap<(ClassId, BranchId), Session>,
}

impl Sessions {
    /// Every record with its class and its branch.
    pub fn iter(&self) -> impl Iterator<Item = (ClassId, BranchId, &Session)> {
        self.sessions.iter().map(|((class, branch), session)| (*class, *branch, session))
    }

    /// What a branch announced or recorded of a class.
    pub fn of(&self, class: ClassId, branch: BranchId) -> Option<&Session> {
        self.sessions.get(&(class, branch))
    }

    /// The branches that announced or recorded a class.
    pub fn branches(&self, class: ClassId) -> impl Iterator<Item = BranchId> {
        let from = self.sessions.range((class, BranchId([0; 16]))..);
        from.take_while(move |((of, _), _)| *of == class).map(|((_, branch), _)| *branch)
    }

    /// Classes held.
    pub fn taught(&self) -> usize {
        self.iter().filter(|(_, _, session)| session.state == SessionState::Taught).count()
    }
}

/// `{"sessions": {class: {branch: record}}}`
impl Serialize for Sessions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut by_class: BTreeMap<ClassId, BTreeMap<BranchId, &Session>> = BTreeMap::new();
        for (class, branch, session) in self.iter() {
            by_class.entry(class).or_default().insert(branch, session);
        }
        let mut shown = serializer.serialize_struct("Sessions", 1)?;
        shown.serialize_field("sessions", &by_class)?;
        shown.end()
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
        let key = (held.session, entry.branch);
        let session = Session {
            ledger_code: held.ledger_code,
            course: held.course,
            teacher: held.teacher,
            venue: self.sessions.get(&key).and_then(|announced| announced.venue),
            slot: held.slot,
            headcount: held.headcount,
            online: held.online,
            state: SessionState::Taught,
            source: entry.reference,
            stamp: entry.stamp,
            imported: entry.role == Role::Importer,
        };
        self.sessions.insert(key, session);
    }
}

impl View for Sessions {
    const NAME: &'static str = "sessions";

    type Key = (ClassId, BranchId);

    fn keys(entry: &Entry) -> impl IntoIterator<Item = (ClassId, BranchId)> {
        let Event::Class(said) = &entry.event else { return None };
        let class = match said {
            ClassEvent::Announced(announced) => announced.session,
            ClassEvent::Taught(taught) => taught.session,
            ClassEvent::Corrected(corrected) => corrected.session,
            ClassEvent::Cancelled(cancelled) => cancelled.session,
        };
        Some((class, entry.branch))
    }

    fn forget(&mut self, key: &(ClassId, BranchId)) {
        self.sessions.remove(key);
    }

    fn apply(&mut self, _: &(ClassId, BranchId), entry: &Entry) {
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
                self.sessions.entry((announced.session, entry.branch)).or_insert(session);
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
                if let Some(session) = self.sessions.get_mut(&(cancelled.session, entry.branch))
                    && session.state == SessionState::Announced
                {
                    session.state = SessionState::Cancelled;
                }
            }
        }
    }
}
