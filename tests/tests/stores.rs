//! Both databases behave alike: the same office, imported twice, gives the same views and digests; what
//! does not continue a line is refused; what comes again waits.

use client_core::event::{DocumentId, Scope};
use client_core::identity::{self, Certificate, Introduction, Role, SecretKey};
use client_core::ids::{ActorId, BranchId, CityId, DeviceId, EventId};
use client_core::log::{LogKey, Place, Position, Put, Run};
use client_core::peer::{Batch, Placed};
use client_core::time::{Day, Millis, Quarter};
use lianxiao::import::{self, Office};
use lianxiao::sample_city::{self, Size};
use lianxiao::store::{Store, StoreError};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::{CityWithBranch, Postgres, given_or_skipped};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a city shows after an import, a second import, a branch's order and a closed round.
async fn story(city_arguments: &[&str]) -> Value {
    let office_folder = tempfile::tempdir().unwrap();
    sample_city::write(office_folder.path(), 5, Size::Small).unwrap();
    let office = import::read_dir(office_folder.path(), &mut |_, _, _| {}).unwrap();
    let both = CityWithBranch::start(sample_city::BRANCHES[0], city_arguments).await;
    let city = both.city.client();
    for name in &sample_city::BRANCHES[1..] {
        city.code(Some(name), "branch_node", name).await.unwrap();
    }
    let first = city.import(&office, |_, _, _| {}).await.unwrap();
    assert!(first.events > 1000, "{first:?}");
    let again = city.import(&office, |_, _, _| {}).await.unwrap();
    assert_eq!(again.events, 0, "a second import adds nothing: {again:?}");
    both.converge().await;
    let digests = [city, both.branch()].map(|client| client.get("/api/digests"));
    let [at_city, at_branch] = digests;
    let (at_city, at_branch) = (at_city.await.unwrap(), at_branch.await.unwrap());
    assert_eq!(at_city["shared"], at_branch["shared"]);
    let teachers = city.get("/api/views/teachers").await.unwrap();
    let courses = city.get("/api/views/courses").await.unwrap();
    let sessions = city.get("/api/views/sessions").await.unwrap();
    let count = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
    names_no_learner(&office, &both).await;
    serde_json::json!({
        "events": first.events,
        "people": teachers["people"],
        "courses": count(&courses["courses"]),
        "sessions": count(&sessions["sessions"]),
    })
}

/// No view, roster or log line of either node holds a learner's phone.
async fn names_no_learner(office: &Office, both: &CityWithBranch) {
    let mut said = both.logs();
    for client in [both.city.client(), both.branch()] {
        for view in ["branches", "teachers", "courses", "resources", "requests", "sessions", "anomalies"] {
            said += &client.get(&format!("/api/views/{view}")).await.unwrap().to_string();
        }
        said += &client.get("/api/rosters").await.unwrap().to_string();
    }
    let phones: Vec<&str> =
        office.learners.iter().map(|row| row.phone.as_str()).filter(|p| p.len() == 11).collect();
    assert!(phones.len() > 400);
    let named: Vec<&&str> = phones.iter().filter(|phone| said.contains(**phone)).collect();
    assert!(named.is_empty(), "{named:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_and_postgresql_show_the_same_city() {
    let sqlite = story(&[]).await;
    let Some(bin) = given_or_skipped("LIANXIAO_POSTGRES", "sqlite_and_postgresql_show_the_same_city") else {
        return;
    };
    let postgres = Postgres::start(&bin);
    assert_eq!(story(&["--database", &postgres.url()]).await, sqlite);
}

/// One actor's line, to be stored without a node.
struct Line {
    key: SecretKey,
    author: Certificate,
    document: DocumentId,
    actor: ActorId,
}

const NONCE: [u8; 16] = [7; 16];

impl Line {
    fn new() -> Self {
        let key = SecretKey::from_random([9; 32]);
        let (city, branch) = (identity::city_id(key.public()), BranchId([1; 16]));
        let (device, role) = (DeviceId([2; 16]), Role::BranchNode);
        let author = Certificate::issue(&key, city, key.public(), device, branch, role, Millis(0));
        let document = DocumentId::new(Scope::Shared, branch, Quarter::of(Day(20_000)));
        Self { actor: identity::actor_id(key.public(), NONCE), key, author, document }
    }

    fn city(&self) -> CityId {
        identity::city_id(self.key.public())
    }

    fn change(n: u8) -> Vec<Put> {
        vec![Put { id: EventId([n; 16]), value: vec![n; 40] }]
    }

    /// A run of one change that tells itself apart by `n`.
    fn run(&self, at: &Position, n: u8) -> Run {
        let changes = [Self::change(n)];
        Run::write(self.city(), &self.key, self.document, self.actor, at, &changes).expect("a run")
    }

    /// The run `n` as a batch; `begins` says whether the line begins with it.
    fn batch(&self, run: &Run, n: u8, begins: bool) -> Batch {
        let changes = Arc::new(vec![Self::change(n)]);
        let (place, author) = (Place::On(0), self.author.clone());
        let introduction = Introduction { nonce: NONCE, chain: vec![author.clone()] }.encode();
        let introductions = begins.then_some((self.document, self.actor, introduction)).into_iter().collect();
        let placed = Placed { place, begins, run: run.clone(), changes, author };
        Batch { introductions, runs: vec![placed], ..Batch::default() }
    }

    /// Where the line ends in a store.
    async fn head(&self, store: &Store) -> Position {
        let ledger = store.stored(self.city()).await.unwrap().ledger;
        let log = ledger.get(&LogKey { document: self.document, actor: self.actor });
        log.expect("the actor's log").lines()[0].head
    }
}

/// Stores two runs of a line, then offers some that do not begin where it ends.
async fn only_what_continues(url: &str) {
    let line = Line::new();
    let (first, city) = (line.run(&Position::START, 1), line.city());
    let second = line.run(&first.end(), 2);
    let beside = line.run(&first.end(), 3);
    let fourth = line.run(&line.run(&second.end(), 4).end(), 5);
    let store = Store::open(url).await.unwrap();
    let unknown = store.commit(city, &line.batch(&second, 2, false), &[]).await;
    assert!(matches!(unknown, Err(StoreError::NotContiguous { .. })), "no line: {unknown:?}");
    store.commit(city, &line.batch(&first, 1, true), &[]).await.unwrap();
    store.commit(city, &line.batch(&second, 2, false), &[]).await.unwrap();
    for (wrong, n, begins) in
        [(&first, 1, true), (&second, 2, false), (&beside, 3, false), (&fourth, 5, false)]
    {
        let refused = store.commit(city, &line.batch(wrong, n, begins), &[]).await;
        assert!(matches!(refused, Err(StoreError::NotContiguous { .. })), "{n}: {refused:?}");
        assert_eq!(store.feed_head(city).await.unwrap(), 2, "nothing of it is stored");
    }
    store.close().await;
    let store = Store::open(url).await.unwrap();
    assert_eq!(line.head(&store).await, second.end());
    store.close().await;
}

/// Reading finds what comes again; a killed process loses the last of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_waits_and_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = &format!("sqlite://{}", folder.path().join("lianxiao.db").display());
    let line = Line::new();
    let (first, city) = (line.run(&Position::START, 1), line.city());
    let second = line.run(&first.end(), 2);
    let third = line.run(&second.end(), 3);
    let fourth = line.run(&third.end(), 4);
    let beside = line.run(&first.end(), 5);
    let again = |run, n| Batch { comes_again: true, ..line.batch(run, n, false) };
    let store = Store::open(url).await.unwrap();
    store.commit(city, &line.batch(&first, 1, true), &[]).await.unwrap();
    assert_eq!(store.commit(city, &again(&second, 2), &[]).await.unwrap(), 2);
    assert_eq!(line.head(&store).await, second.end(), "what waits is written before it is read");
    assert_eq!(store.commit(city, &again(&third, 3), &[]).await.unwrap(), 3);
    drop(store);

    let store = Store::open(url).await.unwrap();
    assert_eq!(line.head(&store).await, second.end(), "the process that ended had it in memory");
    assert_eq!(store.commit(city, &again(&third, 3), &[]).await.unwrap(), 3);
    let refused = store.commit(city, &line.batch(&beside, 5, false), &[]).await;
    assert!(matches!(refused, Err(StoreError::NotContiguous { .. })), "{refused:?}");
    store.commit(city, &line.batch(&fourth, 4, false), &[]).await.unwrap();
    drop(store);

    let store = Store::open(url).await.unwrap();
    assert_eq!(line.head(&store).await, fourth.end(), "what waited is written with what is durable");
    let key = LogKey { document: line.document, actor: line.actor };
    let runs = store.runs_after(city, &key, 0, 0, usize::MAX).await.unwrap();
    let numbers: Vec<_> = runs.iter().map(|run| run.first_seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    store.close().await;
}

/// Each store is dropped, as the end of a process leaves it: what is durable stands in the redo log alone.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_durable_is_found_again_and_what_is_torn_or_of_another_store_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let url = &format!("sqlite://{}", path("lianxiao.db").display());
    let line = Line::new();
    let (first, city) = (line.run(&Position::START, 1), line.city());
    let second = line.run(&first.end(), 2);
    let third = line.run(&second.end(), 3);
    let store = Store::open(url).await.unwrap();
    for (run, n) in [(&first, 1), (&second, 2), (&third, 3)] {
        store.commit(city, &line.batch(run, n, n == 1), &[]).await.unwrap();
    }
    drop(store);
    let all = std::fs::read(path("lianxiao.redo")).unwrap();
    let end = all.iter().rposition(|byte| *byte != 0).expect("records");
    let mut torn = all.clone();
    torn[end - 30..].fill(0);
    std::fs::write(path("lianxiao.redo"), torn).unwrap();

    let store = Store::open(url).await.unwrap();
    assert_eq!(line.head(&store).await, second.end(), "the torn one was not acknowledged");
    store.close().await;
    let copied = std::fs::read(path("lianxiao.db")).unwrap();
    // Records of a cycle that is over.
    std::fs::write(path("lianxiao.redo"), &all).unwrap();
    let store = Store::open(url).await.unwrap();
    assert_eq!(line.head(&store).await, second.end(), "these stand in the file already");
    store.commit(city, &line.batch(&third, 3, false), &[]).await.unwrap();
    drop(store);

    // Records that follow on a later state than that of the file.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("lianxiao.db"), copied).unwrap();
    std::fs::copy(path("lianxiao.redo"), elsewhere.path().join("lianxiao.redo")).unwrap();
    let store = Store::open(&format!("sqlite://{}", elsewhere.path().join("lianxiao.db").display())).await;
    assert_eq!(line.head(&store.unwrap()).await, second.end(), "an older copy was put back");
    let store = Store::open(url).await.unwrap();
    assert_eq!(line.head(&store).await, third.end());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_continue_its_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    only_what_continues(&format!("sqlite://{}", folder.path().join("lianxiao.db").display())).await;
    if let Some(bin) =
        given_or_skipped("LIANXIAO_POSTGRES", "a_run_that_does_not_continue_its_line_is_refused")
    {
        only_what_continues(&Postgres::start(&bin).url()).await;
    }
}

/// A way to a database that breaks once armed: it brings the next COMMIT there and not its answer back.
async fn way_that_loses_an_answer(to: u16) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, armed) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
    let breaks = armed.clone();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let breaks = breaks.clone();
            tokio::spawn(async move {
                let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let ((mut from_near, mut to_near), (mut from_far, mut to_far)) =
                    (near.into_split(), far.into_split());
                let down = tokio::spawn(async move { tokio::io::copy(&mut from_far, &mut to_near).await });
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = from_near.read(&mut buffer).await {
                    let said = &buffer[..read];
                    let commits = said.windows(6).any(|word| word == b"COMMIT");
                    let is_last = commits && breaks.swap(false, Ordering::Relaxed);
                    if is_last {
                        down.abort();
                    }
                    if to_far.write_all(said).await.is_err() || is_last {
                        break;
                    }
                }
                // The database has worked off what came before it hears that the line is gone.
                let _ = to_far.shutdown().await;
            });
        }
    });
    (port, armed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_counts_and_work_goes_on() {
    let test = "a_commit_whose_answer_is_lost_counts_and_work_goes_on";
    let Some(bin) = given_or_skipped("LIANXIAO_POSTGRES", test) else { return };
    let postgres = Postgres::start(&bin);
    let (port, armed) = way_that_loses_an_answer(postgres.port()).await;
    let store = Store::open(&format!("postgres://lianxiao@127.0.0.1:{port}/postgres")).await.unwrap();
    let line = Line::new();
    let (first, city) = (line.run(&Position::START, 1), line.city());
    let second = line.run(&first.end(), 2);
    armed.store(true, Ordering::Relaxed);
    store.commit(city, &line.batch(&first, 1, true), &[]).await.unwrap();
    assert!(!armed.load(Ordering::Relaxed), "the answer was lost");
    store.commit(city, &line.batch(&second, 2, false), &[]).await.unwrap();
    assert_eq!(line.head(&store).await, second.end());
    assert_eq!(store.feed_head(city).await.unwrap(), 2);
    store.close().await;
}
