//! Small chunks of the feed are answered together, and never with more than is held.

use super::node::{NOW, Node, city_and_branches, connect, talk};
use super::*;
use crate::log::MemoryShelf;
use crate::sync::Frame;

/// A city with a reader on connection 0 and two writers, on 1 and 2.
fn a_city_with_a_reader_and_writers() -> (Node, Node, Vec<Node>) {
    let given = Given::nothing();
    let (mut city, mut clients) = city_and_branches(&given, 3);
    for (connection, client) in clients.iter_mut().enumerate() {
        connect(client, &mut city, connection as u64);
        talk(client, &mut city, connection as u64);
        city.wire.clear();
    }
    (city, clients.remove(0), clients)
}

/// A writer writes, and what the city sends the reader then: all clients share the city's wire.
fn live(city: &mut Node, writers: &mut [Node], of: usize, registered: u32) -> Vec<Vec<u8>> {
    let (writer, connection) = (&mut writers[of], 1 + of as u64);
    writer.write(registered);
    let mut down = Vec::new();
    while let Some(bytes) = writer.wire.pop_front() {
        city.handle(Input::Received { connection, bytes });
        // The reader is the first to hear of it.
        down.extend(city.wire.iter().find(|frame| frame.starts_with(b"\x81\xa5Chunk")).cloned());
        for bytes in std::mem::take(&mut city.wire) {
            if bytes.starts_with(b"\x81\xa6Stored") {
                writer.handle(Input::Received { connection, bytes });
            }
        }
    }
    down
}

fn number(frame: &[u8]) -> Option<u64> {
    match Frame::decode(frame) {
        Ok(Frame::Chunk { upto, .. }) => upto,
        other => panic!("{other:?}"),
    }
}

#[test]
fn small_chunks_are_answered_together_with_how_far_the_feed_was_read() {
    let (mut city, mut reader, mut writers) = a_city_with_a_reader_and_writers();
    let down: Vec<_> = (1..=5).flat_map(|n| live(&mut city, &mut writers, 0, n)).collect();
    assert_eq!(down.len(), 5, "none waits for an answer");
    let upto = number(&down[4]);
    for bytes in down {
        reader.handle(Input::Received { connection: 0, bytes });
    }
    assert_eq!(reader.frontier(), city.frontier());
    assert!(reader.wire.is_empty(), "no answer of its own");
    reader.handle(Input::Tick);
    reader.handle(Input::Tick);
    let read = |bytes: &Vec<u8>| Frame::decode(bytes).ok().filter(|frame| frame.name() == "read");
    let said: Vec<Frame> = reader.wire.iter().filter_map(read).collect();
    assert_eq!(said, [Frame::Read { upto: upto.expect("a number") }], "once");
    assert_eq!(reader.peer.cursor().since, upto);
}

#[test]
fn while_changes_come_a_reader_says_what_nobody_waits_for_every_five_seconds() {
    let (mut city, mut reader, mut writers) = a_city_with_a_reader_and_writers();
    let mut said = Vec::new();
    let mut upto = 0;
    for second in 1..=18 {
        for bytes in live(&mut city, &mut writers, 0, second) {
            upto = number(&bytes).expect("a number");
            reader.handle(Input::Received { connection: 0, bytes });
        }
        let now = Millis(NOW.0 + 1_000 * i64::from(second));
        reader.peer.handle(Input::Tick, now, &reader.shelf);
        reader.carry_out();
        said.extend(reader.wire.drain(..).map(|frame| (second, Frame::decode(&frame).unwrap())));
    }
    let when = |name| -> Vec<u32> {
        said.iter().filter(|(_, frame)| frame.name() == name).map(|(second, _)| *second).collect()
    };
    assert_eq!((when("ask city"), when("read")), (vec![5, 10, 15], vec![5, 10, 15]));
    reader.peer.handle(Input::Tick, Millis(NOW.0 + 19_000), &reader.shelf);
    reader.carry_out();
    let said: Vec<Frame> = reader.wire.iter().map(|frame| Frame::decode(frame).unwrap()).collect();
    assert!(matches!(&said[..], [.., read, Frame::AskCity(_)] if *read == Frame::Read { upto }), "{said:?}");
}

#[test]
fn who_reads_slowly_is_not_sent_more_than_it_answers() {
    let (mut city, mut reader, mut writers) = a_city_with_a_reader_and_writers();
    let down: Vec<_> = (1..=400).flat_map(|n| live(&mut city, &mut writers, 0, n)).collect();
    let bytes: usize = down.iter().map(Vec::len).sum();
    assert!(bytes < 40_000, "{bytes} bytes are on their way, unanswered");
    for bytes in down {
        reader.handle(Input::Received { connection: 0, bytes });
    }
    let answers = reader.wire.len();
    assert!((1..=3).contains(&answers), "{answers} answers");
    talk(&mut reader, &mut city, 0);
    assert_eq!(reader.frontier(), city.frontier());
}

#[test]
fn a_later_chunk_that_is_stored_first_moves_no_number() {
    let (mut city, mut reader, mut writers) = a_city_with_a_reader_and_writers();
    let mut down = live(&mut city, &mut writers, 0, 1);
    down.extend(live(&mut city, &mut writers, 1, 4));
    let (first, second) = (number(&down[0]), number(&down[1]));
    let before = reader.peer.cursor().since;
    for bytes in down {
        reader.peer.handle(Input::Received { connection: 0, bytes }, NOW, &reader.shelf);
    }
    let mut batches = Vec::new();
    while let Some(effect) = reader.peer.poll() {
        if let Effect::Persist { token, batch } = effect {
            batches.push((token, *batch));
        }
    }
    assert_eq!(batches.len(), 2, "two writers, two batches");
    reader.storing.insert(batches[1].0, batches[1].1.clone());
    reader.carry_out();
    assert_eq!(reader.peer.cursor().since, before, "the first is not stored yet");
    reader.storing.insert(batches[0].0, batches[0].1.clone());
    reader.carry_out();
    assert!(first < second);
    assert_eq!(reader.peer.cursor().since, second);
}

#[test]
fn after_a_chunk_was_turned_back_no_number_counts_until_all_has_come() {
    let (mut city, mut reader, mut writers) = a_city_with_a_reader_and_writers();
    for bytes in live(&mut city, &mut writers, 0, 1) {
        reader.handle(Input::Received { connection: 0, bytes });
    }
    reader.peer.ledger = Ledger::default();
    reader.shelf = MemoryShelf::default();
    let before = reader.peer.cursor().since;
    let mut down = live(&mut city, &mut writers, 0, 2);
    down.extend(live(&mut city, &mut writers, 0, 3));
    down.extend(live(&mut city, &mut writers, 1, 4));
    assert_eq!(down.len(), 3);
    for bytes in down {
        reader.handle(Input::Received { connection: 0, bytes });
    }
    assert_eq!(reader.peer.cursor().since, before, "what it lost is not held");
    let answers: Vec<_> = reader.wire.iter().map(|frame| Frame::decode(frame).unwrap().name()).collect();
    assert_eq!(answers, ["read", "behind", "behind", "stored"]);
    talk(&mut reader, &mut city, 0);
    reader.handle(Input::Tick);
    city.handle(Input::Tick);
    talk(&mut reader, &mut city, 0);
    assert_eq!(reader.frontier(), city.frontier());
    assert_eq!(reader.peer.cursor().since, Some(city.shelf.feed_head()));
}

#[test]
fn what_was_refused_and_then_turned_back_holds_no_promise_back() {
    let (mut city, mut reader, mut writers) = a_city_with_a_reader_and_writers();
    for bytes in live(&mut city, &mut writers, 0, 1) {
        reader.handle(Input::Received { connection: 0, bytes });
    }
    reader.handle(Input::Tick);
    reader.handle(Input::Tick);
    talk(&mut reader, &mut city, 0);
    city.wire.clear();
    let mut down = live(&mut city, &mut writers, 0, 2);
    down.extend(live(&mut city, &mut writers, 0, 3));
    let Ok(Frame::Chunk { run, .. }) = Frame::decode(&down[0]) else { panic!("a chunk") };
    let key = run.key();
    let heads = reader.peer.ledger().get(&key).expect("the first change").heads(key.actor);
    let refused = Frame::Rejected { key, seq: run.first_seq, reason: "a newer layout".to_owned() };
    for answer in [refused, Frame::Behind { key, heads }] {
        assert!(city.wire.is_empty(), "nothing is promised before all is answered");
        city.handle(Input::Received { connection: 0, bytes: answer.encode() });
    }
    let said: Vec<_> = city.wire.iter().map(|frame| Frame::decode(frame).unwrap().name()).collect();
    assert_eq!(said, ["mark"]);
}

#[test]
fn what_completes_the_promise_is_answered_at_once() {
    let (mut city, mut reader, mut writers) = a_city_with_a_reader_and_writers();
    city.handle(Input::Closed { connection: 0 });
    reader.handle(Input::Closed { connection: 0 });
    live(&mut city, &mut writers, 0, 1);
    connect(&mut reader, &mut city, 9);
    talk(&mut reader, &mut city, 9);
    assert_eq!(reader.peer.cursor().since, Some(city.shelf.feed_head()));
    reader.handle(Input::Tick);
    let said: Vec<_> = reader.wire.iter().map(|frame| Frame::decode(frame).unwrap().name()).collect();
    assert!(!said.contains(&"read"), "it was said before: {said:?}");
}
