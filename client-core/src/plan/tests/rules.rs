//! Every hard rule, broken alone, is named.

use crate::plan::{Instance, Plan, Rule, check};
use serde_json::{Value, json};

/// Two towns, three venues, two teachers, three orders.
pub fn instance() -> Value {
    let always = json!([7, 7, 7, 7, 7, 7, 7]);
    let window = json!([{ "from": 0, "to": 6, "dow": [0, 1, 2, 3, 4, 5, 6], "mask": 7, "pref": true }]);
    let order = |id: &str, branch: &str, group: &str, course: &str| {
        json!({ "id": id, "branch": branch, "group": group, "courses": [course], "headcount": 20,
            "windows": window, "max_travel": 40, "online": true, "prefer": "any", "priority": 2 })
    };
    let teacher = |id: &str| {
        json!({ "id": id, "town": 0, "skills": { "c0": 0, "c1": 1, "c2": 2 }, "reach": 40, "max_day": 2,
            "max_week": 3, "target": 2, "avail": always })
    };
    let venue = |id: &str, town: u32, equip: Value, lecture: bool| json!({ "id": id, "town": town, "capacity": 40, "equip": equip, "lecture": lecture, "avail": always });
    let course = |id: &str, duration: u32, sites: Value| json!({ "id": id, "duration": duration, "max_groups": 2, "needs": [], "sites": sites, "online_ok": true });
    json!({
        "format": "jts-1", "name": "two towns", "days": 7,
        "periods": [{ "start": 480, "end": 540 }, { "start": 550, "end": 610 }, { "start": 840, "end": 900 }],
        "starts": { "1": [0, 1, 2], "2": [0] },
        "travel": [[0, 30], [30, 0]],
        "branches": [{ "id": "b0", "town": 0 }, { "id": "b1", "town": 1 }],
        "courses": [course("c0", 1, Value::Null), course("c1", 1, json!(["v1"])), course("c2", 2, Value::Null)],
        "teachers": [teacher("t0"), teacher("t1")],
        "venues": [
            venue("v0", 0, json!(["projector", "stream"]), true),
            venue("v1", 1, json!([]), false),
            venue("v2", 1, json!(["projector"]), true),
        ],
        "requests": [
            order("r0", "b0", "g0", "c0"), order("r1", "b1", "g0", "c0"), order("r2", "b1", "g1", "c1"),
            order("r3", "b0", "g1", "c0"), order("r4", "b0", "g1", "c2"),
        ],
        "pinned": [], "previous": [],
        "weights": { "unmet": { "1": 20, "2": 40, "3": 100 }, "dropped": 30, "moved_time": 12, "moved_venue": 5,
            "moved_mode": 5, "moved_teacher": 3, "open_period": 30, "teacher_minute": 1, "skill": 6,
            "group_travel_div": 60, "online_unwanted": 12, "not_preferred_mode": 6, "not_preferred_time": 8,
            "over_target": 6, "over_double": 12 },
    })
}

/// Two classes of one teacher on two days.
fn plan() -> Value {
    json!({ "format": "jts-plan-1", "instance": "two towns", "unmet": [], "classes": [
        { "course": "c0", "teacher": "t0", "venue": "v0", "day": 0, "period": 0,
            "parts": [{ "request": "r0", "mode": "host" }, { "request": "r1", "mode": "online" }] },
        { "course": "c1", "teacher": "t0", "venue": "v1", "day": 1, "period": 2,
            "parts": [{ "request": "r2", "mode": "host" }] },
    ] })
}

/// The rules that are broken after a change, each once.
fn broken(change: impl FnOnce(&mut Value, &mut Value)) -> Vec<Rule> {
    let (mut instance, mut plan) = (instance(), plan());
    change(&mut instance, &mut plan);
    let instance = Instance::from_json(&instance.to_string()).expect("an instance");
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    let violations = check(&instance, &plan).err().unwrap_or_default();
    let mut rules: Vec<Rule> = violations.iter().map(|violation| violation.rule).collect();
    rules.sort();
    rules.dedup();
    rules
}

/// A third class, by the other teacher.
fn third(course: &str, venue: &str, (day, period): (u32, u32), order: &str, mode: &str) -> Value {
    json!({ "course": course, "teacher": "t1", "venue": venue, "day": day, "period": period,
        "parts": [{ "request": order, "mode": mode }] })
}

fn add(plan: &mut Value, class: Value) {
    plan["classes"].as_array_mut().expect("classes").push(class);
}

#[test]
fn a_plan_that_breaks_no_rule_has_its_points() {
    let instance = Instance::from_json(&instance().to_string()).expect("an instance");
    let plan: Plan = serde_json::from_value(plan()).expect("a plan");
    let objective = check(&instance, &plan).expect("no rule is broken");
    // Two orders unmet; two classes, one 30 minutes away by a teacher of level 1, one group online.
    assert_eq!((objective.a, objective.b), (80, 60 + 30 + 6 + 12));
}

#[test]
fn h0_everything_named_is_known() {
    for (field, value) in [("course", "c9"), ("teacher", "t9"), ("venue", "v9")] {
        assert_eq!(broken(|_, plan| plan["classes"][0][field] = json!(value)), [Rule::H0]);
    }
    assert_eq!(broken(|_, plan| plan["classes"][0]["parts"][0]["request"] = json!("r9")), [Rule::H0]);
    assert_eq!(broken(|_, plan| plan["classes"][0]["parts"][0]["mode"] = json!("by post")), [Rule::H0]);
}

#[test]
fn h1_a_class_begins_where_one_may() {
    assert_eq!(broken(|_, plan| plan["classes"][0]["day"] = json!(7)), [Rule::H1]);
    assert_eq!(broken(|_, plan| plan["classes"][0]["period"] = json!(3)), [Rule::H1]);
    assert_eq!(broken(|instance, _| instance["starts"]["1"] = json!([1, 2])), [Rule::H1]);
    let across_noon = |_: &mut Value, plan: &mut Value| add(plan, third("c2", "v0", (2, 1), "r4", "host"));
    assert_eq!(broken(across_noon), [Rule::H1]);
}

#[test]
fn h2_the_teacher_teaches_the_course() {
    assert_eq!(broken(|instance, _| instance["teachers"][0]["skills"] = json!({ "c1": 1 })), [Rule::H2]);
}

#[test]
fn h3_the_venue_is_within_reach() {
    assert_eq!(broken(|instance, _| instance["teachers"][0]["reach"] = json!(29)), [Rule::H3]);
    assert_eq!(broken(|instance, _| instance["teachers"][0]["reach"] = json!(30)), []);
}

#[test]
fn h4_the_teacher_is_free_in_every_period() {
    assert_eq!(broken(|instance, _| instance["teachers"][0]["avail"][0] = json!(6)), [Rule::H4]);
    let second_period = |instance: &mut Value, plan: &mut Value| {
        instance["teachers"][1]["avail"][2] = json!(5);
        add(plan, third("c2", "v0", (2, 0), "r4", "host"));
    };
    assert_eq!(broken(second_period), [Rule::H4]);
}

#[test]
fn h5_the_venue_is_free_in_every_period() {
    assert_eq!(broken(|instance, _| instance["venues"][0]["avail"][0] = json!(6)), [Rule::H5]);
    let second_period = |instance: &mut Value, plan: &mut Value| {
        instance["venues"][0]["avail"][2] = json!(5);
        add(plan, third("c2", "v0", (2, 0), "r4", "host"));
    };
    assert_eq!(broken(second_period), [Rule::H5]);
}

#[test]
fn h6_the_venue_suits_the_course() {
    assert_eq!(
        broken(|instance, _| instance["courses"][0]["needs"] = json!(["projector", "stage"])),
        [Rule::H6]
    );
    assert_eq!(broken(|instance, _| instance["venues"][0]["lecture"] = json!(false)), [Rule::H6]);
    assert_eq!(broken(|instance, _| instance["courses"][1]["sites"] = json!(["v2"])), [Rule::H6]);
}

#[test]
fn h7_somebody_is_in_the_room() {
    let online = json!([{ "request": "r1", "mode": "online" }]);
    assert_eq!(broken(|_, plan| plan["classes"][0]["parts"] = online), [Rule::H7]);
    assert_eq!(broken(|_, plan| plan["classes"][0]["parts"] = json!([])), [Rule::H7]);
}

#[test]
fn h8_no_more_groups_than_the_course_allows() {
    assert_eq!(broken(|instance, _| instance["courses"][0]["max_groups"] = json!(1)), [Rule::H8]);
}

#[test]
fn h9_each_group_accepts_course_time_and_way() {
    assert_eq!(broken(|instance, _| instance["requests"][0]["courses"] = json!(["c2"])), [Rule::H9]);
    assert_eq!(broken(|instance, _| instance["requests"][0]["windows"][0]["mask"] = json!(6)), [Rule::H9]);
    assert_eq!(broken(|instance, _| instance["requests"][0]["windows"][0]["from"] = json!(1)), [Rule::H9]);
    assert_eq!(broken(|instance, _| instance["requests"][0]["windows"][0]["dow"] = json!([1])), [Rule::H9]);
    assert_eq!(broken(|instance, _| instance["requests"][1]["online"] = json!(false)), [Rule::H9]);
    assert_eq!(broken(|_, plan| plan["classes"][0]["parts"][0]["mode"] = json!("travel")), [Rule::H9]);
    assert_eq!(broken(|_, plan| plan["classes"][0]["parts"][1]["mode"] = json!("host")), [Rule::H9]);
    let too_far = |instance: &mut Value, plan: &mut Value| {
        instance["requests"][1]["max_travel"] = json!(29);
        plan["classes"][0]["parts"][1]["mode"] = json!("travel");
    };
    assert_eq!(broken(too_far), [Rule::H9]);
}

#[test]
fn h10_online_only_where_course_and_venue_allow_it() {
    assert_eq!(broken(|instance, _| instance["courses"][0]["online_ok"] = json!(false)), [Rule::H10]);
    assert_eq!(broken(|instance, _| instance["venues"][0]["equip"] = json!(["projector"])), [Rule::H10]);
}

#[test]
fn h11_no_more_people_than_seats() {
    assert_eq!(broken(|instance, _| instance["venues"][0]["capacity"] = json!(19)), [Rule::H11]);
    assert_eq!(broken(|instance, _| instance["venues"][0]["capacity"] = json!(20)), []);
    let both_in_the_room = |instance: &mut Value, plan: &mut Value| {
        instance["venues"][0]["capacity"] = json!(39);
        plan["classes"][0]["parts"][1]["mode"] = json!("travel");
    };
    assert_eq!(broken(both_in_the_room), [Rule::H11]);
}

#[test]
fn h12_nobody_is_in_two_places() {
    let at_once = |_: &mut Value, plan: &mut Value| {
        plan["classes"][1]["day"] = json!(0);
        plan["classes"][1]["period"] = json!(0);
    };
    assert_eq!(broken(at_once), [Rule::H12]);
    let one_venue = |_: &mut Value, plan: &mut Value| add(plan, third("c0", "v0", (0, 0), "r3", "host"));
    assert_eq!(broken(one_venue), [Rule::H12]);
    let served_twice = |_: &mut Value, plan: &mut Value| add(plan, third("c0", "v0", (2, 0), "r0", "host"));
    assert_eq!(broken(served_twice), [Rule::H12]);
    let group_twice = |instance: &mut Value, plan: &mut Value| {
        instance["requests"][3]["group"] = json!("g0");
        add(plan, third("c0", "v0", (0, 2), "r3", "host"));
    };
    assert_eq!(broken(group_twice), [Rule::H12]);
    let group_twice_in_one = |instance: &mut Value, plan: &mut Value| {
        instance["requests"][3]["group"] = json!("g0");
        plan["classes"][0]["parts"][1] = json!({ "request": "r3", "mode": "host" });
    };
    assert_eq!(broken(group_twice_in_one), [Rule::H12]);
}

#[test]
fn h12_a_teacher_keeps_the_limits_and_can_travel() {
    let other_town_next_period = |_: &mut Value, plan: &mut Value| {
        plan["classes"][1]["day"] = json!(0);
        plan["classes"][1]["period"] = json!(1);
    };
    assert_eq!(broken(other_town_next_period), [Rule::H12]);
    // There are ten minutes between the two periods.
    let as_far_as = |minutes: u32| {
        move |instance: &mut Value, plan: &mut Value| {
            instance["travel"] = json!([[0, minutes], [minutes, 0]]);
            other_town_next_period(instance, plan);
        }
    };
    assert_eq!(broken(as_far_as(11)), [Rule::H12]);
    assert_eq!(broken(as_far_as(10)), []);
    let after_noon = |_: &mut Value, plan: &mut Value| plan["classes"][1]["day"] = json!(0);
    assert_eq!(broken(after_noon), []);
    let day = |instance: &mut Value, plan: &mut Value| {
        instance["teachers"][0]["max_day"] = json!(1);
        plan["classes"][1]["day"] = json!(0);
    };
    assert_eq!(broken(day), [Rule::H12]);
    assert_eq!(broken(|instance, _| instance["teachers"][0]["max_week"] = json!(1)), [Rule::H12]);
}

#[test]
fn p1_to_p3_a_confirmed_class_stays_as_it_is() {
    let confirm = |instance: &mut Value, open: bool| {
        let mut class = plan()["classes"][0].clone();
        class["open"] = json!(open);
        instance["pinned"] = json!([class]);
    };
    let missing = |instance: &mut Value, plan: &mut Value| {
        confirm(instance, true);
        plan["classes"][0]["teacher"] = json!("t1");
    };
    assert_eq!(broken(missing), [Rule::P1]);
    let lost = |instance: &mut Value, plan: &mut Value| {
        confirm(instance, true);
        plan["classes"][0]["parts"] = json!([{ "request": "r0", "mode": "host" }]);
    };
    assert_eq!(broken(lost), [Rule::P2]);
    let changed = |instance: &mut Value, plan: &mut Value| {
        confirm(instance, true);
        plan["classes"][0]["parts"][1]["mode"] = json!("travel");
    };
    assert_eq!(broken(changed), [Rule::P2]);
    let joined = |open: bool| {
        move |instance: &mut Value, plan: &mut Value| {
            instance["courses"][0]["max_groups"] = json!(3);
            confirm(instance, open);
            let parts = plan["classes"][0]["parts"].as_array_mut().expect("parts");
            parts.push(json!({ "request": "r3", "mode": "host" }));
        }
    };
    assert_eq!(broken(joined(false)), [Rule::P3]);
    assert_eq!(broken(joined(true)), []);
}
