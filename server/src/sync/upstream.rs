//! A branch node's line to its upstream: connects, syncs, waits with jitter, connects again.

use super::peer::{Ended, drive, now};
use crate::node::Node;
use client_core::sync::{MAX_FRAME_BYTES, Side};
use futures_util::{SinkExt, StreamExt, future};
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};

const FIRST_WAIT_MILLIS: u64 = 250;
const LONGEST_WAIT_MILLIS: u64 = 30_000;

/// Keeps the line to `upstream` (`http://host:port`) up until the task is dropped.
pub async fn run(node: Arc<Node>, upstream: String) {
    let address = format!("{}/sync", upstream.trim_end_matches('/').replacen("http", "ws", 1));
    let mut wait = FIRST_WAIT_MILLIS;
    loop {
        let began = now();
        let ended = connect(&node, &address).await;
        node.upstream(false, now()).await;
        if now().0 - began.0 > 10_000 {
            wait = FIRST_WAIT_MILLIS;
        }
        let jitter = u64::from(crate::keys::random_bytes()[0]) * wait / 255;
        tracing::info!(%address, reason = %ended, wait_ms = wait / 2 + jitter, "upstream line is down");
        tokio::time::sleep(Duration::from_millis(wait / 2 + jitter)).await;
        wait = (wait * 2).min(LONGEST_WAIT_MILLIS);
    }
}

async fn connect(node: &Arc<Node>, address: &str) -> Ended {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME_BYTES));
    let connecting = tokio_tungstenite::connect_async_with_config(address, Some(config), true);
    let socket = match tokio::time::timeout(Duration::from_secs(20), connecting).await {
        Ok(Ok((socket, _))) => socket,
        Ok(Err(error)) => return Ended::Carrier(error.to_string()),
        Err(_) => return Ended::Carrier("no answer for 20 s".into()),
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
    drive(node, Side::Client, incoming, outgoing).await
}
