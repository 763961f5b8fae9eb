//! The arbiter at the simulated city: begins a term at each start, takes teachers into the pool, receives
//! claims and decides them at once. After a restore it waits until every branch has reported.

use crate::checker::NodeId;
use crate::network::MILLI;
use crate::node::Kind;
use crate::world::{What, World};
use client_core::decide;
use client_core::event::{ArbiterTerm, Draft, Scope, TeacherApproved};
use client_core::ids::{BranchId, ChangeHash, Entropy};
use std::collections::BTreeSet;

/// A start of the city begins a new term.
pub fn begin_term(world: &mut World, city: NodeId) {
    let now = world.clock(city);
    let entropy = Entropy::new(world.dice.bytes());
    let Some(shell) = world.nodes[city].program.as_mut().and_then(|program| program.shell()) else { return };
    let last = shell.views().requests.term.map_or(0, |(_, number)| number);
    let term = ArbiterTerm { epoch: shell.epoch, number: last + 1, parent: ChangeHash([0; 32]) };
    shell.write(vec![Draft::new(BranchId::CITY, term)], entropy, now);
    world.arbiter_is_due = false;
    wake(world, city, 100);
}

/// It looks at the claims in a moment.
pub fn wake(world: &mut World, city: NodeId, millis: u64) {
    if !std::mem::replace(&mut world.arbiter_is_due, true) {
        let life = world.nodes[city].life;
        world.after(millis * MILLI, What::Arbiter(life));
    }
}

/// Looks at what is open and writes one step of what follows.
pub fn decide(world: &mut World, city: NodeId, life: u32) {
    if !world.lives(city, life) {
        return;
    }
    world.arbiter_is_due = false;
    if !has_heard_all(world, city) {
        return wake(world, city, 1_000);
    }
    let now = world.clock(city);
    let entropy = Entropy::new(world.dice.bytes());
    let id = world.cast.city;
    let Some(shell) = world.nodes[city].program.as_mut().and_then(|program| program.shell()) else { return };
    if shell.is_writing() {
        return wake(world, city, 20);
    }
    let open_to_all = |document: &client_core::event::DocumentId| document.scope != Scope::Private;
    let frontier = shell.peer.ledger().heads(open_to_all).digest(id);
    let views = shell.views();
    let mut drafts: Vec<Draft> = Vec::new();
    for (teacher, entry) in &views.teachers.teachers {
        let courses: Vec<_> = entry.proposed.difference(&entry.approved).copied().collect();
        if !courses.is_empty() {
            drafts.push(Draft::new(BranchId::CITY, TeacherApproved { teacher: *teacher, courses }));
        }
    }
    let receipts = decide::receipts(views, now);
    drafts.extend(receipts.into_iter().map(|event| Draft::new(BranchId::CITY, event)));
    if drafts.is_empty() {
        for decision in decide::decide_now(views, now, frontier) {
            drafts.push(Draft { id: Some(decision.id), ..Draft::new(BranchId::CITY, decision.event) });
        }
    }
    if !drafts.is_empty() {
        let kinds: Vec<String> = drafts.iter().map(|draft| format!("{:?}", draft.event)).collect();
        shell.write(drafts, entropy, now);
        world.note(|| format!("decides {kinds:?}"));
        wake(world, city, 30);
    }
    world.carry_out(city);
}

/// Once put back, the city decides nothing before every branch has brought what it holds.
fn has_heard_all(world: &mut World, city: NodeId) -> bool {
    let branches: Vec<NodeId> =
        (0..world.nodes.len()).filter(|node| world.nodes[*node].kind == Kind::Branch).collect();
    let wanted: BTreeSet<[u8; 16]> = branches.iter().map(|node| world.nodes[*node].device()).collect();
    let nodes: Vec<u64> =
        world.connections.iter().filter(|(_, c)| c.server == city).map(|(id, _)| *id).collect();
    let Some(shell) = world.nodes[city].program.as_mut().and_then(|program| program.shell()) else {
        return false;
    };
    if !shell.was_put_back {
        return true;
    }
    let heard: BTreeSet<[u8; 16]> = nodes
        .iter()
        .filter_map(|connection| shell.peer.session(*connection))
        .filter(|session| session.has_supplied_all())
        .filter_map(|session| session.peer().map(|peer| peer.device.0))
        .collect();
    shell.reported.extend(heard);
    wanted.is_subset(&shell.reported)
}
