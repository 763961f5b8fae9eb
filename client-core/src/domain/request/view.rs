//! Claims and orders, and what the city decided on them.

use super::{
    Alternative, ClaimWish, DecidedPlan, JointClass, JointConfirmed, JointPart, OrderAlternative, OrderWish,
    Reason, Receipt, RequestEvent, RoundOpened,
};
use crate::domain::{ArbiterEvent, Entry, Event, View};
use crate::event::EventRef;
use crate::ids::{BranchId, ChangeHash, ClassId, RoundId};
use crate::time::Millis;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

code_enum! {
    /// What the city answered.
    OutcomeKind {
        /// Granted (已准).
        Confirmed = 0 "confirmed",
        /// On the waiting list (候补).
        Waitlisted = 1 "waitlisted",
        /// Not granted (未排上).
        Refused = 2 "refused",
        /// Granted before, moved since (让位).
        Displaced = 3 "displaced",
    }
}

/// A decision on a claim or order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// What was answered.
    pub kind: OutcomeKind,
    /// Why; at least one.
    pub reasons: Vec<Reason>,
    /// What is free instead of a claim, nearest first.
    pub alternatives: Vec<Alternative>,
    /// The nearest class an unmet order could have.
    pub instead: Option<OrderAlternative>,
    /// The joint class an order became part of.
    pub class: Option<ClassId>,
    /// The decision's own identity.
    pub decision: EventRef,
    /// When it was decided, by the city's clock.
    pub at: Millis,
    /// Its number among all answers, in the order in which decisions count.
    pub nth: u32,
}

/// A claim or order as it was lodged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lodged<T> {
    /// The branch that asks.
    pub branch: BranchId,
    /// When, by the author's clock.
    pub at: Millis,
    /// What is asked.
    pub wish: T,
}

/// All that is known of one claim or order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State<T> {
    /// The wish; `None` while only decisions about it have arrived.
    pub lodged: Option<Lodged<T>>,
    /// The city's receipt, for claims.
    pub received: Option<Receipt>,
    /// The decision that counts.
    pub outcome: Option<Outcome>,
    /// Taken back by the branch.
    pub cancelled: bool,
    /// Consent to a proposed class.
    pub consented: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { lodged: None, received: None, outcome: None, cancelled: false, consented: false }
    }
}

/// A round of claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Counts up by one with each round.
    pub number: u32,
    /// Since when it is open.
    pub opened: Millis,
    /// Not to be closed before this moment, unless an administrator does.
    pub closes: Millis,
    /// SHA-256 of the seed that breaks ties.
    pub seed_hash: ChangeHash,
    /// The seed and the time, once decided.
    pub decided: Option<(ChangeHash, Millis)>,
}

/// Requests and decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Claims by identity.
    pub claims: BTreeMap<EventRef, State<ClaimWish>>,
    /// Orders by identity.
    pub orders: BTreeMap<EventRef, State<OrderWish>>,
    /// Joint classes by id.
    pub joint: BTreeMap<ClassId, JointClass>,
    /// Plans by the decision itself.
    pub plans: BTreeMap<EventRef, DecidedPlan>,
    /// Rounds by id.
    pub rounds: BTreeMap<RoundId, Round>,
    /// Decisions that came second on a subject and name none they supersede.
    pub surplus_decisions: BTreeSet<EventRef>,
    /// Claims that a surplus decision granted and the one that counts did not: to be displaced.
    pub undone: BTreeSet<EventRef>,
    /// The arbiter's term of the greatest number: epoch, number.
    pub term: Option<(u64, u64)>,
    /// Answers so far.
    answers: u32,
}

impl Requests {
    /// The open round, the latest if there are several.
    pub fn open_round(&self) -> Option<(RoundId, &Round)> {
        self.rounds
            .iter()
            .filter(|(_, round)| round.decided.is_none())
            .max_by_key(|(_, round)| round.number)
            .map(|(id, round)| (*id, round))
    }

    /// Claims lodged, not taken back and not decided.
    pub fn open_claims(&self) -> impl Iterator<Item = (&EventRef, &Lodged<ClaimWish>, &State<ClaimWish>)> {
        self.claims
            .iter()
            .filter(|(_, state)| !state.cancelled && state.outcome.is_none())
            .filter_map(|(id, state)| state.lodged.as_ref().map(|lodged| (id, lodged, state)))
    }

    /// Orders lodged, not taken back and not decided.
    pub fn open_orders(&self) -> impl Iterator<Item = (&EventRef, &Lodged<OrderWish>)> {
        self.orders
            .iter()
            .filter(|(_, state)| !state.cancelled && state.outcome.is_none())
            .filter_map(|(id, state)| state.lodged.as_ref().map(|lodged| (id, lodged)))
    }

    /// Whether the order is served by this class: not taken back, and not answered otherwise.
    pub fn takes_part(&self, part: &JointPart, class: ClassId) -> bool {
        self.orders.get(&part.request).is_some_and(|order| {
            !order.cancelled && order.outcome.as_ref().is_some_and(|outcome| outcome.class == Some(class))
        })
    }

    fn outcome(&mut self, entry: &Entry, subject: EventRef, order: bool, mut outcome: Outcome) {
        outcome.nth = self.answers;
        self.answers = self.answers.saturating_add(1);
        let slot = if order {
            &mut self.orders.entry(subject).or_default().outcome
        } else {
            &mut self.claims.entry(subject).or_default().outcome
        };
        match slot {
            Some(first) if entry.supersedes != Some(first.decision) => {
                self.surplus_decisions.insert(entry.reference);
                let told = matches!(first.kind, OutcomeKind::Confirmed | OutcomeKind::Displaced);
                if !order && !told && outcome.kind == OutcomeKind::Confirmed {
                    self.undone.insert(subject);
                }
            }
            _ => {
                *slot = Some(outcome);
                self.undone.remove(&subject);
            }
        }
    }

    fn decide(
        &mut self,
        entry: &Entry,
        claim: EventRef,
        kind: OutcomeKind,
        reason: &Reason,
        other: &[Alternative],
    ) {
        let outcome = Outcome {
            kind,
            reasons: vec![reason.clone()],
            alternatives: other.to_vec(),
            instead: None,
            class: None,
            decision: entry.reference,
            at: entry.claimed,
            nth: 0,
        };
        self.outcome(entry, claim, false, outcome);
    }

    fn confirm_joint(&mut self, entry: &Entry, joint: &JointConfirmed) {
        self.joint.insert(joint.session, joint.clone().into());
        for part in &joint.parts {
            let outcome = Outcome {
                kind: OutcomeKind::Confirmed,
                reasons: vec![joint.reason.clone()],
                alternatives: Vec::new(),
                instead: None,
                class: Some(joint.session),
                decision: entry.reference,
                at: entry.claimed,
                nth: 0,
            };
            self.outcome(entry, part.request, true, outcome);
        }
    }
}

impl View for Requests {
    const NAME: &'static str = "requests";

    fn apply(&mut self, entry: &Entry) {
        let said = match &entry.event {
            Event::Request(said) => said,
            Event::Arbiter(ArbiterEvent::Term(term))
                if self.term.is_none_or(|(_, number)| number <= term.number) =>
            {
                self.term = Some((term.epoch, term.number));
                return;
            }
            _ => return, // other subjects
        };
        match said {
            RequestEvent::Claim(wish) => {
                let lodged = Lodged { branch: entry.branch, at: entry.claimed, wish: wish.clone().into() };
                self.claims.entry(entry.reference).or_default().lodged = Some(lodged);
            }
            RequestEvent::Order(wish) => {
                let lodged = Lodged { branch: entry.branch, at: entry.claimed, wish: wish.clone().into() };
                self.orders.entry(entry.reference).or_default().lodged = Some(lodged);
            }
            RequestEvent::Cancelled(cancelled) => {
                if let Some(order) = self.orders.get_mut(&cancelled.request) {
                    order.cancelled = true;
                } else {
                    self.claims.entry(cancelled.request).or_default().cancelled = true;
                }
            }
            RequestEvent::Consented(consented) => {
                self.orders.entry(consented.request).or_default().consented = true;
            }
            RequestEvent::Received(received) => {
                let state = self.claims.entry(received.claim).or_default();
                if state.received.is_none() {
                    state.received = Some(received.clone().into());
                }
            }
            RequestEvent::Confirmed(c) => self.decide(entry, c.claim, OutcomeKind::Confirmed, &c.reason, &[]),
            RequestEvent::Waitlisted(c) => {
                self.decide(entry, c.claim, OutcomeKind::Waitlisted, &c.reason, &c.alternatives);
            }
            RequestEvent::Refused(c) => {
                self.decide(entry, c.claim, OutcomeKind::Refused, &c.reason, &c.alternatives)
            }
            RequestEvent::Displaced(c) => {
                self.decide(entry, c.claim, OutcomeKind::Displaced, &c.reason, &c.alternatives);
            }
            RequestEvent::Joint(joint) => self.confirm_joint(entry, joint),
            RequestEvent::Unmet(unmet) => {
                let outcome = Outcome {
                    kind: OutcomeKind::Refused,
                    reasons: unmet.reasons.clone(),
                    alternatives: Vec::new(),
                    instead: unmet.alternative.clone(),
                    class: None,
                    decision: entry.reference,
                    at: entry.claimed,
                    nth: 0,
                };
                self.outcome(entry, unmet.request, true, outcome);
            }
            RequestEvent::Plan(plan) => {
                self.plans.insert(entry.reference, plan.clone().into());
            }
            RequestEvent::RoundOpened(opened) => {
                let RoundOpened { round, number, opened, closes, seed_hash } = opened.clone();
                let opened = Round { number, opened, closes, seed_hash, decided: None };
                self.rounds.entry(round).or_insert(opened);
            }
            RequestEvent::RoundDecided(decided) => {
                if let Some(round) = self.rounds.get_mut(&decided.round) {
                    round.decided.get_or_insert((decided.seed, entry.claimed));
                }
            }
            RequestEvent::PlanInputs(_) => {} // for whoever plans once more
        }
    }
}
