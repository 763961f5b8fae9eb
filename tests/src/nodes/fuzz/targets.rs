//! One function a decoder. Each panics where a promise is broken: nothing panics, nothing expands
//! beyond its limit, and what is accepted comes back as it was.

use super::office::spreadsheet;
use crate::small_city::{SmallCity, SmallNode};
use client_core::domain::Event;
use client_core::door::{self, Admission, City};
use client_core::event::{DocumentId, Envelope, EventRef, Scope, Statement};
use client_core::identity::{Chain, Introduction, actor_id};
use client_core::ids::EventId;
use client_core::log::{
    self, Head, Ledger, MAX_RUN_BYTES, MAX_RUN_EVENTS, MemoryShelf, Position, Put, Run, SegmentError,
    SegmentHeader, SegmentReader, SegmentRun,
};
use client_core::sync::{Frame, MAX_FRAME_BYTES};
use client_core::time::Day;
use lianxiao::sync::exchange::{frames_of, put_frame};
use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

/// A decoder under test.
pub struct Target {
    /// Its name; its inputs lie in a folder of that name.
    pub name: &'static str,
    /// Runs one input; says whether the decoder accepted it.
    pub run: fn(&[u8]) -> bool,
    /// Inputs of the short run within `cargo verify`.
    pub short: u64,
}

/// The small city, made once: keys and signatures are what takes time.
static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let city = SmallCity::default();
    let line: Vec<Run> = city.line().into_iter().map(|(run, _)| run).collect();
    let others = city.fork().into_iter().chain([city.records(), city.decision()]);
    let heads = line.iter().map(Run::head).chain(others.map(|(run, _)| run.head())).collect();
    let chains = [city.arbiter_chain(), city.node_chain(), city.office_chain()];
    Known { line, heads, certificates: chains.concat(), city }
});

struct Known {
    city: SmallCity,
    /// Three changes.
    line: Vec<Run>,
    /// Everything anybody signed.
    heads: Vec<Head>,
    /// Everything anybody issued.
    certificates: Chain,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "frame", run: frame, short: 30_000 },
    Target { name: "envelope", run: envelope, short: 30_000 },
    Target { name: "change", run: change, short: 20_000 },
    Target { name: "run", run, short: 10_000 },
    Target { name: "door", run: door, short: 2_000 },
    Target { name: "signed", run: signed, short: 2_000 },
    Target { name: "introduction", run: introduction, short: 3_000 },
    Target { name: "segment", run: segment, short: 10_000 },
    Target { name: "table", run: table, short: 3_000 },
    Target { name: "sheet", run: sheet, short: 1_000 },
    Target { name: "reference", run: reference, short: 30_000 },
    Target { name: "exchange", run: exchange, short: 30_000 },
    Target { name: "city-hears", run: city_hears, short: 1_000 },
    Target { name: "device-hears", run: device_hears, short: 1_000 },
];

fn frame(bytes: &[u8]) -> bool {
    let Ok(frame) = Frame::decode(bytes) else { return false };
    assert_eq!(frame.encode(), bytes, "a frame has one encoding");
    true
}

fn envelope(bytes: &[u8]) -> bool {
    let Ok(envelope) = Envelope::decode(bytes) else { return false };
    assert_eq!(envelope.encode(), bytes, "an envelope has one encoding");
    if let Ok(Some(event)) = Event::decode(&envelope.kind, envelope.version, &envelope.body)
        && event.body().info().version == envelope.version
    {
        assert_eq!(event.body().encode(), *envelope.body, "a body has one encoding");
    }
    true
}

/// The first byte says after how many changes of the small city's line the chunk follows.
fn change(bytes: &[u8]) -> bool {
    let Some((after, chunk)) = bytes.split_first() else { return false };
    let actor = KNOWN.line[0].actor;
    let before = &KNOWN.line[..usize::from(after % 4)];
    let at = before.last().map_or(Position::START, |run| run.end());
    let Ok((puts, end)) = log::decode_change(actor, &at, chunk) else { return false };
    assert_eq!(log::encode_change(actor, &at, &puts), Ok((chunk.to_vec(), end)), "a change has one encoding");
    let changes: Vec<Vec<Put>> = before.iter().flat_map(|run| unpacked(&run.bytes)).chain([puts]).collect();
    automerge_agrees(actor, &changes);
    true
}

/// Automerge accepts the whole line and holds exactly its events.
fn automerge_agrees(actor: client_core::ids::ActorId, changes: &[Vec<Put>]) {
    let (chunks, _) = log::chunks(actor, &Position::START, changes).expect("the line stands");
    let merged = log::merge(chunks.iter().map(Vec::as_slice)).expect("Automerge accepts what we accept");
    let held = log::events_of_merged(&merged).expect("Automerge reads back what it wrote");
    let mut last: BTreeMap<EventId, Vec<Vec<u8>>> = BTreeMap::new();
    for put in changes.iter().flatten() {
        last.entry(put.id).or_default().push(put.value.clone());
    }
    assert_eq!(held.len(), last.len(), "no event is lost or made up");
    assert!(last.iter().all(|(id, values)| held[id].iter().all(|value| values.contains(value))));
}

fn unpacked(bytes: &[u8]) -> Vec<Vec<Put>> {
    log::unpack(bytes).expect("it was packed here")
}

fn run(bytes: &[u8]) -> bool {
    let Ok(changes) = log::unpack(bytes) else { return false };
    let values = || changes.iter().flatten().map(|put| &put.value);
    assert!(values().map(Vec::len).sum::<usize>() <= MAX_RUN_BYTES, "a run has a limit");
    assert!(values().count() <= MAX_RUN_EVENTS, "a run has a limit");
    let again = log::pack(&changes);
    assert!(log::unpack(&again) == Ok(changes), "what was read packs and reads back");
    true
}

/// A chunk as a stranger may send it.
fn door(bytes: &[u8]) -> bool {
    let Ok(Frame::Chunk { introduction, run, .. }) = Frame::decode(bytes) else { return false };
    let (announced, end) = (run.last_hash, run.last_seq);
    let Some(changes) = admitted(introduction, run.clone()) else { return false };
    let (_, at) = log::chunks(run.actor, &Position::START, &changes).expect("the door rebuilt them");
    assert_eq!((at.hash, at.seq), (announced, end), "the changes have the announced hash");
    assert!(KNOWN.heads.contains(&run.head()), "nobody signed this");
    true
}

/// Changes as an enrolled device may sign them, whatever they are.
fn signed(bytes: &[u8]) -> bool {
    let Ok(changes) = log::unpack(bytes) else { return false };
    let city = &KNOWN.city;
    let (document, nonce) = (city.document(Scope::Shared), [9; 16]);
    let actor = actor_id(city.office_key.public(), nonce);
    let written = Run::write(city.id(), &city.office_key, document, actor, &Position::START, &changes);
    let Ok(mut run) = written else { return false };
    run.bytes = bytes.to_vec();
    let introduction = Introduction { nonce, chain: city.office_chain() }.encode();
    let taken = admitted(Some(introduction), run).expect("a signed line of canonical changes");
    assert!(taken == changes);
    automerge_agrees(actor, &changes);
    true
}

fn admitted(introduction: Option<Vec<u8>>, run: Run) -> Option<Vec<Vec<Put>>> {
    let city = &KNOWN.city;
    let key = city.city_key.public();
    let (ledger, shelf) = (Ledger::default(), MemoryShelf::default());
    match door::admit(City { id: city.id(), key }, &ledger, &shelf, introduction, run) {
        Ok(Admission::New(admitted)) => Some(admitted.changes.to_vec()),
        Ok(Admission::Known) => panic!("an empty node knows nothing"),
        Ok(Admission::Behind(_)) | Err(_) => None,
    }
}

fn introduction(bytes: &[u8]) -> bool {
    let Ok(read) = Introduction::decode(bytes) else { return false };
    assert_eq!(read.encode(), bytes, "an introduction has one encoding");
    let Some(last) = read.chain.last() else { return false };
    let actor = actor_id(last.key, read.nonce);
    let Ok(certificate) = read.verify(KNOWN.city.city_key.public(), actor) else { return false };
    assert!(KNOWN.certificates.contains(certificate), "nobody issued this certificate");
    true
}

/// A file gives the same in one piece and in many, and written again it reads the same.
fn segment(bytes: &[u8]) -> bool {
    let whole = read_segment(bytes, bytes.len().max(1));
    assert!(whole.as_ref().ok() == read_segment(bytes, 61).as_ref().ok(), "pieces make no difference");
    let Ok(runs) = whole else { return false };
    let mut again = SegmentHeader::decode(bytes).expect("it was read").encode();
    again.extend(runs.iter().flat_map(|(run, _)| log::segment_record(run)));
    assert!(read_segment(&again, again.len()) == Ok(runs), "written again it reads the same");
    true
}

fn read_segment(bytes: &[u8], piece: usize) -> Result<Vec<SegmentRun>, SegmentError> {
    let mut reader = SegmentReader::default();
    let mut runs = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(run) = reader.next_run()? {
            runs.push(run);
        }
    }
    reader.finish().map(|()| runs)
}

/// An office file in any format.
fn table(bytes: &[u8]) -> bool {
    taken("新埭镇-表.xlsx", bytes)
}

/// A spreadsheet whose one sheet is the input.
fn sheet(bytes: &[u8]) -> bool {
    taken("新埭镇-表.xlsx", &spreadsheet(bytes))
}

fn taken(name: &str, bytes: &[u8]) -> bool {
    let office = lianxiao::import::read_file(name, bytes);
    assert_eq!(office.files.len() + office.refusals.len(), 1, "a file is read or refused");
    office.refusals.is_empty()
}

fn reference(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let taken = [
        comes_back::<DocumentId>(text),
        comes_back::<EventRef>(text),
        comes_back::<EventId>(text),
        comes_back::<Day>(text),
        comes_back::<Scope>(text),
    ];
    taken.contains(&true)
}

fn comes_back<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) -> bool {
    let Ok(read) = text.parse::<T>() else { return false };
    assert_eq!(read.to_string().parse::<T>().expect("what we write we read"), read);
    true
}

fn exchange(bytes: &[u8]) -> bool {
    let Ok(frames) = frames_of(bytes) else { return false };
    assert!(frames.iter().all(|frame| frame.len() <= MAX_FRAME_BYTES));
    let mut body = Vec::new();
    frames.iter().for_each(|frame| put_frame(&mut body, frame));
    assert_eq!(body, bytes, "a body has one encoding");
    true
}

/// A city that hears these frames, each after its length, on a connection.
fn city_hears(bytes: &[u8]) -> bool {
    let city = &KNOWN.city;
    let mut node = city.city();
    let author = city.arbiter_chain().remove(0);
    node.write(&author, vec![city.decision()]);
    node.accept();
    hears(node, bytes)
}

/// A device that hears these frames from its upstream.
fn device_hears(bytes: &[u8]) -> bool {
    let city = &KNOWN.city;
    let mut node = city.device();
    let author = city.office_chain().remove(1);
    node.write(&author, city.line());
    node.connect();
    hears(node, bytes)
}

fn hears(mut node: SmallNode, bytes: &[u8]) -> bool {
    let Ok(frames) = frames_of(bytes) else { return false };
    for frame in &frames {
        node.receive(frame.clone());
        node.handle(client_core::peer::Input::Tick);
    }
    let said: usize = node.sent.iter().map(Vec::len).sum();
    assert!(said <= 64 * 1024 + 64 * bytes.len(), "{said} bytes said to {} heard", bytes.len());
    for (key, log) in node.peer.ledger().iter() {
        assert!(KNOWN.certificates.contains(&log.author), "{key} is of somebody nobody certified");
        assert!(
            log.heads(key.actor).iter().all(|head| KNOWN.heads.contains(head)),
            "{key}: nobody signed this"
        );
    }
    node.hung_up.is_none() && !frames.is_empty()
}
