//! One node of the world: who it is, its disk, its program while it runs.

use crate::cast::{Cast, Identity, USER};
use crate::disk::Disk;
use crate::faults::Fault;
use crate::malice::{Liar, Rogue};
use crate::network::Line;
use crate::shell::{Act, Setup, Shell};
use client_core::event::EventRef;
use client_core::ids::BranchId;
use client_core::peer::{Connection, Input};
use client_core::replica::{self, Enrolment, NotDone, Replica};
use client_core::sync::{Backoff, PROTOCOL};
use client_core::time::Millis;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    City,
    Branch,
    Device,
}

/// What runs at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Peer, author and history under the simulator's shell.
    Shell,
    /// The product's whole replica.
    Replica,
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
    pub fn start(&mut self, cast: &Cast, marker: u64, now: Millis) {
        self.life += 1;
        self.link = None;
        self.unsynced.clear();
        self.program = Some(match self.flavour {
            Flavour::Shell => {
                let setup = Setup {
                    cast,
                    identity: &self.identity,
                    city_key: (self.kind == Kind::City).then(|| cast.city_key.clone()),
                    protocol: self.protocol,
                    marker,
                };
                Program::Shell(Box::new(Shell::open(setup, &mut self.disk)))
            }
            Flavour::Replica => {
                let records = self.disk.records().into_iter();
                let records = records.map(|(key, value)| replica::Record { key, value }).collect();
                let enrolment =
                    Enrolment { city_key: cast.city_public, chain: self.identity.chain.clone(), user: USER };
                let opened = Replica::open(enrolment, self.identity.key.clone(), records, now);
                Program::Replica(Box::new(opened.expect("its certificate holds")))
            }
            Flavour::Rogue => {
                Program::Rogue(Box::new(Rogue::new(cast, &self.identity, &self.habits, marker)))
            }
        });
    }
}

/// What runs.
pub enum Program {
    Shell(Box<Shell>),
    Replica(Box<Replica>),
    Rogue(Box<Rogue>),
}

impl Program {
    pub fn handle(&mut self, input: Input, now: Millis) {
        match self {
            Self::Shell(shell) => shell.handle(input, now),
            Self::Rogue(rogue) => rogue.handle(input, now),
            Self::Replica(replica) => {
                let input = match input {
                    Input::Persisted(tokens) => {
                        let each = tokens.into_iter().map(replica::Input::Persisted);
                        return each.for_each(|input| replica.handle(input, now));
                    }
                    Input::Connected { nonce, .. } => replica::Input::Connected { nonce },
                    Input::Received { bytes, .. } => replica::Input::Received(bytes),
                    Input::Closed { .. } => replica::Input::Disconnected,
                    Input::NotPersisted(token, reason) => replica::Input::NotPersisted(token, reason),
                    Input::Tick => replica::Input::Tick,
                    Input::Accepted { .. }
                    | Input::RowsLoaded { .. }
                    | Input::RowsNotLoaded { .. }
                    | Input::Segment { .. } => return,
                };
                replica.handle(input, now);
            }
        }
    }

    /// What to do next. A replica has one connection, which the world numbers for it.
    pub fn poll(&mut self, link: Option<Connection>) -> Option<Act> {
        match self {
            Self::Shell(shell) => shell.poll(),
            Self::Rogue(rogue) => rogue.poll(),
            Self::Replica(replica) => loop {
                let act = match replica.poll()? {
                    replica::Effect::Persist { token, records, comes_again } => {
                        Act::Persist { token, records, comes_again }
                    }
                    replica::Effect::Send(bytes) => Act::Send { connection: link.unwrap_or(0), bytes },
                    replica::Effect::Hangup(reason) => Act::Hangup { connection: link.unwrap_or(0), reason },
                    replica::Effect::Answer { result: Ok(events), .. } => Act::Wrote(events),
                    replica::Effect::Answer { result: Err(NotDone::NotSaved(_)), .. } => Act::NotWritten,
                    replica::Effect::Answer { .. } => Act::Refused,
                    replica::Effect::Changed => continue,
                };
                return Some(act);
            },
        }
    }

    pub fn shell(&mut self) -> Option<&mut Shell> {
        match self {
            Self::Shell(shell) => Some(shell),
            _ => None,
        }
    }
}
