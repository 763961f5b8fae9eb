//! What cannot be planned is refused, with the element and the reason.

use super::rules::instance;
use crate::plan::Instance;
use serde_json::{Value, json};

fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut instance = instance();
    change(&mut instance);
    Instance::from_json(&instance.to_string()).expect_err("refused").to_string()
}

#[test]
fn a_wrong_element_is_named() {
    let previous = json!({ "course": "c0", "teacher": "t0", "venue": "v0", "day": 0, "period": 0,
        "parts": [{ "request": "r0", "mode": "host" }] });
    let twice = json!([previous, previous]);
    let cases: Vec<(String, &str)> = vec![
        (refusal(|it| it["format"] = json!("jts-2")), "format: \"jts-2\""),
        (refusal(|it| it["days"] = json!(0)), "days: 0"),
        (refusal(|it| it["teachers"][1]["id"] = json!("t0")), "teachers t0: the id occurs twice"),
        (refusal(|it| it["teachers"][1]["town"] = json!(2)), "teachers t1: town 2 of 2"),
        (refusal(|it| it["teachers"][1]["skills"] = json!({ "c9": 0 })), "teachers t1: the course \"c9\""),
        (refusal(|it| it["teachers"][1]["avail"] = json!([7])), "teachers t1: avail has 1 days"),
        (refusal(|it| it["venues"][2]["avail"][3] = json!(8)), "venues v2: the mask 8"),
        (refusal(|it| it["travel"][0][1] = json!(29)), "travel[0]: 29 minutes to town 1, but 30 back"),
        (refusal(|it| it["travel"][1] = json!([30])), "travel[1]: 1 entries"),
        (refusal(|it| it["periods"][1]["start"] = json!(530)), "periods[1]: it begins before"),
        (refusal(|it| it["starts"]["2"] = json!([2])), "starts 2: a class that begins in period 2"),
        (refusal(|it| it["courses"][0]["duration"] = json!(3)), "courses c0: starts has no duration 3"),
        (refusal(|it| it["courses"][1]["sites"] = json!(["v7"])), "courses c1: the venue \"v7\""),
        (refusal(|it| it["requests"][0]["branch"] = json!("b7")), "requests r0: the branch \"b7\""),
        (refusal(|it| it["requests"][0]["courses"] = json!([])), "requests r0: it asks for no course"),
        (refusal(|it| it["requests"][0]["priority"] = json!(4)), "requests r0: no weight for priority 4"),
        (refusal(|it| it["requests"][0]["prefer"] = json!("radio")), "requests r0: the preference"),
        (refusal(|it| it["requests"][0]["windows"][0]["to"] = json!(-1)), "requests[0] r0: "),
        (refusal(|it| it["requests"][0]["windows"][0]["from"] = json!(9)), "requests r0: a window ends"),
        (refusal(|it| it["requests"][0]["headcount"] = json!("20")), "requests[0] r0: invalid type"),
        (refusal(|it| it["weights"]["group_travel_div"] = json!(0)), "weights: group_travel_div is 0"),
        (refusal(|it| it["weights"]["skill"] = Value::Null), "weights: invalid type"),
        (refusal(|it| it["previous"] = twice), "requests r0: it is in two classes of previous"),
        (refusal(|it| it["pinned"] = json!([{ "course": "c0" }])), "pinned[0]: missing field"),
    ];
    for (said, expected) in cases {
        assert!(said.starts_with(expected), "{said:?} begins with {expected:?}");
    }
    let cut = Instance::from_json("{\"format\":").expect_err("refused").to_string();
    assert!(cut.starts_with("the file: EOF"), "{cut}");
}
