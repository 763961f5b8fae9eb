//! `GET /segments` and `GET /segments/{hash}`: the sealed past of the documents the asker may read, as
//! immutable files. A file can be had in parts.

use crate::app::App;
use crate::auth::proof::{self, LIST, purpose_of};
use crate::error::Problem;
use crate::node::{SegmentFile, SegmentList};
use crate::sync::now;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use client_core::event::Scope;
use client_core::identity::Certificate;
use client_core::ids::SegmentId;
use futures_util::stream;

/// `GET /segments`
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json<SegmentList>, Problem> {
    let asker = proof::asker(&app.node, &headers, LIST, now()).await?;
    Ok(Json(app.node.segments_for(&asker).await?))
}

/// `GET /segments/{hash}`
pub async fn file(
    State(app): State<App>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let hash: SegmentId =
        hash.parse().map_err(|_| Problem::not_found("a segment's address has 64 hexadecimal digits"))?;
    let asker = proof::asker(&app.node, &headers, &purpose_of(hash), now()).await?;
    answer(&app, hash, &asker, &headers).await
}

async fn answer(
    app: &App,
    hash: SegmentId,
    asker: &Certificate,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let found = app.node.segment(hash).await?;
    let segment = found.ok_or_else(|| Problem::not_found("no segment has this address: ask for the list"))?;
    if !asker.may_read(&segment.document) {
        return Err(Problem::forbidden("this segment is private to its branch"));
    }
    let (size, etag) = (segment.size, format!("\"{hash}\""));
    // An address names the same bytes for ever.
    let caching = match segment.document.scope {
        Scope::Shared | Scope::Decisions => "public, max-age=31536000, immutable",
        Scope::Private | Scope::Personal => "private, max-age=31536000, immutable",
    };
    let known = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, caching.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let names_it = |tags: &str| tags.split(',').map(str::trim).any(|tag| tag == "*" || strong(tag) == etag);
    if text(header::IF_NONE_MATCH).is_some_and(names_it) {
        return Ok((StatusCode::NOT_MODIFIED, known).into_response());
    }
    let range = text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|tag| tag == etag));
    let (status, first, length) = match range.map_or(Wanted::Whole, |range| wanted(range, size)) {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last + 1 - first),
        Wanted::Beyond => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response());
        }
    };
    let file = SegmentFile::part(app.node.clone(), segment, first, length);
    let pieces = stream::try_unfold(file, |mut file| async {
        let piece = file.next().await.inspect_err(|error| tracing::error!(%error, "a segment broke off"))?;
        Ok::<_, crate::node::NodeError>(piece.map(|piece| (piece, file)))
    });
    let mut response = (status, known, Body::from_stream(pieces)).into_response();
    let mut put = |name, value: String| {
        response.headers_mut().insert(name, value.parse().expect("numbers are headers"));
    };
    put(header::CONTENT_TYPE, "application/octet-stream".to_owned());
    put(header::CONTENT_LENGTH, length.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        put(header::CONTENT_RANGE, format!("bytes {first}-{}/{size}", first + length - 1));
    }
    Ok(response)
}

/// A weak tag of an immutable file is as good as a strong one where nothing is sent.
fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// First and last byte.
    Part(u64, u64),
    Beyond,
}

/// One range of a file of `size` bytes. What is no single range of bytes asks for the whole.
fn wanted(range: &str, size: u64) -> Wanted {
    let parsed = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'));
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    match parsed {
        Some(("", last)) => match number(last) {
            None => Wanted::Whole,
            Some(0) => Wanted::Beyond,
            Some(length) => Wanted::Part(size.saturating_sub(length), size - 1),
        },
        Some((first, last)) => match (number(first), number(last)) {
            (Some(first), None) if last.is_empty() => within(first, size - 1, size),
            (Some(first), Some(last)) if first <= last => within(first, last, size),
            _ => Wanted::Whole,
        },
        None => Wanted::Whole,
    }
}

fn within(first: u64, last: u64, size: u64) -> Wanted {
    if first < size { Wanted::Part(first, last.min(size - 1)) } else { Wanted::Beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_a_part_and_anything_else_is_the_whole() {
        let cases = [
            ("bytes=0-", Wanted::Part(0, 99)),
            ("bytes=10-19", Wanted::Part(10, 19)),
            ("bytes=90-1000", Wanted::Part(90, 99)),
            ("bytes=-7", Wanted::Part(93, 99)),
            ("bytes=-700", Wanted::Part(0, 99)),
            ("bytes=100-", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=9-3", Wanted::Whole),
            ("bytes=+1-3", Wanted::Whole),
            ("lines=1-3", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ];
        for (range, expected) in cases {
            assert_eq!(wanted(range, 100), expected, "{range}");
        }
    }
}
