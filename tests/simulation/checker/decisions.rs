//! What the checker holds of decisions: from the city alone, and what somebody saw confirmed stays so.

use super::{Checker, NodeId, Truth, decode};
use client_core::domain::{OutcomeKind, SharedViews};
use client_core::event::{EventRef, Scope};
use client_core::ids::ChangeHash;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

/// The key under which the city's arbiter writes.
const ARBITER: [u8; 16] = [41; 16];

/// What was durable somewhere.
#[derive(Default)]
pub struct Seen {
    /// Confirmations that another node than the city has held, with the change they came in.
    confirmed: BTreeMap<EventRef, ChangeHash>,
    displaced: BTreeSet<EventRef>,
    /// Decisions from somebody else than the city.
    foreign: Vec<ChangeHash>,
}

impl Seen {
    /// A change is durable at a node.
    pub fn stored(&mut self, hash: ChangeHash, truth: &Truth, elsewhere: bool) {
        let Some(change) = truth.get(&hash).filter(|change| change.key.document.scope == Scope::Decisions)
        else {
            return;
        };
        if change.device != ARBITER {
            self.foreign.push(hash);
        }
        for envelope in change.values.iter().filter_map(|value| decode::envelope(value)) {
            match envelope.kind.as_str() {
                "claim.confirmed" if elsewhere => {
                    type Confirmed = (EventRef, IgnoredAny);
                    if let Ok((claim, _)) = rmp_serde::from_slice::<Confirmed>(&envelope.body) {
                        self.confirmed.entry(claim).or_insert(hash);
                    }
                }
                "claim.displaced" => {
                    type Displaced = (EventRef, IgnoredAny, IgnoredAny);
                    if let Ok((claim, ..)) = rmp_serde::from_slice::<Displaced>(&envelope.body) {
                        self.displaced.insert(claim);
                    }
                }
                _ => {}
            }
        }
    }

    pub fn confirmations(&self) -> usize {
        self.confirmed.len()
    }
}

impl Checker {
    /// At the end, on one node's views.
    pub fn check_decisions(&mut self, node: NodeId, views: &SharedViews) {
        if let Some(hash) = self.seen.foreign.first() {
            let text = format!("holds the decision {hash}, which is not the city's");
            self.of(node, &text);
        }
        let undone = self.seen.confirmed.iter().find(|(claim, hash)| {
            let excused = self.seen.displaced.contains(claim) || self.lost_with_city.contains(hash);
            let outcome = views.requests.claims.get(*claim).and_then(|state| state.outcome.as_ref());
            !excused && outcome.is_none_or(|outcome| outcome.kind != OutcomeKind::Confirmed)
        });
        if let Some((claim, _)) = undone {
            let text = format!("the confirmed claim {claim} was undone");
            self.of(node, &text);
        }
        let firm: Vec<_> = views
            .requests
            .claims
            .values()
            .filter(|state| {
                let kind = state.outcome.as_ref().map(|outcome| outcome.kind);
                kind == Some(OutcomeKind::Confirmed) && !state.cancelled
            })
            .filter_map(|state| state.lodged.as_ref())
            .collect();
        for (n, first) in firm.iter().enumerate() {
            for second in &firm[n + 1..] {
                let (a, b) = (&first.wish, &second.wish);
                if a.teacher.is_some() && a.teacher == b.teacher && a.slot.overlaps(&b.slot) {
                    self.of(node, "two confirmed claims share a teacher at one time");
                }
            }
        }
    }
}
