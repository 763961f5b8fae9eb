//! What the checker holds of instructions: each is answered, and carried out no more than once.

use super::{Checker, NodeId, decode};
use client_core::event::EventRef;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

/// What a node holds of instructions.
#[derive(Default)]
struct Held {
    given: BTreeSet<EventRef>,
    carried_out: BTreeMap<EventRef, BTreeSet<EventRef>>,
    refused: BTreeSet<EventRef>,
}

impl Checker {
    /// An instruction that a node holds without an answer.
    pub fn unanswered(&self, node: NodeId) -> Option<EventRef> {
        let held = self.instructions(node);
        let is_open = |it: &&EventRef| !held.carried_out.contains_key(*it) && !held.refused.contains(*it);
        held.given.iter().find(is_open).copied()
    }

    /// At the end: nothing was carried out twice, or both carried out and refused.
    pub fn check_instructions(&mut self, node: NodeId) {
        let held = self.instructions(node);
        let wrong = held.carried_out.iter().find(|(it, by)| by.len() > 1 || held.refused.contains(*it));
        if let Some((instruction, by)) = wrong {
            self.of(node, &format!("answers {instruction} more than once: {by:?}"));
        }
    }

    fn instructions(&self, node: NodeId) -> Held {
        let durable = &self.nodes[node].holdings.durable;
        let mut held = Held::default();
        let changes = self.truth.iter().filter(|(hash, change)| change.honest && durable.contains(hash));
        for (_, change) in changes {
            for ((id, _), value) in change.events.iter().zip(&change.values) {
                let Some(envelope) = decode::envelope(value) else { continue };
                let (document, actor) = (change.key.document, change.key.actor);
                let event = EventRef { document, actor, event: *id };
                type Refused = (EventRef, IgnoredAny, IgnoredAny);
                match envelope.kind.as_str() {
                    "instruction.given" => {
                        held.given.insert(event);
                    }
                    "instruction.carried_out" => {
                        if let Ok((instruction,)) = rmp_serde::from_slice::<(EventRef,)>(&envelope.body) {
                            held.carried_out.entry(instruction).or_default().insert(event);
                        }
                    }
                    "instruction.refused" => {
                        if let Ok((instruction, ..)) = rmp_serde::from_slice::<Refused>(&envelope.body) {
                            held.refused.insert(instruction);
                        }
                    }
                    _ => {}
                }
            }
        }
        held
    }
}
