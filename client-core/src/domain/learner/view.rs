//! The learners on a branch's roll.

use super::LearnerEvent;
use crate::domain::{Entry, Event, View};
use crate::ids::{ChangeHash, LearnerId};
use imbl::OrdMap;
use serde::Serialize;

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
    pub learners: OrdMap<LearnerId, Learner>,
}

impl View for Learners {
    const NAME: &'static str = "learners";

    type Key = LearnerId;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = LearnerId> {
        let Event::Learner(LearnerEvent::Registered(learner)) = &entry.event else { return None };
        Some(learner.learner)
    }

    fn forget(&mut self, learner: &LearnerId) {
        self.learners.remove(learner);
    }

    fn apply(&mut self, _: &LearnerId, entry: &Entry) {
        let Event::Learner(LearnerEvent::Registered(learner)) = &entry.event else { return };
        let value = Learner { group: learner.group.clone(), sealed: learner.sealed };
        self.learners.insert(learner.learner, value);
    }
}
