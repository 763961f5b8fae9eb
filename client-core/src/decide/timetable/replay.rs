//! A decided plan made once more, from the history alone: what anyone who doubts it can do.

use super::{Planning, VERSION};
use crate::domain::{Entry, Event, History, PlanDecided, RequestEvent, SharedViews};
use crate::event::{EventRef, KnownLines, Statement};
use crate::history::NotHeld;
use crate::ids::{ActionId, ChangeHash};
use crate::plan::{Budget, Progress, Refusal};
use serde::Serialize;
use std::collections::BTreeMap;

/// Why a decision cannot be made once more here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// No such event folds here.
    #[error("no decision {0} is held here; wait until this node is in step, or check the id")]
    Unknown(EventRef),
    /// The event is not of a plan.
    #[error("{0} was not decided by the planner; claims are decided again round by round (recheck)")]
    NotOfAPlan(EventRef),
    /// Some of what it was made from is missing.
    #[error(
        "{held} of the {named} lines the plan was made from are named here; wait until this node is in step"
    )]
    InputsMissing {
        /// Lines named in the inputs held here.
        held: usize,
        /// Lines the plan says there are.
        named: u32,
    },
    /// Some of what it was made from is missing.
    #[error(transparent)]
    NotHeld(#[from] NotHeld),
    /// No instance comes of it, which the city's program must have made otherwise.
    #[error("the plan cannot be drawn here: {0}; compare the versions of both programs")]
    Refused(Refusal),
}

/// A plan decided once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// The plan's own decision.
    pub decision: EventRef,
    /// SHA-256 of the plan as the city recorded it.
    pub recorded: ChangeHash,
    /// SHA-256 of the plan made here.
    pub made: ChangeHash,
    /// Version of the planner the city made it with, and of the one here.
    pub planner: (u32, u32),
    /// Steps of the search.
    pub steps: u64,
    /// Lines of the history it was made from.
    pub lines: usize,
    /// Decisions that come out the same, byte for byte.
    pub same: usize,
    /// Recorded decisions that do not come out.
    pub differing: Vec<EventRef>,
    /// How many come out that were not recorded.
    pub unrecorded: usize,
    /// Teaching minutes that joining saved.
    pub minutes_saved: u32,
}

impl Replay {
    /// Whether the plan holds.
    pub fn holds(&self) -> bool {
        self.recorded == self.made && self.differing.is_empty() && self.unrecorded == 0
    }
}

/// Makes the plan a decision belongs to once more: the class or the refusal of an order, or the plan itself.
pub fn replay(
    history: &History,
    decision: &EventRef,
    progress: impl FnMut(Progress),
) -> Result<Replay, ReplayError> {
    let entry = history.get(decision).ok_or(ReplayError::Unknown(*decision))?;
    let recorded = Recorded::of(history, entry.action).ok_or(ReplayError::NotOfAPlan(*decision))?;
    let (named, held) = (recorded.plan.lines, recorded.known.len());
    if held != named as usize {
        return Err(ReplayError::InputsMissing { held, named });
    }
    let views = SharedViews::fold(&history.as_known(&recorded.known)?);
    let budget = Budget { steps: Some(recorded.plan.steps) };
    let planning = Planning::new(views, recorded.plan.at, budget).map_err(ReplayError::Refused)?;
    let proposal = planning.complete(progress);
    let made = proposal.decisions(recorded.plan.round, &recorded.known, ChangeHash([0; 32]));
    let mut left: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for decision in &made {
        let left = left.entry(decision.event.body().encode()).or_default();
        *left = left.saturating_add(1);
    }
    let mut differing = Vec::new();
    for (reference, body) in &recorded.outcomes {
        match left.get_mut(body).filter(|left| **left > 0) {
            Some(left) => *left = left.saturating_sub(1),
            None => differing.push(*reference),
        }
    }
    Ok(Replay {
        decision: recorded.reference,
        recorded: recorded.plan.plan,
        made: proposal.plan,
        planner: (recorded.plan.planner, VERSION),
        steps: proposal.steps,
        lines: held,
        same: recorded.outcomes.len().saturating_sub(differing.len()),
        unrecorded: left.values().sum(),
        minutes_saved: proposal.minutes_saved,
        differing,
    })
}

/// A plan and all that was written with it.
struct Recorded {
    reference: EventRef,
    plan: PlanDecided,
    known: Vec<KnownLines>,
    outcomes: BTreeMap<EventRef, Vec<u8>>,
}

impl Recorded {
    fn of(history: &History, action: ActionId) -> Option<Self> {
        let mut plan = None;
        let mut known = Vec::new();
        let mut outcomes = BTreeMap::new();
        let of_action = |entry: &&Entry| entry.action == action;
        for entry in history.ranked().filter(of_action) {
            let Event::Request(said) = &entry.event else { continue };
            match said {
                RequestEvent::Plan(decided) => plan = Some((entry.reference, decided.clone())),
                RequestEvent::PlanInputs(part) => known.extend(part.known.iter().cloned()),
                RequestEvent::Joint(_) | RequestEvent::Unmet(_) => {}
                _ => continue, // not of a plan
            }
            outcomes.insert(entry.reference, entry.event.body().encode());
        }
        let (reference, plan) = plan?;
        Some(Self { reference, plan, known, outcomes })
    }
}
