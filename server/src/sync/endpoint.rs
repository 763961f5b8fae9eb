//! The WebSocket endpoint of a node, for its devices and the nodes below it.

use super::peer::drive;
use crate::app::App;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use client_core::sync::{MAX_FRAME_BYTES, Side};
use futures_util::{SinkExt, StreamExt, future};

/// `GET /sync`
pub async fn sync(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(MAX_FRAME_BYTES).on_upgrade(|socket| serve(app, socket))
}

async fn serve(app: App, socket: WebSocket) {
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
    let ended = drive(&app.node, Side::Server, incoming, outgoing).await;
    tracing::info!(reason = %ended, "peer disconnected");
}
