//! What stands in the way of a wish: every rule of the pool, one obstacle each.

use super::occupancy::{Occupancy, Precedence, periods_of};
use super::openings::Openings;
use crate::domain::{
    Asset, AssetKind, Booking, BookingKind, ClaimWish, Condition, ReasonCode, SharedViews, Teacher,
};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId, TeacherId};
use crate::time::Slot;
use imbl::OrdSet;
use std::collections::BTreeMap;
use std::iter::once_with;

/// One rule that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Which rule.
    pub code: ReasonCode,
    /// The claim, order or class in the way, the first of them.
    pub other: Option<EventRef>,
}

/// Everything that stands in the way of a wish of `branch`, given these bookings; empty means free.
pub fn obstacles(
    views: &SharedViews,
    bookings: &OrdSet<Booking>,
    wish: &ClaimWish,
    branch: BranchId,
) -> Vec<Obstacle> {
    Pool::new(views, bookings).obstacles(wish, branch).collect()
}

/// What the pool has, and what is taken of it: made once for many questions.
pub struct Pool<'a> {
    pub views: &'a SharedViews,
    taken: Occupancy<'a>,
    teachers: BTreeMap<TeacherId, Openings>,
    assets: BTreeMap<AssetId, Openings>,
}

impl<'a> Pool<'a> {
    /// The pool of these views with these bookings.
    pub fn new(views: &'a SharedViews, bookings: impl IntoIterator<Item = &'a Booking>) -> Self {
        Self {
            taken: Occupancy::of(views, bookings),
            teachers: Openings::of_teachers(views),
            assets: Openings::of_assets(views),
            views,
        }
    }

    /// What stands in the way of a wish, looked for only as far as somebody asks.
    pub fn obstacles<'p>(
        &'p self,
        wish: &'p ClaimWish,
        branch: BranchId,
    ) -> impl Iterator<Item = Obstacle> + use<'p, 'a> {
        let place = self.place(wish, branch);
        let teacher = wish.teacher.into_iter().flat_map(move |id| self.of_teacher(id, wish, place));
        let asset = wish.asset.into_iter().flat_map(move |id| self.of_asset(id, wish, branch));
        teacher.chain(asset)
    }

    /// Whether nothing does.
    pub fn is_free(&self, wish: &ClaimWish, branch: BranchId) -> bool {
        self.obstacles(wish, branch).next().is_none()
    }

    /// Takes what a claim of a branch is granted.
    pub fn grant(&mut self, claim: &'a EventRef, wish: &ClaimWish, branch: BranchId) {
        let teacher = wish.teacher.map(|teacher| self.views.teachers.resolve(teacher));
        let place = self.place(wish, branch);
        self.taken.take((teacher, place), wish.asset, &wish.slot, (BookingKind::Claim, claim));
    }

    fn place(&self, wish: &ClaimWish, branch: BranchId) -> BranchId {
        let asset = wish.asset.and_then(|asset| self.views.resources.assets.get(&asset));
        asset.map_or(branch, |asset| asset.branch)
    }

    fn of_teacher<'p>(
        &'p self,
        teacher: TeacherId,
        wish: &'p ClaimWish,
        place: BranchId,
    ) -> impl Iterator<Item = Obstacle> + use<'p, 'a> {
        let id = self.views.teachers.resolve(teacher);
        let known = self.views.teachers.teachers.get(&id);
        let unknown = plain(known.is_none(), ReasonCode::Unknown);
        let rules = known.into_iter().flat_map(move |entry| self.of_known_teacher((id, entry), wish, place));
        unknown.into_iter().chain(rules)
    }

    fn of_known_teacher<'p>(
        &'p self,
        (id, entry): (TeacherId, &'p Teacher),
        wish: &'p ClaimWish,
        place: BranchId,
    ) -> impl Iterator<Item = Obstacle> + use<'p, 'a> {
        let slot = &wish.slot;
        let openings = self.teachers.get(&id);
        let approved = once_with(|| wish.course.is_none_or(|course| entry.approved.contains(&course)));
        let offered = once_with(move || openings.is_some_and(|it| it.hold(slot, &self.views.calendar)));
        let here = once_with(move || openings.is_some_and(|it| !it.is_shut(slot.day)));
        let periods = once_with(move || {
            let periods = self.taken.periods_in_week(id, slot.day).saturating_add(periods_of(slot));
            periods <= u32::from(entry.weekly_cap_periods)
        });
        let broken = |code| move |holds: bool| plain(!holds, code);
        approved
            .filter_map(broken(ReasonCode::NotApproved))
            .chain(offered.filter_map(broken(ReasonCode::NotOffered)))
            .chain(here.filter_map(broken(ReasonCode::Unavailable)))
            .chain(once_with(move || self.classes_in_the_way(id, slot, place)).flatten())
            .chain(periods.filter_map(broken(ReasonCode::OverWeeklyCap)))
    }

    /// The first class of the teacher at that time, and the first from or to which the way is too long,
    /// the earlier of the two first.
    fn classes_in_the_way(
        &self,
        teacher: TeacherId,
        slot: &Slot,
        place: BranchId,
    ) -> impl Iterator<Item = Obstacle> + use<> {
        let (mut taken, mut near) = (None, None);
        for (at, classes) in self.taken.of_teacher(teacher, slot.day) {
            let way = self.views.branches.policy.travel_minutes(at, place);
            taken = earlier(taken, classes.overlapping(slot));
            near = earlier(near, classes.too_near(slot, way));
        }
        let taken = taken.map(|first| (first, ReasonCode::TeacherTaken));
        let near = near.map(|first| (first, ReasonCode::TravelTooLong));
        let mut both = [taken, near];
        both.sort_unstable();
        let found =
            both.map(|found| found.map(|((_, _, _, other), code)| Obstacle { code, other: Some(*other) }));
        found.into_iter().flatten()
    }

    fn of_asset<'p>(
        &'p self,
        asset: AssetId,
        wish: &'p ClaimWish,
        branch: BranchId,
    ) -> impl Iterator<Item = Obstacle> + use<'p, 'a> {
        let known = self.views.resources.assets.get(&asset);
        let unknown = plain(known.is_none(), ReasonCode::Unknown);
        let rules = known.into_iter().flat_map(move |entry| self.of_known_asset(asset, entry, wish, branch));
        unknown.into_iter().chain(rules)
    }

    fn of_known_asset(
        &self,
        asset: AssetId,
        entry: &Asset,
        wish: &ClaimWish,
        branch: BranchId,
    ) -> impl Iterator<Item = Obstacle> + use<> {
        let declared = entry;
        let (slot, calendar) = (&wish.slot, &self.views.calendar);
        let offered = || {
            let openings = self.assets.get(&asset);
            openings.is_some_and(|it| it.hold(slot, calendar) && !it.is_shut(slot.day))
        };
        let seats = declared.kind == AssetKind::Equipment || declared.capacity >= wish.headcount;
        let found = [
            plain(declared.condition == Condition::Broken, ReasonCode::Unavailable),
            plain(entry.branch != branch && !offered(), ReasonCode::NotOffered),
            plain(!seats, ReasonCode::TooSmall),
            self.all_taken(asset, declared.quantity, slot),
        ];
        found.into_iter().flatten()
    }

    fn all_taken(&self, asset: AssetId, quantity: u32, slot: &Slot) -> Option<Obstacle> {
        let taken = self.taken.of_asset(asset, slot.day)?;
        let (_, _, _, first) = taken.overlapping(slot)?;
        let other = Some(*first);
        (taken.count(slot) >= quantity.max(1)).then_some(Obstacle { code: ReasonCode::AssetTaken, other })
    }
}

fn plain(broken: bool, code: ReasonCode) -> Option<Obstacle> {
    broken.then_some(Obstacle { code, other: None })
}

fn earlier<'a>(one: Option<Precedence<'a>>, other: Option<Precedence<'a>>) -> Option<Precedence<'a>> {
    one.into_iter().chain(other).min()
}
