//! Conformance vectors: what the product writes and reads today, byte for byte, for a second implementation.
//!
//! `cargo run --release -p tests --bin conformance -- write` writes them anew; that a format changed is
//! then seen in the commit. `tests/tests/conformance.rs` reads them with code of its own.

use crate::small_city::{BRANCH, NONCE, NOW, PEER_NONCE, SmallCity, SmallNode, frames};
use client_core::door::{self, Admission, City};
use client_core::event::{DocumentId, Scope};
use client_core::identity::{Certificate, Introduction, actor_id, attestation};
use client_core::ids::{BranchId, EventId, PersonId};
use client_core::log::{self, Ledger, MemoryShelf, Position, Put, Run};
use client_core::peer::Input;
use client_core::sync::{CityStatement, Frame, proof_message};
use client_core::time::Quarter;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The folder of the fixtures.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/fixtures")
}

/// Every fixture as today's code gives it: name of the file, content.
pub fn fixtures() -> Vec<(&'static str, Value)> {
    let city = SmallCity::default();
    vec![
        ("names.json", names(&city)),
        ("certificates.json", certificates(&city)),
        ("line.json", line(&city)),
        ("runs.json", runs(&city)),
        ("door.json", doors(&city)),
        ("signed.json", signed(&city)),
        ("frames.json", all_frames(&city)),
        ("session.json", session(&city)),
    ]
}

/// Writes all of them.
pub fn write() -> std::io::Result<()> {
    std::fs::create_dir_all(folder())?;
    for (name, content) in fixtures() {
        let text = serde_json::to_string_pretty(&content).expect("JSON") + "\n";
        std::fs::write(folder().join(name), text)?;
    }
    Ok(())
}

/// Reads one as it was checked in.
pub fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).expect("a fixture");
    serde_json::from_str(&text).expect("JSON")
}

fn packed(value: &impl Serialize) -> String {
    hex::encode(rmp_serde::to_vec(value).expect("it always encodes"))
}

fn names(city: &SmallCity) -> Value {
    let keys = [
        ("city", &city.city_key),
        ("arbiter", &city.arbiter_key),
        ("node", &city.node_key),
        ("office", &city.office_key),
    ];
    let keys = keys.map(|(name, key)| {
        json!({ "of": name, "secret": hex::encode(key.to_bytes()), "public": key.public().to_string() })
    });
    let nonce = [0xab; 16];
    let actor = actor_id(city.office_key.public(), nonce);
    let person = DocumentId { person: Some(PersonId([8; 16])), ..city.document(Scope::Personal) };
    let early = DocumentId::new(Scope::Shared, BranchId([7; 16]), Quarter { year: -1, quarter: 1 });
    let documents = [city.document(Scope::Private), city.document(Scope::Decisions), person, early];
    let documents = documents.map(|document| {
        json!({
            "text": document.to_string(),
            "msgpack": packed(&document),
            "bytes": hex::encode(document.to_bytes(city.id())),
        })
    });
    json!({
        "keys": keys,
        "city": city.id().to_string(),
        "actor": { "key": city.office_key.public().to_string(), "nonce": hex::encode(nonce), "actor": actor.to_string() },
        "documents": documents,
    })
}

fn certificate(certificate: &Certificate) -> Value {
    json!({
        "city": certificate.city,
        "key": certificate.key,
        "device": certificate.device,
        "branch": certificate.branch,
        "role": certificate.role as u8,
        "issued": certificate.issued.0,
        "issuer": certificate.issuer,
        "signature": certificate.signature,
        "msgpack": packed(certificate),
    })
}

fn certificates(city: &SmallCity) -> Value {
    let chains = [city.arbiter_chain(), city.node_chain(), city.office_chain()];
    let chains = chains.map(|chain| chain.iter().map(certificate).collect::<Vec<_>>());
    let nonce = [0xab; 16];
    let introduction = Introduction { nonce, chain: city.office_chain() };
    let actor = actor_id(city.office_key.public(), nonce);
    json!({
        "chains": chains,
        "introduction": { "nonce": hex::encode(nonce), "actor": actor, "bytes": hex::encode(introduction.encode()) },
    })
}

fn events(puts: &[Put]) -> Value {
    puts.iter().map(|put| json!({ "id": put.id, "value": hex::encode(&put.value) })).collect()
}

fn position(at: &Position) -> Value {
    json!({ "seq": at.seq, "hash": at.hash, "next_op": at.next_op })
}

fn line(city: &SmallCity) -> Value {
    let runs = city.line();
    let actor = runs[0].0.actor;
    let mut at = Position::START;
    let mut changes = Vec::new();
    for (run, _) in &runs {
        let puts = log::unpack(&run.bytes).expect("a run").remove(0);
        let (chunk, after) = log::encode_change(actor, &at, &puts).expect("a line");
        changes.push(json!({
            "before": position(&at),
            "events": events(&puts),
            "chunk": hex::encode(chunk),
            "after": position(&after),
        }));
        at = after;
    }
    json!({ "document": runs[0].0.document, "actor": actor, "changes": changes })
}

fn runs(city: &SmallCity) -> Value {
    let parts: Vec<Run> = city.line().into_iter().map(|(run, _)| run).collect();
    let joined = Run::join(&parts).expect("a line").expect("runs");
    let put = |n: u8, value: &[u8]| Put { id: EventId([n; 16]), value: value.to_vec() };
    // A number in too many bytes, a float and a map, noise, an empty array, the event's own id, −2³¹.
    let odd = vec![
        vec![put(1, &[0x93, 0xcd, 0x00, 0x01, 0xca, 0, 0, 0, 0, 0x81, 1, 2]), put(2, &[0xff, 0x00])],
        vec![put(3, &[0x90]), put(4, &[&[0x92, 0xc4, 16][..], &[4; 16], &[0xd2, 0x80, 0, 0, 0]].concat())],
    ];
    let read = [
        ("one change", parts[0].bytes.clone()),
        ("three changes", joined.bytes),
        ("forty events of one kind, deflated", city.records().0.bytes),
        ("values that are no short MessagePack", log::pack(&odd)),
    ];
    let read = read.map(|(name, bytes)| {
        let changes = log::unpack(&bytes).expect("it was packed here");
        let changes: Vec<Value> = changes.iter().map(|puts| events(puts)).collect();
        json!({ "name": name, "bytes": hex::encode(&bytes), "changes": changes })
    });
    let good = parts[0].bytes.clone();
    let edited = |edit: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        edit(&mut bytes);
        bytes
    };
    let deflated = city.records().0.bytes;
    let refused = [
        ("nothing", Vec::new()),
        ("neither plain nor deflated", edited(|bytes| bytes[0] = 2)),
        ("layout 2", edited(|bytes| bytes[1] = 2)),
        ("no changes", edited(|bytes| bytes[2] = 0)),
        ("more changes than are there", edited(|bytes| bytes[2] = 2)),
        ("ends early", edited(|bytes| bytes.truncate(bytes.len() - 1))),
        ("bytes follow", edited(|bytes| bytes.push(0))),
        ("bytes follow the deflated stream", [&deflated[..], &[0]].concat()),
        ("the deflated stream ends early", deflated[..deflated.len() - 1].to_vec()),
    ];
    let refused = refused.map(|(name, bytes)| {
        let reason = log::unpack(&bytes).expect_err(name).to_string();
        json!({ "name": name, "bytes": hex::encode(bytes), "reason": reason })
    });
    json!({ "read": read, "refused": refused })
}

/// Chunks as an empty node judges them.
fn doors(city: &SmallCity) -> Value {
    let (run, introduction) = city.line().remove(0);
    let decision = city.decision();
    let edited = |edit: fn(&mut Run)| {
        let mut run = run.clone();
        edit(&mut run);
        (run, introduction.clone())
    };
    let later = (city.line().remove(1).0, None);
    let twice = vec![vec![Put { id: EventId([1; 16]), value: vec![1] }; 2]];
    let chunks = [
        ("a first run", (run.clone(), introduction.clone())),
        ("a decision of the arbiter", decision.clone()),
        ("a later run of an unknown actor", later),
        ("without introduction", (run.clone(), None)),
        ("with another's introduction", (run.clone(), decision.1)),
        (
            "an introduction with a byte after it",
            (run.clone(), introduction.clone().map(|bytes| [&bytes[..], &[0]].concat())),
        ),
        ("in another branch's document", edited(|run| run.document.branch = BranchId([7; 16]))),
        ("in a document of a person", edited(|run| run.document.person = Some(PersonId([8; 16])))),
        ("in another quarter", edited(|run| run.document.period.quarter = 1)),
        ("another signature", edited(|run| run.attestation.0[0] ^= 1)),
        ("another hash", edited(|run| run.last_hash.0[0] ^= 1)),
        ("more events than it holds", edited(|run| run.events += 1)),
        ("sequence number 0", edited(|run| run.first_seq = 0)),
        ("operation number 0", edited(|run| run.first_op = 0)),
        ("a start that is none", edited(|run| run.first_op = 2)),
        ("one event twice in a change", edited(|_| ())),
    ];
    let chunks = chunks.map(|(name, (mut run, introduction))| {
        if name.starts_with("one event twice") {
            run.bytes = log::pack(&twice);
            run.events = 2;
        }
        let key = city.city_key.public();
        let (ledger, shelf) = (Ledger::default(), MemoryShelf::default());
        let at = City { id: city.id(), key };
        let verdict = match door::admit(at, &ledger, &shelf, introduction.clone(), run.clone()) {
            Ok(Admission::New(_)) => json!("stored"),
            Ok(Admission::Behind(_)) => json!("behind"),
            Ok(Admission::Known) => json!("known"),
            Err(error) => json!({ "rejected": error.to_string() }),
        };
        let chunk = Frame::Chunk { introduction, run, upto: None };
        json!({ "name": name, "frame": hex::encode(chunk.encode()), "verdict": verdict })
    });
    json!({ "city": city.city_key.public(), "chunks": chunks })
}

/// Everything that is signed or hashed.
fn signed(city: &SmallCity) -> Value {
    let (run, _) = city.line().remove(2);
    let message = attestation(city.id(), &run.document, run.actor, run.last_seq, run.last_hash);
    let statement = CityStatement::sign(&city.city_key, 7, NOW, run.document, vec![run.head()]);
    let proofs = [("challenge", &city.city_key, PEER_NONCE), ("hello", &city.office_key, NONCE)];
    let proofs = proofs.map(|(purpose, key, nonce)| {
        let message = proof_message(purpose, city.id(), &nonce);
        json!({
            "purpose": purpose,
            "nonce": hex::encode(nonce),
            "key": key.public(),
            "message": hex::encode(&message),
            "signature": key.sign(&message),
        })
    });
    let mut node = city.city();
    node.write(&city.arbiter_chain()[0], vec![city.decision()]);
    node.write(&city.office_chain()[1], city.line());
    let frontier = node.peer.ledger().heads(|_| true);
    let heads: Vec<Value> = frontier.0.iter().map(|(document, heads)| json!([document, heads])).collect();
    json!({
        "attestation": {
            "document": run.document,
            "actor": run.actor,
            "seq": run.last_seq,
            "hash": run.last_hash,
            "key": city.office_key.public(),
            "message": hex::encode(message),
            "signature": run.attestation,
        },
        "statement": {
            "epoch": statement.epoch,
            "time": statement.time.0,
            "document": statement.document,
            "heads": statement.heads,
            "key": city.city_key.public(),
            "signature": statement.signature,
        },
        "proofs": proofs,
        "digest": { "frontier": heads, "digest": frontier.digest(city.id()) },
        "row": { "key": city.office_key.public(), "msgpack": packed(&city.rows().rows[0]) },
    })
}

fn all_frames(city: &SmallCity) -> Value {
    let frames = frames(city).into_iter();
    frames.map(|(name, frame)| json!({ "name": name, "bytes": hex::encode(frame.encode()) })).collect()
}

/// Three connections of one device: the first contact, nothing new, one more change.
fn session(city: &SmallCity) -> Value {
    let (mut up, mut down) = (city.city(), city.device());
    let (mut line, author) = (city.line(), city.office_chain().remove(1));
    up.write(&city.arbiter_chain()[0], vec![city.decision()]);
    down.write(&author, vec![line.remove(0)]);
    let first = connect(&mut up, &mut down);
    let nothing_new = connect(&mut up, &mut down);
    down.write(&author, vec![line.remove(0)]);
    let one_change = SmallNode::talk(&mut up, &mut down);
    let connections = [
        ("first contact", first),
        ("nothing new", nothing_new),
        ("one change, on the same connection", one_change),
    ];
    let connections = connections.map(|(name, said)| {
        let frames: Vec<Value> = said
            .iter()
            .map(|(accepting, bytes)| {
                let frame = Frame::decode(bytes).expect("the product's own");
                let from = if *accepting { "accepting" } else { "connecting" };
                json!({ "from": from, "is": frame.name(), "bytes": hex::encode(bytes) })
            })
            .collect();
        json!({ "name": name, "frames": frames })
    });
    json!({
        "opened_with": hex::encode(PEER_NONCE),
        "nonce": hex::encode(NONCE),
        "now": NOW.0,
        "branch": BRANCH,
        "connections": connections,
    })
}

fn connect(up: &mut SmallNode, down: &mut SmallNode) -> Vec<(bool, Vec<u8>)> {
    for node in [&mut *up, &mut *down] {
        node.handle(Input::Closed { connection: crate::small_city::CONNECTION });
    }
    up.accept();
    down.connect();
    SmallNode::talk(up, down)
}
