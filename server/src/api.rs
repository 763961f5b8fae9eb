//! The JSON API: commands in, derived views out. A file an endpoint.

mod arbiter;
mod codes;
mod commands;
mod enrol;
mod import;
mod round;
mod segments;
mod timetable;
mod views;

use crate::app::App;
use crate::auth::require_token;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};

/// The largest request body, in bytes: a city's whole office of records.
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// All endpoints of the API.
pub fn routes(app: App) -> Router<App> {
    let guarded = Router::new()
        .route("/api/commands", post(commands::run))
        .route("/api/codes", post(codes::make))
        .route("/api/import", post(import::apply))
        .route("/api/imports", get(import::list))
        .route("/api/import/{action}/revert", post(import::revert))
        .route("/api/arbiter/release", post(arbiter::release))
        .route("/api/round/close", post(round::close))
        .route("/api/round/recheck", get(round::recheck))
        .route("/api/preview", get(timetable::preview))
        .route("/api/replay/{decision}", get(timetable::replay))
        .route("/api/what-if", post(timetable::what_if))
        .route("/api/rosters", get(views::rosters))
        .route("/api/digests", get(views::digests))
        .route("/api/status", get(views::status))
        .route("/api/views/{name}", get(views::view))
        .route("/api/why/{event}", get(views::why))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .route_layer(middleware::from_fn_with_state(app, require_token));
    let open = Router::new()
        .route("/enrol", post(enrol::enrol))
        .route("/segments", get(segments::list))
        .route("/segments/{hash}", get(segments::file))
        .route("/api/health", get(views::health));
    guarded.merge(open)
}
