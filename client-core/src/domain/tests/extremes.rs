//! Whatever a field of any kind holds, everything goes on.

use crate::domain::*;
use crate::event::{DocumentId, Envelope, Scope};
use crate::given::samples::{nobodys, samples};
use crate::given::tree::Tree;
use crate::given::{Given, branch, day};
use crate::history::Unfolded;
use crate::ids::{ActorId, EventId};
use crate::packed::packed;
use crate::time::{Millis, Quarter};
use std::collections::BTreeSet;

#[test]
fn there_is_a_sample_of_every_kind_and_its_bytes_read_back() {
    let samples = samples(&nobodys());
    let kinds: BTreeSet<_> = samples.iter().map(|sample| sample.body().info().id()).collect();
    let known: BTreeSet<_> = Event::kinds().map(KindInfo::id).collect();
    assert_eq!(kinds, known);
    for sample in samples {
        let (kind, version) = sample.body().info().id();
        assert_eq!(sample.body().bounds(), Ok(()), "{sample:?}");
        assert_eq!(Event::decode(kind, version, &sample.body().encode()), Ok(Some(sample)));
    }
}

#[test]
fn an_older_version_means_what_it_meant() {
    let old =
        DeviceRevoked1 {
            device: crate::ids::DeviceId([1; 16]), reason: "被盗".into(), accepted: Vec::new()
        };
    let bytes = packed(&old);
    let read = Event::decode("device.revoked", 1, &bytes).unwrap();
    assert_eq!(read, Some(DeviceRevoked::from(old).into()));
    assert!(Event::is_known("device.revoked", 1) && Event::is_known("device.revoked", 2));
}

/// What a leaf of a body may be replaced by, to see what bears it.
fn extremes(leaf: &Tree) -> Vec<Tree> {
    let numbers = [0, 1, -1, 6, 7, 127, 255, 1_440, 65_535, 1_000_001, -62_092, 120_530];
    let wide = [
        i32::MIN.into(),
        i32::MAX.into(),
        u32::MAX.into(),
        i64::MIN.into(),
        i64::MAX.into(),
        u64::MAX.into(),
    ];
    match leaf {
        Tree::Number(_) => numbers.into_iter().chain(wide).map(Tree::Number).collect(),
        Tree::Text(_) => ["", "\0", "\u{202e}甲", "\u{2028}", "甲\u{feff}", "\u{10ffff}"]
            .map(str::to_owned)
            .into_iter()
            .chain(["党".repeat(341), "党".repeat(342), "党".repeat(20_000)])
            .map(Tree::Text)
            .collect(),
        Tree::Bytes(bytes) => vec![
            Tree::Bytes(vec![0; bytes.len()]),
            Tree::Bytes(vec![0xff; bytes.len()]),
            Tree::Bytes(vec![1; bytes.len() + 1]),
        ],
        Tree::List(items) => vec![
            Tree::List(Vec::new()),
            Tree::List(items.iter().cycle().take(items.len() * 200).cloned().collect()),
            Tree::List(items.iter().cycle().take((items.len() * 600).min(1_500)).cloned().collect()),
        ],
        Tree::Bool(value) => vec![Tree::Bool(!value), Tree::Nil],
        Tree::Nil => Vec::new(),
    }
}

/// A city with things, and the sample's bytes with one field changed as the word of a branch.
fn with_raw(event: &Event, body: &Tree) -> (Given, Option<Unfolded>) {
    let mut given = Given::a_shared_teacher();
    let KindInfo { name: kind, version, scope, .. } = event.body().info();
    let period = Quarter::of(event.body().fact_day().unwrap_or_else(|| given.now.day()));
    let unit = if scope == Scope::Decisions { crate::ids::BranchId::CITY } else { branch(1) };
    let (_, author) = given.certificate(unit);
    let envelope = Envelope {
        kind: kind.to_owned(),
        version,
        stamp: crate::time::Stamp((given.now.0 as u64) << 16),
        claimed: given.now,
        device: author.device,
        user: crate::given::USER,
        branch: unit,
        action: crate::ids::ActionId([1; 16]),
        supersedes: None,
        body: body.write().into(),
    };
    let document = DocumentId::new(scope, unit, period);
    let id = EventId([0xee; 16]);
    given.write_raw(unit, document, vec![(id, envelope.encode())]);
    let history = given.history();
    let reference = EventRef { document, actor: ActorId([unit.0[0]; 16]), event: id };
    let why = history.kept().into_iter().find(|kept| kept.reference == reference).map(|kept| kept.why);
    (given, why)
}

#[test]
fn whatever_a_field_holds_everything_goes_on() {
    let mut aside = BTreeSet::new();
    for event in samples(&nobodys()) {
        let KindInfo { name: kind, scope, .. } = event.body().info();
        let body = Tree::read(&event.body().encode());
        assert_eq!(body.write(), event.body().encode(), "{kind}");
        for place in body.places() {
            for extreme in extremes(body.clone().at(&place)) {
                let mut changed = body.clone();
                *changed.at(&place) = extreme;
                let (given, why) = with_raw(&event, &changed);
                if let Some(Unfolded::OutOfBounds) = why {
                    aside.insert((kind, place[0]));
                }
                let history = given.history();
                if scope == Scope::Private {
                    crate::domain::PrivateViews::fold(&history, branch(1)).digest();
                    continue;
                }
                let views = SharedViews::fold(&history);
                views.digest();
                for now in [given.now, Millis(i64::MIN), Millis(i64::MAX)] {
                    crate::decide::receipts(&views, now);
                    crate::decide::displace(&views, now, crate::ids::ChangeHash([0; 32]));
                    crate::decide::decide_now(&views, now, crate::ids::ChangeHash([0; 32]));
                }
                // A step of the search is enough: what is drawn was held against the rules before.
                let budget = crate::plan::Budget { steps: Some(1) };
                let planned = crate::decide::timetable::Planning::new(views, given.now, budget);
                let planned = planned.map(|planning| planning.complete(|_| {})).map(drop);
                assert!(planned.is_ok(), "{kind} {place:?} {changed:?}: {:?}", planned.err());
            }
        }
    }
    for (kind, field) in
        [("claim.lodged", 3), ("asset.declared", 2), ("asset.declared", 4), ("teacher.offered", 1)]
    {
        assert!(aside.contains(&(kind, field)), "{kind} {field} has bounds");
    }
}

#[test]
fn a_document_holds_the_facts_of_its_quarter_alone() {
    let event = samples(&nobodys())
        .into_iter()
        .find(|event| matches!(event, Event::Class(ClassEvent::Announced(_))))
        .unwrap();
    let mut given = Given::nothing();
    given.write(branch(1), event);
    assert!(given.history().kept().is_empty());
    for period in [Quarter { year: 2250, quarter: 1 }, Quarter::of(day("2026-09-30"))] {
        let mut history = History::default();
        let mut moved = given.changes[0].clone();
        moved.document.period = period;
        moved.put_into(&mut history);
        assert_eq!(history.kept()[0].why, Unfolded::WrongPeriod);
    }
}
