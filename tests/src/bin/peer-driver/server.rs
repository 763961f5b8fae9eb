//! The city's node as the benchmark's server.

use crate::place;
use lianxiao::app::{self, App};
use std::error::Error;
use std::path::PathBuf;

/// Serves until standard input closes.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::var("PORT")?.parse()?;
    let folder = PathBuf::from(std::env::var("DATA_DIR")?);
    let database = std::env::var("DATABASE").ok();
    let node = place::city(&folder, database.as_deref()).await?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let serving = tokio::spawn(app::serve(App::new(node.clone(), "none"), listener, std::future::pending()));
    println!("{}", serde_json::json!({ "ready": true }));
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    serving.abort();
    node.close().await;
    Ok(())
}
