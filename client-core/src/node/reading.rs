//! What a node can tell of what it holds.

use super::{Node, NotDone};
use crate::domain::{History, PrivateFold, PrivateViews};
use crate::event::{EventRef, Scope};
use crate::history::Rulings;
use crate::ids::BranchId;
use crate::log::{self, ActorLog, LogKey, Shelf, ShelfError};
use crate::sync::Reach;
use std::collections::BTreeMap;

code_enum! {
    /// How far an event has come.
    Delivery {
        /// Saved on this device (本机已存).
        Here = 0 "here",
        /// At the upstream branch node (已到分校).
        Branch = 1 "branch",
        /// At the city, which signed for it (已到市校).
        City = 2 "city",
    }
}

/// Reads lines from a shelf into a history.
pub fn read_history(shelf: &dyn Shelf, logs: &BTreeMap<LogKey, ActorLog>) -> Result<History, ShelfError> {
    const AT_ONCE: usize = 1024 * 1024;
    let mut history = History::default();
    for (key, log) in logs {
        for (number, line) in log.lines().iter().enumerate() {
            let mut after = line.from.seq;
            while after < line.head.seq {
                let runs = shelf.runs_after(key, number as u8, after, AT_ONCE)?;
                let missing = || ShelfError(format!("changes after {after} of {key} are missing"));
                let last = runs.last().ok_or_else(missing)?.last_seq;
                for run in &runs {
                    let unread = |error: log::RunError| ShelfError(format!("{key}: {error}"));
                    history.load(run, &log.author, &log::unpack(&run.bytes).map_err(unread)?);
                }
                after = last;
            }
        }
    }
    history.settle();
    Ok(history)
}

/// A branch's private documents under the rulings in force, and what they come to.
pub fn private_of(
    shelf: &dyn Shelf,
    logs: &BTreeMap<LogKey, ActorLog>,
    branch: BranchId,
    rulings: &Rulings,
) -> Result<(History, PrivateViews), ShelfError> {
    let mut history = read_history(shelf, logs)?;
    history.follow(rulings);
    let views = PrivateFold::of(&history, branch);
    Ok((history, views))
}

impl Node {
    /// The lines of the private documents of a branch.
    pub fn private_logs(&self, branch: BranchId) -> BTreeMap<LogKey, ActorLog> {
        let private = |key: &LogKey| key.document.scope == Scope::Private && key.document.branch == branch;
        let logs = self.peer.ledger().iter().filter(|(key, _)| private(key));
        logs.map(|(key, log)| (*key, log.clone())).collect()
    }

    /// The views of the private documents of the node's own branch.
    pub fn rosters(&mut self, shelf: &dyn Shelf) -> Result<&PrivateViews, NotDone> {
        self.read_own(shelf)?;
        let own = self.own.get_or_insert_default();
        Ok(self.rosters.views(own))
    }

    /// From now on the private documents of the own branch are kept up in memory.
    pub(super) fn read_own(&mut self, shelf: &dyn Shelf) -> Result<(), ShelfError> {
        if self.own.is_none() {
            let mut own = read_history(shelf, &self.private_logs(self.branch))?;
            own.follow(self.shared.rulings());
            self.own = Some(own);
        }
        Ok(())
    }

    /// The private documents of the own branch, where they are in memory.
    pub fn own(&self) -> Option<&History> {
        self.own.as_ref()
    }

    /// How far one event has come; `None` if it is not held in memory here.
    pub fn delivery(&self, event: &EventRef) -> Option<Delivery> {
        let own = || self.own.as_ref().and_then(|own| own.seq(event));
        let seq = self.shared.seq(event).or_else(own)?;
        Some(self.reach(LogKey { document: event.document, actor: event.actor }, seq))
    }

    /// A forked actor has several heads; the least of them counts: never too much is promised.
    fn reach(&self, key: LogKey, seq: u64) -> Delivery {
        let Some(log) = self.peer.ledger().get(&key) else { return Delivery::Here };
        let lines =
            log.lines().iter().enumerate().filter(|(_, line)| line.from.seq < seq && seq <= line.head.seq);
        let reached = |reach: Reach| match reach.upstream {
            _ if reach.city >= seq => Delivery::City,
            Some((upstream, _)) if upstream >= seq => Delivery::Branch,
            _ => Delivery::Here,
        };
        let least = lines.map(|(line, _)| reached(self.peer.reach(key, line as u8))).min();
        least.unwrap_or(Delivery::Here)
    }
}
