//! A city of one branch whose keys, ids and clocks are fixed: everything it writes comes out the same.

use client_core::author::Author;
use client_core::domain::{BenchField, BenchRecorded, BranchAdmitted, BranchProfile, Draft, Event};
use client_core::event::{DocumentId, Scope};
use client_core::identity::{self, Certificate, Chain, Role, SecretKey};
use client_core::ids::{ActionId, BranchId, CityId, DeviceId, Entropy, PersonId, UserId};
use client_core::log::{LogKey, MemoryShelf, Run};
use client_core::peer::{Connection, Effect, Input, Peer, Stored, Writing};
use client_core::sealed::{SealedBatch, SealedRow};
use client_core::sync::{CityStatement, Frame, Local, OLDEST_PROTOCOL, PROTOCOL, Refusal, proof_message};
use client_core::time::{HybridClock, Millis, Quarter, Stamp};

/// The one branch.
pub const BRANCH: BranchId = BranchId([6; 16]);
/// The time at which everything happens: 2026-11-23, 08:00 in the city.
pub const NOW: Millis = Millis(1_795_392_000_000);
/// What the connecting side opens a connection with.
pub const PEER_NONCE: [u8; 32] = [0x11; 32];
/// What the accepting side gives to be signed.
pub const NONCE: [u8; 32] = [0x22; 32];
/// The one connection of a [`SmallNode`].
pub const CONNECTION: Connection = 1;

/// The keys.
pub struct SmallCity {
    /// The city's own.
    pub city_key: SecretKey,
    /// The arbiter's.
    pub arbiter_key: SecretKey,
    /// The branch node's.
    pub node_key: SecretKey,
    /// The office device's.
    pub office_key: SecretKey,
}

impl Default for SmallCity {
    fn default() -> Self {
        let key = |n: u8| SecretKey::from_random([n; 32]);
        Self { city_key: key(1), arbiter_key: key(2), node_key: key(3), office_key: key(4) }
    }
}

impl SmallCity {
    /// The city's id.
    pub fn id(&self) -> CityId {
        identity::city_id(self.city_key.public())
    }

    /// The arbiter's chain: issued by the city.
    pub fn arbiter_chain(&self) -> Chain {
        let key = self.arbiter_key.public();
        let (device, role) = (DeviceId([2; 16]), Role::Arbiter);
        vec![Certificate::issue(&self.city_key, self.id(), key, device, BranchId::CITY, role, NOW)]
    }

    /// The branch node's chain: issued by the city.
    pub fn node_chain(&self) -> Chain {
        let key = self.node_key.public();
        let (device, role) = (DeviceId([3; 16]), Role::BranchNode);
        vec![Certificate::issue(&self.city_key, self.id(), key, device, BRANCH, role, NOW)]
    }

    /// The office device's chain: issued by the branch node.
    pub fn office_chain(&self) -> Chain {
        let key = self.office_key.public();
        let (device, role) = (DeviceId([4; 16]), Role::Office);
        let own = Certificate::issue(&self.node_key, self.id(), key, device, BRANCH, role, NOW);
        self.node_chain().into_iter().chain([own]).collect()
    }

    /// The office device as an author.
    pub fn office(&self) -> Author {
        Author::new(self.id(), self.office_key.clone(), self.office_chain(), HybridClock::default())
    }

    /// The document of one scope in the running quarter.
    pub fn document(&self, scope: Scope) -> DocumentId {
        let branch = if scope == Scope::Decisions { BranchId::CITY } else { BRANCH };
        DocumentId::new(scope, branch, Quarter::of(NOW.day()))
    }

    /// Three changes of the office: each a run with what introduces it.
    pub fn line(&self) -> Vec<(Run, Option<Vec<u8>>)> {
        let mut author = self.office();
        let mut entropy = Entropy::new([5; 32]);
        let profile = |registered| Event::from(BranchProfile { name: "新埭镇".into(), registered });
        let actions = [vec![profile(600)], vec![profile(601), profile(602)], vec![profile(603)]];
        actions.iter().flat_map(|events| write(&mut author, events, &mut entropy)).collect()
    }

    /// What a copy of the office's device wrote instead of the last two changes.
    pub fn fork(&self) -> Vec<(Run, Option<Vec<u8>>)> {
        let mut author = self.office();
        let mut entropy = Entropy::new([5; 32]);
        let profile = |registered| Event::from(BranchProfile { name: "新埭镇".into(), registered });
        let actions = [vec![profile(600)], vec![profile(700)]];
        actions.iter().flat_map(|events| write(&mut author, events, &mut entropy)).collect()
    }

    /// One change of many events of different sizes in the private document, long enough to deflate.
    pub fn records(&self) -> (Run, Option<Vec<u8>>) {
        let record = |n: i64| {
            let fields =
                vec![BenchField::Number(n * n), BenchField::Number(-n), BenchField::Text(format!("行{n}"))];
            let (kind, branch) = ("attendance".into(), "b00".into());
            Event::from(BenchRecorded { kind, branch, course: format!("K{:03}", n % 4), fields })
        };
        let events: Vec<Event> = (0..40).map(record).collect();
        write(&mut self.office(), &events, &mut Entropy::new([6; 32])).remove(0)
    }

    /// One decision of the arbiter.
    pub fn decision(&self) -> (Run, Option<Vec<u8>>) {
        let key = self.arbiter_key.clone();
        let mut author = Author::new(self.id(), key, self.arbiter_chain(), HybridClock::default());
        let events = [BranchAdmitted { branch: BRANCH, name: "新埭镇".into() }.into()];
        write(&mut author, &events, &mut Entropy::new([7; 32])).remove(0)
    }

    /// A sealed row with its author's chain.
    pub fn rows(&self) -> SealedBatch {
        let (author, stamp) = (DeviceId([4; 16]), Stamp((NOW.0 as u64) << 16));
        let whose = (BRANCH, PersonId([8; 16]));
        let content = "示例甲".as_bytes().to_vec();
        let row = SealedRow::write(self.id(), &self.office_key, author, whose, "name", stamp, content);
        SealedBatch { rows: vec![row], authors: vec![self.office_chain()], upto: 1 }
    }

    /// The city's own node.
    pub fn city(&self) -> SmallNode {
        let local = Local {
            city_key: self.city_key.public(),
            chain: Vec::new(),
            key: self.city_key.clone(),
            epoch: 7,
            protocol: PROTOCOL,
        };
        SmallNode::new(local, Some(self.city_key.clone()))
    }

    /// The office's device.
    pub fn device(&self) -> SmallNode {
        let local = Local {
            city_key: self.city_key.public(),
            chain: self.office_chain(),
            key: self.office_key.clone(),
            epoch: 8,
            protocol: PROTOCOL,
        };
        SmallNode::new(local, None)
    }
}

fn write(author: &mut Author, events: &[Event], entropy: &mut Entropy) -> Vec<(Run, Option<Vec<u8>>)> {
    let branch = author.certificate().branch;
    let drafts: Vec<Draft> = events.iter().map(|event| Draft::new(branch, event.clone())).collect();
    let action = ActionId(entropy.next_id());
    let written = author.write(&drafts, action, UserId([9; 16]), NOW, entropy).expect("the author may write");
    let runs = author.introduced(&written);
    author.accept(written);
    runs
}

/// A peer over a store in memory that never fails.
pub struct SmallNode {
    /// The peer.
    pub peer: Peer,
    /// Its runs.
    pub shelf: MemoryShelf,
    /// Frames it sent.
    pub sent: Vec<Vec<u8>>,
    /// Why it hung up.
    pub hung_up: Option<String>,
}

impl SmallNode {
    fn new(local: Local, city_key: Option<SecretKey>) -> Self {
        let peer = Peer::open(local, city_key, Stored::default());
        Self { peer, shelf: MemoryShelf::default(), sent: Vec::new(), hung_up: None }
    }

    /// Stores runs as if this node's own device had written them.
    pub fn write(&mut self, author: &Certificate, runs: Vec<(Run, Option<Vec<u8>>)>) {
        let writing = Writing { author: author.clone(), runs, rows: Vec::new(), notes: Vec::new() };
        self.peer.write(1, writing, NOW, &self.shelf);
        self.carry_out();
    }

    /// Somebody connects.
    pub fn accept(&mut self) {
        self.handle(Input::Accepted { connection: CONNECTION, nonce: NONCE, peer_nonce: PEER_NONCE });
    }

    /// The line to the upstream is open.
    pub fn connect(&mut self) {
        self.handle(Input::Connected { connection: CONNECTION, nonce: PEER_NONCE });
    }

    /// A frame came.
    pub fn receive(&mut self, bytes: Vec<u8>) {
        self.handle(Input::Received { connection: CONNECTION, bytes });
    }

    /// Something happened; all that follows from it is done.
    pub fn handle(&mut self, input: Input) {
        self.peer.handle(input, NOW, &self.shelf);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.peer.poll() {
            match effect {
                Effect::Send { bytes, .. } => self.sent.push(bytes),
                Effect::Hangup { reason, .. } => self.hung_up = Some(reason),
                Effect::Persist { token, batch } => {
                    for (document, actor, bytes) in batch.introductions {
                        self.shelf.introduce(LogKey { document, actor }, bytes);
                    }
                    for placed in batch.runs {
                        self.shelf.push(placed.place, placed.run);
                    }
                    self.peer.handle(Input::Persisted(vec![token]), NOW, &self.shelf);
                }
                Effect::LoadRows { connection, after, .. } => {
                    let batch = SealedBatch { rows: Vec::new(), authors: Vec::new(), upto: after };
                    self.peer.handle(Input::RowsLoaded { connection, batch }, NOW, &self.shelf);
                }
                _ => {}
            }
        }
    }

    /// Lets two nodes talk until both are silent; gives back who said what, the accepting side first.
    pub fn talk(up: &mut Self, down: &mut Self) -> Vec<(bool, Vec<u8>)> {
        let mut said = Vec::new();
        loop {
            let (from_up, from_down) = (std::mem::take(&mut up.sent), std::mem::take(&mut down.sent));
            if from_up.is_empty() && from_down.is_empty() {
                return said;
            }
            for bytes in from_up {
                said.push((true, bytes.clone()));
                down.receive(bytes);
            }
            for bytes in from_down {
                said.push((false, bytes.clone()));
                up.receive(bytes);
            }
        }
    }
}

/// One frame of each kind, with the name of its fixture.
pub fn frames(city: &SmallCity) -> Vec<(&'static str, Frame)> {
    let (line, fork) = (city.line(), city.fork());
    let (run, introduction) = line[0].clone();
    let (key, document, hash) = (run.key(), run.document, run.last_hash);
    let heads = vec![line[2].0.head(), fork[1].0.head()];
    let proof = |key: &SecretKey, purpose, nonce| key.sign(&proof_message(purpose, city.id(), nonce));
    let challenge = |chain, key, epoch| Frame::Challenge {
        newest: PROTOCOL,
        oldest: OLDEST_PROTOCOL,
        city: city.id(),
        epoch,
        chain,
        proof: proof(key, "challenge", &PEER_NONCE),
        nonce: NONCE,
    };
    let hello = |since| Frame::Hello {
        version: PROTOCOL,
        chain: city.office_chain(),
        proof: proof(&city.office_key, "hello", &NONCE),
        since,
        rows_read: 0,
    };
    let statement = CityStatement::sign(&city.city_key, 7, NOW, document, vec![line[2].0.head()]);
    let refused = Refusal::Protocol { oldest: OLDEST_PROTOCOL, newest: PROTOCOL, peer: 9 };
    vec![
        ("challenge-of-the-city", challenge(Vec::new(), &city.city_key, 7)),
        ("challenge-of-a-branch-node", challenge(city.node_chain(), &city.node_key, u64::MAX)),
        ("hello", hello(Some(300))),
        ("hello-without-cursor", hello(None)),
        ("welcome", Frame::Welcome { time: NOW, digest: hash, upto: 70_000 }),
        ("refused-protocol", Frame::Refused(refused)),
        ("refused-other-city", Frame::Refused(Refusal::OtherCity)),
        ("refused-identity", Frame::Refused(Refusal::Identity("no".into()))),
        ("refused-silent", Frame::Refused(Refusal::Silent { seconds: 45 })),
        ("have", Frame::Have { documents: vec![(document, heads.clone())], upto: 3 }),
        ("chunk", Frame::Chunk { introduction, run, upto: None }),
        ("chunk-later", Frame::Chunk { introduction: None, run: line[1].0.clone(), upto: Some(2) }),
        ("mark", Frame::Mark { upto: 3 }),
        ("read", Frame::Read { upto: 3 }),
        ("stored", Frame::Stored { document, head: heads[0] }),
        ("behind", Frame::Behind { key, heads: Vec::new() }),
        ("probe", Frame::Probe { key, line: 0, points: heads }),
        ("common", Frame::Common { key, line: 0, seq: 1 }),
        ("rejected", Frame::Rejected { key, seq: 2, reason: "the run cannot be read".into() }),
        ("ask-city", Frame::AskCity(vec![document, city.document(Scope::Decisions)])),
        ("at-city", Frame::AtCity(statement)),
        ("rows", Frame::Rows(city.rows())),
        ("rows-stored", Frame::RowsStored { upto: 1 }),
        ("ping", Frame::Ping),
        ("pong", Frame::Pong),
    ]
}
