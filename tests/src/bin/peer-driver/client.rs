//! One client: a branch's node whose private document is the benchmark's.

use crate::{monotonic, place, rows};
use client_core::domain::Draft;
use client_core::ids::{ActionId, BranchId, EventId};
use client_core::node::{Actions, Writer};
use client_core::time::Millis;
use lianxiao::node::{Held, Node};
use lianxiao::store::Synchronous;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub type Failure = Box<dyn Error + Send + Sync>;

/// A branch's node.
pub struct Client {
    node: Arc<Node>,
    branch: BranchId,
    line: Mutex<Option<tokio::task::JoinHandle<()>>>,
    watched: Arc<Mutex<Watched>>,
    time: tokio::task::JoinHandle<()>,
}

/// How the feed grew since somebody began to watch.
#[derive(Clone, Default)]
struct Watched {
    after: u64,
    /// The number of the run stored last, and when that was seen, in milliseconds.
    grew: Vec<(u64, f64)>,
}

impl Client {
    /// Opens the node over its folder.
    pub async fn open(folder: &Path, name: &str, synchronous: Synchronous) -> Result<Self, Failure> {
        let branch = place::branch(name);
        let node = place::branch_node(folder, branch, synchronous).await;
        let node = node.map_err(|error| error.to_string())?;
        let time = tokio::spawn(node.clone().keep_time());
        let (line, watched) = (Mutex::default(), Arc::default());
        Ok(Self { node, branch, line, watched, time })
    }

    /// How many events it holds.
    pub async fn count(&self) -> Result<u64, Failure> {
        Ok(self.node.held().await?.events)
    }

    /// Writes rows, `batch` of them in a transaction; they are durable when this returns.
    pub async fn append(&self, lines: &[String], batch: usize) -> Result<(), Failure> {
        for lines in lines.chunks(batch.max(1)) {
            let rows =
                lines.iter().map(|line| rows::draft(line, self.branch)).collect::<Result<Vec<_>, _>>()?;
            self.write(rows).await?;
        }
        Ok(())
    }

    /// Writes one row in a change of its own; gives back its id.
    pub async fn append_one(&self, line: &str) -> Result<EventId, Failure> {
        let (at, draft) = rows::draft(line, self.branch)?;
        let id = draft.id.ok_or("a row has an id")?;
        self.write(vec![(at, draft)]).await?;
        Ok(id)
    }

    async fn write(&self, rows: Vec<(Millis, Draft)>) -> Result<(), Failure> {
        let Some((at, first)) = rows.first() else { return Ok(()) };
        let at = Some(*at);
        let action = ActionId(first.id.ok_or("a row has an id")?.0);
        let drafts = vec![(action, rows.into_iter().map(|(_, draft)| draft).collect())];
        self.node.write_actions(Writer::Node, Actions { drafts, at, ..Actions::default() }).await?;
        Ok(())
    }

    /// Connects to `http://…`.
    pub fn connect(&self, url: &str) {
        let (node, address) = (self.node.clone(), format!("{}/sync", url.replacen("http", "ws", 1)));
        let line = tokio::spawn(async move {
            let reason = lianxiao::sync::upstream::connect(&node, &address).await;
            tracing::info!(reason, "line ended");
        });
        *self.line.lock().expect("nobody panics holding it") = Some(line);
    }

    /// Cuts the line; when this returns the node knows.
    pub async fn disconnect(&self) -> Result<(), Failure> {
        self.node.disconnect().await?;
        let line = self.line.lock().expect("nobody panics holding it").take();
        if let Some(line) = line {
            line.await?;
        }
        Ok(())
    }

    /// Waits until the server said that it holds everything durably.
    pub async fn acked(&self) -> Result<f64, Failure> {
        self.until(|held| held.not_at_upstream == 0 && held.is_connected).await
    }

    /// Waits until this many events are held.
    pub async fn wait(&self, count: u64) -> Result<f64, Failure> {
        self.until(|held| held.events >= count).await
    }

    async fn until(&self, is_enough: impl Fn(&Held) -> bool) -> Result<f64, Failure> {
        let mut changes = self.node.changes();
        while !is_enough(&self.node.held().await?) {
            changes.changed().await?;
        }
        Ok(monotonic())
    }

    /// From now on notes how far the feed has come whenever the node tells of something stored.
    pub async fn watch(&self) -> Result<(), Failure> {
        let (node, watched) = (self.node.clone(), self.watched.clone());
        let mut changes = node.changes();
        let after = node.store().feed_head(node.city()).await?;
        *watched.lock().expect("nobody panics holding it") = Watched { after, grew: Vec::new() };
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let Ok(head) = node.store().feed_head(node.city()).await else { return };
                watched.lock().expect("nobody panics holding it").grew.push((head, monotonic()));
            }
        });
        Ok(())
    }

    /// When each event since was first seen.
    pub async fn seen(&self) -> Result<Value, Failure> {
        let Watched { mut after, grew } = self.watched.lock().expect("nobody panics holding it").clone();
        let mut seen = Map::new();
        while grew.last().is_some_and(|(head, _)| *head > after) {
            let (items, upto) = self.node.feed_after(after, self.node.certificate()).await?;
            for item in items {
                let first = grew.partition_point(|(head, _)| *head < item.offset);
                let Some((_, at)) = grew.get(first) else { continue };
                for put in client_core::log::unpack(&item.run.bytes)?.iter().flatten() {
                    seen.entry(rows::text_of(put.id)).or_insert(json!(at));
                }
            }
            after = upto;
        }
        Ok(Value::Object(seen))
    }

    /// One event by the id of its row, as JSON.
    pub async fn get(&self, id: &str) -> Result<String, Failure> {
        let id = rows::id(id)?;
        for item in self.node.store().runs_with(self.node.city(), id).await? {
            let changes = client_core::log::unpack(&item.run.bytes)?;
            if let Some(put) = changes.iter().flatten().find(|put| put.id == id) {
                return Ok(rows::row(id, &put.value).unwrap_or_default().to_string());
            }
        }
        Ok(Value::Null.to_string())
    }

    /// Attendances by course, as JSON whose fields stand in the order in which the harness compares them.
    pub async fn attendance(&self) -> Result<String, Failure> {
        let attendance = self.node.course_attendance(self.branch).await?;
        let recorded: u64 = attendance.courses.values().map(|tally| tally.recorded).sum();
        // The answer's courses stand in the order of UTF-16 code units, as its reader sorts them.
        let mut courses: Vec<_> = attendance.courses.iter().filter(|(_, tally)| tally.attended > 0).collect();
        courses.sort_by_key(|(course, _)| course.encode_utf16().collect::<Vec<_>>());
        let counts: Vec<String> = courses
            .into_iter()
            .map(|(course, tally)| format!("{}:{}", json!(course), tally.attended))
            .collect();
        Ok(format!("{{\"n\":{recorded},\"agg\":{{{}}}}}", counts.join(",")))
    }

    /// Closes the node and its store.
    pub async fn close(&self) -> Result<(), Failure> {
        self.disconnect().await?;
        self.time.abort();
        self.node.close().await;
        Ok(())
    }
}
