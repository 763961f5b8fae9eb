//! `POST /enrol`: a device shows its one-time code and gets its certificate.

use crate::app::App;
use crate::error::Problem;
use crate::node::{EnrolAnswer, EnrolRequest};
use crate::sync::now;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;

pub async fn enrol(
    State(app): State<App>,
    request: Result<Json<EnrolRequest>, JsonRejection>,
) -> Result<Json<EnrolAnswer>, Problem> {
    let Json(request) =
        request.map_err(|error| Problem::bad_request("not_an_enrolment", error.body_text()))?;
    Ok(Json(app.node.enrol(&request, now()).await?))
}
