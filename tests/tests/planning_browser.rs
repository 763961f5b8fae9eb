//! The planner in a real browser: the same bytes as here.

use client_core::plan::{Instance, plan};
use std::process::Command;
use tests::timetable::{Known, PINNED_BUDGET, known, pinned, read};
use tests::{NodeProcess, given_or_skipped, node_program};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_plans_the_same_bytes() {
    let Some(_) = given_or_skipped("LIANXIAO_CHROMIUM", "a_browser_plans_the_same_bytes") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let node = NodeProcess::start(&node_program(), &folder.path().join("city"), &["city"]).await;
    let node = node.expect("the city starts");
    let mut expected = Vec::new();
    for (name, instance) in pinned() {
        let made = plan(read(&instance), PINNED_BUDGET, |_| {}).plan();
        let text = serde_json::to_string(&made).expect("plain data");
        expected.push((name, instance.to_string(), text));
    }
    for Known { name, instance, .. } in known() {
        let here = Instance::from_json(&instance).expect("a sound instance");
        let text = serde_json::to_string(&plan(here, PINNED_BUDGET, |_| {}).plan()).expect("plain data");
        expected.push((name, instance, text));
    }
    let refused = r#"{"format":"jts-1","name":"x","days":0}"#;
    let refusal = Instance::from_json(refused).expect_err("no days");
    expected.push(("refused", refused.to_owned(), refusal.to_string()));
    let file = |name: &str, ending: &str| folder.path().join(format!("{name}.{ending}"));
    for (name, instance, _) in &expected {
        std::fs::write(file(name, "json"), instance).expect("an instance");
    }
    let mut script = Command::new("node");
    script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/browser/plan.mjs"));
    script.arg(node.client().address()).arg(folder.path());
    script.args(PINNED_BUDGET.steps.map(|steps| steps.to_string()));
    let run = tokio::task::spawn_blocking(move || script.output());
    let output = run.await.expect("the thread ends").expect("node starts");
    let took = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{took}{}", String::from_utf8_lossy(&output.stderr));
    println!("{took}");
    for (name, _, text) in expected {
        let said = std::fs::read_to_string(file(name, "said")).expect("what the page said");
        assert!(said == text, "{name}: here\n{text}\nin the browser\n{said}");
    }
}
