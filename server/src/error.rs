//! Errors at the edge: converted once, to problem+json.

use crate::node::NodeError;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What an endpoint answers when it cannot do what was asked.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: String,
    detail: String,
    /// What to sign, where proof is missing.
    challenge: Option<String>,
}

impl Problem {
    /// The request is wrong; `detail` says what, where and what to do.
    pub fn bad_request(code: &str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: code.into(), detail: detail.into(), challenge: None }
    }

    /// The token is missing or wrong.
    pub fn unauthorized() -> Self {
        let detail =
            "this needs the node's token: Authorization: Bearer <contents of api.token in its data folder>";
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: "no_token".into(),
            detail: detail.into(),
            challenge: None,
        }
    }

    /// Whoever asks did not prove who it is; `challenge` says how.
    pub fn unproven(detail: impl Into<String>, challenge: String) -> Self {
        let (status, code) = (StatusCode::UNAUTHORIZED, "no_proof".to_owned());
        Self { status, code, detail: detail.into(), challenge: Some(challenge) }
    }

    /// Whoever asks is known and may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            code: "not_allowed".into(),
            detail: detail.into(),
            challenge: None,
        }
    }

    /// There is nothing of that name.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "not_found".into(),
            detail: detail.into(),
            challenge: None,
        }
    }
}

impl Problem {
    /// Too much at once.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "busy".into(),
            detail: detail.into(),
            challenge: None,
        }
    }
}

impl From<NodeError> for Problem {
    fn from(error: NodeError) -> Self {
        let (status, code) = match &error {
            NodeError::Command(command) => (StatusCode::UNPROCESSABLE_ENTITY, command.code().to_owned()),
            NodeError::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "refused".to_owned()),
            NodeError::Store(store) if store.is_code_refusal() => (StatusCode::FORBIDDEN, "code".to_owned()),
            NodeError::Author(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not_written".to_owned()),
            NodeError::Paused(_) => (StatusCode::CONFLICT, "arbiter_paused".to_owned()),
            NodeError::DiskFull(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk_full".to_owned()),
            NodeError::Store(store) if store.is_full() => {
                (StatusCode::INSUFFICIENT_STORAGE, "disk_full".to_owned())
            }
            NodeError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned()),
            NodeError::Store(_)
            | NodeError::Damaged(_)
            | NodeError::NotRead(_)
            | NodeError::NotSaved(_)
            | NodeError::Open(_) => {
                tracing::error!(%error, "the node could not answer");
                (StatusCode::INTERNAL_SERVER_ERROR, "store".to_owned())
            }
        };
        Self { status, code, detail: error.to_string(), challenge: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "type": format!("about:blank#{}", self.code), "title": self.code,
            "status": self.status.as_u16(), "detail": self.detail });
        let mut response = (self.status, Json(body)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(challenge) = self.challenge.and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
