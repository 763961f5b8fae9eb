//! Who was at a branch's classes.

use super::{AttendanceEvent, CheckIn};
use crate::domain::{Entry, Event, View};
use crate::event::EventRef;
use crate::ids::{ClassId, LearnerId};
use crate::time::Millis;
use imbl::OrdMap;
use serde::Serialize;

/// One learner at one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// When.
    pub at: Millis,
    /// How.
    pub how: CheckIn,
    /// The event that says so.
    pub source: EventRef,
    /// Others that say the learner was there, e.g. of a second device at the door.
    pub again: Vec<EventRef>,
}

/// A branch's attendance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attendance {
    /// Who was at which class; the first check-in of a learner counts, or what corrected it.
    pub classes: OrdMap<ClassId, OrdMap<LearnerId, Presence>>,
}

impl Attendance {
    /// Person-times over all classes.
    pub fn person_times(&self) -> usize {
        self.classes.values().map(OrdMap::len).fold(0, usize::saturating_add)
    }

    /// A learner at a class.
    pub fn of(&self, class: ClassId, learner: LearnerId) -> Option<&Presence> {
        self.classes.get(&class)?.get(&learner)
    }

    fn check_in(&mut self, entry: &Entry, (class, learner): (ClassId, LearnerId), at: Millis, how: CheckIn) {
        let class = self.classes.entry(class).or_default();
        let source = entry.reference;
        match class.get_mut(&learner) {
            Some(present) => present.again.push(source),
            None => drop(class.insert(learner, Presence { at, how, source, again: Vec::new() })),
        }
    }
}

impl View for Attendance {
    const NAME: &'static str = "attendance";

    type Key = (ClassId, LearnerId);

    fn keys(entry: &Entry) -> impl IntoIterator<Item = (ClassId, LearnerId)> {
        match &entry.event {
            Event::Attendance(AttendanceEvent::CheckedIn(it)) => Some((it.session, it.learner)),
            Event::Attendance(AttendanceEvent::Corrected(it)) => Some((it.session, it.learner)),
            _ => None,
        }
    }

    fn forget(&mut self, (class, learner): &(ClassId, LearnerId)) {
        if let Some(present) = self.classes.get_mut(class) {
            present.remove(learner);
            if present.is_empty() {
                self.classes.remove(class);
            }
        }
    }

    fn apply(&mut self, _: &(ClassId, LearnerId), entry: &Entry) {
        let Event::Attendance(said) = &entry.event else { return };
        match said {
            AttendanceEvent::CheckedIn(it) => self.check_in(entry, (it.session, it.learner), it.at, it.how),
            AttendanceEvent::Corrected(it) => {
                let class = self.classes.entry(it.session).or_default();
                let before = class.remove(&it.learner);
                let again =
                    before.into_iter().flat_map(|before| [vec![before.source], before.again].concat());
                let (at, how, source) = (it.at, it.how, entry.reference);
                class.insert(it.learner, Presence { at, how, source, again: again.collect() });
            }
            AttendanceEvent::Voided(_) => {} // what it names is not here
        }
    }
}
