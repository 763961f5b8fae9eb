//! The arbiter's bell: at the city alone, lets the node decide when something has come.

use crate::node::{Node, NodeError};
use std::sync::Arc;
use std::time::Duration;

/// One look at the views serves everything that arrives within a moment.
const MOMENT: Duration = Duration::from_millis(50);

/// What could not be written is tried again after so long, though nothing new came.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Runs until dropped.
pub async fn run(node: Arc<Node>) {
    loop {
        let due = node.until_arbiter_is_due();
        match node.decide().await {
            Ok(()) => due.await,
            Err(NodeError::Stopping) => return,
            Err(NodeError::Paused(why)) => {
                tracing::warn!(why, "the arbiter is paused");
                due.await;
            }
            Err(error) => {
                tracing::error!(%error, "the arbiter could not write");
                // Whether something new came meanwhile is all the same.
                let _ = tokio::time::timeout(TRY_AGAIN, due).await;
            }
        }
        tokio::time::sleep(MOMENT).await;
    }
}
