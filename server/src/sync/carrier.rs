//! Carries frames between one WebSocket and the node, whichever side opened it.

use crate::node::{Node, NodeError};
use client_core::peer::{Connection, Input};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// A connection's buffer for reading; it is cleared before each read, so a large one costs time too.
pub const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Frames of one connection that may wait for the core.
const MOST_WAITING: usize = 2;

/// Runs until the connection ends; the text says how. `incoming` yields frames, an error or the end;
/// `frames` are those the node wants to send.
pub async fn carry<S, E>(
    node: &Arc<Node>,
    connection: Connection,
    mut frames: mpsc::UnboundedReceiver<Vec<u8>>,
    mut incoming: S,
    mut outgoing: impl Sink<Vec<u8>, Error = E> + Unpin,
) -> String
where
    S: Stream<Item = Result<Vec<u8>, String>> + Unpin,
    E: std::fmt::Display,
{
    let waiting = Arc::new(Semaphore::new(MOST_WAITING));
    let ended = loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(bytes) => {
                    if let Err(error) = send(&mut outgoing, bytes, &mut frames).await {
                        break error.to_string();
                    }
                }
                None => break "the node ended it".to_owned(),
            },
            message = incoming.next() => match message {
                Some(Ok(bytes)) => {
                    let Ok(permit) = waiting.clone().acquire_owned().await else { break "stopped".to_owned() };
                    let received = node.input(Input::Received { connection, bytes }, Some(permit)).await;
                    if let Err(error) = received {
                        break error.to_string();
                    }
                }
                Some(Err(error)) => break error,
                None => break "closed by the peer".to_owned(),
            },
        }
    };
    // What the node still had to say, e.g. why it hung up.
    while let Ok(bytes) = frames.try_recv() {
        if outgoing.feed(bytes).await.is_err() {
            break;
        }
    }
    let _ = outgoing.close().await;
    match node.input(Input::Closed { connection }, None).await {
        Ok(()) | Err(NodeError::Stopping) => ended,
        Err(error) => error.to_string(),
    }
}

/// Sends a frame and whatever else is ready to go with it.
async fn send<E>(
    outgoing: &mut (impl Sink<Vec<u8>, Error = E> + Unpin),
    first: Vec<u8>,
    frames: &mut mpsc::UnboundedReceiver<Vec<u8>>,
) -> Result<(), E> {
    outgoing.feed(first).await?;
    while let Ok(bytes) = frames.try_recv() {
        outgoing.feed(bytes).await?;
    }
    outgoing.flush().await
}
