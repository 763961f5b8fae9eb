//! The timetable: all open orders planned together, around everything that is booked.
//!
//! [`Planning`] draws an instance from the views and runs the planner on it; the [`Proposal`] that comes out
//! is a preview wherever it is made, and becomes decisions at the city alone. [`replay`] makes a decided plan
//! once more from the history, [`WhatIf`] plans a change that has not happened.

mod draw;
mod entering;
mod grid;
mod pins;
mod replay;
mod sheet;
mod what_if;

pub use replay::{Replay, ReplayError, replay};
pub use what_if::{Before, Change, WhatIf, WhatIfAnswer, WhatIfPlanning};

use super::{Decision, short_hash};
use crate::domain::{
    JointClass, JointConfirmed, JointPart, Mode, OrderAlternative, PlanDecided, PlanInputs, Reason,
    ReasonCode, RequestUnmet, SharedViews, UnmetOrder, Wish,
};
use crate::event::{EventRef, KnownLines};
use crate::ids::{BranchId, ChangeHash, ClassId, RoundId};
use crate::plan::{self, Budget, Cause, Class, Instance, Objective, Planner, Progress, Refusal, Wishes};
use crate::time::Millis;
use draw::{Drawn, course_of, draw};
use grid::{Cell, Grid};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a recorded plan was made with. Another version comes out differently from the same history and steps:
/// what is drawn from it, the rules, the search, the reasons. A test holds one plan of this version.
pub const VERSION: u32 = 2;

/// Lines of the input frontier in one event, so that it fits into a change.
const LINES_AT_ONCE: usize = 400;

/// A plan of all open orders in the making, in steps: a page goes on drawing meanwhile.
pub struct Planning {
    views: Arc<SharedViews>,
    drawn: Drawn,
    planner: Planner,
    at: Millis,
}

/// What the planner would say to a branch's own orders, on what is known where it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The branch; the city hears of all.
    pub branch: BranchId,
    /// When the city was last heard: what was decided or lodged elsewhere since is not in it.
    pub city_heard: Option<Millis>,
    /// What would be decided if the city knew just this.
    pub proposal: Proposal,
}

/// A preview in the making.
pub struct Previewing {
    /// The plan.
    pub planning: Planning,
    branch: BranchId,
    city_heard: Option<Millis>,
}

impl Previewing {
    /// Draws the instance from what is known here.
    pub fn new(
        views: impl Into<Arc<SharedViews>>,
        branch: BranchId,
        city_heard: Option<Millis>,
        now: Millis,
        budget: Budget,
    ) -> Result<Self, Refusal> {
        Ok(Self { planning: Planning::new(views, now, budget)?, branch, city_heard })
    }

    /// What it came to.
    pub fn finish(self) -> Preview {
        let Self { branch, city_heard, planning } = self;
        let proposal = planning.finish();
        let proposal = if branch == BranchId::CITY { proposal } else { proposal.of_branch(branch) };
        Preview { branch, city_heard, proposal }
    }
}

/// What would be decided on the open orders. A preview unless the city writes it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// The moment it is planned for.
    pub at: Millis,
    /// Steps of the search.
    pub steps: u64,
    /// SHA-256 of the plan as `jts-plan-1`.
    pub plan: ChangeHash,
    /// What stays unmet and moves, in points.
    pub a: i64,
    /// What the classes cost, in points.
    pub b: i64,
    /// Classes with an order that had none, by time.
    pub classes: Vec<ProposedClass>,
    /// Orders that get none, by identity.
    pub unmet: Vec<UnmetOrder>,
    /// Teaching minutes that joining saves, against a class for each order served.
    pub minutes_saved: u32,
}

/// A class as it would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProposedClass {
    /// The class, those in it before included.
    pub class: JointClass,
    /// The decision it goes on from, where orders join a class that is confirmed.
    pub joins: Option<EventRef>,
}

impl Planning {
    /// Draws the instance of this moment and builds a first plan.
    pub fn new(views: impl Into<Arc<SharedViews>>, at: Millis, budget: Budget) -> Result<Self, Refusal> {
        Self::releasing(views.into(), at, budget, &BTreeSet::new())
    }

    /// The same where some confirmed classes may move, each as little as can be.
    fn releasing(
        views: Arc<SharedViews>,
        at: Millis,
        budget: Budget,
        released: &BTreeSet<ClassId>,
    ) -> Result<Self, Refusal> {
        let drawn = draw(&views, at, released)?;
        let planner = Planner::new(Arc::clone(&drawn.instance), budget);
        Ok(Self { views, drawn, planner, at })
    }

    /// Goes on for about so many steps.
    pub fn run(&mut self, steps: u64) -> Progress {
        self.planner.run(steps)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.planner.progress()
    }

    /// Goes on to the end; `progress` is told a hundred times.
    pub fn complete(mut self, mut progress: impl FnMut(Progress)) -> Proposal {
        let part = (self.progress().budget / 100).saturating_add(1);
        while !self.progress().done {
            progress(self.run(part));
        }
        self.finish()
    }

    /// What it came to.
    pub fn finish(self) -> Proposal {
        let timetable = self.planner.finish();
        let text = serde_json::to_vec(&timetable.plan()).expect("a plan is plain data");
        let plan = ChangeHash(Sha256::digest(text).into());
        let Objective { a, b } = timetable.objective;
        let answers = Answers { drawn: &self.drawn, views: &self.views, plan, at: self.at };
        let planned: BTreeMap<_, &Class> = timetable.classes.iter().map(|it| (it.key(), it)).collect();
        let mut classes: Vec<ProposedClass> =
            timetable.classes.iter().filter_map(|class| answers.class(class)).collect();
        classes.sort_by_key(|proposed| (proposed.class.slot, proposed.class.session));
        let mut unmet: Vec<UnmetOrder> = timetable
            .unmet
            .iter()
            .filter_map(|unmet| answers.unmet(unmet, &planned))
            .chain(self.drawn.unplannable.iter().map(|order| answers.unplannable(*order)))
            .collect();
        unmet.sort_by_key(|unmet| unmet.request);
        let minutes_saved = added_up(classes.iter().map(|proposed| minutes_saved(&proposed.class)));
        Proposal { at: self.at, steps: timetable.steps, plan, a, b, classes, unmet, minutes_saved }
    }
}

/// Teaching minutes that joining saves: a class of n orders stands for n − 1 others.
fn minutes_saved(class: &JointClass) -> u32 {
    let others = u32::try_from(class.parts.len()).unwrap_or(u32::MAX).saturating_sub(1);
    others.saturating_mul(class.slot.duration_minutes.into())
}

fn added_up(minutes: impl Iterator<Item = u32>) -> u32 {
    minutes.fold(0, u32::saturating_add)
}

impl Proposal {
    /// What a branch hears of it: its orders' classes and refusals.
    fn of_branch(mut self, branch: BranchId) -> Self {
        let of_branch = |order: &EventRef| order.document.branch == branch;
        self.classes.retain(|proposed| proposed.class.parts.iter().any(|part| of_branch(&part.request)));
        self.unmet.retain(|unmet| of_branch(&unmet.request));
        self
    }

    /// What the city writes down: outcomes, inputs, and the plan last.
    pub fn decisions(
        &self,
        round: Option<RoundId>,
        known: &[KnownLines],
        frontier: ChangeHash,
    ) -> Vec<Decision> {
        let classes = self.classes.iter().map(|proposed| {
            let subject = proposed.class.session.to_hex();
            let decision = Decision::new(&subject, frontier, JointConfirmed::from(proposed.class.clone()));
            Decision { supersedes: proposed.joins, ..decision }
        });
        let unmet = self.unmet.iter().map(|unmet| {
            Decision::new(&unmet.request.to_string(), frontier, RequestUnmet::from(unmet.clone()))
        });
        let inputs = known.chunks(LINES_AT_ONCE).enumerate().map(|(part, known)| {
            Decision::new(&format!("inputs {part}"), frontier, PlanInputs { known: known.to_vec() })
        });
        let decided = PlanDecided {
            round,
            at: self.at,
            planner: VERSION,
            steps: self.steps,
            lines: known.len() as u32,
            plan: self.plan,
            minutes_saved: self.minutes_saved,
        };
        let decided = Decision::new("plan", frontier, decided);
        classes.chain(unmet).chain(inputs).chain([decided]).collect()
    }
}

/// What identifies a class of a plan.
type ClassKey = (u32, u32, u32, u32, u32);

/// From ranks of the instance to what people and events name.
struct Answers<'a> {
    drawn: &'a Drawn,
    views: &'a SharedViews,
    plan: ChangeHash,
    at: Millis,
}

impl Answers<'_> {
    fn order(&self, rank: u32) -> Option<EventRef> {
        self.instance().orders[rank as usize].id.parse().ok()
    }

    fn instance(&self) -> &Instance {
        &self.drawn.instance
    }

    /// The class an order of it was confirmed for before.
    fn confirmed(&self, class: &Class) -> Option<ClassId> {
        class.parts.iter().find_map(|part| self.drawn.joinable.get(&self.order(part.order)?).copied())
    }

    /// A new class is named after the plan and the first of its orders.
    fn session(&self, class: &Class) -> ClassId {
        let first = class.parts.iter().map(|part| part.order).min().unwrap_or_default();
        let first = &self.instance().orders[first as usize].id;
        ClassId(short_hash(&[b"lianxiao-class-1", &self.plan.0, first.as_bytes()]))
    }

    /// A class as it is to be confirmed; `None` where nothing about it is new.
    fn class(&self, class: &Class) -> Option<ProposedClass> {
        let confirmed = self.confirmed(class);
        let before = confirmed.and_then(|session| self.views.requests.joint.get(&session));
        let mut parts: Vec<JointPart> = before.map(|before| before.parts.clone()).unwrap_or_default();
        parts.retain(|part| confirmed.is_some_and(|session| self.views.requests.takes_part(part, session)));
        let orders = class.parts.iter().map(|part| Some((self.order(part.order)?, part.mode)));
        let orders: Vec<(EventRef, plan::Mode)> = orders.collect::<Option<_>>()?;
        let mut new: Vec<JointPart> = orders
            .iter()
            .filter(|(order, _)| parts.iter().all(|part| part.request != *order))
            .map(|(request, mode)| JointPart { request: *request, mode: mode_of(*mode) })
            .collect();
        if new.is_empty() {
            return None;
        }
        let joins = parts
            .first()
            .and_then(|part| Some(self.views.requests.orders.get(&part.request)?.outcome.as_ref()?.decision));
        new.sort_by_key(|part| (part.mode, part.request));
        parts.extend(new);
        let place = self.place(class)?;
        let code = if parts.len() > 1 { ReasonCode::Joint } else { ReasonCode::Unopposed };
        let class = JointClass {
            session: confirmed.unwrap_or_else(|| self.session(class)),
            course: place.course,
            teacher: place.teacher,
            venue: place.venue,
            slot: place.slot,
            parts,
            reason: Reason::plain(code),
        };
        Some(ProposedClass { class, joins })
    }

    fn place(&self, class: &Class) -> Option<OrderAlternative> {
        let instance = self.instance();
        let course = &instance.courses[class.course as usize];
        let cell = Cell { day: class.day, period: class.period, length: course.duration };
        Some(OrderAlternative {
            give_up: Vec::new(),
            course: course_of(&course.id)?,
            teacher: instance.teachers[class.teacher as usize].id.parse().ok()?,
            venue: instance.venues[class.venue as usize].id.parse().ok()?,
            slot: self.drawn.grid.slot(cell),
            mode: Mode::Host,
            joins: None,
        })
    }

    fn unmet(&self, unmet: &plan::Unmet, planned: &BTreeMap<ClassKey, &Class>) -> Option<UnmetOrder> {
        let alternative = unmet.alternative.as_ref().and_then(|alternative| {
            let class = &alternative.class;
            let part = class.parts.iter().find(|part| part.order == unmet.order)?;
            let joined = planned.get(&class.key());
            Some(OrderAlternative {
                give_up: given_up(alternative.give_up),
                mode: mode_of(part.mode),
                joins: joined.map(|class| self.confirmed(class).unwrap_or_else(|| self.session(class))),
                ..self.place(class)?
            })
        });
        let reasons = unmet.causes.iter().flat_map(reasons).collect();
        Some(UnmetOrder { request: self.order(unmet.order)?, reasons, alternative, as_of: self.at.day() })
    }

    fn unplannable(&self, request: EventRef) -> UnmetOrder {
        let reasons = vec![Reason::plain(ReasonCode::NotListed)];
        UnmetOrder { request, reasons, alternative: None, as_of: self.at.day() }
    }
}

fn mode_of(mode: plan::Mode) -> Mode {
    match mode {
        plan::Mode::Host => Mode::Host,
        plan::Mode::Travel => Mode::Travel,
        plan::Mode::Online => Mode::Online,
    }
}

fn given_up(wishes: Wishes) -> Vec<Wish> {
    let all = [
        (wishes.time, Wish::Time),
        (wishes.travel, Wish::Travel),
        (wishes.online, Wish::Online),
        (wishes.course, Wish::Course),
    ];
    all.into_iter().filter(|(given_up, _)| *given_up).map(|(_, wish)| wish).collect()
}

/// A cause in the words of decisions; of what is counted, each part by itself, the largest first.
fn reasons(cause: &Cause) -> Vec<Reason> {
    let plain = |code| vec![Reason::plain(code)];
    let figures = |code, own: u32, other: u32| Reason {
        own_figure: Some(own),
        other_figure: Some(other),
        ..Reason::plain(code)
    };
    let counted = |parts: &[(u32, ReasonCode)], all: u32| {
        let mut parts: Vec<(u32, ReasonCode)> =
            parts.iter().filter(|(count, _)| *count > 0).copied().collect();
        parts.sort_by_key(|(count, code)| (std::cmp::Reverse(*count), *code));
        parts.into_iter().map(|(count, code)| figures(code, count, all)).collect()
    };
    match *cause {
        Cause::NoTime => plain(ReasonCode::NoTime),
        Cause::NobodyTeaches => plain(ReasonCode::NobodyTeaches),
        Cause::NoVenue => plain(ReasonCode::NoVenue),
        Cause::NoVenueNear { minutes } => {
            vec![Reason { own_figure: Some(minutes), ..Reason::plain(ReasonCode::NoVenueNear) }]
        }
        Cause::TooFewSeats { people, seats } => vec![figures(ReasonCode::TooSmall, people, seats)],
        Cause::NoTeacherNear => plain(ReasonCode::NoTeacherNear),
        Cause::NeverTogether => plain(ReasonCode::NeverTogether),
        Cause::Taken { places, teacher, venue, group, way } => counted(
            &[
                (teacher, ReasonCode::TeacherTaken),
                (venue, ReasonCode::AssetTaken),
                (group, ReasonCode::GroupBusy),
                (way, ReasonCode::TravelTooLong),
            ],
            places,
        ),
        Cause::NotJoined { classes, time, full, way, busy, closed } => counted(
            &[
                (time, ReasonCode::ClassTime),
                (full, ReasonCode::ClassFull),
                (way, ReasonCode::ClassFar),
                (busy, ReasonCode::GroupBusy),
                (closed, ReasonCode::ClassClosed),
            ],
            classes,
        ),
    }
}

/// Every order of the proposal with its class, if it has one.
fn outcomes(proposal: &Proposal) -> BTreeMap<EventRef, Option<&JointClass>> {
    let served = proposal
        .classes
        .iter()
        .flat_map(|proposed| proposed.class.parts.iter().map(|part| (part.request, Some(&proposed.class))));
    served.chain(proposal.unmet.iter().map(|unmet| (unmet.request, None))).collect()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
