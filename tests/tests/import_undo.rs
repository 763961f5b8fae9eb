//! An import is taken back and made again: nothing is left of the first, nothing stands twice.

use lianxiao::import::{self, Office};
use serde_json::{Value, json};
use std::path::Path;
use tests::{NodeProcess, node_program};

fn office() -> Office {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("old-data/a4c2294/office");
    import::read_dir(&folder, &mut |_, _, _| {}).expect("the office's files")
}

/// How many of everything a city sees.
async fn seen(city: &NodeProcess) -> [usize; 5] {
    let client = city.client();
    let count = |value: &Value| value.as_object().map_or(0, |all| all.len());
    let teachers = count(&client.get("/api/views/teachers").await.expect("teachers")["teachers"]);
    let assets = count(&client.get("/api/views/resources").await.expect("resources")["assets"]);
    let classes = count(&client.get("/api/views/sessions").await.expect("sessions")["sessions"]);
    let courses = client.get("/api/views/courses").await.expect("courses");
    let listed = courses["courses"].as_object().expect("courses").values();
    let usage = count(&courses["usage"]);
    [teachers, assets, classes, listed.filter(|course| course["delisted"].is_null()).count(), usage]
}

async fn imports(city: &NodeProcess) -> Vec<(String, Value)> {
    let view = city.client().get("/api/views/imports").await.expect("imports");
    let all = view["applied"].as_object().expect("imports").iter();
    all.map(|(action, by)| (action.clone(), by.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reverted_import_brought_is_gone_everywhere_and_comes_once_when_it_is_imported_again() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("city");
    let city = NodeProcess::start(&node_program(), &folder, &["city"]).await.expect("it starts");
    let client = city.client();
    client
        .post("/api/commands", &json!({ "command": "admit_branch", "name": "新埭镇" }))
        .await
        .expect("a branch");
    let before = seen(&city).await;
    let first = client.import(&office(), |_, _, _| {}).await.expect("an import");
    let with = seen(&city).await;
    assert!(first.events > 10 && with[0] > 0 && with[2] > 0 && with[3] > 0, "{first:?} {with:?}");
    let again = client.import(&office(), |_, _, _| {}).await.expect("an import");
    assert_eq!((again.events, again.sealed), (0, 0), "a second import adds nothing");

    let mut events = 0;
    for (action, _) in imports(&city).await {
        let path = format!("/api/import/{action}/revert");
        let without = client.post(&path, &json!({ "reason": " " })).await;
        assert!(without.is_err(), "a reason is asked for");
        let done = client.post(&path, &json!({ "reason": "文件有误" })).await.expect("it is reverted");
        events += done["events"].as_u64().expect("a number");
        let twice = client.post(&path, &json!({ "reason": "文件有误" })).await;
        assert!(twice.is_err(), "it counts no longer, so that there is nothing to revert");
    }
    assert!(events > 5, "{events}");
    let courses_only = seen(&city).await;
    assert_eq!(courses_only[..3], before[..3], "no teacher, room or class is left");
    assert_eq!(courses_only[4], 0, "no class is counted");
    assert!(imports(&city).await.iter().all(|(_, by)| {
        by.as_object().expect("branches").values().all(|part| part["reverted"] == "文件有误")
    }));

    client.import(&office(), |_, _, _| {}).await.expect("an import");
    assert_eq!(seen(&city).await, with, "all of it is there once");
    let digests = client.get("/api/digests").await.expect("digests");
    city.kill().await.expect("it dies");
    let city = NodeProcess::start(&node_program(), &folder, &["city"]).await.expect("it starts");
    assert_eq!(seen(&city).await, with);
    assert_eq!(city.client().get("/api/digests").await.expect("digests")["private"], digests["private"]);
}
