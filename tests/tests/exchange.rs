//! Sync carried by HTTP POST alone, against a real branch node.

use client_core::domain::{Command, SetProfile};
use lianxiao::sync::exchange::EXCHANGE;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tests::{CITY, Device, Town};

const ONE: &str = "新埭镇";

/// Status and error code of the answer.
async fn asked(url: &str, name: Option<&str>, body: &'static [u8]) -> (StatusCode, Value) {
    let mut request = Client::new().post(url).body(body);
    if let Some(name) = name {
        request = request.header(EXCHANGE, name);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap())
}

async fn holds_what_its_branch_holds(device: &Device, town: &Town) {
    let held = town.status(ONE).await["changes"].as_u64();
    device.wait_for("all of the branch is here", |status| Some(status.changes) == held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_line_lets_no_websocket_through_syncs_both_ways_and_goes_on_in_a_new_exchange() {
    let town = Town::start(&[ONE], &[]).await;
    let folder = town.safe_place();
    Device::enrol(town.client(ONE), &folder).await;
    town.record(ONE, "甲").await.unwrap();
    town.converge().await;
    let upstream = town.client(ONE).address();

    let device = Device::on_by_post(&folder, upstream).await;
    device.act(&Command::from(SetProfile { registered: 1 })).await;
    device.wait_for("the city has signed", |status| status.changes > 0 && status.not_at_city == 0).await;
    town.record(CITY, "广陈镇").await.unwrap();
    town.converge().await;
    holds_what_its_branch_holds(&device, &town).await;
    device.off().await;

    town.record(ONE, "乙").await.unwrap();
    town.converge().await;
    let device = Device::on_by_post(&folder, upstream).await;
    let event = device.act(&Command::from(SetProfile { registered: 2 })).await[0];
    device.wait_for("the city has signed", |status| status.not_at_city == 0).await;
    holds_what_its_branch_holds(&device, &town).await;
    let why = town.client(CITY).get(&format!("/api/why/{event}")).await.unwrap();
    assert_eq!(why.as_array().map(Vec::len), Some(1), "{why:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_exchange_is_refused_and_says_why() {
    let town = Town::start(&[], &[]).await;
    let url = format!("{}/sync/exchange", town.client(CITY).address());
    let (status, why) = asked(&url, None, b"").await;
    assert_eq!((status, why["title"].as_str()), (StatusCode::BAD_REQUEST, Some("no_nonce")), "{why}");
    let (status, why) = asked(&url, Some("0123"), b"").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{why}");

    let opened = format!("{url}?nonce={}", "07".repeat(32));
    let answer = Client::new().post(&opened).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let name = answer.headers()[EXCHANGE].to_str().unwrap().to_owned();
    let greeting = answer.bytes().await.unwrap();
    assert!(greeting.len() > 4, "the node says which city it is of");
    let (status, why) = asked(&url, Some(&name), &[0, 0, 0, 9, 1]).await;
    assert_eq!((status, why["title"].as_str()), (StatusCode::BAD_REQUEST, Some("not_frames")), "{why}");
    // What cannot be taken apart reached nobody; what is no frame ends the exchange, and the node says so.
    let body: &[u8] = &[0, 0, 0, 1, 0xc1];
    let refused = Client::new().post(&url).header(EXCHANGE, &name).body(body).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::OK);
    assert!(refused.bytes().await.unwrap().windows(9).any(|word| word == b"Malformed"));
    let (status, why) = asked(&url, Some(&name), b"").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{why}");
}
