//! `POST /api/arbiter/release`: an administrator lets the arbiter decide although something is unknown.

use crate::app::App;
use crate::error::Problem;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub async fn release(State(app): State<App>) -> Result<Json<Value>, Problem> {
    if !app.node.is_city() {
        return Err(Problem::bad_request("not_the_city", "only the city node has an arbiter; ask there"));
    }
    Ok(Json(json!({ "was_paused": app.node.release_arbiter().await? })))
}
