//! What the checker holds of a revoked device, by rules of its own: nothing counts that was not accepted.

use super::{Checker, NodeId, decode};
use client_core::domain::History;
use client_core::event::DocumentId;
use client_core::ids::{ActorId, ChangeHash};
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

/// What is accepted of each device that was revoked: its changes, by the rulings a node holds.
type Accepted = BTreeMap<[u8; 16], BTreeSet<ChangeHash>>;

impl Checker {
    /// At the end, on one node's histories: what a revoked device wrote beyond what was accepted of it does
    /// not count.
    pub fn check_revoked(&mut self, node: NodeId, histories: [&History; 2]) {
        let accepted = self.accepted(node);
        let mut entries = histories.into_iter().flat_map(History::ranked);
        let wrong = entries.find(|entry| {
            let Some(accepted) = accepted.get(&entry.device.0) else { return false };
            !self.truth.of_event(&entry.reference).any(|change| accepted.contains(change))
        });
        if let Some(entry) = wrong {
            let text = format!("lets {} count, of a revoked device", entry.reference);
            self.of(node, &text);
        }
    }

    /// Whether a node holds the ruling that revokes this device.
    pub fn is_revoked(&self, node: NodeId, device: [u8; 16]) -> bool {
        self.accepted(node).contains_key(&device)
    }

    fn accepted(&self, node: NodeId) -> Accepted {
        let held = &self.nodes[node].holdings.durable;
        let mut accepted = Accepted::new();
        for (_, change) in self.truth.iter().filter(|(hash, _)| held.contains(hash)) {
            for envelope in change.values.iter().filter_map(|value| decode::envelope(value)) {
                type Line = (DocumentId, ActorId, Vec<ChangeHash>);
                type Revoked = (client_core::ids::DeviceId, IgnoredAny, IgnoredAny, Vec<Line>);
                if envelope.kind != "device.revoked" || !change.honest {
                    continue;
                }
                let Ok((device, _, _, lines)) = rmp_serde::from_slice::<Revoked>(&envelope.body) else {
                    continue;
                };
                let heads = lines.into_iter().flat_map(|(_, _, heads)| heads);
                let changes = heads.flat_map(|head| self.truth.line(head).map(|(hash, _)| hash));
                accepted.entry(device.0).or_default().extend(changes);
            }
        }
        accepted
    }
}
