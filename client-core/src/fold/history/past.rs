//! The history as somebody knew it, at the frontier a decision was taken on.

use super::{History, Standing, Verdict, Written};
use crate::event::{KnownLines, Scope};
use crate::ids::ChangeHash;
use crate::log::{Changes, Link, LogKey, Run, links, unpack};
use std::collections::{BTreeMap, BTreeSet};

/// The decision was taken on something that is not held here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not held here as far as the city knew it; wait until this node is in step, then try again")]
pub struct NotHeld(pub LogKey);

impl History {
    /// Only what these lines hold, under the rulings that stand on them.
    pub fn as_known(&self, known: &[KnownLines]) -> Result<Self, NotHeld> {
        let mut past = Self::default();
        let lines: BTreeMap<LogKey, &KnownLines> = known
            .iter()
            .map(|lines| (LogKey { document: lines.document, actor: lines.actor }, lines))
            .collect();
        let mut last_decisions: BTreeMap<LogKey, u64> = BTreeMap::new();
        for (rank, entry) in self.entries.iter().filter(|(rank, _)| rank.2.scope == Scope::Decisions) {
            let key = LogKey { document: rank.2, actor: rank.1 };
            let last = last_decisions.entry(key).or_default();
            *last = rank.3.max(*last);
            if lines.get(&key).is_some_and(|lines| lines.heads.iter().any(|head| rank.3 <= head.seq)) {
                past.place(*rank, entry.as_ref().clone());
            }
        }
        for (key, lines) in lines {
            if key.document.scope == Scope::Decisions {
                let last = last_decisions.get(&key).copied().unwrap_or_default();
                lines.heads.iter().all(|head| head.seq <= last).then_some(()).ok_or(NotHeld(key))?;
            } else {
                let written = self.written.get(&key).ok_or(NotHeld(key))?;
                past.place_up_to(key, written, lines)?;
            }
        }
        Ok(past)
    }

    /// Places what an actor wrote up to these heads.
    fn place_up_to(&mut self, key: LogKey, written: &Written, known: &KnownLines) -> Result<(), NotHeld> {
        let read: Vec<(&Run, Changes)> =
            written.runs.values().filter_map(|run| Some((run, unpack(&run.bytes).ok()?))).collect();
        let links: Vec<Vec<Link>> = read.iter().map(|(run, changes)| links(run, changes)).collect();
        let before: BTreeMap<ChangeHash, ChangeHash> =
            links.iter().flatten().map(|link| (link.hash, link.before)).collect();
        let mut held = BTreeSet::new();
        for head in &known.heads {
            let mut next = head.hash;
            before.get(&next).ok_or(NotHeld(key))?;
            while let Some(earlier) = before.get(&next).filter(|_| held.insert(next)) {
                next = *earlier;
            }
        }
        let known: Vec<Link> =
            links.iter().flatten().filter(|link| held.contains(&link.hash)).copied().collect();
        let standing = Standing::of(&self.rulings, &key, &written.author, &known);
        for ((run, changes), links) in read.iter().zip(&links) {
            for (n, (puts, link)) in changes.iter().zip(links).enumerate() {
                if held.contains(&link.hash) {
                    let verdict = standing.as_ref().map_or(Verdict::Folds(None), |it| it.verdict(&link.hash));
                    self.place_change(run, &written.author, n, puts, &verdict);
                }
            }
        }
        Ok(())
    }
}
