//! The WebSocket endpoint of a node, for its devices and the nodes below it.

use super::Opening;
use super::carrier::{READ_BUFFER_BYTES, carry};
use super::outbox::outbox;
use crate::app::App;
use crate::error::Problem;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use client_core::sync::MAX_FRAME_BYTES;
use futures_util::{SinkExt, StreamExt, future};

/// `GET /sync?nonce=…`
pub async fn sync(
    State(app): State<App>,
    Query(opening): Query<Opening>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let nonce = opening.bytes().map_err(|wrong| Problem::bad_request("no_nonce", wrong))?;
    let upgrade = upgrade.max_message_size(MAX_FRAME_BYTES).max_frame_size(MAX_FRAME_BYTES);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_BYTES);
    Ok(upgrade.on_upgrade(move |socket| serve(app, nonce, socket)))
}

async fn serve(app: App, nonce: [u8; 32], socket: WebSocket) {
    let (sink, stream) = socket.split();
    let outgoing =
        sink.with(|bytes: Vec<u8>| future::ready(Ok::<_, axum::Error>(Message::Binary(bytes.into()))));
    let incoming = stream.filter_map(|message| {
        future::ready(match message {
            Ok(Message::Binary(bytes)) => Some(Ok(bytes.to_vec())),
            Ok(_) => None,
            Err(error) => Some(Err(error.to_string())),
        })
    });
    let (sender, frames) = outbox();
    let Ok(connection) = app.node.accepted(nonce, sender).await else { return };
    let reason = carry(&app.node, connection, frames, incoming, outgoing).await;
    tracing::info!(connection, reason, "peer disconnected");
}
