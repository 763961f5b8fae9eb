//! What the checker holds of the fold order: an event after what it supersedes, and of bytes under one
//! identity the first.

use super::truth::Change;
use super::{Checker, NodeId, decode};
use client_core::domain::{Event, History};
use client_core::event::{DocumentId, EventRef, Scope, Statement};
use client_core::history::{Counted, read_event};
use client_core::identity::Certificate;
use client_core::ids::{ActionId, ActorId, ChangeHash};
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// Bytes under one id: the change they came in, their hash, and the action they say they are part of.
struct Version {
    change: ChangeHash,
    hash: [u8; 32],
    action: Option<ActionId>,
    is_readable: bool,
}

impl Checker {
    /// At the end, on one node's history: what counts comes after what it supersedes, and is not hidden by
    /// something else that counts.
    pub fn check_order(&mut self, node: NodeId, history: &History) {
        let counted = Counted::of(history.ranked().collect()).entries;
        let order: BTreeMap<EventRef, usize> =
            counted.iter().enumerate().map(|(n, entry)| (entry.reference, n)).collect();
        let of_unit = |event: &EventRef| (event.document.scope, event.document.branch);
        let wrong = counted.iter().find_map(|entry| {
            let named = entry.supersedes.filter(|it| of_unit(it) == of_unit(&entry.reference))?;
            if is_superseded_by(history, &named, entry.reference) {
                return None;
            }
            let at = order.get(&named)?;
            let is_early = *at > order[&entry.reference];
            let is_final = history.get(&named).is_some_and(|it| it.event.body().info().is_final);
            let hides = entry.reference.document.scope != Scope::Decisions && !is_final;
            (is_early || hides).then_some((entry.reference, named))
        });
        if let Some((event, named)) = wrong {
            let text = format!("counts {named} beside {event}, which supersedes it, or before it");
            self.of(node, &text);
        }
    }

    /// Of bytes under one id the first on their line count; of those on parallel lines none, until the city
    /// decided on some or closed the actor.
    pub fn check_doublets(
        &mut self,
        node: NodeId,
        (shared, private): (&History, &History),
        rogue: &Certificate,
    ) {
        let held = &self.nodes[node].holdings.durable;
        let mut twice: BTreeMap<EventRef, Vec<Version>> = BTreeMap::new();
        let of_rogue = |change: &&Change| !change.honest && change.device == rogue.device.0;
        for (hash, change) in
            self.truth.iter().filter(|(hash, change)| of_rogue(change) && held.contains(hash))
        {
            for ((id, event_hash), value) in change.events.iter().zip(&change.values) {
                let event = EventRef { document: change.key.document, actor: change.key.actor, event: *id };
                twice.entry(event).or_default().push(Version {
                    change: *hash,
                    hash: *event_hash,
                    action: decode::envelope(value).map(|envelope| envelope.action),
                    is_readable: read_event::<Event>(&event.document, rogue, value).is_ok(),
                });
            }
        }
        twice.retain(|_, versions| versions.iter().any(|version| version.hash != versions[0].hash));
        let is_revoked = self.is_revoked(node, rogue.device.0);
        let wrong = twice.iter().find_map(|(event, versions)| {
            let firsts: Vec<&Version> = versions.iter().filter(|it| self.is_first(it, versions)).collect();
            let history = if event.document.scope.is_open_to_all() { shared } else { private };
            let entry = history.get(event);
            let counts = |it: &&&Version| entry.is_some_and(|entry| Some(entry.action) == it.action);
            let ruled = is_revoked || self.is_ruled(event);
            let is_one = firsts.iter().all(|it| it.hash == firsts[0].hash);
            match firsts.iter().find(counts) {
                None if entry.is_some() => Some(format!("lets later bytes of {event} count than the first")),
                None if is_one && firsts[0].is_readable && !ruled => Some(format!("leaves {event} out")),
                Some(_) if !is_one && !ruled => {
                    Some(format!("lets {event} count, of which there are several, and nobody ruled on it"))
                }
                _ => None,
            }
        });
        if let Some(text) = wrong {
            self.of(node, &text);
        }
    }

    /// Whether no other version stands before this one on its line.
    fn is_first(&self, version: &Version, versions: &[Version]) -> bool {
        let mut before = self.truth.line(version.change).skip(1);
        !before.any(|(hash, _)| versions.iter().any(|other| other.change == hash))
    }

    /// Whether the city closed the actor, or decided on some bytes of the event.
    fn is_ruled(&self, event: &EventRef) -> bool {
        let decisions = self.truth.iter().filter(|(_, change)| change.key.document.scope == Scope::Decisions);
        let mut envelopes =
            decisions.flat_map(|(_, change)| &change.values).filter_map(|value| decode::envelope(value));
        type Closed = (DocumentId, ActorId, IgnoredAny);
        type Basis = (Vec<(EventRef, IgnoredAny)>,);
        envelopes.any(|envelope| match envelope.kind.as_str() {
            "actor.closed" => rmp_serde::from_slice::<Closed>(&envelope.body)
                .is_ok_and(|(document, actor, _)| (document, actor) == (event.document, event.actor)),
            "decision.basis" => rmp_serde::from_slice::<Basis>(&envelope.body)
                .is_ok_and(|(events,)| events.iter().any(|(basis, _)| basis == event)),
            _ => false,
        })
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
