//! What one certified office device can do by sheer number and size, tried on real nodes: memory and
//! time stay within bounds that follow from what was admitted. Figures are printed.

use client_core::domain::AssetDeclared;
use client_core::ids::AssetId;
use std::time::{Duration, Instant};
use tests::CITY;
use tests::scene::{A, B, Scene, none, room_named};
use tests::words::TEACHER_TWICE;

/// The longest name that a command takes, in characters.
const GREATEST_NAME: usize = 200;
/// A bound for the sake of other programs on the machine, far above what a node may need.
const MOST_GIBIBYTES: u64 = 4;
/// Only a hang reaches it.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

// ---- 6: long names, packed small

const WIRE_BYTES: usize = 1_200_000;
const STEP_BYTES: usize = 100_000;
const MOST_MORE_MB: u64 = 400;

/// Declares rooms with names of so many characters, 1.2 MB on the wire, and says after each step how much
/// more memory the city took than before.
async fn declares(characters: usize, mut after_each: impl FnMut(usize, u64)) {
    let mut scene = Scene::start().await;
    scene.bound_memory(MOST_GIBIBYTES).await;
    let mut rogue = scene.rogue().await;
    let (before, began) = (scene.peak_memory_mb(CITY), Instant::now());
    let name = "长".repeat(characters);
    // About what one run holds.
    let a_run = (3_400_000 / (name.len() + 200)).min(30_000);
    let (mut wire, mut events) = (0, 0);
    while wire < WIRE_BYTES {
        let step_ends = wire + STEP_BYTES;
        while wire < step_ends {
            let fresh = |_| AssetId(lianxiao::keys::random_id());
            let rooms = (0..a_run).map(fresh).map(|asset| AssetDeclared { asset, ..room_named(&name) });
            let said = rooms.map(|room| rogue.says(&room)).collect::<Vec<_>>();
            rogue.write_all(said);
            let uploaded = rogue.upload(scene.town.client(A).address()).await.expect("the node takes it");
            assert!(uploaded.refused.is_empty(), "{uploaded:?}");
            (wire, events) = (wire + uploaded.wire_bytes, events + a_run);
        }
        scene.settle(LONGEST_WAIT).await;
        scene.view(CITY, "branches").await;
        let more = scene.peak_memory_mb(CITY).saturating_sub(before);
        let seconds = began.elapsed().as_secs();
        println!(
            "{events} rooms with names of {characters} characters, {wire} bytes on the wire, {seconds} s: the city took {more} MB more than {before} MB"
        );
        after_each(wire, more);
    }
    none(&scene.goes_on().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_twenty_thousand_characters_do_not_fill_the_citys_memory() {
    declares(20_000, |wire, more| {
        assert!(more < MOST_MORE_MB, "{wire} bytes on the wire took {more} MB of memory");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_greatest_length_leave_every_node_running() {
    declares(GREATEST_NAME, |_, _| {}).await;
}

// ---- 7: one teacher, one hour, thousands of classes

async fn announces(classes: usize) {
    let mut scene = Scene::start().await;
    scene.bound_memory(MOST_GIBIBYTES).await;
    let teacher = scene.propose_teacher(A, "示例乙").await;
    let slot = scene.soon_slot();
    let mut rogue = scene.rogue().await;
    let said = (0..classes).map(|_| scene.own_class(teacher, None, slot)).collect::<Vec<_>>();
    let said = said.iter().map(|class| rogue.says(class)).collect::<Vec<_>>();
    rogue.write_all(said);
    let began = Instant::now();
    let uploaded = rogue.upload(scene.town.client(A).address()).await.expect("the node takes it");
    assert!(uploaded.refused.is_empty(), "{uploaded:?}");
    scene.settle(LONGEST_WAIT).await;
    println!(
        "{classes} classes, {} bytes on the wire: all nodes hold them after {:.1} s",
        uploaded.wire_bytes,
        began.elapsed().as_secs_f64()
    );
    for name in scene.nodes() {
        let seconds = [scene.command(name).await, scene.command(name).await];
        let most = scene.peak_memory_mb(name);
        println!("{classes} classes: commands at {name} take {seconds:.2?} s, its memory at most {most} MB");
    }
    for name in [A, B, CITY] {
        let shown = scene.anomalies(name, TEACHER_TWICE, None).await;
        assert_eq!(shown.len(), 1, "what belongs together is one contradiction at {name}");
    }
    scene.start_all_again().await;
    none(&scene.goes_on().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_thousand_classes_of_one_teacher_at_one_hour_are_one_contradiction_and_stop_nobody() {
    announces(4_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nine_thousand_classes_of_one_teacher_at_one_hour_are_one_contradiction_and_stop_nobody() {
    announces(9_000).await;
}
