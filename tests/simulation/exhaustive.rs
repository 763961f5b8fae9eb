//! Small scopes, all of them: two devices and one node, every sequence of few steps, each state once.

use crate::checker::{Checker, Truth, readers};
use crate::deeds;
use crate::disk::Disk;
use crate::network::MILLI;
use crate::node::{Flavour, Kind, Node};
use crate::world::{What, World};
use client_core::domain::{BranchProfile, Draft};
use client_core::ids::BranchId;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

const NODE: usize = 0;
const DEVICES: [usize; 2] = [1, 2];

/// One thing that can happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A device writes.
    Write(usize),
    /// Power fails while it writes.
    Torn(usize),
    /// A device and the node say all they have to say.
    Meet(usize),
    /// The line breaks after so many frames.
    Cut(usize, u64),
    /// A disk is put back to what it was before its last step; nothing tells the program.
    PutBack(usize),
    /// The second device becomes a copy of the first.
    Clone,
    /// The node is replaced by an empty one.
    Empty,
}

fn steps() -> Vec<Step> {
    let of_device = |device: usize| {
        [
            Step::Write(device),
            Step::Torn(device),
            Step::Meet(device),
            Step::Cut(device, 3),
            Step::Cut(device, 6),
            Step::PutBack(device),
        ]
    };
    let mut steps: Vec<Step> = DEVICES.into_iter().flat_map(of_device).collect();
    steps.extend([Step::Clone, Step::Empty, Step::PutBack(NODE)]);
    steps
}

/// Everything there is between two steps: what is on the disks.
#[derive(Clone, Default)]
struct State {
    disks: [Disk; 3],
    before: [Option<Disk>; 3],
    /// How often each disk was written to, for fresh randomness.
    counts: [u64; 3],
    is_cloned: bool,
}

impl State {
    /// Equal where nothing that could happen differs.
    fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update([u8::from(self.is_cloned)]);
        for disk in self.disks.iter().chain(self.before.iter().flatten()) {
            for (key, value) in disk.records() {
                if !key.starts_with("marker") {
                    hasher.update(key.as_bytes());
                    hasher.update(value);
                }
            }
            hasher.update([0xff]);
        }
        hasher.finalize().into()
    }
}

/// What the exploration came to.
#[derive(Default)]
pub struct Explored {
    pub states: usize,
    pub paths: usize,
    pub violations: Vec<String>,
}

/// Explores every sequence of at most `depth` steps.
pub fn explore(depth: usize) -> Explored {
    let mut explored = Explored::default();
    let mut truth = Truth::default();
    let mut known = BTreeSet::new();
    let mut front = vec![(State::default(), Vec::new())];
    for _ in 0..depth {
        let mut next = Vec::new();
        for (state, path) in front {
            for step in steps() {
                explored.paths += 1;
                let Some(after) = take(&state, step, &mut truth, &mut explored.violations) else { continue };
                if !known.insert(after.hash()) {
                    continue;
                }
                let path: Vec<Step> = path.iter().copied().chain([step]).collect();
                if let Some(wrong) = check(&after, &mut truth) {
                    explored.violations.push(format!("{path:?}: {wrong}"));
                    if explored.violations.len() > 10 {
                        return explored;
                    }
                }
                next.push((after, path));
            }
        }
        front = next;
    }
    explored.states = known.len();
    explored
}

/// A world over the disks of a state, none of its programs running.
fn world(state: &State, seed: u64, truth: &mut Truth) -> World {
    let mut world = World::new(seed);
    world.checker = Checker::new(world.cast.city_public);
    world.checker.truth = std::mem::take(truth);
    (world.bare, world.healed, world.quiet) = (true, true, true);
    let arbiter = world.cast.arbiter.clone();
    world.add(Node::new("node".into(), Kind::City, Flavour::Free, arbiter, None));
    for device in DEVICES {
        let number = if state.is_cloned { 1 } else { device as u8 };
        let identity = world.cast.device(number, None, 1);
        world.add(Node::new(format!("device {device}"), Kind::Device, Flavour::Free, identity, None));
    }
    for (node, disk) in state.disks.iter().enumerate() {
        world.nodes[node].disk = disk.clone();
        // Whoever puts a disk back here puts the marker back with it.
        world.nodes[node].put_back_untold = true;
    }
    world
}

fn take(state: &State, step: Step, truth: &mut Truth, violations: &mut Vec<String>) -> Option<State> {
    let mut after = state.clone();
    match step {
        Step::PutBack(node) => {
            after.disks[node] = after.before[node].take()?;
            return Some(after);
        }
        Step::Clone => {
            if std::mem::replace(&mut after.is_cloned, true) {
                return None;
            }
            after.disks[2] = after.disks[1].clone();
            after.before[2] = None;
            return Some(after);
        }
        Step::Empty => {
            after.disks[NODE] = Disk::default();
            return Some(after);
        }
        Step::Write(_) | Step::Torn(_) | Step::Meet(_) | Step::Cut(..) => {}
    }
    let (device, cut_after) = match step {
        Step::Write(device) | Step::Torn(device) => (device, None),
        Step::Cut(device, frames) => (device, Some(frames)),
        Step::Meet(device) => (device, Some(u64::MAX)),
        _ => return None,
    };
    after.counts[device] += 1;
    let seed = (device as u64) << 32 | after.counts[device];
    let mut world = world(&after, seed, truth);
    match cut_after {
        None => {
            world.start(device);
            write(&mut world, device);
            if matches!(step, Step::Torn(_)) {
                world.stop(device);
                let mut dice = world.dice.clone();
                world.nodes[device].disk.crash(&mut dice);
            } else {
                let until = world.now + 20 * MILLI;
                run(&mut world, until, u64::MAX);
            }
        }
        Some(frames) => meet(&mut world, device, frames),
    }
    for (node, before) in [(device, true), (NODE, cut_after.is_some())] {
        if before {
            after.before[node] = Some(state.disks[node].clone());
            after.disks[node] = world.nodes[node].disk.copy();
        }
    }
    violations.extend(world.checker.violations.drain(..).map(|text| format!("{step:?}: {text}")));
    *truth = world.checker.truth;
    Some(after)
}

fn write(world: &mut World, device: usize) {
    let branch = world.nodes[device].branch;
    let registered = world.dice.next() as u32;
    let profile = BranchProfile { name: "示例镇".into(), registered };
    deeds::write(world, device, vec![Draft::new(branch, profile)]);
}

fn meet(world: &mut World, device: usize, frames: u64) {
    world.nodes[device].upstream = Some(NODE);
    world.start(NODE);
    world.start(device);
    let until = world.now + 2500 * MILLI;
    run(world, until, frames);
    world.stop(device);
    world.stop(NODE);
    world.nodes[device].upstream = None;
}

/// Runs until a time, or until so many frames were put on a line and it breaks.
fn run(world: &mut World, until: u64, frames: u64) {
    let begin = world.frames;
    while let Some(what) = world.next(until) {
        if world.frames - begin >= frames && matches!(what, What::Frame { .. }) {
            return;
        }
        world.happen(what);
    }
}

/// All meet a few times: then all hold all that was durable anywhere, each actor's lines whole.
fn check(state: &State, truth: &mut Truth) -> Option<String> {
    let mut world = world(state, 7, truth);
    for node in 0..3 {
        let batches = world.nodes[node].disk.batches();
        world.checker.changed(node, &batches);
    }
    let mut all = BTreeSet::new();
    for node in &world.checker.nodes {
        all.extend(node.holdings.durable.iter().copied());
    }
    for device in [1, 2, 1, 2, 1] {
        meet(&mut world, device, u64::MAX);
    }
    let shared = [readers(&client_core::event::DocumentId::new(
        client_core::event::Scope::Shared,
        BranchId::CITY,
        client_core::time::Quarter { year: 2026, quarter: 4 },
    ))];
    let held = &world.checker.nodes[NODE].holdings.durable;
    let lost = all.iter().filter(|hash| !held.contains(hash)).count();
    let apart: Vec<usize> =
        DEVICES.into_iter().filter(|device| !world.checker.same_as_city(*device, NODE, &shared)).collect();
    let wrong = world.checker.violations.first().cloned();
    *truth = world.checker.truth;
    match (wrong, lost, apart.as_slice()) {
        (Some(wrong), _, _) => Some(wrong),
        (None, 0, []) => None,
        (None, lost, apart) => Some(format!("{lost} changes are not at the node; devices {apart:?} differ")),
    }
}
