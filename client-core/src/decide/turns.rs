//! In which order the claims of a round have their turn.
//!
//! Claims of one branch share the figure of their branch, so their order among themselves never changes:
//! each branch has one sorted list, and only the heads of the lists compete.

use super::figures::Figures;
use crate::domain::{ClaimWish, Lodged, SharedViews};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId, TeacherId};
use crate::time::Day;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A claim in the order in which claims are granted: more branches served, fewer pool minutes per 100
/// learners, the draw, identity.
pub type Standing = (Reverse<u8>, u32, [u8; 32], EventRef);

/// A claim to be decided.
#[derive(Clone, Copy)]
pub struct Open<'a> {
    pub id: &'a EventRef,
    pub lodged: &'a Lodged<ClaimWish>,
    pub draw: [u8; 32],
    /// How many branches it serves: a claim is one branch's. What it says itself decided before the city
    /// announced a release, and decides when such a round is decided once more.
    pub served: u8,
}

/// What a claim takes from others who want it on that day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Teacher(TeacherId, Day),
    Asset(AssetId, Day),
}

/// Claims that wait for their turn.
pub struct Turns<'a> {
    views: &'a SharedViews,
    /// By branch, and of each branch in order.
    claims: Vec<Open<'a>>,
    /// Those of each branch that still wait.
    waiting: BTreeMap<BranchId, Range<usize>>,
    /// The first of each branch.
    heads: BTreeSet<(Standing, usize)>,
    wanted: BTreeMap<Wanted, Vec<usize>>,
}

impl<'a> Turns<'a> {
    /// All of them wait.
    pub fn new(views: &'a SharedViews, mut claims: Vec<Open<'a>>, figures: &Figures<'_>) -> Self {
        claims.sort_by_key(|open| (open.lodged.branch, open.standing(0)));
        let mut waiting: BTreeMap<BranchId, Range<usize>> = BTreeMap::new();
        let mut wanted: BTreeMap<Wanted, Vec<usize>> = BTreeMap::new();
        for (at, open) in claims.iter().enumerate() {
            waiting.entry(open.lodged.branch).or_insert(at..at).end = at.saturating_add(1);
            for wants in open.wants(views).into_iter().flatten() {
                wanted.entry(wants).or_default().push(at);
            }
        }
        let branches: Vec<BranchId> = waiting.keys().copied().collect();
        let mut turns = Self { views, claims, waiting, heads: BTreeSet::new(), wanted };
        branches.into_iter().for_each(|branch| turns.compete(branch, figures));
        turns
    }

    /// The claim whose turn it is, with its standing; [`Turns::compete`] must follow for its branch.
    pub fn next(&mut self) -> Option<(Open<'a>, Standing)> {
        let (standing, at) = self.heads.pop_first()?;
        let open = self.claims[at];
        if let Some(waiting) = self.waiting.get_mut(&open.lodged.branch) {
            waiting.next();
        }
        Some((open, standing))
    }

    /// The next claim of a branch enters the competition, by the branch's figure of now.
    pub fn compete(&mut self, branch: BranchId, figures: &Figures<'_>) {
        let first = self.waiting.get(&branch).filter(|waiting| !waiting.is_empty());
        if let Some(at) = first.map(|waiting| waiting.start) {
            self.heads.insert((self.claims[at].standing(figures.of(branch)), at));
        }
    }

    /// The strongest of those who still wait for something that a claim takes.
    pub fn strongest_rival(&self, open: &Open<'_>, figures: &Figures<'_>) -> Option<Standing> {
        let same = open.wants(self.views).into_iter().flatten().filter_map(|wants| self.wanted.get(&wants));
        let rivals = same.flatten().filter(|at| self.waits(**at)).map(|at| &self.claims[*at]);
        let rivals = rivals.filter(|rival| rival.lodged.wish.slot.overlaps(&open.lodged.wish.slot));
        rivals.map(|rival| rival.standing(figures.of(rival.lodged.branch))).min()
    }

    fn waits(&self, at: usize) -> bool {
        self.waiting.get(&self.claims[at].lodged.branch).is_some_and(|waiting| waiting.contains(&at))
    }
}

impl Open<'_> {
    fn standing(&self, figure: u32) -> Standing {
        (Reverse(self.served), figure, self.draw, *self.id)
    }

    fn wants(&self, views: &SharedViews) -> [Option<Wanted>; 2] {
        let ClaimWish { teacher, asset, slot, .. } = &self.lodged.wish;
        let teacher = teacher.map(|teacher| Wanted::Teacher(views.teachers.resolve(teacher), slot.day));
        [teacher, asset.map(|asset| Wanted::Asset(asset, slot.day))]
    }
}
