//! The history as somebody knew it, at the frontier a decision was taken on.

use super::{History, Read, Standing, Written};
use crate::event::{KnownLines, Scope, Statement};
use crate::ids::ChangeHash;
use crate::log::LogKey;
use std::collections::{BTreeMap, BTreeSet};

/// The decision was taken on something that is not held here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not held here as far as the city knew it; wait until this node is in step, then try again")]
pub struct NotHeld(pub LogKey);

impl<E: Statement> History<E> {
    /// Only what these lines hold, under the rulings that stand on them.
    pub fn as_known(&self, known: &[KnownLines]) -> Result<Self, NotHeld> {
        let mut past = Self::default();
        let lines: BTreeMap<LogKey, &KnownLines> = known
            .iter()
            .map(|lines| (LogKey { document: lines.document, actor: lines.actor }, lines))
            .collect();
        let mut last_decisions: BTreeMap<LogKey, u64> = BTreeMap::new();
        for entry in self.ranked().filter(|entry| entry.reference.document.scope == Scope::Decisions) {
            let key = LogKey { document: entry.reference.document, actor: entry.reference.actor };
            let last = last_decisions.entry(key).or_default();
            *last = entry.at.0.max(*last);
            if lines.get(&key).is_some_and(|lines| lines.heads.iter().any(|head| entry.at.0 <= head.seq)) {
                past.place(entry.clone());
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
        past.renew_epochs();
        Ok(past)
    }

    /// Places what an actor wrote up to these heads.
    fn place_up_to(&mut self, key: LogKey, written: &Written, known: &KnownLines) -> Result<(), NotHeld> {
        let mut read = Read::of(written.runs.values());
        let before: BTreeMap<ChangeHash, ChangeHash> =
            read.links().iter().map(|link| (link.hash, link.before)).collect();
        let mut held = BTreeSet::new();
        for head in &known.heads {
            let mut next = head.hash;
            before.get(&next).ok_or(NotHeld(key))?;
            while let Some(earlier) = before.get(&next).filter(|_| held.insert(next)) {
                next = *earlier;
            }
        }
        read.retain(&held);
        let standing = Standing::of(&self.rulings, &key, &written.author, &read.links());
        let author = written.author.clone();
        let chain = self.place_read(&read, standing.as_ref(), &author);
        self.written.insert(key, Written { standing, ..Written::new(author, chain) });
        Ok(())
    }
}
