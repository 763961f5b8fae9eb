//! What branches had of the pool of late: the figure that decides between claims for one thing.

use crate::domain::{BookingKind, Branch, ClaimWish, SharedViews};
use crate::ids::BranchId;
use crate::time::{Day, Slot};
use std::collections::{BTreeMap, BTreeSet};

const FAIRNESS_DAYS: i32 = 90;

/// Pool minutes of every branch over 90 days, and from what is firm, per 100 learners.
pub struct Figures<'a> {
    views: &'a SharedViews,
    since: Day,
    minutes: BTreeMap<BranchId, u64>,
}

impl<'a> Figures<'a> {
    /// From everything that is booked.
    pub fn new(views: &'a SharedViews, today: Day) -> Self {
        let mut figures = Self { views, since: today.plus(-FAIRNESS_DAYS), minutes: BTreeMap::new() };
        let pool = views.bookings.iter();
        for booking in pool.filter(|it| it.kind != BookingKind::Own && it.teacher.is_some()) {
            let branches: BTreeSet<BranchId> = booking.branches.iter().copied().collect();
            branches.into_iter().for_each(|branch| figures.count(branch, &booking.slot));
        }
        figures
    }

    /// A claim of a branch is granted.
    pub fn grant(&mut self, branch: BranchId, wish: &ClaimWish) {
        if wish.teacher.is_some() {
            self.count(branch, &wish.slot);
        }
    }

    /// The figure of a branch.
    pub fn of(&self, branch: BranchId) -> u32 {
        self.per_100(branch, self.minutes_of(branch))
    }

    /// The figure that a branch would have without one claim that is granted.
    pub fn without(&self, branch: BranchId, wish: &ClaimWish) -> u32 {
        let granted = if wish.teacher.is_some() { self.counted(&wish.slot) } else { 0 };
        self.per_100(branch, self.minutes_of(branch).saturating_sub(granted))
    }

    fn count(&mut self, branch: BranchId, slot: &Slot) {
        let counted = self.counted(slot);
        let minutes = self.minutes.entry(branch).or_default();
        *minutes = minutes.saturating_add(counted);
    }

    fn counted(&self, slot: &Slot) -> u64 {
        if slot.day >= self.since { slot.duration_minutes.into() } else { 0 }
    }

    fn minutes_of(&self, branch: BranchId) -> u64 {
        self.minutes.get(&branch).copied().unwrap_or_default()
    }

    fn per_100(&self, branch: BranchId, minutes: u64) -> u32 {
        // What a branch says of itself decides nothing but in what was decided before the first release.
        let counts_itself = self.views.releases.counts_itself();
        let learners =
            |branch: &Branch| if counts_itself { branch.counted.unwrap_or(0) } else { branch.registered };
        let registered = self.views.branches.branches.get(&branch).map_or(0, learners);
        let learners = if registered == 0 { 100 } else { registered };
        let figure = minutes.saturating_mul(100).checked_div(learners.into()).unwrap_or_default();
        u32::try_from(figure).unwrap_or(u32::MAX)
    }
}
