//! Segments that are too much for one transaction, and a store that cannot be read while one is taken in.

use super::super::*;
use super::node::{NOW, Node, meet};
use super::refusing::Broken;
use super::segment_of;
use crate::domain::{BranchProfile, Draft};
use crate::given::{Given, branch};
use crate::ids::BranchId;
use crate::sync::PROTOCOL;

#[test]
fn what_unpacks_to_much_is_made_durable_in_parts() {
    let given = Given::nothing();
    let mut city = Node::new(&given, BranchId::CITY, PROTOCOL);
    let mut office = Node::new(&given, branch(1), PROTOCOL);
    // It packs to next to nothing.
    let name = "甲".repeat(20_000);
    for registered in 0..200 {
        office.draft(Draft::new(branch(1), BranchProfile { name: name.clone(), registered }));
    }
    meet(&mut office, &mut city, 1);
    let sealed = segment_of(&city);
    let mut fresh = Node::new(&given, branch(1), PROTOCOL);
    fresh.peer.handle(Input::Segment { ticket: 1, runs: sealed.clone() }, NOW, &fresh.shelf);
    let effects: Vec<Effect> = std::iter::from_fn(|| fresh.peer.poll()).collect();
    let [Effect::Persist { token, batch }] = &effects[..] else { panic!("not one batch: {effects:?}") };
    assert!(batch.runs.len() < sealed.len(), "all of it is held at once");
    fresh.storing.insert(*token, (**batch).clone());
    fresh.carry_out();
    assert_eq!(fresh.took_in, 200);
}

#[test]
fn a_store_that_cannot_be_read_is_nobodys_fault_and_the_segment_is_kept() {
    let given = Given::nothing();
    let mut office = Node::new(&given, branch(1), PROTOCOL);
    (0..5).for_each(|n| office.write(n));
    let mut twin = office.copied(&given, branch(1));
    (5..9).for_each(|n| office.write(n));
    (105..107).for_each(|n| twin.write(n));
    // Where its line parts has to be looked up.
    office.peer.handle(Input::Segment { ticket: 1, runs: segment_of(&twin) }, NOW, &Broken);
    let effects: Vec<Effect> = std::iter::from_fn(|| office.peer.poll()).collect();
    assert!(matches!(&effects[..], [Effect::SegmentTaken { outcome: Err(_), .. }]), "{effects:?}");
}
