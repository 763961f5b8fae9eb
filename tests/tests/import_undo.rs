//! An import is taken back and made again: nothing is left of the first, nothing stands twice.

use lianxiao::import::{self, Office};
use serde_json::{Value, json};
use std::path::Path;
use tests::{NodeProcess, node_program};

fn office() -> Office {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("old-data/a4c2294/office");
    import::read_dir(&folder, &mut |_, _, _| {}).expect("the office's files")
}

/// How many teachers, assets, classes, courses on the list, courses held and learners counted a city sees.
async fn seen(city: &NodeProcess) -> [usize; 6] {
    let client = city.client();
    let count = |value: &Value| value.as_object().map_or(0, |all| all.len());
    let teachers = count(&client.get("/api/views/teachers").await.expect("teachers")["teachers"]);
    let assets = count(&client.get("/api/views/resources").await.expect("resources")["assets"]);
    let classes = count(&client.get("/api/views/sessions").await.expect("sessions")["sessions"]);
    let courses = client.get("/api/views/courses").await.expect("courses");
    let listed = courses["courses"].as_object().expect("courses").values();
    let listed = listed.filter(|course| course["delisted"].is_null()).count();
    let branches = client.get("/api/views/branches").await.expect("branches");
    let counted = branches["branches"].as_object().expect("branches").values();
    let counted = counted.filter_map(|branch| branch["counted"].as_u64()).sum::<u64>() as usize;
    [teachers, assets, classes, listed, count(&courses["usage"]), counted]
}

async fn imports(city: &NodeProcess) -> Vec<Value> {
    let listed = city.client().get("/api/imports").await.expect("imports");
    listed.as_array().expect("a list").clone()
}

async fn private_digests(city: &NodeProcess) -> Value {
    city.client().get("/api/digests").await.expect("digests")["private"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reverted_import_brought_is_gone_everywhere_and_comes_once_when_it_is_imported_again() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("city");
    let city = NodeProcess::start(&node_program(), &folder, &["city"]).await.expect("it starts");
    let client = city.client();
    let admit = json!({ "command": "admit_branch", "name": "新埭镇" });
    client.post("/api/commands", &admit).await.expect("a branch");
    let before = seen(&city).await;
    let first = client.import(&office(), |_, _, _| {}).await.expect("an import");
    let with = seen(&city).await;
    assert!(with[0] > 0 && with[2] > 0 && with[3] > 0 && with[5] > 0, "{first:?} {with:?}");
    let again = client.import(&office(), |_, _, _| {}).await.expect("an import");
    assert_eq!((again.events, again.sealed), (0, 0), "a second import adds nothing");

    let listed = imports(&city).await;
    assert_eq!(listed.len(), first.files, "{listed:#?}");
    for import in &listed {
        let path = format!("/api/import/{}/revert", import["action"].as_str().expect("an action"));
        assert!(client.post(&path, &json!({ "reason": " " })).await.is_err(), "a reason is asked for");
        client.post(&path, &json!({ "reason": "文件有误" })).await.expect("it is reverted");
        let twice = client.post(&path, &json!({ "reason": "文件有误" })).await;
        assert!(twice.is_err(), "it counts no longer, so that there is nothing to revert");
    }
    assert_eq!(seen(&city).await, before, "nothing of it is left");
    let files = imports(&city).await.into_iter().filter(|import| import["file"] != "");
    assert!(files.clone().count() > 2 && files.clone().all(|import| import["reverted"] == "文件有误"));

    let second = client.import(&office(), |_, _, _| {}).await.expect("an import");
    assert_eq!(second, first, "all of it comes again");
    assert_eq!(seen(&city).await, with, "and is there once");
    let digests = private_digests(&city).await;
    city.kill().await.expect("it dies");
    let city = NodeProcess::start(&node_program(), &folder, &["city"]).await.expect("it starts");
    assert_eq!((seen(&city).await, private_digests(&city).await), (with, digests));
}
