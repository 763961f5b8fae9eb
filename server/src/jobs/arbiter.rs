//! The arbiter: at the city alone, turns claims and orders into decisions, from events only.

use crate::node::{Basis, News, Node, NodeError, Paused};
use crate::sync::now;
use client_core::decide::{self, Decision};
use client_core::domain::{Draft, SharedViews};
use client_core::event::Scope;
use client_core::ids::{BranchId, RoundId};
use client_core::time::Millis;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// What closing a round brought.
#[derive(Clone, Debug, Serialize)]
pub struct Closed {
    /// The round that was closed, if one was open.
    pub round: Option<RoundId>,
    /// How many decisions were written.
    pub decisions: usize,
    /// Teaching minutes that joining orders saved, against a class for each.
    pub minutes_saved: u32,
}

/// Receives claims as they arrive and decides what cannot wait for a round. Runs until dropped.
pub async fn run(node: Arc<Node>) {
    let mut news = node.subscribe();
    loop {
        let received = {
            let _deciding = node.deciding().await;
            receive_claims(&node, now()).await
        };
        let mut has_failed = false;
        match received {
            Ok(()) => {}
            Err(NodeError::Stopping) => return,
            Err(NodeError::Paused(why)) => tracing::warn!(why, "the arbiter is paused"),
            Err(error) => {
                tracing::error!(%error, "the arbiter could not write");
                has_failed = true;
            }
        }
        let matters = |heard: &News| match heard {
            News::Line(document) => document.scope != Scope::Private,
            News::Arbiter => true,
            _ => false,
        };
        if !super::wait_for(&mut news, has_failed, matters).await {
            return;
        }
        // One look at the views serves everything that arrives within a moment.
        tokio::time::sleep(Duration::from_millis(50)).await;
        while news.try_recv().is_ok() {}
    }
}

async fn receive_claims(node: &Arc<Node>, now: Millis) -> Result<(), NodeError> {
    ready(node).await?;
    match node.keep_up().await {
        Ok(()) | Err(NodeError::Paused(_)) => {}
        Err(NodeError::Stopping) => return Err(NodeError::Stopping),
        // What holds without it is decided all the same.
        Err(error) => tracing::error!(%error, "records of owners and lines could not be written"),
    }
    let basis = node.basis().await?;
    let displaced = decide::displace(&basis.views, now, basis.frontier);
    write(node, displaced).await?;
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
    let basis = node.basis().await?;
    let decisions = decide::decide_now(&basis.views, now, basis.frontier);
    write(node, decisions).await.map(drop)
}

/// Whether the arbiter may decide; after a pause it does so in a new term.
async fn ready(node: &Arc<Node>) -> Result<(), NodeError> {
    match node.arbiter_paused().await? {
        None => node.begin_term().await,
        Some(paused) => Err(NodeError::Paused(why(&paused))),
    }
}

fn why(paused: &Paused) -> String {
    let mut reasons = Vec::new();
    if paused.since.is_some() {
        let names: Vec<&str> = paused.waiting_for.iter().map(|branch| branch.name.as_str()).collect();
        let names = if names.is_empty() { "the first branch".to_owned() } else { names.join(", ") };
        reasons.push(format!("the city's store was put back from a copy and waits for {names} to report"));
    }
    if !paused.unknown.is_empty() {
        let (count, first) = (paused.unknown.len(), paused.unknown[0]);
        reasons.push(format!("{count} events are newer than this program, the first {first}: update it"));
    }
    format!("nothing is decided: {}; lianxiao release-arbiter decides without them", reasons.join("; "))
}

async fn open_round(node: &Arc<Node>, views: &SharedViews, now: Millis) -> Result<(), NodeError> {
    let round = RoundId(crate::keys::random_id());
    let opened = decide::open_round(views, now, round, node.round_seed(round)?);
    tracing::info!(%round, "round opened");
    node.append(vec![Draft::new(BranchId::CITY, opened)]).await.map(drop)
}

/// Decides the open round's claims, then plans all open orders around what is confirmed.
pub async fn close_round(node: &Arc<Node>, now: Millis) -> Result<Closed, NodeError> {
    let _deciding = node.deciding().await;
    receive_claims(node, now).await?;
    let basis = node.basis().await?;
    let round = basis.views.requests.open_round().map(|(id, _)| id);
    let mut decided = 0;
    if let Some(round) = round {
        let seed = node.round_seed(round)?;
        let decisions = decide::decide_round(&basis.views, round, seed, now, basis.frontier);
        decided += write(node, decisions).await?;
    }
    let Basis { views, known, frontier } = node.basis().await?;
    let mut minutes_saved = 0;
    if views.requests.open_orders().next().is_some() {
        let proposal = node.propose(views, now).await?;
        minutes_saved = proposal.minutes_saved;
        decided += write(node, proposal.decisions(round, &known, frontier)).await?;
    }
    tracing::info!(?round, decisions = decided, minutes_saved, "round closed");
    Ok(Closed { round, decisions: decided, minutes_saved })
}

async fn write(node: &Arc<Node>, decisions: Vec<Decision>) -> Result<usize, NodeError> {
    let drafts: Vec<Draft> = decisions.into_iter().map(Draft::from).collect();
    let count = drafts.len();
    node.append(drafts).await?;
    Ok(count)
}
