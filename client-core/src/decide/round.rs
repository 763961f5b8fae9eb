//! Deciding claims. In a round the order of arrival plays no part.

use super::Decision;
use super::alternatives::alternatives;
use super::eligible::obstacles;
use crate::event::{
    ClaimConfirmed, ClaimLodged, ClaimRefused, DecisionMode, EventRef, Reason, ReasonCode, RoundDecided,
};
use crate::fold::{Booking, BookingKind, Lodged, SharedViews};
use crate::ids::{BranchId, ChangeHash, SubjectId};
use crate::time::{Day, Millis};
use sha2::{Digest, Sha256};
use std::cmp::Reverse;

const FAIRNESS_DAYS: i32 = 90;

/// A claim in the order in which claims are granted: more branches served, fewer pool minutes per 100
/// learners, the draw, identity.
type Standing = (Reverse<u8>, u32, [u8; 32], EventRef);

struct Open<'a> {
    id: EventRef,
    lodged: &'a Lodged<ClaimLodged>,
    draw: [u8; 32],
}

/// Decides every claim of a round and closes it.
pub fn decide_round(
    views: &SharedViews,
    round: SubjectId,
    seed: ChangeHash,
    now: Millis,
    frontier: ChangeHash,
) -> Vec<Decision> {
    let claims = open_claims(views, &seed.0, |received| received.round == Some(round));
    let mut decisions = grant_in_turn(views, claims, now, frontier);
    let decided = RoundDecided { round, seed, frontier };
    decisions.push(Decision::new(&round.to_hex(), frontier, decided));
    decisions
}

/// Decides what no round decides: the day's claims as one batch, urgent ones by order of receipt.
pub fn decide_now(views: &SharedViews, now: Millis, frontier: ChangeHash) -> Vec<Decision> {
    let day = now.day().to_string();
    let mut bookings = views.bookings.clone();
    let mut decisions = Vec::new();
    let mut urgent = open_claims(views, day.as_bytes(), |received| received.mode == DecisionMode::Immediate);
    urgent.sort_by_key(|open| {
        let received = views.requests.claims[&open.id].received.as_ref().map(|received| received.at);
        (received, open.draw)
    });
    for open in urgent {
        decisions.extend(decide_one(views, &mut bookings, &open, &[], now, frontier));
    }
    let daily = open_claims(views, day.as_bytes(), |received| received.mode == DecisionMode::Daily);
    decisions.extend(grant_from(views, &mut bookings, daily, now, frontier));
    decisions
}

fn open_claims<'a>(
    views: &'a SharedViews,
    seed: &[u8],
    wanted: impl Fn(&crate::event::ClaimReceived) -> bool,
) -> Vec<Open<'a>> {
    views
        .requests
        .open_claims()
        .filter(|(_, _, state)| state.received.as_ref().is_some_and(&wanted))
        .map(|(id, lodged, _)| {
            let draw = Sha256::new().chain_update(seed).chain_update(id.to_string()).finalize().into();
            Open { id: *id, lodged, draw }
        })
        .collect()
}

fn grant_in_turn(
    views: &SharedViews,
    claims: Vec<Open<'_>>,
    now: Millis,
    frontier: ChangeHash,
) -> Vec<Decision> {
    grant_from(views, &mut views.bookings.clone(), claims, now, frontier)
}

/// Takes the best standing claim again and again; standings are recomputed after each grant.
fn grant_from(
    views: &SharedViews,
    bookings: &mut Vec<Booking>,
    mut claims: Vec<Open<'_>>,
    now: Millis,
    frontier: ChangeHash,
) -> Vec<Decision> {
    let mut decisions = Vec::with_capacity(claims.len());
    while !claims.is_empty() {
        let standings: Vec<Standing> =
            claims.iter().map(|open| standing(views, bookings, open, now.day())).collect();
        let best = (0..claims.len()).min_by_key(|n| standings[*n]).expect("claims is not empty");
        let open = claims.swap_remove(best);
        let mut rivals: Vec<Standing> = standings
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != best)
            .map(|(_, standing)| *standing)
            .filter(|(_, _, _, id)| rival(views, &open, id))
            .collect();
        rivals.sort_unstable();
        let own = std::iter::once(standings[best]);
        let ranked: Vec<Standing> = own.chain(rivals).collect();
        decisions.extend(decide_one(views, bookings, &open, &ranked, now, frontier));
    }
    decisions
}

fn standing(views: &SharedViews, bookings: &[Booking], open: &Open<'_>, today: Day) -> Standing {
    let figure = pool_minutes_per_100(views, bookings, open.lodged.branch, today);
    (Reverse(open.lodged.wish.branches_served), figure, open.draw, open.id)
}

fn rival(views: &SharedViews, open: &Open<'_>, other: &EventRef) -> bool {
    let Some(other) = views.requests.claims.get(other).and_then(|state| state.lodged.as_ref()) else {
        return false;
    };
    let (a, b) = (&open.lodged.wish, &other.wish);
    let resolve = |wish: &ClaimLodged| wish.teacher.map(|teacher| views.teachers.resolve(teacher));
    a.slot.overlaps(&b.slot)
        && ((a.teacher.is_some() && resolve(a) == resolve(b)) || (a.asset.is_some() && a.asset == b.asset))
}

/// Pool minutes a branch received over 90 days, and will receive from what is firm, per 100 learners.
pub(super) fn pool_minutes_per_100(
    views: &SharedViews,
    bookings: &[Booking],
    branch: BranchId,
    today: Day,
) -> u32 {
    let minutes: u32 = bookings
        .iter()
        .filter(|booking| booking.kind != BookingKind::Own && booking.teacher.is_some())
        .filter(|booking| {
            booking.slot.day >= today.plus(-FAIRNESS_DAYS) && booking.branches.contains(&branch)
        })
        .map(|booking| u32::from(booking.slot.duration_minutes))
        .sum();
    let registered = views.branches.branches.get(&branch).map_or(0, |branch| branch.registered);
    let learners = if registered == 0 { 100 } else { registered };
    minutes.saturating_mul(100) / learners
}

/// Confirms or refuses one claim against what is booked by now. `ranked`: its own standing, then its rivals'.
fn decide_one(
    views: &SharedViews,
    bookings: &mut Vec<Booking>,
    open: &Open<'_>,
    ranked: &[Standing],
    now: Millis,
    frontier: ChangeHash,
) -> Option<Decision> {
    let wish = &open.lodged.wish;
    let subject = open.id.to_string();
    let branch = open.lodged.branch;
    let in_the_way = obstacles(views, bookings, wish, branch);
    if let Some(obstacle) = in_the_way.first() {
        let mut reason = Reason { other: obstacle.other, ..Reason::plain(obstacle.code) };
        reason.own_figure = ranked.first().map(|(_, figure, _, _)| *figure);
        reason.other_figure = obstacle.other.and_then(|other| figure_of(views, bookings, other, now.day()));
        let alternatives = alternatives(views, bookings, wish, branch, now.day());
        let refused = ClaimRefused { claim: open.id, reason, alternatives };
        return Some(Decision::new(&subject, frontier, refused));
    }
    let booking = Booking {
        slot: wish.slot,
        kind: BookingKind::Claim,
        source: open.id,
        session: None,
        course: wish.course,
        teacher: wish.teacher.map(|teacher| views.teachers.resolve(teacher)),
        asset: wish.asset,
        branches: vec![branch],
        headcount: wish.headcount,
    };
    let at = bookings.partition_point(|other| *other < booking);
    bookings.insert(at, booking);
    let confirmed = ClaimConfirmed { claim: open.id, reason: why_granted(ranked) };
    Some(Decision::new(&subject, frontier, confirmed))
}

/// The first point in which the winner stands before its strongest rival.
fn why_granted(ranked: &[Standing]) -> Reason {
    let [own, rival, ..] = ranked else { return Reason::plain(ReasonCode::Unopposed) };
    let code = match () {
        () if own.0 != rival.0 => ReasonCode::MoreBranches,
        () if own.1 != rival.1 => ReasonCode::FewerPoolHours,
        () => ReasonCode::Draw,
    };
    Reason { code, other: Some(rival.3), own_figure: Some(own.1), other_figure: Some(rival.1) }
}

/// The figure the other claim had before it was granted.
fn figure_of(views: &SharedViews, bookings: &[Booking], claim: EventRef, today: Day) -> Option<u32> {
    let branch = views.requests.claims.get(&claim)?.lodged.as_ref()?.branch;
    let before: Vec<Booking> = bookings.iter().filter(|booking| booking.source != claim).cloned().collect();
    Some(pool_minutes_per_100(views, &before, branch, today))
}
