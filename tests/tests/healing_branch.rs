//! Branch nodes and devices that were put back, copied or emptied heal by themselves and say so.

use client_core::domain::{Command, SetProfile};
use tests::{CITY, Device, Town, copy_folder};

const ONE: &str = "新埭镇";
const OTHER: &str = "广陈镇";

/// All teachers of these names are known at every one of these nodes.
async fn all_know(town: &Town, nodes: &[&str], names: &[&str]) {
    for node in nodes {
        let known = town.known(node).await;
        for name in names {
            assert!(known.contains(*name), "{name} is lost at {node}: {known:?}");
        }
    }
}

async fn emptied(town: &Town, name: &str) {
    for file in ["lianxiao.db", "lianxiao.db-wal", "lianxiao.db-shm"] {
        // The write-ahead log and its index are gone after a clean end.
        let _ = std::fs::remove_file(town.folder(name).join(file));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_node_put_back_from_a_copy_of_its_folder_loses_nothing_and_writes_on_apart() {
    let mut town = Town::start(&[ONE, OTHER], &[]).await;
    town.record(ONE, "甲").await.unwrap();
    town.converge().await;
    town.kill(ONE).await;
    copy_folder(&town.folder(ONE), &town.safe_place());
    town.start_again(ONE).await;
    town.record(ONE, "乙").await.unwrap();
    town.converge().await;
    town.kill(ONE).await;
    // Put back, it writes before it hears of what it forgot: its line parts.
    copy_folder(&town.safe_place(), &town.folder(ONE));
    town.line(ONE).cut();
    town.start_again(ONE).await;
    town.record(ONE, "丙").await.unwrap();
    town.record(OTHER, "丁").await.unwrap();
    town.line(ONE).heal();
    town.converge().await;
    let after = town.record(ONE, "戊").await.unwrap();
    town.record(OTHER, "己").await.unwrap();
    town.converge().await;
    all_know(&town, &[CITY, ONE, OTHER], &["甲", "乙", "丙", "丁", "戊", "己"]).await;
    assert!(town.journal(CITY).await.contains("forked"));
    assert!(town.journal(ONE).await.contains("store_copied"));
    assert_eq!(town.status(CITY).await["forked"], 1, "one actor, not that of the other branch");
    let why = town.client(CITY).get(&format!("/api/why/{after}")).await.unwrap();
    assert_eq!(
        (why[0]["seq"].as_u64(), &why[0]["kept_aside"]),
        (Some(1), &serde_json::Value::Null),
        "a new actor"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_branch_node_and_its_copy_both_go_on() {
    let mut town = Town::start(&[ONE, OTHER], &[]).await;
    town.record(ONE, "甲").await.unwrap();
    town.converge().await;
    town.kill(ONE).await;
    town.line(ONE).cut();
    town.clone_branch(ONE, "copy").await;
    town.line("copy").cut();
    town.start_again(ONE).await;
    for round in 0..3 {
        for at in [ONE, "copy"] {
            town.record(at, &format!("{at}{round}")).await.unwrap();
        }
    }
    town.record(OTHER, "乙").await.unwrap();
    town.line(ONE).heal();
    town.line("copy").heal();
    town.converge().await;
    for at in [ONE, "copy", OTHER] {
        town.record(at, &format!("{at}后")).await.unwrap();
    }
    town.converge().await;
    let names = [
        "甲",
        "乙",
        "新埭镇0",
        "新埭镇1",
        "新埭镇2",
        "copy0",
        "copy1",
        "copy2",
        "新埭镇后",
        "copy后",
        "广陈镇后",
    ];
    all_know(&town, &[CITY, ONE, OTHER, "copy"], &names).await;
    assert_eq!(town.status(CITY).await["forked"], 1);
    for (node, note) in [(CITY, "forked"), (ONE, "store_copied"), ("copy", "store_copied")] {
        assert!(town.journal(node).await.contains(note), "{node} does not say {note}");
    }
    assert!(!town.journal(OTHER).await.contains("store_copied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_node_replaced_by_an_empty_one_is_filled_and_its_devices_know_what_it_lost() {
    let mut town = Town::start(&[ONE], &[]).await;
    let folder = town.safe_place();
    Device::enrol(town.client(ONE), &folder).await;
    let device = Device::on(&folder, town.client(ONE).address()).await;
    device.act(&Command::from(SetProfile { registered: 1 })).await;
    device.wait_for("all is at the city", |status| status.not_at_city == 0).await;
    town.converge().await;
    // What the branch alone has is lost with it; the device holds it still.
    town.line(ONE).cut();
    town.record(ONE, "甲").await.unwrap();
    device.act(&Command::from(SetProfile { registered: 2 })).await;
    device.wait_for("it is at the branch", |status| status.not_at_upstream == 0).await;
    device.wait_for("the branch's change came here, too", |status| status.not_at_city == 2).await;
    town.kill(ONE).await;
    device.off().await;
    emptied(&town, ONE).await;
    town.start_again(ONE).await;
    let device = Device::on(&folder, town.client(ONE).address()).await;
    device
        .wait_for("the branch is told", |status| {
            status.journal.iter().any(|note| note.what == client_core::node::Happening::UpstreamRenewed)
        })
        .await;
    device.wait_for("the branch is supplied again", |status| status.not_at_upstream == 0).await;
    let held = device.status().await.changes;
    town.wait_for(ONE, "holds what its device holds", |status| status["changes"] == held).await;
    town.line(ONE).heal();
    town.converge().await;
    device.wait_for("all is at the city", |status| status.not_at_city == 0).await;
    all_know(&town, &[CITY, ONE], &["甲"]).await;
    town.record(ONE, "乙").await.unwrap();
    town.converge().await;
    assert!(town.journal(ONE).await.contains("store_put_back"));
}

/// What stands in the redo log alone is gone.
fn power_cut(town: &Town, name: &str) {
    let log = town.folder(name).join("lianxiao.redo");
    let length = std::fs::metadata(&log).unwrap().len();
    std::fs::write(&log, vec![0; length as usize]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_node_that_does_not_wait_for_the_disk_gets_back_from_its_devices_what_a_power_cut_took() {
    const SYNCHRONOUS: [&str; 2] = ["--synchronous", "normal"];
    let mut town = Town::start(&[ONE], &[]).await;
    let folder = town.safe_place();
    Device::enrol(town.client(ONE), &folder).await;
    town.kill(ONE).await;
    town.start_with(ONE, &SYNCHRONOUS).await;
    town.line(ONE).cut();
    let mut names = Vec::new();
    // Every few seconds all goes into the file: until a cut took what the branch wrote last, and more.
    let held = loop {
        assert!(names.len() < 40, "the power cut takes nothing");
        let device = Device::on(&folder, town.client(ONE).address()).await;
        for _ in 0..2 {
            device.act(&Command::from(SetProfile { registered: names.len() as u32 })).await;
            names.push(format!("甲{}", names.len()));
            town.record(ONE, &names[names.len() - 1]).await.unwrap();
        }
        device.wait_for("it is at the branch", |status| status.not_at_upstream == 0).await;
        let last = format!("甲{}", names.len());
        names.push(last.clone());
        town.record(ONE, &last).await.unwrap();
        let held = town.status(ONE).await["changes"].as_u64().unwrap();
        device.wait_for("the branch's change came here, too", |status| status.changes == held).await;
        device.off().await;
        town.kill(ONE).await;
        power_cut(&town, ONE);
        town.start_with(ONE, &SYNCHRONOUS).await;
        let is_lost = !town.known(ONE).await.contains(&last);
        if is_lost && town.status(ONE).await["changes"].as_u64().unwrap() + 1 < held {
            break held;
        }
    };
    let device = Device::on(&folder, town.client(ONE).address()).await;
    town.wait_for(ONE, "is supplied again", |status| status["changes"] == held).await;
    town.line(ONE).heal();
    town.converge().await;
    device.wait_for("all is at the city", |status| status.not_at_city == 0).await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    all_know(&town, &[CITY, ONE], &names).await;
    town.record(ONE, "乙").await.unwrap();
    town.converge().await;
    all_know(&town, &[CITY, ONE], &["乙"]).await;
    // What it wrote came back to it, as after a copy that was put back.
    assert!(town.journal(ONE).await.contains("store_copied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_put_back_from_a_copy_gets_everything_back_and_writes_on_apart() {
    let town = Town::start(&[ONE], &[]).await;
    let (folder, copy) = (town.safe_place().join("device"), town.safe_place().join("copy"));
    Device::enrol(town.client(ONE), &folder).await;
    let upstream = town.client(ONE).address();
    let device = Device::on(&folder, upstream).await;
    device.act(&Command::from(SetProfile { registered: 1 })).await;
    device.off().await;
    copy_folder(&folder, &copy);
    let device = Device::on(&folder, upstream).await;
    device.act(&Command::from(SetProfile { registered: 2 })).await;
    device.wait_for("all is at the city", |status| status.not_at_city == 0).await;
    device.off().await;
    let device = Device::on(&copy, upstream).await;
    device.act(&Command::from(SetProfile { registered: 3 })).await;
    device
        .wait_for("both lines are here and at the city", |status| {
            status.forked + status.lines >= 2 && status.changes >= 4 && status.not_at_city == 0
        })
        .await;
    let after = device.act(&Command::from(SetProfile { registered: 4 })).await;
    device.wait_for("all is at the city", |status| status.not_at_city == 0).await;
    town.converge().await;
    let found = town.client(CITY).get(&format!("/api/why/{}", after[0])).await.unwrap();
    assert_eq!(found[0]["kept_aside"], serde_json::Value::Null);
    let branches = town.client(CITY).get("/api/views/branches").await.unwrap();
    let rolls: Vec<_> =
        branches["branches"].as_object().unwrap().values().map(|b| b["registered"].clone()).collect();
    assert_eq!(rolls, [4]);
    assert_eq!(town.status(CITY).await["changes"], device.status().await.changes, "nothing is stored twice");
}
