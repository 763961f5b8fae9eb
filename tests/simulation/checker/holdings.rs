//! What one disk holds, as the checker reads it from the records themselves.

use super::decode::{self, NOTHING};
use super::truth::Truth;
use crate::node::{is_own_writing, read};
use client_core::event::{DocumentId, Scope};
use client_core::ids::{BranchId, ChangeHash};
use client_core::log::{LogKey, Place, Run};
use client_core::replica::Record;
use client_core::sync::Cursor;
use std::collections::{BTreeMap, BTreeSet};

/// Whose readers may read a document: everybody's, or one branch's.
pub type Readers = Option<BranchId>;

pub fn readers(document: &DocumentId) -> Readers {
    (document.scope == Scope::Private).then_some(document.branch)
}

/// A disk's content.
#[derive(Clone, Default)]
pub struct Holdings {
    /// Every change that is durable.
    pub durable: BTreeSet<ChangeHash>,
    /// An order-free sum of them by who may read them, honest authors' apart from others'.
    sums: BTreeMap<(Readers, bool), u64>,
    /// Runs in the order they were stored.
    pub feed: Vec<(LogKey, Vec<ChangeHash>)>,
    /// Own actors on which a copy of this device has written.
    pub shared_actors: BTreeSet<LogKey>,
    /// Own writes on such an actor since.
    pub writes_on_shared: BTreeMap<LogKey, u32>,
    /// The place in the upstream's feed.
    pub cursor: Cursor,
    /// Up to where the cursor was checked, and in which epoch.
    pub cursor_checked: (u64, u64),
    /// The latest stamp of the decisions on it.
    latest_decision: u64,
    written: Vec<Written>,
}

/// One batch that is written and not yet synced.
#[derive(Clone)]
struct Written {
    runs: Vec<(LogKey, Vec<ChangeHash>)>,
    own: bool,
    cursor: Option<Cursor>,
}

impl Holdings {
    /// A batch was written. Gives back what is wrong with it.
    pub fn write(&mut self, records: &[Record], truth: &Truth) -> Vec<String> {
        let mut wrong = Vec::new();
        let own = is_own_writing(records);
        let mut written = Written { runs: Vec::new(), own, cursor: None };
        for record in records {
            if record.key.starts_with("run/")
                && let Some((_, run, _)) = read::<(Place, Run, u64)>(&record.value)
            {
                match hashes(&run, truth) {
                    Ok(hashes) => written.runs.push((run.key(), hashes)),
                    Err(text) => wrong.push(text),
                }
            }
            if record.key == "cursor" {
                written.cursor = read(&record.value);
            }
        }
        if own {
            for (key, hashes) in &written.runs {
                let first = hashes.iter().flat_map(|hash| truth.stamps(hash)).min();
                if truth.clocks_are_right && first.is_some_and(|stamp| stamp <= self.latest_decision) {
                    wrong.push(format!("stamps on {key} below a decision it holds"));
                }
                if self.shared_actors.contains(key) {
                    let writes = self.writes_on_shared.entry(*key).or_default();
                    *writes += 1;
                    if *writes > 1 {
                        wrong.push(format!("writes on {key}, on which it knows a copy to write"));
                    }
                }
            }
        }
        self.written.push(written);
        wrong
    }

    /// All that was written is durable.
    pub fn sync(&mut self, truth: &Truth, device: [u8; 16]) {
        for Written { runs, own, cursor } in std::mem::take(&mut self.written) {
            for (key, hashes) in runs {
                if !own && truth.device_of(&hashes) == Some(device) {
                    self.shared_actors.insert(key);
                }
                let honest = hashes.first().and_then(|hash| truth.get(hash)).is_none_or(|c| c.honest);
                if key.document.scope == Scope::Decisions {
                    let latest = hashes.iter().flat_map(|hash| truth.stamps(hash)).max();
                    self.latest_decision = self.latest_decision.max(latest.unwrap_or(0));
                }
                for hash in &hashes {
                    if self.durable.insert(*hash) {
                        let part = u64::from_be_bytes(hash.0[..8].try_into().expect("8 of 32 bytes"));
                        *self.sums.entry((readers(&key.document), honest)).or_default() ^= part;
                    }
                }
                self.feed.push((key, hashes));
            }
            self.cursor = cursor.unwrap_or(self.cursor);
        }
    }

    pub fn sum(&self, readers: Readers, honest: bool) -> u64 {
        self.sums.get(&(readers, honest)).copied().unwrap_or(0)
    }
}

/// The hashes of a run's changes, in order, if they are what somebody wrote.
fn hashes(run: &Run, truth: &Truth) -> Result<Vec<ChangeHash>, String> {
    let wrong = |text: &str| format!("{} {}..{}: {text}", run.key(), run.first_seq, run.last_seq);
    let changes = decode::changes(&run.bytes).ok_or_else(|| wrong("stored bytes cannot be read"))?;
    let mut hashes = Vec::with_capacity(changes.len());
    let mut hash = run.last_hash;
    for (n, events) in changes.iter().enumerate().rev() {
        let written = truth.get(&hash).ok_or_else(|| wrong("stored, but nobody wrote it"))?;
        let found: Vec<_> = events.iter().map(|event| (event.0, decode::event_hash(event))).collect();
        if written.key != run.key() || written.seq != run.first_seq + n as u64 || written.events != found {
            return Err(wrong("stored otherwise than it was written"));
        }
        hashes.push(hash);
        hash = written.before;
    }
    if hash != run.before || (run.first_seq == 1) != (hash == NOTHING) {
        return Err(wrong("does not follow what it says"));
    }
    hashes.reverse();
    Ok(hashes)
}
