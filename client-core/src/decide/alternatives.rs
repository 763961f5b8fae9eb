//! What is free instead of a wish that cannot be met: nearest first, each one held against the rules.

use super::eligible::Pool;
use crate::domain::{Alternative, Booking, ClaimWish, SharedViews};
use crate::ids::{BranchId, TeacherId};
use crate::time::{Day, Slot};
use imbl::OrdSet;

const MOST: usize = 3;
const DAYS_AROUND: i32 = 21;
/// Nothing is offered for tomorrow: people have to be told.
const LEAD_DAYS: i32 = 3;
const OTHER_STARTS: [u16; 4] = [9 * 60, 10 * 60 + 30, 14 * 60, 15 * 60 + 30];

/// Up to three free ways to nearly the same: another time with the same teacher, the same time with
/// another; then both changed.
pub fn alternatives(
    views: &SharedViews,
    bookings: &OrdSet<Booking>,
    wish: &ClaimWish,
    branch: BranchId,
    today: Day,
) -> Vec<Alternative> {
    free_ways(&Pool::new(views, bookings), wish, branch, today)
}

/// The same for many wishes of one pool.
pub fn free_ways(pool: &Pool<'_>, wish: &ClaimWish, branch: BranchId, today: Day) -> Vec<Alternative> {
    let free = |wish: &ClaimWish| pool.is_free(wish, branch);
    let same_teacher = slots(wish, today).map(|slot| ClaimWish { slot, ..wish.clone() }).filter(free);
    let mut found: Vec<ClaimWish> = same_teacher.take(MOST).collect();
    let others = other_teachers(pool.views, wish);
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
        found.extend(both.filter(free).take(MOST.saturating_sub(found.len())));
    }
    found.iter().map(|w| Alternative { teacher: w.teacher, asset: w.asset, slot: w.slot }).collect()
}

/// Other times, nearest day first; on one day the wished start first.
fn slots(wish: &ClaimWish, today: Day) -> impl Iterator<Item = Slot> + '_ {
    let days = (0..=DAYS_AROUND).flat_map(|away| [Some(away), away.checked_neg().filter(|back| *back != 0)]);
    let days = days.flatten().map(|away| wish.slot.day.plus(away));
    days.filter(move |day| *day >= today.plus(LEAD_DAYS)).flat_map(move |day| {
        let starts = std::iter::once(wish.slot.start_minute)
            .chain(OTHER_STARTS.into_iter().filter(|start| *start != wish.slot.start_minute));
        starts
            .map(move |start_minute| Slot { day, start_minute, ..wish.slot })
            .filter(|slot| *slot != wish.slot)
    })
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
