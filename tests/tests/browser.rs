//! The page in a real browser: enrols, loses the line, reloads, writes, syncs later; and two tabs of it.

use std::process::Command;
use tests::{CityWithBranch, Line, command, control, given_or_skipped};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_without_a_line_and_syncs_later() {
    let steps = [
        "enrolled and synced",
        "reloaded offline",
        "saved an event offline",
        "synced later",
        "one tab at a time",
        "nothing is saved where the records are gone",
    ];
    orders_arrive("the_page_works_without_a_line_and_syncs_later", "offline.mjs", &steps, &[21]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_of_a_browser_without_locks_overwrite_nothing() {
    let steps = [
        "open in two tabs",
        "what would overwrite the other tab's is refused, and what was typed stays",
        "nothing was lost",
    ];
    let name = "two_tabs_of_a_browser_without_locks_overwrite_nothing";
    orders_arrive(name, "two_tabs.mjs", &steps, &[21, 22, 23]).await;
}

/// Runs a script of `tests/browser` with a page of a branch and a line to it that the script cuts and heals.
/// All its steps are said, and the orders it lodged, one for each number of people, are at the city.
async fn orders_arrive(test: &str, script: &str, steps: &[&str], people: &[u64]) {
    let Some(_) = given_or_skipped("LIANXIAO_CHROMIUM", test) else { return };
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
    let script = format!("{}/browser/{script}", env!("CARGO_MANIFEST_DIR"));
    let run = tokio::task::spawn_blocking(move || {
        let shots = std::env::var("LIANXIAO_SHOTS").ok();
        Command::new("node").args([script, page, control]).args(shots).output()
    });
    let output = run.await.expect("the thread ends").expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().collect::<Vec<_>>(), steps);
    both.converge().await;
    let requests = both.city.client().get("/api/views/requests").await.expect("the city's requests");
    let orders = requests["orders"].as_object().expect("orders");
    let mut arrived: Vec<u64> =
        orders.values().filter_map(|order| order["lodged"]["wish"]["headcount"].as_u64()).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, people);
}
