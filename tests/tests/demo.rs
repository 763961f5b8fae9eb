//! The demo holds what it promises, whatever people and faults its seed brings.

use serde_json::Value;
use std::process::Command;

#[test]
fn every_check_of_the_demo_holds_for_three_seeds() {
    for seed in ["1", "2", "3"] {
        let mut demo = Command::new(tests::node_program());
        demo.args(["demo", "--small", "--exit", "--json", "--seed", seed]);
        let output = demo.output().expect("the demo starts");
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "seed {seed}: {said}{errors}");
        let last: Value =
            serde_json::from_str(said.lines().last().unwrap_or_default()).expect("one line of JSON");
        assert_eq!((&last["nodes"], &last["confirmed"]), (&Value::from(9), &Value::from(1)), "seed {seed}");
        let refused = last["refused"].as_array().expect("refused claims");
        assert_eq!(refused.len(), 1, "seed {seed}");
        assert!(refused[0]["alternatives"].as_array().is_some_and(|all| all.len() >= 2), "seed {seed}");
        assert!(last["checks"].as_array().is_some_and(|checks| checks.len() >= 9), "seed {seed}");
    }
}
