//! Claims and orders, and what the city decided on them.

use super::{
    Alternative, ClaimWish, DecidedPlan, JointClass, JointConfirmed, JointPart, OrderAlternative, OrderWish,
    Reason, Receipt, RequestEvent, RoundOpened,
};
use crate::domain::{ArbiterEvent, Entry, Event, View};
use crate::event::EventRef;
use crate::ids::{ActorId, BranchId, ChangeHash, ClassId, RoundId};
use crate::time::{Millis, Stamp};
use imbl::{OrdMap, OrdSet};
use serde::Serialize;
use std::collections::BTreeSet;

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
    /// Its place among all answers.
    #[serde(skip)]
    pub place: Place,
}

/// The place of an answer among all, in the order in which decisions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    epoch: u32,
    stamp: Stamp,
    actor: ActorId,
    at: (u64, u32),
    /// Of a class that answers several orders.
    part: usize,
}

impl Place {
    fn of(entry: &Entry, part: usize) -> Self {
        Self { epoch: entry.epoch, stamp: entry.stamp, actor: entry.reference.actor, at: entry.at, part }
    }
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
    pub claims: OrdMap<EventRef, State<ClaimWish>>,
    /// Orders by identity.
    pub orders: OrdMap<EventRef, State<OrderWish>>,
    /// Joint classes by id.
    pub joint: OrdMap<ClassId, JointClass>,
    /// Plans by the decision itself.
    pub plans: OrdMap<EventRef, DecidedPlan>,
    /// Rounds by id.
    pub rounds: OrdMap<RoundId, Round>,
    /// By claim and order: decisions that came second on it and name none they supersede.
    pub surplus_decisions: OrdMap<EventRef, BTreeSet<EventRef>>,
    /// Claims that a surplus decision granted and the one that counts did not: to be displaced.
    pub undone: OrdSet<EventRef>,
    /// The arbiter's term of the greatest number: epoch, number.
    pub term: Option<(u64, u64)>,
}

/// By what requests and decisions are folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKey {
    /// A claim or an order, with what was decided on it.
    Request(EventRef),
    /// A joint class.
    Joint(ClassId),
    /// A plan, by its decision.
    Plan(EventRef),
    /// A round.
    Round(RoundId),
    /// The arbiter's terms.
    Terms,
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

    fn outcome(&mut self, entry: &Entry, subject: EventRef, order: bool, outcome: Outcome) {
        let slot = if order {
            &mut self.orders.entry(subject).or_default().outcome
        } else {
            &mut self.claims.entry(subject).or_default().outcome
        };
        match slot {
            Some(first) if entry.supersedes != Some(first.decision) => {
                let told = matches!(first.kind, OutcomeKind::Confirmed | OutcomeKind::Displaced);
                self.surplus_decisions.entry(subject).or_default().insert(entry.reference);
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
            place: Place::of(entry, 0),
        };
        self.outcome(entry, claim, false, outcome);
    }

    /// What a joint class says of one of the orders it serves.
    fn serve(&mut self, entry: &Entry, order: EventRef, joint: &JointConfirmed) {
        for (n, _) in joint.parts.iter().enumerate().filter(|(_, part)| part.request == order) {
            let outcome = Outcome {
                kind: OutcomeKind::Confirmed,
                reasons: vec![joint.reason.clone()],
                alternatives: Vec::new(),
                instead: None,
                class: Some(joint.session),
                decision: entry.reference,
                at: entry.claimed,
                place: Place::of(entry, n),
            };
            self.outcome(entry, order, true, outcome);
        }
    }

    fn take(&mut self, request: EventRef, entry: &Entry, said: &RequestEvent) {
        match said {
            RequestEvent::Claim(wish) => {
                let lodged = Lodged { branch: entry.branch, at: entry.claimed, wish: wish.clone().into() };
                self.claims.entry(request).or_default().lodged = Some(lodged);
            }
            RequestEvent::Order(wish) => {
                let lodged = Lodged { branch: entry.branch, at: entry.claimed, wish: wish.clone().into() };
                self.orders.entry(request).or_default().lodged = Some(lodged);
            }
            RequestEvent::Cancelled(_) => {
                if let Some(order) = self.orders.get_mut(&request) {
                    order.cancelled = true;
                } else {
                    self.claims.entry(request).or_default().cancelled = true;
                }
            }
            RequestEvent::Consented(_) => self.orders.entry(request).or_default().consented = true,
            RequestEvent::Received(received) => {
                let state = self.claims.entry(request).or_default();
                if state.received.is_none() {
                    state.received = Some(received.clone().into());
                }
            }
            RequestEvent::Confirmed(c) => {
                self.decide(entry, request, OutcomeKind::Confirmed, &c.reason, &[]);
            }
            RequestEvent::Waitlisted(c) => {
                self.decide(entry, request, OutcomeKind::Waitlisted, &c.reason, &c.alternatives);
            }
            RequestEvent::Refused(c) => {
                self.decide(entry, request, OutcomeKind::Refused, &c.reason, &c.alternatives);
            }
            RequestEvent::Displaced(c) => {
                self.decide(entry, request, OutcomeKind::Displaced, &c.reason, &c.alternatives);
            }
            RequestEvent::Joint(joint) => self.serve(entry, request, joint),
            RequestEvent::Unmet(unmet) => {
                let outcome = Outcome {
                    kind: OutcomeKind::Refused,
                    reasons: unmet.reasons.clone(),
                    alternatives: Vec::new(),
                    instead: unmet.alternative.clone(),
                    class: None,
                    decision: entry.reference,
                    at: entry.claimed,
                    place: Place::of(entry, 0),
                };
                self.outcome(entry, request, true, outcome);
            }
            RequestEvent::Plan(_)
            | RequestEvent::PlanInputs(_)
            | RequestEvent::RoundOpened(_)
            | RequestEvent::RoundDecided(_) => {} // of no request
        }
    }
}

impl View for Requests {
    const NAME: &'static str = "requests";

    type Key = RequestKey;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = RequestKey> {
        let said = match &entry.event {
            Event::Request(said) => said,
            Event::Arbiter(ArbiterEvent::Term(_)) => return vec![RequestKey::Terms],
            _ => return Vec::new(), // other subjects
        };
        let one = |request: EventRef| vec![RequestKey::Request(request)];
        match said {
            RequestEvent::Claim(_) | RequestEvent::Order(_) => one(entry.reference),
            RequestEvent::Cancelled(it) => one(it.request),
            RequestEvent::Consented(it) => one(it.request),
            RequestEvent::Received(it) => one(it.claim),
            RequestEvent::Confirmed(it) => one(it.claim),
            RequestEvent::Waitlisted(it) => one(it.claim),
            RequestEvent::Refused(it) => one(it.claim),
            RequestEvent::Displaced(it) => one(it.claim),
            RequestEvent::Unmet(it) => one(it.request),
            RequestEvent::Joint(joint) => {
                let served: BTreeSet<EventRef> = joint.parts.iter().map(|part| part.request).collect();
                let served = served.into_iter().map(RequestKey::Request);
                served.chain([RequestKey::Joint(joint.session)]).collect()
            }
            RequestEvent::Plan(_) => vec![RequestKey::Plan(entry.reference)],
            RequestEvent::RoundOpened(it) => vec![RequestKey::Round(it.round)],
            RequestEvent::RoundDecided(it) => vec![RequestKey::Round(it.round)],
            RequestEvent::PlanInputs(_) => Vec::new(), // for whoever plans once more
        }
    }

    fn forget(&mut self, key: &RequestKey) {
        match key {
            RequestKey::Request(request) => {
                self.claims.remove(request);
                self.orders.remove(request);
                self.undone.remove(request);
                self.surplus_decisions.remove(request);
            }
            RequestKey::Joint(class) => drop(self.joint.remove(class)),
            RequestKey::Plan(decision) => drop(self.plans.remove(decision)),
            RequestKey::Round(round) => drop(self.rounds.remove(round)),
            RequestKey::Terms => self.term = None,
        }
    }

    fn apply(&mut self, key: &RequestKey, entry: &Entry) {
        match (key, &entry.event) {
            (RequestKey::Request(request), Event::Request(said)) => self.take(*request, entry, said),
            (RequestKey::Joint(class), Event::Request(RequestEvent::Joint(joint))) => {
                self.joint.insert(*class, joint.clone().into());
            }
            (RequestKey::Plan(decision), Event::Request(RequestEvent::Plan(plan))) => {
                self.plans.insert(*decision, plan.clone().into());
            }
            (RequestKey::Round(round), Event::Request(RequestEvent::RoundOpened(opened))) => {
                let RoundOpened { round: _, number, opened, closes, seed_hash } = opened.clone();
                let opened = Round { number, opened, closes, seed_hash, decided: None };
                self.rounds.entry(*round).or_insert(opened);
            }
            (RequestKey::Round(round), Event::Request(RequestEvent::RoundDecided(decided))) => {
                if let Some(round) = self.rounds.get_mut(round) {
                    round.decided.get_or_insert((decided.seed, entry.claimed));
                }
            }
            (RequestKey::Terms, Event::Arbiter(ArbiterEvent::Term(term)))
                if self.term.is_none_or(|(_, number)| number <= term.number) =>
            {
                self.term = Some((term.epoch, term.number));
            }
            _ => {} // of other keys
        }
    }
}
