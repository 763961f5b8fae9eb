//! `POST /api/round/close`: an administrator closes the open round; the city decides.

use crate::app::App;
use crate::error::Problem;
use crate::jobs::arbiter;
use crate::sync::now;
use axum::Json;
use axum::extract::State;

pub async fn close(State(app): State<App>) -> Result<Json<arbiter::Closed>, Problem> {
    if !app.node.is_city() {
        return Err(Problem::bad_request("not_the_city", "only the city node decides; ask there"));
    }
    Ok(Json(arbiter::close_round(&app.node, now()).await?))
}
