//! Figures over simulated lines: bad lines, cuts at any moment, nothing new, little new, and everybody
//! back at once.

use crate::cast::{Cast, Identity};
use crate::checker::NodeId;
use crate::network::{Line, MILLI, SECOND, Time};
use crate::node::{Flavour, Kind, Node};
use crate::world::{What, World};
use client_core::domain::{AttendanceCheckedIn, CheckIn, Draft, SessionTaught};
use client_core::identity::Role;
use client_core::ids::{BranchId, ClassId, LearnerId};
use client_core::replica::Replica;
use client_core::time::{Day, Slot};

const CITY: NodeId = 0;

/// A city, nothing else yet; no arbiter.
fn city(seed: u64) -> World {
    let mut world = World::new(seed);
    (world.bare, world.healed) = (true, true);
    let arbiter = world.cast.arbiter.clone();
    world.add(Node::new("city".into(), Kind::City, Flavour::Free, arbiter, None));
    world.start(CITY);
    world
}

fn device(world: &mut World, identity: Identity, line: Line) -> NodeId {
    let mut node = Node::new("device".into(), Kind::Device, Flavour::Free, identity, None);
    node.line = line;
    let node = world.add(node);
    world.start(node);
    node
}

fn check_in(world: &mut World, branch: BranchId) -> Draft {
    let at = world.clock(CITY);
    let (session, learner) = (ClassId([7; 16]), LearnerId(world.dice.bytes()));
    Draft::new(branch, AttendanceCheckedIn { session, learner, at, how: CheckIn::Scan })
}

fn taught(world: &mut World, branch: BranchId, day: Day) -> Draft {
    let session = ClassId(world.dice.bytes());
    let slot = Slot { day, start_minute: 540, duration_minutes: 90 };
    let taught = SessionTaught {
        session,
        ledger_code: "0001".into(),
        course: None,
        teacher: None,
        slot,
        headcount: 30,
        online: false,
    };
    Draft::new(branch, taught)
}

/// Lets time pass; `false` once nothing is left to happen before `until`.
fn run(world: &mut World, until: Time, mut stop: impl FnMut(&mut World) -> bool) -> bool {
    while let Some(what) = world.next(until) {
        world.happen(what);
        if stop(world) {
            return true;
        }
    }
    false
}

fn run_for(world: &mut World, time: Time) {
    let until = world.now + time;
    run(world, until, |_| false);
}

fn replica(world: &mut World, node: NodeId) -> &mut Replica {
    world.replica(node).expect("every node here keeps the rules")
}

/// Writes offline, a change each.
fn write_offline(world: &mut World, node: NodeId, drafts: Vec<Vec<Draft>>) {
    for drafts in drafts {
        crate::deeds::write(world, node, drafts);
        while replica(world, node).node().is_writing() {
            run_for(world, 2 * MILLI);
        }
    }
}

fn connect(world: &mut World, node: NodeId) {
    world.nodes[node].upstream = Some(CITY);
    let life = world.nodes[node].life;
    world.after(0, What::Dial(node, life));
}

/// Everything the device wrote is durable at its upstream, and it was told so.
fn is_durable(world: &mut World, node: NodeId) -> bool {
    let own = replica(world, node).certificate().device;
    let peer = replica(world, node).node().peer();
    let reached = peer.reached();
    let mut logs = peer.ledger().iter().filter(|(_, log)| log.author.device == own);
    logs.all(|(key, log)| {
        let upstream = reached.get(*key, 0).upstream.map_or(0, |(seq, _)| seq);
        upstream >= log.lines()[0].head.seq
    })
}

/// A figure with what it may be at most.
pub struct Figure {
    pub what: &'static str,
    pub value: f64,
    pub most: f64,
}

/// All figures.
pub fn figures(crowd: usize) -> Vec<Figure> {
    let mut figures = vec![offline_events(), resent_after_cuts()];
    figures.push(over_the_worst_line(60, "10,000 events, 32 kbit/s, cut every minute: s"));
    figures.push(over_a_line_of_seconds());
    figures.push(over_the_worst_line(5, "10,000 events, 32 kbit/s, cut after 5 s each time: s"));
    figures.extend(nothing_new());
    figures.extend(little_new(100_000));
    figures.extend(all_at_once(50));
    figures.extend(all_at_once(crowd));
    figures
}

/// Those that take little time.
#[cfg(test)]
pub fn quick_figures() -> Vec<Figure> {
    let mut figures = vec![offline_events(), over_a_line_of_seconds()];
    figures.extend(nothing_new());
    figures.extend(all_at_once(50));
    figures
}

fn with_offline_events(line: Line, count: usize, seed: u64) -> (World, NodeId) {
    let mut world = city(seed);
    let identity = world.cast.device(1, None, 1);
    let branch = identity.certificate().branch;
    let node = device(&mut world, identity, line);
    let drafts = (0..count).map(|_| vec![check_in(&mut world, branch)]).collect();
    write_offline(&mut world, node, drafts);
    (world, node)
}

/// 1,000 events over 256 kbit/s, 300 ms and 5 % loss: seconds until durable, the slowest of ten tries.
fn offline_events() -> Figure {
    let line = Line { rate: 32_000, round_trip: 300 * MILLI, loss_permille: 50 };
    let slowest = (0..10).map(|seed| {
        let (mut world, node) = with_offline_events(line, 1_000, seed);
        world.healed = false;
        let begin = world.now;
        connect(&mut world, node);
        run(&mut world, begin + 120 * SECOND, |world| is_durable(world, node));
        (world.now - begin) as f64 / SECOND as f64
    });
    let value = slowest.fold(0.0, f64::max);
    Figure { what: "1,000 events, 256 kbit/s, 300 ms, 5 % loss: s", value, most: 10.0 }
}

/// 10,000 events over 32 kbit/s, cut whenever the line has stood for so many seconds: seconds until durable.
fn over_the_worst_line(stands: u64, what: &'static str) -> Figure {
    let line = Line { rate: 4_000, round_trip: 300 * MILLI, loss_permille: 50 };
    let (mut world, node) = with_offline_events(line, 10_000, 3);
    world.healed = false;
    let begin = world.now;
    connect(&mut world, node);
    while world.now - begin < 3_600 * SECOND {
        let until = world.now + 100 * MILLI;
        if run(&mut world, until, |world| is_durable(world, node)) {
            break;
        }
        let link = world.nodes[node].link.and_then(|id| Some((id, world.connections.get(&id)?.since)));
        if let Some((id, since)) = link
            && world.now - since >= stands * SECOND
        {
            world.cut(id);
        }
    }
    let value = (world.now - begin) as f64 / SECOND as f64;
    Figure { what, value, most: 3_599.0 }
}

/// Without smaller chunks after a cut, and a next try that comes soon after a line that carried something,
/// this never ends.
fn over_a_line_of_seconds() -> Figure {
    over_the_worst_line(3, "10,000 events, 32 kbit/s, cut after 3 s each time: s")
}

/// Cut once, at every 50 ms of the transfer: the most chunks that travelled twice.
fn resent_after_cuts() -> Figure {
    let line = Line { rate: 32_000, round_trip: 300 * MILLI, loss_permille: 0 };
    let chunks = |cut: Option<Time>| {
        let (mut world, node) = with_offline_events(line, 1_000, 4);
        world.healed = false;
        let begin = world.now;
        connect(&mut world, node);
        if let Some(cut) = cut {
            run(&mut world, begin + cut, |_| false);
            if let Some(link) = world.nodes[node].link {
                world.cut(link);
            }
        }
        run(&mut world, begin + 120 * SECOND, |world| is_durable(world, node));
        assert!(is_durable(&mut world, node), "a cut at {cut:?} µs and it never ended");
        (world.sent_again, world.now - begin)
    };
    let (_, whole) = chunks(None);
    let moments = (1..).map(|n| n * 50 * MILLI).take_while(|cut| *cut < whole);
    let most = moments.map(|cut| chunks(Some(cut)).0).max().unwrap_or(0);
    Figure { what: "cut at any moment: chunks sent twice", value: most as f64, most: 1.0 }
}

/// 8 branches × 24 documents, nothing new: bytes both ways, and round trips from the challenge on.
fn nothing_new() -> [Figure; 2] {
    let mut world = city(5);
    let today = world.clock(CITY).day();
    let mut nodes = Vec::new();
    for n in 1..=8 {
        let identity = world.cast.branch_node(n);
        let branch = identity.certificate().branch;
        let node = device(&mut world, identity, Line::GOOD);
        let drafts = (0..24).map(|n| vec![taught(&mut world, branch, today.plus(-91 * n))]).collect();
        write_offline(&mut world, node, drafts);
        connect(&mut world, node);
        nodes.push(node);
    }
    run_for(&mut world, 60 * SECOND);
    let documents = replica(&mut world, nodes[0]).node().peer().ledger().len();
    assert!(documents >= 8 * 24, "{documents} documents came");
    world.quiet = true;
    let all: Vec<u64> = world.connections.keys().copied().collect();
    all.into_iter().for_each(|id| world.cut(id));
    run_for(&mut world, SECOND);
    let (bytes, frames) = (world.bytes, world.frames);
    let begin = world.now;
    connect(&mut world, nodes[0]);
    run(&mut world, begin + SECOND, |world| replica(world, nodes[0]).line().caught_up);
    let trips = (world.now - begin).div_ceil(Line::GOOD.round_trip) - 1;
    run_for(&mut world, 5 * SECOND);
    assert!(world.frames - frames <= 6, "{} frames", world.frames - frames);
    [
        Figure {
            what: "nothing new, 8 branches × 24 documents: bytes both ways",
            value: (world.bytes - bytes) as f64,
            most: 2048.0,
        },
        Figure {
            what: "nothing new: round trips after the accepting side's greeting",
            value: trips as f64,
            most: 1.0,
        },
    ]
}

/// 50 new events on a long history: bytes up and down beside their compressed size, and round trips.
fn little_new(history: usize) -> [Figure; 2] {
    let mut world = city(6);
    let identity = world.cast.device(1, None, 1);
    let branch = identity.certificate().branch;
    let node = device(&mut world, identity, Line::GOOD);
    let drafts = (0..history / 100).map(|_| (0..100).map(|_| check_in(&mut world, branch)).collect());
    let drafts = drafts.collect();
    write_offline(&mut world, node, drafts);
    connect(&mut world, node);
    run_for(&mut world, 60 * SECOND);
    assert!(is_durable(&mut world, node), "the history is at the city");
    world.quiet = true;
    let all: Vec<u64> = world.connections.keys().copied().collect();
    all.into_iter().for_each(|id| world.cut(id));
    run_for(&mut world, SECOND);
    world.nodes[node].upstream = None;
    let drafts: Vec<_> = (0..50).map(|_| vec![check_in(&mut world, branch)]).collect();
    write_offline(&mut world, node, drafts);
    let compressed = compressed_size(&mut world, node);
    let bytes = world.bytes;
    let begin = world.now;
    connect(&mut world, node);
    run(&mut world, begin + SECOND, |world| is_durable(world, node));
    let trips = (world.now - begin).div_ceil(Line::GOOD.round_trip);
    run_for(&mut world, 2 * SECOND);
    [
        Figure {
            what: "50 new events on 100,000: bytes both ways beyond 1.3 × compressed",
            value: (world.bytes - bytes) as f64 - 1.3 * compressed as f64,
            most: 1024.0,
        },
        Figure { what: "50 new events on 100,000: round trips", value: trips as f64, most: 2.0 },
    ]
}

/// The bytes of the last 50 changes as one run.
fn compressed_size(world: &mut World, node: NodeId) -> usize {
    use client_core::log::{Run, Shelf};
    let replica = replica(world, node);
    let (key, log) = replica.node().peer().ledger().iter().next().expect("there is one log");
    let after = log.lines()[0].head.seq - 50;
    let runs = replica.shelf().runs_after(key, 0, after, usize::MAX).expect("a shelf in memory can be read");
    Run::join(&runs).expect("its runs can be joined").map_or(0, |run| run.bytes.len())
}

/// So many devices come back at once, each with 20 events: seconds until the last is durable, and until
/// the first is, so that nobody starves; and how much one connection may hold.
fn all_at_once(count: usize) -> [Figure; 2] {
    let mut world = city(8);
    let line = Line { rate: 125_000, round_trip: 100 * MILLI, loss_permille: 10 };
    let mut nodes = Vec::new();
    for n in 0..count {
        let identity = newcomer(&world.cast, n as u16);
        let branch = identity.certificate().branch;
        let node = device(&mut world, identity, line);
        let drafts = vec![(0..20).map(|_| check_in(&mut world, branch)).collect()];
        write_offline(&mut world, node, drafts);
        nodes.push(node);
    }
    world.healed = false;
    let begin = world.now;
    nodes.iter().for_each(|node| connect(&mut world, *node));
    let mut waiting = nodes;
    let mut first = None;
    while !waiting.is_empty() && world.now - begin < 3_600 * SECOND {
        run_for(&mut world, 250 * MILLI);
        let before = waiting.len();
        waiting.retain(|node| !is_durable(&mut world, *node));
        if waiting.len() < before {
            first.get_or_insert(world.now - begin);
        }
    }
    let seconds = |time: Time| time as f64 / SECOND as f64;
    let (last, first) = (seconds(world.now - begin), seconds(first.unwrap_or(u64::MAX)));
    let what: [&'static str; 2] = match count {
        50 => ["50 back at once: s until the last is durable", "50 back at once: s until the first is"],
        _ => ["a crowd back at once: s until the last is durable", "a crowd: s until the first is"],
    };
    [
        Figure { what: what[0], value: last, most: 60.0 + count as f64 / 20.0 },
        Figure { what: what[1], value: first, most: 10.0 },
    ]
}

/// A device of a branch of its own.
fn newcomer(cast: &Cast, n: u16) -> Identity {
    let mut seed = [0xe0; 32];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    let mut branch = [0xe1; 16];
    branch[..2].copy_from_slice(&n.to_be_bytes());
    cast.issue(seed, BranchId(branch), Role::Office)
}
