//! Orders of three branches, one of them cut off when the round closes, become one class; and anyone can
//! make the plan once more.

use client_core::time::Day;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use tests::{CITY, Line, Town, command, control, given_or_skipped, node_program};

const BRANCHES: [&str; 3] = ["当湖", "新埭", "广陈"];

async fn done(town: &Town, at: &str, what: Value) -> String {
    let done = command(town.client(at), what).await.unwrap_or_else(|error| panic!("{at}: {error}"));
    done["events"][0].as_str().expect("an event").to_owned()
}

async fn only(town: &Town, at: &str, view: &str, list: &str) -> String {
    let view = town.client(at).get(&format!("/api/views/{view}")).await.expect("a view");
    view[list].as_object().expect("a list").keys().next().expect("one of them").clone()
}

fn order(course: &str, from: Day, pre_consent: bool) -> Value {
    json!({ "command": "lodge_request", "courses": [course], "group": "示例班", "headcount": 20, "from": from,
        "to": from.plus(13), "half_days": [], "max_travel_minutes": 60, "online": true, "priority": 2,
        "pre_consent": pre_consent })
}

/// A course, a teacher and a room of the first branch, both offered.
async fn town_that_teaches() -> (Town, String, Day) {
    let town = Town::start(&BRANCHES, &[]).await;
    let nobody = "00".repeat(16);
    done(
        &town,
        CITY,
        json!({ "command": "list_course", "course": nobody, "code": "K001", "title": "基层治理",
        "area": "", "periods": 2, "method": "", "audience": "", "online": true }),
    )
    .await;
    town.converge().await;
    let course = only(&town, CITY, "courses", "courses").await;
    let weekdays: Vec<Value> = (0..5)
        .flat_map(|weekday| [false, true].map(|pm| json!({ "weekday": weekday, "afternoon": pm })))
        .collect();
    let today = lianxiao::sync::now().day();
    let offer = |what: &str, id: &str| {
        json!({ "command": format!("offer_{what}"), what: id, "windows": weekdays,
        "from": today, "to": today.plus(90) })
    };
    done(
        &town,
        BRANCHES[0],
        json!({ "command": "propose_teacher", "teacher": nobody, "name": "示例甲",
        "full_time": true, "source": "市委党校", "courses": [course], "weekly_cap_periods": 8 }),
    )
    .await;
    done(&town, BRANCHES[0], json!({ "command": "declare_asset", "asset": nobody, "kind": "room", "name": "报告厅",
        "place": "", "capacity": 100, "quantity": 1, "features": ["直播设备"], "condition": "good", "open": [],
        "talk_minutes": 0, "docent": "" })).await;
    let teacher = only(&town, BRANCHES[0], "teachers", "teachers").await;
    let room = only(&town, BRANCHES[0], "resources", "assets").await;
    done(&town, BRANCHES[0], offer("teacher", &teacher)).await;
    done(&town, BRANCHES[0], offer("asset", &room)).await;
    town.converge().await;
    done(&town, CITY, json!({ "command": "approve_teacher", "teacher": teacher, "courses": [] })).await;
    town.converge().await;
    (town, course, today.plus(20))
}

/// `lianxiao replay`: whether it holds, and what it says.
async fn replayed(town: &Town, at: &str, decision: &str) -> (bool, Value) {
    let mut program = Command::new(node_program());
    program.args(["replay", decision, "--json", "--data"]).arg(town.folder(at));
    let output = tokio::task::spawn_blocking(move || program.output()).await.expect("the thread ends");
    let output = output.expect("it starts");
    (output.status.success(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_branches_share_a_class_though_one_is_offline_and_each_can_plan_it_again() {
    let (town, course, from) = town_that_teaches().await;
    let mut orders = Vec::new();
    for branch in BRANCHES {
        orders.push(done(&town, branch, order(&course, from, true)).await);
    }
    town.converge().await;
    // A branch hears beforehand what the city would say, and nothing is decided by asking.
    let preview = town.client(BRANCHES[1]).get("/api/preview").await.expect("a preview");
    assert_eq!(
        preview["proposal"]["classes"][0]["class"]["parts"].as_array().map(Vec::len),
        Some(3),
        "{preview:#}"
    );
    assert!(preview["city_heard"].is_i64());
    let offline = BRANCHES[2];
    town.line(offline).cut();
    town.wait_for(offline, "cut off", |status| status["upstream"][0] == false).await;
    let closed = town.client(CITY).post("/api/round/close", &json!({})).await.expect("closed");
    assert_eq!(closed["minutes_saved"], 180, "{closed}");
    // Written while it was away: the decision was taken without it.
    let missed = done(&town, offline, order(&course, from, false)).await;
    let preview = town.client(offline).get("/api/preview").await.expect("a preview");
    assert_eq!(
        preview["proposal"]["classes"].as_array().map(Vec::len),
        Some(2),
        "it does not know yet: {preview:#}"
    );
    town.line(offline).heal();
    town.converge().await;
    let requests = town.client(offline).get("/api/views/requests").await.expect("requests");
    let classes = requests["joint"].as_object().expect("classes");
    assert_eq!(classes.len(), 1);
    for order in &orders {
        assert_eq!(requests["orders"][order]["outcome"]["kind"], "confirmed");
    }
    assert!(requests["orders"][&missed]["outcome"].is_null());
    let decision = requests["orders"][&orders[0]]["outcome"]["decision"].as_str().expect("a decision");
    let mut made = Vec::new();
    for place in [CITY, BRANCHES[0], offline] {
        let (holds, answer) = replayed(&town, place, decision).await;
        assert!(holds && answer["holds"] == true, "{place}: {answer:#}");
        assert_eq!(answer["replay"]["minutes_saved"], 180);
        made.push(answer["replay"]["made"].clone());
    }
    assert!(made.iter().all(|plan| *plan == made[0]));
    let (holds, _) = replayed(&town, offline, &missed).await;
    assert!(!holds, "an order is no decision");
    let closed = town.client(CITY).post("/api/round/close", &json!({})).await.expect("closed");
    assert_eq!(closed["minutes_saved"], 0, "the one that wants no company: {closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_if_the_teacher_falls_ill_shows_the_changed_classes_and_changes_nothing() {
    let (town, course, from) = town_that_teaches().await;
    done(&town, BRANCHES[0], order(&course, from, true)).await;
    town.converge().await;
    town.client(CITY).post("/api/round/close", &json!({})).await.expect("closed");
    let requests = town.client(CITY).get("/api/views/requests").await.expect("requests");
    let class = requests["joint"].as_object().expect("classes").values().next().expect("a class").clone();
    let day = &class["slot"]["day"];
    let what = json!({ "what": "teacher_away", "teacher": class["teacher"], "from": day, "to": day });
    let answer = town.client(CITY).post("/api/what-if", &what).await.expect("an answer");
    let change = &answer["changes"][0];
    assert_eq!((&change["before"]["state"], &change["before"]["class"]), (&json!("confirmed"), &class));
    assert_ne!(change["after"]["slot"]["day"], *day, "{answer:#}");
    let after = town.client(CITY).get("/api/views/requests").await.expect("requests");
    assert_eq!(after["joint"], requests["joint"]);
    let wrong = town.client(CITY).post("/api/what-if", &json!({ "what": "rain" })).await;
    assert!(wrong.expect_err("no such question").to_string().contains("teacher_away"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_plans_beforehand_without_a_line_and_answers_the_citys_questions() {
    let name = "the_page_plans_beforehand_without_a_line_and_answers_the_citys_questions";
    let Some(_) = given_or_skipped("LIANXIAO_CHROMIUM", name) else { return };
    let (town, course, from) = town_that_teaches().await;
    for branch in &BRANCHES[..2] {
        done(&town, branch, order(&course, from, true)).await;
    }
    town.converge().await;
    let line = Arc::new(Line::open(town.address(BRANCHES[1])).await.expect("a line"));
    let code = town.client(BRANCHES[1]).code(None, "office", "手机").await.expect("a code");
    let branch_page = format!("{}/#code={code}", line.url());
    let code = town.client(CITY).code(None, "city_admin", "市校").await.expect("a code");
    let city_page = format!("{}/#code={code}", town.client(CITY).address());
    let city = town.client(CITY).clone();
    let control = control(move |word| {
        let (city, line) = (city.clone(), line.clone());
        async move {
            match word.as_str() {
                "cut" => line.cut(),
                _ => drop(city.post("/api/round/close", &json!({})).await.expect("closed")),
            }
        }
    });
    let mut script = Command::new("node");
    script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/browser/preview.mjs"));
    script.args([branch_page, city_page, control.await]).args(std::env::var_os("LIANXIAO_SHOTS"));
    let output = tokio::task::spawn_blocking(move || script.output()).await.expect("the thread ends");
    let output = output.expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let said: Vec<&str> = said.lines().collect();
    let [preview, teacher, venue, more, refused] = said[..] else { panic!("{said:#?}") };
    for part in ["市校数据截至", "基层治理，示例甲，报告厅", "当湖、新埭", "合班省下教师授课 90 分钟"]
    {
        assert!(preview.contains(part), "{part}: {preview}");
    }
    for (answer, parts) in [
        (teacher, ["原定", "排不上"]),
        (venue, ["原定", "排不上"]),
        (more, ["广陈 新点单", "当湖、新埭、广陈"]),
    ] {
        assert!(parts.iter().all(|part| answer.contains(part)), "{parts:?}: {answer}");
    }
    assert!(more.contains("由 90 分钟变为 180 分钟"), "{more}");
    assert_eq!(refused, "refused: days the wrong way round");
    let after = town.client(CITY).get("/api/views/requests").await.expect("requests");
    assert_eq!(after["orders"].as_object().map(|orders| orders.len()), Some(2), "nothing came of asking");
}
