//! `POST /api/codes`: a one-time code for a new device.

use crate::app::App;
use crate::error::Problem;
use crate::sync::now;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use client_core::identity::Role;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Wanted {
    /// The branch's name; at a branch node its own.
    branch: Option<String>,
    role: Role,
    #[serde(default)]
    label: String,
}

#[derive(Serialize)]
pub struct Made {
    code: String,
}

pub async fn make(
    State(app): State<App>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Made>, Problem> {
    let Json(wanted) =
        wanted.map_err(|error| Problem::bad_request("not_a_code_request", error.body_text()))?;
    let code = app.node.make_code(wanted.branch.as_deref(), wanted.role, &wanted.label, now()).await?;
    Ok(Json(Made { code }))
}
