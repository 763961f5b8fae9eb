//! Who may use the API of a node: whoever holds its token; for segments, whoever proves its certificate.

pub mod proof;

use crate::app::App;
use crate::error::Problem;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;

/// Lets a request through that carries the node's token.
pub async fn require_token(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if same(given.as_bytes(), app.token.as_bytes()) {
        Ok(next.run(request).await)
    } else {
        Err(Problem::unauthorized())
    }
}

/// Compares in time that does not depend on where the two differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_same_token_is_the_same() {
        assert!(super::same(b"token", b"token"));
        assert!(!super::same(b"token", b"tokem"));
        assert!(!super::same(b"token", b"token1"));
        assert!(!super::same(b"", b"token"));
    }
}
