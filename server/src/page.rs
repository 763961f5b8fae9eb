//! The page: built files embedded in the program, served compressed where the browser takes it.

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../target/page"]
#[allow_missing = true]
struct Bundle;

const NOT_BUILT: &str =
    "The page is not built into this program. Run `cargo demo`, or build it as docs/architecture.md says.";

/// Any file of the page; a path without a dot is one of the page's own rooms.
pub async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return (StatusCode::NOT_FOUND, "no such endpoint").into_response();
    }
    let is_room = !path.rsplit('/').next().unwrap_or_default().contains('.');
    let name = if is_room { "index.html" } else { path };
    let brotli = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.contains("br"));
    let compressed = brotli.then(|| Bundle::get(&format!("{name}.br"))).flatten();
    let encoded = compressed.is_some();
    let Some(file) = compressed.or_else(|| Bundle::get(name)) else {
        return (StatusCode::NOT_FOUND, if is_room { NOT_BUILT } else { "no such file" }).into_response();
    };
    let mut response = Response::new(Body::from(file.data));
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type(name)));
    head.insert(header::VARY, header::HeaderValue::from_static("accept-encoding"));
    let cache = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    head.insert(header::CACHE_CONTROL, header::HeaderValue::from_static(cache));
    let policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'";
    head.insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(policy));
    if encoded {
        head.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("br"));
    }
    response
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

/// Files whose names carry a hash of their contents, `name-0123456789abcdef.ext`, never change.
fn is_hashed(name: &str) -> bool {
    name.split(['-', '.']).any(|part| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_page_is_embedded() {
        let names: Vec<_> = Bundle::iter().collect();
        assert!(names.iter().all(|name| !name.contains('/')), "{names:?}");
        let kinds = names.iter().map(|name| content_type(name.trim_end_matches(".br")));
        assert!(kinds.into_iter().all(|kind| kind != "application/octet-stream"), "{names:?}");
    }
}
