//! Sync by HTTP POST, for scripts and lines that let no WebSocket through: each request carries
//! frames up, its answer carries frames down.
//!
//! `POST /sync/exchange?nonce=…` opens a connection and answers with its name in the header
//! `lianxiao-exchange`; later requests name it so. A body is frames, each after its length in four
//! bytes, big-endian. A request waits until the node has something to say, at most ten seconds.

use super::Opening;
use super::carrier::MOST_WAITING;
use super::outbox::{Outgoing, outbox};
use crate::app::App;
use crate::error::Problem;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use client_core::peer::{Connection, Input};
use client_core::sync::MAX_FRAME_BYTES;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Names a connection carried by POST.
pub const EXCHANGE: HeaderName = HeaderName::from_static("lianxiao-exchange");

/// How long a request waits for something to answer.
const WAIT: Duration = Duration::from_secs(10);
/// A connection that is not asked for this long is over.
const IDLE: Duration = Duration::from_secs(60);
/// The most connections carried by POST at a time.
const MOST: usize = 1_000;

struct Carried {
    connection: Connection,
    waiting: Arc<Semaphore>,
    frames: tokio::sync::Mutex<Outgoing>,
    asked: Mutex<Instant>,
}

/// All connections carried by POST.
#[derive(Clone, Default)]
pub struct Exchanges(Arc<Mutex<BTreeMap<String, Arc<Carried>>>>);

impl Exchanges {
    /// Those that are open, by name. Nobody keeps them while the node works.
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Carried>>> {
        self.0.lock().expect("nobody panics holding it")
    }
}

/// `POST /sync/exchange`
pub async fn exchange(
    State(app): State<App>,
    Query(opening): Query<Opening>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let given = headers.get(EXCHANGE).and_then(|value| value.to_str().ok());
    let (name, carried) = match given {
        Some(name) => {
            let known = app.exchanges.open().get(name).cloned();
            let gone = || Problem::not_found("this exchange is over or was never opened: open a new one");
            (name.to_owned(), known.ok_or_else(gone)?)
        }
        None => open(&app, &opening).await?,
    };
    *carried.asked.lock().expect("nobody panics holding it") = Instant::now();
    for bytes in frames_of(&body)? {
        let permit = carried.waiting.clone().acquire_owned().await.ok();
        app.node.input(Input::Received { connection: carried.connection, bytes }, permit).await?;
    }
    let mut frames = carried.frames.lock().await;
    let mut answer = Vec::new();
    let first = tokio::time::timeout(WAIT, frames.recv()).await;
    let over = matches!(first, Ok(None));
    if let Ok(Some(frame)) = first {
        put_frame(&mut answer, &frame);
        // What the node says in one breath goes in one answer.
        while let Ok(Some(frame)) = tokio::time::timeout(Duration::from_millis(5), frames.recv()).await {
            put_frame(&mut answer, &frame);
        }
    }
    if over {
        app.exchanges.open().remove(&name);
        app.node.input(Input::Closed { connection: carried.connection }, None).await?;
        return Err(Problem::not_found("the node ended this exchange"));
    }
    Ok(([(EXCHANGE, name)], answer).into_response())
}

async fn open(app: &App, opening: &Opening) -> Result<(String, Arc<Carried>), Problem> {
    let nonce = opening.bytes().map_err(|wrong| Problem::bad_request("no_nonce", wrong))?;
    let is_idle =
        |carried: &Carried| carried.asked.lock().expect("nobody panics holding it").elapsed() > IDLE;
    let (idle, open) = {
        let mut exchanges = app.exchanges.open();
        let idle: Vec<_> = exchanges.extract_if(.., |_, carried| is_idle(carried)).collect();
        (idle, exchanges.len())
    };
    for (_, carried) in idle {
        app.node.input(Input::Closed { connection: carried.connection }, None).await?;
    }
    if open >= MOST {
        return Err(Problem::busy("too many exchanges are open: try again in a minute"));
    }
    let (sender, frames) = outbox();
    let connection = app.node.accepted(nonce, sender).await?;
    let name = hex::encode(crate::keys::random_id());
    let (frames, asked) = (tokio::sync::Mutex::new(frames), Mutex::new(Instant::now()));
    let waiting = Arc::new(Semaphore::new(MOST_WAITING));
    let carried = Arc::new(Carried { connection, waiting, frames, asked });
    app.exchanges.open().insert(name.clone(), carried.clone());
    Ok((name, carried))
}

/// Appends a frame after its length.
pub fn put_frame(bytes: &mut Vec<u8>, frame: &[u8]) {
    bytes.extend_from_slice(&(frame.len() as u32).to_be_bytes());
    bytes.extend_from_slice(frame);
}

/// Takes a body apart.
pub fn frames_of(mut body: &[u8]) -> Result<Vec<Vec<u8>>, Problem> {
    let wrong =
        || Problem::bad_request("not_frames", "a body is frames, each after its length in four bytes");
    let mut frames = Vec::new();
    while !body.is_empty() {
        let (length, rest) = body.split_first_chunk::<4>().ok_or_else(wrong)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (frame, rest) = rest.split_at_checked(length).ok_or_else(wrong)?;
        if length == 0 || length > MAX_FRAME_BYTES {
            return Err(wrong());
        }
        frames.push(frame.to_vec());
        body = rest;
    }
    Ok(frames)
}
