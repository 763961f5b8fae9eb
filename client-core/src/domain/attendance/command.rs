//! What a branch does about attendance.

use super::{AttendanceCheckedIn, AttendanceCorrected, AttendanceVoided, CheckIn, Presence};
use crate::domain::command::filled;
use crate::domain::{Act, Context, Draft, Problem, Refusal, Sort};
use crate::event::EventRef;
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

/// Corrects when or how a learner was at a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectAttendance {
    /// The class.
    pub session: ClassId,
    /// The learner.
    pub learner: LearnerId,
    /// When.
    pub at: Millis,
    /// How.
    pub how: CheckIn,
}

/// Takes a learner off a roll call, whoever put the learner down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidAttendance {
    /// The class.
    pub session: ClassId,
    /// The learner.
    pub learner: LearnerId,
    /// Why; names nobody.
    pub reason: String,
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

impl Act for CorrectAttendance {
    const NAME: &'static str = "correct_attendance";
    const LOOKS_AT_OWN: bool = true;

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let Self { session, learner, at, how } = *self;
        let present = present(context, session, learner)?;
        let corrected = AttendanceCorrected { session, learner, at, how };
        Ok(vec![context.replacing(corrected, present.source)])
    }
}

impl Act for VoidAttendance {
    const NAME: &'static str = "void_attendance";
    const LOOKS_AT_OWN: bool = true;

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let Self { session, learner, reason } = self.clone();
        filled("reason", &reason)?;
        let present = present(context, session, learner)?;
        let void = |event: &EventRef| {
            context.replacing(AttendanceVoided { session, learner, reason: reason.clone() }, *event)
        };
        let stands = [present.source].into_iter().chain(present.again.iter().copied()).collect::<Vec<_>>();
        // The void of a correction alone would bring back what it corrected.
        let behind = context.own_views.left_out.replaced.iter().filter(|(_, by)| stands.contains(by));
        Ok(behind.map(|(event, _)| event).chain(&stands).map(void).collect())
    }
}

fn present<'a>(context: &Context<'a>, class: ClassId, learner: LearnerId) -> Result<&'a Presence, Refusal> {
    let present = context.own_views.attendance.of(class, learner);
    present.ok_or_else(|| Refusal::unknown(Sort::Attendance, learner))
}
