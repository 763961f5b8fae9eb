//! Deciding a round once more, from the history alone: what anyone who doubts a decision can do.

use super::decide_round;
use crate::domain::{ClaimReceived, Entry, Event, History, RequestEvent, RoundDecided, SharedViews};
use crate::event::{EventRef, Scope, Statement};
use crate::ids::{ChangeHash, RoundId};
use crate::time::{Millis, Stamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// A round decided once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recheck {
    /// The round.
    pub round: RoundId,
    /// Claims it decided.
    pub claims: usize,
    /// Whether the seed that was opened is the one that was promised.
    pub seed_holds: bool,
    /// Claims that come out otherwise; empty if everything holds.
    pub differing: Vec<EventRef>,
}

/// Decides the round that was closed last once more, as if its claims had arrived in the reverse order.
///
/// It leaves out what was written after the closing. A fact that was written before and arrived after
/// may make a claim differ; the frontier in `round.decided` says what the city held.
pub fn recheck(history: &History) -> Option<Recheck> {
    let closing = last_closing(history)?;
    let claims = claims_of(history, closing.round);
    let receipts = reversed(history, &claims);
    let first_outcome =
        outcomes(history).filter(|(claim, _)| claims.contains(claim)).map(|(_, entry)| entry.stamp).min();
    let until = first_outcome.unwrap_or(closing.stamp);
    let before = history.edited(|entry| {
        let known = if entry.reference.document.scope == Scope::Decisions {
            entry.stamp < until
        } else {
            entry.stamp <= closing.stamp
        };
        known.then(|| with_receipt(entry, &receipts))
    });
    let views = SharedViews::fold(&before);
    let again = decide_round(&views, closing.round, closing.seed, closing.at, closing.frontier);
    let again: BTreeSet<Answer> = again.iter().filter_map(|decision| answer(&decision.event)).collect();
    let recorded: BTreeSet<Answer> = outcomes(history)
        .filter(|(claim, entry)| claims.contains(claim) && entry.supersedes.is_none())
        .filter_map(|(_, entry)| answer(&entry.event))
        .collect();
    let differing: BTreeSet<EventRef> =
        again.symmetric_difference(&recorded).map(|(claim, _, _)| *claim).collect();
    let promised = views.requests.rounds.get(&closing.round).map(|round| round.seed_hash);
    Some(Recheck {
        round: closing.round,
        claims: claims.len(),
        seed_holds: promised == Some(ChangeHash(Sha256::digest(closing.seed.0).into())),
        differing: differing.into_iter().collect(),
    })
}

/// A claim and how it was answered.
type Answer = (EventRef, &'static str, Vec<u8>);

struct Closing {
    round: RoundId,
    seed: ChangeHash,
    frontier: ChangeHash,
    stamp: Stamp,
    at: Millis,
}

fn last_closing(history: &History) -> Option<Closing> {
    history.ranked().rev().find_map(|entry| {
        let decided = entry.event.get::<RoundDecided>()?;
        Some(Closing {
            round: decided.round,
            seed: decided.seed,
            frontier: decided.frontier,
            stamp: entry.stamp,
            at: entry.claimed,
        })
    })
}

fn claims_of(history: &History, round: RoundId) -> BTreeSet<EventRef> {
    let received = history.ranked().filter_map(|entry| entry.event.get::<ClaimReceived>());
    received.filter(|received| received.round == Some(round)).map(|received| received.claim).collect()
}

/// The moments of arrival, handed out in the reverse order.
fn reversed(history: &History, claims: &BTreeSet<EventRef>) -> BTreeMap<EventRef, Millis> {
    let received = history.ranked().filter_map(|entry| entry.event.get::<ClaimReceived>());
    let of_round = received.filter(|received| claims.contains(&received.claim));
    let mut arrived: Vec<(Millis, EventRef)> =
        of_round.map(|received| (received.at, received.claim)).collect();
    arrived.sort_unstable();
    let moments: Vec<Millis> = arrived.iter().rev().map(|(at, _)| *at).collect();
    arrived.into_iter().zip(moments).map(|((_, claim), at)| (claim, at)).collect()
}

fn with_receipt(entry: &Entry, receipts: &BTreeMap<EventRef, Millis>) -> Entry {
    let mut entry = entry.clone();
    if let Event::Request(RequestEvent::Received(received)) = &mut entry.event
        && let Some(at) = receipts.get(&received.claim)
    {
        received.at = *at;
    }
    entry
}

fn outcomes(history: &History) -> impl Iterator<Item = (EventRef, &Entry)> {
    history.ranked().filter_map(|entry| Some((claim_of(&entry.event)?, entry)))
}

fn claim_of(event: &Event) -> Option<EventRef> {
    let Event::Request(said) = event else { return None };
    match said {
        RequestEvent::Confirmed(confirmed) => Some(confirmed.claim),
        RequestEvent::Refused(refused) => Some(refused.claim),
        RequestEvent::Waitlisted(waitlisted) => Some(waitlisted.claim),
        _ => None,
    }
}

fn answer(event: &Event) -> Option<Answer> {
    let body = event.body();
    Some((claim_of(event)?, body.info().name, body.encode()))
}
