//! What every released kind looks like and which values it bears: the fixture never changes.

use crate::domain::Event;
use crate::event::Statement;
use crate::given::samples::{nobodys, samples};
use crate::given::tree::Tree;
use std::collections::BTreeMap;

/// Values on both sides of every bound that some field has.
fn edges(leaf: &Tree) -> Vec<Tree> {
    let texts = |n: &[(&str, usize)]| n.iter().map(|(text, times)| Tree::Text(text.repeat(*times))).collect();
    match leaf {
        Tree::Number(_) => {
            let numbers: [i128; 30] = [
                0,
                1,
                -1,
                3,
                4,
                6,
                7,
                127,
                128,
                255,
                256,
                1_439,
                1_440,
                32_767,
                32_768,
                65_535,
                65_536,
                1_000_000,
                1_000_001,
                -62_091,
                -62_092,
                120_529,
                120_530,
                8_640_000_000_000_000,
                8_640_000_000_000_001,
                i32::MIN.into(),
                u32::MAX.into(),
                i64::MIN.into(),
                i64::MAX.into(),
                u64::MAX.into(),
            ];
            numbers.into_iter().map(Tree::Number).collect()
        }
        Tree::Text(_) => texts(&[
            ("", 0),
            ("a", 1_024),
            ("a", 1_025),
            ("a", 4_096),
            ("a", 4_097),
            ("\t", 1),
            ("\0", 1),
            ("\u{85}", 1),
            ("\u{2028}", 1),
            ("\u{202e}甲", 1),
            ("\u{fdd0}", 1),
            ("\u{ffff}", 1),
            ("\u{e0041}", 1),
            ("😀", 1),
        ]),
        Tree::Bytes(bytes) => vec![
            Tree::Bytes(vec![0; bytes.len()]),
            Tree::Bytes(vec![1; bytes.len() - 1]),
            Tree::Bytes(vec![1; bytes.len() + 1]),
        ],
        Tree::List(items) => {
            [0, 1, 2, 100, 101, 200, 201, 500, 501, 1_000, 1_001, 2_000, 2_001, 5_000, 5_001, 10_000, 10_001]
                .into_iter()
                .map(|count| Tree::List(items.iter().cycle().take(count).cloned().collect()))
                .collect()
        }
        Tree::Bool(value) => vec![Tree::Bool(!value), Tree::Nil, Tree::Number(0)],
        Tree::Nil => vec![Tree::Number(0)],
    }
}

fn verdict(kind: &str, version: u16, body: &[u8]) -> char {
    match Event::decode(kind, version, body) {
        Ok(Some(event)) if event.body().bounds().is_ok() => '+',
        Ok(Some(_)) => 'o',
        Ok(None) | Err(_) => '-',
    }
}

fn row(kind: &str, version: u16, body: &[u8]) -> serde_json::Value {
    let tree = Tree::read(body);
    let mut edge: BTreeMap<String, String> = BTreeMap::new();
    for place in tree.places() {
        let name = place.iter().map(usize::to_string).collect::<Vec<_>>().join(".");
        let found = edges(tree.clone().at(&place)).into_iter().map(|value| {
            let mut changed = tree.clone();
            *changed.at(&place) = value;
            verdict(kind, version, &changed.write())
        });
        edge.insert(name, found.collect());
    }
    serde_json::json!({ "kind": kind, "version": version, "body": hex::encode(body), "edges": edge })
}

fn fixture() -> Vec<serde_json::Value> {
    serde_json::from_str(include_str!("../../../../tests/conformance/fixtures/kinds.json")).expect("JSON")
}

#[test]
fn a_released_kind_reads_and_bears_what_it_always_did() {
    for released in fixture() {
        let text = |field: &str| released[field].as_str().expect("a text").to_owned();
        let version = u16::try_from(released["version"].as_u64().expect("a version")).expect("a version");
        let (kind, body) = (text("kind"), hex::decode(text("body")).expect("hex"));
        assert_eq!(
            row(&kind, version, &body),
            released,
            "{kind} {version} changed: a new version comes beside it"
        );
    }
}

#[test]
fn every_kind_stands_in_the_fixture() {
    let named: Vec<_> = fixture().iter().map(|row| (row["kind"].clone(), row["version"].clone())).collect();
    let stands = |(kind, version): (&str, u16)| named.contains(&(kind.into(), version.into()));
    for sample in samples(&nobodys()) {
        let (kind, version) = sample.body().info().id();
        let line = row(kind, version, &sample.body().encode());
        assert!(stands((kind, version)), "tests/conformance/fixtures/kinds.json lacks a line:\n{line}");
    }
    for older in Event::older() {
        assert!(stands(older.id()), "tests/conformance/fixtures/kinds.json lost {:?}", older.id());
    }
}
