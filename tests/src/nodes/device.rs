//! An office device: the node's own code over a store of its own, enrolled at a branch as a browser is.

use client_core::domain::Command;
use client_core::event::{DocumentId, Envelope, EventRef, Scope};
use client_core::identity::{self, Introduction, SecretKey};
use client_core::ids::{ActionId, EventId, UserId};
use client_core::log::{Place, Position, Put, Run};
use client_core::node::Writer;
use client_core::peer::{Batch, Input, Placed};
use client_core::sync::opening_query;
use client_core::time::{HybridClock, Quarter};
use lianxiao::client::Client;
use lianxiao::node::{EnrolAnswer, Kind, Node, Setup, Status};
use lianxiao::store::Store;
use lianxiao::sync::exchange::{EXCHANGE, frames_of, put_frame};
use lianxiao::sync::outbox::outbox;
use lianxiao::sync::{now, upstream};
use reqwest::Response;
use reqwest::header::HeaderMap;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A device that is on; dropped, it is off.
pub struct Device {
    node: Arc<Node>,
    tasks: Vec<JoinHandle<()>>,
}

impl Device {
    /// Enrols with a node and keeps what that gave in the folder.
    pub async fn enrol(at: &Client, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a folder");
        let code = at.code(None, "office", "前台").await.expect("a code");
        let key = lianxiao::keys::load_or_create(&folder.join("device.key")).expect("a key");
        let request = serde_json::json!({ "code": code, "key": key.public() });
        let answer = at.post("/enrol", &request).await.expect("enrolled");
        std::fs::write(folder.join("enrolment.json"), answer.to_string()).expect("a file");
    }

    /// Writes an event that only a newer program knows into the store of a device that is off.
    pub async fn write_newer(folder: &Path, kind: &str, version: u16) {
        let text = std::fs::read(folder.join("enrolment.json")).expect("an enrolment");
        let EnrolAnswer { city_key, chain, user, .. } = serde_json::from_slice(&text).expect("an enrolment");
        let key: SecretKey = lianxiao::keys::load_or_create(&folder.join("device.key")).expect("a key");
        let (city, own) = (identity::city_id(city_key), chain.last().expect("a certificate").clone());
        let envelope = Envelope {
            kind: kind.to_owned(),
            version,
            stamp: HybridClock::default().tick(now()),
            claimed: now(),
            device: own.device,
            user,
            branch: own.branch,
            action: ActionId([1; 16]),
            supersedes: None,
            body: Default::default(),
        };
        let nonce = [7; 16];
        let actor = identity::actor_id(key.public(), nonce);
        let document = DocumentId::new(Scope::Shared, own.branch, Quarter::of(now().day()));
        let put = Put { id: EventId([1; 16]), value: envelope.encode() };
        let changes = vec![vec![put]];
        let run = Run::write(city, &key, document, actor, &Position::START, &changes).expect("a run");
        let placed =
            Placed { place: Place::On(0), begins: true, run, changes: Arc::new(changes), author: own };
        let batch = Batch {
            introductions: vec![(document, actor, Introduction { nonce, chain }.encode())],
            runs: vec![placed],
            ..Batch::default()
        };
        let store = Store::open(&format!("sqlite://{}", folder.join("lianxiao.db").display())).await;
        let store = store.expect("a store");
        store.commit(city, &batch, &[]).await.expect("stored");
        store.close().await;
    }

    /// Switches the device of a folder on; it connects to `upstream`.
    pub async fn on(folder: &Path, upstream: &str) -> Self {
        let node = open(folder).await;
        let line = upstream::run(node.clone(), upstream.to_owned(), folder.join("segments"));
        Self { tasks: vec![tokio::spawn(node.clone().keep_time()), tokio::spawn(line)], node }
    }

    /// The same for a line that lets no WebSocket through: one exchange by HTTP POST.
    pub async fn on_by_post(folder: &Path, upstream: &str) -> Self {
        let node = open(folder).await;
        let line = post(node.clone(), upstream.to_owned());
        Self { tasks: vec![tokio::spawn(node.clone().keep_time()), tokio::spawn(line)], node }
    }

    /// Switches it off.
    pub async fn off(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.node.close().await;
    }

    /// Does something; answers with the events once they are durable on the device.
    pub async fn act(&self, command: &Command) -> Vec<EventRef> {
        self.node.command(command.clone(), UserId([1; 16])).await.expect("an action")
    }

    /// How it is.
    pub async fn status(&self) -> Status {
        self.node.status().await.expect("a status")
    }

    /// Waits until something holds.
    pub async fn wait_for(&self, what: &str, holds: impl Fn(&Status) -> bool) {
        let began = std::time::Instant::now();
        while !holds(&self.status().await) {
            assert!(began.elapsed().as_secs() < 120, "the device never: {what}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn open(folder: &Path) -> Arc<Node> {
    let text = std::fs::read(folder.join("enrolment.json")).expect("an enrolment");
    let answer: EnrolAnswer = serde_json::from_slice(&text).expect("an enrolment");
    let key: SecretKey = lianxiao::keys::load_or_create(&folder.join("device.key")).expect("a key");
    let store = Store::open(&format!("sqlite://{}", folder.join("lianxiao.db").display())).await;
    let setup = Setup {
        kind: Kind::Branch,
        city_key: answer.city_key,
        writers: vec![(Writer::Node, key, answer.chain)],
        generation: folder.join("store.generation"),
    };
    Node::open(setup, store.expect("a store")).await.expect("a device")
}

/// Carries frames there and back, one request after the other.
async fn post(node: Arc<Node>, upstream: String) {
    let nonce = lianxiao::keys::random_bytes();
    let (sender, mut up) = outbox();
    let connection = node.connected(nonce, sender).await.expect("a connection");
    let address = format!("{upstream}/sync/exchange{}", opening_query(&nonce));
    let (http, mut headers) = (reqwest::Client::new(), HeaderMap::new());
    loop {
        let mut body = Vec::new();
        while let Some(frame) = up.try_recv() {
            put_frame(&mut body, &frame);
        }
        let answer = http.post(&address).headers(headers.clone()).body(body).send().await;
        let answer = answer.and_then(Response::error_for_status).expect("an answer");
        headers.insert(EXCHANGE, answer.headers()[EXCHANGE].clone());
        for bytes in frames_of(&answer.bytes().await.expect("an answer")).expect("frames") {
            node.input(Input::Received { connection, bytes }, None).await.expect("the device is on");
        }
    }
}
