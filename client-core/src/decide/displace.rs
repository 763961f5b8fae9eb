//! Confirmations that a decision excludes which came back after a restore: they were given without
//! knowing it. What counts first stays, the other claim has to move.

use super::Decision;
use super::alternatives::free_ways;
use super::eligible::Pool;
use super::occupancy::Occupancy;
use crate::domain::{Booking, BookingKind, ClaimDisplaced, Outcome, Place, Reason, ReasonCode, SharedViews};
use crate::event::EventRef;
use crate::ids::ChangeHash;
use crate::time::Millis;

/// Moves every claim ahead that was confirmed against an earlier confirmation, or against an earlier
/// answer of its own. What has begun stays an anomaly, and so does what the city did not decide itself.
pub fn displace(views: &SharedViews, now: Millis, frontier: ChangeHash) -> Vec<Decision> {
    let mut moving = excluded(views, now);
    for claim in &views.requests.undone {
        let Some(state) = views.requests.claims.get(claim) else { continue };
        let (Some(lodged), Some(first)) = (&state.lodged, &state.outcome) else { continue };
        if lodged.wish.slot.start() > now {
            moving.extend(first.reasons.first().map(|reason| (*claim, reason.clone())));
        }
    }
    if moving.is_empty() {
        return Vec::new();
    }
    let pool = Pool::new(views, &views.bookings);
    moving.into_iter().filter_map(|(claim, reason)| displaced(&pool, claim, reason, now, frontier)).collect()
}

/// Claims ahead that what was decided before them excludes, by the time of the clash.
fn excluded(views: &SharedViews, now: Millis) -> Vec<(EventRef, Reason)> {
    let ahead = views.bookings.iter().filter(|booking| booking.slot.start() > now);
    let decided = ahead.filter_map(|booking| Some((outcome(views, booking)?.place, booking)));
    let mut decided: Vec<(Place, &Booking)> = decided.collect();
    decided.sort_unstable();
    let mut standing = Occupancy::new(views);
    let mut moving = Vec::new();
    for (_, booking) in decided {
        let clash = clash(views, &standing, booking).filter(|_| booking.kind == BookingKind::Claim);
        let Some((code, other)) = clash else {
            standing.add(booking);
            continue;
        };
        let slot = &booking.slot;
        let own = (slot.start_minute, slot.duration_minutes, booking.kind, &booking.source);
        let reason = Reason { other: Some(*other.3), ..Reason::plain(code) };
        moving.push(((slot.day, own.min(other), own.max(other)), (booking.source, reason)));
    }
    moving.sort_by_key(|(time, _)| *time);
    moving.into_iter().map(|(_, moving)| moving).collect()
}

/// What a booking cannot be together with, of what stands.
fn clash<'a>(
    views: &SharedViews,
    standing: &Occupancy<'a>,
    booking: &Booking,
) -> Option<(ReasonCode, super::occupancy::Precedence<'a>)> {
    let slot = &booking.slot;
    let classes = booking.teacher.into_iter().flat_map(|teacher| standing.of_teacher(teacher, slot.day));
    let taught = classes.filter_map(|(_, classes)| classes.overlapping(slot)).min();
    let taken = || {
        let asset = booking.asset?;
        let taken = standing.of_asset(asset, slot.day)?;
        let quantity = views.resources.assets.get(&asset).map_or(1, |asset| asset.quantity);
        taken.overlapping(slot).filter(|_| taken.count(slot) >= quantity.max(1))
    };
    let teacher = taught.map(|other| (ReasonCode::TeacherTaken, other));
    teacher.or_else(|| taken().map(|other| (ReasonCode::AssetTaken, other)))
}

/// The city's decision behind a booking; a branch's own class has none.
fn outcome<'a>(views: &'a SharedViews, booking: &Booking) -> Option<&'a Outcome> {
    match booking.kind {
        BookingKind::Own => None,
        BookingKind::Claim => views.requests.claims.get(&booking.source)?.outcome.as_ref(),
        BookingKind::Joint => views.requests.orders.get(&booking.source)?.outcome.as_ref(),
    }
}

fn displaced(
    pool: &Pool<'_>,
    claim: EventRef,
    reason: Reason,
    now: Millis,
    frontier: ChangeHash,
) -> Option<Decision> {
    let state = pool.views.requests.claims.get(&claim)?;
    let (lodged, outcome) = (state.lodged.as_ref()?, state.outcome.as_ref()?);
    let alternatives = free_ways(pool, &lodged.wish, lodged.branch, now.day());
    let event = ClaimDisplaced { claim, reason, alternatives };
    let decision = Decision::new(&claim.to_string(), frontier, event);
    Some(Decision { supersedes: Some(outcome.decision), ..decision })
}
