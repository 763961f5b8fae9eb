//! One node of the world: who it is, its disk, its program while it runs.

use crate::cast::{Cast, Identity, USER};
use crate::disk::Disk;
use crate::faults::Fault;
use crate::malice::{Liar, Rogue};
use crate::network::Line;
use client_core::event::EventRef;
use client_core::identity::{Chain, SecretKey};
use client_core::ids::BranchId;
use client_core::log::Run;
use client_core::node::{self, CitySeat, NotDone, Setup, Writer};
use client_core::peer::{Connection, Input};
use client_core::plan::Budget;
use client_core::replica::{self, Record, Replica};
use client_core::sync::{Backoff, PROTOCOL};
use client_core::time::Millis;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    City,
    Branch,
    Device,
}

/// What runs at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// The product's node, told apart from an older copy by a marker beside its disk; it writes drafts, which
    /// no command checks.
    Free,
    /// The product's node as a page runs it: it writes commands.
    Page,
    /// An enrolled device that keeps no rule.
    Rogue,
}

pub struct Node {
    pub name: String,
    pub kind: Kind,
    pub flavour: Flavour,
    pub identity: Identity,
    pub branch: BranchId,
    pub upstream: Option<usize>,
    pub protocol: u16,
    pub disk: Disk,
    /// Older copies of the disk.
    pub copies: Vec<Disk>,
    pub program: Option<Program>,
    /// Counts starts; what was scheduled in an earlier life is void.
    pub life: u32,
    /// Its clock minus the true time, in milliseconds.
    pub clock: i64,
    pub line: Line,
    /// Nobody reaches it.
    pub cut_off: bool,
    pub link: Option<u64>,
    pub backoff: Backoff,
    /// Batches written and not yet synced.
    pub unsynced: Vec<u64>,
    pub liar: Option<Liar>,
    /// What a rogue makes a habit of.
    pub habits: Vec<Fault>,
    /// Its disk was put back and nothing tells it so.
    pub put_back_untold: bool,
    /// Taken out of the world.
    pub gone: bool,
    /// Refusals it was given by an upstream, as text.
    pub turned_away: Vec<String>,
    pub own_events: Vec<EventRef>,
}

impl Node {
    pub fn new(
        name: String,
        kind: Kind,
        flavour: Flavour,
        identity: Identity,
        upstream: Option<usize>,
    ) -> Self {
        let branch = identity.certificate().branch;
        Self {
            name,
            kind,
            flavour,
            identity,
            branch,
            upstream,
            protocol: PROTOCOL,
            disk: Disk::default(),
            copies: Vec::new(),
            program: None,
            life: 0,
            clock: 0,
            line: Line::GOOD,
            cut_off: false,
            link: None,
            backoff: Backoff::default(),
            unsynced: Vec::new(),
            liar: None,
            habits: Vec::new(),
            put_back_untold: false,
            gone: false,
            turned_away: Vec::new(),
            own_events: Vec::new(),
        }
    }

    pub fn is_running(&self) -> bool {
        self.program.is_some()
    }

    pub fn is_honest(&self) -> bool {
        self.flavour != Flavour::Rogue && self.liar.is_none()
    }

    pub fn device(&self) -> [u8; 16] {
        self.identity.certificate().device.0
    }

    /// Starts its program over what is on its disk.
    pub fn start(&mut self, cast: &Cast, (marker, entropy): (u64, [u8; 32]), now: Millis) {
        self.life += 1;
        self.link = None;
        self.unsynced.clear();
        self.program = Some(match self.flavour {
            Flavour::Free | Flavour::Page => {
                let setup = Setup {
                    city_key: cast.city_public,
                    city: (self.kind == Kind::City).then(|| CitySeat::new(cast.city_key.clone())),
                    writers: self.writers(cast),
                    protocol: self.protocol,
                    was_put_back: self.flavour == Flavour::Free && self.was_put_back(),
                    entropy,
                };
                let records = self.disk.records().into_iter();
                let records = records.map(|(key, value)| Record { key, value }).collect();
                let mut replica =
                    Replica::open(setup, USER, records, now).expect("what a node kept can be read");
                if self.flavour == Flavour::Free {
                    self.begin_generation(marker, replica.take_notes());
                }
                Program::Replica(Box::new(replica))
            }
            Flavour::Rogue => {
                Program::Rogue(Box::new(Rogue::new(cast, &self.identity, &self.habits, marker)))
            }
        });
    }

    fn writers(&self, cast: &Cast) -> Vec<(Writer, SecretKey, Chain)> {
        let importer = (self.kind == Kind::City).then_some((Writer::Importer, &cast.importer));
        let writers = [(Writer::Node, &self.identity)].into_iter().chain(importer);
        writers.map(|(writer, who)| (writer, who.key.clone(), who.chain.clone())).collect()
    }

    /// Whether the disk is not the one it left: the marker on it is neither the last nor the one before.
    fn was_put_back(&self) -> bool {
        let records = self.disk.records();
        let known = |key: &str| records.get(key).and_then(|bytes| read::<u64>(bytes));
        let (current, previous) = (known("marker"), known("marker_before"));
        let is_new = current.is_none() && self.disk.marker.is_none();
        let is_same = self.disk.marker.is_some() && [current, previous].contains(&self.disk.marker);
        !is_new && !is_same
    }

    /// What follows from the comparison of the markers is stored with the new ones.
    fn begin_generation(&mut self, marker: u64, mut notes: Vec<Record>) {
        notes.push(record("marker_before", &self.disk.marker));
        notes.push(record("marker", &marker));
        self.disk.write(&notes);
        self.disk.sync();
        self.disk.marker = Some(marker);
    }
}

/// What the world has to do for a program.
pub enum Act {
    Send {
        connection: Connection,
        bytes: Vec<u8>,
    },
    Hangup {
        connection: Connection,
        reason: String,
    },
    Persist {
        token: u64,
        records: Vec<Record>,
        /// Power may take it: nothing waits for the disk.
        comes_again: bool,
    },
    /// These events are durable.
    Wrote(Vec<EventRef>),
    /// So many runs of a segment were new.
    SegmentTaken(usize),
    /// The arbiter has something to look at.
    ArbiterDue,
    /// The arbiter could not store what it decided.
    ArbiterFailed,
    /// A device that keeps no rule made a change that anybody may take.
    Made(Box<Run>),
}

/// What runs.
pub enum Program {
    Replica(Box<Replica>),
    Rogue(Box<Rogue>),
}

impl Program {
    pub fn handle(&mut self, input: Input, now: Millis) {
        match self {
            Self::Replica(replica) => replica.handle(input, now),
            Self::Rogue(rogue) => rogue.handle(input, now),
        }
    }

    /// What to do next.
    pub fn poll(&mut self, now: Millis) -> Option<Act> {
        match self {
            Self::Rogue(rogue) => rogue.poll(),
            Self::Replica(replica) => loop {
                let effect = match replica.poll()? {
                    replica::Effect::Persist { token, records, comes_again } => {
                        return Some(Act::Persist { token, records, comes_again });
                    }
                    replica::Effect::Node(effect) => effect,
                };
                match effect {
                    node::Effect::Send { connection, bytes } => return Some(Act::Send { connection, bytes }),
                    node::Effect::Hangup { connection, reason } => {
                        return Some(Act::Hangup { connection, reason });
                    }
                    node::Effect::Done { result: Ok(events), .. } => return Some(Act::Wrote(events)),
                    node::Effect::SegmentTaken { outcome: Ok(runs), .. } => {
                        return Some(Act::SegmentTaken(runs));
                    }
                    node::Effect::ArbiterDue => return Some(Act::ArbiterDue),
                    node::Effect::Decided { result: Err(NotDone::NotSaved(_)), .. } => {
                        return Some(Act::ArbiterFailed);
                    }
                    node::Effect::Plan(to_plan) => {
                        let planned = to_plan.plan(Budget { steps: Some(1_000) }, |_| {});
                        replica.act(|node, shelf| node.planned(planned, now, shelf), now);
                    }
                    _ => {}
                }
            },
        }
    }

    pub fn replica(&mut self) -> Option<&mut Replica> {
        match self {
            Self::Replica(replica) => Some(replica),
            Self::Rogue(_) => None,
        }
    }
}

/// Whether a batch is the device's own writing: it says where its lines end.
pub fn is_own_writing(records: &[Record]) -> bool {
    records.iter().any(|record| record.key.starts_with("own/"))
}

/// Reads what a record holds.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    rmp_serde::from_slice(bytes).ok()
}

fn record(key: &str, value: &impl Serialize) -> Record {
    let value = rmp_serde::to_vec(value).expect("what the simulator keeps can be encoded");
    Record { key: key.to_owned(), value }
}
