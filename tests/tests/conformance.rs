//! The conformance vectors against today's code, and against a second implementation of the bytes.

use client_core::identity::verify;
use client_core::ids::{EventId, PublicKey, Signature};
use client_core::log;
use client_core::sync::Frame;
use serde_json::{Value, json};
use tests::conformance::{fixtures, read};
use tests::second::{self, msgpack, sha256};
use tests::small_city::{SmallCity, SmallNode};

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hexadecimal digits")).expect("hexadecimal digits")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn is_signed(key: &Value, message: &[u8], signature: &Value) -> bool {
    let key = PublicKey::from_slice(&bytes(key)).expect("a key");
    verify(key, message, &Signature::from_slice(&bytes(signature)).expect("a signature"))
}

fn events(value: &Value) -> Vec<second::Event> {
    list(value).iter().map(|event| (bytes(&event["id"]), bytes(&event["value"]))).collect()
}

/// Document bytes from the text of a document.
fn document(text: &Value, city: &[u8]) -> Vec<u8> {
    let parts: Vec<&str> = text.as_str().expect("a document").split(':').collect();
    let scope = ["private", "shared", "personal", "decisions"].iter().position(|scope| *scope == parts[0]);
    let (year, quarter) = parts[3].split_once('Q').expect("a quarter");
    let person = match parts[2] {
        "-" => vec![0; 17],
        person => [vec![1], hex::decode(person).expect("a person")].concat(),
    };
    let year: i16 = year.parse().expect("a year");
    let branch = hex::decode(parts[1]).expect("a branch");
    [
        city,
        &[scope.expect("a scope") as u8],
        &branch,
        &person,
        &year.to_be_bytes(),
        &[quarter.parse().unwrap()],
    ]
    .concat()
}

fn city() -> Vec<u8> {
    bytes(&read("names.json")["city"])
}

#[test]
fn todays_code_gives_every_fixture() {
    for (name, now) in fixtures() {
        // How a run is packed is its writer's own affair; its fixture is read below.
        if name != "runs.json" {
            assert!(
                read(name) == now,
                "{name} differs: if that is meant, `conformance write` and say so in docs/sync.md"
            );
        }
    }
}

#[test]
fn names_follow_from_keys_nonces_and_parts() {
    let names = read("names.json");
    let city_key = bytes(&list(&names["keys"])[0]["public"]);
    assert_eq!(city(), sha256(&[&city_key])[..16]);
    let actor = &names["actor"];
    let made = sha256(&[b"lianxiao-actor-1", &bytes(&actor["key"]), &bytes(&actor["nonce"])]);
    assert_eq!(bytes(&actor["actor"]), made[..16]);
    for named in list(&names["documents"]) {
        let expected = document(&named["text"], &city());
        assert_eq!(bytes(&named["bytes"]), expected);
        let packed = msgpack(&bytes(&named["msgpack"])).expect("MessagePack");
        assert_eq!(
            (packed[0].as_u64(), bytes(&packed[1])),
            (Some(u64::from(expected[16])), expected[17..33].to_vec())
        );
        assert_eq!(packed[2].is_null(), expected[33] == 0);
        assert_eq!(packed[3].as_i64(), Some(i64::from(i16::from_be_bytes([expected[50], expected[51]]))));
        assert_eq!(packed[4].as_u64(), Some(u64::from(expected[52])));
    }
}

#[test]
fn every_certificate_is_signed_by_its_issuer_over_its_fields() {
    let fixture = read("certificates.json");
    for certificate in list(&fixture["chains"]).iter().flat_map(list) {
        let field = |name: &str| bytes(&certificate[name]);
        let (role, issued) = (number(&certificate["role"]) as u8, certificate["issued"].as_i64().unwrap());
        let message = [
            &b"lianxiao-certificate-1"[..],
            &[field("city"), field("key"), field("device"), field("branch")].concat(),
            &[role],
            &issued.to_be_bytes(),
            &field("issuer"),
        ];
        assert!(is_signed(&certificate["issuer"], &message.concat(), &certificate["signature"]));
        let fields = ["city", "key", "device", "branch", "role", "issued", "issuer", "signature"];
        let expected: Value = fields.iter().map(|name| certificate[name].clone()).collect();
        assert_eq!(msgpack(&field("msgpack")), Some(expected));
    }
    let introduction = msgpack(&bytes(&fixture["introduction"]["bytes"])).expect("MessagePack");
    assert_eq!(introduction[0], fixture["introduction"]["nonce"]);
    let key = &list(&introduction[1]).last().expect("a chain")[1];
    let made = sha256(&[b"lianxiao-actor-1", &bytes(key), &bytes(&introduction[0])]);
    assert_eq!(bytes(&fixture["introduction"]["actor"]), made[..16]);
}

#[test]
fn a_line_is_rebuilt_from_its_events_and_automerge_holds_exactly_them() {
    let line = read("line.json");
    let mut chunks = Vec::new();
    for change in list(&line["changes"]) {
        let (before, after) = (&change["before"], &change["after"]);
        let (seq, next_op) = (number(&before["seq"]), number(&before["next_op"]));
        let events = events(&change["events"]);
        let (chunk, hash) =
            second::change(&bytes(&line["actor"]), seq, &bytes(&before["hash"]), next_op, &events);
        assert_eq!(hex::encode(&chunk), change["chunk"], "change {}", seq + 1);
        assert_eq!(hex::encode(hash), after["hash"]);
        assert_eq!(
            (number(&after["seq"]), number(&after["next_op"])),
            (seq + 1, next_op + events.len() as u64)
        );
        chunks.push(chunk);
    }
    let merged = log::merge(chunks.iter().map(Vec::as_slice)).expect("Automerge takes them");
    let held = log::events_of_merged(&merged).expect("Automerge reads them");
    let written: Vec<_> =
        list(&line["changes"]).iter().flat_map(|change| events(&change["events"])).collect();
    assert_eq!(held.len(), written.len());
    for (id, value) in written {
        assert_eq!(held[&EventId::from_slice(&id).unwrap()], [value]);
    }
}

#[test]
fn packed_changes_are_read_alike_by_both_and_bad_ones_refused() {
    let fixture = read("runs.json");
    for run in list(&fixture["read"]) {
        let packed = bytes(&run["bytes"]);
        let expected: Vec<Vec<second::Event>> = list(&run["changes"]).iter().map(events).collect();
        assert_eq!(second::unpack(&packed).as_ref(), Some(&expected), "{}", run["name"]);
        let ours = log::unpack(&packed).expect("a good run");
        let ours: Vec<Vec<second::Event>> = ours
            .into_iter()
            .map(|puts| puts.into_iter().map(|put| (put.id.0.to_vec(), put.value)).collect())
            .collect();
        assert_eq!(ours, expected, "{}", run["name"]);
    }
    for run in list(&fixture["refused"]) {
        let refused = log::unpack(&bytes(&run["bytes"])).expect_err("a bad run");
        assert_eq!(run["reason"], refused.to_string(), "{}", run["name"]);
    }
}

#[test]
fn what_todays_code_packs_the_second_reader_reads() {
    for (run, _) in SmallCity::default().line().into_iter().chain([SmallCity::default().records()]) {
        let ours = log::unpack(&run.bytes).expect("our own");
        let theirs = second::unpack(&run.bytes).expect("by the document");
        let flat: Vec<_> = ours.iter().flatten().map(|put| (put.id.0.to_vec(), put.value.clone())).collect();
        assert_eq!(theirs.concat(), flat);
    }
}

#[test]
fn an_empty_node_stores_good_chunks_and_names_what_is_wrong_with_others() {
    let door = read("door.json");
    let verdicts = list(&door["chunks"]).iter().map(|chunk| &chunk["verdict"]);
    let (good, bad): (Vec<_>, Vec<_>) = verdicts.partition(|verdict| verdict.is_string());
    assert_eq!(good, [&json!("stored"), &json!("stored"), &json!("behind")]);
    assert!(bad.len() >= 12 && bad.iter().all(|verdict| verdict["rejected"].is_string()), "{bad:?}");
}

fn heads(value: &Value) -> Vec<u8> {
    let head = |head: &Value| {
        [bytes(&head["actor"]), number(&head["seq"]).to_be_bytes().to_vec(), bytes(&head["hash"])].concat()
    };
    list(value).iter().flat_map(head).collect()
}

#[test]
fn signatures_and_digests_are_over_the_documented_bytes() {
    let signed = read("signed.json");
    let told = &signed["attestation"];
    let message = [
        &b"lianxiao-attest-1"[..],
        &document(&told["document"], &city()),
        &bytes(&told["actor"]),
        &number(&told["seq"]).to_be_bytes(),
        &bytes(&told["hash"]),
    ];
    assert_eq!(hex::encode(message.concat()), told["message"]);
    assert!(is_signed(&told["key"], &message.concat(), &told["signature"]));

    let word = &signed["statement"];
    let message = [
        &b"lianxiao-at-city-1"[..],
        &number(&word["epoch"]).to_be_bytes(),
        &word["time"].as_i64().unwrap().to_be_bytes(),
        &document(&word["document"], &city()),
        &heads(&word["heads"]),
    ];
    assert!(is_signed(&word["key"], &message.concat(), &word["signature"]));

    for proof in list(&signed["proofs"]) {
        let purpose = proof["purpose"].as_str().unwrap().as_bytes();
        let message = [b"lianxiao-proof-1", purpose, &city(), &bytes(&proof["nonce"])].concat();
        assert!(is_signed(&proof["key"], &message, &proof["signature"]));
    }

    let mut digested = Vec::new();
    for named in list(&signed["digest"]["frontier"]) {
        digested.extend(document(&named[0], &city()));
        digested.extend((list(&named[1]).len() as u64).to_be_bytes());
        digested.extend(heads(&named[1]));
    }
    assert_eq!(hex::encode(sha256(&[&digested])), signed["digest"]["digest"]);

    let row = msgpack(&bytes(&signed["row"]["msgpack"])).expect("MessagePack");
    let field = row[2].as_str().unwrap().as_bytes();
    let message = [
        &b"lianxiao-sealed-1"[..],
        &city(),
        &bytes(&row[0]),
        &bytes(&row[1]),
        &(field.len() as u32).to_be_bytes(),
        field,
        &number(&row[3]).to_be_bytes(),
        &bytes(&row[4]),
        &sha256(&[&bytes(&row[5])]),
    ];
    assert!(is_signed(&signed["row"]["key"], &message.concat(), &row[6]));
}

#[test]
fn frames_have_the_documented_names_and_as_many_fields() {
    let contents = [
        ("Challenge", 7),
        ("Hello", 5),
        ("Welcome", 3),
        ("Have", 2),
        ("Chunk", 3),
        ("Mark", 1),
        ("Read", 1),
        ("Stored", 2),
        ("Behind", 2),
        ("Probe", 3),
        ("Common", 3),
        ("Rejected", 3),
        ("AtCity", 5),
        ("Rows", 3),
        ("RowsStored", 1),
    ];
    let mut met = std::collections::BTreeSet::new();
    for frame in list(&read("frames.json")) {
        let read = msgpack(&bytes(&frame["bytes"])).expect("MessagePack");
        Frame::decode(&bytes(&frame["bytes"])).expect("a frame");
        let Some((name, content)) = read.as_object().and_then(|map| map.iter().next()) else {
            met.insert(read.as_str().expect("a name alone").to_owned());
            continue;
        };
        met.insert(name.clone());
        match contents.iter().find(|(known, _)| known == name) {
            Some((_, fields)) => assert_eq!(list(content).len(), *fields, "{name}"),
            None => assert!(["Refused", "AskCity"].contains(&name.as_str()), "{name}"),
        }
        if name == "Chunk" {
            assert_eq!(list(&content[1]).len(), 10, "a run");
        }
    }
    assert_eq!(met.len(), contents.len() + 4, "every kind of frame has a vector: {met:?}");
}

#[test]
fn both_sides_of_the_session_say_exactly_what_the_transcript_says() {
    let script = read("session.json");
    let connections = list(&script["connections"]);
    let said = |connection: &Value| -> Vec<String> {
        list(&connection["frames"])
            .iter()
            .map(|frame| format!("{} {}", frame["from"], frame["is"]).replace('"', ""))
            .collect()
    };
    assert_eq!(
        said(&connections[1]),
        ["accepting challenge", "connecting hello", "accepting welcome"],
        "nothing new is one round trip"
    );
    assert!(said(&connections[2]).contains(&"connecting chunk".to_owned()));
    // An accepting side that hears only the script's bytes says the script's bytes.
    let city = SmallCity::default();
    let mut up: SmallNode = city.city();
    up.write(&city.arbiter_chain()[0], vec![city.decision()]);
    up.accept();
    let (mut expected, mut heard) = (Vec::new(), Vec::new());
    for frame in list(&connections[0]["frames"]) {
        if frame["from"] == "accepting" {
            expected.push(bytes(&frame["bytes"]));
        } else {
            up.receive(bytes(&frame["bytes"]));
        }
        heard.append(&mut up.sent);
    }
    assert_eq!(heard, expected);
}
