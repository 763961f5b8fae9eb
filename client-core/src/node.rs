//! A node or a device without IO: the peer, the authors that write here, the histories, the views, and at
//! the city the arbiter.
//!
//! The shell calls [`Node::handle`] with what happened and carries out what [`Node::poll`] returns, in
//! order. A server, a page and the simulator are shells: they keep, carry and draw, and decide nothing. What
//! a node keeps it reads again through the shell's [`Shelf`]; see [`Peer`] for what a shelf must show.

mod arbiter;
mod happening;
mod reading;
mod standing;
mod writing;

pub use arbiter::{CitySeat, Closed, Planned, ToPlan};
pub use happening::Happening;
pub use reading::{Delivery, private_of, read_history};
pub use standing::{Awaited, Paused};
pub use writing::{Actions, NotDone, SealedField, What, Writer};

use crate::domain::{History, PrivateFold, SharedFold, SharedViews};
use crate::door::Admitted;
use crate::event::{DocumentId, EventRef, Scope};
use crate::identity::{self, Certificate, Chain, IdentityError, Introduction, Role, SecretKey};
use crate::ids::{BranchId, CityId, DeviceId, Entropy, PublicKey};
use crate::log::{LogKey, Place, Shelf};
use crate::peer::{self, Batch, Connection, Input, Peer, Stored};
use crate::sealed::{SealedBatch, SealedRow};
use crate::sync::Local;
use crate::time::{HybridClock, Millis};
use arbiter::Arbiter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use writing::Authors;

/// Who a node is.
pub struct Setup {
    /// The city's public key.
    pub city_key: PublicKey,
    /// What makes it the city's own node.
    pub city: Option<CitySeat>,
    /// Keys and chains of those who write here, the node itself first.
    pub writers: Vec<(Writer, SecretKey, Chain)>,
    /// The protocol it speaks.
    pub protocol: u16,
    /// Whether its store was put back from a copy since it last ran.
    pub was_put_back: bool,
    /// Fresh random bytes, used for all that this life of the node draws.
    pub entropy: [u8; 32],
}

impl Setup {
    /// The branch it works for; [`BranchId::CITY`] at the city.
    pub fn branch(&self) -> BranchId {
        let own = self.writers.first().and_then(|(_, _, chain)| chain.last());
        own.map_or(BranchId::CITY, |certificate| certificate.branch)
    }
}

/// What a node's store gives back at the start.
#[derive(Default)]
pub struct Restored {
    /// Lines, and how far they have come.
    pub stored: Stored,
    /// The shared and the decisions documents.
    pub shared: History,
    /// The private documents of the node's own branch; `None`: they are read once somebody asks.
    pub own: Option<History>,
    /// Chains of authors.
    pub chains: Vec<Chain>,
    /// The small values that were kept, by name: what batches carry in [`Batch::notes`].
    pub notes: BTreeMap<String, Vec<u8>>,
}

/// Why a node cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A certificate does not hold.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Nobody writes here.
    #[error("a node has a key and a certificate of its own")]
    NobodyWrites,
    /// A small value cannot be read.
    #[error("what is kept as {0:?} cannot be read: {1}")]
    Note(String, rmp_serde::decode::Error),
}

/// What the shell has to do.
#[derive(Debug)]
pub enum Effect {
    /// Send one message.
    Send {
        /// The connection.
        connection: Connection,
        /// One frame.
        bytes: Vec<u8>,
    },
    /// Close the connection; the text says why.
    Hangup {
        /// The connection.
        connection: Connection,
        /// Why.
        reason: String,
    },
    /// See [`peer::Effect::Persist`].
    Persist {
        /// Names the answer.
        token: u64,
        /// What to store.
        batch: Box<Batch>,
    },
    /// The answer to [`Node::write`]: the identities of the events, durable, or why there are none.
    Done {
        /// What was asked.
        ticket: u64,
        /// What came of it.
        result: Result<Vec<EventRef>, NotDone>,
    },
    /// A document grew; what is in it is durable here.
    Grew {
        /// The document.
        document: DocumentId,
        /// Whether this node wrote it just now.
        own: bool,
    },
    /// What passed the door of these runs of a segment is durable.
    SegmentTaken {
        /// Which runs.
        ticket: u64,
        /// How many of them were new, or why they could not be stored.
        outcome: Result<usize, String>,
    },
    /// Sealed rows are durable here.
    RowsKept(Vec<SealedRow>),
    /// Answer with [`Node::rows_loaded`]: sealed rows after this offset.
    LoadRows {
        /// The connection.
        connection: Connection,
        /// The offset.
        after: u64,
    },
    /// A greeting is done.
    Live {
        /// The connection.
        connection: Connection,
        /// The client; `None` for the upstream.
        peer: Option<Certificate>,
    },
    /// Something came that the arbiter may have to answer: call [`Node::decide`] within a moment.
    ArbiterDue,
    /// Make this plan, away from the node, and answer with [`Node::planned`].
    Plan(ToPlan),
    /// The answer to [`Node::decide`] and [`Node::close_round`].
    Decided {
        /// What was asked.
        ticket: u64,
        /// What came of it.
        result: Result<Closed, NotDone>,
    },
    /// Something that people who look after the node want to know.
    Happened {
        /// What.
        what: Happening,
        /// To whom or which: an id, a document, or nothing.
        about: String,
        /// Details.
        detail: String,
    },
    /// Somebody's changes were refused: by us (`here`) or by the upstream.
    Refused {
        /// Whose changes.
        key: LogKey,
        /// The first change refused.
        seq: u64,
        /// Why.
        reason: String,
        /// Whether it was refused here.
        here: bool,
    },
    /// Delivery or the state of a connection changed.
    Changed,
}

/// Where the epoch is kept, the clock, and where the names of own lines begin.
const EPOCH: &str = "epoch";
const CLOCK: &str = "clock";
const OWN_LINES: &str = "own/";

/// A clock this far from the upstream's is told, in milliseconds.
const CLOCK_FAR_OFF: u64 = 10 * Millis::MINUTE.unsigned_abs();

/// Of a reason that a peer may have worded so much is kept.
const REASON_CHARS: usize = 300;

/// A node or a device.
pub struct Node {
    city: CityId,
    city_seat: Option<CitySeat>,
    branch: BranchId,
    epoch: u64,
    entropy: Entropy,
    peer: Peer,
    authors: Authors,
    shared: History,
    views: SharedFold,
    own: Option<History>,
    rosters: PrivateFold,
    chains: BTreeMap<(DeviceId, PublicKey), Chain>,
    arbiter: Arbiter,
    upstream_live: Option<(bool, Millis)>,
    city_heard: Option<Millis>,
    clock_off: Option<i64>,
    /// Whether its clock ever heard of the time, or is the city's.
    knows_time: bool,
    /// Small values that are not stored yet.
    unsaved: BTreeMap<String, Vec<u8>>,
    /// What of them is on its way to the disk.
    saving: Option<BTreeMap<String, Vec<u8>>>,
    effects: VecDeque<Effect>,
}

impl Node {
    /// Opens a node over what its store gives back. What it has to keep before it says anything to anybody
    /// is in [`Node::take_notes`].
    pub fn open(setup: Setup, restored: Restored, now: Millis) -> Result<Self, OpenError> {
        let branch = setup.branch();
        let Setup { city_key, city: city_seat, writers, protocol, was_put_back, entropy } = setup;
        let Restored { stored, mut shared, mut own, chains, notes } = restored;
        [Some(&mut shared), own.as_mut()].into_iter().flatten().for_each(History::settle);
        let city = identity::city_id(city_key);
        let is_city = city_seat.is_some();
        let city_secret = city_seat.as_ref().map(|seat| seat.key.clone());
        let (_, key, chain) = writers.first().cloned().ok_or(OpenError::NobodyWrites)?;
        for (_, _, chain) in &writers {
            identity::verify_chain(city_key, chain)?;
        }
        let mut entropy = Entropy::new(entropy);
        let arbiter = Arbiter::open(&notes, is_city && was_put_back, now)?;
        let known = note::<u64>(&notes, EPOCH).filter(|_| !was_put_back && !arbiter.standing.waits());
        let epoch = known.unwrap_or_else(|| new_epoch(&mut entropy));
        let clock = note::<HybridClock>(&notes, CLOCK);
        let knows_time = is_city || clock.is_some();
        let (key, chain) = match &city_secret {
            Some(city) => (city.clone(), Vec::new()),
            None => (key, chain),
        };
        let local = Local { city_key, chain, key, epoch, protocol };
        let mut authors = Authors::new(city, writers, clock.unwrap_or_default());
        if !is_city {
            authors.all_mut().for_each(|author| {
                let issued = author.certificate().issued;
                author.clock_mut().enrolled(issued, now);
            });
        }
        // At the city each start is an actor of its own: decisions of two lives never mix.
        if !was_put_back && !is_city {
            authors.resume(&stored, &notes);
        }
        // The clock was kept before it had seen the last runs.
        for entry in shared.ranked().chain(own.iter().flat_map(History::ranked)) {
            authors.all_mut().for_each(|author| author.clock_mut().observe(entry.stamp, now));
        }
        let mut node = Self {
            city,
            branch,
            epoch,
            entropy,
            peer: Peer::open(local, city_secret, stored),
            city_seat,
            authors,
            shared,
            views: SharedFold::default(),
            own,
            rosters: PrivateFold::new(branch),
            chains: BTreeMap::new(),
            arbiter,
            upstream_live: None,
            city_heard: None,
            clock_off: None,
            knows_time,
            unsaved: BTreeMap::new(),
            saving: None,
            effects: VecDeque::new(),
        };
        let written_here: Vec<Chain> = node.authors.all_mut().map(|author| author.chain().clone()).collect();
        chains.into_iter().chain(written_here).for_each(|chain| node.know(chain));
        node.follow_rulings();
        node.keep(EPOCH, &epoch);
        if was_put_back {
            node.happened(Happening::StorePutBack, "", "");
        }
        if was_put_back && is_city {
            node.keep_standing();
            node.happened(Happening::ArbiterPaused, "", "this store was put back from a copy");
        }
        if is_city {
            node.begin_to_look_back();
        }
        Ok(node)
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, now: Millis, shelf: &dyn Shelf) {
        let is_tick = matches!(input, Input::Tick);
        self.peer.handle(input, now, shelf);
        self.drain(now);
        if is_tick {
            self.arbiter.tries_again();
            self.look_back(now, shelf);
            self.save_notes(now, shelf);
            // Who asks next waits for little, and what changed does not pile up.
            self.views.keep_up_if_begun(&mut self.shared);
            if let Some(own) = &mut self.own {
                self.rosters.keep_up_if_begun(own);
            }
        }
        self.go_on(now, shelf);
    }

    /// The answer to [`Effect::LoadRows`]: rows after the offset asked for and up to which that goes; `None`
    /// if they cannot be read now.
    pub fn rows_loaded(
        &mut self,
        connection: Connection,
        rows: Option<(Vec<SealedRow>, u64)>,
        now: Millis,
        shelf: &dyn Shelf,
    ) {
        let (own, goes_up) = (self.certificate(), self.peer.upstream_connection() == Some(connection));
        let client = self.peer.session(connection).and_then(|session| session.peer());
        let visible = |row: &SealedRow| match client {
            // What a device has of others it has from its upstream.
            _ if goes_up => own.role != Role::Office || row.author == own.device,
            Some(client) => client.may_read_rows_of(row.branch, row.author),
            None => false,
        };
        let input = match rows {
            None => Input::RowsNotLoaded { connection },
            Some((rows, upto)) => {
                let rows: Vec<SealedRow> = rows.into_iter().filter(visible).collect();
                let devices: BTreeSet<_> = rows.iter().map(|row| row.author).collect();
                let of_rows = self.chains.iter().filter(|((device, _), _)| devices.contains(device));
                let authors = of_rows.map(|(_, chain)| chain.clone()).collect();
                Input::RowsLoaded { connection, batch: SealedBatch { rows, authors, upto } }
            }
        };
        self.handle(input, now, shelf);
    }

    /// Mixes fresh random bytes in: two copies of a running process draw apart.
    pub fn stir(&mut self, random: [u8; 32]) {
        let drawn = self.entropy.next_bytes();
        self.entropy = Entropy::new(std::array::from_fn(|n| drawn[n] ^ random[n]));
    }

    /// Small values to store before anything else, where the shell stores them itself.
    pub fn take_notes(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.unsaved).into_iter().collect()
    }

    /// Carries out what the peer wants done.
    fn drain(&mut self, now: Millis) {
        while let Some(effect) = self.peer.poll() {
            self.carry_out(effect, now);
        }
        let live = self.peer.upstream().is_some();
        if !self.is_city() && self.upstream_live.is_none_or(|(was, _)| was != live) {
            self.upstream_live = Some((live, now));
            self.effects.push_back(Effect::Changed);
        }
    }

    fn carry_out(&mut self, effect: peer::Effect, now: Millis) {
        match effect {
            peer::Effect::Send { connection, bytes } => {
                self.effects.push_back(Effect::Send { connection, bytes });
            }
            peer::Effect::Hangup { connection, reason } => {
                self.effects.push_back(Effect::Hangup { connection, reason: shortened(&reason) });
            }
            peer::Effect::Persist { token, mut batch } => {
                self.look_for_forgotten_lines(&batch, now);
                batch.notes.extend(self.unsaved.clone());
                batch.notes.extend(self.clock_note());
                self.effects.push_back(Effect::Persist { token, batch });
            }
            peer::Effect::TookIn { admitted, own } => self.take_in(&admitted, own, now),
            peer::Effect::Written(ticket) => self.written(ticket),
            peer::Effect::NotWritten(ticket, reason) => self.not_written(ticket, reason),
            peer::Effect::SegmentTaken { ticket, outcome } => {
                self.effects.push_back(Effect::SegmentTaken { ticket, outcome });
            }
            peer::Effect::RowsKept { rows, authors } => {
                authors.into_iter().for_each(|chain| self.know(chain));
                self.effects.push_back(Effect::RowsKept(rows));
            }
            peer::Effect::LoadRows { connection, after, .. } => {
                self.effects.push_back(Effect::LoadRows { connection, after });
            }
            peer::Effect::Live { connection, peer } => {
                self.effects.push_back(Effect::Live { connection, peer });
            }
            peer::Effect::UpstreamTime(time) => {
                self.knows_time = true;
                self.authors.all_mut().for_each(|author| author.clock_mut().hear_upstream(time, now));
                let off = time.0.saturating_sub(now.0);
                self.clock_off = Some(off);
                if off.unsigned_abs() > CLOCK_FAR_OFF {
                    self.happened(Happening::ClockOff, "", (off / Millis::MINUTE).to_string());
                }
            }
            peer::Effect::CityHeard(time) => {
                self.authors.all_mut().for_each(|author| author.clock_mut().hear_city(time, now));
                self.city_heard = self.city_heard.max(Some(time));
            }
            peer::Effect::UpstreamRenewed => self.happened(Happening::UpstreamRenewed, "", ""),
            peer::Effect::Reported(client) => self.reported(&client),
            peer::Effect::Refused { key, seq, reason, here } => {
                let reason = shortened(&reason);
                self.happened(Happening::ChangesRefused, key.to_string(), reason.as_str());
                self.effects.push_back(Effect::Refused { key, seq, reason, here });
            }
            peer::Effect::Changed => self.effects.push_back(Effect::Changed),
        }
    }

    /// A run is durable here.
    fn take_in(&mut self, admitted: &Admitted, own: bool, now: Millis) {
        if !own {
            self.look_for_copies(admitted);
        }
        if let Some(bytes) = &admitted.introduction
            && let Ok(introduction) = rmp_serde::from_slice::<Introduction>(bytes)
        {
            self.know(introduction.chain);
        }
        let (run, author, changes) = (&admitted.run, &admitted.author, &admitted.changes);
        let document = run.document;
        let seen = match (document.scope, &mut self.own) {
            (Scope::Private, Some(own)) if document.branch == self.branch => {
                Some(own.insert(run, author, changes))
            }
            (Scope::Private, _) => None,
            _ => Some(self.shared.insert(run, author, changes)),
        };
        if let Some(seen) = seen {
            // A node that begins anew may hear of decisions from its devices before it hears the time.
            if document.scope == Scope::Decisions && !self.knows_time {
                self.authors.all_mut().for_each(|author| author.clock_mut().hear_city(seen.millis(), now));
            }
            self.authors.all_mut().for_each(|author| author.clock_mut().observe(seen, now));
        }
        if document.scope == Scope::Decisions {
            self.follow_rulings();
        }
        if self.is_city() {
            self.look_at_arrival(admitted, own, now);
        }
        self.effects.push_back(Effect::Grew { document, own });
    }

    /// What others read goes by the rulings that are here.
    fn follow_rulings(&mut self) {
        if let Some(own) = &mut self.own {
            own.follow(self.shared.rulings());
        }
        self.peer.follow(self.shared.rulings());
    }

    /// A line that parts from another, or that this node wrote and does not know, tells of a copy.
    fn look_for_copies(&mut self, admitted: &Admitted) {
        let (document, author) = (admitted.run.document, &admitted.author);
        if matches!(admitted.place, Place::Parts { .. }) {
            self.happened(Happening::Forked, author.device.to_hex(), document.to_string());
        }
        let left = self.authors.leave(author.key, &document);
        if left && !self.is_city() {
            self.happened(Happening::StoreCopied, "", document.to_string());
        }
    }

    fn know(&mut self, chain: Chain) {
        if let Some(last) = chain.last() {
            self.chains.insert((last.device, last.key), chain);
        }
    }

    fn happened(&mut self, what: Happening, about: impl Into<String>, detail: impl Into<String>) {
        self.effects.push_back(Effect::Happened { what, about: about.into(), detail: detail.into() });
    }

    /// The clock, to be kept with what is stored: what was heard of the time counts offline, too. The city
    /// follows nobody's time and keeps its clock with its own writing.
    fn clock_note(&mut self) -> Option<(String, Vec<u8>)> {
        let changed = !self.is_city() || self.authors.is_writing();
        let clock = self.authors.all_mut().map(|author| *author.clock_mut()).max_by_key(HybridClock::last);
        Some((CLOCK.to_owned(), encode(&clock.filter(|_| changed)?)))
    }

    /// Keeps a small value; it is stored with the next that is written, or with the next tick.
    fn keep(&mut self, name: &str, value: &impl Serialize) {
        self.unsaved.insert(name.to_owned(), encode(value));
    }

    /// Whether this is the city's own node.
    pub fn is_city(&self) -> bool {
        self.city_seat.is_some()
    }

    /// The log and all connections.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether the line to the upstream carried something since this was asked last.
    pub fn take_carried(&mut self) -> bool {
        self.peer.take_carried()
    }

    /// Shared and decisions documents.
    pub fn shared(&self) -> &History {
        &self.shared
    }

    /// Cursors into this node's feeds count within it.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the line to the upstream is up, and since when; `None` at the city.
    pub fn upstream_live(&self) -> Option<(bool, Millis)> {
        self.upstream_live
    }

    /// When the city last signed for something that was heard here.
    pub fn city_heard(&self) -> Option<Millis> {
        self.city_heard
    }

    /// The upstream's clock minus this machine's, in milliseconds, at the last contact.
    pub fn clock_off(&self) -> Option<i64> {
        self.clock_off
    }

    /// The views of shared and decisions documents.
    pub fn views(&mut self) -> &Arc<SharedViews> {
        self.views.views(&mut self.shared)
    }
}

/// A small value that was kept. One that cannot be read is taken for lost: the epoch is then a new one, and
/// the clock goes on from what is held.
fn note<T: DeserializeOwned>(notes: &BTreeMap<String, Vec<u8>>, name: &str) -> Option<T> {
    rmp_serde::from_slice(notes.get(name)?).ok()
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("what a node keeps can be encoded")
}

fn new_epoch(entropy: &mut Entropy) -> u64 {
    u64::from_be_bytes(entropy.next_bytes()[..8].try_into().expect("8 of 32 bytes")) >> 1
}

fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_CHARS).collect()
}

#[cfg(test)]
mod tests;
