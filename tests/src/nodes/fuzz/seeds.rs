//! Seeds: what the product itself writes today, as the first inputs of every target.

use super::corpus_folder;
use crate::small_city::{SmallCity, SmallNode, frames};
use client_core::event::{DocumentId, EventRef};
use client_core::ids::EventId;
use client_core::log::{self, MAX_RUN_EVENTS, Position, Put, Run, SegmentHeader};
use client_core::sync::Frame;
use lianxiao::sync::exchange::put_frame;
use std::io::Result;

/// Writes the seeds; inputs that were found otherwise stay.
pub fn write_corpus() -> Result<usize> {
    let seeds = seeds(&SmallCity::default());
    for (target, name, bytes) in &seeds {
        let folder = corpus_folder(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(seeds.len())
}

type Seed = (&'static str, String, Vec<u8>);

fn seeds(city: &SmallCity) -> Vec<Seed> {
    let mut seeds: Vec<Seed> = Vec::new();
    let mut seed = |target, name: &str, bytes: Vec<u8>| seeds.push((target, name.to_owned(), bytes));
    for (name, frame) in frames(city) {
        seed("frame", name, frame.encode());
    }
    let runs = runs(city);
    for (name, (run, introduction)) in &runs {
        seed("run", name, run.bytes.clone());
        seed("signed", name, run.bytes.clone());
        let chunk = Frame::Chunk { introduction: introduction.clone(), run: run.clone(), upto: None };
        seed("door", name, chunk.encode());
        if let Some(bytes) = introduction {
            seed("introduction", name, bytes.clone());
        }
        let put = &log::unpack(&run.bytes).expect("a run")[0][0];
        seed("envelope", name, put.value.clone());
        let reference = EventRef { document: run.document, actor: run.actor, event: put.id };
        seed("reference", name, reference.to_string().into_bytes());
        seed("segment", name, segment(city, run.document, &[(run.clone(), introduction.clone())]));
    }
    seed("exchange", "nothing", Vec::new());
    seed("exchange", "a-ping-and-an-empty-frame", [&body([Frame::Ping].into_iter())[..], &[0; 4]].concat());
    seed("run", "expands-to-too-much", log::pack(&vec![vec![put(1, &[7; 5_000])]; 1_000]));
    seed("run", "as-many-events-as-fit", log::pack(&vec![vec![put(1, &[0xc0])]; MAX_RUN_EVENTS]));
    for (n, (run, _)) in city.line().iter().enumerate() {
        let changes = log::unpack(&run.bytes).expect("a run");
        let (chunks, _) = log::chunks(run.actor, &run.start(), &changes).expect("a line");
        seed("change", &format!("line-{n}"), [&[n as u8][..], &chunks[0]].concat());
    }
    seed("reference", "day", b"2026-11-23".to_vec());
    seed("reference", "scope", b"shared".to_vec());
    seed("reference", "document", runs[0].1.0.document.to_string().into_bytes());
    seed("segment", "line", segment(city, runs[0].1.0.document, &city.line()));
    tables(&mut seed);
    let (up, down) = talks(city);
    seed("city-hears", "a-device-with-three-changes", down.clone());
    seed("exchange", "three-frames", down);
    seed("device-hears", "a-city-with-a-decision", up);
    for (name, frame) in frames(city) {
        let greeting = frames(city).into_iter().filter(|(kind, _)| *kind == "hello-without-cursor");
        seed("city-hears", name, body(greeting.map(|(_, hello)| hello).chain([frame.clone()])));
        let greeting = frames(city).into_iter().filter(|(kind, _)| *kind == "challenge-of-the-city");
        seed("device-hears", name, body(greeting.map(|(_, challenge)| challenge).chain([frame])));
    }
    seeds
}

fn put(id: u8, value: &[u8]) -> Put {
    Put { id: EventId([id; 16]), value: value.to_vec() }
}

type Introduced = (Run, Option<Vec<u8>>);

fn runs(city: &SmallCity) -> Vec<(&'static str, Introduced)> {
    let mut line = city.line();
    let parts: Vec<Run> = line.iter().map(|(run, _)| run.clone()).collect();
    let joined = Run::join(&parts).expect("a line").expect("runs");
    let whole = (joined, line[0].1.clone());
    vec![
        ("first", line.remove(0)),
        ("second", line.remove(0)),
        ("whole", whole),
        ("records", city.records()),
        ("decision", city.decision()),
    ]
}

fn segment(city: &SmallCity, document: DocumentId, runs: &[Introduced]) -> Vec<u8> {
    let bare: Vec<Run> = runs.iter().map(|(run, _)| run.clone()).collect();
    let first = &bare[0];
    let from = if first.start() == Position::START {
        Vec::new()
    } else {
        vec![client_core::log::Head { actor: first.actor, seq: first.first_seq - 1, hash: first.before }]
    };
    let mut header = SegmentHeader::over(city.id(), document, from, &bare);
    for (run, introduction) in runs {
        header.introductions.extend(introduction.clone().map(|bytes| (run.actor, bytes.into())));
    }
    bare.iter().fold(header.encode(), |file, run| [file, log::segment_record(run)].concat())
}

fn body(frames: impl Iterator<Item = Frame>) -> Vec<u8> {
    let mut body = Vec::new();
    frames.for_each(|frame| put_frame(&mut body, &frame.encode()));
    body
}

/// What a city with a decision and a device with three changes say to each other, as bodies.
fn talks(city: &SmallCity) -> (Vec<u8>, Vec<u8>) {
    let (mut up, mut down) = (city.city(), city.device());
    up.write(&city.arbiter_chain()[0], vec![city.decision()]);
    down.write(&city.office_chain()[1], city.line());
    up.accept();
    down.connect();
    let (mut from_up, mut from_down) = (Vec::new(), Vec::new());
    for (is_up, bytes) in SmallNode::talk(&mut up, &mut down) {
        put_frame(if is_up { &mut from_up } else { &mut from_down }, &bytes);
    }
    (from_up, from_down)
}

const ROOMS: &str = "名称,容纳人数,开放时间\n大教室,80,周一至周五\n小教室,约40人,工作日\n";
const LEARNERS: &str = "姓名,所在支部,联系电话,性别\n示例甲,一支部,15400000001,女\n示例乙,二支部,154,男\n";
const TEACHERS: &str =
    "姓名;可授课程;联系电话;可授课时间;每周最多课时\n示例;K001、K002;15400000001;周一上午;6\n";
const SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:C3"/><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>班次编号</t></is></c><c r="B1" t="inlineStr"><is><t>日期</t></is></c><c r="C1" t="inlineStr"><is><t>人数</t></is></c></row><row r="2"><c r="A2" t="str"><v>B001</v></c><c r="B2" s="1"><v>46000.375</v></c><c r="C2"><v>30</v></c></row></sheetData></worksheet>"#;
const ROOM_SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>名称</t></is></c><c r="B1" t="inlineStr"><is><t>容纳人数</t></is></c><c r="C1" t="inlineStr"><is><t>开放时间</t></is></c></row><row r="2"><c r="A2" t="str"><v>大教室</v></c><c r="B2"><v>80</v></c><c r="C2" t="str"><v>工作日</v></c></row></sheetData></worksheet>"#;
/// Two cells as far apart as a sheet allows.
const FAR_SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>"#;
/// Where the library that reads spreadsheets panicked: a size that ends before it begins, a row beyond numbers.
const BACKWARDS_SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="C3:A1"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData></worksheet>"#;
const ROW_SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="99999999999"><c r="A99999999999"><v>1</v></c></row></sheetData></worksheet>"#;
/// A date beyond every calendar.
const DATE_SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" s="1"><v>-1e300</v></c><c r="B1" s="1"><v>1e300</v></c></row></sheetData></worksheet>"#;

fn tables(seed: &mut impl FnMut(&'static str, &str, Vec<u8>)) {
    for (name, text) in [("rooms", ROOMS), ("learners", LEARNERS), ("teachers", TEACHERS)] {
        seed("table", &format!("{name}-utf8"), text.as_bytes().to_vec());
        seed("table", &format!("{name}-gbk"), encoding_rs::GBK.encode(text).0.into_owned());
        let wide = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes));
        seed("table", &format!("{name}-utf16"), wide.collect());
    }
    let sheets = [
        ("classes", SHEET),
        ("rooms", ROOM_SHEET),
        ("far", FAR_SHEET),
        ("dates", DATE_SHEET),
        ("backwards", BACKWARDS_SHEET),
        ("row-beyond-numbers", ROW_SHEET),
    ];
    for (name, sheet) in sheets {
        seed("sheet", name, sheet.as_bytes().to_vec());
        seed("table", &format!("{name}-xlsx"), super::office::spreadsheet(sheet.as_bytes()));
    }
}
