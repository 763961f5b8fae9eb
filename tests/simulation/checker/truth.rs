//! What every author wrote, taken down at the author's own disk before anybody else saw it.

use super::decode;
use client_core::event::EventRef;
use client_core::ids::{ChangeHash, EventId};
use client_core::log::{LogKey, Run};
use std::collections::{BTreeMap, BTreeSet};

/// One change.
pub struct Change {
    pub key: LogKey,
    pub seq: u64,
    pub before: ChangeHash,
    /// Ids and hashes of its events.
    pub events: Vec<(EventId, [u8; 32])>,
    /// The bytes of its events.
    pub values: Vec<Vec<u8>>,
    /// The device whose key signed it.
    pub device: [u8; 16],
    /// Whether it came from a device that keeps the rules.
    pub honest: bool,
}

/// Every change ever written.
pub struct Truth {
    /// No clock was ever wrong.
    pub clocks_are_right: bool,
    changes: BTreeMap<ChangeHash, Change>,
    by_event: BTreeMap<EventRef, BTreeSet<ChangeHash>>,
}

impl Default for Truth {
    fn default() -> Self {
        Self { clocks_are_right: true, changes: BTreeMap::new(), by_event: BTreeMap::new() }
    }
}

impl Truth {
    /// The stamps of a change's events.
    pub fn stamps(&self, hash: &ChangeHash) -> impl Iterator<Item = u64> {
        let values = self.changes.get(hash).into_iter().flat_map(|change| &change.values);
        values.filter_map(|value| decode::envelope(value)).map(|envelope| envelope.stamp)
    }

    pub fn get(&self, hash: &ChangeHash) -> Option<&Change> {
        self.changes.get(hash)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ChangeHash, &Change)> {
        self.changes.iter()
    }

    /// The changes that carry an event's identity.
    pub fn of_event(&self, event: &EventRef) -> impl Iterator<Item = &ChangeHash> {
        self.by_event.get(event).into_iter().flatten()
    }

    pub fn device_of(&self, hashes: &[ChangeHash]) -> Option<[u8; 16]> {
        self.changes.get(hashes.first()?).map(|change| change.device)
    }

    /// Takes down a run of one change. Gives back how many events are new.
    pub fn wrote(&mut self, run: &Run, device: [u8; 16], honest: bool) -> usize {
        let Some(changes) = decode::changes(&run.bytes) else { return 0 };
        let [events] = &changes[..] else { return 0 };
        if self.changes.contains_key(&run.last_hash) {
            return 0;
        }
        for (id, _) in events {
            let event = EventRef { document: run.document, actor: run.actor, event: *id };
            self.by_event.entry(event).or_default().insert(run.last_hash);
        }
        let change = Change {
            key: run.key(),
            seq: run.last_seq,
            before: run.before,
            events: events.iter().map(|event| (event.0, decode::event_hash(event))).collect(),
            values: events.iter().map(|event| event.1.clone()).collect(),
            device,
            honest,
        };
        self.changes.insert(run.last_hash, change);
        events.len()
    }

    /// The change and all before it on its line, newest first.
    pub fn line(&self, head: ChangeHash) -> impl Iterator<Item = (ChangeHash, &Change)> {
        let mut hash = head;
        std::iter::from_fn(move || {
            let change = self.changes.get(&hash)?;
            let at = hash;
            hash = change.before;
            Some((at, change))
        })
    }
}
