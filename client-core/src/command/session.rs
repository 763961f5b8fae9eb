//! Classes and roll calls.

use super::request::{people, slot};
use super::{Asker, CheckedIn, CommandError, filled, invalid, unknown};
use crate::event::{AttendanceCheckedIn, Draft, SessionAnnounced, SessionCancelled, SessionTaught};
use crate::fold::{Booking, BookingKind, SessionState, SharedViews, is_of_others};
use crate::ids::SubjectId;

/// More people than this in one roll call cannot be meant.
const LONGEST_ROLL: usize = 5_000;

pub(super) fn announce(
    asker: &Asker,
    views: &SharedViews,
    session: &SessionAnnounced,
    new_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Draft>, CommandError> {
    asker.branch()?;
    people(session.headcount)?;
    slot(asker, &session.slot)?;
    views.courses.on_list(session.course).ok_or_else(|| unknown("course", session.course))?;
    if let Some(teacher) = session.teacher {
        let known = views.teachers.teachers.get(&teacher).ok_or_else(|| unknown("teacher", teacher))?;
        let id = views.teachers.resolve(teacher);
        let is_own = known.home == asker.branch || !is_of_others(&views.teachers.homes(), id, asker.branch);
        let is_granted = || is_decided(asker, views, session, |booking| booking.teacher == Some(id));
        asker
            .must(is_own || is_granted(), "the branch whose teacher it is; lodge a claim for the teacher")?;
    }
    if let Some(venue) = session.venue {
        let known = views.resources.assets.get(&venue).ok_or_else(|| unknown("venue", venue))?;
        let is_granted = || is_decided(asker, views, session, |booking| booking.asset == Some(venue));
        let is_own = known.branch == asker.branch;
        asker.must(is_own || is_granted(), "the branch whose room it is; lodge a claim for the room")?;
    }
    let session_id = SubjectId(asker.new_id(new_id));
    let announced = SessionAnnounced { session: session_id, ..session.clone() };
    Ok(vec![Draft::new(asker.branch, announced)])
}

/// Whether the city granted this branch something at that time.
fn is_decided(
    asker: &Asker,
    views: &SharedViews,
    session: &SessionAnnounced,
    what: impl Fn(&Booking) -> bool,
) -> bool {
    let granted = views.bookings.iter().filter(|booking| booking.kind != BookingKind::Own);
    granted
        .filter(|booking| booking.branches.contains(&asker.branch) && booking.slot.overlaps(&session.slot))
        .any(what)
}

/// A fact: taken at any time, for any class this branch has part in.
pub(super) fn record_taught(
    asker: &Asker,
    views: &SharedViews,
    session: SubjectId,
    headcount: u32,
    online: bool,
) -> Result<Vec<Draft>, CommandError> {
    asker.branch()?;
    let own = views.sessions.of(session, asker.branch);
    let joint = || {
        views
            .bookings
            .iter()
            .find(|booking| booking.session == Some(session) && booking.branches.contains(&asker.branch))
    };
    let (ledger_code, course, teacher, slot) = match (own, joint()) {
        (Some(own), _) => (own.ledger_code.clone(), own.course, own.teacher, own.slot),
        (None, Some(booking)) => (String::new(), booking.course, booking.teacher, booking.slot),
        (None, None) => return Err(unknown("class of this branch", session)),
    };
    let taught = SessionTaught { session, ledger_code, course, teacher, slot, headcount, online };
    Ok(vec![Draft::new(asker.branch, taught)])
}

pub(super) fn cancel(
    asker: &Asker,
    views: &SharedViews,
    session: SubjectId,
    reason: &str,
) -> Result<Vec<Draft>, CommandError> {
    filled("reason", reason)?;
    let by = views.sessions.sessions.get(&session).ok_or_else(|| unknown("class", session))?;
    asker.branch()?;
    let known = by.get(&asker.branch);
    asker.must(known.is_some(), "the branch it belongs to")?;
    let known = known.ok_or_else(|| unknown("class", session))?;
    if known.state != SessionState::Announced {
        return Err(CommandError::Already(format!("the class is {}", known.state)));
    }
    Ok(vec![Draft::new(asker.branch, SessionCancelled { session, reason: reason.to_owned() })])
}

/// A whole roll call is one action. Facts are never refused for being late.
pub(super) fn check_in(
    asker: &Asker,
    session: SubjectId,
    learners: &[CheckedIn],
) -> Result<Vec<Draft>, CommandError> {
    asker.branch()?;
    if learners.is_empty() || learners.len() > LONGEST_ROLL {
        return Err(invalid("learners", format!("a roll call has 1 to {LONGEST_ROLL} people")));
    }
    let draft = |line: &CheckedIn| {
        let checked = AttendanceCheckedIn { session, learner: line.learner, at: line.at, how: line.how };
        Draft::new(asker.branch, checked)
    };
    Ok(learners.iter().map(draft).collect())
}
