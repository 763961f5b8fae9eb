//! Those who break the rules: an enrolled device that forges, forks and floods, and a relay that lies.

mod habits;

use crate::cast::{Cast, Identity};
use crate::dice::Dice;
use crate::faults::Fault;
use crate::node::Act;
use client_core::domain::{BranchProfile, Event, SessionCancelled, TeacherProposed};
use client_core::event::{DocumentId, Envelope, Scope, Statement};
use client_core::identity::{self, Introduction, SecretKey, actor_id};
use client_core::ids::{
    ActionId, ActorId, BranchId, ChangeHash, CityId, ClassId, DeviceId, EventId, Signature, TeacherId,
};
use client_core::log::{Head, LogKey, Position, Put, Run};
use client_core::peer::{Connection, Input};
use client_core::sync::{CityStatement, Frame, PROTOCOL, proof_message};
use client_core::time::{Millis, Quarter, Stamp};
use serde_bytes::ByteBuf;
use std::collections::VecDeque;

/// How many changes it makes at most.
const MOST_CHANGES: usize = 60;

/// An enrolled device that keeps no rule. What it makes and may be stored it reports.
pub struct Rogue {
    city: CityId,
    identity: Identity,
    nonce: [u8; 16],
    dice: Dice,
    connection: Option<Connection>,
    is_live: bool,
    /// Where its valid changes end, in every document; it parts from any of them.
    ends: Vec<(DocumentId, Position)>,
    ids: Vec<EventId>,
    made: usize,
    /// Whether it makes more lines than anybody keeps.
    floods: bool,
    habits: Vec<Fault>,
    loot: Vec<(Option<Vec<u8>>, Run)>,
    acts: VecDeque<Act>,
}

impl Rogue {
    pub fn new(cast: &Cast, identity: &Identity, habits: &[Fault], seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        Self {
            city: cast.city,
            identity: identity.clone(),
            nonce: dice.bytes(),
            // One with habits is to be heard: what it writes is kept.
            floods: dice.chance(30) && habits.is_empty(),
            habits: habits.to_vec(),
            dice,
            connection: None,
            is_live: false,
            ends: Vec::new(),
            ids: Vec::new(),
            made: 0,
            loot: Vec::new(),
            acts: VecDeque::new(),
        }
    }

    pub fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    pub fn handle(&mut self, input: Input, now: Millis) {
        match input {
            Input::Connected { connection, .. } => {
                self.connection = Some(connection);
                self.is_live = false;
            }
            Input::Closed { .. } => self.connection = None,
            Input::Received { bytes, .. } => {
                if let Ok(frame) = Frame::decode(&bytes) {
                    self.hear(frame, now);
                }
            }
            Input::Tick => {
                for _ in 0..self.dice.between(1, 3) {
                    self.attack(now);
                }
            }
            _ => {}
        }
    }

    fn send(&mut self, frame: Frame) {
        self.send_bytes(frame.encode());
    }

    fn send_bytes(&mut self, bytes: Vec<u8>) {
        if let Some(connection) = self.connection {
            self.acts.push_back(Act::Send { connection, bytes });
        }
    }

    fn hear(&mut self, frame: Frame, now: Millis) {
        match frame {
            Frame::Challenge { nonce, .. } => {
                let message = proof_message("hello", self.city, &nonce);
                let proof = self.identity.key.sign(&message);
                let chain = self.identity.chain.clone();
                self.send(Frame::Hello { version: PROTOCOL, chain, proof, since: Some(0), rows_read: 0 });
            }
            Frame::Welcome { .. } => {
                self.is_live = true;
            }
            Frame::Chunk { introduction, run, .. } => {
                if self.dice.chance(90) {
                    self.send(Frame::Stored { document: run.document, head: run.head() });
                }
                if run.actor != self.actor() {
                    self.loot.push((introduction, run));
                }
            }
            Frame::Ping => self.send(Frame::Pong),
            _ => {}
        }
        if self.dice.chance(30) {
            self.attack(now);
        }
    }

    fn attack(&mut self, now: Millis) {
        if !self.is_live || self.connection.is_none() {
            return;
        }
        match self.dice.below(16) {
            0..=4 => self.write_on(now),
            5 => self.send_gap(now),
            6 | 7 => self.replay(),
            8 => self.forge(),
            9 | 10 => self.send_misshapen(now),
            11 => self.squat(now),
            12 => self.trespass(now),
            13 | 14 => self.babble(now),
            _ => {
                if self.dice.chance(15) {
                    let noise = self.dice.bytes::<40>().to_vec();
                    self.send_bytes(noise);
                }
            }
        }
    }

    fn actor(&self) -> ActorId {
        actor_id(self.identity.key.public(), self.nonce)
    }

    fn introduction(&self) -> Vec<u8> {
        Introduction { nonce: self.nonce, chain: self.identity.chain.clone() }.encode()
    }

    fn own_document(&mut self, now: Millis) -> DocumentId {
        let scope = if self.dice.chance(80) { Scope::Shared } else { Scope::Private };
        DocumentId::new(scope, self.identity.certificate().branch, Quarter::of(now.day()))
    }

    /// Where the next valid change stands: mostly where a line ends, else it parts from one.
    fn place(&mut self, now: Millis) -> (DocumentId, Position) {
        let document = self.own_document(now);
        let of: Vec<Position> = self.ends.iter().filter(|end| end.0 == document).map(|end| end.1).collect();
        let parts = self.dice.chance(if self.floods { 70 } else { 8 });
        let at = match (of.is_empty(), parts) {
            (true, _) => Position::START,
            (false, false) => of[of.len() - 1],
            (false, true) => *self.dice.pick(&of).unwrap_or(&Position::START),
        };
        (document, at)
    }

    fn puts(&mut self, now: Millis) -> Vec<Put> {
        let count = self.dice.between(1, 3);
        let mut puts: Vec<Put> = (0..count).map(|_| self.put(now)).collect();
        puts.sort_by_key(|put| put.id);
        puts.dedup_by_key(|put| put.id);
        puts
    }

    /// An event with something wrong about it that no door can see.
    fn put(&mut self, now: Millis) -> Put {
        let id = match self.dice.below(6) {
            0 => EventId([0; 16]),
            1 | 2 if !self.ids.is_empty() => *self.dice.pick(&self.ids).expect("there are ids"),
            _ => EventId(self.dice.bytes()),
        };
        self.ids.push(id);
        if let Some(habit) = self.dice.pick(&self.habits).copied() {
            return self.habitual(habit, id, now);
        }
        if self.dice.chance(15) {
            return Put { id, value: self.dice.bytes::<24>().to_vec() };
        }
        let certificate = self.identity.certificate();
        let (device, branch) = (certificate.device, certificate.branch);
        let event: Event = match self.dice.below(3) {
            0 => SessionCancelled { session: ClassId(self.dice.bytes()), reason: "无".into() }.into(),
            1 => TeacherProposed {
                teacher: TeacherId(self.dice.bytes()),
                name: "示例".into(),
                full_time: false,
                source: String::new(),
                courses: Vec::new(),
                weekly_cap_periods: 255,
            }
            .into(),
            _ => BranchProfile { name: "某镇".into(), registered: self.dice.next() as u32 }.into(),
        };
        let body = event.body();
        let (kind, version) = body.info().id();
        let future = self.dice.chance(20);
        let stamp = if future { u64::MAX - self.dice.below(1 << 40) } else { (now.0 as u64) << 16 };
        let envelope = Envelope {
            kind: if self.dice.chance(10) { "never.heard_of".into() } else { kind.into() },
            version,
            stamp: Stamp(stamp),
            claimed: now,
            device: if self.dice.chance(10) { DeviceId([0x61; 16]) } else { device },
            user: crate::cast::USER,
            branch: if self.dice.chance(10) { BranchId([0x13; 16]) } else { branch },
            action: ActionId(self.dice.bytes()),
            supersedes: None,
            body: ByteBuf::from(body.encode()),
        };
        Put { id, value: envelope.encode() }
    }

    fn run(&mut self, document: DocumentId, at: &Position, now: Millis) -> Option<Run> {
        let puts = self.puts(now);
        Run::write(self.city, &self.identity.key, document, self.actor(), at, &[puts]).ok()
    }

    fn chunk(&mut self, run: Run) {
        let introduction = Some(self.introduction());
        self.send(Frame::Chunk { introduction, run, upto: None });
    }

    fn write_on(&mut self, now: Millis) {
        if self.made >= MOST_CHANGES {
            return;
        }
        let (document, at) = self.place(now);
        if let Some(run) = self.run(document, &at, now) {
            self.made += 1;
            self.ends.push((document, run.end()));
            self.acts.push_back(Act::Made(Box::new(run.clone())));
            self.chunk(run);
        }
    }

    /// A change whose predecessor is withheld.
    fn send_gap(&mut self, now: Millis) {
        let document = self.own_document(now);
        let at = Position { seq: self.dice.between(1, 9), hash: ChangeHash(self.dice.bytes()), next_op: 7 };
        if let Some(run) = self.run(document, &at, now) {
            self.chunk(run);
        }
    }

    /// Somebody's run again: as it is, in another document, or under the own introduction.
    fn replay(&mut self) {
        let Some((introduction, run)) = self.dice.pick(&self.loot).cloned() else { return };
        let mut run = run;
        match self.dice.below(4) {
            0 => run.document.period.year += 1,
            1 => run.document.branch = self.identity.certificate().branch,
            2 => run.actor = self.actor(),
            _ => {}
        }
        let introduction = if self.dice.chance(50) { Some(self.introduction()) } else { introduction };
        let upto = Some(self.dice.next());
        self.send(Frame::Chunk { introduction, run, upto });
    }

    /// Somebody's run with other content, signed by the wrong key or not at all.
    fn forge(&mut self) {
        let Some((introduction, run)) = self.dice.pick(&self.loot).cloned() else { return };
        let at = if self.dice.chance(50) { run.start() } else { run.end() };
        let puts = vec![vec![Put { id: EventId(self.dice.bytes()), value: vec![1, 2, 3] }]];
        let key = SecretKey::from_random(self.dice.bytes());
        let by = if self.dice.chance(50) { &key } else { &self.identity.key };
        if let Ok(mut forged) = Run::write(self.city, by, run.document, run.actor, &at, &puts) {
            if self.dice.chance(30) {
                forged.attestation = run.attestation;
            }
            if self.dice.chance(30) {
                forged.last_hash = run.last_hash;
                forged.last_seq = run.last_seq;
            }
            self.send(Frame::Chunk { introduction, run: forged, upto: None });
        }
    }

    fn send_misshapen(&mut self, now: Millis) {
        let (document, at) = self.place(now);
        let Some(mut run) = self.run(document, &at, now) else { return };
        match self.dice.below(9) {
            0 => run.last_hash = ChangeHash(self.dice.bytes()),
            1 => run.first_op = u64::from(u32::MAX) - 2,
            2 => run.last_seq = u64::MAX,
            3 => run.first_seq = 0,
            4 => run.events = u32::MAX,
            5 => run.bytes = self.dice.bytes::<60>().to_vec(),
            6 => run.bytes.truncate(run.bytes.len() / 2),
            7 => run.attestation = Signature([7; 64]),
            _ => {
                // The same content under another hash: what the hash check is for.
                let mut bytes = run.last_hash.0;
                bytes[31] ^= 1;
                run.last_hash = ChangeHash(bytes);
                let message =
                    identity::attestation(self.city, &run.document, run.actor, run.last_seq, run.last_hash);
                run.attestation = self.identity.key.sign(&message);
            }
        }
        self.chunk(run);
    }

    /// On another's actor, introduced as one's own.
    fn squat(&mut self, now: Millis) {
        let Some((_, theirs)) = self.dice.pick(&self.loot).cloned() else { return };
        let document = self.own_document(now);
        let puts = self.puts(now);
        let key = &self.identity.key;
        if let Ok(run) = Run::write(self.city, key, document, theirs.actor, &Position::START, &[puts]) {
            self.chunk(run);
        }
    }

    /// In a document where it may not write.
    fn trespass(&mut self, now: Millis) {
        let period = Quarter::of(now.day());
        let document = match self.dice.below(3) {
            0 => DocumentId::new(Scope::Decisions, BranchId::CITY, period),
            1 => DocumentId::new(Scope::Shared, BranchId([0x13; 16]), period),
            _ if self.identity.certificate().branch == Cast::branch(2) => {
                DocumentId::new(Scope::Private, Cast::branch(1), period)
            }
            _ => DocumentId::new(Scope::Private, Cast::branch(2), period),
        };
        if let Some(run) = self.run(document, &Position::START, now) {
            self.chunk(run);
        }
    }

    /// Well-formed frames that make no sense.
    fn babble(&mut self, now: Millis) {
        let document = self.own_document(now);
        let actor = if self.dice.chance(50) { self.actor() } else { ActorId(self.dice.bytes()) };
        let loot = self.dice.pick(&self.loot).map(|(_, run)| (run.key(), run.head()));
        let (key, mut head) =
            loot.unwrap_or((LogKey { document, actor }, Head { actor, seq: 3, hash: ChangeHash([5; 32]) }));
        if self.dice.chance(50) {
            head.seq = self.dice.next();
        }
        let frame = match self.dice.below(10) {
            0 => Frame::Stored { document: key.document, head },
            1 => Frame::Behind { key, heads: vec![head; 3] },
            2 => Frame::Probe { key, line: 200, points: vec![head; 5] },
            3 => Frame::Common { key, line: 255, seq: u64::MAX },
            4 => Frame::Rejected { key, seq: 1, reason: "没有理由".into() },
            5 => Frame::Mark { upto: u64::MAX },
            6 => Frame::AskCity(vec![key.document, document]),
            8 => Frame::Read { upto: u64::MAX },
            7 => Frame::Have { documents: vec![(key.document, vec![head; 2])], upto: u64::MAX },
            _ => {
                let forger = SecretKey::from_random(self.dice.bytes());
                Frame::AtCity(CityStatement::sign(&forger, 1, now, document, vec![head]))
            }
        };
        self.send(frame);
    }
}

/// How a branch node lies to those below it.
#[derive(Clone)]
pub struct Liar {
    pub dice: Dice,
    statements: Vec<CityStatement>,
}

impl Liar {
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), statements: Vec::new() }
    }

    /// A client's frame: `Some` is the answer where it is dropped.
    pub fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match Frame::decode(bytes).ok()? {
            Frame::Chunk { run, .. } if self.dice.chance(50) => {
                Some(Frame::Stored { document: run.document, head: run.head() }.encode())
            }
            _ => None,
        }
    }

    /// What goes to a client in place of an honest frame.
    pub fn say(&mut self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let Ok(frame) = Frame::decode(&bytes) else { return vec![bytes] };
        match frame {
            Frame::Welcome { time, upto, .. } if self.dice.chance(40) => {
                vec![Frame::Welcome { time, digest: ChangeHash(self.dice.bytes()), upto }.encode()]
            }
            Frame::Have { mut documents, upto } if self.dice.chance(60) => {
                documents.retain(|_| self.dice.chance(60));
                for (_, heads) in &mut documents {
                    heads.retain(|_| self.dice.chance(80));
                    heads.iter_mut().for_each(|head| head.seq += self.dice.below(3));
                }
                vec![Frame::Have { documents, upto }.encode()]
            }
            Frame::AtCity(statement) => self.misstate(statement),
            Frame::Mark { upto } if self.dice.chance(30) => vec![Frame::Mark { upto: upto + 5 }.encode()],
            Frame::Chunk { .. } if self.dice.chance(10) => Vec::new(),
            Frame::Stored { document, head } if self.dice.chance(30) => {
                // It also makes the city's word up.
                let forger = SecretKey::from_random(self.dice.bytes());
                let forged = CityStatement::sign(&forger, 1, Millis(i64::MAX / 4), document, vec![head]);
                vec![bytes, Frame::AtCity(forged).encode()]
            }
            _ => vec![bytes],
        }
    }

    /// An old word of the city, or a true one with more in it.
    fn misstate(&mut self, statement: CityStatement) -> Vec<Vec<u8>> {
        self.statements.push(statement.clone());
        match self.dice.below(3) {
            0 => {
                let old = self.dice.pick(&self.statements).cloned();
                old.into_iter().map(|old| Frame::AtCity(old).encode()).collect()
            }
            1 => {
                let mut more = statement;
                more.heads.iter_mut().for_each(|head| head.seq += 1);
                vec![Frame::AtCity(more).encode()]
            }
            _ => vec![Frame::AtCity(statement).encode()],
        }
    }
}
