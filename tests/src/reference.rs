//! `docs/events.md`: every kind with its fields, as the registry and the doc comments give them.
//!
//! `cargo run -p tests --no-default-features --bin reference` writes it anew.

use client_core::domain::Event;
use client_core::event::{KindInfo, Speaker, Supersedes};
use client_core::packed::{Field, Shape};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const HEAD: &str = "\
# Events

What happened, a section a subject. This page is generated from `client-core/src/domain`; `tests/src/reference.rs` writes it.

The body of an event is a MessagePack array of its fields in the order given here, with shortest integers, no maps and no floats. Ids are 16 bytes, hashes and keys 32; a day is the number of days since 1970-01-01, a time milliseconds since 1970, a slot (day, start minute, minutes), a half-day (weekday from 0 = Monday, whether the afternoon). A document is (scope, branch, person or nil, year, quarter), an event (document, actor, event id). `?` marks what may be nil. The envelope around the body carries kind, version, stamp, claimed time, device, user, branch, action, what it supersedes, and the body (`client-core/src/event/envelope.rs`).

A released kind is never edited: a new version comes beside it, and the older one is read as what it means today. Kinds a node does not know are kept and forwarded. Which values a field may hold stands beside each struct (`bounds`); \"What counts\" in [sync.md](sync.md) says what follows from that, from whose word a kind is, and what it means that one is a void, an answer or final.

Scopes: `private` stays with the branch and the city; `shared` goes to every branch; `decisions` are written by the city alone and go to everyone. Names and phones of learners are in no event: `learner.registered` carries a random id, the group and the hash of a sealed row. Rulings name changes by their hashes; `from` and `to` lie on one line and both belong to the stretch.
";

/// Where the page stands.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md")
}

/// The page as it should be.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut words: BTreeMap<&str, Vec<(u8, &str)>> = BTreeMap::new();
    for (subject, kinds) in Event::subjects() {
        let _ = writeln!(page, "\n## {subject}");
        for kind in kinds {
            section(&mut page, kind, &mut words);
        }
    }
    page.push_str("\n## Closed lists\n\nA value of these is its code.\n\n| list | codes |\n|---|---|\n");
    for (name, codes) in words {
        let codes: Vec<String> = codes.iter().map(|(code, word)| format!("{code} {word}")).collect();
        let _ = writeln!(page, "| {name} | {} |", codes.join(", "));
    }
    page
}

fn section(page: &mut String, kind: &KindInfo, words: &mut BTreeMap<&'static str, Vec<(u8, &'static str)>>) {
    let Shape::Fields { says, fields } = (kind.shape)() else { return };
    let speaker = match kind.speaker {
        Speaker::Owner => "the word of whoever owns it",
        Speaker::Branch => "the word of the branch",
        Speaker::CityOffice => "the word of an office of the city school",
        Speaker::Importer => "the word of the city's importer",
        Speaker::Arbiter => "the word of the city's arbiter",
    };
    let declares = if kind.declares { ", declares it" } else { "" };
    let supersedes = match (kind.supersedes, kind.is_final) {
        (Supersedes::Void, _) => ", a void",
        (Supersedes::Answer, _) => ", an answer",
        (Supersedes::Replace, true) => ", final",
        (Supersedes::Replace, false) => "",
    };
    let since = match kind.since {
        0 => String::new(),
        release => format!(", since release {release}"),
    };
    let (name, version, scope) = (kind.name, kind.version, kind.scope);
    let _ = writeln!(
        page,
        "\n### {name} {version}\n\n{scope}, {speaker}{declares}{supersedes}{since}. {}\n",
        plain(says)
    );
    page.push_str("| field | type | meaning |\n|---|---|---|\n");
    for field in &fields {
        row(page, "", field, words);
    }
}

fn row(
    page: &mut String,
    prefix: &str,
    field: &Field,
    words: &mut BTreeMap<&'static str, Vec<(u8, &'static str)>>,
) {
    let name = format!("{prefix}{}", field.name);
    let _ = writeln!(page, "| {name} | {} | {} |", form(&field.shape), plain(field.says));
    walk(page, &name, &field.shape, words);
}

/// The fields inside a field, and the closed lists that are met.
fn walk(
    page: &mut String,
    name: &str,
    shape: &Shape,
    words: &mut BTreeMap<&'static str, Vec<(u8, &'static str)>>,
) {
    match shape {
        Shape::Plain(_) => {}
        Shape::Words(list, codes) => drop(words.insert(list, codes.clone())),
        Shape::Optional(inner) => walk(page, name, inner, words),
        Shape::List(inner) => walk(page, &format!("{name}[]"), inner, words),
        Shape::Tuple(parts) => parts.iter().for_each(|part| walk(page, name, part, words)),
        Shape::Fields { fields, .. } => {
            fields.iter().for_each(|field| row(page, &format!("{name}."), field, words));
        }
    }
}

fn form(shape: &Shape) -> String {
    match shape {
        Shape::Plain(name) => (*name).to_owned(),
        Shape::Words(list, _) => (*list).to_owned(),
        Shape::Optional(inner) => format!("{}?", form(inner)),
        Shape::List(inner) => format!("list of {}", form(inner)),
        Shape::Tuple(parts) => format!("({})", parts.iter().map(form).collect::<Vec<_>>().join(", ")),
        Shape::Fields { fields, .. } => {
            format!("({})", fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A doc comment without its links.
fn plain(says: &str) -> String {
    says.replace("[`", "`").replace("`]", "`").replace("BranchId::CITY", "the city")
}
