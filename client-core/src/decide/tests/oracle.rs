//! Deciding claims as it was written first: standings and rivals anew for each grant, and every booking
//! read for each question. Slow and plain, to hold the decisions of today against.

use crate::decide::{Decision, Obstacle};
use crate::domain::{
    Alternative, AssetKind, Booking, BookingKind, ClaimConfirmed, ClaimRefused, ClaimWish, Condition,
    DecisionMode, Lodged, Reason, ReasonCode, RoundDecided, SharedViews,
};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId, ChangeHash, CourseId, RoundId, TeacherId};
use crate::time::{Day, Millis, Slot};
use sha2::{Digest, Sha256};
use std::cmp::Reverse;

const FAIRNESS_DAYS: i32 = 90;

/// A claim in the order in which claims are granted: more branches served, fewer pool minutes per 100
/// learners, the draw, identity.
type Standing = (Reverse<u8>, u32, [u8; 32], EventRef);

struct Open<'a> {
    id: EventRef,
    lodged: &'a Lodged<ClaimWish>,
    draw: [u8; 32],
}

/// Decides every claim of a round and closes it.
pub fn decide_round(
    views: &SharedViews,
    round: RoundId,
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
    let mut bookings: Vec<Booking> = views.bookings.iter().cloned().collect();
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
    wanted: impl Fn(&crate::domain::Receipt) -> bool,
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
    let mut bookings = views.bookings.iter().cloned().collect();
    grant_from(views, &mut bookings, claims, now, frontier)
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
    let resolve = |wish: &ClaimWish| wish.teacher.map(|teacher| views.teachers.resolve(teacher));
    a.slot.overlaps(&b.slot)
        && ((a.teacher.is_some() && resolve(a) == resolve(b)) || (a.asset.is_some() && a.asset == b.asset))
}

/// Pool minutes a branch received over 90 days, and will receive from what is firm, per 100 learners.
fn pool_minutes_per_100(views: &SharedViews, bookings: &[Booking], branch: BranchId, today: Day) -> u32 {
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

const MOST: usize = 3;
const DAYS_AROUND: i32 = 21;
/// Nothing is offered for tomorrow: people have to be told.
const LEAD_DAYS: i32 = 3;
const OTHER_STARTS: [u16; 4] = [9 * 60, 10 * 60 + 30, 14 * 60, 15 * 60 + 30];

/// Up to three free ways to nearly the same: another time with the same teacher, the same time with
/// another; then both changed.
fn alternatives(
    views: &SharedViews,
    bookings: &[Booking],
    wish: &ClaimWish,
    branch: BranchId,
    today: Day,
) -> Vec<Alternative> {
    let free = |wish: &ClaimWish| obstacles(views, bookings, wish, branch).is_empty();
    let same_teacher = slots(wish, today).map(|slot| ClaimWish { slot, ..wish.clone() }).filter(free);
    let mut found: Vec<ClaimWish> = same_teacher.take(MOST).collect();
    let others = other_teachers(views, wish);
    let same_time = others.iter().map(|teacher| ClaimWish { teacher: Some(*teacher), ..wish.clone() });
    if wish.slot.day >= today.plus(LEAD_DAYS)
        && let Some(swap) = same_time.into_iter().find(free)
    {
        // One of each kind says more than three of one.
        found.truncate(MOST - 1);
        found.push(swap);
    }
    if found.len() < MOST {
        let both = slots(wish, today).flat_map(|slot| {
            others.iter().map(move |teacher| ClaimWish { slot, teacher: Some(*teacher), ..wish.clone() })
        });
        found.extend(both.filter(free).take(MOST - found.len()));
    }
    found.iter().map(|w| Alternative { teacher: w.teacher, asset: w.asset, slot: w.slot }).collect()
}

/// Other times, nearest day first; on one day the wished start first.
fn slots(wish: &ClaimWish, today: Day) -> impl Iterator<Item = Slot> + '_ {
    let days = (0..=DAYS_AROUND).flat_map(|away| if away == 0 { vec![0] } else { vec![away, -away] });
    days.map(|away| wish.slot.day.plus(away)).filter(move |day| *day >= today.plus(LEAD_DAYS)).flat_map(
        move |day| {
            let starts = std::iter::once(wish.slot.start_minute)
                .chain(OTHER_STARTS.into_iter().filter(|start| *start != wish.slot.start_minute));
            starts
                .map(move |start_minute| Slot { day, start_minute, ..wish.slot })
                .filter(|slot| *slot != wish.slot)
        },
    )
}

/// Teachers approved for the same course, nearest home branch first, then by id.
fn other_teachers(views: &SharedViews, wish: &ClaimWish) -> Vec<TeacherId> {
    let (Some(course), Some(wanted)) = (wish.course, wish.teacher) else { return Vec::new() };
    let wanted = views.teachers.resolve(wanted);
    let home = views.teachers.teachers.get(&wanted).map(|teacher| teacher.home);
    let mut others: Vec<(u16, TeacherId)> = views
        .teachers
        .teachers
        .iter()
        .filter(|(id, teacher)| {
            **id != wanted && teacher.merged_into.is_none() && teacher.approved.contains(&course)
        })
        .map(|(id, teacher)| {
            let away = home.map_or(0, |home| views.branches.policy.travel_minutes(home, teacher.home));
            (away, *id)
        })
        .collect();
    others.sort_unstable();
    others.into_iter().map(|(_, id)| id).collect()
}

fn plain(code: ReasonCode) -> Obstacle {
    Obstacle { code, other: None }
}

/// Everything that stands in the way of a wish of `branch`, given these bookings by time; empty means free.
fn obstacles(views: &SharedViews, bookings: &[Booking], wish: &ClaimWish, branch: BranchId) -> Vec<Obstacle> {
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
    teacher: TeacherId,
    course: Option<CourseId>,
    slot: &Slot,
    place: BranchId,
    found: &mut Vec<Obstacle>,
) {
    let id = views.teachers.resolve(teacher);
    let Some(entry) = views.teachers.teachers.get(&id) else {
        found.push(plain(ReasonCode::Unknown));
        return;
    };
    if course.is_some_and(|course| !entry.approved.contains(&course)) {
        found.push(plain(ReasonCode::NotApproved));
    }
    if !entry.is_offered(slot, &views.calendar) {
        found.push(plain(ReasonCode::NotOffered));
    }
    if entry.is_away(slot.day) {
        found.push(plain(ReasonCode::Unavailable));
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
        found.push(plain(ReasonCode::OverWeeklyCap));
    }
}

fn asset_obstacles(
    views: &SharedViews,
    bookings: &[Booking],
    asset: AssetId,
    wish: &ClaimWish,
    branch: BranchId,
    found: &mut Vec<Obstacle>,
) {
    let Some(entry) = views.resources.assets.get(&asset) else {
        found.push(plain(ReasonCode::Unknown));
        return;
    };
    let declared = entry;
    if declared.condition == Condition::Broken {
        found.push(plain(ReasonCode::Unavailable));
    }
    if entry.branch != branch && !views.resources.is_offered(asset, &wish.slot, &views.calendar) {
        found.push(plain(ReasonCode::NotOffered));
    }
    if declared.kind != AssetKind::Equipment && declared.capacity < wish.headcount {
        found.push(plain(ReasonCode::TooSmall));
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
