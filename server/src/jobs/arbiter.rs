//! The arbiter: at the city alone, turns claims and orders into decisions, from events only.

use crate::node::{News, Node, NodeError};
use crate::sync::now;
use client_core::decide::{self, Decision};
use client_core::event::{ArbiterTerm, Draft, Scope};
use client_core::fold::SharedViews;
use client_core::ids::{BranchId, ChangeHash, SubjectId};
use client_core::time::Millis;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// What closing a round brought.
#[derive(Clone, Debug, Serialize)]
pub struct Closed {
    /// The round that was closed, if one was open.
    pub round: Option<SubjectId>,
    /// How many decisions were written.
    pub decisions: usize,
}

/// A start of the city node begins a new term: decisions of one process never mix with another's.
pub async fn begin_term(node: &Arc<Node>) -> Result<(), NodeError> {
    let last = node.shared_views().await?.requests.term.map_or(0, |(_, number)| number);
    let term = ArbiterTerm { epoch: node.epoch(), number: last + 1, parent: node.frontier().await? };
    node.append(vec![Draft::new(BranchId::CITY, term)]).await.map(drop)
}

/// Receives claims as they arrive and decides what cannot wait for a round. Runs until dropped.
pub async fn run(node: Arc<Node>) {
    let mut news = node.subscribe();
    loop {
        if let Err(error) = receive_claims(&node, now()).await {
            tracing::error!(%error, "the arbiter could not write");
        }
        loop {
            match news.recv().await {
                Ok(News::Line(document)) if document.scope == Scope::Shared => break,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
        // One look at the views serves everything that arrives within a moment.
        tokio::time::sleep(Duration::from_millis(50)).await;
        while news.try_recv().is_ok() {}
    }
}

async fn receive_claims(node: &Arc<Node>, now: Millis) -> Result<(), NodeError> {
    let views = node.shared_views().await?;
    if decide::needs_round(&views, now) && views.requests.open_round().is_none() {
        open_round(node, &views, now).await?;
    }
    let views = node.shared_views().await?;
    let receipts = decide::receipts(&views, now);
    if receipts.is_empty() {
        return Ok(());
    }
    tracing::info!(claims = receipts.len(), "claims received");
    node.append(receipts.into_iter().map(|event| Draft::new(BranchId::CITY, event)).collect()).await?;
    let views = node.shared_views().await?;
    let decisions = decide::decide_now(&views, now, node.frontier().await?);
    write(node, decisions).await.map(drop)
}

async fn open_round(node: &Arc<Node>, views: &SharedViews, now: Millis) -> Result<(), NodeError> {
    let round = SubjectId(crate::keys::random_id());
    let seed = seed_of(node, round).await?;
    let opened = decide::open_round(views, now, round, seed);
    tracing::info!(%round, "round opened");
    node.append(vec![Draft::new(BranchId::CITY, opened)]).await.map(drop)
}

/// The seed of a round stays in the store until the round is decided; its hash is in `round.opened`.
async fn seed_of(node: &Arc<Node>, round: SubjectId) -> Result<ChangeHash, NodeError> {
    let key = format!("round_seed/{round}");
    if let Some(bytes) = node.store().meta(node.city(), &key).await? {
        return ChangeHash::from_slice(&bytes).map_err(|error| NodeError::Damaged(error.to_string()));
    }
    let seed = ChangeHash(Sha256::digest(crate::keys::random_bytes()).into());
    node.store().put_meta(node.city(), &key, &seed.0).await?;
    Ok(seed)
}

/// Decides the open round's claims, then plans joint classes around what is confirmed.
pub async fn close_round(node: &Arc<Node>, now: Millis) -> Result<Closed, NodeError> {
    receive_claims(node, now).await?;
    let views = node.shared_views().await?;
    let round = views.requests.open_round().map(|(id, _)| id);
    let mut decided = 0;
    if let Some(round) = round {
        let seed = seed_of(node, round).await?;
        let decisions = decide::decide_round(&views, round, seed, now, node.frontier().await?);
        decided += write(node, decisions).await?;
    }
    let views = node.shared_views().await?;
    let joint = decide::plan_joint(&views, now, node.frontier().await?, true);
    decided += write(node, joint).await?;
    tracing::info!(?round, decisions = decided, "round closed");
    Ok(Closed { round, decisions: decided })
}

async fn write(node: &Arc<Node>, decisions: Vec<Decision>) -> Result<usize, NodeError> {
    let drafts: Vec<Draft> = decisions
        .into_iter()
        .map(|decision| Draft { id: Some(decision.id), ..Draft::new(BranchId::CITY, decision.event) })
        .collect();
    Ok(node.append(drafts).await?.len())
}
