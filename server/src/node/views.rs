//! What the node can tell: shared views, rosters of one branch, digests, figures.

use super::{Node, NodeError, Scope, read_history, views};
use client_core::decide::{self, Recheck};
use client_core::event::DocumentId;
use client_core::fold::{Rosters, SharedViews};
use client_core::ids::{BranchId, ChangeHash, CityId};
use client_core::sync::Head;
use client_core::time::Millis;
use serde::Serialize;
use sha2::{Digest, Sha256};
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
    /// Equal frontiers mean equal logs.
    pub frontiers: Frontiers,
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
    pub async fn shared_views(&self) -> Arc<SharedViews> {
        views(&mut *self.state.lock().await)
    }

    /// The rosters of one branch, read from the store: nothing private stays in memory.
    pub async fn rosters(&self, branch: BranchId) -> Result<Rosters, NodeError> {
        let (lines, documents) = {
            let state = self.state.lock().await;
            let documents: Vec<DocumentId> = state
                .lines
                .keys()
                .map(|(document, _)| *document)
                .filter(|document| document.scope == Scope::Private && document.branch == branch)
                .collect();
            (state.lines.clone(), documents)
        };
        let history = read_history(&self.store, self.city, &lines, &documents).await?;
        Ok(Rosters::fold(&history, branch))
    }

    /// The round closed last, decided once more from this node's own history.
    pub async fn recheck(&self) -> Option<Recheck> {
        decide::recheck(&self.state.lock().await.shared)
    }

    /// Branches whose private documents this node holds.
    pub async fn private_branches(&self) -> Vec<BranchId> {
        let state = self.state.lock().await;
        let private = state.lines.keys().filter(|(document, _)| document.scope == Scope::Private);
        let mut branches: Vec<BranchId> = private.map(|(document, _)| document.branch).collect();
        branches.sort_unstable();
        branches.dedup();
        branches
    }

    /// Digests of all views this node can make.
    pub async fn digests(&self) -> Result<Digests, NodeError> {
        let shared = self.shared_views().await.digest();
        let mut private = BTreeMap::new();
        for branch in self.private_branches().await {
            private.insert(branch, self.rosters(branch).await?.digest());
        }
        Ok(Digests { shared, private })
    }

    /// Figures about the node.
    pub async fn status(&self) -> Result<Status, NodeError> {
        let reached = self.store.reached(self.city).await?;
        let bytes = self.store.size_bytes().await?;
        let branch = self.branch().await;
        let frontiers = self.frontiers().await;
        let state = self.state.lock().await;
        let mut status = Status {
            kind: if self.is_city() { "city" } else { "branch" },
            branch,
            documents: 0,
            lines: state.lines.len(),
            changes: 0,
            events: 0,
            bytes,
            not_at_upstream: 0,
            not_at_city: 0,
            upstream: state.upstream_live,
            city_heard: state.city_heard,
            frontiers,
        };
        let mut last_document = None;
        for ((document, actor), line) in &state.lines {
            status.documents += usize::from(last_document != Some(*document));
            last_document = Some(*document);
            status.changes += line.position.seq;
            status.events += line.position.next_op - 1;
            if !self.is_city() {
                let (upstream, city) = reached.get(&(*document, *actor)).copied().unwrap_or((0, 0));
                status.not_at_upstream += line.position.seq.saturating_sub(upstream);
                status.not_at_city += line.position.seq.saturating_sub(city);
            }
        }
        Ok(status)
    }

    /// What a decision was taken on: a hash over the heads of shared and decisions documents.
    pub async fn frontier(&self) -> ChangeHash {
        self.frontiers().await.shared
    }

    async fn frontiers(&self) -> Frontiers {
        let heads = self.heads_for(None).await;
        let hash = |wanted: &dyn Fn(&DocumentId) -> bool| frontier(self.city, &heads, wanted);
        let branches: BTreeSet<BranchId> = heads
            .iter()
            .filter(|(document, _)| document.scope == Scope::Private)
            .map(|(document, _)| document.branch)
            .collect();
        let of_branch =
            |branch| hash(&|document| document.scope == Scope::Private && document.branch == branch);
        Frontiers {
            shared: hash(&|document| document.scope != Scope::Private),
            private: branches.into_iter().map(|branch| (branch, of_branch(branch))).collect(),
        }
    }
}

fn frontier(
    city: CityId,
    heads: &[(DocumentId, Vec<Head>)],
    wanted: &dyn Fn(&DocumentId) -> bool,
) -> ChangeHash {
    let mut hasher = Sha256::new();
    for (document, heads) in heads.iter().filter(|(document, _)| wanted(document)) {
        hasher.update(document.to_bytes(city));
        for Head { actor, seq, hash } in heads {
            hasher.update(actor.0);
            hasher.update(seq.to_be_bytes());
            hasher.update(hash.0);
        }
    }
    ChangeHash(hasher.finalize().into())
}
