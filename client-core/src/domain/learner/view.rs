//! The learners on a branch's roll.

use super::LearnerEvent;
use crate::domain::{Entry, Event, View};
use crate::ids::{ChangeHash, LearnerId};
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

/// A branch's roll.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Learners {
    /// Learners by id.
    pub learners: BTreeMap<LearnerId, Learner>,
}

impl View for Learners {
    const NAME: &'static str = "learners";

    fn apply(&mut self, entry: &Entry) {
        let Event::Learner(LearnerEvent::Registered(learner)) = &entry.event else { return };
        let value = Learner { group: learner.group.clone(), sealed: learner.sealed };
        self.learners.insert(learner.learner, value);
    }
}
