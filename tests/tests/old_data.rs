//! Data folders that an earlier program wrote open with today's: nothing is lost, and work goes on.
//!
//! `tests/old-data/a4c2294` is what the program of that commit left behind: a city that was ended, and one of
//! its branches, killed right after it wrote, so that its last events stand in its redo log alone. Beside
//! them stands what that program said of them. Its clock was set to 2025-05-19, so that nothing in them lies
//! ahead of the clock of any machine. What is there is never written again: a later program adds a folder.

use flate2::read::GzDecoder;
use lianxiao::client::Client;
use lianxiao::import;
use lianxiao::sync::now;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tests::scene::{always, slot};
use tests::{Line, NodeProcess, command, converged, copy_folder, node_program};

/// Far more than any of these tests needs; only a hang reaches it.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

fn old(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("old-data/a4c2294").join(name)
}

/// What the program said that wrote the folders.
fn expected() -> Value {
    serde_json::from_reader(File::open(old("expected.json")).expect("a file")).expect("JSON")
}

/// A copy of a data folder to work on; its large files are compressed one by one.
fn unpacked(name: &str, home: &Path) -> PathBuf {
    let folder = home.join(name);
    copy_folder(&old(name), &folder);
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let packed = entry.expect("an entry").path();
        if packed.extension().is_some_and(|ending| ending == "gz") {
            let mut bytes = GzDecoder::new(File::open(&packed).expect("a file"));
            let mut file = File::create(packed.with_extension("")).expect("a file");
            std::io::copy(&mut bytes, &mut file).expect("gzip");
            std::fs::remove_file(&packed).expect("it was there");
        }
    }
    folder
}

async fn start(folder: &Path, arguments: &[&str]) -> NodeProcess {
    NodeProcess::start(&node_program(), folder, arguments).await.expect("it starts")
}

/// The branch, with no way to its city yet: the folder names one that is long gone.
async fn start_branch(folder: &Path) -> (NodeProcess, Line) {
    let line = Line::open(([127, 0, 0, 1], 9).into()).await.expect("a line");
    line.cut();
    (start(folder, &["branch", "--upstream", &line.url()]).await, line)
}

fn leads_to(line: &Line, city: &NodeProcess) {
    line.lead_to(city.client().address().trim_start_matches("http://").parse().expect("an address"));
    line.heal();
}

async fn in_step(city: &Client, branch: &Client) {
    let began = Instant::now();
    while !converged(city, branch).await {
        assert!(began.elapsed() < LONGEST_WAIT, "city and branch do not come together");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn rows(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().expect("an object").iter()
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Every event is held, of the same kind, at the same place of a line with the same hash, and counts as it
/// counted; but for these, which the node cannot hold yet.
async fn holds_every_event(client: &Client, expected: &Value, but: &[Value]) {
    let mut faults = Vec::new();
    for (log, events) in rows(&expected["events"]) {
        for row in events.as_array().expect("events") {
            let event = format!("{log}:{}", row[0].as_str().expect("an id"));
            if but.iter().any(|missing| *missing == event) {
                continue;
            }
            match client.get(&format!("/api/why/{event}")).await {
                Ok(found) => {
                    let it = &found[0];
                    let now = json!([row[0], it["kind"], it["seq"], it["change"], it["kept_aside"]]);
                    if now != *row {
                        faults.push(format!("{event} was {row} and is {now}"));
                    }
                }
                Err(error) => faults.push(format!("{event}, {row}: {error}")),
            }
        }
    }
    none(&faults);
}

/// Every value that was chosen of an answer is where it was.
fn still_says(answer: &Value, chosen: &Value, what: &str) -> Vec<String> {
    let differs = |(pointer, was): (&String, &Value)| {
        let is = answer.pointer(pointer);
        (is != Some(was)).then(|| format!("{what}{pointer} was {was} and is {is:?}"))
    };
    rows(chosen).filter_map(differs).collect()
}

/// Names, outcomes, states, headcounts and places of all that people see.
async fn shows(client: &Client, views: &Value) {
    let mut faults = Vec::new();
    for (name, chosen) in rows(views) {
        let view = client.get(&format!("/api/views/{name}")).await.expect("a view");
        faults.extend(still_says(&view, chosen, name));
    }
    none(&faults);
}

/// The plan is made once more, byte for byte, and so is the round.
async fn decides_the_same_once_more(client: &Client, expected: &Value) {
    let decision = expected["replay"]["decision"].as_str().expect("a decision");
    let answer = client.get(&format!("/api/replay/{decision}")).await.expect("a replay");
    assert_eq!(answer["holds"], true, "{answer:#}");
    for (key, was) in rows(&expected["replay"]) {
        assert_eq!(answer["replay"][key], *was, "{key}");
    }
    let answer = client.get("/api/round/recheck").await.expect("a recheck");
    for (key, was) in rows(&expected["recheck"]) {
        assert_eq!(answer[key], *was, "{key}");
    }
}

async fn knows_its_store(client: &Client) {
    let status = client.get("/api/status").await.expect("a status");
    assert_eq!(status["was_put_back"], false, "{status:#}");
    assert_eq!(status["arbiter_paused"], Value::Null, "{status:#}");
    assert_eq!(status["forked"], 0, "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_of_an_earlier_program_keeps_its_events_views_and_decisions_and_the_names_in_its_files() {
    let (home, expected) = (tempfile::tempdir().expect("a folder"), expected());
    let city = start(&unpacked("city", home.path()), &["city"]).await;
    let client = city.client();
    knows_its_store(client).await;
    let at_branch_alone = expected["redo_log_alone"].as_array().expect("events");
    holds_every_event(client, &expected, at_branch_alone).await;
    shows(client, &expected["views_at_city"]).await;
    decides_the_same_once_more(client, &expected).await;
    // Learners are known by names and phones, which are in no event.
    let office = import::read_dir(&old("office"), &mut |_, _, _| {}).expect("the office's files");
    let again = client.import(&office, |_, _, _| {}).await.expect("an import");
    assert_eq!((again.events, again.sealed), (0, 0), "a second import adds nothing: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_an_earlier_program_left_killed_keeps_what_only_its_redo_log_holds() {
    let (home, expected) = (tempfile::tempdir().expect("a folder"), expected());
    let (branch, _line) = start_branch(&unpacked("branch-with-redo-log", home.path())).await;
    let client = branch.client();
    knows_its_store(client).await;
    holds_every_event(client, &expected, &[]).await;
    shows(client, &expected["views_at_branch"]).await;
    let rosters = client.get("/api/rosters").await.expect("rosters");
    none(&still_says(&rosters, &expected["rosters"], "rosters"));
    decides_the_same_once_more(client, &expected).await;
    // Without it they are nowhere: the fixture shows what it is there to show.
    let without = unpacked("branch-with-redo-log", &home.path().join("without"));
    std::fs::remove_file(without.join("lianxiao.redo")).expect("a redo log");
    let (branch, _line) = start_branch(&without).await;
    for event in expected["redo_log_alone"].as_array().expect("events") {
        let event = event.as_str().expect("a reference");
        assert!(branch.client().get(&format!("/api/why/{event}")).await.is_err(), "{event}");
    }
}

/// A teacher of the branch, taken into the pool, is claimed; answers with the claim.
async fn new_work(city: &Client, branch: &Client, course: &Value) -> String {
    let today = now().day();
    let name = "示例新来";
    let proposal = json!({ "command": "propose_teacher", "teacher": "00".repeat(16), "name": name,
        "full_time": true, "source": "示例", "courses": [course], "weekly_cap_periods": 8 });
    command(branch, proposal).await.expect("a proposal");
    let view = branch.get("/api/views/teachers").await.expect("teachers");
    let (teacher, _) = rows(&view["teachers"]).find(|(_, it)| it["name"] == name).expect("the teacher");
    let offer = json!({ "command": "offer_teacher", "teacher": teacher, "windows": always(),
        "from": today, "to": today.plus(60) });
    command(branch, offer).await.expect("an offer");
    in_step(city, branch).await;
    let approval = json!({ "command": "approve_teacher", "teacher": teacher, "courses": [] });
    command(city, approval).await.expect("an approval");
    in_step(city, branch).await;
    // Soon enough to be decided without a round; on a holiday nobody is offered.
    for ahead in 4..13 {
        let claim = json!({ "command": "lodge_claim", "teacher": teacher, "asset": null, "course": course,
            "slot": slot(today.plus(ahead), 8), "headcount": 30, "branches_served": 1 });
        if let Ok(done) = command(branch, claim).await {
            return done["events"][0].as_str().expect("an event").to_owned();
        }
    }
    panic!("no day will do");
}

async fn is_confirmed(client: &Client, claim: &str) {
    let began = Instant::now();
    loop {
        let requests = client.get("/api/views/requests").await.expect("requests");
        match requests["claims"][claim]["outcome"]["kind"].as_str() {
            Some(outcome) => return assert_eq!(outcome, "confirmed"),
            None => assert!(began.elapsed() < LONGEST_WAIT, "never decided"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn city_and_branch_of_an_earlier_program_come_into_step_take_new_work_and_start_again() {
    let (home, expected) = (tempfile::tempdir().expect("a folder"), expected());
    let folders = ["city", "branch-with-redo-log"].map(|name| unpacked(name, home.path()));
    let city = start(&folders[0], &["city"]).await;
    let (branch, line) = start_branch(&folders[1]).await;
    leads_to(&line, &city);
    in_step(city.client(), branch.client()).await;
    for client in [city.client(), branch.client()] {
        holds_every_event(client, &expected, &[]).await;
        shows(client, &expected["views_at_branch"]).await;
        decides_the_same_once_more(client, &expected).await;
    }
    let claim = new_work(city.client(), branch.client(), &expected["ids"]["course"]).await;
    is_confirmed(city.client(), &claim).await;
    let admitted = json!({ "command": "admit_branch", "name": "后来的镇" });
    command(city.client(), admitted).await.expect("a branch");
    in_step(city.client(), branch.client()).await;
    city.kill().await.expect("it dies");
    branch.kill().await.expect("it dies");

    // What today's program made of the stores, it opens too.
    let city = start(&folders[0], &["city"]).await;
    let (branch, line) = start_branch(&folders[1]).await;
    leads_to(&line, &city);
    in_step(city.client(), branch.client()).await;
    let mut digests = Vec::new();
    for client in [city.client(), branch.client()] {
        knows_its_store(client).await;
        holds_every_event(client, &expected, &[]).await;
        shows(client, &expected["views_at_branch"]).await;
        is_confirmed(client, &claim).await;
        digests.push(client.get("/api/digests").await.expect("digests")["shared"].clone());
    }
    assert_eq!(digests[0], digests[1]);
}
