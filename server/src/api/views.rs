//! `GET /api/views/…`, `/api/rosters`, `/api/digests`, `/api/status`, `/api/why/…`, `/api/health`: what the node derives and how it is.

use crate::app::App;
use crate::error::Problem;
use crate::node::{Digests, Status, Whereabouts};
use axum::Json;
use axum::extract::{Path, State};
use client_core::domain::SharedViews;
use serde_json::{Value, json};

pub async fn view(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let views = app.node.shared_views().await?;
    let found = views.named(&name).map(Json);
    found.ok_or_else(|| {
        let known = SharedViews::NAMES.join(", ");
        Problem::not_found(format!("no view is named {name}; there are: {known}"))
    })
}

/// The rosters of the node's own branch: ids and groups, no names.
pub async fn rosters(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let rosters = app.node.rosters(app.node.branch()).await?;
    Ok(Json(
        json!({ "learners": rosters.learners.learners, "person_times": rosters.attendance.person_times(),
        "imports": rosters.imports.applied }),
    ))
}

pub async fn digests(State(app): State<App>) -> Result<Json<Digests>, Problem> {
    Ok(Json(app.node.digests().await?))
}

pub async fn status(State(app): State<App>) -> Result<Json<Status>, Problem> {
    Ok(Json(app.node.status().await?))
}

/// Where an event is, by its id or its full reference.
pub async fn why(
    State(app): State<App>,
    Path(event): Path<String>,
) -> Result<Json<Vec<Whereabouts>>, Problem> {
    let found = app.node.whereabouts(&event).await?;
    if found.is_empty() {
        return Err(Problem::not_found(format!(
            "no event {event} is held here; ask at the node it was written at"
        )));
    }
    Ok(Json(found))
}

pub async fn health(State(app): State<App>) -> Json<Value> {
    let kind = if app.node.is_city() { "city" } else { "branch" };
    Json(json!({ "kind": kind, "city": app.node.city(), "version": env!("CARGO_PKG_VERSION") }))
}
