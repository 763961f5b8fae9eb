//! What the checker holds of the fold order: an event after what it supersedes, and of two events with
//! one identity the one with the smaller hash.

use super::{Checker, NodeId, decode};
use client_core::event::EventRef;
use client_core::fold::{self, History};
use client_core::identity::Certificate;
use client_core::ids::ActionId;
use std::collections::{BTreeMap, BTreeSet};

/// The versions of one event: each one's hash, and the action it says it is part of.
type Versions = BTreeSet<([u8; 32], Option<ActionId>)>;

impl Checker {
    /// At the end, on one node's history.
    pub fn check_order(&mut self, node: NodeId, history: &History) {
        let order: BTreeMap<EventRef, usize> =
            history.ordered().iter().enumerate().map(|(n, entry)| (entry.reference, n)).collect();
        let early = history.ordered().into_iter().find(|entry| {
            let earlier =
                entry.supersedes.filter(|earlier| !is_superseded_by(history, earlier, entry.reference));
            earlier.and_then(|earlier| order.get(&earlier)).is_some_and(|at| *at > order[&entry.reference])
        });
        if let Some(entry) = early {
            let text = format!("folds {} before what it supersedes", entry.reference);
            self.of(node, &text);
        }
    }

    /// Of events that came twice with differing bytes the smaller hash must count.
    pub fn check_doublets(&mut self, node: NodeId, history: &History, rogue: &Certificate) {
        let held = &self.nodes[node].holdings.durable;
        let mut twice: BTreeMap<EventRef, Versions> = BTreeMap::new();
        for (hash, change) in self.truth.iter().filter(|(_, change)| !change.honest) {
            let same_key = change.device == rogue.device.0;
            if !same_key || !held.contains(hash) {
                continue;
            }
            for ((id, event_hash), value) in change.events.iter().zip(&change.values) {
                let document = change.key.document;
                if fold::read_event(&document, rogue, value).is_ok() {
                    let event = EventRef { document, actor: change.key.actor, event: *id };
                    let action = decode::envelope(value).map(|envelope| envelope.action);
                    twice.entry(event).or_default().insert((*event_hash, action));
                }
            }
        }
        let wrong = twice.iter().find(|(event, versions)| {
            let smallest = versions.first().and_then(|(_, action)| *action);
            history.get(event).is_some_and(|entry| Some(entry.action) != smallest)
        });
        if let Some((event, _)) = wrong {
            let text = format!("lets another version of {event} count than the one of the smaller hash");
            self.of(node, &text);
        }
    }
}

/// Whether events supersede each other in a circle; then none of them comes first.
fn is_superseded_by(history: &History, event: &EventRef, by: EventRef) -> bool {
    let mut at = *event;
    for _ in 0..history.len() {
        match history.get(&at).and_then(|entry| entry.supersedes) {
            Some(earlier) if earlier == by => return true,
            Some(earlier) => at = earlier,
            None => return false,
        }
    }
    true
}
