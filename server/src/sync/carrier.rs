//! Carries frames between one WebSocket and the node, whichever side opened it.

use super::outbox::Outgoing;
use crate::node::{Node, NodeError};
use client_core::peer::{Connection, Input};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A connection's buffer for reading; it is cleared before each read, so a large one costs time too.
pub const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Frames of one connection that may wait for the core.
pub const MOST_WAITING: usize = 2;

/// Who takes nothing for so long is gone, though the operating system may not say so for long.
const MOST_FOR_WRITING: Duration = Duration::from_secs(60);
const MOST_FOR_CLOSING: Duration = Duration::from_secs(2);

/// Runs until the connection ends; the text says how. `incoming` yields frames, an error or the end;
/// `frames` are those the node wants to send.
pub async fn carry<S, E>(
    node: &Arc<Node>,
    connection: Connection,
    mut frames: Outgoing,
    mut incoming: S,
    mut outgoing: impl Sink<Vec<u8>, Error = E> + Unpin,
) -> String
where
    S: Stream<Item = Result<Vec<u8>, String>> + Unpin,
    E: std::fmt::Display,
{
    let waiting = Arc::new(Semaphore::new(MOST_WAITING));
    let reading = async {
        loop {
            match incoming.next().await {
                Some(Ok(bytes)) => {
                    let Ok(permit) = waiting.clone().acquire_owned().await else {
                        break "stopped".to_owned();
                    };
                    let received = node.input(Input::Received { connection, bytes }, Some(permit)).await;
                    if let Err(error) = received {
                        break error.to_string();
                    }
                }
                Some(Err(error)) => break error,
                None => break "closed by the peer".to_owned(),
            }
        }
    };
    // Apart from reading: where both sides only wrote, each would wait for the other to read.
    let writing = async {
        while let Some(bytes) = frames.recv().await {
            match tokio::time::timeout(MOST_FOR_WRITING, send(&mut outgoing, bytes, &mut frames)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return "the peer takes nothing any more".to_owned(),
            }
        }
        "the node ended it".to_owned()
    };
    let ended = tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
    };
    let _ = tokio::time::timeout(MOST_FOR_CLOSING, outgoing.close()).await;
    match node.input(Input::Closed { connection }, None).await {
        Ok(()) | Err(NodeError::Stopping) => ended,
        Err(error) => error.to_string(),
    }
}

/// Sends a frame and whatever else is ready to go with it.
async fn send<E>(
    outgoing: &mut (impl Sink<Vec<u8>, Error = E> + Unpin),
    first: Vec<u8>,
    frames: &mut Outgoing,
) -> Result<(), E> {
    outgoing.feed(first).await?;
    while let Some(bytes) = frames.try_recv() {
        outgoing.feed(bytes).await?;
    }
    outgoing.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, DataFolder};
    use crate::sync::outbox::outbox;
    use futures_util::{future, sink, stream};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_peer_that_takes_nothing_is_heard_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let node = config::open_city(&DataFolder::open(folder.path()).unwrap(), None).await.unwrap().node;
        let (sender, frames) = outbox();
        // The challenge waits to be sent from now on.
        let connection = node.accepted([1; 32], sender).await.unwrap();
        let (began, writing) = tokio::sync::oneshot::channel();
        let outgoing = sink::unfold(began, |began, _| async {
            began.send(()).unwrap();
            future::pending().await
        });
        let incoming = stream::once(async {
            writing.await.unwrap();
            Err("the line broke".to_owned())
        });
        let (incoming, outgoing) = (Box::pin(incoming), Box::pin(outgoing));
        let ended = carry::<_, String>(&node, connection, frames, incoming, outgoing).await;
        assert_eq!(ended, "the line broke");
    }
}
