//! A city put back from an old copy is supplied again by its branches and decides nothing before it knows
//! what it forgot; wrong clocks harm nobody.

use client_core::domain::{
    ApproveTeacher, ClaimLodged, Command, CourseListed, OfferTeacher, SetProfile, TeacherProposed,
};
use client_core::ids::{CourseId, TeacherId};
use client_core::time::{Day, HalfDay, Slot};
use lianxiao::sync::now;
use serde_json::{Value, json};
use std::path::Path;
use tests::{CITY, Device, Postgres, Town, command_for, copy_folder, given_or_skipped, skipped};

const ONE: &str = "新埭镇";
const OTHER: &str = "广陈镇";

async fn act(town: &Town, at: &str, command: &Command) -> Value {
    town.client(at).post("/api/commands", &json!(command)).await.unwrap()
}

/// A course, and a teacher of the first branch approved for it and offered every weekday.
async fn shared_teacher(town: &Town) -> (TeacherId, CourseId) {
    let course = CourseListed {
        course: CourseId([0; 16]),
        code: "K001".into(),
        title: "基层治理".into(),
        area: "形势政策".into(),
        periods: 2,
        method: "讲授".into(),
        audience: "全体".into(),
        online: true,
    };
    act(town, CITY, &command_for(course)).await;
    town.converge().await;
    let course: CourseId = first(town, "courses", "courses").await.parse().unwrap();
    let proposal = TeacherProposed {
        teacher: TeacherId([0; 16]),
        name: "示例甲".into(),
        full_time: true,
        source: "示例".into(),
        courses: vec![course],
        weekly_cap_periods: 40,
    };
    act(town, ONE, &command_for(proposal)).await;
    let teacher: TeacherId = first(town, "teachers", "teachers").await.parse().unwrap();
    let windows = (0..7).flat_map(|weekday| [false, true].map(|afternoon| HalfDay { weekday, afternoon }));
    let (from, to) = (now().day(), now().day().plus(200));
    act(town, ONE, &Command::from(OfferTeacher { teacher, windows: windows.collect(), from, to })).await;
    town.converge().await;
    act(town, CITY, &Command::from(ApproveTeacher { teacher, courses: vec![course] })).await;
    town.converge().await;
    (teacher, course)
}

async fn first(town: &Town, view: &str, list: &str) -> String {
    let view = town.client(ONE).get(&format!("/api/views/{view}")).await.unwrap();
    view[list].as_object().unwrap().keys().next().unwrap().clone()
}

/// Claims the teacher; answers with the claim.
async fn claim(
    town: &Town,
    at: &str,
    (teacher, course): (TeacherId, CourseId),
    day: Day,
    hour: u16,
) -> String {
    let claim = ClaimLodged {
        teacher: Some(teacher),
        asset: None,
        course: Some(course),
        slot: Slot { day, start_minute: hour * 60, duration_minutes: 90 },
        headcount: 30,
        branches_served: 1,
    };
    act(town, at, &command_for(claim)).await["events"][0].as_str().unwrap().to_owned()
}

/// What the city answered to a claim, as a node knows it.
async fn outcome(town: &Town, at: &str, claim: &str) -> Option<String> {
    let view = town.client(at).get("/api/views/requests").await.unwrap();
    view["claims"][claim]["outcome"]["kind"].as_str().map(str::to_owned)
}

async fn decided(town: &Town, at: &str, claim: &str) -> String {
    for _ in 0..2_000 {
        if let Some(outcome) = outcome(town, at, claim).await {
            return outcome;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{claim} is never decided");
}

/// How a city's store is copied and put back.
enum Backup<'a> {
    /// The SQLite file alone; the marker beside it stays.
    File,
    /// The whole folder, marker and all.
    Folder,
    /// A database of PostgreSQL.
    Database(&'a Postgres),
}

impl Backup<'_> {
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Database(postgres) => vec!["--database".into(), postgres.url()],
            _ => Vec::new(),
        }
    }

    fn take(&self, town: &Town) {
        match self {
            Self::Database(postgres) => postgres.run("CREATE DATABASE kept TEMPLATE postgres", "template1"),
            _ => copy_folder(&town.folder(CITY), &town.safe_place()),
        }
    }

    fn put_back(&self, town: &Town) {
        let (folder, kept) = (town.folder(CITY), town.safe_place());
        match self {
            Self::Database(postgres) => {
                postgres.run("DROP DATABASE postgres", "template1");
                postgres.run("CREATE DATABASE postgres TEMPLATE kept", "template1");
            }
            Self::Folder => {
                remove_store(&folder);
                copy_folder(&kept, &folder);
            }
            Self::File => {
                remove_store(&folder);
                for file in ["lianxiao.db", "lianxiao.db-wal"] {
                    if kept.join(file).exists() {
                        std::fs::copy(kept.join(file), folder.join(file)).unwrap();
                    }
                }
            }
        }
    }
}

fn remove_store(folder: &Path) {
    for file in ["lianxiao.db", "lianxiao.db-wal", "lianxiao.db-shm"] {
        // The write-ahead log and its index need not be there.
        let _ = std::fs::remove_file(folder.join(file));
    }
}

/// A city forgets a confirmed claim, a branch and everything since; one branch stays away at first.
async fn city_put_back(backup: Backup<'_>) {
    let arguments = backup.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut town = Town::start(&[ONE, OTHER], &arguments).await;
    let shared = shared_teacher(&town).await;
    let day = now().day().plus(8);
    town.kill(CITY).await;
    backup.take(&town);
    town.start_again(CITY).await;
    // Forgotten: a decision, the city's own action, a branch's action.
    let first = claim(&town, ONE, shared, day, 9).await;
    assert_eq!(decided(&town, ONE, &first).await, "confirmed");
    town.record(CITY, "后来的镇").await.unwrap();
    town.record(OTHER, "乙").await.unwrap();
    town.converge().await;
    town.kill(CITY).await;
    town.line(OTHER).cut();
    backup.put_back(&town);
    town.start_again(CITY).await;
    // One branch brings back what it holds, the city's own decisions among it.
    town.wait_for(CITY, "waits for the branch that is away", |status| {
        let waiting = status["arbiter_paused"]["waiting_for"].as_array();
        waiting.is_some_and(|names| names.len() == 1 && names[0]["name"] == OTHER)
    })
    .await;
    assert_eq!(outcome(&town, CITY, &first).await.as_deref(), Some("confirmed"));
    let known = town.known(CITY).await;
    assert!(known.contains("后来的镇") && known.contains("乙"), "{known:?}");
    // The same hour again: nothing is received or decided before all have reported.
    let second = claim(&town, ONE, shared, day, 9).await;
    town.wait_for(ONE, "hands the claim over", |status| status["not_at_city"] == 0).await;
    let closed = town.client(CITY).post("/api/round/close", &json!({})).await.unwrap_err().to_string();
    assert!(closed.contains("arbiter_paused") && closed.contains(OTHER), "{closed}");
    let requests = town.client(CITY).get("/api/views/requests").await.unwrap();
    assert_eq!(requests["claims"][&second]["received"], Value::Null);
    // A start in between forgets nothing of the waiting.
    town.kill(CITY).await;
    town.start_again(CITY).await;
    assert_ne!(town.status(CITY).await["arbiter_paused"], Value::Null);
    town.line(OTHER).heal();
    assert_eq!(decided(&town, CITY, &second).await, "refused");
    town.converge().await;
    for node in [CITY, ONE, OTHER] {
        assert_eq!(outcome(&town, node, &first).await.as_deref(), Some("confirmed"), "{node}");
        assert_eq!(outcome(&town, node, &second).await.as_deref(), Some("refused"), "{node}");
        let requests = town.client(node).get("/api/views/requests").await.unwrap();
        assert_eq!(requests["surplus_decisions"], json!({}), "no subject is decided twice");
    }
    assert_eq!(town.status(CITY).await["arbiter_paused"], Value::Null);
    let journal = town.journal(CITY).await;
    for what in ["store_put_back", "arbiter_paused", "arbiter_released"] {
        assert!(journal.contains(what), "{journal:?}");
    }
    assert!(town.journal(ONE).await.contains("upstream_renewed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_whose_sqlite_file_was_put_back_remembers_before_it_decides() {
    city_put_back(Backup::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_whose_whole_folder_was_put_back_is_told_by_its_branches() {
    city_put_back(Backup::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_whose_postgresql_was_put_back_remembers_before_it_decides() {
    let test = "a_city_whose_postgresql_was_put_back_remembers_before_it_decides";
    let Some(bin) = given_or_skipped("LIANXIAO_POSTGRES", test) else { return };
    let postgres = Postgres::start(&bin);
    city_put_back(Backup::Database(&postgres)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_releases_the_arbiter_and_is_told_who_is_missing() {
    let mut town = Town::start(&[ONE, OTHER], &[]).await;
    let shared = shared_teacher(&town).await;
    town.kill(CITY).await;
    Backup::File.take(&town);
    town.start_again(CITY).await;
    town.kill(CITY).await;
    town.line(OTHER).cut();
    Backup::File.put_back(&town);
    town.start_again(CITY).await;
    let claim = claim(&town, ONE, shared, now().day().plus(8), 9).await;
    town.wait_for(ONE, "hands the claim over", |status| status["not_at_city"] == 0).await;
    assert_eq!(outcome(&town, CITY, &claim).await, None);
    let data = town.folder(CITY);
    let mut release = std::process::Command::new(tests::node_program());
    release.args(["release-arbiter", "--lang", "en", "--data"]).arg(&data);
    let said = String::from_utf8(release.output().unwrap().stdout).unwrap();
    assert!(said.contains("decides again") && said.contains(&format!("not heard from: {OTHER}")), "{said}");
    assert_eq!(decided(&town, CITY, &claim).await, "confirmed");
    town.line(OTHER).heal();
    town.converge().await;
    assert!(town.journal(CITY).await.contains("arbiter_released"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_kind_that_the_city_did_not_announce_stops_nobody_and_is_kept() {
    let town = Town::start(&[ONE], &[]).await;
    let shared = shared_teacher(&town).await;
    let folder = town.safe_place();
    Device::enrol(town.client(ONE), &folder).await;
    Device::write_newer(&folder, "claim.lodged", 9).await;
    let device = Device::on(&folder, town.client(ONE).address()).await;
    device.wait_for("the newer event is at the city", |status| status.not_at_city == 0).await;
    let day = now().day().plus(8);
    let claim = claim(&town, ONE, shared, day, 9).await;
    assert_eq!(decided(&town, ONE, &claim).await, "confirmed");
    assert_eq!(town.status(CITY).await["arbiter_paused"], Value::Null);
    let anomalies = town.client(CITY).get("/api/views/anomalies").await.unwrap();
    let shown = |anomaly: &&Value| anomaly["detail"] == "unknown_kind claim.lodged 9";
    let anomaly = anomalies.as_array().into_iter().flatten().find(shown).expect("it is shown");
    let event = anomaly["evidence"][0].as_str().unwrap();
    let why = town.client(CITY).get(&format!("/api/why/{event}")).await.unwrap();
    assert_eq!(why[0]["kept_aside"], "unknown_kind", "kept and forwarded all the same");
}

/// Where Debian keeps what makes a process see another time.
fn faketime() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime"));
    let library = folders.map(|folder| folder.join("libfaketime.so.1")).find(|file| file.exists())?;
    Some(format!("LD_PRELOAD={}", library.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_whose_clock_is_ten_years_off_harms_nobody() {
    let Some(library) = faketime() else {
        let test = "a_branch_whose_clock_is_ten_years_off_harms_nobody";
        return skipped(test, "libfaketime is missing: apt-get install faketime");
    };
    let mut town = Town::start(&[ONE, OTHER], &[]).await;
    let shared = shared_teacher(&town).await;
    let mut names = Vec::new();
    for (n, off) in ["FAKETIME=+10y", "FAKETIME=-10y"].into_iter().enumerate() {
        town.kill(ONE).await;
        town.line(ONE).cut();
        town.start_under(ONE, &["env", &library, off, "DONT_FAKE_MONOTONIC=1"]).await;
        // Without a line nobody can tell it the time.
        for (at, name) in [(ONE, format!("{off}离线")), (OTHER, format!("{off}其他"))] {
            town.record(at, &name).await.unwrap();
            names.push(name);
        }
        town.line(ONE).heal();
        town.converge().await;
        assert!(town.journal(ONE).await.contains("clock_off"));
        let name = format!("{off}联机");
        town.record(ONE, &name).await.unwrap();
        names.push(name);
        town.kill(ONE).await;
        town.start_again(ONE).await;
        town.converge().await;
        // The others' time was not dragged along: the next claim is decided as ever.
        let claim = claim(&town, OTHER, shared, now().day().plus(8), [9, 14][n]).await;
        assert_eq!(decided(&town, OTHER, &claim).await, "confirmed");
        let after = format!("{off}之后");
        let event = town.record(ONE, &after).await.unwrap();
        names.push(after);
        let today = client_core::time::Quarter::of(now().day()).to_string();
        assert!(event.contains(&today), "this node's own time is right again: {event}");
    }
    town.converge().await;
    for node in [CITY, ONE, OTHER] {
        let known = town.known(node).await;
        let lost: Vec<&String> = names.iter().filter(|name| !known.contains(*name)).collect();
        assert!(lost.is_empty(), "lost at {node}: {lost:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_only_listened_dates_what_it_writes_without_a_line_by_what_it_heard() {
    let Some(library) = faketime() else {
        let test = "a_branch_that_only_listened_dates_what_it_writes_without_a_line_by_what_it_heard";
        return skipped(test, "libfaketime is missing: apt-get install faketime");
    };
    let mut town = Town::start(&[ONE], &[]).await;
    let folder = town.safe_place().join("device");
    Device::enrol(town.client(ONE), &folder).await;
    let device = Device::on(&folder, town.client(ONE).address()).await;
    device.act(&Command::from(SetProfile { registered: 1 })).await;
    device.wait_for("all is at the city", |status| status.not_at_city == 0).await;
    device.off().await;
    town.converge().await;
    town.kill(ONE).await;
    town.line(ONE).cut();
    // A hundred days later, always in another quarter, which the event's document names.
    town.start_under(ONE, &["env", &library, "FAKETIME=+100d", "DONT_FAKE_MONOTONIC=1"]).await;
    let event = town.record(ONE, "乙").await.unwrap();
    let then = client_core::time::Quarter::of(now().day().plus(100)).to_string();
    assert!(event.contains(&then), "dated by the certificate, not by what it heard: {event}");
}
