//! Confirmations that a decision excludes which came back after a restore: they were given without
//! knowing it. What counts first stays, the other claim has to move.

use super::Decision;
use super::alternatives::alternatives;
use crate::event::{ClaimDisplaced, EventRef, Reason, ReasonCode};
use crate::fold::{Booking, BookingKind, Outcome, SharedViews};
use crate::ids::ChangeHash;
use crate::time::Millis;
use std::collections::BTreeSet;

/// Moves every claim ahead that was confirmed against an earlier confirmation, or against an earlier
/// answer of its own. What has begun stays an anomaly, and so does what the city did not decide itself.
pub fn displace(views: &SharedViews, now: Millis, frontier: ChangeHash) -> Vec<Decision> {
    let mut moved = BTreeSet::new();
    let mut decisions = Vec::new();
    for (n, first) in views.bookings.iter().enumerate() {
        for second in views.bookings[n + 1..].iter().take_while(|b| b.slot.day == first.slot.day) {
            let Some(code) = clash(first, second).filter(|_| first.slot.start() > now) else { continue };
            let (Some(a), Some(b)) = (outcome(views, first), outcome(views, second)) else { continue };
            let (stays, goes) = if a.nth < b.nth { (first, second) } else { (second, first) };
            let gone = moved.contains(&stays.source) || moved.contains(&goes.source);
            if goes.kind != BookingKind::Claim || stays.source == goes.source || gone {
                continue;
            }
            moved.insert(goes.source);
            let reason = Reason { other: Some(stays.source), ..Reason::plain(code) };
            decisions.extend(displaced(views, goes.source, reason, now, frontier));
        }
    }
    for claim in &views.requests.undone {
        let Some(state) = views.requests.claims.get(claim) else { continue };
        let (Some(lodged), Some(first)) = (&state.lodged, &state.outcome) else { continue };
        if lodged.wish.slot.start() > now {
            decisions.extend(displaced(views, *claim, first.reasons[0].clone(), now, frontier));
        }
    }
    decisions
}

fn clash(a: &Booking, b: &Booking) -> Option<ReasonCode> {
    if !a.slot.overlaps(&b.slot) {
        return None;
    }
    let teacher = (a.teacher.is_some() && a.teacher == b.teacher).then_some(ReasonCode::TeacherTaken);
    let asset = || (a.asset.is_some() && a.asset == b.asset).then_some(ReasonCode::AssetTaken);
    teacher.or_else(asset)
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
    views: &SharedViews,
    claim: EventRef,
    reason: Reason,
    now: Millis,
    frontier: ChangeHash,
) -> Option<Decision> {
    let state = views.requests.claims.get(&claim)?;
    let (lodged, outcome) = (state.lodged.as_ref()?, state.outcome.as_ref()?);
    let alternatives = alternatives(views, &views.bookings, &lodged.wish, lodged.branch, now.day());
    let event = ClaimDisplaced { claim, reason, alternatives };
    let decision = Decision::new(&claim.to_string(), frontier, event);
    Some(Decision { supersedes: Some(outcome.decision), ..decision })
}
