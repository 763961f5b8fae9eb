//! `GET /api/preview`: what the planner would say now. `POST /api/what-if`: what would change. `GET
//! /api/replay/{decision}`: a decided plan made once more by this node.

use crate::app::App;
use crate::error::Problem;
use crate::node::NodeError;
use crate::sync::now;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use client_core::decide::timetable::{Preview, ReplayError, WhatIf, WhatIfAnswer};
use serde_json::{Value, json};

pub async fn preview(State(app): State<App>) -> Result<Json<Preview>, Problem> {
    Ok(Json(app.node.preview(now()).await?))
}

pub async fn what_if(
    State(app): State<App>,
    what: Result<Json<WhatIf>, JsonRejection>,
) -> Result<Json<WhatIfAnswer>, Problem> {
    let Json(what) = what.map_err(|error| Problem::bad_request("not_a_what_if", error.body_text()))?;
    Ok(Json(app.node.what_if(what, now()).await?))
}

/// By the decision's id or its full reference.
pub async fn replay(State(app): State<App>, Path(decision): Path<String>) -> Result<Json<Value>, Problem> {
    let found = app.node.whereabouts(&decision).await?;
    let decision = found.first().ok_or_else(|| {
        Problem::not_found(format!("no event {decision} is held here; wait until this node is in step"))
    })?;
    let replayed = app.node.replay(decision.event).await?.map_err(problem)?;
    Ok(Json(json!({ "holds": replayed.holds(), "replay": replayed })))
}

fn problem(error: ReplayError) -> Problem {
    match error {
        ReplayError::NotOfAPlan(_) => Problem::bad_request("not_of_a_plan", error.to_string()),
        ReplayError::Unknown(_) | ReplayError::InputsMissing { .. } | ReplayError::NotHeld(_) => {
            Problem::not_found(error.to_string())
        }
        ReplayError::Refused(_) => NodeError::Refused(error.to_string()).into(),
    }
}
