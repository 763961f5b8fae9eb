//! The arbiter at the simulated city: the world rings when it is due, the product decides. And the
//! administrator, who takes every teacher that is proposed into the pool.

use crate::cast::USER;
use crate::checker::NodeId;
use crate::network::MILLI;
use crate::world::{What, World};
use client_core::domain::{Draft, TeacherApproved};
use client_core::ids::BranchId;
use client_core::node::{What as Written, Writer};

/// The city starts.
pub fn start(world: &mut World, city: NodeId) {
    world.arbiter_is_due = false;
    let now = world.clock(city);
    if let Some(replica) = world.replica(city) {
        replica.act(|node, shelf| node.look_back(now, shelf), now);
    }
}

/// It looks at what has come in a moment.
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
