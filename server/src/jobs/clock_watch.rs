//! The clock watch: at the city alone, corrects at once what arrives with a stamp far ahead of the city's time.

use crate::node::{News, Node, NodeError};
use crate::sync::now;
use client_core::decide::{self, FarAhead};
use client_core::domain::Draft;
use client_core::event::Scope;
use client_core::ids::BranchId;
use std::sync::Arc;

/// Runs until dropped. What arrived just before the node was last stopped is looked at again.
pub async fn run(node: Arc<Node>) {
    let mut news = node.subscribe();
    let mut open = loop {
        match node.far_ahead_at_heads(now()).await {
            Ok(open) => break open,
            Err(NodeError::Stopping) => return,
            Err(error) => tracing::error!(%error, "the ends of the lines cannot be read: trying again"),
        }
        tokio::time::sleep(super::TRY_AGAIN).await;
    };
    loop {
        let mut has_failed = false;
        match correct(&node, &mut open).await {
            Ok(()) => {}
            Err(NodeError::Stopping) => return,
            Err(error) => {
                tracing::error!(%error, "a clock could not be corrected");
                has_failed = true;
            }
        }
        let matters =
            |heard: &News| matches!(heard, News::Line(document) if document.scope != Scope::Decisions);
        if !super::wait_for(&mut news, has_failed, matters).await {
            return;
        }
    }
}

/// What could not be written stays in `open` for the next time.
async fn correct(node: &Arc<Node>, open: &mut Vec<FarAhead>) -> Result<(), NodeError> {
    open.extend(node.take_far_ahead().await?);
    if open.is_empty() {
        return Ok(());
    }
    let corrections = decide::corrections(open, &node.rulings().await?);
    for far_ahead in open.iter() {
        tracing::warn!(line = %far_ahead.key, stamp = far_ahead.stamp.millis().0, arrived = far_ahead.arrived.0, "a clock is far ahead");
    }
    node.append(corrections.into_iter().map(|event| Draft::new(BranchId::CITY, event)).collect()).await?;
    open.clear();
    Ok(())
}
