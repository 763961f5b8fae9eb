//! What a device makes a habit of: others' names, fields without measure, an id again with other bytes.

use super::Rogue;
use crate::deeds;
use crate::dice::Dice;
use crate::faults::Fault;
use client_core::domain::{
    AssetConditionNoted, Condition, Event, RequestCancelled, RequestConsented, SessionCancelled,
    SessionTaught, TeacherOffered, TeacherProposed, TeacherUnavailable, TeacherUpdated,
};
use client_core::event::{Envelope, EventRef, Statement};
use client_core::ids::{ActionId, AssetId, ClassId, EventId};
use client_core::log::{Put, unpack};
use client_core::time::{Day, Millis, Slot, Stamp};
use serde_bytes::ByteBuf;

/// A body of every released kind.
const KINDS: &str = include_str!("../../conformance/fixtures/kinds.json");

impl Rogue {
    /// An event of a habit, under a new id or one that it used before.
    pub(super) fn habitual(&mut self, habit: Fault, id: EventId, now: Millis) -> Put {
        let id = match (habit, self.ids.is_empty()) {
            (Fault::Rewrite, false) => *self.dice.pick(&self.ids).expect("there are ids"),
            _ => id,
        };
        let (kind, version, body) = match habit {
            Fault::Extreme => extreme(&mut self.dice),
            _ => {
                let event = self.of_others(now.day());
                let (kind, version) = event.body().info().id();
                (kind.to_owned(), version, event.body().encode())
            }
        };
        const TEN_YEARS: u64 = 10 * 365 * 86_400_000;
        let ago = if self.dice.chance(50) { self.dice.below(TEN_YEARS) } else { 0 };
        let certificate = self.identity.certificate();
        let (device, branch) = (certificate.device, certificate.branch);
        let envelope = Envelope {
            kind,
            version,
            stamp: Stamp((now.0 as u64 - ago) << 16),
            claimed: now,
            device,
            user: crate::cast::USER,
            branch,
            action: ActionId(self.dice.bytes()),
            supersedes: if self.dice.chance(40) { self.others_event() } else { None },
            body: ByteBuf::from(body),
        };
        Put { id, value: envelope.encode() }
    }

    /// Something that others wrote.
    fn others_event(&mut self) -> Option<EventRef> {
        let (_, run) = self.dice.pick(&self.loot)?;
        let (document, actor) = (run.document, run.actor);
        let ids: Vec<EventId> = unpack(&run.bytes).ok()?.iter().flatten().map(|put| put.id).collect();
        self.dice.pick(&ids).map(|event| EventRef { document, actor, event: *event })
    }

    /// A word on what another branch owns.
    fn of_others(&mut self, day: Day) -> Event {
        let teacher = deeds::teacher(self.dice.below(u64::from(deeds::TEACHERS)) as u8);
        let session = ClassId(self.dice.bytes());
        let (name, source, courses) = ("冒名".to_owned(), String::new(), Vec::new());
        match (self.dice.below(8), self.others_event()) {
            (0, Some(request)) => RequestCancelled { request }.into(),
            (1, Some(request)) => RequestConsented { request }.into(),
            (2, _) => {
                TeacherProposed { teacher, name, full_time: false, source, courses, weekly_cap_periods: 1 }
                    .into()
            }
            (3, _) => TeacherOffered { teacher, windows: Vec::new(), from: day, to: day }.into(),
            (4, _) => TeacherUnavailable { teacher, from: day.plus(-90), to: day.plus(90) }.into(),
            (5, _) => {
                let (asset, note) = (AssetId(self.dice.bytes()), String::new());
                AssetConditionNoted { asset, condition: Condition::Broken, note }.into()
            }
            (6, _) => SessionCancelled { session, reason: "冒名".into() }.into(),
            (7, _) => SessionTaught {
                session,
                ledger_code: String::new(),
                course: Some(deeds::COURSE),
                teacher: Some(teacher),
                slot: Slot { day, start_minute: 480, duration_minutes: 90 },
                headcount: 30,
                online: false,
            }
            .into(),
            _ => TeacherUpdated { teacher, name, full_time: false, source, courses, weekly_cap_periods: 1 }
                .into(),
        }
    }
}

/// A released kind with one field that nobody means.
fn extreme(dice: &mut Dice) -> (String, u16, Vec<u8>) {
    let kinds: serde_json::Value = serde_json::from_str(KINDS).expect("the fixture is JSON");
    let kinds = kinds.as_array().expect("it is a list");
    let of = dice.pick(kinds).expect("there are kinds");
    let text = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let bytes = hex::decode(text("body")).expect("the fixture's bodies are hex");
    let mut body = Vec::new();
    let fields = u64::from(bytes.first().copied().unwrap_or_default() & 0x0f);
    let chosen = dice.below(fields.max(1));
    let mut rest = &bytes[..];
    copy(&mut rest, &mut body, Some(chosen), dice);
    (text("kind"), of["version"].as_u64().unwrap_or_default() as u16, body)
}

/// Copies one MessagePack value; of a list the chosen item becomes an extreme one of its sort.
fn copy(from: &mut &[u8], to: &mut Vec<u8>, chosen: Option<u64>, dice: &mut Dice) {
    let Some((&first, _)) = from.split_first() else { return };
    let length = |bytes: &[u8], of: usize| {
        bytes.get(1..=of).unwrap_or_default().iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (head, items, content) = match first {
        0x90..=0x9f => (1, usize::from(first & 0x0f), 0),
        0xdc => (3, length(from, 2), 0),
        0xa0..=0xbf => (1, 0, usize::from(first & 0x1f)),
        0xc4 | 0xd9 => (2, 0, length(from, 1)),
        0xc5 | 0xda => (3, 0, length(from, 2)),
        0xcc | 0xd0 => (2, 0, 0),
        0xcd | 0xd1 => (3, 0, 0),
        0xce | 0xd2 => (5, 0, 0),
        0xcf | 0xd3 => (9, 0, 0),
        _ => (1, 0, 0),
    };
    let whole = (head + content).min(from.len());
    to.extend(&from[..whole]);
    *from = &from[whole..];
    for n in 0..items {
        if chosen != Some(n as u64) {
            copy(from, to, None, dice);
            continue;
        }
        let sort = from.first().copied().unwrap_or_default();
        copy(from, &mut Vec::new(), None, dice);
        to.extend(extreme_of(sort, dice));
    }
}

fn extreme_of(sort: u8, dice: &mut Dice) -> Vec<u8> {
    let packed = |text: &str| rmp_serde::to_vec(text).expect("text always encodes");
    match sort {
        0xa0..=0xbf | 0xd9 | 0xda => {
            let long = "党".repeat(5_000);
            packed(dice.pick(&["", "\0", "\u{202e}甲", "甲\u{feff}", long.as_str()]).expect("there are some"))
        }
        0xc4 | 0xc5 => {
            [vec![0xc4, 16], vec![dice.pick(&[0, 0xff]).copied().unwrap_or_default(); 16]].concat()
        }
        0x90..=0x9f | 0xdc => {
            let many = [vec![0xdc, 0x05, 0xdc], vec![0; 1_500]].concat();
            if dice.chance(50) { vec![0x90] } else { many }
        }
        0xc0 | 0xc2 | 0xc3 => vec![*dice.pick(&[0xc0, 0xc2, 0xc3]).expect("there are some")],
        _ => {
            let numbers = [0, -1, 7, 255, 65_535, 1_000_001, i64::from(i32::MIN), i64::from(i32::MAX)];
            let wide = [i64::from(u32::MAX), i64::MIN, i64::MAX, -62_092, 120_530];
            let number = *dice.pick(&[&numbers[..], &wide[..]].concat()).expect("there are some");
            rmp_serde::to_vec(&number).expect("a number always encodes")
        }
    }
}
