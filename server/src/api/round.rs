//! `POST /api/round/close`: an administrator closes the open round; the city decides.
//! `GET /api/round/recheck`: any node decides the last round once more from its own history.

use crate::app::App;
use crate::error::Problem;
use axum::Json;
use axum::extract::State;
use client_core::decide::Recheck;
use client_core::node::Closed;

pub async fn close(State(app): State<App>) -> Result<Json<Closed>, Problem> {
    if !app.node.is_city() {
        return Err(Problem::bad_request("not_the_city", "only the city node decides; ask there"));
    }
    Ok(Json(app.node.close_round().await?))
}

pub async fn recheck(State(app): State<App>) -> Result<Json<Recheck>, Problem> {
    let checked = app.node.recheck().await?;
    checked.map(Json).ok_or_else(|| Problem::not_found("no round was closed yet"))
}
