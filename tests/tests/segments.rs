//! Segments: a branch node starts from sealed files, goes on at the byte where it was killed, refuses
//! what was tampered with, and nobody reads what is not theirs.

use base64::Engine as _;
use client_core::domain::{BenchRecorded, Command, Draft, Event, RevokeDevice, SessionCancelled};
use client_core::identity::{Chain, Role, SecretKey};
use client_core::ids::{ActionId, BranchId, ClassId, Entropy, UserId};
use client_core::log::segment_id;
use client_core::node::{Actions, Writer};
use client_core::sync::proof_message;
use client_core::time::Day;
use lianxiao::app::{self, App};
use lianxiao::client::Client;
use lianxiao::config::{self, DataFolder};
use lianxiao::jobs::sealer::Sealer;
use lianxiao::node::{EnrolRequest, Node, SegmentFile, SegmentList};
use lianxiao::store::Synchronous;
use lianxiao::sync::segments::Fetcher;
use lianxiao::sync::{now, upstream};
use reqwest::StatusCode;
use reqwest::header::{
    ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONTENT_RANGE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
    WWW_AUTHENTICATE,
};
use serde_bytes::ByteBuf;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::{NodeProcess, Postgres, Valve, converged, given_or_skipped, node_program};

/// Far more than any of these tests needs; only a hang reaches it.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// A city in this process, served on loopback.
struct City {
    node: Arc<Node>,
    client: Client,
    address: SocketAddr,
    branch: BranchId,
    sealer: Sealer,
    entropy: Entropy,
    folder: tempfile::TempDir,
}

impl City {
    async fn start(database: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let app = config::open_city(&data, database).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        data.write_address(address).unwrap();
        let client = Client::of_folder(folder.path()).unwrap();
        let node = app.node.clone();
        tokio::spawn(app::serve(app, listener, std::future::pending()));
        let (_, chain) = enrolled(&node, "新埭镇").await;
        let sealer = Sealer::open(node.clone()).await.unwrap();
        let branch = chain[0].branch;
        Self { node, client, address, branch, sealer, entropy: Entropy::new([3; 32]), folder }
    }

    async fn code(&self, branch: &str) -> String {
        self.node.make_code(Some(branch), Role::BranchNode, "test", now()).await.unwrap()
    }

    /// Writes one event an action, each saved by itself, with text that does not compress well.
    async fn write(&mut self, events: usize, text: usize, shared: bool) {
        for _ in 0..events {
            let mut noise = String::new();
            while noise.len() < text {
                noise += &hex::encode(self.entropy.next_bytes());
            }
            let event: Event = match shared {
                true => SessionCancelled { session: ClassId(self.entropy.next_id()), reason: noise }.into(),
                false => {
                    let (kind, branch) = ("test".to_owned(), "新埭镇".to_owned());
                    BenchRecorded { kind, branch, course: noise, fields: Vec::new() }.into()
                }
            };
            let drafts = vec![(ActionId(self.entropy.next_id()), vec![Draft::new(self.branch, event)])];
            let actions = Actions { drafts, ..Actions::default() };
            self.node.write_actions(Writer::Importer, actions).await.unwrap();
        }
    }

    /// Lets the documents come to rest, half a year later.
    async fn seal(&mut self) {
        let later = Day(now().day().0 + 190);
        self.sealer.look(later).await.unwrap();
        self.sealer.look(later).await.unwrap();
    }

    /// How many runs the branch's documents are kept in.
    async fn runs(&self) -> usize {
        let mut fed = self.node.store().fed_after(self.node.city(), 0).await.unwrap();
        fed.retain(|run| run.document.branch == self.branch);
        fed.len()
    }

    async fn list(&self, asker: &Asker) -> SegmentList {
        let answer = asker.get("segments", "segments", &[]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }
}

/// A branch node's key and chain.
async fn enrolled(city: &Node, branch: &str) -> (SecretKey, Chain) {
    let key = SecretKey::from_random(lianxiao::keys::random_bytes());
    let code = city.make_code(Some(branch), Role::BranchNode, "test", now()).await.unwrap();
    let answer = city.enrol(&EnrolRequest { code, key: key.public() }, now()).await.unwrap();
    (key, answer.chain)
}

/// A branch node in this process, not connected.
async fn branch_node(folder: &Path, upstream: &str, code: &str) -> App {
    let data = DataFolder::open(folder).unwrap();
    config::open_branch(&data, Some(upstream), Some(code), Synchronous::Full).await.unwrap().0
}

/// Somebody who asks over HTTP and proves its certificate as the protocol's page says.
struct Asker {
    url: String,
    city: client_core::ids::CityId,
    key: SecretKey,
    chain: Chain,
}

impl Asker {
    async fn of(city: &City, branch: &str) -> Self {
        let (key, chain) = enrolled(&city.node, branch).await;
        Self { url: format!("http://{}", city.address), city: city.node.city(), key, chain }
    }

    async fn get(&self, path: &str, purpose: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let url = format!("{}/{path}", self.url);
        let first = reqwest::get(&url).await.unwrap();
        assert_eq!(first.status(), StatusCode::UNAUTHORIZED);
        let challenge = first.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        let nonce = challenge.strip_prefix("Lianxiao nonce=\"").unwrap().trim_end_matches('"');
        let nonce: [u8; 32] = hex::decode(nonce).unwrap().try_into().unwrap();
        let signature = self.key.sign(&proof_message(purpose, self.city, &nonce));
        let proof = rmp_serde::to_vec(&(ByteBuf::from(nonce), &self.chain, signature)).unwrap();
        let proof = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(proof);
        let mut request = reqwest::Client::new().get(url).header(AUTHORIZATION, format!("Lianxiao {proof}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn file(&self, hash: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        self.get(&format!("segments/{hash}"), &format!("segment {hash}"), headers).await
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < LONGEST_WAIT, "{what} does not come about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_node_killed_in_a_download_goes_on_at_the_byte_and_ends_with_everything() {
    let mut city = City::start(None).await;
    city.write(60, 8_000, true).await;
    city.write(60, 8_000, false).await;
    city.seal().await;
    city.write(5, 100, true).await;
    let asker = Asker::of(&city, "新埭镇").await;
    let list = city.list(&asker).await;
    let size: u64 = list.segments.iter().map(|segment| segment.bytes).sum();
    assert!(list.segments.len() == 2 && size > 400_000, "{size}");

    let valve = Valve::open(city.address).await;
    valve.stop_at(150_000);
    let folder = tempfile::tempdir().unwrap();
    let (url, code) = (valve.url(), city.code("新埭镇").await);
    let arguments = ["branch", "--upstream", &url, "--code", &code];
    let branch = NodeProcess::start(&node_program(), folder.path(), &arguments).await.unwrap();
    let part = || {
        let files = std::fs::read_dir(folder.path().join("segments")).into_iter().flatten();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    until("half a download", || async { part() > 100_000 }).await;
    branch.kill().await.unwrap();
    let kept = part();
    let before = valve.down();
    valve.let_through();
    let branch = NodeProcess::start(&node_program(), folder.path(), &["branch"]).await.unwrap();
    until("city and branch together", || converged(&city.client, branch.client())).await;

    let after = valve.down() - before;
    assert!(after < size - kept + 64 * 1024, "{after} after the kill, of {size} without {kept}");
    let (at_city, at_branch) =
        (city.client.get("/api/status").await.unwrap(), branch.client().get("/api/status").await.unwrap());
    assert_eq!(at_city["events"], at_branch["events"]);
    let digests = |client: Client| async move { client.get("/api/digests").await.unwrap() };
    assert_eq!(digests(city.client.clone()).await, digests(branch.client().clone()).await);
    assert_eq!(part(), 0);
    let log = std::fs::read_to_string(folder.path().join("node.log")).unwrap();
    assert_eq!(log.matches("segment taken in").count(), 2, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoiled_segment_is_refused_by_its_hash_and_the_session_brings_what_it_held() {
    let mut city = City::start(None).await;
    city.write(20, 4_000, true).await;
    city.seal().await;
    let valve = Valve::open(city.address).await;
    let folder = tempfile::tempdir().unwrap();
    let app = branch_node(folder.path(), &valve.url(), &city.code("新埭镇").await).await;
    valve.spoil(valve.down() + 30_000);
    let parts = folder.path().join("segments");
    let mut fetcher = Fetcher::new(app.node.clone(), &valve.url(), parts.clone());
    fetcher.run().await.unwrap();
    assert_eq!(fetcher.fetched().segments, 0);
    let reasons: Vec<&String> = fetcher.left_out().values().collect();
    assert!(reasons.len() == 1 && reasons[0].contains("is damaged: its"), "{reasons:?}");
    assert_eq!(std::fs::read_dir(&parts).unwrap().count(), 0);
    assert_eq!(app.node.status().await.unwrap().events, 0);

    tokio::spawn(app.node.clone().keep_time());
    let line = tokio::spawn(upstream::run(app.node.clone(), valve.url(), parts));
    let frontier = city.node.status().await.unwrap().frontiers.shared;
    until("the session's supply", || async { app.node.status().await.unwrap().frontiers.shared == frontier })
        .await;
    line.abort();
    assert_eq!(app.node.digests().await.unwrap().shared, city.node.digests().await.unwrap().shared);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_given_to_whoever_may_read_them_whole_or_in_parts() {
    let mut city = City::start(None).await;
    city.write(20, 4_000, true).await;
    city.write(20, 4_000, false).await;
    city.seal().await;
    let own = Asker::of(&city, "新埭镇").await;
    let other = Asker::of(&city, "广陈镇").await;
    let list = city.list(&own).await;
    assert_eq!(list.segments.len(), 2);
    let seen = city.list(&other).await;
    assert_eq!(seen.segments.len(), 1, "another branch sees the shared one alone");
    let shared = seen.segments[0].hash.to_string();
    let private = list.segments.iter().map(|segment| segment.hash.to_string()).find(|hash| *hash != shared);
    let private = private.unwrap();

    let refused = other.file(&private, &[]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(problem["detail"], "this segment is private to its branch");
    let path = format!("segments/{private}");
    let borrowed = own.get(&path, "segments", &[]).await;
    assert_eq!(borrowed.status(), StatusCode::UNAUTHORIZED, "a proof is for one thing");
    let stranger = Asker { key: SecretKey::from_random([9; 32]), ..Asker::of(&city, "新埭镇").await };
    assert_eq!(stranger.file(&shared, &[]).await.status(), StatusCode::UNAUTHORIZED);
    let nothing = own.file(&"0".repeat(64), &[]).await;
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);

    let whole = own.file(&private, &[]).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()[CACHE_CONTROL], "private, max-age=31536000, immutable");
    assert_eq!(whole.headers()[ACCEPT_RANGES], "bytes");
    let etag = whole.headers()[ETAG].to_str().unwrap().to_owned();
    assert_eq!(etag, format!("\"{private}\""));
    let bytes = whole.bytes().await.unwrap();
    assert_eq!(segment_id(&bytes).to_string(), private);
    let of_all = other.file(&shared, &[]).await;
    assert_eq!(of_all.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");

    let name = |name: &reqwest::header::HeaderName| name.as_str().to_owned();
    let unchanged = own.file(&private, &[(&name(&IF_NONE_MATCH), &etag)]).await;
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert!(unchanged.bytes().await.unwrap().is_empty());
    let size = bytes.len();
    for (first, last) in [(0, 0), (7, 600), (size / 2, size - 1), (size - 1, size + 5)] {
        let headers = [(name(&RANGE), format!("bytes={first}-{last}")), (name(&IF_RANGE), etag.clone())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let part = own.file(&private, &headers).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        let last = last.min(size - 1);
        assert_eq!(part.headers()[CONTENT_RANGE].to_str().unwrap(), format!("bytes {first}-{last}/{size}"));
        assert_eq!(part.bytes().await.unwrap(), bytes.slice(first..=last));
    }
    let changed = [(name(&RANGE), "bytes=7-9"), (name(&IF_RANGE), "\"another\"")];
    let changed: Vec<(&str, &str)> = changed.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    assert_eq!(own.file(&private, &changed).await.status(), StatusCode::OK);
    let beyond = own.file(&private, &[(&name(&RANGE), &format!("bytes={size}-"))]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers()[CONTENT_RANGE].to_str().unwrap(), format!("bytes */{size}"));

    let revoke = Command::from(RevokeDevice {
        device: own.chain[0].device,
        key: None,
        reason: "被盗".into(),
        accepted: None,
    });
    city.node.command(revoke, UserId([0; 16])).await.unwrap();
    for refused in [own.get("segments", "segments", &[]).await, own.file(&private, &[]).await] {
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(refused.text().await.unwrap().contains("revoked"));
    }
    assert_eq!(other.file(&shared, &[]).await.status(), StatusCode::OK);
}

/// A document is written one event at a time, read by a branch up to the middle, joined, sealed and
/// written on; the branch reads on, and a new one starts from the segments.
async fn story(database: Option<&str>) {
    let mut city = City::start(database).await;
    let url = format!("http://{}", city.address);
    let (early_folder, fresh_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let early = branch_node(early_folder.path(), &url, &city.code("新埭镇").await).await;
    tokio::spawn(early.node.clone().keep_time());
    let same = async |node: &Node, city: &Node| {
        let at_city = city.status().await.unwrap();
        until("the same everywhere", || async {
            let status = node.status().await.unwrap();
            status.events == at_city.events && status.frontiers.shared == at_city.frontiers.shared
        })
        .await;
        assert_eq!(node.digests().await.unwrap(), city.digests().await.unwrap());
    };
    city.write(100, 400, true).await;
    let parts = early_folder.path().join("segments");
    let line = tokio::spawn(upstream::run(early.node.clone(), url.clone(), parts.clone()));
    same(&early.node, &city.node).await;
    line.abort();

    city.write(100, 400, true).await;
    assert_eq!(city.runs().await, 200);
    city.seal().await;
    let joined = city.runs().await;
    assert!(joined < 20, "{joined} runs are left");
    city.write(100, 400, true).await;
    city.seal().await;
    let asker = Asker::of(&city, "新埭镇").await;
    let list = city.list(&asker).await;
    assert_eq!(list.segments.len(), 2);
    assert_eq!(list.segments[0].to, list.segments[1].from, "the second goes on where the first ends");
    city.seal().await;
    assert_eq!(city.list(&asker).await.segments, list.segments, "nothing new is nothing to seal");

    // The cursor of the early branch lies within a joined run.
    let line = tokio::spawn(upstream::run(early.node.clone(), url.clone(), parts));
    same(&early.node, &city.node).await;
    line.abort();
    let fresh = branch_node(fresh_folder.path(), &url, &city.code("新埭镇").await).await;
    let mut fetcher = Fetcher::new(fresh.node.clone(), &url, fresh_folder.path().join("segments"));
    fetcher.run().await.unwrap();
    assert_eq!(fetcher.fetched().segments, 2);
    assert!(fresh.node.status().await.unwrap().events >= 300);
    tokio::spawn(fresh.node.clone().keep_time());
    let line = tokio::spawn(upstream::run(fresh.node.clone(), url, fresh_folder.path().join("segments")));
    same(&fresh.node, &city.node).await;
    line.abort();
    assert!(fresh.node.status().await.unwrap().refused.is_empty());

    // What was joined and sealed reads back after a restart.
    let events = city.node.status().await.unwrap().events;
    city.node.close().await;
    let again = config::open_city(&DataFolder::open(city.folder.path()).unwrap(), database).await.unwrap();
    assert_eq!(again.node.status().await.unwrap().events, events);
    for listed in &list.segments {
        let segment = again.node.segment(listed.hash).await.unwrap().unwrap();
        let mut file = SegmentFile::part(again.node.clone(), segment, 0, listed.bytes);
        let mut bytes = Vec::new();
        while let Some(piece) = file.next().await.unwrap() {
            bytes.extend(piece);
        }
        assert_eq!(segment_id(&bytes), listed.hash);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn later_changes_form_a_further_segment_and_joined_runs_do_not_break_cursors() {
    story(None).await;
    let test = "later_changes_form_a_further_segment_and_joined_runs_do_not_break_cursors";
    if let Some(bin) = given_or_skipped("LIANXIAO_POSTGRES", test) {
        let postgres = Postgres::start(&bin);
        story(Some(&postgres.url())).await;
    }
}
