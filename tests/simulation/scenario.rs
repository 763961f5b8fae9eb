//! One seed: a network is put together, people work, things go wrong, all is healed, all is checked.

use crate::checker::NodeId;
use crate::faults::{self, Fault, Planned};
use crate::network::{Line, MILLI, SECOND, Time};
use crate::node::{Flavour, Kind, Node, Program};
use crate::world::{What, World};
use crate::{city, deeds};
use client_core::domain::SharedViews;
use client_core::event::{EventRef, Scope};
use client_core::identity::Role;
use client_core::ids::{BranchId, LearnerId, PersonId};
use client_core::node::{Delivery, read_history};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What came of a seed.
#[derive(Default)]
pub struct Outcome {
    pub events: usize,
    pub faults: BTreeMap<&'static str, u64>,
    pub violations: Vec<String>,
    pub stall: Option<String>,
    /// Lines of honest devices that part from another: copies that wrote on.
    pub forks: usize,
    /// Claims that another node than the city saw confirmed.
    pub confirmed: usize,
    /// Changes that no disk held any more after the city was put back.
    pub lost_with_city: usize,
    /// Rounds that the city closed.
    pub rounds: usize,
    /// Whether a device that keeps no rule was revoked.
    pub revoked: bool,
    /// Names that a branch's node holds.
    pub names: usize,
    /// Runs that came in a segment.
    pub sealed_runs: usize,
    /// Whether a rogue wrote more lines than anybody keeps.
    pub over_the_cap: bool,
    /// From healing to the same content everywhere, in round trips.
    pub round_trips: u64,
}

/// The city is the first node.
pub const CITY: NodeId = 0;

const LEAST_EVENTS: usize = 200;
const MOST_ROUND_TRIPS: u64 = 600;
/// How long after healing everything must be the same everywhere.
const PATIENCE: Time = MOST_ROUND_TRIPS * 100 * MILLI;

/// Runs a seed; a panic anywhere is a violation.
pub fn run_guarded(seed: u64, allowed: &BTreeSet<Fault>) -> Outcome {
    std::panic::catch_unwind(|| run(seed, allowed))
        .unwrap_or_else(|_| Outcome { violations: vec!["a node panicked".into()], ..Outcome::default() })
}

/// Runs a seed.
pub fn run(seed: u64, allowed: &BTreeSet<Fault>) -> Outcome {
    let mut world = World::new(seed);
    let mut outcome = Outcome::default();
    world.trace = std::env::var_os("SIMULATE_TRACE").is_some();
    let strangers = populate(&mut world, allowed, &mut outcome);
    let duration = world.dice.between(45, 120) * SECOND;
    let mut plan = faults::plan(&mut world, allowed, duration);
    schedule(&mut world, &plan, duration);
    work(&mut world, &mut plan, duration, &mut outcome);
    fill(&mut world);
    heal(&mut world, &plan);
    converge(&mut world, &mut outcome);
    finish(&mut world, &strangers, &mut outcome);
    outcome
}

/// City, branch nodes, devices; some of them old, one perhaps a rogue, one perhaps a liar.
fn populate(world: &mut World, allowed: &BTreeSet<Fault>, outcome: &mut Outcome) -> Vec<NodeId> {
    let mut count = |fault: Fault| *outcome.faults.entry(fault.word()).or_default() += 1;
    let arbiter = world.cast.arbiter.clone();
    world.add(Node::new("city".into(), Kind::City, Flavour::Free, arbiter, None));
    let branches = world.dice.between(3, 4) as u8;
    for n in 1..=branches {
        let identity = world.cast.branch_node(n);
        world.add(Node::new(format!("branch {n}"), Kind::Branch, Flavour::Free, identity, Some(CITY)));
    }
    let devices = world.dice.between(6, 8) as u8;
    for n in 1..=devices {
        let branch = 1 + (n - 1) % branches;
        let at_city = world.dice.chance(20);
        let node = world.nodes[usize::from(branch)].identity.clone();
        let identity = world.cast.device(n, (!at_city).then_some(&node), branch);
        let upstream = if at_city { CITY } else { usize::from(branch) };
        let flavour = if world.dice.chance(60) { Flavour::Page } else { Flavour::Free };
        let mut device = Node::new(format!("device {n}"), Kind::Device, flavour, identity, Some(upstream));
        if flavour == Flavour::Free && allowed.contains(&Fault::Old) && world.dice.chance(40) {
            device.protocol -= 1;
            count(Fault::Old);
        }
        world.add(device);
    }
    let office = world.cast.issue([0x5f; 32], BranchId::CITY, Role::Office);
    world.add(Node::new("office of the city".into(), Kind::Device, Flavour::Page, office, Some(CITY)));
    let mut strangers = Vec::new();
    if allowed.contains(&Fault::Old) && world.dice.chance(10) {
        let identity = world.cast.device(20, None, 1);
        let mut stranger = Node::new("stranger".into(), Kind::Device, Flavour::Free, identity, Some(CITY));
        stranger.protocol = 0;
        strangers.push(world.add(stranger));
        count(Fault::Old);
    }
    if allowed.contains(&Fault::Malice) && world.dice.chance(40) {
        let identity = world.cast.device(21, None, 1);
        let upstream = Some(world.dice.below(3) as usize);
        world.add(Node::new("rogue".into(), Kind::Device, Flavour::Rogue, identity, upstream));
        count(Fault::Malice);
    }
    let mut habits: Vec<Fault> = Fault::HABITS.into_iter().filter(|habit| allowed.contains(habit)).collect();
    if !habits.is_empty() && world.dice.chance(40) {
        habits.retain(|_| world.dice.chance(70));
        habits.iter().for_each(|habit| count(*habit));
        let identity = world.cast.device(22, None, 2);
        let mut usurper = Node::new("usurper".into(), Kind::Device, Flavour::Rogue, identity, Some(CITY));
        usurper.habits = habits;
        world.add(usurper);
    }
    if allowed.contains(&Fault::Liar) && world.dice.chance(15) {
        let liar = world.dice.between(1, u64::from(branches)) as usize;
        faults::corrupt(world, liar);
        count(Fault::Liar);
    }
    (0..world.nodes.len()).for_each(|node| world.start(node));
    let nodes: Vec<NodeId> = (1..=usize::from(branches)).collect();
    deeds::begin(world, CITY, &nodes);
    strangers
}

fn schedule(world: &mut World, plan: &[Planned], duration: Time) {
    for (n, planned) in plan.iter().enumerate() {
        world.after(planned.at, What::Fault(n));
    }
    for _ in 0..world.dice.between(32, 44) {
        let at = 2 * SECOND + world.dice.below(duration);
        world.after(at, What::Deed);
    }
    for node in 0..world.nodes.len() {
        for _ in 0..2 {
            let at = world.dice.below(duration * 2 / 3);
            world.after(at, What::Copy(node));
        }
    }
    for n in 1..8 {
        world.after(duration * n / 8, What::Audit);
    }
}

fn work(world: &mut World, plan: &mut [Planned], duration: Time, outcome: &mut Outcome) {
    let until = world.now + duration;
    while let Some(what) = world.next(until) {
        match world.happen(what) {
            Some(What::Deed) => deeds::some(world),
            Some(What::Arbiter(life)) => city::decide(world, CITY, life),
            Some(What::Copy(node)) => {
                let copy = world.nodes[node].disk.copy();
                world.nodes[node].copies.push(copy);
            }
            Some(What::Fault(n)) => {
                plan[n].node = faults::strike(world, plan[n].fault);
                if let Some(node) = plan[n].node {
                    world.note(|| format!("fault {} at {}", plan[n].fault.word(), world.nodes[node].name));
                    *outcome.faults.entry(plan[n].fault.word()).or_default() += 1;
                    world.after(plan[n].lasts, What::Undo(n));
                }
            }
            Some(What::Undo(n)) => undo(world, &mut plan[n]),
            Some(What::Audit) => audit(world),
            _ => {}
        }
    }
}

fn undo(world: &mut World, planned: &mut Planned) {
    if let Some(node) = planned.node.take() {
        faults::heal(world, planned.fault, node);
    }
}

/// Where too little happened, more does.
fn fill(world: &mut World) {
    let mut tries = 0;
    while world.checker.events < LEAST_EVENTS && tries < 400 {
        tries += 1;
        deeds::some(world);
        run_for(world, 10 * MILLI);
    }
}

/// All that went wrong is set right.
fn heal(world: &mut World, plan: &[Planned]) {
    audit(world);
    world.note(|| "all is healed".into());
    world.healed = true;
    for node in 0..world.nodes.len() {
        match world.nodes[node].flavour {
            Flavour::Rogue => {
                world.stop(node);
                world.nodes[node].gone = true;
            }
            _ if world.nodes[node].liar.is_some() => faults::replace_liar(world, node),
            _ => {}
        }
        let node = &mut world.nodes[node];
        (node.cut_off, node.clock, node.disk.full, node.line) = (false, 0, false, Line::GOOD);
    }
    let half_open: Vec<u64> = world
        .connections
        .iter()
        .filter(|(_, connection)| connection.cut || connection.open != [true; 2])
        .map(|(id, _)| *id)
        .collect();
    for id in half_open {
        world.close_end(id, false);
        world.close_end(id, true);
    }
    for connection in world.connections.values_mut() {
        (connection.up.line, connection.down.line) = (Line::GOOD, Line::GOOD);
    }
    for planned in plan {
        if let Some(node) = planned.node {
            world.start(node);
        }
    }
    for node in 0..world.nodes.len() {
        world.start(node);
        if world.nodes[node].is_running() && world.nodes[node].link.is_none() {
            world.nodes[node].backoff.reset();
            let life = world.nodes[node].life;
            world.after(MILLI, What::Dial(node, life));
        }
    }
}

fn run_for(world: &mut World, time: Time) {
    let until = world.now + time;
    while let Some(what) = world.next(until) {
        if let Some(What::Arbiter(life)) = world.happen(what) {
            city::decide(world, CITY, life);
        }
    }
}

/// Until all hold the same and all know that the city holds it.
fn converge(world: &mut World, outcome: &mut Outcome) {
    let begin = world.now;
    outcome.over_the_cap = world.checker.is_over_the_cap();
    loop {
        run_for(world, 100 * MILLI);
        let waiting = what_is_missing(world, outcome.over_the_cap);
        let elapsed = world.now - begin;
        match waiting {
            None => {
                outcome.round_trips = elapsed / Line::GOOD.round_trip;
                return;
            }
            Some(text) if elapsed > PATIENCE => {
                outcome.stall = Some(text);
                return;
            }
            Some(_) => {}
        }
    }
}

/// Honest nodes that belong to the network.
fn honest(world: &World) -> Vec<NodeId> {
    (0..world.nodes.len())
        .filter(|node| {
            let node = &world.nodes[*node];
            node.is_honest() && !node.gone && node.protocol > 0
        })
        .collect()
}

fn what_is_missing(world: &mut World, over_the_cap: bool) -> Option<String> {
    if let Some(instruction) = world.checker.unanswered(CITY) {
        return Some(format!("the city has not answered {instruction}"));
    }
    for node in honest(world) {
        let name = world.nodes[node].name.clone();
        if !world.nodes[node].is_running() {
            return Some(format!("{name} does not run"));
        }
        let readable = world.readable(node);
        if !world.checker.same_as_city(node, CITY, &readable) {
            return Some(format!("{name} does not hold what the city holds"));
        }
        if !over_the_cap && !world.checker.same_malice(node, CITY, &readable) {
            return Some(format!("{name} does not hold what the city holds of a rogue"));
        }
        let Some(replica) = world.replica(node) else { continue };
        if replica.node().is_writing() {
            return Some(format!("{name} is writing"));
        }
        if let Some((event, delivery)) = replica.unsent().first().filter(|_| node != CITY) {
            return Some(format!("{name} shows {event} as {delivery}"));
        }
    }
    None
}

/// What devices show as being at the city must be what the city signed for.
fn audit(world: &mut World) {
    for node in honest(world) {
        let own = world.nodes[node].own_events.clone();
        let device = world.nodes[node].identity.certificate().device;
        let Some(replica) = world.replica(node) else { continue };
        let shown = |event: &EventRef| replica.delivery(event) == Some(Delivery::City);
        let shown: Vec<EventRef> = own.into_iter().filter(shown).collect();
        let peer = replica.node().peer();
        let mut counted = Vec::new();
        for (key, log) in peer.ledger().iter().filter(|(_, log)| log.author.device == device) {
            for (n, line) in log.lines().iter().enumerate() {
                counted.push((line.head.hash, peer.reach(*key, n as u8).city));
            }
        }
        shown.iter().for_each(|event| world.checker.shown_at_city(node, event));
        for (head, seq) in counted.into_iter().filter(|(_, seq)| *seq > 0) {
            world.checker.counted_at_city(node, head, seq);
        }
    }
}

/// Views, decisions, acknowledgements; and that nothing new costs nothing.
fn finish(world: &mut World, strangers: &[NodeId], outcome: &mut Outcome) {
    if outcome.stall.is_none() {
        world.checker.check_acknowledged(CITY);
        let malice_is_same = honest(world)
            .into_iter()
            .all(|node| world.checker.same_malice(node, CITY, &world.readable(node)));
        if malice_is_same {
            compare_views(world);
            compare_names(world);
            check_history(world);
            meet_again(world);
        }
    }
    for node in strangers {
        let told = world.nodes[*node].turned_away.iter().any(|text| text.contains("protocol"));
        if !told || world.nodes[*node].turned_away.iter().any(|text| !text.contains("protocol")) {
            world.checker.violation("a peer of an unknown protocol is not told clearly");
        }
    }
    outcome.forks = forks(world);
    outcome.events = world.checker.events;
    outcome.confirmed = world.checker.seen.confirmations();
    outcome.lost_with_city = world.checker.lost_with_city.len();
    (outcome.revoked, outcome.sealed_runs) = (world.has_revoked, world.sealed_runs);
    if let Some(city) = world.replica(CITY) {
        outcome.rounds = city.views().requests.rounds.values().filter(|it| it.decided.is_some()).count();
    }
    let home = world.nodes[1].branch;
    if let Some(node) = world.replica(1) {
        let named = |learner: &LearnerId| node.sealed((*learner).into(), city::NAME).is_some();
        outcome.names = city::learners(home).filter(named).count();
    }
    outcome.violations = std::mem::take(&mut world.checker.violations);
}

fn compare_views(world: &mut World) {
    let mut shared = BTreeMap::new();
    let mut rosters = BTreeMap::new();
    let home = world.nodes[1].branch;
    for node in honest(world) {
        let branch = world.nodes[node].branch;
        let Some(replica) = world.replica(node) else { continue };
        let (views, own) = (replica.views().clone(), replica.rosters().digest());
        let anew: Arc<SharedViews> = SharedViews::fold(replica.node().shared()).into();
        shared.entry(views.digest()).or_insert(node);
        rosters.entry((branch, own)).or_insert(node);
        if node == CITY || shared.len() > 1 {
            world.checker.check_decisions(node, &views);
            world.checker.check_words(node, &views, home);
        }
        if views != anew {
            let name = world.nodes[node].name.clone();
            world.checker.violation(format!("{name}: views kept up are not views folded anew"));
        }
    }
    let branches: BTreeSet<_> = rosters.keys().map(|(branch, _)| *branch).collect();
    if shared.len() > 1 || rosters.len() > branches.len() {
        let names: Vec<_> =
            shared.values().chain(rosters.values()).map(|node| world.nodes[*node].name.clone()).collect();
        world.checker.violation(format!("same content, different views: {names:?}"));
    }
}

/// Who works for a branch holds the names that the city holds of its learners, and no others. Devices bring
/// no names back that the city and the branch's node lost.
fn compare_names(world: &mut World) {
    let mut expected: BTreeMap<(BranchId, PersonId), Vec<u8>> = BTreeMap::new();
    let branches: BTreeSet<BranchId> = world.nodes.iter().map(|node| node.branch).collect();
    let named = || branches.iter().flat_map(|branch| city::learners(*branch).map(|it| (*branch, it.into())));
    let Some(at_city) = world.replica(CITY) else { return };
    for (branch, person) in named() {
        let name = at_city.sealed(person, city::NAME).map(<[u8]>::to_vec);
        expected.extend(name.map(|name| ((branch, person), name)));
    }
    let may_differ = world.names_may_be_lost;
    let differs = |world: &World, node: &NodeId| may_differ && world.nodes[*node].kind == Kind::Device;
    for node in honest(world).into_iter().filter(|node| *node != CITY) {
        if differs(world, &node) {
            continue;
        }
        let own = world.nodes[node].branch;
        let Some(replica) = world.replica(node) else { continue };
        let wrong = named().find(|(branch, person)| {
            let wanted = expected.get(&(*branch, *person)).filter(|_| *branch == own);
            replica.sealed(*person, city::NAME) != wanted.map(Vec::as_slice)
        });
        if let Some((branch, person)) = wrong {
            let name = world.nodes[node].name.clone();
            world.checker.violation(format!("{name}: other names than the city's of {person:?} of {branch}"));
        }
    }
}

/// The order in which the city folds, and what counts where a rogue wrote twice.
fn check_history(world: &mut World) {
    let rogues = world.nodes.iter().filter(|node| node.flavour == Flavour::Rogue);
    let rogues: Vec<_> = rogues.map(|node| node.identity.certificate().clone()).collect();
    let Some(Program::Replica(replica)) = &world.nodes[CITY].program else { return };
    let (node, ledger) = (replica.node(), replica.node().peer().ledger());
    let private = ledger.iter().filter(|(key, _)| key.document.scope == Scope::Private);
    let logs = private.map(|(key, log)| (*key, log.clone())).collect();
    let mut private = read_history(replica.shelf(), &logs).expect("a shelf in memory can be read");
    private.follow(node.shared().rulings());
    world.checker.check_order(CITY, node.shared());
    world.checker.check_instructions(CITY);
    world.checker.check_revoked(CITY, [node.shared(), &private]);
    for rogue in rogues {
        world.checker.check_doublets(CITY, (node.shared(), &private), &rogue);
    }
}

/// All connect twice more: at the latest then no change travels again.
fn meet_again(world: &mut World) {
    let mut before = 0;
    for _ in 0..2 {
        before = world.chunks;
        let cut_at = world.now;
        let links: Vec<u64> = world.connections.keys().copied().collect();
        for id in links {
            world.cut(id);
        }
        while let Some(name) = absent(world, cut_at) {
            if world.now - cut_at > PATIENCE {
                world.checker.violation(format!("{name} does not come back"));
                return;
            }
            run_for(world, 100 * MILLI);
        }
        run_for(world, 6 * SECOND);
    }
    if world.chunks != before {
        let text = format!("{} chunks travelled though nothing was new", world.chunks - before);
        world.checker.violation(text);
    }
}

/// An honest node that has not connected since.
fn absent(world: &World, since: Time) -> Option<String> {
    let has_connected = |node: &NodeId| {
        let link = world.nodes[*node].link.and_then(|id| world.connections.get(&id));
        *node == CITY || link.is_some_and(|connection| connection.since >= since && !connection.cut)
    };
    let node = honest(world).into_iter().find(|node| !has_connected(node))?;
    Some(world.nodes[node].name.clone())
}

/// Lines that copies of honest devices wrote on apart, as the city holds them.
fn forks(world: &World) -> usize {
    let mut children: BTreeMap<_, usize> = BTreeMap::new();
    let held = &world.checker.nodes[CITY].holdings.durable;
    for (hash, change) in world.checker.truth.iter() {
        if change.honest && held.contains(hash) {
            *children.entry((change.key, change.before)).or_default() += 1;
        }
    }
    children.values().filter(|count| **count > 1).map(|count| count - 1).sum()
}
