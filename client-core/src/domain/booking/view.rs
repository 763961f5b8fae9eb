//! Who and what is booked when: confirmed claims, joint classes and branches' own classes on one calendar.

use crate::domain::{OutcomeKind, SessionState, SharedViews, is_of_others};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId, ClassId, CourseId, TeacherId};
use crate::time::Slot;
use serde::Serialize;

code_enum! {
    /// How a booking came about.
    BookingKind {
        /// A branch's own class.
        Own = 0 "own",
        /// A confirmed claim.
        Claim = 1 "claim",
        /// A joint class.
        Joint = 2 "joint",
    }
}

/// One firm entry of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Booking {
    /// When.
    pub slot: Slot,
    /// How it came about.
    pub kind: BookingKind,
    /// The event behind it: the claim, the first order of a joint class, or the announcement.
    pub source: EventRef,
    /// The class, where it has an id of its own.
    pub session: Option<ClassId>,
    /// The course.
    pub course: Option<CourseId>,
    /// The teacher.
    pub teacher: Option<TeacherId>,
    /// The venue or kit.
    pub asset: Option<AssetId>,
    /// Branches that take part, the host or claimer first.
    pub branches: Vec<BranchId>,
    /// People expected.
    pub headcount: u32,
}

/// Every firm booking, by time.
pub fn bookings(views: &SharedViews) -> Vec<Booking> {
    let SharedViews { requests, sessions, teachers: pool, resources, .. } = views;
    let claims = requests.claims.iter().filter_map(|(id, state)| {
        let lodged = state.lodged.as_ref()?;
        let confirmed = state.outcome.as_ref()?.kind == OutcomeKind::Confirmed && !state.cancelled;
        confirmed.then(|| Booking {
            slot: lodged.wish.slot,
            kind: BookingKind::Claim,
            source: *id,
            session: None,
            course: lodged.wish.course,
            teacher: lodged.wish.teacher.map(|teacher| pool.resolve(teacher)),
            asset: lodged.wish.asset,
            branches: vec![lodged.branch],
            headcount: lodged.wish.headcount,
        })
    });
    let joint = requests.joint.values().filter_map(|class| {
        let parts: Vec<_> =
            class.parts.iter().filter(|part| requests.takes_part(part, class.session)).collect();
        let headcount = parts.iter().filter_map(|part| {
            requests.orders.get(&part.request)?.lodged.as_ref().map(|lodged| lodged.wish.headcount)
        });
        Some(Booking {
            slot: class.slot,
            kind: BookingKind::Joint,
            source: parts.first()?.request,
            session: Some(class.session),
            course: Some(class.course),
            teacher: Some(pool.resolve(class.teacher)),
            asset: Some(class.venue),
            headcount: headcount.fold(0, u32::saturating_add),
            branches: parts.iter().map(|part| part.request.document.branch).collect(),
        })
    });
    let homes = pool.homes();
    let announced = sessions.iter().filter(|(_, _, session)| session.state == SessionState::Announced);
    // A branch books its own teachers and rooms; to name others' asks for a decision, which books them.
    let own = announced.map(|(class, branch, session)| Booking {
        slot: session.slot,
        kind: BookingKind::Own,
        source: session.source,
        session: Some(class),
        course: session.course,
        teacher: session
            .teacher
            .map(|teacher| pool.resolve(teacher))
            .filter(|teacher| !is_of_others(&homes, *teacher, branch)),
        asset: session
            .venue
            .filter(|venue| resources.assets.get(venue).is_none_or(|asset| asset.branch == branch)),
        branches: vec![branch],
        headcount: session.headcount,
    });
    let mut all: Vec<Booking> = claims.chain(joint).chain(own).collect();
    all.sort();
    all
}
