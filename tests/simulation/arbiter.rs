//! The arbiter at the simulated city: begins a term at each start, takes teachers into the pool, receives
//! claims and decides them at once. After a restore it waits until every branch has reported, however
//! often it is started meanwhile, and begins its term then.

use crate::checker::NodeId;
use crate::network::MILLI;
use crate::node::Kind;
use crate::world::{What, World};
use client_core::decide::{self, Decision};
use client_core::domain::{ArbiterTerm, Draft, TeacherApproved};
use client_core::event::Scope;
use client_core::ids::{BranchId, ChangeHash, Entropy};
use std::collections::BTreeSet;

/// The city starts.
pub fn start(world: &mut World, city: NodeId) {
    world.arbiter_is_due = false;
    let waits = world.nodes[city].program.as_mut().and_then(|p| p.shell()).is_some_and(|shell| shell.waits);
    if !waits {
        begin_term(world, city);
    }
    wake(world, city, 100);
}

/// A new term, above all decisions it knows.
fn begin_term(world: &mut World, city: NodeId) {
    let now = world.clock(city);
    let entropy = Entropy::new(world.dice.bytes());
    let Some(shell) = world.nodes[city].program.as_mut().and_then(|program| program.shell()) else { return };
    let last = shell.views().requests.term.map_or(0, |(_, number)| number);
    let term = ArbiterTerm { epoch: shell.epoch, number: last + 1, parent: ChangeHash([0; 32]) };
    let known = shell.shared.ranked();
    let decisions = known.filter(|entry| entry.reference.document.scope == Scope::Decisions);
    let above = decisions.map(|entry| entry.stamp).max().unwrap_or_default();
    shell.author.clock_mut().raise(above);
    shell.write(vec![Draft::new(BranchId::CITY, term)], entropy, now);
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
    if waits(world, city) {
        return wake(world, city, 1_000);
    }
    let now = world.clock(city);
    let entropy = Entropy::new(world.dice.bytes());
    let id = world.cast.city;
    let Some(shell) = world.nodes[city].program.as_mut().and_then(|program| program.shell()) else { return };
    if shell.is_writing() {
        return wake(world, city, 20);
    }
    if shell.views().requests.term.is_none_or(|(epoch, _)| epoch != shell.epoch) {
        begin_term(world, city);
        wake(world, city, 20);
        return world.carry_out(city);
    }
    let open_to_all = |document: &client_core::event::DocumentId| document.scope != Scope::Private;
    let frontier = shell.peer.ledger().heads(open_to_all).digest(id);
    let views = shell.views().clone();
    let mut upkeep = decide::upkeep(&shell.shared, &views, shell.peer.ledger());
    upkeep.extend(decide::closings(&shell.private, shell.peer.ledger()));
    let mut drafts: Vec<Draft> = upkeep.into_iter().map(|event| Draft::new(BranchId::CITY, event)).collect();
    drafts.extend(drafts_of(decide::displace(&views, now, frontier)));
    for (teacher, entry) in &views.teachers.teachers {
        let courses: Vec<_> = entry.proposed.difference(&entry.approved).copied().collect();
        if !courses.is_empty() {
            drafts.push(Draft::new(BranchId::CITY, TeacherApproved { teacher: *teacher, courses }));
        }
    }
    let receipts = decide::receipts(&views, now);
    drafts.extend(receipts.into_iter().map(|event| Draft::new(BranchId::CITY, event)));
    if drafts.is_empty() {
        drafts = drafts_of(decide::decide_now(&views, now, frontier));
    }
    if !drafts.is_empty() {
        let kinds: Vec<String> = drafts.iter().map(|draft| format!("{:?}", draft.event)).collect();
        drafts.extend(decide::basis(&shell.shared, &drafts));
        shell.write(drafts, entropy, now);
        world.note(|| format!("decides {kinds:?}"));
        wake(world, city, 30);
    }
    world.carry_out(city);
}

fn drafts_of(decisions: Vec<Decision>) -> Vec<Draft> {
    let draft = |Decision { id, event, supersedes }| Draft {
        id: Some(id),
        supersedes,
        ..Draft::new(BranchId::CITY, event)
    };
    decisions.into_iter().map(draft).collect()
}

/// Once put back, the city decides nothing before every branch has brought what it holds.
fn waits(world: &mut World, city: NodeId) -> bool {
    let branches: Vec<NodeId> =
        (0..world.nodes.len()).filter(|node| world.nodes[*node].kind == Kind::Branch).collect();
    let wanted: BTreeSet<[u8; 16]> = branches.iter().map(|node| world.nodes[*node].device()).collect();
    let nodes: Vec<u64> =
        world.connections.iter().filter(|(_, c)| c.server == city).map(|(id, _)| *id).collect();
    let Some(shell) = world.nodes[city].program.as_mut().and_then(|program| program.shell()) else {
        return true;
    };
    if !shell.waits {
        return false;
    }
    let heard: BTreeSet<[u8; 16]> = nodes
        .iter()
        .filter_map(|connection| shell.peer.session(*connection))
        .filter(|session| session.has_supplied_all())
        .filter_map(|session| session.peer().map(|peer| peer.device.0))
        .collect();
    shell.reported.extend(heard);
    if !wanted.is_subset(&shell.reported) {
        return true;
    }
    let node = &mut world.nodes[city];
    if let Some(shell) = node.program.as_mut().and_then(|program| program.shell()) {
        shell.release(&mut node.disk);
    }
    false
}
