//! Decisions: what only the city writes, worked out from views alone.
//!
//! Everything here is pure, so a preview runs where the branch is and anyone can replay a decision:
//! the same views, the same frontier and the same seed give the same decisions under the same ids.

mod alternatives;
mod clock;
mod displace;
mod eligible;
mod recheck;
mod round;
pub mod timetable;

pub use alternatives::alternatives;
pub use clock::{FarAhead, corrections, far_ahead};
pub use displace::displace;
pub use eligible::{Obstacle, obstacles};
pub use recheck::{Recheck, recheck};
pub use round::{decide_now, decide_round};

use crate::event::{ClaimReceived, DecisionMode, Draft, Event, EventRef, RoundOpened};
use crate::fold::SharedViews;
use crate::ids::{BranchId, ChangeHash, EventId, SubjectId};
use crate::time::{Millis, Slot};
use sha2::{Digest, Sha256};

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
        let kind = event.kind().map_or("", |(kind, _, _)| kind);
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
    unreceived(views).any(|(_, slot)| mode(views, &slot, now) == DecisionMode::Round)
}

/// Opens the next round.
pub fn open_round(views: &SharedViews, now: Millis, round: SubjectId, seed: ChangeHash) -> Event {
    let last = views.requests.rounds.values().map(|round| round.opened.number).max().unwrap_or(0);
    let open_minutes = i64::from(views.branches.policy.round_open_days) * 24 * 60;
    let seed_hash = ChangeHash(Sha256::digest(seed.0).into());
    RoundOpened { round, number: last + 1, opened: now, closes: now.plus_minutes(open_minutes), seed_hash }
        .into()
}

/// The city's receipt for every claim that has none. Claims that need a round wait for an open one.
pub fn receipts(views: &SharedViews, now: Millis) -> Vec<Event> {
    let open = views.requests.open_round().map(|(id, _)| id);
    unreceived(views)
        .filter_map(|(claim, slot)| {
            let mode = mode(views, &slot, now);
            let round = match mode {
                DecisionMode::Round => Some(open?),
                DecisionMode::Daily | DecisionMode::Immediate => None,
            };
            Some(ClaimReceived { claim, at: now, mode, round }.into())
        })
        .collect()
}

fn unreceived(views: &SharedViews) -> impl Iterator<Item = (EventRef, Slot)> {
    views
        .requests
        .open_claims()
        .filter(|(_, _, state)| state.received.is_none())
        .map(|(id, lodged, _)| (*id, lodged.wish.slot))
}

fn mode(views: &SharedViews, slot: &Slot, now: Millis) -> DecisionMode {
    let ahead = slot.start().0 - now.0;
    if ahead > i64::from(views.branches.policy.round_lead_days) * Millis::DAY {
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
mod tests;
