//! Both databases behave alike: the same office, imported twice, gives the same views and digests; what
//! does not continue a line is refused.

use client_core::event::{DocumentId, Role, Scope};
use client_core::identity::{self, Certificate, Introduction, SecretKey};
use client_core::ids::{BranchId, DeviceId, EventId};
use client_core::log::{LogKey, Place, Position, Put, Run};
use client_core::peer::{Batch, Placed};
use client_core::time::{Day, Millis, Quarter};
use lianxiao::import::{self, Office};
use lianxiao::sample_city::{self, Size};
use lianxiao::store::{Store, StoreError};
use serde_json::Value;
use std::sync::Arc;
use tests::{CityWithBranch, Postgres, given_or_skipped};

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

/// Stores two runs of a line, then offers some that do not begin where it ends.
async fn only_what_continues(url: &str) {
    let key = SecretKey::from_random([9; 32]);
    let (city, branch, nonce) = (identity::city_id(key.public()), BranchId([1; 16]), [7; 16]);
    let (device, role) = (DeviceId([2; 16]), Role::BranchNode);
    let author = Certificate::issue(&key, city, key.public(), device, branch, role, Millis(0));
    let actor = identity::actor_id(key.public(), nonce);
    let document = DocumentId::new(Scope::Shared, branch, Quarter::of(Day(20_000)));
    let change = |n: u8| vec![Put { id: EventId([n; 16]), value: vec![n; 40] }];
    let run = |at: &Position, n: u8| {
        Run::write(city, &key, document, actor, at, &[change(n)]).expect("a run of one change")
    };
    let batch = |run: &Run, n: u8, begins: bool| {
        let changes = Arc::new(vec![change(n)]);
        let placed =
            Placed { place: Place::On(0), begins, run: run.clone(), changes, author: author.clone() };
        let introduction = Introduction { nonce, chain: vec![author.clone()] }.encode();
        let introductions = begins.then_some((document, actor, introduction)).into_iter().collect();
        Batch { introductions, runs: vec![placed], ..Batch::default() }
    };
    let first = run(&Position::START, 1);
    let second = run(&first.end(), 2);
    let beside = run(&first.end(), 3);
    let fourth = run(&run(&second.end(), 4).end(), 5);
    let store = Store::open(url).await.unwrap();
    let unknown = store.commit(city, &batch(&second, 2, false), &[]).await;
    assert!(matches!(unknown, Err(StoreError::NotContiguous { .. })), "no line: {unknown:?}");
    store.commit(city, &batch(&first, 1, true), &[]).await.unwrap();
    store.commit(city, &batch(&second, 2, false), &[]).await.unwrap();
    for (wrong, n, begins) in
        [(&first, 1, true), (&second, 2, false), (&beside, 3, false), (&fourth, 5, false)]
    {
        let refused = store.commit(city, &batch(wrong, n, begins), &[]).await;
        assert!(matches!(refused, Err(StoreError::NotContiguous { .. })), "{n}: {refused:?}");
        assert_eq!(store.feed_head(city).await.unwrap(), 2, "nothing of it is stored");
    }
    store.close().await;
    let store = Store::open(url).await.unwrap();
    let ledger = store.stored(city).await.unwrap().ledger;
    let lines = ledger.get(&LogKey { document, actor }).expect("the actor's log").lines();
    assert_eq!((lines.len(), lines[0].head), (1, second.end()));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_continue_its_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    only_what_continues(&format!("sqlite://{}", folder.path().join("lianxiao.db").display())).await;
    let Some(bin) = given_or_skipped("LIANXIAO_POSTGRES", "a_run_that_does_not_continue_its_line_is_refused")
    else {
        return;
    };
    only_what_continues(&Postgres::start(&bin).url()).await;
}
