//! What the node can tell: shared views, rosters of one branch, digests, figures.

use super::{Node, NodeError, Scope, read_history, views};
use client_core::event::DocumentId;
use client_core::fold::{Rosters, SharedViews};
use client_core::ids::{BranchId, ChangeHash};
use client_core::sync::Head;
use client_core::time::Millis;
use serde::Serialize;
use std::collections::BTreeMap;
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

    /// A hash over the decisions frontier: what a decision was taken on.
    pub async fn frontier(&self) -> ChangeHash {
        use sha2::{Digest, Sha256};
        let mut hasher = Sha256::new();
        for (document, heads) in self.heads_for(None).await {
            if document.scope == Scope::Private {
                continue;
            }
            hasher.update(document.to_bytes(self.city));
            for Head { actor, seq, hash } in heads {
                hasher.update(actor.0);
                hasher.update(seq.to_be_bytes());
                hasher.update(hash.0);
            }
        }
        ChangeHash(hasher.finalize().into())
    }
}
