//! Which open orders and which venues enter a plan: no branch makes it long for all.

use crate::event::{AssetKind, EventRef, RequestLodged};
use crate::fold::{Asset, Lodged, SharedViews};
use crate::ids::{BranchId, SubjectId};
use std::collections::BTreeMap;

/// Open orders of one branch in one plan.
const ORDERS_AT_ONCE: usize = 500;
/// Courses that these orders name, each order's counted apart: a place is looked for in each.
const COURSES_AT_ONCE: usize = 5_000;
/// Open orders in one plan, so that it stays within what the planner takes.
const ORDERS_IN_ALL: usize = 50_000;
/// Rooms and points of one branch in one plan.
const VENUES_AT_ONCE: usize = 200;

/// What one branch brings into a plan.
#[derive(Default)]
struct Brought {
    orders: usize,
    courses: usize,
}

/// The open orders of one plan, by identity. The others stay open and wait for the next.
pub fn orders(views: &SharedViews) -> Vec<(EventRef, &Lodged<RequestLodged>)> {
    let mut brought: BTreeMap<BranchId, Brought> = BTreeMap::new();
    let open = views.requests.open_orders().filter(|(_, lodged)| {
        let brought = brought.entry(lodged.branch).or_default();
        brought.orders = brought.orders.saturating_add(1);
        brought.courses = brought.courses.saturating_add(lodged.wish.courses.len());
        // Who brings one order always may, however many courses it names.
        brought.orders == 1 || (brought.orders <= ORDERS_AT_ONCE && brought.courses <= COURSES_AT_ONCE)
    });
    open.take(ORDERS_IN_ALL).map(|(id, lodged)| (*id, lodged)).collect()
}

/// The rooms and points of one plan, by identity.
pub fn venues(views: &SharedViews) -> Vec<(SubjectId, &Asset)> {
    let mut brought: BTreeMap<BranchId, usize> = BTreeMap::new();
    let assets = views.resources.assets.iter();
    let venues = assets.filter(|(_, asset)| asset.declared.kind != AssetKind::Equipment);
    let entering = venues.filter(|(_, asset)| {
        let count = brought.entry(asset.branch).or_default();
        *count = count.saturating_add(1);
        *count <= VENUES_AT_ONCE
    });
    entering.map(|(id, asset)| (*id, asset)).collect()
}
