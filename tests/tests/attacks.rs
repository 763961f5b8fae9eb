//! What one certified office device of a branch may write, whatever it is, and all go on: days and numbers
//! that nobody can mean, one id with two contents, kinds that nobody knows, documents of other quarters.
//! Real nodes: the city's, its own branch's, another branch's. What it may not do to others is in
//! `attacks_on_others.rs` and `attacks_with_keys.rs`, what not by number and size in `attacks_in_bulk.rs`.

use client_core::domain::{
    AssetBlocked, AssetDeclared, AssetOffered, AttendanceCheckedIn, BranchProfile, CheckIn, ClaimLodged,
    RequestLodged, SessionAnnounced, SessionTaught, TeacherOffered, TeacherProposed, TeacherUnavailable,
};
use client_core::event::{EventRef, Scope};
use client_core::ids::{AssetId, ClassId, LearnerId, TeacherId};
use client_core::time::{Day, HalfDay, Millis, Quarter, Slot};
use lianxiao::sync::now;
use serde_json::{Value, json};
use tests::scene::{A, B, Scene, none, room_named, slot};
use tests::words::{ANY, DOES_NOT_FOLD, OUT_OF_BOUNDS, UNKNOWN_KIND, WRONG_PERIOD};
use tests::{CITY, Rogue, Said};

// ---- 1: days and numbers that nobody can mean

/// Claims and classes at slots and with numbers of people that no program would write.
fn extremes(scene: &Scene, rogue: &mut Rogue) -> Vec<Said> {
    let day = now().day().plus(30);
    let at = |day, start_minute, duration_minutes| Slot { day, start_minute, duration_minutes };
    let cases = [
        (at(Day(i32::MAX), 9 * 60, 90), 30),
        (at(Day(-5), u16::MAX, 90), 30),
        (at(Day(i32::MIN), 0, 0), 30),
        (at(day, 9 * 60, u16::MAX), 30),
        (at(day, u16::MAX, u16::MAX), 30),
        (slot(day, 9), u32::MAX),
    ];
    let mut said = Vec::new();
    for (slot, headcount) in cases {
        said.push(rogue.says(&ClaimLodged { headcount, ..scene.wish(slot) }));
        let class = scene.own_class(scene.teacher, Some(scene.room), slot);
        let class = rogue.says(&SessionAnnounced { headcount, ..class });
        // There is no document of a day that nobody can mean.
        said.push(if slot.day == day { class } else { class.in_quarter(Quarter::of(now().day())) });
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_hour_or_number_that_nobody_can_mean_is_set_aside_and_stops_no_round_preview_or_start() {
    let mut scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    let said = extremes(&scene, &mut rogue);
    let events: Vec<EventRef> = said.into_iter().map(|said| rogue.write(said)).collect();
    scene.take(&mut rogue).await;
    let mut faults = scene.goes_on().await;
    scene.start_all_again().await;
    faults.extend(scene.goes_on().await);
    faults.extend(scene.hides(&events, DOES_NOT_FOLD).await);
    faults.extend(scene.hides(&events, OUT_OF_BOUNDS).await);
    none(&faults);
}

/// What no program would write, of every other kind a branch has: by number, day, text and list.
fn of_every_kind(scene: &Scene, rogue: &mut Rogue) -> Vec<Said> {
    let (teacher, asset) = (TeacherId([5; 16]), AssetId([6; 16]));
    let (first, last) = (Day(i32::MIN), Day(i32::MAX));
    let no_half_day = vec![HalfDay { weekday: u8::MAX, afternoon: true }; 2_000];
    let spoilt = "\u{0}\u{7}\u{202e}\u{200b}".repeat(1_000);
    let proposed = TeacherProposed {
        teacher,
        name: spoilt.clone(),
        full_time: true,
        source: spoilt.clone(),
        courses: vec![scene.course; 1_000],
        weekly_cap_periods: u8::MAX,
    };
    let declared = AssetDeclared {
        asset,
        capacity: u32::MAX,
        quantity: u32::MAX,
        talk_minutes: u16::MAX,
        features: vec![String::new(); 2_000],
        open: no_half_day.clone(),
        ..room_named(&spoilt)
    };
    let order = RequestLodged {
        headcount: u32::MAX,
        from: first,
        to: last,
        half_days: no_half_day.clone(),
        max_travel_minutes: u16::MAX,
        priority: u8::MAX,
        ..scene.order(&spoilt)
    };
    let taught = SessionTaught {
        session: ClassId(asset.0),
        ledger_code: spoilt.clone(),
        course: None,
        teacher: Some(teacher),
        slot: Slot { day: last, start_minute: u16::MAX, duration_minutes: u16::MAX },
        headcount: u32::MAX,
        online: false,
    };
    let windows = no_half_day;
    vec![
        rogue.says(&BranchProfile { name: spoilt.clone(), registered: u32::MAX }),
        rogue.says(&proposed),
        rogue.says(&TeacherOffered { teacher, windows: windows.clone(), from: last, to: first }),
        rogue.says(&TeacherUnavailable { teacher, from: first, to: last }),
        rogue.says(&declared),
        rogue.says(&AssetOffered { asset, windows, from: first, to: last }),
        rogue.says(&AssetBlocked { asset, from: last, to: first, reason: spoilt }),
        rogue.says(&order),
        rogue.says(&RequestLodged { priority: 0, courses: Vec::new(), ..order.clone() }),
        rogue.says(&taught).in_quarter(Quarter::of(now().day())),
        // Stamps, too: the first and the last that there are.
        rogue.says(&BranchProfile { name: A.into(), registered: 1 }).stamped(Millis(0)),
        rogue.says(&BranchProfile { name: A.into(), registered: 2 }).stamped(Millis((1 << 47) - 1)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_mean_of_any_kind_stops_no_round_preview_or_start() {
    let mut scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    for said in of_every_kind(&scene, &mut rogue) {
        rogue.write(said);
    }
    scene.take(&mut rogue).await;
    none(&scene.goes_on().await);
    scene.start_all_again().await;
    none(&scene.goes_on().await);
}

// ---- 2 and 3: one event id, two contents

/// What the second content lies on.
enum Second {
    /// The same line, later.
    SameLine,
    /// A line that parts before the first.
    ParallelLine,
}

/// A's claim is confirmed, B's claim of another hour too; then A's id comes with B's hour.
async fn rewrites_a_decided_claim(second: Second) {
    let mut scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    let (own, other) = (scene.soon_slot(), scene.soon_slot());
    let profile = rogue.says(&BranchProfile { name: A.into(), registered: 500 });
    let document = profile.document;
    rogue.write(profile);
    let before = rogue.runs(document);
    let first = rogue.says(&scene.wish(own));
    let claim = rogue.write(first.clone());
    scene.take(&mut rogue).await;
    assert_eq!(scene.decided(A, &claim).await, "confirmed");
    let theirs = scene.claim(B, other).await;
    assert_eq!(scene.decided(B, &theirs).await, "confirmed");
    scene.settle(std::time::Duration::from_secs(60)).await;

    if matches!(second, Second::ParallelLine) {
        rogue.part(document, before);
    }
    let again = rogue.says(&scene.wish(other)).under(first.id).below(&first);
    assert_eq!(rogue.write(again), claim, "one identity");
    scene.take(&mut rogue).await;
    scene.arbiter_is_through().await;
    scene.start_all_again().await;
    scene.arbiter_is_through().await;
    for node in scene.nodes() {
        assert_eq!(scene.outcome(node, &theirs).await.as_deref(), Some("confirmed"), "B's, at {node}");
        assert_eq!(scene.outcome(node, &claim).await.as_deref(), Some("confirmed"), "A's, at {node}");
        let lodged = &scene.view(node, "requests").await["claims"][claim.to_string()]["lodged"];
        assert_eq!(lodged["wish"]["slot"], json!(own), "A's claim is what was decided, at {node}");
    }
    none(&scene.hides(&[claim], ANY).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_under_the_id_of_a_decided_claim_take_nobodys_hour() {
    rewrites_a_decided_claim(Second::SameLine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_on_a_parallel_line_under_the_id_of_a_decided_claim_take_nobodys_hour() {
    rewrites_a_decided_claim(Second::ParallelLine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_orders_of_a_joint_class_that_come_again_with_countless_people_end_no_node() {
    let mut scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    let first = ["一组", "二组"].map(|group| rogue.says(&scene.order(group)));
    let orders = first.clone().map(|said| rogue.write(said));
    scene.take(&mut rogue).await;
    scene.close_round().await;
    let requests = scene.view(CITY, "requests").await;
    let classes: Vec<&Value> =
        orders.iter().map(|order| &requests["orders"][order.to_string()]["outcome"]["class"]).collect();
    assert!(classes[0].is_string() && classes[0] == classes[1], "one joint class: {classes:?}");
    let class = classes[0].as_str().unwrap().to_owned();

    for (said, group) in first.iter().zip(["一组", "二组"]) {
        let countless = RequestLodged { headcount: u32::MAX, ..scene.order(group) };
        let again = rogue.says(&countless).under(said.id).below(said);
        rogue.write(again);
    }
    scene.take(&mut rogue).await;
    scene.arbiter_is_through().await;
    scene.start_all_again().await;
    for node in scene.nodes() {
        let schedule = scene.view(node, "schedule").await;
        let booking = schedule.as_array().unwrap().iter().find(|it| it["session"] == class.as_str());
        let booking = booking.unwrap_or_else(|| panic!("{node} knows the class no more"));
        assert_eq!(booking["headcount"], 60, "as it was decided, at {node}");
    }
    none(&scene.goes_on().await);
}

// ---- 9: a kind that nobody knows

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_nobody_knows_does_not_keep_the_arbiter_from_deciding() {
    let mut scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    let unknown = ["claim.audited", "teacher.praised", "session.announced"].map(|kind| {
        let said = rogue.says_raw(kind, 77, Scope::Shared, vec![0x90]);
        rogue.write(said)
    });
    scene.take(&mut rogue).await;
    assert_eq!(scene.town.status(CITY).await["arbiter_paused"], Value::Null);
    let slot = scene.soon_slot();
    let claim = scene.claim(B, slot).await;
    assert_eq!(scene.decided(B, &claim).await, "confirmed");
    let requests = scene.view(CITY, "requests").await;
    assert!(requests["claims"][claim.to_string()]["received"].is_object());
    for event in unknown {
        assert_eq!(scene.why(CITY, &event).await["kept_aside"], UNKNOWN_KIND, "kept all the same");
    }
}

// ---- 14c: documents of other quarters

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_a_document_of_another_quarter_than_its_facts_or_stamps_is_set_aside() {
    let mut scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    let here = rogue.document(Scope::Shared).period;
    let quarters = [(2250, 1), (i16::MAX, 4), (i16::MIN, 1), (1, 1), (here.year - 1, here.quarter)];
    let (slot, day) = (scene.soon_slot(), now());
    let mut shared = Vec::new();
    let mut private = Vec::new();
    for (year, quarter) in quarters {
        let quarter = Quarter { year, quarter };
        let class = SessionAnnounced { teacher: None, ..scene.own_class(scene.teacher, None, slot) };
        let profile = rogue.says(&BranchProfile { name: A.into(), registered: 999 });
        let said = [profile, rogue.says(&scene.wish(slot)), rogue.says(&class)];
        for said in said {
            shared.push(rogue.write(said.in_quarter(quarter)));
        }
        let (session, learner) = (ClassId([3; 16]), LearnerId([4; 16]));
        let check = AttendanceCheckedIn { session, learner, at: day, how: CheckIn::Roll };
        let said = rogue.says(&check).in_quarter(quarter);
        private.push(rogue.write(said));
    }
    let far = Slot { day: slot.day.plus(120), ..slot };
    let class = SessionAnnounced { teacher: None, ..scene.own_class(scene.teacher, None, far) };
    let said = rogue.says(&class).in_quarter(here);
    shared.push(rogue.write(said));
    scene.take(&mut rogue).await;
    let mut faults = scene.hides(&shared, DOES_NOT_FOLD).await;
    faults.extend(scene.hides(&shared, WRONG_PERIOD).await);
    for (node, event) in [A, CITY].iter().flat_map(|node| private.iter().map(move |event| (node, event))) {
        let why = scene.why(node, event).await["kept_aside"].clone();
        if !why.as_str().is_some_and(|why| why.starts_with(WRONG_PERIOD)) {
            faults.push(format!("private, in {}, at {node}: {why}", event.document.period));
        }
    }
    faults.extend(scene.goes_on().await);
    none(&faults);
}
