//! What cannot be taken now is no refusal, and what one client was refused is still owed by others.

use super::node::{NOW, Node, city_and_branches, connect, deliver, meet, talk};
use super::*;
use crate::given::{Given, branch};
use crate::log::{FeedItem, ShelfError};
use crate::sync::Frame;

/// A store that cannot be read.
pub struct Broken;

impl Shelf for Broken {
    fn runs_after(&self, _: &LogKey, _: u8, _: u64, _: usize) -> Result<Vec<Run>, ShelfError> {
        Err(ShelfError("the disk is gone".into()))
    }

    fn introduction(&self, _: &LogKey) -> Result<Option<Vec<u8>>, ShelfError> {
        Err(ShelfError("the disk is gone".into()))
    }

    fn feed_head(&self) -> u64 {
        0
    }

    fn feed_after(&self, _: u64, _: &Certificate, _: usize) -> Result<(Vec<FeedItem>, u64), ShelfError> {
        Err(ShelfError("the disk is gone".into()))
    }
}

fn is_chunk(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x81\xa5Chunk")
}

#[test]
fn a_store_that_cannot_be_read_ends_the_connection_and_refuses_nobody() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 1);
    let mut device = branches.remove(0);
    device.write(1);
    let mut copy = device.copied(&given, branch(1));
    device.write(2);
    meet(&mut device, &mut city, 1);
    copy.write(20);
    connect(&mut copy, &mut city, 2);
    let mut said = Vec::new();
    while city.hung_up.is_none() {
        for bytes in city.wire.drain(..).collect::<Vec<_>>() {
            said.push(Frame::decode(&bytes).unwrap().name());
            copy.handle(Input::Received { connection: 2, bytes });
        }
        assert!(!copy.wire.is_empty(), "it hands its change in: {said:?}");
        for bytes in copy.wire.drain(..).collect::<Vec<_>>() {
            match is_chunk(&bytes) {
                true => city.peer.handle(Input::Received { connection: 2, bytes }, NOW, &Broken),
                false => city.peer.handle(Input::Received { connection: 2, bytes }, NOW, &city.shelf),
            }
            city.carry_out();
        }
    }
    assert!(!said.contains(&"rejected"), "{said:?}");
    for node in [&mut city, &mut copy] {
        node.handle(Input::Closed { connection: 2 });
        (node.hung_up, node.wire) = (None, VecDeque::new());
    }
    meet(&mut copy, &mut city, 3);
    assert_eq!(copy.frontier(), city.frontier());
}

#[test]
fn what_one_client_was_refused_is_still_owed_by_another_that_named_it() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 2);
    let (mut rogue, mut client) = (branches.pop().unwrap(), branches.pop().unwrap());
    client.write(1);
    client.peer.cursor = Cursor { epoch: 3, since: Some(5), ..Cursor::default() };
    connect(&mut client, &mut city, 1);
    deliver(&mut city, &mut client, 1);
    for bytes in client.wire.drain(..).collect::<Vec<_>>() {
        assert!(!is_chunk(&bytes), "it names its heads first");
        city.handle(Input::Received { connection: 1, bytes });
    }
    let to_client: Vec<_> = city.wire.drain(..).collect();
    connect(&mut rogue, &mut city, 2);
    talk(&mut rogue, &mut city, 2);
    let key = *client.peer.ledger().iter().next().unwrap().0;
    let run = client.shelf.runs_after(&key, 0, 0, usize::MAX).unwrap().remove(0);
    let forged = Frame::Chunk { introduction: None, run, upto: None };
    city.handle(Input::Received { connection: 2, bytes: forged.encode() });
    let said = city.wire.drain(..).map(|bytes| Frame::decode(&bytes).unwrap().name());
    assert_eq!(said.collect::<Vec<_>>(), ["rejected"]);
    city.handle(Input::Tick);
    assert_eq!(city.reported, 1, "the rogue alone, which holds nothing");
    for bytes in to_client {
        client.handle(Input::Received { connection: 1, bytes });
    }
    talk(&mut client, &mut city, 1);
    city.handle(Input::Tick);
    assert_eq!(city.reported, 2);
}

#[test]
fn sealed_rows_that_could_not_be_read_are_asked_for_again() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 1);
    let client = &mut branches[0];
    connect(client, &mut city, 1);
    talk(client, &mut city, 1);
    let asked = |client: &mut Node| {
        std::iter::from_fn(|| client.peer.poll())
            .filter(|effect| matches!(effect, Effect::LoadRows { .. }))
            .count()
    };
    client.peer.rows_kept(Vec::new(), Vec::new(), None, NOW, &client.shelf);
    assert_eq!(asked(client), 1);
    client.peer.handle(Input::RowsNotLoaded { connection: 1 }, NOW, &client.shelf);
    assert_eq!(asked(client), 0, "not at once");
    client.peer.handle(Input::Tick, NOW, &client.shelf);
    assert_eq!(asked(client), 1);
}
