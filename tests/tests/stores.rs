//! Both databases behave alike: the same office, imported twice, gives the same views and digests.

use lianxiao::import::{self, Office};
use lianxiao::sample_city::{self, Size};
use serde_json::Value;
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
