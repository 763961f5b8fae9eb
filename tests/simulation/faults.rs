//! Faults: what goes wrong, when and for how long; and how each begins and ends.

use crate::checker::NodeId;
use crate::disk::Disk;
use crate::malice::Liar;
use crate::network::{Line, MILLI, SECOND, Time};
use crate::node::{Flavour, Kind, Node};
use crate::world::World;
use std::collections::BTreeSet;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident $word:literal,)+) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name,)+ }

        impl Fault {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

faults! {
    /// A connection breaks, whatever is on it.
    Cut "cut",
    /// What was sent on an old connection arrives after what is sent on the new one.
    Reorder "reorder",
    /// Nobody reaches a node.
    Partition "partition",
    /// A slow line that loses packets.
    Loss "loss",
    /// Power fails; the end of the disk may be torn.
    Crash "crash",
    /// A disk is put back from an older copy.
    Restore "restore",
    /// Two copies of a device run on.
    Clone "clone",
    /// A clock jumps, up to ten years.
    Clock "clock",
    /// A peer of the protocol before, and one that nobody knows.
    Old "old",
    /// Nothing can be written for a while.
    Full "full",
    /// A branch node is replaced by an empty one with the same certificate.
    Empty "empty",
    /// The city is put back from an old copy.
    Backup "backup",
    /// An enrolled device keeps no rule.
    Malice "malice",
    /// A branch node lies to those below it.
    Liar "liar",
    /// A device of one branch speaks of what others own, back-dated too.
    Usurp "usurp",
    /// A device writes the least, the greatest, the longest and the odd into fields of every kind.
    Extreme "extreme",
    /// A device writes an id again with other bytes.
    Rewrite "rewrite",
}

impl Fault {
    /// What a device may make a habit of.
    pub const HABITS: [Self; 3] = [Self::Usurp, Self::Extreme, Self::Rewrite];

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.word() == word)
    }

    /// Whether it strikes at a moment; the others are there from the start.
    pub fn strikes(self) -> bool {
        !matches!(self, Self::Old | Self::Malice | Self::Liar) && !Self::HABITS.contains(&self)
    }
}

/// One fault of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub fault: Fault,
    pub at: Time,
    pub lasts: Time,
    /// The node it struck, once it did.
    pub node: Option<NodeId>,
}

/// Five to nine faults of at least three kinds, where so many are allowed.
pub fn plan(world: &mut World, allowed: &BTreeSet<Fault>, duration: Time) -> Vec<Planned> {
    let mut kinds: Vec<Fault> = allowed.iter().copied().filter(|fault| fault.strikes()).collect();
    if world.nodes.iter().any(|node| node.liar.is_some()) {
        // Who brings back what the city lost must not be a liar.
        kinds.retain(|fault| *fault != Fault::Backup);
    }
    if kinds.is_empty() {
        return Vec::new();
    }
    let first = world.dice.below(kinds.len() as u64) as usize;
    kinds.rotate_left(first);
    let count = world.dice.between(5, 9) as usize;
    let mut plan: Vec<Planned> = (0..count)
        .map(|n| {
            let fault = match n {
                0..3 => kinds[(n * kinds.len() / 3) % kinds.len()],
                _ => kinds[world.dice.below(kinds.len() as u64) as usize],
            };
            let at = duration / 10 + world.dice.below(duration * 8 / 10);
            Planned { fault, at, lasts: world.dice.between(200, 25_000) * MILLI, node: None }
        })
        .collect();
    plan.sort_by_key(|planned| planned.at);
    plan
}

/// A fault begins. Gives back the node it struck, if there was one to strike.
pub fn strike(world: &mut World, fault: Fault) -> Option<NodeId> {
    match fault {
        Fault::Cut => {
            let open: Vec<u64> =
                world.connections.iter().filter(|(_, c)| !c.cut).map(|(id, _)| *id).collect();
            let id = *world.dice.pick(&open)?;
            let node = world.connections[&id].client;
            world.cut(id);
            Some(node)
        }
        Fault::Reorder => {
            let node = pick(world, |node| node.link.is_some())?;
            set_line(world, node, Line { round_trip: 4 * SECOND, ..Line::GOOD });
            Some(node)
        }
        Fault::Partition => {
            let node = pick(world, |_| true)?;
            world.nodes[node].cut_off = true;
            let of_node: Vec<u64> = connections_of(world, node);
            of_node.into_iter().for_each(|id| world.cut(id));
            Some(node)
        }
        Fault::Loss => {
            let node = pick(world, |node| node.upstream.is_some())?;
            let line = Line {
                rate: world.dice.between(4_000, 64_000),
                round_trip: world.dice.between(50, 600) * MILLI,
                loss_permille: world.dice.between(10, 200),
            };
            set_line(world, node, line);
            Some(node)
        }
        Fault::Crash => {
            let node = pick(world, |node| node.flavour != Flavour::Rogue)?;
            world.stop(node);
            let mut dice = world.dice.clone();
            world.dice.next();
            world.nodes[node].disk.crash(&mut dice);
            remember(world, node);
            world.checker.content_was_lost();
            Some(node)
        }
        Fault::Restore => {
            let node = pick(world, |node| {
                node.kind != Kind::City && node.flavour != Flavour::Rogue && !node.copies.is_empty()
            })?;
            let told = world.dice.chance(50);
            put_back(world, node, told);
            Some(node)
        }
        Fault::Backup => {
            let node = pick(world, |node| node.kind == Kind::City && !node.copies.is_empty())?;
            put_back(world, node, true);
            Some(node)
        }
        Fault::Empty => {
            let node = pick(world, |node| node.kind == Kind::Branch && node.liar.is_none())?;
            world.stop(node);
            world.nodes[node].disk = Disk::default();
            world.nodes[node].put_back_untold = false;
            lost_content(world, node);
            Some(node)
        }
        Fault::Clone => {
            let node = pick(world, |node| node.kind == Kind::Device && node.flavour != Flavour::Rogue)?;
            let original = &world.nodes[node];
            let name = format!("{}'", original.name);
            let mut copy =
                Node::new(name, Kind::Device, original.flavour, original.identity.clone(), original.upstream);
            copy.disk = original.disk.copy();
            copy.protocol = original.protocol;
            copy.own_events = original.own_events.clone();
            let copy = world.add(copy);
            world.start(copy);
            write_apart(world, &[node, copy]);
            Some(node)
        }
        Fault::Clock => {
            let node = pick(world, |node| node.flavour != Flavour::Rogue)?;
            const TEN_YEARS: u64 = 10 * 365 * 86_400_000;
            let largest = if world.dice.chance(50) { TEN_YEARS } else { 3_600_000 };
            let jump = world.dice.below(largest) as i64;
            world.checker.truth.clocks_are_right = false;
            world.nodes[node].clock = if world.dice.chance(50) { jump } else { -jump };
            Some(node)
        }
        Fault::Full => {
            let node = pick(world, |node| node.flavour != Flavour::Rogue)?;
            world.nodes[node].disk.full = true;
            Some(node)
        }
        Fault::Old | Fault::Malice | Fault::Liar => None,
        Fault::Usurp | Fault::Extreme | Fault::Rewrite => None,
    }
}

/// A fault ends.
pub fn heal(world: &mut World, fault: Fault, node: NodeId) {
    match fault {
        Fault::Reorder => {
            set_line(world, node, Line::GOOD);
            if let Some(link) = world.nodes[node].link {
                // The client gives up at once; what it sent is still on its way.
                world.close_end(link, false);
                let life = world.nodes[node].life;
                world.after(MILLI, crate::world::What::Dial(node, life));
            }
        }
        Fault::Partition => world.nodes[node].cut_off = false,
        Fault::Loss => set_line(world, node, Line::GOOD),
        Fault::Restore => {
            world.start(node);
            write_apart(world, &[node]);
        }
        Fault::Crash | Fault::Backup | Fault::Empty => world.start(node),
        Fault::Clock => world.nodes[node].clock = 0,
        Fault::Full => world.nodes[node].disk.full = false,
        Fault::Cut | Fault::Clone | Fault::Old | Fault::Malice | Fault::Liar => {}
        Fault::Usurp | Fault::Extreme | Fault::Rewrite => {}
    }
}

/// Copies mostly write before they hear of each other.
fn write_apart(world: &mut World, nodes: &[NodeId]) {
    for node in nodes {
        for _ in 0..world.dice.below(4) {
            crate::deeds::one(world, *node);
        }
    }
}

/// A liar is found out: an empty, honest node takes its place.
pub fn replace_liar(world: &mut World, node: NodeId) {
    world.stop(node);
    world.nodes[node].liar = None;
    world.nodes[node].disk = Disk::default();
    world.checker.nodes[node].honest = true;
    lost_content(world, node);
}

/// Makes a branch node a liar.
pub fn corrupt(world: &mut World, node: NodeId) {
    let seed = world.dice.next();
    world.nodes[node].liar = Some(Liar::new(seed));
    world.checker.nodes[node].honest = false;
}

fn put_back(world: &mut World, node: NodeId, told: bool) {
    world.stop(node);
    let copies = world.nodes[node].copies.clone();
    let mut copy = world.dice.pick(&copies).cloned().unwrap_or_default();
    if told {
        // The file beside the store is of a later moment than the copy.
        copy.marker = Some(world.dice.next() >> 1);
    }
    world.nodes[node].disk = copy;
    world.nodes[node].put_back_untold = !told;
    lost_content(world, node);
}

fn lost_content(world: &mut World, node: NodeId) {
    world.names_may_be_lost |= world.nodes[node].kind != Kind::Device;
    remember(world, node);
    world.checker.forget_epoch(node);
    world.checker.content_was_lost();
}

/// The checker looks at a disk anew.
fn remember(world: &mut World, node: NodeId) {
    let batches = world.nodes[node].disk.batches();
    world.checker.changed(node, &batches);
}

fn pick(world: &mut World, wanted: impl Fn(&Node) -> bool) -> Option<NodeId> {
    let fitting: Vec<NodeId> = (0..world.nodes.len())
        .filter(|node| world.nodes[*node].is_running() && wanted(&world.nodes[*node]))
        .collect();
    world.dice.pick(&fitting).copied()
}

fn connections_of(world: &World, node: NodeId) -> Vec<u64> {
    let of_node = world.connections.iter().filter(|(_, c)| c.client == node || c.server == node);
    of_node.map(|(id, _)| *id).collect()
}

fn set_line(world: &mut World, node: NodeId, line: Line) {
    world.nodes[node].line = line;
    for connection in world.connections.values_mut().filter(|connection| connection.client == node) {
        connection.up.line = line;
        connection.down.line = line;
    }
}
