//! The driver: requests of the harness, answered by its clients.

use crate::client::{Client, Failure};
use crate::monotonic;
use crate::rows::{self, Files};
use lianxiao::store::Synchronous;
use serde::Deserialize;
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Mutex;

/// A request; which fields are there depends on the command.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    id: u64,
    cmd: String,
    c: String,
    dir: PathBuf,
    name: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    file: String,
    from: usize,
    to: usize,
    batch: usize,
    every: f64,
    url: String,
    count: u64,
    q: String,
    eid: String,
}

struct Driver {
    synchronous: Synchronous,
    clients: Mutex<BTreeMap<String, Arc<Client>>>,
    files: Mutex<Files>,
}

/// Answers requests until standard input closes. Requests overlap.
pub async fn run(synchronous: Synchronous) -> Result<(), Box<dyn Error>> {
    let driver = Arc::new(Driver { synchronous, clients: Mutex::default(), files: Mutex::default() });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let Ok(request) = serde_json::from_str::<Request>(&line) else { continue };
        let is_last = request.cmd == "exit";
        let (id, driver) = (request.id, driver.clone());
        let answered = tokio::spawn(async move {
            match driver.answer(request).await {
                Ok(fields) if fields.is_empty() => println!("{{\"id\":{id},\"ok\":true}}"),
                Ok(fields) => println!("{{\"id\":{id},\"ok\":true,{fields}}}"),
                Err(error) => println!("{}", json!({ "id": id, "ok": false, "error": error.to_string() })),
            }
        });
        if is_last {
            answered.await?;
            break;
        }
    }
    Ok(())
}

impl Driver {
    /// The fields of the answer, as JSON without its braces: some are compared in their order.
    async fn answer(&self, request: Request) -> Result<String, Failure> {
        if request.cmd == "open" {
            return self.open(&request).await;
        }
        if request.cmd == "exit" {
            return Ok(String::new());
        }
        let client = self.clients.lock().await.get(&request.c).cloned();
        let client = client.ok_or_else(|| format!("no client {:?} is open", request.c))?;
        match request.cmd.as_str() {
            "append" => self.append(&client, &request).await,
            "tick" => self.tick(&client, &request).await,
            "connect" => {
                let t0 = monotonic();
                client.connect(&request.url);
                Ok(format!("\"t0\":{t0}"))
            }
            "disconnect" => client.disconnect().await.map(|()| String::new()),
            "acked" => Ok(format!("\"t\":{}", client.acked().await?)),
            "wait" => Ok(format!("\"t\":{}", client.wait(request.count).await?)),
            "watch" => client.watch().await.map(|()| String::new()),
            "seen" => Ok(format!("\"seen\":{}", client.seen().await?)),
            "query" => {
                let t0 = monotonic();
                let result = match request.q.as_str() {
                    "get" => client.get(&request.eid).await?,
                    _ => client.attendance().await?,
                };
                Ok(format!("\"t0\":{t0},\"t1\":{},\"result\":{result}", monotonic()))
            }
            "flush" => Ok(format!("\"t\":{}", monotonic())),
            "close" => {
                self.clients.lock().await.remove(&request.c);
                client.close().await?;
                Ok(format!("\"t\":{}", monotonic()))
            }
            other => Err(format!("no command {other:?}").into()),
        }
    }

    async fn open(&self, request: &Request) -> Result<String, Failure> {
        let t0 = monotonic();
        let name = request.reference.as_ref().or(request.name.as_ref()).ok_or("a document has a name")?;
        let client = Client::open(&request.dir, name, self.synchronous).await?;
        let count = client.count().await?;
        self.clients.lock().await.insert(request.c.clone(), Arc::new(client));
        Ok(format!("\"ref\":{},\"count\":{count},\"t0\":{t0},\"t1\":{}", json!(name), monotonic()))
    }

    async fn append(&self, client: &Client, request: &Request) -> Result<String, Failure> {
        let lines = self.files.lock().await.lines(&request.file)?;
        let lines = lines.get(request.from..request.to).ok_or("the file has fewer lines")?;
        let t0 = monotonic();
        client.append(lines, request.batch).await?;
        let t1 = monotonic();
        Ok(format!("\"t0\":{t0},\"t1\":{t1},\"t2\":{t1}"))
    }

    async fn tick(&self, client: &Client, request: &Request) -> Result<String, Failure> {
        let lines = self.files.lock().await.lines(&request.file)?;
        let lines = lines.get(request.from..request.to).ok_or("the file has fewer lines")?;
        let mut wrote = Map::new();
        let start = monotonic();
        for (n, line) in lines.iter().enumerate() {
            let wait = start + n as f64 * request.every - monotonic();
            if wait > 0.0 {
                tokio::time::sleep(Duration::from_secs_f64(wait / 1e3)).await;
            }
            let at = monotonic();
            let id = client.append_one(line).await?;
            wrote.insert(rows::text_of(id), json!(at));
        }
        Ok(format!("\"wrote\":{}", json!(wrote)))
    }
}
