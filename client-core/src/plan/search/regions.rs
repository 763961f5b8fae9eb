//! Parts of a large city school, annealed one after the other while all else stands.

use super::board::Board;
use super::ground::{Ground, NONE};

/// Orders at most in a region, if its branches are not larger.
const ORDERS: usize = 800;

/// Orders of neighbouring branches.
pub(super) struct Region {
    /// Those that are not confirmed and could be served.
    pub orders: Vec<u32>,
    member: Vec<u64>,
    /// Where its part of the budget ends, of 2^32.
    pub share_end: u64,
}

impl Region {
    /// Whether an order is one of its own.
    pub fn holds(&self, order: u32) -> bool {
        self.member[(order / 64) as usize] >> (order % 64) & 1 == 1
    }
}

/// The regions of an instance; none if nothing can be changed.
pub(super) fn of(ground: &Ground, board: &Board) -> Vec<Region> {
    let instance = &ground.instance;
    let mut by_branch = vec![Vec::new(); instance.branches.len()];
    for (rank, order) in (0u32..).zip(&instance.orders) {
        let hopeless = ground.places(rank).is_empty() && !order.online;
        if !board.fixed[rank as usize] && !hopeless {
            by_branch[order.branch as usize].push(rank);
        }
    }
    let mut left: Vec<u32> = (0..instance.branches.len() as u32).collect();
    left.retain(|branch| !by_branch[*branch as usize].is_empty());
    let total: usize = by_branch.iter().map(Vec::len).sum();
    let (mut regions, mut seen) = (Vec::new(), 0usize);
    while !left.is_empty() {
        let first = instance.branches[left[0] as usize].town;
        left.sort_by_key(|branch| {
            (instance.minutes(first, instance.branches[*branch as usize].town), *branch)
        });
        let mut orders: Vec<u32> = Vec::new();
        let mut taken = 0;
        for branch in &left {
            let more = &by_branch[*branch as usize];
            if total > ORDERS && !orders.is_empty() && orders.len() + more.len() > ORDERS {
                break;
            }
            orders.extend(more);
            taken += 1;
        }
        left.drain(..taken);
        left.sort_unstable();
        orders.sort_unstable();
        seen += orders.len();
        let mut member = vec![0u64; ground.orders.len().div_ceil(64)];
        orders.iter().for_each(|order| member[(order / 64) as usize] |= 1 << (order % 64));
        regions.push(Region { orders, member, share_end: ((seen as u64) << 32) / total as u64 });
    }
    debug_assert!(board.spots.len() < NONE as usize);
    regions
}
