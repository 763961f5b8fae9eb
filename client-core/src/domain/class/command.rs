//! What branches do about classes.

use super::{SessionAnnounced, SessionCancelled, SessionCorrected, SessionState, SessionTaught};
use crate::domain::command::{MOST_PEOPLE, filled, number, people};
use crate::domain::{Act, Booking, BookingKind, Context, Done, Draft, Problem, Refusal, Sort, Who};
use crate::ids::{AssetId, ClassId, CourseId, TeacherId};
use crate::time::Slot;
use serde::{Deserialize, Serialize};

/// Announces a class of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnounceSession {
    /// The course.
    pub course: CourseId,
    /// The teacher, if one of the pool.
    pub teacher: Option<TeacherId>,
    /// The room or on-site point, if known.
    pub venue: Option<AssetId>,
    /// When.
    pub slot: Slot,
    /// How many people are expected.
    pub headcount: u32,
}

/// Records that a class was held: a fact, taken at any time, of any class that the branch has part in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTaught {
    /// The class: announced here, confirmed for this branch, or joint.
    pub session: ClassId,
    /// How many came.
    pub headcount: u32,
    /// Held online.
    pub online: bool,
}

/// Corrects the record of a class that was held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectTaught {
    /// The class.
    pub session: ClassId,
    /// The course, if it is on the teaching list.
    pub course: Option<CourseId>,
    /// The teacher, if one of the pool.
    pub teacher: Option<TeacherId>,
    /// When it was held.
    pub slot: Slot,
    /// How many came.
    pub headcount: u32,
    /// Held online.
    pub online: bool,
}

/// Calls a class off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelSession {
    /// The class.
    pub session: ClassId,
    /// Why.
    pub reason: String,
}

impl Act for AnnounceSession {
    const NAME: &'static str = "announce_session";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let Self { course, teacher, venue, slot, headcount } = *self;
        people(headcount)?;
        context.slot(&slot)?;
        let (views, branch) = (context.views, context.asker.branch);
        views.courses.on_list(course).ok_or(course)?;
        if let Some(teacher) = teacher {
            let known = views.teachers.teachers.get(&teacher).ok_or(teacher)?;
            let id = views.teachers.resolve(teacher);
            let is_own = known.home == branch || !views.teachers.is_of_others(id, branch);
            let is_granted = || is_decided(context, &slot, |booking| booking.teacher == Some(id));
            context.must(is_own || is_granted(), Who::TeachersBranch)?;
        }
        if let Some(venue) = venue {
            let is_own = views.resources.assets.get(&venue).ok_or(venue)?.branch == branch;
            let is_granted = || is_decided(context, &slot, |booking| booking.asset == Some(venue));
            context.must(is_own || is_granted(), Who::RoomsBranch)?;
        }
        let session = ClassId(context.id_of_unit());
        Ok(vec![context.own(SessionAnnounced { session, course, teacher, venue, slot, headcount })])
    }
}

/// Whether the city granted this branch something at that time.
fn is_decided(context: &Context<'_>, slot: &Slot, what: impl Fn(&Booking) -> bool) -> bool {
    let granted = context.views.bookings.iter().filter(|booking| booking.kind != BookingKind::Own);
    granted
        .filter(|booking| booking.branches.contains(&context.asker.branch) && booking.slot.overlaps(slot))
        .any(what)
}

impl Act for RecordTaught {
    const NAME: &'static str = "record_taught";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let Self { session, headcount, online } = *self;
        let (views, branch) = (context.views, context.asker.branch);
        let joint = || {
            let mut bookings = views.bookings.iter();
            bookings.find(|booking| booking.session == Some(session) && booking.branches.contains(&branch))
        };
        let (ledger_code, course, teacher, slot) = match (views.sessions.of(session, branch), joint()) {
            (Some(own), _) => (own.ledger_code.clone(), own.course, own.teacher, own.slot),
            (None, Some(booking)) => (String::new(), booking.course, booking.teacher, booking.slot),
            (None, None) => return Err(Refusal::unknown(Sort::OwnClass, session)),
        };
        let taught = SessionTaught { session, ledger_code, course, teacher, slot, headcount, online };
        Ok(vec![context.own(taught)])
    }
}

impl Act for CorrectTaught {
    const NAME: &'static str = "correct_taught";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let Self { session, course, teacher, slot, headcount, online } = *self;
        let (views, branch) = (context.views, context.asker.branch);
        let held = views.sessions.of(session, branch);
        let held = held.ok_or_else(|| Refusal::unknown(Sort::OwnClass, session))?;
        if held.state != SessionState::Taught {
            return Err(Problem::NotHeld.in_field("session"));
        }
        number("headcount", headcount, 0, MOST_PEOPLE)?;
        if slot.day > context.asker.today {
            return Err(Problem::Future(context.asker.today).in_field("slot"));
        }
        if let Some(course) = course.filter(|course| held.course != Some(*course)) {
            views.courses.on_list(course).ok_or(course)?;
        }
        if let Some(teacher) = teacher.filter(|teacher| held.teacher != Some(*teacher)) {
            views.teachers.teachers.get(&teacher).ok_or(teacher)?;
        }
        let ledger_code = held.ledger_code.clone();
        let corrected = SessionCorrected { session, ledger_code, course, teacher, slot, headcount, online };
        Ok(vec![context.replacing(corrected, held.source)])
    }
}

impl Act for CancelSession {
    const NAME: &'static str = "cancel_session";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let Self { session, reason } = self.clone();
        filled("reason", &reason)?;
        let sessions = &context.views.sessions;
        sessions.branches(session).next().ok_or(session)?;
        context.branch()?;
        let known = sessions.of(session, context.asker.branch);
        context.must(known.is_some(), Who::Owner)?;
        let known = known.ok_or(session)?;
        if known.state != SessionState::Announced {
            return Err(Done::Class(known.state).into());
        }
        Ok(vec![context.own(SessionCancelled { session, reason })])
    }
}
