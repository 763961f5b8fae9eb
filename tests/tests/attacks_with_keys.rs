//! What keys and certificates can do to others: a second key under an honest device's id, sealed rows of
//! those who may not seal them. Real nodes, as in `attacks.rs`.

use client_core::domain::BranchProfile;
use client_core::event::EventRef;
use client_core::identity::{Certificate, Chain, Role, SecretKey};
use client_core::ids::{DeviceId, PersonId, PublicKey};
use lianxiao::sync::now;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::scene::{A, B, Scene, none};
use tests::words::DEVICE_TWICE;
use tests::{CITY, Rogue};

/// Far more than the nodes need to come together.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Within so long a sealed row has come to all who get it.
const ROWS_COME: Duration = Duration::from_secs(6);

// ---- 14a: a second key under the id of an honest device

/// A key of the rogue's, certified by A's node under the id of somebody else's device.
fn certified_by_a(scene: &Scene, under: &Certificate) -> (Rogue, PublicKey) {
    let folder = scene.town.folder(A);
    let enrolment: Value =
        serde_json::from_slice(&std::fs::read(folder.join("enrolment.json")).unwrap()).unwrap();
    let mut chain: Chain = serde_json::from_value(enrolment["chain"].clone()).unwrap();
    let node_key: SecretKey = lianxiao::keys::load_or_create(&folder.join("node.key")).unwrap();
    let city_key: PublicKey = serde_json::from_value(enrolment["city_key"].clone()).unwrap();
    let key = SecretKey::from_random(lianxiao::keys::random_bytes());
    let (public, branch) = (key.public(), chain[0].branch);
    let (city, role) = (under.city, Role::Office);
    chain.push(Certificate::issue(&node_key, city, public, under.device, branch, role, now()));
    (Rogue::certified(city_key, key, chain), public)
}

async fn registers(writer: &mut Rogue, name: &str, registered: u32) -> EventRef {
    let said = writer.says(&BranchProfile { name: name.into(), registered });
    writer.write(said)
}

/// Two keys under one device id, each with what it wrote.
struct TwoKeys {
    /// B's office device, enrolled at the city.
    honest: Rogue,
    own: EventRef,
    /// Certified by A's node under the same id.
    rogue: Rogue,
    forged: EventRef,
    /// The rogue's.
    key: PublicKey,
}

async fn two_keys(scene: &Scene) -> TwoKeys {
    let mut honest = Rogue::enrol(scene.town.client(CITY), Some(B), "office").await;
    let (mut rogue, key) = certified_by_a(scene, honest.certificate());
    let own = registers(&mut honest, B, 300).await;
    honest.upload(scene.town.client(B).address()).await.expect("an honest device");
    let forged = registers(&mut rogue, A, 666).await;
    rogue.upload(scene.town.client(A).address()).await.expect("A's node lets it in");
    scene.settle(LONGEST_WAIT).await;
    TwoKeys { honest, own, rogue, forged, key }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_under_one_devices_id_are_shown() {
    let scene = Scene::start().await;
    two_keys(&scene).await;
    for node in scene.nodes() {
        let shown = scene.anomalies(node, DEVICE_TWICE, None).await;
        assert!(!shown.is_empty(), "{node} does not show the two keys");
    }
}

/// A revocation by device and key that accepts nothing of it.
fn revocation(device: DeviceId, key: PublicKey) -> Value {
    json!({ "command": "revoke_device", "device": device, "key": key.to_hex(), "reason": "冒名",
        "accepted": [] })
}

/// After the city revoked it, the rogue's words count nowhere and the honest device's count as before.
async fn is_shut_out(scene: &mut Scene, keys: TwoKeys, branches: [String; 2]) {
    let TwoKeys { mut honest, own, mut rogue, forged, .. } = keys;
    let later = registers(&mut honest, B, 301).await;
    let uploaded = honest.upload(scene.town.client(B).address()).await.expect("an honest device");
    assert!(uploaded.refused.is_empty(), "{uploaded:?}");
    registers(&mut rogue, A, 667).await;
    // Whether it is turned away or kept aside is the node's choice.
    println!("the revoked key: {:?}", rogue.upload(scene.town.client(CITY).address()).await);
    scene.settle(LONGEST_WAIT).await;
    let mut faults = Vec::new();
    for again in [false, true] {
        if again {
            scene.start_all_again().await;
        }
        for node in scene.nodes() {
            let aside = [scene.why(node, &own).await, scene.why(node, &later).await];
            let aside = aside.map(|why| why["kept_aside"].clone());
            let view = scene.view(node, "branches").await["branches"].clone();
            let [a, b] = branches.each_ref().map(|branch| view[branch]["registered"].clone());
            if aside != [Value::Null, Value::Null] || b != 301 {
                faults.push(format!("{node}: the honest device's words are kept aside: {aside:?}"));
            }
            if a != 0 {
                faults.push(format!("{node}: the rogue's word counts: {a}"));
            }
        }
        if scene.why(CITY, &forged).await["kept_aside"].is_null() {
            faults.push("the city does not keep the rogue's first word aside".into());
        }
    }
    none(&faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_rogue_key_under_an_honest_devices_id_leaves_the_honest_device_in_force() {
    let mut scene = Scene::start().await;
    let keys = two_keys(&scene).await;
    let branches = [scene.branch(A).await.to_string(), scene.branch(B).await.to_string()];
    let revoke = revocation(keys.honest.certificate().device, keys.key);
    scene.town.client(CITY).post("/api/commands", &revoke).await.expect("the city revokes any key");
    scene.settle(LONGEST_WAIT).await;
    is_shut_out(&mut scene, keys, branches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_branch_node_shuts_out_what_it_certified_under_anothers_id() {
    let mut scene = Scene::start().await;
    let keys = two_keys(&scene).await;
    let branches = [scene.branch(A).await.to_string(), scene.branch(B).await.to_string()];
    let node = keys.rogue.chain()[0].clone();
    // Nothing goes to a revoked node any more; the others go on without it.
    scene.town.kill(A).await;
    let revoke = revocation(node.device, node.key);
    scene.town.client(CITY).post("/api/commands", &revoke).await.expect("the city revokes any node");
    scene.settle(LONGEST_WAIT).await;
    is_shut_out(&mut scene, keys, branches).await;
}

// ---- 14b: sealed rows

/// Two office devices of B: one that seals rows, known to all nodes by an event, and one that reads them.
async fn offices(scene: &Scene) -> (Rogue, Rogue) {
    let mut office = Rogue::enrol(scene.town.client(CITY), Some(B), "office").await;
    let reader = Rogue::enrol(scene.town.client(B), None, "office").await;
    registers(&mut office, B, 300).await;
    office.upload(scene.town.client(B).address()).await.expect("an honest device");
    scene.settle(LONGEST_WAIT).await;
    (office, reader)
}

/// What an office of B reads at a node, within a time in which rows come.
async fn read(scene: &Scene, reader: &Rogue, node: &str) -> BTreeSet<(PersonId, String)> {
    let rows = reader.rows(scene.town.client(node).address(), ROWS_COME).await.expect("rows");
    rows.iter().map(|row| (row.person, String::from_utf8_lossy(&row.content).into_owned())).collect()
}

/// Every node that keeps B's rows gives these; what of that does not hold.
async fn gives(scene: &Scene, reader: &Rogue, rows: &BTreeSet<(PersonId, String)>) -> Vec<String> {
    let mut faults = Vec::new();
    for node in scene.nodes() {
        let read = read(scene, reader, node).await;
        if read != *rows && !(node == A && read.is_empty()) {
            faults.push(format!("{node} gives the office {read:?}"));
        }
    }
    faults
}

const LEARNER: PersonId = PersonId([8; 16]);

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_row_of_another_unit_that_the_importer_did_not_sign_counts_nowhere() {
    let scene = Scene::start().await;
    let (office, reader) = offices(&scene).await;
    let administrator = Rogue::enrol(scene.town.client(CITY), None, "city_admin").await;
    let honest = office.seals(office.certificate(), LEARNER, "示例乙");
    office.upload_row(scene.town.client(B).address(), honest).await.expect("a row of its own branch");
    let honestly = BTreeSet::from([(LEARNER, "示例乙".to_owned())]);
    assert_eq!(gives(&scene, &reader, &honestly).await, Vec::<String>::new(), "before the attack");
    for node in scene.nodes() {
        for person in [LEARNER, PersonId([9; 16])] {
            let forged = administrator.seals(office.certificate(), person, "冒名");
            // Whether it is refused or left out is the node's choice.
            let answer = administrator.upload_row(scene.town.client(node).address(), forged).await;
            println!("{node} answers {answer:?}");
        }
    }
    none(&gives(&scene, &reader, &honestly).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_row_of_a_device_that_has_written_no_event_yet_comes_to_the_city() {
    let scene = Scene::start().await;
    let office = Rogue::enrol(scene.town.client(B), None, "office").await;
    let reader = Rogue::enrol(scene.town.client(B), None, "office").await;
    let honest = office.seals(office.certificate(), LEARNER, "示例乙");
    office.upload_row(scene.town.client(B).address(), honest).await.expect("a row of its own branch");
    none(&gives(&scene, &reader, &BTreeSet::from([(LEARNER, "示例乙".to_owned())])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_key_under_an_honest_devices_id_keeps_none_of_its_sealed_rows_from_the_city() {
    let scene = Scene::start().await;
    let TwoKeys { honest, .. } = two_keys(&scene).await;
    let reader = Rogue::enrol(scene.town.client(B), None, "office").await;
    let row = honest.seals(honest.certificate(), LEARNER, "示例乙");
    honest.upload_row(scene.town.client(B).address(), row).await.expect("a row of its own branch");
    none(&gives(&scene, &reader, &BTreeSet::from([(LEARNER, "示例乙".to_owned())])).await);
}
