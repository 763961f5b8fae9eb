//! What a branch does about attendance.

use super::{AttendanceCheckedIn, CheckIn};
use crate::domain::{Act, Context, Draft, Problem, Refusal};
use crate::ids::{ClassId, LearnerId};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// More people than this in one roll call cannot be meant.
const LONGEST_ROLL: u32 = 5_000;

/// A roll call: who was there. A whole roll call is one action; facts are never refused for being late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckInLearners {
    /// The class.
    pub session: ClassId,
    /// Who, when, how.
    pub learners: Vec<CheckedIn>,
}

/// One line of a roll call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedIn {
    /// The learner.
    pub learner: LearnerId,
    /// When.
    pub at: Millis,
    /// How.
    pub how: CheckIn,
}

impl Act for CheckInLearners {
    const NAME: &'static str = "check_in";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let Self { session, learners } = self;
        if learners.is_empty() || learners.len() > LONGEST_ROLL as usize {
            return Err(Problem::Number(1, LONGEST_ROLL).in_field("learners"));
        }
        let draft = |line: &CheckedIn| {
            let CheckedIn { learner, at, how } = *line;
            context.own(AttendanceCheckedIn { session: *session, learner, at, how })
        };
        Ok(learners.iter().map(draft).collect())
    }
}
