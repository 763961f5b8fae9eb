//! The page in a real browser: enrols, loses the line, reloads, writes, syncs later.

use std::process::Command;
use tests::{CityWithBranch, Line, command, control, given_or_skipped};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_without_a_line_and_syncs_later() {
    let Some(_) = given_or_skipped("LIANXIAO_CHROMIUM", "the_page_works_without_a_line_and_syncs_later")
    else {
        return;
    };
    let both = CityWithBranch::start("新埭镇", &[]).await;
    let course = serde_json::json!({ "command": "list_course", "course": "00".repeat(16), "code": "K001",
        "title": "基层治理", "area": "", "periods": 2, "method": "", "audience": "", "online": true });
    command(both.city.client(), course).await.expect("a course");
    both.converge().await;
    let node = both.branch().address().trim_start_matches("http://").parse().expect("an address");
    let line = Line::open(node).await.expect("a line");
    let code = both.branch().code(None, "office", "浏览器").await.expect("a code");
    let page = format!("{}/#code={code}", line.url());
    let control = control(move |word| {
        match word.as_str() {
            "cut" => line.cut(),
            _ => line.heal(),
        }
        std::future::ready(())
    })
    .await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/browser/offline.mjs");
    let run =
        tokio::task::spawn_blocking(move || Command::new("node").args([script, &page, &control]).output());
    let output = run.await.expect("the thread ends").expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let steps: Vec<&str> = said.lines().collect();
    let expected = [
        "enrolled and synced",
        "reloaded offline",
        "saved an event offline",
        "synced later",
        "one tab at a time",
    ];
    assert_eq!(steps, expected);
    both.converge().await;
    let requests = both.city.client().get("/api/views/requests").await.expect("the city's requests");
    let orders = requests["orders"].as_object().expect("orders");
    assert_eq!(orders.len(), 1);
    assert!(orders.values().all(|order| order["lodged"]["wish"]["headcount"] == 21), "{orders:?}");
}
