pub(crate) mod node;
mod reading;
mod refusing;
mod segments;

use super::*;
use crate::domain::Draft;
use crate::event::Scope;
use crate::given::{Given, branch};
use crate::ids::BranchId;
use crate::sync::{Frame, PROTOCOL, Refusal};
use node::{NOW, Node, city_and_branches, connect, deliver, meet, talk};

#[test]
fn what_each_writes_reaches_all_and_a_second_meeting_carries_next_to_nothing() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 3);
    for (n, branch) in branches.iter_mut().enumerate() {
        branch.write(n as u32);
        branch.write(100 + n as u32);
    }
    for round in 0..2 {
        for (n, branch) in branches.iter_mut().enumerate() {
            meet(branch, &mut city, round * 10 + n as u64);
        }
    }
    for branch in &mut branches {
        assert_eq!(branch.frontier(), city.frontier());
        let (bytes, trips) = meet(branch, &mut city, 99);
        assert!(bytes <= 1024 && trips == 1, "{bytes} bytes, {trips} round trips");
        let own = branch.peer.ledger().iter().map(|(key, _)| *key).next().unwrap();
        assert!(branch.peer.reach(own, 0).city > 0, "the city's word came");
    }
}

#[test]
fn a_chunk_is_as_large_as_it_travels_and_not_as_its_parts_are_that_were_written_one_by_one() {
    const SMALLEST: usize = 16 * 1024;
    let (mut city, mut branches) = city_and_branches(&Given::nothing(), 1);
    let branch = &mut branches[0];
    (0..250).for_each(|_| branch.check_in());
    let key = branch.peer.ledger().iter().map(|(key, _)| *key).next().unwrap();
    let parts = branch.shelf.runs_after(&key, 0, 0, usize::MAX).unwrap();
    assert!(
        parts.iter().map(|run| run.bytes.len()).sum::<usize>() > SMALLEST,
        "more than one chunk of parts"
    );
    connect(branch, &mut city, 1);
    let first_chunk = (0..9).find_map(|_| {
        for bytes in std::mem::take(&mut city.wire) {
            branch.handle(Input::Received { connection: 1, bytes });
        }
        let mut run = None;
        for bytes in std::mem::take(&mut branch.wire) {
            if let Ok(Frame::Chunk { run: chunk, .. }) = Frame::decode(&bytes) {
                run.get_or_insert(chunk);
            }
            city.handle(Input::Received { connection: 1, bytes });
        }
        run
    });
    let run = first_chunk.expect("a chunk");
    assert_eq!(run.last_seq, parts.last().unwrap().last_seq, "all of it");
    assert!(run.bytes.len() < SMALLEST);
    talk(branch, &mut city, 1);
    assert_eq!(branch.frontier(), city.frontier());
}

#[test]
fn two_copies_of_a_device_heal_and_write_on_apart() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 2);
    let (mut other, mut device) = (branches.pop().unwrap(), branches.pop().unwrap());
    device.write(1);
    meet(&mut device, &mut city, 1);
    let mut copy = device.copied(&given, branch(1));
    device.write(2);
    device.write(3);
    copy.write(20);
    for round in 0..3 {
        meet(&mut device, &mut city, 10 + round);
        meet(&mut copy, &mut city, 20 + round);
        meet(&mut other, &mut city, 30 + round);
    }
    device.write(4);
    copy.write(40);
    for round in 0..3 {
        meet(&mut device, &mut city, 40 + round);
        meet(&mut copy, &mut city, 50 + round);
        meet(&mut other, &mut city, 60 + round);
    }
    for node in [&device, &copy, &other] {
        assert_eq!(node.frontier(), city.frontier());
    }
    let heads: usize = city.frontier().0.values().map(Vec::len).sum();
    assert_eq!(heads, 4, "two lines of the copied actor, one new actor each");
    assert_eq!(city.took_in, 6);
}

#[test]
fn where_lines_part_and_each_side_has_a_longer_one_neither_waits_for_the_other() {
    let given = Given::nothing();
    let mut city = Node::new(&given, BranchId::CITY, PROTOCOL);
    let mut device = Node::new(&given, branch(1), PROTOCOL);
    (1..=4).for_each(|n| device.write(n));
    meet(&mut device, &mut city, 1);
    let mut copy = device.copied(&given, branch(1));
    (5..=8).for_each(|n| copy.write(n));
    device.write(50);
    meet(&mut device, &mut city, 2);
    meet(&mut copy, &mut city, 3);
    // The city holds one line up to change 5 and one up to change 8; the device holds six of the first.
    device.write(60);
    city.peer.renew(8);
    meet(&mut device, &mut city, 4);
    assert_eq!(device.frontier(), city.frontier());
    assert_eq!(city.peer.ledger().iter().map(|(_, log)| log.lines().len()).sum::<usize>(), 2);
}

#[test]
fn what_came_from_the_upstream_is_not_sent_back_to_it() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 2);
    branches.iter_mut().for_each(|branch| branch.write(1));
    let elsewhere = segment_of(&branches[1]);
    let device = &mut branches[0];
    connect(device, &mut city, 1);
    talk(device, &mut city, 1);
    city.handle(Input::Segment { ticket: 1, runs: elsewhere });
    for bytes in city.wire.drain(..) {
        device.handle(Input::Received { connection: 1, bytes });
    }
    assert_eq!(device.peer.ledger().len(), 2);
    assert!(!device.wire.iter().any(|frame| frame.starts_with(b"\x81\xa5Chunk")));
}

#[test]
fn a_server_put_back_to_an_old_state_is_supplied_again() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 2);
    branches[0].write(1);
    meet(&mut branches[0], &mut city, 1);
    let mut old = city.copied(&given, BranchId::CITY);
    branches[0].write(2);
    branches[1].write(3);
    for (n, branch) in branches.iter_mut().enumerate() {
        meet(branch, &mut city, 2 + n as u64);
    }
    meet(&mut branches[0], &mut city, 7);
    // Branch 0 alone comes back; it holds branch 1's line too.
    meet(&mut branches[0], &mut old, 8);
    assert_eq!(old.frontier(), city.frontier());
    let mut empty = Node::new(&given, BranchId::CITY, PROTOCOL);
    meet(&mut branches[0], &mut empty, 9);
    assert_eq!(empty.frontier(), city.frontier());
}

#[test]
fn an_upstream_that_was_put_back_unnoticed_and_wrote_on_is_supplied_again() {
    let given = Given::nothing();
    let (_, mut branches) = city_and_branches(&given, 2);
    let (mut device, mut node) = (branches.pop().unwrap(), branches.pop().unwrap().into_branch_node(&given));
    let write = |node: &mut Node, registered| {
        node.write(registered);
        node.announce();
    };
    write(&mut node, 1);
    meet(&mut device, &mut node, 1);
    let mut old = node.copied(&given, branch(1));
    (2..=4).for_each(|n| write(&mut node, n));
    meet(&mut device, &mut node, 2);
    // Its feed, of the same epoch, goes on beyond where the device has read.
    write(&mut old, 22);
    (0..4).for_each(|_| old.check_in());
    old.write(23);
    connect(&mut device, &mut old, 3);
    deliver(&mut old, &mut device, 3);
    deliver(&mut device, &mut old, 3);
    // Two chunks are on their way, to be turned back both.
    old.announce();
    talk(&mut device, &mut old, 3);
    let shared = |node: &Node| node.peer.ledger().heads(|document| document.scope == Scope::Shared);
    assert_eq!(shared(&old), shared(&device));
    assert_eq!(shared(&old).0.values().map(Vec::len).collect::<Vec<_>>(), [2, 2], "both lines of both");
    assert_eq!(device.peer.cursor().since, Some(old.shelf.feed_head()));
}

#[test]
fn what_is_written_while_it_is_asked_where_lines_part_waits_for_the_answer() {
    let given = Given::nothing();
    let (_, mut branches) = city_and_branches(&given, 2);
    let (mut device, mut node) = (branches.pop().unwrap(), branches.pop().unwrap().into_branch_node(&given));
    node.write(1);
    let mut copy = node.copied(&given, branch(1));
    node.write(2);
    meet(&mut device, &mut node, 1);
    (21..=23).for_each(|n| copy.write(n));
    device.peer.cursor = Cursor::default();
    connect(&mut device, &mut copy, 2);
    let mut said = Vec::new();
    for registered in 30..40 {
        deliver(&mut copy, &mut device, 2);
        // Somebody works at the node all the while.
        copy.write(registered);
        for bytes in device.wire.drain(..).collect::<Vec<_>>() {
            said.push(Frame::decode(&bytes).unwrap().name());
            copy.handle(Input::Received { connection: 2, bytes });
        }
    }
    talk(&mut device, &mut copy, 2);
    assert!(said.contains(&"common") && !said.contains(&"behind"), "{said:?}");
    assert_eq!(copy.frontier(), device.frontier());
}

#[test]
fn what_became_durable_together_is_all_known_before_anybody_hears_of_it() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 3);
    let (mut reader, mut other) = (branches.pop().unwrap(), branches.pop().unwrap());
    let mut device = branches.pop().unwrap();
    device.write(1);
    let mut copy = device.copied(&given, branch(1));
    device.write(2);
    meet(&mut device, &mut city, 1);
    copy.write(20);
    other.write(3);
    // A reader whose heads are known.
    meet(&mut reader, &mut city, 3);
    reader.peer.cursor = Cursor::default();
    connect(&mut reader, &mut city, 2);
    talk(&mut reader, &mut city, 2);
    for (ticket, runs) in [segment_of(&other), segment_of(&copy)].into_iter().enumerate() {
        city.peer.handle(Input::Segment { ticket: ticket as u64, runs }, NOW, &city.shelf);
    }
    let mut tokens = Vec::new();
    while let Some(effect) = city.peer.poll() {
        if let Effect::Persist { token, batch } = effect {
            city.store(*batch);
            tokens.push(token);
        }
    }
    assert_eq!(tokens.len(), 2);
    city.handle(Input::Persisted(tokens));
    talk(&mut reader, &mut city, 2);
    assert_eq!(reader.frontier(), city.frontier());
    assert_eq!(city.frontier().0.values().map(Vec::len).sum::<usize>(), 3, "a line parts");
}

#[test]
fn a_relay_whose_kept_word_says_less_than_it_knows_asks_again_for_those_behind_it() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 2);
    let (mut device, mut relay) = (branches.pop().unwrap(), branches.pop().unwrap().into_branch_node(&given));
    relay.write(1);
    meet(&mut relay, &mut city, 1);
    let old = city.copied(&given, BranchId::CITY);
    relay.write(2);
    meet(&mut relay, &mut city, 2);
    let key = relay.peer.ledger().iter().map(|(key, _)| *key).next().unwrap();
    // Put back, the city says less; it takes the second change in again, and the line breaks before it says so.
    for word in old.peer.statements_on(&[key.document], Millis(NOW.0 + 1)) {
        relay.peer.hear_city(word, NOW, &relay.shelf);
    }
    relay.carry_out();
    assert_eq!(relay.peer.reach(key, 0).city, 2, "what was said once is known");
    meet(&mut device, &mut relay, 3); // brings the changes
    meet(&mut device, &mut relay, 4);
    assert_eq!(device.peer.reach(key, 0).city, 1, "the word that is kept");
    meet(&mut relay, &mut city, 5);
    meet(&mut device, &mut relay, 6);
    assert_eq!(device.peer.reach(key, 0).city, 2);
}

#[test]
fn a_client_has_reported_once_all_it_named_is_here_and_not_before() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 2);
    meet(&mut branches[1], &mut city, 1);
    city.handle(Input::Tick);
    assert_eq!(city.reported, 1, "it holds nothing");
    branches[0].write(1);
    branches[0].write(2);
    let client = &mut branches[0];
    client.peer.cursor = Cursor { epoch: 3, since: Some(5), ..Cursor::default() };
    connect(client, &mut city, 2);
    let mut carried = 0;
    loop {
        for frame in city.wire.drain(..).collect::<Vec<_>>() {
            client.handle(Input::Received { connection: 2, bytes: frame });
        }
        let Some(frame) = client.wire.pop_front() else { break };
        city.handle(Input::Received { connection: 2, bytes: frame });
        carried += 1;
        city.handle(Input::Tick);
        assert_eq!(city.reported == 2, city.frontier() == client.frontier(), "after {carried} frames");
    }
    assert_eq!(city.reported, 2);
}

#[test]
fn an_older_peer_works_and_a_newer_one_is_told_both_numbers() {
    let given = Given::nothing();
    let mut city = Node::new(&given, BranchId::CITY, PROTOCOL);
    let mut old = Node::new(&given, branch(1), PROTOCOL - 1);
    let mut first = Node::new(&given, branch(2), PROTOCOL);
    first.write(1);
    meet(&mut first, &mut city, 1);
    old.write(2);
    meet(&mut old, &mut city, 2);
    assert_eq!(old.frontier(), city.frontier());
    let mut ancient = Node::new(&given, branch(3), 0);
    meet(&mut ancient, &mut city, 3);
    let reason = ancient.hung_up.expect("it is turned away");
    assert!(reason.contains("protocol") && reason.contains('3') && reason.contains('0'), "{reason}");
}

#[test]
fn another_city_and_a_stolen_certificate_are_turned_away() {
    let given = Given::nothing();
    let mut elsewhere = Given::nothing();
    elsewhere.city_key = SecretKey::from_random([43; 32]);
    let mut city = Node::new(&given, BranchId::CITY, PROTOCOL);
    let mut foreign = Node::new(&elsewhere, branch(1), PROTOCOL);
    meet(&mut foreign, &mut city, 1);
    assert_eq!(foreign.hung_up.as_deref(), Some(Refusal::OtherCity.to_string().as_str()));
    let mut thief = Node::new(&given, branch(1), PROTOCOL);
    thief.peer.local.key = SecretKey::from_random([99; 32]);
    meet(&mut thief, &mut city, 2);
    assert!(city.hung_up.expect("the city hangs up").contains("does not hold"));
    // Nobody else's key answers for the city either.
    let mut impostor = Node::new(&given, BranchId::CITY, PROTOCOL);
    impostor.peer.local.key = SecretKey::from_random([98; 32]);
    let mut device = Node::new(&given, branch(2), PROTOCOL);
    device.write(1);
    meet(&mut device, &mut impostor, 3);
    assert!(device.hung_up.expect("the device hangs up").contains("does not hold"));
    assert_eq!(impostor.took_in, 0);
}

#[test]
fn noise_closes_the_connection_with_a_reason_and_harms_nobody() {
    let given = Given::nothing();
    let mut city = Node::new(&given, BranchId::CITY, PROTOCOL);
    for noise in [&b""[..], b"\x00", b"GET / HTTP/1.1\r\n", &[0xff; 64], &Frame::Ping.encode()] {
        city.handle(Input::Accepted { connection: 5, nonce: [2; 32], peer_nonce: [1; 32] });
        city.handle(Input::Received { connection: 5, bytes: noise.to_vec() });
        assert!(city.hung_up.take().is_some(), "{noise:?}");
        city.wire.clear();
        city.handle(Input::Closed { connection: 5 });
    }
    let mut device = Node::new(&given, branch(1), PROTOCOL);
    device.write(1);
    meet(&mut device, &mut city, 6);
    assert_eq!(device.frontier(), city.frontier());
}

/// What a segment of everything a peer holds would carry.
fn segment_of(node: &Node) -> Vec<crate::log::SegmentRun> {
    let mut runs = Vec::new();
    for (key, log) in node.peer.ledger.iter() {
        for (number, line) in log.lines().iter().enumerate() {
            for run in node.shelf.runs_after(key, number as u8, line.from.seq, usize::MAX).unwrap() {
                let introduction =
                    (run.first_seq == 1).then(|| node.shelf.introduction(key).unwrap().unwrap());
                runs.push((run, introduction));
            }
        }
    }
    runs
}

#[test]
fn a_segment_with_a_fork_goes_through_the_door_and_leaves_the_session_only_the_tail() {
    let given = Given::nothing();
    let mut city = Node::new(&given, BranchId::CITY, PROTOCOL);
    let mut office = Node::new(&given, branch(1), PROTOCOL);
    (0..30).for_each(|n| office.write(n));
    let mut twin = office.copied(&given, branch(1));
    (30..40).for_each(|n| office.write(n));
    (130..140).for_each(|n| twin.write(n));
    meet(&mut office, &mut city, 1);
    meet(&mut twin, &mut city, 2);
    let sealed = segment_of(&city);
    let changes: usize = sealed.iter().map(|(run, _)| (run.last_seq + 1 - run.first_seq) as usize).sum();
    assert!(changes >= 50);
    (200..203).for_each(|n| office.write(n));
    meet(&mut office, &mut city, 3);

    let mut fresh = Node::new(&given, branch(1), PROTOCOL);
    fresh.handle(Input::Segment { ticket: 1, runs: sealed.clone() });
    assert_eq!(fresh.took_in, changes);
    // Once more: everything is known.
    fresh.handle(Input::Segment { ticket: 2, runs: sealed });
    assert_eq!(fresh.took_in, changes);
    meet(&mut fresh, &mut city, 4);
    assert_eq!(fresh.took_in, changes + 3);
    assert_eq!(fresh.frontier(), city.frontier());
    let at_upstream = fresh.peer.ledger.iter().all(|(key, log)| {
        (0..log.lines().len() as u8).all(|line| {
            let held = fresh.peer.reach(*key, line).upstream.map(|(seq, _)| seq);
            held == Some(log.lines()[usize::from(line)].head.seq)
        })
    });
    assert!(at_upstream, "the comparison tells what the upstream holds");
}

#[test]
fn a_tampered_run_in_a_segment_harms_its_own_line_and_no_other() {
    let given = Given::nothing();
    let mut city = Node::new(&given, BranchId::CITY, PROTOCOL);
    for n in 1..=2 {
        let mut office = Node::new(&given, branch(n), PROTOCOL);
        (0..10).for_each(|n| office.write(n));
        meet(&mut office, &mut city, u64::from(n));
    }
    let mut runs = segment_of(&city);
    let last = runs.last_mut().unwrap();
    last.0.attestation.0[5] ^= 1;
    let spoiled = last.0.key();
    let mut zero = runs[0].clone();
    zero.0.first_seq = 0;
    runs.insert(1, zero);
    let mut fresh = Node::new(&given, branch(3), PROTOCOL);
    fresh.peer.handle(Input::Segment { ticket: 1, runs }, NOW, &fresh.shelf);
    let mut refused = Vec::new();
    let effects: Vec<Effect> = std::iter::from_fn(|| fresh.peer.poll()).collect();
    for effect in effects {
        match effect {
            Effect::Persist { token, batch } => drop(fresh.storing.insert(token, *batch)),
            Effect::Refused { key, here, .. } => refused.push((key, here)),
            _ => {}
        }
    }
    fresh.carry_out();
    assert!(refused.contains(&(spoiled, true)), "{refused:?}");
    meet(&mut fresh, &mut city, 9);
    assert_eq!(fresh.frontier(), city.frontier(), "the session supplies what the file spoiled");
}

#[test]
fn a_revoked_device_hands_in_what_it_holds_and_receives_nothing() {
    let mut given = Given::nothing();
    let device = given.certificate(branch(1)).1.device;
    given.city(crate::domain::DeviceRevoked {
        device,
        key: None,
        reason: "被盗".into(),
        accepted: Vec::new(),
    });
    let rulings = given.history().rulings().clone();
    let admitted = || crate::domain::BranchAdmitted { branch: branch(2), name: "广陈镇".into() };
    // Revoked while it is connected, and before it connects; with a place in the feed and without.
    for (during, with_cursor) in [(true, true), (false, true), (false, false)] {
        let mut city = Node::new(&given, BranchId::CITY, PROTOCOL);
        let mut thief = Node::new(&given, branch(1), PROTOCOL);
        thief.write(600);
        meet(&mut thief, &mut city, 1);
        if !with_cursor {
            thief.peer.cursor = Cursor::default();
        }
        if !during {
            city.peer.follow(&rulings);
            city.draft(Draft::new(BranchId::CITY, admitted()));
        }
        connect(&mut thief, &mut city, 2);
        talk(&mut thief, &mut city, 2);
        city.peer.follow(&rulings);
        city.draft(Draft::new(BranchId::CITY, admitted()));
        thief.write(601);
        talk(&mut thief, &mut city, 2);
        assert_eq!(thief.took_in, 2, "its own changes alone; during {during}, cursor {with_cursor}");
        let own = *thief.peer.ledger.iter().next().unwrap().0;
        assert_eq!(city.peer.ledger.heads_of(own.document).len(), 1);
        assert_eq!(city.peer.ledger.get(&own).unwrap().lines()[0].head.seq, 2, "what it hands in is kept");
        assert!(thief.hung_up.is_none() && city.hung_up.is_none());
    }
}

#[test]
fn a_branch_keeps_no_private_documents_of_another() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 2);
    let private = |node: &Node| node.frontier().0.keys().any(|document| document.branch == branch(2));
    branches[1].check_in();
    let (left, right) = branches.split_at_mut(1);
    meet(&mut right[0], &mut left[0], 1);
    assert!(!private(&left[0]), "another branch's node refuses it");
    meet(&mut right[0], &mut city, 2);
    assert!(private(&city), "the city takes it");
    let sealed = segment_of(&city);
    left[0].handle(Input::Segment { ticket: 1, runs: sealed });
    assert!(!private(&left[0]), "nor does it take it from a segment");
}

#[test]
fn an_answer_about_a_line_that_does_not_exist_is_ignored() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 1);
    branches[0].write(1);
    meet(&mut branches[0], &mut city, 1);
    let key = *city.peer.ledger().iter().next().expect("a log").0;
    connect(&mut branches[0], &mut city, 2);
    for frame in city.wire.drain(..).collect::<Vec<_>>() {
        branches[0].handle(Input::Received { connection: 2, bytes: frame });
    }
    for frame in branches[0].wire.drain(..).collect::<Vec<_>>() {
        city.handle(Input::Received { connection: 2, bytes: frame });
    }
    let nonsense = Frame::Common { key, line: 255, seq: u64::MAX };
    city.handle(Input::Received { connection: 2, bytes: nonsense.encode() });
    assert!(city.hung_up.is_none());
}

#[test]
fn the_citys_word_that_comes_before_the_changes_counts_once_they_come() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 2);
    branches[0].write(1);
    meet(&mut branches[0], &mut city, 1);
    let documents: Vec<DocumentId> = city.frontier().0.keys().copied().collect();
    let statement = city.peer.statements_on(&documents, NOW).remove(0);
    let reader = &mut branches[1];
    reader.peer.hear_city(statement, NOW, &reader.shelf);
    reader.carry_out();
    meet(reader, &mut city, 2);
    let key = *reader.peer.ledger().iter().next().expect("a log").0;
    assert!(reader.peer.reach(key, 0).city > 0);
}

#[test]
fn a_word_of_the_city_with_more_in_it_counts_though_its_clock_was_set_back() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 1);
    branches[0].write(1);
    meet(&mut branches[0], &mut city, 1);
    let documents: Vec<DocumentId> = city.frontier().0.keys().copied().collect();
    let ahead = city.peer.statements_on(&documents, Millis(NOW.0 * 2)).remove(0);
    branches[0].write(2);
    meet(&mut branches[0], &mut city, 2);
    let now = city.peer.statements_on(&documents, NOW).remove(0);
    let reader = &mut branches[0];
    reader.peer.hear_city(ahead.clone(), NOW, &reader.shelf);
    reader.peer.hear_city(now.clone(), NOW, &reader.shelf);
    assert_eq!(reader.peer.statements_on(&documents, NOW).first(), Some(&now));
    reader.peer.hear_city(CityStatement { time: NOW, ..ahead }, NOW, &reader.shelf);
    assert_eq!(reader.peer.statements_on(&documents, NOW), [now], "an old word takes nothing back");
}

#[test]
fn a_word_of_the_city_that_names_one_more_line_says_more_though_that_line_is_short() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 1);
    branches[0].write(1);
    meet(&mut branches[0], &mut city, 1);
    let mut copy = branches[0].copied(&given, branch(1));
    (2..=4).for_each(|n| branches[0].write(n));
    meet(&mut branches[0], &mut city, 2);
    let documents: Vec<DocumentId> = city.frontier().0.keys().copied().collect();
    let ahead = city.peer.statements_on(&documents, Millis(NOW.0 * 2)).remove(0);
    copy.write(20);
    meet(&mut copy, &mut city, 3);
    let now = city.peer.statements_on(&documents, NOW).remove(0);
    assert_eq!((ahead.heads.len(), now.heads.len()), (1, 2));
    assert!(!ahead.covers(&now) && now.covers(&ahead));
}

#[test]
fn what_was_heard_and_could_not_be_kept_is_kept_whole_the_next_time() {
    let given = Given::nothing();
    let (mut city, mut branches) = city_and_branches(&given, 1);
    let device = &mut branches[0];
    device.write(1);
    meet(device, &mut city, 1);
    let mut heard = || {
        device.peer.handle(Input::Tick, NOW, &device.shelf);
        while let Some(effect) = device.peer.poll() {
            if let Effect::Persist { token, batch } = effect {
                device.peer.handle(Input::NotPersisted(token, "the disk is full".into()), NOW, &device.shelf);
                return Some((batch.reach, batch.statements.len(), batch.cursor));
            }
        }
        None
    };
    let first = heard().expect("the city's word and the cursor are news");
    assert!(!first.0.is_empty() && first.2.is_some());
    assert_eq!(heard(), Some(first));
}
