//! `POST /api/import` applies the records of office files, and answers with lines of JSON as it goes on;
//! `GET /api/imports` lists them; `POST /api/import/{action}/revert` takes one back.

use crate::app::App;
use crate::error::Problem;
use crate::import::Office;
use crate::node::{ImportListed, RevertOutcome};
use crate::sync::now;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use client_core::ids::IdError;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;

/// The body is an office in MessagePack. Each line is progress; the last is `{"done": …}` or `{"failed": …}`.
pub async fn apply(State(app): State<App>, body: Bytes) -> Result<Response, Problem> {
    let office: Office = rmp_serde::from_slice(&body).map_err(|error| {
        Problem::bad_request("not_an_office", format!("the records cannot be read: {error}"))
    })?;
    let (lines, receiver) = tokio::sync::mpsc::unbounded_channel::<String>();
    tokio::spawn(async move {
        let progress = lines.clone();
        let outcome = app
            .node
            .import(&office, now(), |file, done, total| {
                let _ = progress
                    .send(json!({ "file": file, "done_actions": done, "actions": total }).to_string());
            })
            .await;
        let last = match outcome {
            Ok(outcome) => json!({ "done": outcome }),
            Err(error) => {
                tracing::error!(%error, "an import stopped");
                json!({ "failed": error.to_string() })
            }
        };
        let _ = lines.send(last.to_string());
    });
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|line| (Ok::<_, std::io::Error>(line + "\n"), receiver))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream.boxed())).into_response())
}

/// Every import, with what it brought to which branch.
pub async fn list(State(app): State<App>) -> Result<Json<Vec<ImportListed>>, Problem> {
    Ok(Json(app.node.imports().await?))
}

/// Why an import is taken back.
#[derive(Deserialize)]
pub struct Revert {
    reason: String,
}

pub async fn revert(
    State(app): State<App>,
    Path(action): Path<String>,
    Json(revert): Json<Revert>,
) -> Result<Json<RevertOutcome>, Problem> {
    let action =
        action.parse().map_err(|error: IdError| Problem::bad_request("not_an_import", error.to_string()))?;
    Ok(Json(app.node.revert_import(action, &revert.reason).await?))
}
