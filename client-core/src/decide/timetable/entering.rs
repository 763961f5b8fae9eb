//! Which open orders and which venues enter a plan: no branch makes it long for all.

use crate::domain::{Asset, AssetKind, Lodged, OrderWish, SharedViews};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId};
use std::collections::BTreeMap;

/// Open orders of one branch in one plan.
const ORDERS_AT_ONCE: usize = 500;
/// Courses that these orders name, each order's counted apart: a place is looked for in each.
const COURSES_AT_ONCE: usize = 5_000;
/// The same in one plan, so that it stays within what the planner takes.
const ORDERS_IN_ALL: usize = 50_000;
const COURSES_IN_ALL: usize = 500_000;
/// Rooms and points of one branch in one plan.
const VENUES_AT_ONCE: usize = 200;

/// What one branch brings into a plan, or all of them.
#[derive(Clone, Copy, Default)]
struct Brought {
    orders: usize,
    courses: usize,
}

/// The open orders of one plan, by identity. The others stay open and wait for the next.
pub fn orders(views: &SharedViews) -> Vec<(EventRef, &Lodged<OrderWish>)> {
    let mut of_branch: BTreeMap<BranchId, Brought> = BTreeMap::new();
    let mut of_all = Brought::default();
    let open = views.requests.open_orders().filter(|(_, lodged)| {
        let own = of_branch.entry(lodged.branch).or_default();
        *own = own.and(&lodged.wish);
        // Who brings one order may, however many courses it names.
        if own.orders > 1 && (own.orders > ORDERS_AT_ONCE || own.courses > COURSES_AT_ONCE) {
            return false;
        }
        of_all = of_all.and(&lodged.wish);
        of_all.orders <= ORDERS_IN_ALL && of_all.courses <= COURSES_IN_ALL
    });
    open.map(|(id, lodged)| (*id, lodged)).collect()
}

impl Brought {
    fn and(self, wish: &OrderWish) -> Self {
        Self {
            orders: self.orders.saturating_add(1),
            courses: self.courses.saturating_add(wish.courses.len()),
        }
    }
}

/// The rooms and points of one plan: of each branch those it offers first, by identity.
pub fn venues(views: &SharedViews) -> Vec<(AssetId, &Asset)> {
    let assets = views.resources.assets.iter();
    let venues = assets.filter(|(_, asset)| asset.kind != AssetKind::Equipment);
    let (offered, others): (Vec<_>, Vec<_>) =
        venues.map(|(id, asset)| (*id, asset)).partition(|(id, _)| views.resources.offers.contains_key(id));
    let mut brought: BTreeMap<BranchId, usize> = BTreeMap::new();
    let entering = offered.into_iter().chain(others).filter(|(_, asset)| {
        let count = brought.entry(asset.branch).or_default();
        *count = count.saturating_add(1);
        *count <= VENUES_AT_ONCE
    });
    entering.collect()
}
