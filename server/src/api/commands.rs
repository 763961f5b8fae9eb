//! `POST /api/commands`: a person's action, checked against the views, answered with its events.

use crate::app::App;
use crate::error::Problem;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use client_core::domain::Command;
use client_core::event::EventRef;
use client_core::ids::UserId;
use serde::Serialize;

/// The events of the action, durable when this is sent.
#[derive(Serialize)]
pub struct Done {
    events: Vec<EventRef>,
}

pub async fn run(
    State(app): State<App>,
    command: Result<Json<Command>, JsonRejection>,
) -> Result<Json<Done>, Problem> {
    let Json(command) = command.map_err(|error| Problem::bad_request("not_a_command", error.body_text()))?;
    let events = app.node.command(command, UserId([0; 16])).await?;
    Ok(Json(Done { events }))
}
