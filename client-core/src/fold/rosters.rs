//! A branch's own learners and who was where. Names are not here: they are sealed rows.

use super::{Entry, Fold};
use crate::event::{CheckIn, Event};
use crate::ids::{ActionId, ChangeHash, PersonId, SubjectId};
use crate::time::Millis;
use serde::Serialize;
use std::collections::BTreeMap;

/// One learner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Learner {
    /// The group (所在支部).
    pub group: String,
    /// Hash of the sealed row with name and phone.
    pub sealed: ChangeHash,
}

/// A branch's private view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rosters {
    /// Learners by id.
    pub learners: BTreeMap<PersonId, Learner>,
    /// Who was at which class, when and how; the first check-in of a learner counts.
    pub attendance: BTreeMap<SubjectId, BTreeMap<PersonId, (Millis, CheckIn)>>,
    /// Imports that are wholly applied, with the file's name.
    pub imports: BTreeMap<ActionId, String>,
}

impl Rosters {
    /// Person-times over all classes.
    pub fn person_times(&self) -> usize {
        self.attendance.values().map(BTreeMap::len).sum()
    }
}

impl Fold for Rosters {
    fn apply(&mut self, entry: &Entry) {
        match &entry.event {
            Event::LearnerRegistered(learner) => {
                let value = Learner { group: learner.group.clone(), sealed: learner.sealed };
                self.learners.insert(learner.learner, value);
            }
            Event::AttendanceCheckedIn(check) => {
                let class = self.attendance.entry(check.session).or_default();
                class.entry(check.learner).or_insert((check.at, check.how));
            }
            Event::ImportApplied(applied) => {
                self.imports.insert(applied.action, applied.file.clone());
            }
            _ => {} // other subjects
        }
    }
}
