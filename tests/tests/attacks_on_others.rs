//! What one certified office device of a branch may not do to the others: speak for them, take their hours,
//! win by what it says of itself or by its clock. Real nodes, as in `attacks.rs`.

use client_core::domain::{
    AssetBlocked, AssetDeclared, AssetOffered, BlockAsset, BranchProfile, CancelSession, ClaimLodged,
    Command, MarkTeacherUnavailable, OfferAsset, OfferTeacher, RequestCommand, SessionAnnounced,
    SessionCancelled, SessionTaught, SetProfile, TeacherOffered, TeacherProposed, TeacherUnavailable,
};
use client_core::event::EventRef;
use client_core::ids::{AssetId, TeacherId};
use client_core::time::{Millis, Quarter};
use lianxiao::client::ClientError;
use lianxiao::sync::now;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::scene::{A, B, C, Scene, always, none, room_named, slot};
use tests::words::{ANY, UNCONFIRMED};
use tests::{CITY, Rogue, Said, command_for};

/// Far more than the nodes need to come together.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

// ---- 4: somebody else's teacher, room and class

/// Everything that can be said of B's teacher, room and class.
fn of_others(scene: &Scene, rogue: &mut Rogue) -> Vec<Said> {
    let (teacher, asset, session) = (scene.teacher, scene.room, scene.class);
    let (windows, from, to) = (always(), now().day(), now().day().plus(300));
    let slot = slot(now().day().plus(25), 8);
    let proposed = TeacherProposed {
        teacher,
        name: "冒名".into(),
        full_time: false,
        source: String::new(),
        courses: Vec::new(),
        weekly_cap_periods: 1,
    };
    let taught = SessionTaught {
        session,
        ledger_code: "冒名".into(),
        course: None,
        teacher: Some(teacher),
        slot,
        headcount: 1,
        online: false,
    };
    let class = SessionAnnounced { session, ..scene.own_class(teacher, Some(asset), slot) };
    vec![
        rogue.says(&proposed),
        rogue.says(&TeacherOffered { teacher, windows: windows.clone(), from, to }),
        rogue.says(&TeacherUnavailable { teacher, from, to }),
        rogue.says(&AssetDeclared { asset, capacity: 1, ..room_named("冒名") }),
        rogue.says(&AssetOffered { asset, windows, from, to }),
        rogue.says(&AssetBlocked { asset, from, to, reason: "无".into() }),
        rogue.says(&class),
        rogue.says(&taught),
        rogue.says(&SessionCancelled { session, reason: "无".into() }),
    ]
}

/// What a node says of B's teacher, room and class, field by field.
async fn belongings(scene: &Scene, at: &str) -> BTreeMap<String, Value> {
    let resources = scene.view(at, "resources").await;
    let room = |list: &str| resources[list][scene.room.to_string()].clone();
    let (class, unit) = (scene.class.to_string(), scene.branch(B).await.to_string());
    let whole = [
        ("teacher", scene.view(at, "teachers").await["teachers"][scene.teacher.to_string()].clone()),
        ("room", room("assets")),
        ("room's offers", json!({ "all": room("offers") })),
        ("room's blocked days", json!({ "all": room("blocked") })),
        ("class", scene.view(at, "sessions").await["sessions"][class][unit].clone()),
    ];
    let fields = |(name, thing): (&str, Value)| {
        let fields = thing.as_object().cloned().unwrap_or_default().into_iter();
        fields.map(|(field, value)| (format!("{name}: {field}"), value)).collect::<Vec<_>>()
    };
    whole.into_iter().flat_map(fields).collect()
}

/// The rogue says all of it, each word turned by `turn`; B keeps what is B's and can go on with it.
async fn speaks_for_others(turn: impl Fn(Said) -> Said) {
    let mut scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    let before = belongings(&scene, B).await;
    let said = of_others(&scene, &mut rogue).into_iter().map(turn);
    let events: Vec<EventRef> = said.map(|said| rogue.write(said)).collect();
    scene.take(&mut rogue).await;
    let mut faults = scene.hides(&events, ANY).await;
    for node in scene.nodes() {
        let after = belongings(&scene, node).await;
        let changed: Vec<&String> =
            before.keys().filter(|field| before.get(*field) != after.get(*field)).collect();
        if !changed.is_empty() {
            faults.push(format!("changed at {node}: {changed:?}"));
        }
    }
    faults.extend(goes_on_with_its_own(&mut scene).await);
    none(&faults);
}

/// B is the home of its teacher still, and nobody else; what of that does not hold.
async fn goes_on_with_its_own(scene: &mut Scene) -> Vec<String> {
    let (teacher, asset, day) = (scene.teacher, scene.room, now().day().plus(250));
    let offer = Command::from(OfferTeacher { teacher, windows: always(), from: day, to: day });
    let slot = scene.soon_slot();
    let mut faults = Vec::new();
    if scene.try_act(A, &offer).await.is_ok() {
        faults.push("A offers B's teacher".to_owned());
    }
    let own = [
        offer,
        Command::from(MarkTeacherUnavailable { teacher, from: day, to: day }),
        Command::from(OfferAsset { asset, windows: always(), from: day, to: day }),
        Command::from(BlockAsset { asset, from: day, to: day, reason: "修缮".into() }),
        Command::from(CancelSession { session: scene.class, reason: "改期".into() }),
        command_for(scene.wish(slot)),
    ];
    for command in own {
        match (scene.try_act(B, &command).await, &command) {
            (Err(error), _) => {
                let command = &json!(command)["command"];
                faults.push(format!("B is refused its own {command}: {error}"));
            }
            (Ok(claim), Command::Request(RequestCommand::LodgeClaim(_))) => {
                let outcome = scene.decided(B, &claim).await;
                faults.extend((outcome != "confirmed").then(|| format!("B's claim on its own is {outcome}")));
            }
            _ => {}
        }
    }
    faults
}

fn assert_refused(done: Result<EventRef, ClientError>) -> String {
    match done {
        Err(ClientError::Refused { code, detail }) => {
            assert!(!["store", "stopping", "not_a_command"].contains(&code.as_str()), "{code}: {detail}");
            detail
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_branchs_word_changes_nothing_of_a_teacher_room_or_class() {
    speaks_for_others(|said| said).await;
}

/// Ten years ago.
fn long_ago() -> Millis {
    Millis(now().0 - 3_652 * Millis::DAY)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_branchs_word_back_dated_by_ten_years_changes_nothing_of_a_teacher_room_or_class() {
    speaks_for_others(|said| said.stamped(long_ago())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_branchs_word_in_a_document_of_ten_years_ago_changes_nothing_of_a_teacher_room_or_class() {
    let (then, is_class) =
        (Quarter::of(long_ago().day()), |said: &Said| said.envelope.kind.starts_with("session"));
    let turn = |said: Said| if is_class(&said) { said } else { said.in_quarter(then) };
    speaks_for_others(|said| turn(said.stamped(long_ago()))).await;
}

// ---- 10: what a branch says of itself

const HOURS: usize = 8;

/// A round in which A and B want the same hours; how many of them A gets. Decided fairly it is half.
async fn won_by_a(scene: &mut Scene, rogue: &mut Rogue, branches_served: u8) -> usize {
    let mut claims = Vec::new();
    for slot in (0..HOURS).map(|_| scene.later_slot()).collect::<Vec<_>>() {
        scene.claim(B, slot).await;
        let said = rogue.says(&ClaimLodged { branches_served, ..scene.wish(slot) });
        claims.push(rogue.write(said));
    }
    scene.take(rogue).await;
    scene.close_round().await;
    let requests = scene.view(CITY, "requests").await;
    let outcome = |claim: &EventRef| requests["claims"][claim.to_string()]["outcome"]["kind"].clone();
    claims.iter().filter(|claim| outcome(claim) == "confirmed").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_says_it_serves_255_branches_wins_no_more_than_an_honest_one() {
    let mut scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    let won = [
        won_by_a(&mut scene, &mut rogue, 1).await,
        won_by_a(&mut scene, &mut rogue, 255).await,
        won_by_a(&mut scene, &mut rogue, 2).await,
        won_by_a(&mut scene, &mut rogue, 255).await,
    ];
    println!("of {HOURS} hours that both want A wins {won:?}, saying it serves 1, 255, 2, 255 branches");
    assert_eq!(won[0], HOURS / 2, "without a lie");
    assert!(won.iter().all(|won| *won <= HOURS / 2), "{won:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_says_how_many_it_has_wins_no_more_than_one_that_says_nothing() {
    let mut won = Vec::new();
    for registered in [None, Some(1), Some(5_000_000), Some(u32::MAX)] {
        let mut scene = Scene::start().await;
        let mut rogue = scene.rogue().await;
        if let Some(registered) = registered {
            let said = rogue.says(&BranchProfile { name: A.into(), registered });
            rogue.write(said);
        }
        let rounds = [won_by_a(&mut scene, &mut rogue, 1).await, won_by_a(&mut scene, &mut rogue, 1).await];
        println!("of {HOURS} hours A wins {rounds:?}, saying it has {registered:?} learners");
        won.push(rounds);
    }
    assert_eq!(won[0], [HOURS / 2; 2], "without a lie");
    assert!(won.iter().flatten().all(|won| *won <= HOURS / 2), "{won:?}");
}

// ---- 11: a class of one's own with somebody else's teacher and room

#[tokio::test(flavor = "multi_thread")]
async fn an_office_is_refused_a_class_of_its_own_with_another_branchs_teacher_or_room() {
    let mut scene = Scene::start().await;
    let (teacher, room) = (Some(scene.teacher), Some(scene.room));
    for (teacher, venue) in [(teacher, room), (teacher, None), (None, room)] {
        let slot = scene.soon_slot();
        let class = SessionAnnounced { teacher, ..scene.own_class(scene.teacher, venue, slot) };
        let why = assert_refused(scene.try_act(A, &command_for(class)).await);
        assert!(why.chars().count() > 10, "it says why and what to do: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_of_ones_own_takes_no_hour_of_another_branchs_teacher_or_room() {
    let mut scene = Scene::start_with(&[A, B, C]).await;
    let mut rogue = scene.rogue().await;
    let slots = [scene.soon_slot(), scene.soon_slot(), scene.soon_slot()];
    let (teacher, room) = (Some(scene.teacher), Some(scene.room));
    let mut events = Vec::new();
    for (slot, (teacher, venue)) in slots
        .iter()
        .flat_map(|slot| [(teacher, room), (teacher, None), (None, room)].map(|resources| (*slot, resources)))
    {
        let said = SessionAnnounced { teacher, ..scene.own_class(scene.teacher, venue, slot) };
        let said = rogue.says(&said);
        events.push(rogue.write(said));
    }
    scene.take(&mut rogue).await;
    let with_room = ClaimLodged { asset: room, ..scene.wish(slots[0]) };
    let claims = [
        (B, scene.act(B, &command_for(with_room)).await),
        (B, scene.claim(B, slots[1]).await),
        (C, scene.claim(C, slots[2]).await),
    ];
    let mut faults = Vec::new();
    for (n, (branch, claim)) in claims.iter().enumerate() {
        let outcome = scene.decided(branch, claim).await;
        faults.extend((outcome != "confirmed").then(|| format!("claim {n}, of {branch}, is {outcome}")));
    }
    scene.settle(LONGEST_WAIT).await;
    faults.extend(scene.hides(&events, UNCONFIRMED).await);
    none(&faults);
}

// ---- 12: a clock that is a little ahead

/// Every node shows these two events in one contradiction.
async fn are_shown_together(scene: &Scene, one: &EventRef, other: &EventRef) -> bool {
    for node in scene.nodes() {
        let shown = scene.anomalies(node, ANY, Some(one)).await;
        if !shown.iter().any(|anomaly| anomaly["evidence"].to_string().contains(&other.to_string())) {
            return false;
        }
    }
    true
}

/// What a branch says, and may say again, of itself, its room and its teacher.
fn of_its_own(writer: &mut Rogue, n: u8) -> [Said; 3] {
    let (asset, teacher) = (AssetId([6; 16]), TeacherId([5; 16]));
    let proposed = TeacherProposed {
        teacher,
        name: "示例丙".into(),
        full_time: true,
        source: "示例".into(),
        courses: Vec::new(),
        weekly_cap_periods: n,
    };
    [
        writer.says(&BranchProfile { name: A.into(), registered: n.into() }),
        writer.says(&AssetDeclared { asset, capacity: n.into(), ..room_named("二号教室") }),
        writer.says(&proposed),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_wins_by_a_clock_nine_minutes_ahead_is_shown_with_the_one_it_beats() {
    let scene = Scene::start().await;
    let (mut honest, mut rogue) = (scene.rogue().await, scene.rogue().await);
    for said in of_its_own(&mut honest, 10) {
        honest.write(said);
    }
    scene.take(&mut honest).await;
    // Neither knows of the other: the branch has no line while the rogue is at the city.
    let first = of_its_own(&mut rogue, 20).map(|said| rogue.write(said.stamped(now().plus_minutes(9))));
    scene.town.line(A).cut();
    let uploaded = rogue.upload(scene.town.client(CITY).address()).await.expect("the city takes it");
    assert!(uploaded.refused.is_empty(), "{uploaded:?}");
    let later = of_its_own(&mut honest, 30).map(|said| honest.write(said));
    honest.upload(scene.town.client(A).address()).await.expect("the branch takes it");
    scene.town.line(A).heal();
    scene.settle(LONGEST_WAIT).await;
    let mut hidden = Vec::new();
    for ((one, other), what) in first.iter().zip(&later).zip(["profile", "room", "teacher"]) {
        if !are_shown_together(&scene, one, other).await {
            hidden.push(what);
        }
    }
    assert!(hidden.is_empty(), "both edits are not shown of: {hidden:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_made_in_knowledge_of_one_whose_clock_is_ahead_counts_or_both_are_shown() {
    let scene = Scene::start().await;
    let mut rogue = scene.rogue().await;
    let said = rogue.says(&BranchProfile { name: A.into(), registered: 600 });
    let first = rogue.write(said.stamped(now().plus_minutes(9)));
    scene.take(&mut rogue).await;
    let later = scene.act(A, &Command::from(SetProfile { registered: 700 })).await;
    scene.settle(LONGEST_WAIT).await;
    let branch = scene.branch(A).await.to_string();
    let mut counts = true;
    for node in scene.nodes() {
        counts &= scene.view(node, "branches").await["branches"][&branch]["registered"] == 700;
    }
    assert!(counts || are_shown_together(&scene, &first, &later).await, "the later edit is lost in silence");
}
