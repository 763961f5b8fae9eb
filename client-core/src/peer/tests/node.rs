//! A node in memory, and frames carried between two of them.

use super::super::*;
use crate::author::Author;
use crate::domain::{AttendanceCheckedIn, BranchProfile, CheckIn, Draft, SessionAnnounced};
use crate::given::{Given, USER, branch, day};
use crate::identity::Role;
use crate::ids::{ActionId, BranchId, ClassId, CourseId, Entropy, LearnerId};
use crate::log::MemoryShelf;
use crate::sync::PROTOCOL;
use crate::time::{HybridClock, Slot};

pub const NOW: Millis = Millis(1_800_000_000_000);

/// A peer with a store in memory that never fails.
pub struct Node {
    pub peer: Peer,
    pub shelf: MemoryShelf,
    pub author: Author,
    pub wire: VecDeque<Vec<u8>>,
    pub hung_up: Option<String>,
    pub entropy: Entropy,
    pub storing: BTreeMap<u64, Batch>,
    pub took_in: usize,
    pub reported: usize,
}

impl Node {
    pub fn new(given: &Given, who: BranchId, protocol: u16) -> Self {
        let (key, certificate) = given.certificate(who);
        let city = who == BranchId::CITY;
        let author = Author::new(
            identity::city_id(given.city_key.public()),
            key.clone(),
            vec![certificate.clone()],
            HybridClock::default(),
        );
        let local = Local {
            city_key: given.city_key.public(),
            chain: if city { Vec::new() } else { vec![certificate] },
            key: if city { given.city_key.clone() } else { key },
            epoch: 7,
            protocol,
        };
        Self {
            peer: Peer::open(local, city.then(|| given.city_key.clone()), Stored::default()),
            shelf: MemoryShelf::default(),
            author,
            wire: VecDeque::new(),
            hung_up: None,
            entropy: Entropy::new([who.0[0]; 32]),
            storing: BTreeMap::new(),
            took_in: 0,
            reported: 0,
        }
    }

    /// With the certificate of a branch node, to which others connect.
    pub fn into_branch_node(mut self, given: &Given) -> Self {
        let of = self.peer.local.chain.remove(0);
        let certificate =
            Certificate::issue(&given.city_key, of.city, of.key, of.device, of.branch, Role::BranchNode, NOW);
        self.peer.local.chain.push(certificate);
        self
    }

    pub fn handle(&mut self, input: Input) {
        self.peer.handle(input, NOW, &self.shelf);
        self.carry_out();
    }

    pub fn carry_out(&mut self) {
        while let Some(effect) = self.peer.poll() {
            match effect {
                Effect::Send { bytes, .. } => self.wire.push_back(bytes),
                Effect::Hangup { reason, .. } => self.hung_up = Some(reason),
                Effect::Persist { token, batch } => {
                    self.storing.insert(token, *batch);
                }
                Effect::TookIn { admitted, own } => {
                    self.took_in += admitted.changes.len();
                    if !own && admitted.author.key == self.author.key().public() {
                        self.author.leave(&admitted.run.document);
                    }
                }
                Effect::LoadRows { connection, after, .. } => {
                    let batch = SealedBatch { rows: Vec::new(), authors: Vec::new(), upto: after };
                    self.peer.handle(Input::RowsLoaded { connection, batch }, NOW, &self.shelf);
                }
                Effect::Reported(_) => self.reported += 1,
                _ => {}
            }
        }
        if let Some((token, batch)) = self.storing.pop_first() {
            self.store(batch);
            self.handle(Input::Persisted(vec![token]));
        }
    }

    pub fn store(&mut self, batch: Batch) {
        for (document, actor, bytes) in batch.introductions {
            self.shelf.introduce(LogKey { document, actor }, bytes);
        }
        for placed in batch.runs {
            self.shelf.push(placed.place, placed.run);
        }
    }

    pub fn write(&mut self, registered: u32) {
        let of = self.author.certificate().branch;
        self.draft(Draft::new(of, BranchProfile { name: "新埭镇".into(), registered }));
    }

    /// In another document than [`Node::write`].
    pub fn announce(&mut self) {
        let slot = Slot { day: day("2027-06-01"), start_minute: 540, duration_minutes: 90 };
        let (session, course) = (ClassId(self.entropy.next_id()), CourseId([2; 16]));
        let announced = SessionAnnounced { session, course, teacher: None, venue: None, slot, headcount: 20 };
        self.draft(Draft::new(self.author.certificate().branch, announced));
    }

    pub fn check_in(&mut self) {
        let (session, learner) = (ClassId([1; 16]), LearnerId([2; 16]));
        let checked = AttendanceCheckedIn { session, learner, at: NOW, how: CheckIn::Scan };
        self.draft(Draft::new(self.author.certificate().branch, checked));
    }

    pub fn draft(&mut self, draft: Draft) {
        let action = ActionId(self.entropy.next_id());
        let written = self.author.write(&[draft], action, USER, NOW, &mut self.entropy).unwrap();
        let writing = Writing {
            author: self.author.certificate().clone(),
            runs: self.author.introduced(&written),
            rows: Vec::new(),
            notes: Vec::new(),
        };
        self.author.accept(written);
        self.peer.write(1, writing, NOW, &self.shelf);
        self.carry_out();
    }

    pub fn copied(&self, given: &Given, who: BranchId) -> Self {
        let mut copy = Self::new(given, who, PROTOCOL);
        copy.shelf = self.shelf.clone();
        copy.author = self.author.clone();
        copy.entropy = Entropy::new([99; 32]);
        let stored = Stored {
            ledger: self.peer.ledger.clone(),
            reached: self.peer.reached.clone(),
            cursor: self.peer.cursor,
            statements: self.peer.statements.clone(),
        };
        copy.peer = Peer::open(self.peer.local.clone(), self.peer.city_key.clone(), stored);
        copy
    }

    pub fn frontier(&self) -> crate::log::Frontier {
        self.peer.ledger.heads(|_| true)
    }
}

/// Connects, carries frames both ways until both are silent, disconnects. Returns the bytes carried and
/// the round trips as the client sees them.
pub fn meet(client: &mut Node, server: &mut Node, connection: Connection) -> (usize, usize) {
    connect(client, server, connection);
    let figures = talk(client, server, connection);
    let caught_up = client.peer.upstream().is_some_and(|session| session.is_caught_up(&client.shelf));
    assert!(caught_up || client.hung_up.is_some() || server.hung_up.is_some());
    client.handle(Input::Closed { connection });
    server.handle(Input::Closed { connection });
    figures
}

/// Opens a connection; no frame is carried yet.
pub fn connect(client: &mut Node, server: &mut Node, connection: Connection) {
    client.handle(Input::Connected { connection, nonce: [1; 32] });
    server.handle(Input::Accepted { connection, nonce: [2; 32], peer_nonce: [1; 32] });
}

/// Carries what one side has said to the other.
pub fn deliver(from: &mut Node, to: &mut Node, connection: Connection) {
    for bytes in std::mem::take(&mut from.wire) {
        to.handle(Input::Received { connection, bytes });
    }
}

/// Carries frames until both are silent.
pub fn talk(client: &mut Node, server: &mut Node, connection: Connection) -> (usize, usize) {
    let (mut bytes, mut trips) = (0, 0);
    loop {
        let down: Vec<_> = server.wire.drain(..).collect();
        for frame in &down {
            bytes += frame.len();
            client.handle(Input::Received { connection, bytes: frame.clone() });
        }
        let up: Vec<_> = client.wire.drain(..).collect();
        if up.is_empty() && down.is_empty() {
            break;
        }
        trips += usize::from(!up.is_empty());
        for frame in up {
            bytes += frame.len();
            server.handle(Input::Received { connection, bytes: frame });
        }
    }
    (bytes, trips)
}

pub fn city_and_branches(given: &Given, count: u8) -> (Node, Vec<Node>) {
    let city = Node::new(given, BranchId::CITY, PROTOCOL);
    (city, (1..=count).map(|n| Node::new(given, branch(n), PROTOCOL)).collect())
}
