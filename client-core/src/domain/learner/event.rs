//! Branch-private events: learners, attendance, imports. Names and phones are sealed rows, never here.

use crate::event::{Checked, Kind, Scope, Speaker, bounds};
use crate::ids::{ChangeHash, LearnerId};
use client_core_macros::Packed;

/// A learner is on the branch's roll.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct LearnerRegistered {
    /// The learner; random.
    pub learner: LearnerId,
    /// The group (所在支部) the learner belongs to.
    pub group: String,
    /// SHA-256 of the sealed row that holds name and phone.
    pub sealed: ChangeHash,
}

impl Kind for LearnerRegistered {
    const NAME: &'static str = "learner.registered";
    const SCOPE: Scope = Scope::Private;
    const SPEAKER: Speaker = Speaker::Branch;

    fn bounds(&self) -> Checked {
        let Self { learner: _, group, sealed: _ } = self;
        bounds::text("group", group)
    }
}
