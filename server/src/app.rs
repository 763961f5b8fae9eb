//! Puts a node together and serves it: sync, API and the page.

use crate::node::Node;
use crate::{api, page, sync};
use axum::Router;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use std::net::SocketAddr;
use std::sync::Arc;
use tower_http::trace::TraceLayer;

/// What every endpoint can reach.
#[derive(Clone)]
pub struct App {
    /// The node.
    pub node: Arc<Node>,
    /// Opens the API.
    pub token: Arc<str>,
    /// Sync connections carried by POST.
    pub exchanges: sync::exchange::Exchanges,
}

impl App {
    /// Around a node; `token` opens its API.
    pub fn new(node: Arc<Node>, token: &str) -> Self {
        Self { node, token: token.into(), exchanges: sync::exchange::Exchanges::default() }
    }
}

/// Serves a node on a listener until `stop` resolves.
pub async fn serve(
    app: App,
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    tokio::spawn(app.node.clone().keep_time());
    let address: SocketAddr = listener.local_addr()?;
    tracing::info!(%address, "serving");
    let router = Router::new()
        .route("/sync", get(sync::endpoint::sync))
        .route("/sync/exchange", post(sync::exchange::exchange))
        .merge(api::routes(app.clone()))
        .fallback(page::file)
        .layer(TraceLayer::new_for_http())
        .with_state(app);
    // Frames are small and wait for nobody: Nagle's algorithm would hold every second one for 40 ms.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Resolves at Ctrl-C or SIGTERM.
pub async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .expect("the runtime handles signals");
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}
