//! The city's side of the world: the world rings when the arbiter is due, the product decides. And its people:
//! the administrator takes teachers into the pool, closes rounds and revokes a device that keeps no rule, the
//! importer brings learners by name.

use crate::cast::{Cast, USER};
use crate::checker::NodeId;
use crate::network::MILLI;
use crate::node::Flavour;
use crate::world::{What, World};
use client_core::domain::{Draft, LearnerRegistered, RevokeDevice, TeacherApproved};
use client_core::ids::{ActionId, BranchId, ChangeHash, LearnerId, PersonId};
use client_core::node::{Actions, SealedField, What as Written, Writer};

/// The field of a learner that is imported.
pub const NAME: &str = "name";

/// Learners of a branch whose names are imported, again and again.
const LEARNERS: u8 = 3;

/// The arbiter looks at what has come in a moment.
pub fn wake(world: &mut World, city: NodeId, millis: u64) {
    if !std::mem::replace(&mut world.arbiter_is_due, true) {
        let life = world.nodes[city].life;
        world.after(millis * MILLI, What::Arbiter(life));
    }
}

/// The administrator approves, the arbiter decides.
pub fn decide(world: &mut World, city: NodeId, life: u32) {
    if !world.lives(city, life) {
        return;
    }
    world.arbiter_is_due = false;
    let now = world.clock(city);
    let Some(replica) = world.replica(city) else { return };
    let mut approvals = Vec::new();
    for (teacher, entry) in &replica.views().teachers.teachers {
        let courses: Vec<_> = entry.proposed.difference(&entry.approved).copied().collect();
        if !courses.is_empty() {
            approvals.push(Draft::new(BranchId::CITY, TeacherApproved { teacher: *teacher, courses }));
        }
    }
    if !replica.node().is_writing() && !approvals.is_empty() {
        let what = Written::Decisions(approvals);
        replica.act(|node, shelf| node.write(0, (Writer::Node, USER), what, now, shelf), now);
    }
    replica.act(|node, shelf| node.decide(0, now, shelf), now);
    world.carry_out(city);
}

/// Somebody at the city does something.
pub fn one(world: &mut World, city: NodeId) {
    match world.dice.below(10) {
        0..5 => import(world, city),
        5..8 => {
            let now = world.clock(city);
            if let Some(replica) = world.replica(city) {
                replica.act(|node, shelf| node.close_round(1, now, shelf), now);
            }
            world.carry_out(city);
        }
        _ => revoke(world, city),
    }
}

/// The learners of a branch that an import may name.
pub fn learners(branch: BranchId) -> impl Iterator<Item = LearnerId> {
    let of_branch = move |n| {
        let mut id = branch.0;
        id[15] = n;
        LearnerId(id)
    };
    (0..LEARNERS).map(of_branch)
}

/// A learner of some branch by a name, which is sealed, in one transaction with the event that announces it.
fn import(world: &mut World, city: NodeId) {
    let branch = Cast::branch(1 + world.dice.below(3) as u8);
    let learners: Vec<LearnerId> = learners(branch).collect();
    let Some(learner) = world.dice.pick(&learners).copied() else { return };
    let value = format!("示例{}", world.dice.below(1_000));
    let (now, action) = (world.clock(city), ActionId(world.dice.bytes()));
    let registered =
        LearnerRegistered { learner, group: "一组".into(), sealed: ChangeHash(world.dice.bytes()) };
    let field = SealedField { branch, person: PersonId::from(learner), field: NAME.into(), value };
    let drafts = vec![(action, vec![Draft::new(branch, registered)])];
    let what = Written::Actions(Actions { drafts, fields: vec![field], at: None });
    if let Some(replica) = world.replica(city) {
        replica.act(|node, shelf| node.write(2, (Writer::Importer, USER), what, now, shelf), now);
    }
    world.carry_out(city);
}

/// A device that keeps no rule is revoked, once; what the city holds of it at that moment is accepted.
fn revoke(world: &mut World, city: NodeId) {
    let rogue = world.nodes.iter().find(|node| node.flavour == Flavour::Rogue);
    let Some(certificate) = rogue.map(|node| node.identity.certificate().clone()) else { return };
    if std::mem::replace(&mut world.has_revoked, true) {
        return;
    }
    let (device, key) = (certificate.device, Some(certificate.key));
    let revoke = RevokeDevice { device, key, reason: "被盗".into(), accepted: None };
    let (now, what) = (world.clock(city), Written::Command(Box::new(revoke.into())));
    if let Some(replica) = world.replica(city) {
        replica.act(|node, shelf| node.write(3, (Writer::Node, USER), what, now, shelf), now);
    }
    world.carry_out(city);
}
