//! The order in which decisions count. A line of the city that comes back after a restore goes before
//! the epoch that did not know it, whatever the clocks said.

use super::Entry;
use crate::event::{DocumentId, Ruling, Scope, Statement};
use crate::ids::ActorId;
use std::collections::BTreeMap;

/// All entries by rank, but decisions by epoch once there are several.
///
/// A restore begins a new epoch, and its first term knew the first term of every epoch before it: so
/// epochs count in the order of their first terms.
pub fn by_epoch<'a, E: Statement>(ranked: impl Iterator<Item = &'a Entry<E>>) -> Vec<&'a Entry<E>> {
    let ordered: Vec<&Entry<E>> = ranked.collect();
    let mut epochs: BTreeMap<u64, usize> = BTreeMap::new();
    let mut of_actor: BTreeMap<(DocumentId, ActorId), usize> = BTreeMap::new();
    for entry in &ordered {
        if let Some(Ruling::Term(epoch)) = entry.event.body().ruling() {
            let next = epochs.len().saturating_add(1);
            let rank = *epochs.entry(epoch).or_insert(next);
            of_actor.insert((entry.reference.document, entry.reference.actor), rank);
        }
    }
    if epochs.len() < 2 {
        return ordered;
    }
    let mut current = 1;
    let mut ranked = Vec::with_capacity(ordered.len());
    for entry in ordered {
        if entry.reference.document.scope != Scope::Decisions {
            ranked.push((0, entry));
            continue;
        }
        if let Some(Ruling::Term(epoch)) = entry.event.body().ruling() {
            current = epochs[&epoch];
        }
        // A line without a term of its own goes on from the term before it.
        let own = of_actor.get(&(entry.reference.document, entry.reference.actor));
        ranked.push((own.copied().unwrap_or(current), entry));
    }
    ranked.sort_by_key(|(epoch, _)| *epoch);
    ranked.into_iter().map(|(_, entry)| entry).collect()
}
