//! Work a node does by itself.

pub mod arbiter;
pub mod clock_watch;
pub mod sealer;

use crate::node::News;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// What could not be done is tried again after so long, though nothing new came.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Waits for news that matter; after a failure not for long. `false`: the node is gone.
async fn wait_for(news: &mut Receiver<News>, has_failed: bool, matters: impl Fn(&News) -> bool) -> bool {
    let come = async {
        loop {
            match news.recv().await {
                Ok(heard) if matters(&heard) => return true,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return true,
                Err(RecvError::Closed) => return false,
            }
        }
    };
    match has_failed {
        true => tokio::time::timeout(TRY_AGAIN, come).await.unwrap_or(true),
        false => come.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_failed_is_tried_again_though_nothing_came_and_what_did_not_waits_for_news() {
        let (sender, mut news) = tokio::sync::broadcast::channel(4);
        let matters = |heard: &News| matches!(heard, News::Arbiter);
        sender.send(News::Upstream(true)).unwrap();
        assert!(wait_for(&mut news, true, matters).await);
        sender.send(News::Upstream(true)).unwrap();
        sender.send(News::Arbiter).unwrap();
        assert!(wait_for(&mut news, false, matters).await);
        assert!(news.is_empty());
        drop(sender);
        assert!(!wait_for(&mut news, false, matters).await);
    }
}
