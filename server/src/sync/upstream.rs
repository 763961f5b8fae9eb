//! A branch node's line to its upstream: starts from segments, connects, syncs, waits with jitter,
//! connects again.

use super::carrier::{READ_BUFFER_BYTES, carry};
use super::now;
use super::outbox::outbox;
use super::segments::{FetchError, Fetcher};
use crate::node::Node;
use client_core::sync::{Backoff, MAX_FRAME_BYTES, opening_query};
use futures_util::{SinkExt, StreamExt, future};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};

/// A line that stood this long, or carried something, lets the next wait begin small again.
const STOOD_MILLIS: i64 = 10_000;

/// Keeps the line to `upstream` (`http://host:port`) up until the task is dropped; parts of segments
/// wait in `folder`.
pub async fn run(node: Arc<Node>, upstream: String, folder: PathBuf) {
    let address = format!("{}/sync", upstream.trim_end_matches('/').replacen("http", "ws", 1));
    let mut backoff = Backoff::default();
    let mut fetcher = Fetcher::new(node.clone(), &upstream, folder);
    loop {
        let began = now();
        let reason = match fetcher.run().await {
            // A download that gets on is worth going on with; one that does not must not keep the rest away.
            Err(error @ FetchError::Line { .. }) if fetcher.take_gained() => {
                backoff.reset();
                error.to_string()
            }
            Err(error) => {
                tracing::info!(%error, "going on without segments");
                connect(&node, &address).await
            }
            Ok(()) => connect(&node, &address).await,
        };
        if node.take_carried().await || now().0 - began.0 > STOOD_MILLIS {
            backoff.reset();
        }
        let wait = backoff.wait(crate::keys::random_bytes()[0]).unsigned_abs();
        tracing::info!(%address, reason, wait_ms = wait, "upstream line is down");
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

/// One connection to the upstream, until it ends; the text says how.
pub async fn connect(node: &Arc<Node>, address: &str) -> String {
    let nonce = crate::keys::random_bytes();
    let address = format!("{address}{}", opening_query(&nonce));
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES))
        .read_buffer_size(READ_BUFFER_BYTES);
    let connecting = tokio_tungstenite::connect_async_with_config(address, Some(config), true);
    let socket = match tokio::time::timeout(Duration::from_secs(20), connecting).await {
        Ok(Ok((socket, _))) => socket,
        Ok(Err(error)) => return error.to_string(),
        Err(_) => return "no answer for 20 s".into(),
    };
    let (sink, stream) = socket.split();
    let outgoing = sink.with(|bytes: Vec<u8>| {
        future::ready(Ok::<_, tokio_tungstenite::tungstenite::Error>(Message::Binary(bytes.into())))
    });
    let incoming = stream.filter_map(|message| {
        future::ready(match message {
            Ok(Message::Binary(bytes)) => Some(Ok(bytes.to_vec())),
            Ok(_) => None,
            Err(error) => Some(Err(error.to_string())),
        })
    });
    let (sender, frames) = outbox();
    let Ok(connection) = node.connected(nonce, sender).await else { return "the node is stopping".into() };
    carry(node, connection, frames, incoming, outgoing).await
}
