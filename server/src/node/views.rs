//! What the node can tell: shared views, rosters of one branch, digests, figures.

use super::{Node, NodeError, Note, Paused, Scope, core_node, with_shelf};
use client_core::decide::{self, Recheck};
use client_core::domain::{History, PrivateViews, SharedViews};
use client_core::history::Rulings;
use client_core::identity::Certificate;
use client_core::ids::{BranchId, ChangeHash};
use client_core::log::{FeedItem, Frontier, Shelf};
use client_core::time::Millis;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Equal digests mean equal views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Digests {
    /// Over shared and decisions documents.
    pub shared: ChangeHash,
    /// Over the private documents of each branch this node holds.
    pub private: BTreeMap<BranchId, ChangeHash>,
}

/// Figures about the node.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// `city` or `branch`.
    pub kind: &'static str,
    /// The branch this node works for.
    pub branch: BranchId,
    /// Log documents held.
    pub documents: usize,
    /// Lines held.
    pub lines: usize,
    /// Actors with more than one line: devices that were restored or copied.
    pub forked: usize,
    /// Changes held.
    pub changes: u64,
    /// Events held.
    pub events: u64,
    /// Bytes of the store.
    pub bytes: u64,
    /// Changes of this node's lines and its devices' that the upstream has not got.
    pub not_at_upstream: u64,
    /// Changes that the city has not signed for.
    pub not_at_city: u64,
    /// Whether the line to the upstream is up, and since when; `None` at the city.
    pub upstream: Option<(bool, Millis)>,
    /// When the city last signed for something here.
    pub city_heard: Option<Millis>,
    /// Open connections.
    pub connections: usize,
    /// What was refused last: whose changes and why.
    pub refused: Vec<(String, String)>,
    /// Whether the store was put back from a copy before this start.
    pub was_put_back: bool,
    /// Why the store takes nothing at the moment.
    pub trouble: Option<String>,
    /// The upstream's clock minus this machine's, in milliseconds, at the last contact.
    pub clock_off: Option<i64>,
    /// Why the arbiter decides nothing at the moment; at the city alone.
    pub arbiter_paused: Option<Paused>,
    /// What went wrong and healed, or waits for a person; the last at the end.
    pub journal: Vec<Note>,
    /// Equal frontiers mean equal logs.
    pub frontiers: Frontiers,
}

/// What a node holds and how much of it still has to go up.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Events held.
    pub events: u64,
    /// Changes that the upstream has not got.
    pub not_at_upstream: u64,
    /// Whether the upstream has welcomed this node.
    pub is_connected: bool,
}

/// Hashes over the heads of the documents held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frontiers {
    /// Of shared and decisions documents.
    pub shared: ChangeHash,
    /// Of the private documents of each branch.
    pub private: BTreeMap<BranchId, ChangeHash>,
}

impl Node {
    /// The views of shared and decisions documents.
    pub async fn shared_views(&self) -> Result<Arc<SharedViews>, NodeError> {
        self.look(super::core::Core::views).await
    }

    /// The rosters of one branch: of the node's own kept up in memory once somebody asked, of another read
    /// from the store.
    pub async fn rosters(&self, branch: BranchId) -> Result<PrivateViews, NodeError> {
        if branch != self.branch() {
            return Ok(self.private_of(branch).await?.1);
        }
        self.look(|core| Ok(core.node.rosters(&core.shelf)?.clone())).await?
    }

    /// A branch's private documents, and what they come to.
    pub async fn private_of(&self, branch: BranchId) -> Result<(History, PrivateViews), NodeError> {
        let (logs, rulings) = self
            .look(move |core| (core.node.private_logs(branch), core.node.shared().rulings().clone()))
            .await?;
        let read =
            move |shelf: &super::core::StoreShelf| Ok(core_node::private_of(shelf, &logs, branch, &rulings)?);
        with_shelf(&self.store, self.city, read).await
    }

    /// The rulings in force, as far as they have come here.
    pub async fn rulings(&self) -> Result<Rulings, NodeError> {
        self.look(|core| core.node.shared().rulings().clone()).await
    }

    /// The round closed last, decided once more from this node's own history.
    pub async fn recheck(&self) -> Result<Option<Recheck>, NodeError> {
        self.look(|core| decide::recheck(core.node.shared())).await
    }

    /// Branches whose private documents this node holds.
    pub async fn private_branches(&self) -> Result<BTreeSet<BranchId>, NodeError> {
        self.look(|core| {
            let private =
                core.node.peer().ledger().iter().filter(|(key, _)| key.document.scope == Scope::Private);
            private.map(|(key, _)| key.document.branch).collect()
        })
        .await
    }

    /// Digests of all views this node can make.
    pub async fn digests(&self) -> Result<Digests, NodeError> {
        let shared = self.shared_views().await?.digest();
        let mut private = BTreeMap::new();
        for branch in self.private_branches().await? {
            private.insert(branch, self.rosters(branch).await?.digest());
        }
        Ok(Digests { shared, private })
    }

    /// Figures about the node.
    pub async fn status(&self) -> Result<Status, NodeError> {
        let bytes = self.store.size_bytes().await?;
        let frontiers = self.frontiers().await?;
        let (is_city, branch, was_put_back) = (self.is_city(), self.branch(), self.was_put_back());
        self.look(move |core| {
            let mut status = Status {
                kind: if is_city { "city" } else { "branch" },
                branch,
                documents: 0,
                lines: 0,
                forked: 0,
                changes: 0,
                events: 0,
                bytes,
                not_at_upstream: 0,
                not_at_city: 0,
                upstream: core.node.upstream_live(),
                city_heard: core.node.city_heard(),
                connections: core.senders.len(),
                refused: core.refused.iter().map(|(key, why)| (key.to_string(), why.clone())).collect(),
                was_put_back,
                trouble: core.trouble.as_ref().map(|trouble| trouble.text.clone()),
                clock_off: core.node.clock_off(),
                arbiter_paused: core.node.paused(),
                journal: core.journal.notes().to_vec(),
                frontiers,
            };
            let mut last_document = None;
            for (key, log) in core.node.peer().ledger().iter() {
                status.documents += usize::from(last_document != Some(key.document));
                last_document = Some(key.document);
                status.forked += usize::from(log.lines().len() > 1);
                for (number, line) in log.lines().iter().enumerate() {
                    status.lines += 1;
                    status.changes += line.head.seq - line.from.seq;
                    status.events += line.head.next_op - line.from.next_op;
                    if !is_city {
                        let reach = core.node.peer().reach(*key, number as u8);
                        let upstream = reach.upstream.map_or(0, |(seq, _)| seq);
                        let missing =
                            |reached: u64| line.head.seq - reached.clamp(line.from.seq, line.head.seq);
                        status.not_at_upstream += missing(upstream);
                        status.not_at_city += missing(reach.city);
                    }
                }
            }
            status
        })
        .await
    }

    /// What the node holds and how much of it still has to go up.
    pub async fn held(&self) -> Result<Held, NodeError> {
        self.look(|core| {
            let is_connected = core.node.peer().upstream().is_some();
            let mut held = Held { events: 0, not_at_upstream: 0, is_connected };
            for (key, log) in core.node.peer().ledger().iter() {
                for (number, line) in log.lines().iter().enumerate() {
                    held.events += line.head.next_op - line.from.next_op;
                    let upstream =
                        core.node.peer().reach(*key, number as u8).upstream.map_or(0, |(seq, _)| seq);
                    held.not_at_upstream += line.head.seq - upstream.clamp(line.from.seq, line.head.seq);
                }
            }
            held
        })
        .await
    }

    /// Runs after a number of the feed that `reader` may read, and up to where that goes.
    pub async fn feed_after(
        &self,
        after: u64,
        reader: &Certificate,
    ) -> Result<(Vec<FeedItem>, u64), NodeError> {
        const AT_ONCE: usize = 1024 * 1024;
        let reader = reader.clone();
        let read = self.look(move |core| core.shelf.feed_after(after, &reader, AT_ONCE)).await?;
        read.map_err(|error| NodeError::Damaged(error.to_string()))
    }

    async fn frontiers(&self) -> Result<Frontiers, NodeError> {
        let city = self.city;
        self.look(move |core| {
            let ledger = core.node.peer().ledger();
            let mut private: BTreeMap<BranchId, Frontier> = BTreeMap::new();
            for (document, heads) in ledger.heads(|document| document.scope == Scope::Private).0 {
                private.entry(document.branch).or_default().0.insert(document, heads);
            }
            Frontiers {
                shared: core.node.frontier(),
                private: private.into_iter().map(|(branch, heads)| (branch, heads.digest(city))).collect(),
            }
        })
        .await
    }
}
