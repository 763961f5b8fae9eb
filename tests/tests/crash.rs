//! A branch node that is killed in the middle of recording and syncing loses nothing it acknowledged.

use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::{CityWithBranch, command};

const KILLS: usize = 6;
const WRITERS: usize = 4;
const EVENTS_BEFORE_KILL: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_branch_node_loses_no_acknowledged_event() {
    let mut both = CityWithBranch::start("新埭镇", &[]).await;
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    for kill in 0..KILLS {
        // Every other time the line is cut as well, so that the crash finds events the city lacks.
        if kill % 2 == 1 {
            both.line.cut();
        }
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, acknowledged) = (both.branch().clone(), acknowledged.clone());
                tokio::spawn(async move {
                    for n in 0.. {
                        let name = format!("示例{kill}-{writer}-{n}");
                        let proposal = json!({ "command": "propose_teacher", "name": name, "full_time": true,
                            "teacher": "00".repeat(16), "source": "示例", "courses": [], "weekly_cap_periods": 4 });
                        match command(&client, proposal).await {
                            Ok(_) => acknowledged.lock().unwrap().insert(name),
                            Err(_) => return, // the node is gone
                        };
                    }
                })
            })
            .collect();
        let before = acknowledged.lock().unwrap().len();
        while acknowledged.lock().unwrap().len() < before + EVENTS_BEFORE_KILL {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        both.kill_branch().await;
        for writer in writers {
            writer.await.unwrap();
        }
        both.line.heal();
        // The end of a process takes nothing that does not wait for the disk either.
        let more: &[&str] = if kill < KILLS / 2 { &[] } else { &["--synchronous", "normal"] };
        both.start_branch(more).await;
    }
    both.converge().await;
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() >= KILLS * EVENTS_BEFORE_KILL);
    for client in [both.city.client(), both.branch()] {
        let view = client.get("/api/views/teachers").await.unwrap();
        let names: BTreeSet<String> = view["teachers"]
            .as_object()
            .unwrap()
            .values()
            .map(|teacher| teacher["name"].as_str().unwrap().to_owned())
            .collect();
        let lost: Vec<&String> = acknowledged.difference(&names).collect();
        assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    }
}
