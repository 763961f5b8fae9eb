//! What if: the classes that would change, before anything is decided.

use super::pins::Pin;
use super::{Grid, Planning, Proposal, outcomes};
use crate::domain::{BookingKind, JointClass, Lodged, Mode, OrderWish, SharedViews, State, UnmetOrder};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId, ChangeHash, ClassId, CourseId, TeacherId};
use crate::plan::{Budget, Progress, Refusal};
use crate::time::{Day, Millis, Slot};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Something that has not happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum WhatIf {
    /// A teacher is away.
    TeacherAway {
        /// The teacher.
        teacher: TeacherId,
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
    /// A room or point is closed.
    VenueClosed {
        /// The venue.
        venue: AssetId,
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
    /// A branch lodges one more order.
    OneMoreOrder {
        /// The branch.
        branch: BranchId,
        /// Its order.
        order: OrderWish,
    },
}

/// The plan with the change beside the plan without it, in the making.
pub struct WhatIfPlanning {
    views: Arc<SharedViews>,
    without: Planning,
    with: Planning,
    released: BTreeSet<ClassId>,
    claims_hit: Vec<EventRef>,
}

/// What would change. Nothing is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhatIfAnswer {
    /// Orders that would fare otherwise.
    pub changes: Vec<Change>,
    /// Confirmed classes that stay as they are.
    pub untouched: usize,
    /// Confirmed claims and announced classes in the way; nothing moves them but their own branch or a ruling.
    pub in_the_way: Vec<EventRef>,
    /// Teaching minutes that joining saves, without and with the change.
    pub minutes_saved: (u32, u32),
    /// SHA-256 of the plan with the change.
    pub plan: ChangeHash,
}

/// How one order would fare otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The order.
    pub request: EventRef,
    /// Its class without the change.
    pub before: Before,
    /// Its class with it.
    pub after: Option<JointClass>,
    /// Why it would have none.
    pub unmet: Option<UnmetOrder>,
}

/// An order's class without the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Before {
    /// Confirmed.
    Confirmed {
        /// As it stands.
        class: JointClass,
    },
    /// Planned, if the round closed now.
    Planned {
        /// As it would be.
        class: JointClass,
    },
    /// None.
    Unmet,
    /// The order is part of the question.
    NotLodged,
}

impl WhatIfPlanning {
    /// Plans without and with the change.
    pub fn new(
        views: impl Into<Arc<SharedViews>>,
        what: &WhatIf,
        at: Millis,
        budget: Budget,
    ) -> Result<Self, Refusal> {
        let views = views.into();
        let mut after = views.as_ref().clone();
        what.put_into(&mut after, at);
        let grid = Grid::new(&views.planning.0, at.day());
        let today = grid.date(grid.earliest);
        let joint = views.requests.joint.values().filter(|class| class.slot.day >= today);
        let hit = joint.filter(|class| {
            let teacher = views.teachers.resolve(class.teacher);
            what.hits(&views, Some(teacher), Some(class.venue), &class.slot)
        });
        let released: BTreeSet<ClassId> = hit
            .map(|class| class.session)
            .filter(|class| Pin::joint(&views, &grid, *class).is_some())
            .collect();
        let claims_hit = views.bookings.iter().filter(|booking| {
            booking.kind != BookingKind::Joint
                && booking.slot.day >= at.day()
                && what.hits(&views, booking.teacher, booking.asset, &booking.slot)
        });
        Ok(Self {
            claims_hit: claims_hit.map(|booking| booking.source).collect(),
            without: Planning::new(Arc::clone(&views), at, budget)?,
            with: Planning::releasing(Arc::new(after), at, budget, &released)?,
            released,
            views,
        })
    }

    /// Goes on for about so many steps; both plans count.
    pub fn run(&mut self, steps: u64) -> Progress {
        if !self.without.progress().done {
            self.without.run(steps);
        } else {
            self.with.run(steps);
        }
        self.progress()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let (one, other) = (self.without.progress(), self.with.progress());
        Progress {
            steps: one.steps.saturating_add(other.steps),
            budget: one.budget.saturating_add(other.budget),
            best: other.best,
            done: one.done && other.done,
        }
    }

    /// What would change.
    pub fn finish(self) -> WhatIfAnswer {
        let without = self.without.finish();
        let with = self.with.finish();
        let (was, is) = (outcomes(&without), outcomes(&with));
        let unmet: BTreeMap<EventRef, &UnmetOrder> =
            with.unmet.iter().map(|unmet| (unmet.request, unmet)).collect();
        let mut changes = Vec::new();
        for (request, after) in is {
            let before = before(&self.views, &was, &request);
            let class = match &before {
                Before::Confirmed { class } | Before::Planned { class } => Some(class),
                Before::Unmet | Before::NotLodged => None,
            };
            let asked = matches!(before, Before::NotLodged);
            if asked || class.map(|class| place(class, &request)) != after.map(|class| place(class, &request))
            {
                let unmet = unmet.get(&request).map(|unmet| (*unmet).clone());
                changes.push(Change { request, before, after: after.cloned(), unmet });
            }
        }
        WhatIfAnswer {
            untouched: self.views.requests.joint.len().saturating_sub(self.released.len()),
            in_the_way: self.claims_hit,
            minutes_saved: (
                saved(&self.views, &without, &BTreeSet::new()),
                saved(&self.views, &with, &self.released),
            ),
            plan: with.plan,
            changes,
        }
    }
}

impl WhatIf {
    fn put_into(&self, views: &mut SharedViews, at: Millis) {
        match self {
            Self::TeacherAway { teacher, from, to } => {
                let id = views.teachers.resolve(*teacher);
                if let Some(teacher) = views.teachers.teachers.get_mut(&id) {
                    teacher.away.push((*from, *to));
                }
            }
            Self::VenueClosed { venue, from, to } => {
                views.resources.blocked.entry(*venue).or_default().push((*from, *to));
            }
            Self::OneMoreOrder { branch, order } => {
                let lodged = Lodged { branch: *branch, at, wish: order.clone() };
                let state = State { lodged: Some(lodged), ..State::default() };
                views.requests.orders.insert(imagined(*branch, at), state);
            }
        }
    }

    fn hits(
        &self,
        views: &SharedViews,
        teacher: Option<TeacherId>,
        venue: Option<AssetId>,
        slot: &Slot,
    ) -> bool {
        match self {
            Self::TeacherAway { teacher: away, from, to } => {
                teacher == Some(views.teachers.resolve(*away)) && (*from..=*to).contains(&slot.day)
            }
            Self::VenueClosed { venue: closed, from, to } => {
                venue == Some(*closed) && (*from..=*to).contains(&slot.day)
            }
            Self::OneMoreOrder { .. } => false,
        }
    }
}

/// The order that nobody lodged.
fn imagined(branch: BranchId, at: Millis) -> EventRef {
    let period = crate::time::Quarter::of(at.day());
    EventRef {
        document: crate::event::DocumentId::new(crate::event::Scope::Shared, branch, period),
        actor: crate::ids::ActorId([0; 16]),
        event: crate::ids::EventId([0; 16]),
    }
}

fn before(views: &SharedViews, was: &BTreeMap<EventRef, Option<&JointClass>>, request: &EventRef) -> Before {
    let confirmed = views.requests.orders.get(request).and_then(|order| order.outcome.as_ref()?.class);
    if let Some(class) = confirmed.and_then(|class| views.requests.joint.get(&class)) {
        return Before::Confirmed { class: class.clone() };
    }
    match was.get(request) {
        Some(Some(class)) => Before::Planned { class: (*class).clone() },
        Some(None) => Before::Unmet,
        None => Before::NotLodged,
    }
}

/// What a branch would notice of another class.
fn place(class: &JointClass, request: &EventRef) -> (Slot, TeacherId, AssetId, CourseId, Option<Mode>) {
    let mode = class.parts.iter().find(|part| part.request == *request).map(|part| part.mode);
    (class.slot, class.teacher, class.venue, class.course, mode)
}

/// What joining saves in all: in confirmed classes that stay, and in those of the proposal.
fn saved(views: &SharedViews, proposal: &Proposal, released: &BTreeSet<ClassId>) -> u32 {
    let renewed: BTreeSet<ClassId> = proposal
        .classes
        .iter()
        .map(|proposed| proposed.class.session)
        .chain(released.iter().copied())
        .collect();
    let stay = views.requests.joint.values().filter(|class| !renewed.contains(&class.session));
    super::added_up(stay.map(super::minutes_saved).chain([proposal.minutes_saved]))
}
