//! Everything booked, as the planner pins it, in the order in which it counts: decisions in the order of
//! their log, then the branches' own announcements by stamp.
//!
//! A joint class that others may join is pinned as it is. Any other booking is pinned under a course, an
//! order and, where it names none, a teacher and a venue that merely stand for it: it takes their time and
//! counts towards a teacher's limits, and nothing can be added to it.

use super::draw::{streams, suits};
use super::grid::{Cell, Grid};
use crate::event::{AssetKind, JointConfirmed, JointPart, Mode};
use crate::fold::{Booking, BookingKind, SharedViews};
use crate::ids::{BranchId, SubjectId};
use crate::plan::{RawClass, RawPart, RawPinned, RawRequest, RawWindow};
use crate::time::Stamp;
use std::collections::BTreeSet;

/// One pinned class with the orders in it.
pub struct Pin {
    pub cell: Cell,
    pub class: RawClass,
    pub requests: Vec<RawRequest>,
    /// Whether others may join.
    pub open: bool,
    /// The class, where it is a joint one.
    pub session: SubjectId,
    /// Where it takes place.
    pub town: BranchId,
    /// Its course stands for a booking.
    pub stands_in: bool,
}

impl Pin {
    pub fn raw(&self) -> RawPinned {
        RawPinned { class: self.class.clone(), open: self.open }
    }

    /// A joint class as it was confirmed; `None` where it is not in the horizon or names something gone.
    pub fn joint(views: &SharedViews, grid: &Grid, class: SubjectId) -> Option<Self> {
        let joint = views.requests.joint.get(&class)?;
        let cell = grid.cell(&joint.slot)?;
        let town = views.resources.assets.get(&joint.venue)?.branch;
        let taking_part = joint.parts.iter().filter(|part| views.requests.takes_part(part, class));
        let parts: Vec<&JointPart> = taking_part.collect();
        let requests = parts.iter().map(|part| {
            let lodged = views.requests.orders.get(&part.request)?.lodged.as_ref()?;
            Some(RawRequest {
                id: part.request.to_string(),
                branch: lodged.branch.to_hex(),
                group: lodged.wish.group.clone(),
                courses: vec![joint.course.to_hex()],
                headcount: lodged.wish.headcount,
                windows: vec![only(cell)],
                max_travel: lodged.wish.max_travel_minutes.into(),
                online: lodged.wish.online,
                prefer: "any".to_owned(),
                priority: 2,
                credit: 0,
            })
        });
        let requests: Vec<RawRequest> = requests.collect::<Option<_>>()?;
        (!requests.is_empty()).then(|| Self {
            class: RawClass {
                course: joint.course.to_hex(),
                teacher: views.teachers.resolve(joint.teacher).to_hex(),
                venue: joint.venue.to_hex(),
                day: cell.day,
                period: cell.period,
                parts: parts
                    .iter()
                    .map(|part| RawPart {
                        request: part.request.to_string(),
                        mode: part.mode.word().to_owned(),
                    })
                    .collect(),
            },
            open: true,
            session: class,
            stands_in: false,
            requests,
            cell,
            town,
        })
    }

    /// What stands for one stretch of a booking.
    fn stand_in(views: &SharedViews, booking: &Booking, piece: usize, cell: Cell) -> Self {
        let id = format!("booked:{}:{piece}", booking.source);
        let asset = booking.asset.and_then(|asset| Some((asset, views.resources.assets.get(&asset)?)));
        let venue = asset.filter(|(_, asset)| asset.declared.kind != AssetKind::Equipment);
        let first = booking.branches.first().copied().unwrap_or(BranchId::CITY);
        let town = venue.map_or(first, |(_, asset)| asset.branch);
        let known = booking.teacher.filter(|teacher| views.teachers.teachers.contains_key(teacher));
        Self {
            class: RawClass {
                course: id.clone(),
                teacher: known.map_or_else(|| id.clone(), |teacher| teacher.to_hex()),
                venue: venue.map_or_else(|| id.clone(), |(venue, _)| venue.to_hex()),
                day: cell.day,
                period: cell.period,
                parts: vec![RawPart { request: id.clone(), mode: Mode::Host.word().to_owned() }],
            },
            requests: vec![RawRequest {
                branch: town.to_hex(),
                group: id.clone(),
                courses: vec![id.clone()],
                headcount: 0,
                windows: vec![only(cell)],
                max_travel: 0,
                online: false,
                prefer: "any".to_owned(),
                priority: 2,
                credit: 0,
                id,
            }],
            open: false,
            session: booking.session.unwrap_or(SubjectId([0; 16])),
            stands_in: true,
            cell,
            town,
        }
    }
}

/// Everything booked in the horizon but these joint classes; and apart, what lies in periods in which no
/// class may lie, so that it can only be kept free.
pub fn pins(views: &SharedViews, grid: &Grid, but: &BTreeSet<SubjectId>) -> (Vec<Pin>, Vec<Pin>) {
    let booked = views.bookings.iter().filter(|booking| grid.day(booking.slot.day).is_some());
    let mut booked: Vec<&Booking> = booked
        .filter(|booking| booking.teacher.is_some() || booking.asset.is_some())
        .filter(|booking| {
            let joint = booking.kind == BookingKind::Joint;
            !(joint && booking.session.is_some_and(|session| but.contains(&session)))
        })
        .collect();
    booked.sort_by_key(|booking| standing(views, booking));
    let (mut pinned, mut blocked) = (Vec::new(), Vec::new());
    for booking in booked {
        let joint = booking.session.and_then(|session| views.requests.joint.get(&session));
        let joint = joint.filter(|joint| may_be_joined(views, grid, joint));
        if let Some(pin) = joint.and_then(|joint| Pin::joint(views, grid, joint.session)) {
            pinned.push(pin);
            continue;
        }
        let (cells, uncovered) = grid.covering(&booking.slot);
        let stand_in = |(piece, cell)| Pin::stand_in(views, booking, piece, cell);
        pinned.extend(cells.into_iter().enumerate().map(stand_in));
        blocked.extend(uncovered.into_iter().enumerate().map(stand_in));
    }
    (pinned, blocked)
}

/// Decisions by their number, then announcements by their stamp.
fn standing(views: &SharedViews, booking: &Booking) -> (Option<Stamp>, u32, crate::event::EventRef) {
    let outcome = match booking.kind {
        BookingKind::Own => None,
        BookingKind::Claim => {
            views.requests.claims.get(&booking.source).and_then(|claim| claim.outcome.as_ref())
        }
        BookingKind::Joint => {
            views.requests.orders.get(&booking.source).and_then(|order| order.outcome.as_ref())
        }
    };
    let announced = booking.session.and_then(|session| views.sessions.sessions.get(&session));
    let stamp = announced.filter(|_| booking.kind == BookingKind::Own).map(|session| session.stamp);
    (stamp, outcome.map_or(0, |outcome| outcome.nth), booking.source)
}

/// Whether others may join: it can still be planned for, everybody in it agreed to company, and it holds
/// under the rules as they are now.
fn may_be_joined(views: &SharedViews, grid: &Grid, joint: &JointConfirmed) -> bool {
    let Some(cell) = grid.cell(&joint.slot).filter(|cell| cell.day >= grid.earliest) else { return false };
    let Some(asset) = views.resources.assets.get(&joint.venue) else { return false };
    let Some(listed) = views.courses.on_list(joint.course) else { return false };
    let teacher = views.teachers.teachers.get(&views.teachers.resolve(joint.teacher));
    let online = listed.online && streams(views, joint.venue);
    let mut seats = asset.declared.capacity;
    let all_hold =
        joint.parts.iter().filter(|part| views.requests.takes_part(part, joint.session)).all(|part| {
            let Some(order) = views.requests.orders.get(&part.request) else { return false };
            let Some(lodged) = &order.lodged else { return false };
            let way = views.branches.policy.travel_minutes(lodged.branch, asset.branch);
            let holds = match part.mode {
                Mode::Host => lodged.branch == asset.branch,
                Mode::Travel => lodged.branch != asset.branch && way <= lodged.wish.max_travel_minutes,
                Mode::Online => online && lodged.wish.online,
            };
            let heads = if part.mode == Mode::Online { 0 } else { lodged.wish.headcount };
            let seated = seats >= heads;
            seats = seats.saturating_sub(heads);
            holds && seated && (lodged.wish.pre_consent || order.consented)
        });
    all_hold
        && u32::from(listed.periods) == cell.length
        && suits(listed, asset.declared.kind)
        && teacher.is_some_and(|teacher| teacher.approved.contains(&joint.course))
}

fn only(cell: Cell) -> RawWindow {
    RawWindow { from: cell.day, to: cell.day, dow: (0..7).collect(), mask: cell.span(), pref: true }
}
