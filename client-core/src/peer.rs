//! A peer: the log and all connections of one device or node, without IO.
//!
//! The shell calls [`Peer::handle`] with what happened and carries out what [`Peer::poll`] returns,
//! in order. Runs are read through the shell's [`Shelf`], which must show what was persisted before
//! [`Input::Persisted`] says so, of all of it at once: the ledger stands where the shelf does. Nothing is
//! acknowledged, sent on or shown before that.

mod admission;
mod batch;
mod city;
mod reports;
mod segment;
mod storing;
#[cfg(test)]
pub(crate) mod tests;

pub use batch::{Batch, Placed};

use crate::door::{Admitted, City};
use crate::event::{DocumentId, Scope};
use crate::history::Rulings;
use crate::identity::{self, Certificate, Chain, SecretKey};
use crate::ids::DeviceId;
use crate::log::{Head, Ledger, LogKey, Run, SegmentRun, Shelf};
use crate::sealed::{SealedBatch, SealedRow};
use crate::sync::{CityStatement, Cursor, Here, Local, Output, Pace, Reach, Reached, Session, Side};
use crate::time::{Millis, Quarter};
use admission::Admissions;
use reports::Reports;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Names a connection; the shell gives the numbers.
pub type Connection = u64;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The line to the upstream is open; it was opened with `nonce`.
    Connected {
        /// The connection.
        connection: Connection,
        /// What it was opened with.
        nonce: [u8; 32],
    },
    /// Somebody opened a connection with `peer_nonce`; `nonce` is random.
    Accepted {
        /// The connection.
        connection: Connection,
        /// Random.
        nonce: [u8; 32],
        /// What the other side opened it with.
        peer_nonce: [u8; 32],
    },
    /// A message came.
    Received {
        /// The connection.
        connection: Connection,
        /// One frame.
        bytes: Vec<u8>,
    },
    /// A connection is gone.
    Closed {
        /// The connection.
        connection: Connection,
    },
    /// Runs of a segment, in its order; [`Effect::SegmentTaken`] follows.
    Segment {
        /// Names the answer.
        ticket: u64,
        /// The runs.
        runs: Vec<SegmentRun>,
    },
    /// The batches of these tokens are durable and on the shelf: everything durable that was not named
    /// before.
    Persisted(Vec<u64>),
    /// The batch of this token could not be stored; nothing of it counts.
    NotPersisted(u64, String),
    /// Answer to [`Effect::LoadRows`].
    RowsLoaded {
        /// The connection.
        connection: Connection,
        /// The rows.
        batch: SealedBatch,
    },
    /// Answer to [`Effect::LoadRows`]: they cannot be read now.
    RowsNotLoaded {
        /// The connection.
        connection: Connection,
    },
    /// Time passes; every second to every five seconds.
    Tick,
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
    /// Store the batch in one transaction, in the order of these effects, durable unless it comes
    /// again, then say [`Input::Persisted`].
    Persist {
        /// Names the answer.
        token: u64,
        /// What to store.
        batch: Box<Batch>,
    },
    /// A run is durable here: fold it. `own` was written by [`Peer::write`] and not by a twin.
    TookIn {
        /// The run and what it holds.
        admitted: Box<Admitted>,
        /// Whether this device wrote it just now.
        own: bool,
    },
    /// What was written under this ticket is durable.
    Written(u64),
    /// What was written under this ticket was not stored and never happened.
    NotWritten(u64, String),
    /// What passed the door of these runs of a segment is durable; the error says why nothing is.
    SegmentTaken {
        /// Which runs.
        ticket: u64,
        /// How many of them were new, or why they could not be stored.
        outcome: Result<usize, String>,
    },
    /// Sealed rows are durable here.
    RowsKept {
        /// The rows.
        rows: Vec<SealedRow>,
        /// The chains of their authors, who may have written no event yet.
        authors: Vec<Chain>,
    },
    /// Answer with [`Input::RowsLoaded`] or [`Input::RowsNotLoaded`]: rows for the peer after this offset.
    /// `None`: the upstream.
    LoadRows {
        /// The connection.
        connection: Connection,
        /// The client it is for.
        peer: Option<Certificate>,
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
    /// The upstream's clock.
    UpstreamTime(Millis),
    /// The upstream's store is another than before: put back from a copy, or begun anew.
    UpstreamRenewed,
    /// Everything this client named when it last compared is durable here.
    Reported(Certificate),
    /// The city signed for something, by its clock.
    CityHeard(Millis),
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

/// Work that waits for another run of the same actor to become durable.
enum Waiting {
    Chunk { connection: Connection, introduction: Option<Vec<u8>>, run: Run },
    Own { ticket: u64, writing: Writing },
    Segment { ticket: u64, runs: Vec<SegmentRun>, taken: usize },
}

/// What [`Peer::write`] is given.
#[derive(Clone, Debug)]
pub struct Writing {
    /// Who wrote it.
    pub author: Certificate,
    /// Runs, each with its actor's introduction where it begins the log.
    pub runs: Vec<(Run, Option<Vec<u8>>)>,
    /// Sealed rows.
    pub rows: Vec<SealedRow>,
    /// Small values to keep in the same transaction.
    pub notes: Vec<(String, Vec<u8>)>,
}

struct Pending {
    admitted: Vec<Admitted>,
    then: Then,
}

/// Who is told what became of a batch.
enum Then {
    Written {
        ticket: u64,
        rows: Vec<SealedRow>,
    },
    ChunkStored {
        connection: Connection,
        key: LogKey,
        line: u8,
        head: Head,
    },
    RowsStored {
        connection: Connection,
        rows: Vec<SealedRow>,
        authors: Vec<Chain>,
        upto: u64,
    },
    SegmentGoesOn {
        ticket: u64,
        rest: Vec<SegmentRun>,
        taken: usize,
    },
    /// Nobody: it was only heard.
    Heard,
}

/// What the shell's store gives back at the start.
#[derive(Debug, Default)]
pub struct Stored {
    /// Where every line stands.
    pub ledger: Ledger,
    /// How far each has come.
    pub reached: Reached,
    /// The place in the upstream's feeds.
    pub cursor: Cursor,
    /// The city's last word on each document.
    pub statements: BTreeMap<DocumentId, CityStatement>,
}

/// The log and all connections of one device or node.
pub struct Peer {
    city: City,
    local: Local,
    /// The city's own key, at the city alone.
    city_key: Option<SecretKey>,
    ledger: Ledger,
    reached: Reached,
    cursor: Cursor,
    statements: BTreeMap<DocumentId, CityStatement>,
    sessions: BTreeMap<Connection, Session>,
    upstream: Option<Connection>,
    /// The line to the upstream carried something since this was asked last.
    carried: bool,
    /// Of clients, and of the upstream (`None`), whose line was cut before a chunk was through.
    paces: BTreeMap<Option<DeviceId>, Pace>,
    asked_city: bool,
    /// Changes came from the upstream since it was last asked for the city's word.
    asks_city_again: bool,
    admissions: Admissions,
    reports: Reports,
    pending: BTreeMap<u64, Pending>,
    rulings: Rulings,
    busy: BTreeMap<LogKey, usize>,
    waiting: VecDeque<Waiting>,
    next_token: u64,
    unsaved_reach: BTreeSet<(LogKey, u8)>,
    unsaved_statements: BTreeSet<DocumentId>,
    cursor_is_unsaved: bool,
    effects: VecDeque<Effect>,
}

impl Peer {
    /// Opens a peer over what its store gives back. `city_key` is the city's own, at the city alone.
    pub fn open(local: Local, city_key: Option<SecretKey>, stored: Stored) -> Self {
        Self {
            city: City { id: identity::city_id(local.city_key), key: local.city_key },
            local,
            city_key,
            ledger: stored.ledger,
            reached: stored.reached,
            cursor: stored.cursor,
            statements: stored.statements,
            sessions: BTreeMap::new(),
            upstream: None,
            carried: false,
            paces: BTreeMap::new(),
            asked_city: false,
            asks_city_again: false,
            admissions: Admissions::default(),
            reports: Reports::default(),
            pending: BTreeMap::new(),
            rulings: Rulings::default(),
            busy: BTreeMap::new(),
            waiting: VecDeque::new(),
            next_token: 0,
            unsaved_reach: BTreeSet::new(),
            unsaved_statements: BTreeSet::new(),
            cursor_is_unsaved: false,
            effects: VecDeque::new(),
        }
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Where every line stands.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How far every line has come.
    pub fn reached(&self) -> &Reached {
        &self.reached
    }

    /// The place in the upstream's feeds.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The connection to the upstream, once greeted.
    pub fn upstream(&self) -> Option<&Session> {
        self.sessions.get(&self.upstream?).filter(|session| session.is_live())
    }

    /// The number of the connection to the upstream, greeted or not.
    pub fn upstream_connection(&self) -> Option<Connection> {
        self.upstream
    }

    /// Whether a change got through to the upstream or from it since this was asked last: then the line is
    /// worth trying again soon.
    pub fn take_carried(&mut self) -> bool {
        std::mem::take(&mut self.carried)
    }

    /// One connection.
    pub fn session(&self, connection: Connection) -> Option<&Session> {
        self.sessions.get(&connection)
    }

    /// Connections to this peer that are open.
    pub fn connections(&self) -> usize {
        self.sessions.len()
    }

    /// Whether something waits for the store.
    pub fn is_storing(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, now: Millis, shelf: &dyn Shelf) {
        match input {
            Input::Connected { connection, nonce } => {
                self.upstream = Some(connection);
                self.asked_city = false;
                let mut session = Session::client(self.local.clone(), nonce, self.cursor, now);
                session.go_on_at(self.paces.get(&None).copied().unwrap_or_default());
                self.sessions.insert(connection, session);
            }
            Input::Accepted { connection, nonce, peer_nonce } => {
                let session = Session::server(self.local.clone(), nonce, peer_nonce, now);
                self.sessions.insert(connection, session);
                self.drive(connection, now, shelf);
            }
            Input::Received { connection, bytes } => {
                self.with_session(connection, now, shelf, |session, here| session.receive(&bytes, here));
            }
            Input::Closed { connection } => {
                if let Some(session) = self.sessions.remove(&connection) {
                    self.keep_pace(&session);
                    self.carried |= session.side() == Side::Client && session.got_through();
                }
                self.admissions.leave(connection);
                self.upstream = self.upstream.filter(|upstream| *upstream != connection);
                self.effects.push_back(Effect::Changed);
            }
            Input::Segment { ticket, runs } => self.take_segment(ticket, runs, 0, now, shelf),
            Input::Persisted(tokens) => self.persisted(&tokens, now, shelf),
            Input::NotPersisted(token, reason) => self.not_persisted(token, &reason, now, shelf),
            Input::RowsLoaded { connection, batch } => {
                self.with_session(connection, now, shelf, |session, _| session.rows_loaded(batch));
            }
            Input::RowsNotLoaded { connection } => {
                self.with_session(connection, now, shelf, |session, _| session.rows_not_loaded());
            }
            Input::Tick => {
                for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
                    self.with_session(connection, now, shelf, Session::tick);
                }
                self.ask_city_again(now, shelf);
                self.persist_heard();
                let reported = self.reports.arrived(&self.ledger, shelf);
                self.effects.extend(reported.into_iter().map(Effect::Reported));
            }
        }
        self.let_in(now, shelf);
    }

    /// Goes by these rulings: a revoked device hands in and receives nothing, a closed actor's lines that
    /// count are taken in.
    pub fn follow(&mut self, rulings: &Rulings) {
        if self.rulings == *rulings {
            return;
        }
        self.rulings = rulings.clone();
        for (key, keep) in self.rulings.closings() {
            self.ledger.close(key, keep.to_vec());
        }
        for session in self.sessions.values_mut().filter(|session| session.side() == Side::Server) {
            if session.peer().is_some_and(|peer| rulings.revoke(peer)) {
                session.mute();
            }
        }
    }

    /// This store turned out to be a copy that was put back: all connect anew and compare in full.
    pub fn renew(&mut self, epoch: u64) {
        self.local.epoch = epoch;
        for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
            let reason = "this store was put back from a copy: connect again".to_owned();
            self.effects.push_back(Effect::Hangup { connection, reason });
        }
    }

    fn keep_pace(&mut self, session: &Session) {
        let peer = match (session.side(), session.peer()) {
            (Side::Client, _) => None,
            (Side::Server, Some(peer)) => Some(peer.device),
            (Side::Server, None) => return,
        };
        let pace = session.next_pace();
        if pace == Pace::default() {
            self.paces.remove(&peer);
        } else {
            self.paces.insert(peer, pace);
        }
    }

    fn with_session(
        &mut self,
        connection: Connection,
        now: Millis,
        shelf: &dyn Shelf,
        act: impl FnOnce(&mut Session, &Here<'_>),
    ) {
        if let Some(session) = self.sessions.get_mut(&connection) {
            let here = Here { ledger: &self.ledger, shelf, reached: &self.reached, now };
            act(session, &here);
        }
        self.drive(connection, now, shelf);
    }

    fn drive(&mut self, connection: Connection, now: Millis, shelf: &dyn Shelf) {
        while let Some(output) = self.sessions.get_mut(&connection).and_then(Session::poll) {
            self.carry_out(connection, output, now, shelf);
        }
        let Some(session) = self.sessions.get(&connection) else { return };
        if session.is_caught_up(shelf) {
            if session.side() == Side::Server {
                self.admissions.caught_up(connection, now);
            } else if !self.asked_city {
                self.ask_city(connection, now, shelf);
            }
        }
    }

    fn carry_out(&mut self, connection: Connection, output: Output, now: Millis, shelf: &dyn Shelf) {
        match output {
            Output::Send(bytes) => self.effects.push_back(Effect::Send { connection, bytes }),
            Output::Knock(certificate) if self.rulings.revoke(&certificate) => {
                self.with_session(connection, now, shelf, |session, _| session.mute());
            }
            Output::Knock(certificate) => {
                let pace = self.paces.get(&Some(certificate.device)).copied().unwrap_or_default();
                self.with_session(connection, now, shelf, |session, _| session.go_on_at(pace));
                self.admissions.knock(connection, certificate.device);
            }
            Output::Live(peer) => {
                let peer = peer.filter(|_| self.upstream != Some(connection));
                if let Some(client) = peer.clone()
                    && self.sessions.get(&connection).is_some_and(Session::says_it_holds_nothing)
                {
                    self.reports.named_nothing(client);
                }
                self.effects.push_back(Effect::Live { connection, peer });
            }
            Output::Upstream { time, epoch } => {
                if self.cursor.epoch != epoch {
                    if self.cursor.epoch != Cursor::default().epoch {
                        self.effects.push_back(Effect::UpstreamRenewed);
                    }
                    self.cursor = Cursor { epoch, ..Cursor::default() };
                    self.cursor_is_unsaved = true;
                }
                self.effects.push_back(Effect::UpstreamTime(time));
            }
            Output::Admit { introduction, run } => self.admit(connection, introduction, run, now, shelf),
            Output::Delivered { key, line, head } => {
                if self.reached.at_upstream(key, line, head.seq, head.hash) {
                    self.unsaved_reach.insert((key, line));
                    self.effects.push_back(Effect::Changed);
                }
            }
            Output::Named(lacking) => {
                let client = self.sessions.get(&connection).and_then(|session| session.peer().cloned());
                if let Some(client) = client {
                    self.reports.named(client, lacking);
                }
            }
            Output::Compared => {
                for (key, reach) in &mut self.reached.0 {
                    reach.upstream = None;
                    self.unsaved_reach.insert(*key);
                }
            }
            Output::Cursor(since) => {
                self.cursor.since = Some(since);
                self.cursor_is_unsaved = true;
            }
            Output::Refused { key, seq, reason } => {
                self.effects.push_back(Effect::Refused { key, seq, reason, here: false });
            }
            Output::AskedCity(documents) => {
                for statement in self.statements_on(&documents, now) {
                    self.with_session(connection, now, shelf, |session, _| session.answer_at_city(statement));
                }
            }
            Output::AtCity(statement) => self.hear_city(statement, now, shelf),
            Output::LoadRows { after } => {
                let session = self.sessions.get(&connection);
                let client = session.filter(|session| session.side() == Side::Server);
                let peer = client.and_then(|session| session.peer().cloned());
                self.effects.push_back(Effect::LoadRows { connection, peer, after });
            }
            Output::AdmitRows(batch) => {
                let upto = batch.upto;
                let period = Quarter::of(now.day());
                let is_kept = |branch| self.local.may_keep(&DocumentId::new(Scope::Private, branch, period));
                let (rows, authors) = batch.verified(self.city.id, self.city.key, is_kept);
                let batch = Batch { rows: rows.clone(), ..Batch::default() };
                self.persist(batch, Vec::new(), Then::RowsStored { connection, rows, authors, upto });
            }
            Output::RowsDelivered(upto) => {
                self.cursor.rows_sent = upto;
                self.cursor_is_unsaved = true;
            }
            Output::Close(refusal) => {
                self.effects.push_back(Effect::Hangup { connection, reason: refusal.to_string() });
            }
        }
    }

    /// Lets clients in that knocked, as far as there is room.
    fn let_in(&mut self, now: Millis, shelf: &dyn Shelf) {
        while let Some(connection) = self.admissions.next(now) {
            self.with_session(connection, now, shelf, Session::welcome);
        }
    }

    /// One line's reach.
    pub fn reach(&self, key: LogKey, line: u8) -> Reach {
        self.reached.get(key, line)
    }
}
