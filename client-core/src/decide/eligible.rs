//! What stands in the way of a wish: every rule of the pool, one obstacle each.

use crate::event::{AssetKind, ClaimLodged, Condition, EventRef, ReasonCode};
use crate::fold::{Booking, SharedViews};
use crate::ids::{BranchId, PersonId, SubjectId};
use crate::time::Slot;

/// One rule that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Which rule.
    pub code: ReasonCode,
    /// The claim, order or class in the way.
    pub other: Option<EventRef>,
}

impl Obstacle {
    fn plain(code: ReasonCode) -> Self {
        Self { code, other: None }
    }
}

/// Everything that stands in the way of a wish of `branch`, given these bookings by time; empty means free.
pub fn obstacles(
    views: &SharedViews,
    bookings: &[Booking],
    wish: &ClaimLodged,
    branch: BranchId,
) -> Vec<Obstacle> {
    let place = wish.asset.and_then(|asset| views.resources.assets.get(&asset)).map_or(branch, |a| a.branch);
    let mut found = Vec::new();
    if let Some(teacher) = wish.teacher {
        teacher_obstacles(views, bookings, teacher, wish.course, &wish.slot, place, &mut found);
    }
    if let Some(asset) = wish.asset {
        asset_obstacles(views, bookings, asset, wish, branch, &mut found);
    }
    found
}

fn teacher_obstacles(
    views: &SharedViews,
    bookings: &[Booking],
    teacher: PersonId,
    course: Option<SubjectId>,
    slot: &Slot,
    place: BranchId,
    found: &mut Vec<Obstacle>,
) {
    let id = views.teachers.resolve(teacher);
    let Some(entry) = views.teachers.teachers.get(&id) else {
        found.push(Obstacle::plain(ReasonCode::Unknown));
        return;
    };
    if course.is_some_and(|course| !entry.approved.contains(&course)) {
        found.push(Obstacle::plain(ReasonCode::NotApproved));
    }
    if !entry.is_offered(slot, &views.calendar) {
        found.push(Obstacle::plain(ReasonCode::NotOffered));
    }
    if entry.is_away(slot.day) {
        found.push(Obstacle::plain(ReasonCode::Unavailable));
    }
    let monday = slot.day.plus(-i32::from(slot.day.weekday()));
    let week = within_days(bookings, monday.0, monday.0 + 6);
    let own: Vec<&Booking> = week.iter().filter(|booking| booking.teacher == Some(id)).collect();
    let mut periods = periods_of(slot);
    for booking in own {
        if booking.slot.overlaps(slot) {
            found.push(Obstacle { code: ReasonCode::TeacherTaken, other: Some(booking.source) });
        } else if booking.slot.day == slot.day && !can_travel(views, booking, slot, place) {
            found.push(Obstacle { code: ReasonCode::TravelTooLong, other: Some(booking.source) });
        }
        periods += periods_of(&booking.slot);
    }
    if periods > u32::from(entry.weekly_cap_periods) {
        found.push(Obstacle::plain(ReasonCode::OverWeeklyCap));
    }
}

fn asset_obstacles(
    views: &SharedViews,
    bookings: &[Booking],
    asset: SubjectId,
    wish: &ClaimLodged,
    branch: BranchId,
    found: &mut Vec<Obstacle>,
) {
    let Some(entry) = views.resources.assets.get(&asset) else {
        found.push(Obstacle::plain(ReasonCode::Unknown));
        return;
    };
    let declared = &entry.declared;
    if declared.condition == Condition::Broken {
        found.push(Obstacle::plain(ReasonCode::Unavailable));
    }
    if entry.branch != branch && !views.resources.is_offered(asset, &wish.slot, &views.calendar) {
        found.push(Obstacle::plain(ReasonCode::NotOffered));
    }
    if declared.kind != AssetKind::Equipment && declared.capacity < wish.headcount {
        found.push(Obstacle::plain(ReasonCode::TooSmall));
    }
    let taken: Vec<&Booking> = within_days(bookings, wish.slot.day.0, wish.slot.day.0)
        .iter()
        .filter(|booking| booking.asset == Some(asset) && booking.slot.overlaps(&wish.slot))
        .collect();
    if let Some(first) = taken.first().filter(|_| taken.len() >= declared.quantity.max(1) as usize) {
        found.push(Obstacle { code: ReasonCode::AssetTaken, other: Some(first.source) });
    }
}

/// Bookings between two days, both included; bookings stand in order of time.
fn within_days(bookings: &[Booking], from: i32, to: i32) -> &[Booking] {
    let begin = bookings.partition_point(|booking| booking.slot.day.0 < from);
    let end = bookings.partition_point(|booking| booking.slot.day.0 <= to);
    &bookings[begin..end]
}

/// Whether the teacher can get from one class of the day to the other.
fn can_travel(views: &SharedViews, booking: &Booking, slot: &Slot, place: BranchId) -> bool {
    let (earlier, later) = if booking.slot.start_minute < slot.start_minute {
        (&booking.slot, slot)
    } else {
        (slot, &booking.slot)
    };
    let gap = later.start_minute.saturating_sub(earlier.end_minute());
    views.branches.policy.travel_minutes(held_at(views, booking), place) <= gap
}

/// Where a booking takes place: at its venue's branch, else at the first branch that takes part.
fn held_at(views: &SharedViews, booking: &Booking) -> BranchId {
    let venue = booking.asset.and_then(|asset| views.resources.assets.get(&asset)).map(|asset| asset.branch);
    venue.or_else(|| booking.branches.first().copied()).unwrap_or(BranchId::CITY)
}

/// Teaching periods of 45 minutes, begun ones counted whole.
fn periods_of(slot: &Slot) -> u32 {
    u32::from(slot.duration_minutes).div_ceil(45)
}
