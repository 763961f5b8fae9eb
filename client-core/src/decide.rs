//! Decisions: what only the city writes, worked out from views alone.
//!
//! Everything here is pure, so a preview runs where the branch is and anyone can replay a decision:
//! the same views, the same frontier and the same seed give the same decisions under the same ids.
//!
//! Decisions are total over whatever the views hold: an overflow would end the node that decides, and every
//! node that previews.

#![deny(clippy::arithmetic_side_effects)]

mod alternatives;
mod clock;
mod displace;
mod eligible;
mod figures;
pub mod instruction;
mod occupancy;
mod openings;
mod recheck;
mod round;
pub mod timetable;
mod turns;
mod upkeep;

pub use alternatives::alternatives;
pub use clock::{FarAhead, corrections, far_ahead};
pub use displace::displace;
pub use eligible::{Obstacle, obstacles};
pub use recheck::{Recheck, recheck};
pub use round::{decide_now, decide_round};
pub use upkeep::{basis, closings, needs_newer, upkeep};

use crate::domain::{ClaimReceived, DecisionMode, Draft, Event, RoundOpened, SharedViews};
use crate::event::{EventRef, Statement};
use crate::ids::{BranchId, ChangeHash, EventId, RoundId};
use crate::time::{Millis, Slot};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// One decision with the id it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Hash of kind, subject and input frontier.
    pub id: EventId,
    /// What was decided.
    pub event: Event,
    /// The decision it takes the place of.
    pub supersedes: Option<EventRef>,
}

impl Decision {
    fn new(subject: &str, frontier: ChangeHash, event: impl Into<Event>) -> Self {
        let event = event.into();
        let kind = event.body().info().name;
        Self {
            id: EventId(short_hash(&[kind.as_bytes(), subject.as_bytes(), &frontier.0])),
            event,
            supersedes: None,
        }
    }
}

impl From<Decision> for Draft {
    fn from(decision: Decision) -> Self {
        let draft = Self::new(BranchId::CITY, decision.event);
        Self { id: Some(decision.id), supersedes: decision.supersedes, ..draft }
    }
}

/// Below this a claim is decided by order of receipt.
const IMMEDIATE_HOURS: i64 = 72;

/// Whether a claim waits for a round to be opened.
pub fn needs_round(views: &SharedViews, now: Millis) -> bool {
    unreceived(views).any(|(_, _, slot)| mode(views, &slot, now) == DecisionMode::Round)
}

/// Opens the next round.
pub fn open_round(views: &SharedViews, now: Millis, round: RoundId, seed: ChangeHash) -> Event {
    let last = views.requests.rounds.values().map(|round| round.number).max().unwrap_or(0);
    let open_minutes = i64::from(views.branches.policy.round_open_days).saturating_mul(24 * 60);
    let seed_hash = ChangeHash(Sha256::digest(seed.0).into());
    RoundOpened {
        round,
        number: last.saturating_add(1),
        opened: now,
        closes: now.plus_minutes(open_minutes),
        seed_hash,
    }
    .into()
}

/// Open claims of one branch that one round or batch takes in, so that no branch makes it long for all.
const CLAIMS_AT_ONCE: usize = 1_000;

/// The city's receipt for claims that have none. Claims that need a round wait for an open one, and what a
/// branch has too many of waits for the next round or batch.
pub fn receipts(views: &SharedViews, now: Millis) -> Vec<Event> {
    let open = views.requests.open_round().map(|(id, _)| id);
    let mut taken_in: BTreeMap<(BranchId, Option<RoundId>), usize> = BTreeMap::new();
    for (_, lodged, state) in views.requests.open_claims() {
        if let Some(received) = &state.received {
            let count = taken_in.entry((lodged.branch, received.round)).or_default();
            *count = count.saturating_add(1);
        }
    }
    let mut receipts = Vec::new();
    for (claim, branch, slot) in unreceived(views) {
        let mode = mode(views, &slot, now);
        let round = if mode == DecisionMode::Round { open } else { None };
        if mode == DecisionMode::Round && round.is_none() {
            continue;
        }
        let count = taken_in.entry((branch, round)).or_default();
        if *count < CLAIMS_AT_ONCE {
            *count = count.saturating_add(1);
            receipts.push(ClaimReceived { claim, at: now, mode, round }.into());
        }
    }
    receipts
}

fn unreceived(views: &SharedViews) -> impl Iterator<Item = (EventRef, BranchId, Slot)> {
    views
        .requests
        .open_claims()
        .filter(|(_, _, state)| state.received.is_none())
        .map(|(id, lodged, _)| (*id, lodged.branch, lodged.wish.slot))
}

fn mode(views: &SharedViews, slot: &Slot, now: Millis) -> DecisionMode {
    let ahead = slot.start().0.saturating_sub(now.0);
    if ahead > i64::from(views.branches.policy.round_lead_days).saturating_mul(Millis::DAY) {
        DecisionMode::Round
    } else if ahead >= IMMEDIATE_HOURS * 60 * Millis::MINUTE {
        DecisionMode::Daily
    } else {
        DecisionMode::Immediate
    }
}

fn short_hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize()[..16].try_into().expect("16 of 32 bytes")
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
