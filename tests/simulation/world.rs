//! The world: every node, every line and the clock, in one thread, from one seed.

use crate::cast::Cast;
use crate::checker::{Checker, Delivery, Holdings, NodeId, Readers, Watched};
use crate::dice::Dice;
use crate::network::{Line, MILLI, Pipe, SECOND, Time};
use crate::node::{Act, Flavour, Kind, Node, is_own_writing, read};
use client_core::ids::BranchId;
use client_core::log::{LogKey, Place, Run};
use client_core::peer::Input;
use client_core::replica::{Record, Replica};
use client_core::sync::Frame;
use client_core::time::Millis;
use std::collections::BTreeMap;

/// When the simulated time begins: a Monday morning.
const BEGIN: Millis = Millis(1_795_996_800_000);

/// A connection that stood so long was good: the next try is made at once.
const STOOD: Time = 10 * SECOND;

/// A connection with its two directions.
pub struct Connection {
    pub client: NodeId,
    pub server: NodeId,
    pub up: Pipe,
    pub down: Pipe,
    /// Whether the client's and the server's end are open.
    pub open: [bool; 2],
    pub since: Time,
    /// The line is dead, though an end may not know it yet.
    pub cut: bool,
    delivery: Delivery,
}

/// Something that will happen.
pub enum What {
    Tick(NodeId, u32),
    Synced(NodeId, u32, usize),
    /// It counts, though a crash may take it.
    Written(NodeId, u32, u64),
    NotPersisted(NodeId, u32, u64),
    Frame {
        connection: u64,
        to_server: bool,
        bytes: Vec<u8>,
    },
    Gone {
        connection: u64,
        server: bool,
    },
    Dial(NodeId, u32),
    Arbiter(u32),
    Deed,
    Copy(NodeId),
    Fault(usize),
    Undo(usize),
    Audit,
}

/// A chunk on its way up, by its first and last change.
struct SentChunk {
    first: u64,
    last: u64,
    again: bool,
}

pub struct World {
    pub cast: Cast,
    pub dice: Dice,
    pub now: Time,
    queue: BTreeMap<(Time, u64), What>,
    scheduled: u64,
    pub nodes: Vec<Node>,
    pub connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    pub checker: Checker,
    pub arbiter_is_due: bool,
    /// The city or a branch node lost what its disk held.
    pub names_may_be_lost: bool,
    /// Runs that came in a segment and were new.
    pub sealed_runs: usize,
    /// A device that keeps no rule was revoked.
    pub has_revoked: bool,
    /// Frames put on lines since a moment, and their bytes.
    pub frames: u64,
    pub chunks: u64,
    pub bytes: u64,
    /// What was sent to a server, and of how many chunks something went out again.
    sent_up: BTreeMap<LogKey, Vec<SentChunk>>,
    pub sent_again: u64,
    /// Everything is well from now on.
    pub healed: bool,
    pub quiet: bool,
    /// Without an arbiter.
    pub bare: bool,
    /// Tells on the error output what happens.
    pub trace: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let cast = Cast::new();
        Self {
            checker: Checker::new(cast.city_public),
            cast,
            dice: Dice::new(seed),
            now: 0,
            queue: BTreeMap::new(),
            scheduled: 0,
            nodes: Vec::new(),
            connections: BTreeMap::new(),
            next_connection: 1,
            arbiter_is_due: false,
            names_may_be_lost: false,
            sealed_runs: 0,
            has_revoked: false,
            frames: 0,
            chunks: 0,
            bytes: 0,
            sent_up: BTreeMap::new(),
            sent_again: 0,
            healed: false,
            quiet: false,
            bare: false,
            trace: false,
        }
    }

    pub fn add(&mut self, node: Node) -> NodeId {
        self.checker.nodes.push(Watched {
            name: node.name.clone(),
            device: node.device(),
            branch: node.branch,
            is_city: node.kind == Kind::City,
            honest: node.is_honest(),
            holdings: Holdings::default(),
        });
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub fn after(&mut self, delay: Time, what: What) {
        self.scheduled += 1;
        self.queue.insert((self.now + delay, self.scheduled), what);
    }

    /// Notes what happens, for whoever looks into a failure.
    pub fn note(&self, text: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>10.3} {}", self.now as f64 / SECOND as f64, text());
        }
    }

    /// The clock of a node.
    pub fn clock(&self, node: NodeId) -> Millis {
        Millis(BEGIN.0 + (self.now / MILLI) as i64 + self.nodes[node].clock)
    }

    /// Lets the next thing happen; `false` where nothing is left before `until`.
    pub fn next(&mut self, until: Time) -> Option<What> {
        let (at, _) = *self.queue.first_key_value()?.0;
        if at > until {
            self.now = until;
            return None;
        }
        let ((at, _), what) = self.queue.pop_first()?;
        self.now = at;
        Some(what)
    }

    /// Carries out what belongs to nodes and lines; gives back what does not.
    pub fn happen(&mut self, what: What) -> Option<What> {
        match what {
            What::Tick(node, life) => {
                if self.lives(node, life) {
                    self.tell(node, Input::Tick);
                    let pause = if self.nodes[node].kind == Kind::Device { 5 } else { 1 };
                    self.after(pause * SECOND, What::Tick(node, life));
                }
            }
            What::Synced(node, life, count) => {
                if self.lives(node, life) {
                    self.synced(node, count);
                }
            }
            What::Written(node, life, token) => {
                if self.lives(node, life) {
                    self.checker.synced(node);
                    self.tell(node, Input::Persisted(vec![token]));
                }
            }
            What::NotPersisted(node, life, token) => {
                if self.lives(node, life) {
                    self.tell(node, Input::NotPersisted(token, "the disk is full".into()));
                }
            }
            What::Frame { connection, to_server, bytes } => self.arrive(connection, to_server, bytes),
            What::Gone { connection, server } => self.close_end(connection, server),
            What::Dial(node, life) => {
                if self.lives(node, life) && self.nodes[node].link.is_none() {
                    self.dial(node);
                }
            }
            other => return Some(other),
        }
        None
    }

    /// What runs at a node, if it keeps the rules.
    pub fn replica(&mut self, node: NodeId) -> Option<&mut Replica> {
        self.nodes[node].program.as_mut()?.replica()
    }

    pub fn lives(&self, node: NodeId, life: u32) -> bool {
        self.nodes[node].life == life && self.nodes[node].is_running()
    }

    /// Starts a node over its disk.
    pub fn start(&mut self, node: NodeId) {
        if self.nodes[node].gone || self.nodes[node].is_running() {
            return;
        }
        self.note(|| format!("{} starts", self.nodes[node].name));
        let (marker, entropy, now) = (self.dice.next() >> 1, self.dice.bytes(), self.clock(node));
        self.nodes[node].start(&self.cast, (marker, entropy), now);
        let batches = self.nodes[node].disk.batches();
        self.checker.changed(node, &batches);
        let serves = self.nodes[node].flavour == Flavour::Free;
        if let Some(epoch) = self.replica(node).filter(|_| serves).map(|replica| replica.node().epoch()) {
            let told = !self.nodes[node].put_back_untold;
            self.checker.started(node, epoch, told);
        }
        let life = self.nodes[node].life;
        let first = self.dice.below(1000) * MILLI;
        self.after(first, What::Tick(node, life));
        if self.nodes[node].upstream.is_some() {
            let pause = if self.healed { 1 } else { self.dice.below(2000) };
            self.after(pause * MILLI, What::Dial(node, life));
        }
        if self.nodes[node].kind == Kind::City && !self.bare {
            self.arbiter_is_due = false;
        }
        self.carry_out(node);
    }

    /// Takes a node's program away; its connections break without a word.
    pub fn stop(&mut self, node: NodeId) {
        self.nodes[node].program = None;
        self.nodes[node].unsynced.clear();
        let of_node: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.client == node || connection.server == node)
            .map(|(id, _)| *id)
            .collect();
        for id in of_node {
            let connection = self.connections.get_mut(&id).expect("it was just found");
            let end = usize::from(connection.server == node);
            connection.open[end] = false;
            self.cut(id);
        }
        self.nodes[node].link = None;
    }

    /// Something happens to a node's program.
    pub fn tell(&mut self, node: NodeId, input: Input) {
        let now = self.clock(node);
        if let Some(program) = &mut self.nodes[node].program {
            program.handle(input, now);
        }
        self.carry_out(node);
    }

    /// Carries out what a program wants done.
    pub fn carry_out(&mut self, node: NodeId) {
        loop {
            let now = self.clock(node);
            let Some(act) = self.nodes[node].program.as_mut().and_then(|program| program.poll(now)) else {
                return;
            };
            match act {
                Act::Send { connection, bytes } => self.say(node, connection, bytes),
                Act::Hangup { connection, reason } => {
                    if self.connections.get(&connection).is_some_and(|c| c.client == node) {
                        self.nodes[node].turned_away.push(reason);
                    }
                    self.hang_up(node, connection);
                }
                Act::Persist { token, records, comes_again } => {
                    self.persist(node, token, &records, comes_again);
                }
                Act::Wrote(events) => self.nodes[node].own_events.extend(events),
                Act::ArbiterDue if self.nodes[node].kind == Kind::City && !self.bare => {
                    crate::city::wake(self, node, 50);
                }
                Act::ArbiterFailed => crate::city::wake(self, node, 5_000),
                Act::SegmentTaken(runs) => self.sealed_runs += runs,
                Act::Made(run) => self.checker.wrote(node, &run),
                Act::ArbiterDue => {}
            }
        }
    }

    fn persist(&mut self, node: NodeId, token: u64, records: &[Record], comes_again: bool) {
        let life = self.nodes[node].life;
        if self.nodes[node].disk.full {
            self.after(2 * MILLI, What::NotPersisted(node, life, token));
            return;
        }
        if is_own_writing(records) {
            for record in records.iter().filter(|record| record.key.starts_with("run/")) {
                if let Some((_, run, _)) = read::<(Place, Run, u64)>(&record.value) {
                    self.checker.wrote(node, &run);
                }
            }
        }
        self.nodes[node].disk.write(records);
        self.checker.written(node, records);
        // Others count on what a node once told them.
        let comes_again = comes_again && self.nodes[node].kind == Kind::Device;
        if comes_again && self.nodes[node].unsynced.is_empty() {
            self.after(1, What::Written(node, life, token));
            return;
        }
        self.nodes[node].unsynced.push(token);
        // One sync serves all that was written before it.
        if self.nodes[node].unsynced.len() == 1 {
            let delay = if self.healed { 1 } else { self.dice.between(1, 30) };
            self.after(delay * MILLI, What::Synced(node, life, 0));
        }
    }

    fn synced(&mut self, node: NodeId, _: usize) {
        self.nodes[node].disk.sync();
        self.checker.synced(node);
        let tokens = std::mem::take(&mut self.nodes[node].unsynced);
        self.tell(node, Input::Persisted(tokens));
    }

    fn dial(&mut self, node: NodeId) {
        let Some(upstream) = self.nodes[node].upstream else { return };
        let reachable =
            !self.nodes[node].cut_off && !self.nodes[upstream].cut_off && self.nodes[upstream].is_running();
        if !reachable {
            self.dial_later(node);
            return;
        }
        let id = self.next_connection;
        self.next_connection += 1;
        let line = if self.healed { Line::GOOD } else { self.nodes[node].line };
        let connection = Connection {
            client: node,
            server: upstream,
            up: Pipe::new(line),
            down: Pipe::new(line),
            open: [true; 2],
            since: self.now,
            cut: false,
            delivery: Delivery::default(),
        };
        self.connections.insert(id, connection);
        self.nodes[node].link = Some(id);
        let (nonce, peer_nonce) = (self.dice.bytes(), self.dice.bytes());
        self.tell(node, Input::Connected { connection: id, nonce: peer_nonce });
        self.tell(upstream, Input::Accepted { connection: id, nonce, peer_nonce });
    }

    pub fn dial_later(&mut self, node: NodeId) {
        let random = self.dice.next() as u8;
        let wait = self.nodes[node].backoff.wait(random) as Time * MILLI;
        let life = self.nodes[node].life;
        self.after(wait, What::Dial(node, life));
    }

    fn say(&mut self, node: NodeId, connection: u64, bytes: Vec<u8>) {
        self.checker.sent(node, &bytes);
        let Some(line) = self.connections.get_mut(&connection) else { return };
        let to_server = line.client == node;
        if line.cut || !line.open[usize::from(to_server)] {
            // Nobody hears it.
        } else if to_server {
            self.checker.has_read(node, line.server, &bytes, &mut line.delivery);
        } else {
            self.checker.delivered(node, line.client, &bytes, &mut line.delivery);
        }
        let frames = match &mut self.nodes[node].liar {
            Some(liar) if !to_server => liar.say(bytes),
            _ => vec![bytes],
        };
        for bytes in frames {
            self.put_on_line(connection, to_server, bytes);
        }
    }

    fn put_on_line(&mut self, id: u64, to_server: bool, bytes: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.cut || !connection.open[usize::from(!to_server)] {
            return;
        }
        self.frames += 1;
        self.bytes += bytes.len() as u64;
        self.chunks += u64::from(bytes.starts_with(b"\x81\xa5Chunk"));
        if self.bare && to_server {
            self.note_sent(&bytes);
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let pipe = if to_server { &mut connection.up } else { &mut connection.down };
        let at = pipe.send(self.now, bytes.len(), &mut self.dice);
        self.after(at - self.now, What::Frame { connection: id, to_server, bytes });
    }

    /// A chunk that goes out again in smaller ones counts once.
    fn note_sent(&mut self, bytes: &[u8]) {
        let Ok(Frame::Chunk { run, .. }) = Frame::decode(bytes) else { return };
        let chunks = self.sent_up.entry(run.key()).or_default();
        let touched = |chunk: &&mut SentChunk| run.first_seq <= chunk.last && chunk.first <= run.last_seq;
        for chunk in chunks.iter_mut().filter(touched) {
            self.sent_again += u64::from(!std::mem::replace(&mut chunk.again, true));
        }
        let beyond = chunks.iter().map(|chunk| chunk.last + 1).max().unwrap_or(1).max(run.first_seq);
        if beyond <= run.last_seq {
            chunks.push(SentChunk { first: beyond, last: run.last_seq, again: false });
        }
    }

    fn arrive(&mut self, id: u64, to_server: bool, bytes: Vec<u8>) {
        let Some(connection) = self.connections.get(&id) else { return };
        if connection.cut || !connection.open[usize::from(to_server)] {
            return;
        }
        let node = if to_server { connection.server } else { connection.client };
        self.note(|| format!("{id} to {}: {}", self.nodes[node].name, describe(&bytes)));
        if to_server
            && let Some(liar) = &mut self.nodes[node].liar
            && let Some(answer) = liar.hear(&bytes)
        {
            self.put_on_line(id, false, answer);
            return;
        }
        if self.nodes[node].is_honest() {
            self.checker.received(&bytes);
        }
        self.tell(node, Input::Received { connection: id, bytes });
    }

    /// Nothing more gets through; the ends find out some time later.
    pub fn cut(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if std::mem::replace(&mut connection.cut, true) {
            return;
        }
        for server in [false, true] {
            let noticed = if self.healed { 0 } else { self.dice.below(5_000) };
            self.after(noticed * MILLI, What::Gone { connection: id, server });
        }
    }

    /// A program closes its end; the other hears of it after all that was said before.
    fn hang_up(&mut self, node: NodeId, id: u64) {
        let Some(connection) = self.connections.get(&id) else { return };
        let is_server = connection.server == node;
        let pipe = if is_server { &connection.down } else { &connection.up };
        let last = pipe.last_arrival().max(self.now) + MILLI;
        self.after(last - self.now, What::Gone { connection: id, server: !is_server });
        self.close_end(id, is_server);
    }

    pub fn close_end(&mut self, id: u64, server: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let was_open = std::mem::replace(&mut connection.open[usize::from(server)], false);
        let node = if server { connection.server } else { connection.client };
        if self.now - connection.since > STOOD {
            self.nodes[connection.client].backoff.reset();
        }
        if connection.open == [false, false] {
            self.connections.remove(&id);
        }
        if !was_open {
            return;
        }
        let is_link = !server && self.nodes[node].link == Some(id);
        if is_link || self.nodes[node].flavour == Flavour::Free {
            self.tell(node, Input::Closed { connection: id });
        }
        if is_link {
            self.nodes[node].link = None;
            if self.replica(node).is_some_and(Replica::take_carried) {
                self.nodes[node].backoff.reset();
            }
            if self.nodes[node].is_running() && !self.quiet {
                self.dial_later(node);
            }
        }
    }

    /// Whose documents a node may read.
    pub fn readable(&self, node: NodeId) -> Vec<Readers> {
        let branches: Vec<BranchId> = (1..=9).map(Cast::branch).collect();
        match self.nodes[node].kind {
            Kind::City => {
                [None, Some(BranchId::CITY)].into_iter().chain(branches.into_iter().map(Some)).collect()
            }
            _ => vec![None, Some(self.nodes[node].branch)],
        }
    }
}

/// A frame in a few words.
fn describe(bytes: &[u8]) -> String {
    match Frame::decode(bytes) {
        Ok(Frame::Chunk { run, upto, .. }) => {
            format!(
                "chunk {} {}..{} {:?} upto {upto:?}",
                run.key(),
                run.first_seq,
                run.last_seq,
                run.last_hash
            )
        }
        Ok(Frame::AtCity(statement)) => format!("at city {} {:?}", statement.document, statement.heads),
        Ok(Frame::Challenge { epoch, .. }) => format!("challenge epoch {epoch}"),
        Ok(Frame::Hello { since, version, .. }) => format!("hello {version} since {since:?}"),
        Ok(frame) => format!("{frame:?}"),
        Err(error) => error.to_string(),
    }
}
