//! A peer: the log and all connections of one device or node, without IO.
//!
//! The shell calls [`Peer::handle`] with what happened and carries out what [`Peer::poll`] returns,
//! in order. Runs are read through the shell's [`Shelf`], which must show what was persisted before
//! [`Input::Persisted`] says so. Nothing is acknowledged, sent on or shown before that.

mod admission;
mod batch;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Placed};

use crate::door::{self, Admission, Admitted, City, DoorError};
use crate::event::DocumentId;
use crate::identity::{self, Certificate, SecretKey};
use crate::log::{Head, Ledger, LogKey, Run, Shelf};
use crate::sealed::{SealedBatch, SealedRow};
use crate::sync::{CityStatement, Cursor, Here, Local, Output, Reach, Reached, Session, Side};
use crate::time::Millis;
use admission::Admissions;
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
    /// The batch of this token is durable and on the shelf.
    Persisted(u64),
    /// The batch of this token could not be stored; nothing of it counts.
    NotPersisted(u64, String),
    /// Answer to [`Effect::LoadRows`].
    RowsLoaded {
        /// The connection.
        connection: Connection,
        /// The rows.
        batch: SealedBatch,
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
    /// Store the batch in one durable transaction, then say [`Input::Persisted`].
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
    /// Sealed rows are durable here.
    RowsKept(Vec<SealedRow>),
    /// Answer with [`Input::RowsLoaded`]: rows for the peer after this offset. `None`: the upstream.
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
    Chunk { connection: Connection, introduction: Option<Vec<u8>>, run: Run, upto: Option<u64> },
    Own { ticket: u64, writing: Writing },
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

enum Pending {
    Own { ticket: u64, admitted: Vec<Admitted>, rows: Vec<SealedRow> },
    Chunk { connection: Connection, admitted: Box<Admitted>, upto: Option<u64> },
    Rows { connection: Connection, rows: Vec<SealedRow>, upto: u64 },
    Note,
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
    asked_city: bool,
    /// Changes came from the upstream since it was last asked for the city's word.
    asks_city_again: bool,
    admissions: Admissions,
    pending: BTreeMap<u64, Pending>,
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
            asked_city: false,
            asks_city_again: false,
            admissions: Admissions::default(),
            pending: BTreeMap::new(),
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

    /// The connection to the upstream, once greeted.
    pub fn upstream(&self) -> Option<&Session> {
        self.sessions.get(&self.upstream?).filter(|session| session.is_live())
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
                let session = Session::client(self.local.clone(), nonce, self.cursor, now);
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
                self.sessions.remove(&connection);
                self.admissions.leave(connection);
                self.upstream = self.upstream.filter(|upstream| *upstream != connection);
                self.effects.push_back(Effect::Changed);
            }
            Input::Persisted(token) => self.persisted(token, now, shelf),
            Input::NotPersisted(token, reason) => self.not_persisted(token, &reason, now, shelf),
            Input::RowsLoaded { connection, batch } => {
                self.with_session(connection, now, shelf, |session, _| session.rows_loaded(batch));
            }
            Input::Tick => {
                for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
                    self.with_session(connection, now, shelf, Session::tick);
                }
                self.ask_city_again(now, shelf);
                if self.has_unsaved() {
                    self.persist(Batch::default(), Pending::Note);
                }
            }
        }
        self.let_in(now, shelf);
    }

    /// Makes what an author wrote durable; [`Effect::Written`] or [`Effect::NotWritten`] follows.
    pub fn write(&mut self, ticket: u64, writing: Writing, now: Millis, shelf: &dyn Shelf) {
        if writing.runs.iter().any(|(run, _)| self.busy.contains_key(&run.key())) {
            self.waiting.push_back(Waiting::Own { ticket, writing });
            return;
        }
        let mut batch = Batch { rows: writing.rows.clone(), notes: writing.notes, ..Batch::default() };
        let mut admitted = Vec::with_capacity(writing.runs.len());
        for (run, introduction) in writing.runs {
            match door::place_own(&self.ledger, shelf, &writing.author, introduction, run) {
                Ok(own) => {
                    batch.push(&own, &self.ledger);
                    admitted.push(own);
                }
                Err(error) => {
                    self.effects.push_back(Effect::NotWritten(ticket, error.to_string()));
                    return;
                }
            }
        }
        for own in &admitted {
            *self.busy.entry(own.run.key()).or_default() += 1;
        }
        self.persist(batch, Pending::Own { ticket, admitted, rows: writing.rows });
        self.let_in(now, shelf);
    }

    /// The city's word on these documents: signed now at the city, the last one heard elsewhere.
    pub fn statements_on(&self, documents: &[DocumentId], now: Millis) -> Vec<CityStatement> {
        documents
            .iter()
            .filter_map(|document| match &self.city_key {
                Some(key) => Some(self.sign_for(key, *document, now)),
                None => self.statements.get(document).cloned(),
            })
            .collect()
    }

    fn sign_for(&self, key: &SecretKey, document: DocumentId, now: Millis) -> CityStatement {
        CityStatement::sign(key, self.local.epoch, now, document, self.ledger.heads_of(document))
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
                self.tell_old_client(connection, now, shelf);
            } else if !self.asked_city {
                self.ask_city(connection, now, shelf);
            }
        }
    }

    /// Client: the city may have signed for what came since long ago, and says so to nobody again.
    fn ask_city_again(&mut self, now: Millis, shelf: &dyn Shelf) {
        let caught_up = self.upstream().is_some_and(|session| session.is_caught_up(shelf));
        if let Some(connection) = self.upstream.filter(|_| caught_up && self.asks_city_again) {
            self.asks_city_again = false;
            self.ask_city(connection, now, shelf);
        }
    }

    /// Server: a client of the first protocol cannot ask for the city's word; it is told once.
    fn tell_old_client(&mut self, connection: Connection, now: Millis, shelf: &dyn Shelf) {
        let Some(session) = self.sessions.get_mut(&connection) else { return };
        if session.is_owed_the_citys_word() {
            let documents: BTreeSet<DocumentId> = self
                .ledger
                .iter()
                .map(|(key, _)| key.document)
                .filter(|d| session.peer_may_read(d))
                .collect();
            let documents: Vec<DocumentId> = documents.into_iter().collect();
            for statement in self.statements_on(&documents, now) {
                self.with_session(connection, now, shelf, |session, _| session.answer_at_city(statement));
            }
        }
    }

    /// Client: what of our holding has the city not signed for, as far as we heard?
    fn ask_city(&mut self, connection: Connection, now: Millis, shelf: &dyn Shelf) {
        self.asked_city = true;
        let mut documents = BTreeSet::new();
        for (key, log) in self.ledger.iter() {
            for (number, line) in log.lines().iter().enumerate() {
                if self.reached.get(*key, number as u8).city < line.head.seq {
                    documents.insert(key.document);
                }
            }
        }
        if !documents.is_empty() {
            let documents = documents.into_iter().collect();
            self.with_session(connection, now, shelf, |session, _| session.ask_city(documents));
        }
    }

    fn carry_out(&mut self, connection: Connection, output: Output, now: Millis, shelf: &dyn Shelf) {
        match output {
            Output::Send(bytes) => self.effects.push_back(Effect::Send { connection, bytes }),
            Output::Knock(certificate) => self.admissions.knock(connection, certificate.device),
            Output::Live(peer) => {
                let peer = peer.filter(|_| self.upstream != Some(connection));
                self.effects.push_back(Effect::Live { connection, peer });
            }
            Output::Upstream { time, epoch } => {
                if self.cursor.epoch != epoch {
                    self.cursor = Cursor { epoch, ..Cursor::default() };
                    self.cursor_is_unsaved = true;
                }
                self.effects.push_back(Effect::UpstreamTime(time));
            }
            Output::Admit { introduction, run, upto } => {
                self.admit(connection, introduction, run, upto, now, shelf);
            }
            Output::Delivered { key, line, head } => {
                if self.reached.at_upstream(key, line, head.seq, head.hash) {
                    self.unsaved_reach.insert((key, line));
                    self.effects.push_back(Effect::Changed);
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
                let (rows, _) = batch.verified(self.city.id, self.city.key);
                let batch = Batch { rows: rows.clone(), ..Batch::default() };
                self.persist(batch, Pending::Rows { connection, rows, upto });
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

    fn admit(
        &mut self,
        connection: Connection,
        introduction: Option<Vec<u8>>,
        run: Run,
        upto: Option<u64>,
        now: Millis,
        shelf: &dyn Shelf,
    ) {
        let key = run.key();
        if self.busy.contains_key(&key) {
            self.waiting.push_back(Waiting::Chunk { connection, introduction, run, upto });
            return;
        }
        let (seq, head) = (run.first_seq, run.head());
        let admission = match self.local.may_keep(&key.document) {
            true => door::admit(self.city, &self.ledger, shelf, introduction, run),
            false => Err(DoorError::NotKeptHere),
        };
        match admission {
            Ok(Admission::New(admitted)) => {
                let mut batch = Batch::default();
                batch.push(&admitted, &self.ledger);
                *self.busy.entry(key).or_default() += 1;
                self.persist(batch, Pending::Chunk { connection, admitted, upto });
            }
            Ok(Admission::Known) => {
                let found = crate::log::locate(&self.ledger, shelf, &key, head.seq, head.hash);
                let line = found.ok().flatten().map_or(0, |(line, _)| line);
                self.with_session(connection, now, shelf, |session, here| {
                    session.stored(key, line, head, upto, here);
                });
            }
            Ok(Admission::Behind(heads)) => {
                self.with_session(connection, now, shelf, |session, here| session.behind(key, heads, here));
            }
            Err(error) => {
                let reason = error.to_string();
                self.effects.push_back(Effect::Refused { key, seq, reason: reason.clone(), here: true });
                self.with_session(connection, now, shelf, |session, here| {
                    session.reject(key, seq, reason, upto, here);
                });
            }
        }
    }

    fn persist(&mut self, mut batch: Batch, pending: Pending) {
        for (key, line) in std::mem::take(&mut self.unsaved_reach) {
            batch.reach.push((key, line, self.reached.get(key, line)));
        }
        for document in std::mem::take(&mut self.unsaved_statements) {
            batch.statements.extend(self.statements.get(&document).cloned());
        }
        if std::mem::take(&mut self.cursor_is_unsaved) {
            batch.cursor = Some(self.cursor);
        }
        self.next_token += 1;
        self.pending.insert(self.next_token, pending);
        self.effects.push_back(Effect::Persist { token: self.next_token, batch: Box::new(batch) });
    }

    fn has_unsaved(&self) -> bool {
        self.cursor_is_unsaved || !self.unsaved_reach.is_empty() || !self.unsaved_statements.is_empty()
    }

    fn persisted(&mut self, token: u64, now: Millis, shelf: &dyn Shelf) {
        match self.pending.remove(&token) {
            Some(Pending::Own { ticket, admitted, rows }) => {
                let keys: BTreeSet<LogKey> = admitted.iter().map(|own| own.run.key()).collect();
                for own in admitted {
                    self.took_in(own, true);
                }
                if !rows.is_empty() {
                    self.rows_kept(rows, None, now, shelf);
                }
                self.effects.push_back(Effect::Written(ticket));
                self.spread(keys, now, shelf);
            }
            Some(Pending::Chunk { connection, admitted, upto }) => {
                let (key, line, head) = (admitted.run.key(), admitted.place.line(), admitted.run.head());
                self.took_in(*admitted, false);
                self.recall_city(&key, shelf);
                self.asks_city_again |= self.upstream == Some(connection);
                self.with_session(connection, now, shelf, |session, here| {
                    session.stored(key, line, head, upto, here);
                });
                self.spread(BTreeSet::from([key]), now, shelf);
            }
            Some(Pending::Rows { connection, rows, upto }) => {
                if self.upstream == Some(connection) {
                    self.cursor.rows_read = upto;
                    self.cursor_is_unsaved = true;
                }
                self.rows_kept(rows, Some(connection), now, shelf);
                self.with_session(connection, now, shelf, |session, _| session.rows_stored(upto));
            }
            Some(Pending::Note) | None => {}
        }
        self.effects.push_back(Effect::Changed);
        self.go_on(now, shelf);
    }

    fn rows_kept(&mut self, rows: Vec<SealedRow>, from: Option<Connection>, now: Millis, shelf: &dyn Shelf) {
        self.effects.push_back(Effect::RowsKept(rows));
        for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
            if Some(connection) != from {
                self.with_session(connection, now, shelf, |session, _| session.rows_news());
            }
        }
    }

    fn took_in(&mut self, admitted: Admitted, own: bool) {
        let Admitted { place, run, author, .. } = &admitted;
        let key = run.key();
        self.ledger.push(key, author, *place, run.start(), run.end());
        if let Some(count) = self.busy.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(&key);
            }
        }
        self.effects.push_back(Effect::TookIn { admitted: Box::new(admitted), own });
    }

    /// Other connections hear what is durable; at the city they hear its word on it too.
    fn spread(&mut self, keys: BTreeSet<LogKey>, now: Millis, shelf: &dyn Shelf) {
        for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
            for key in &keys {
                self.with_session(connection, now, shelf, |session, here| session.grew(*key, here));
            }
        }
        let documents: BTreeSet<DocumentId> = keys.iter().map(|key| key.document).collect();
        if let Some(key) = self.city_key.clone() {
            for document in documents {
                let statement = self.sign_for(&key, document, now);
                self.hand_on(&statement, now, shelf);
            }
        }
    }

    fn hand_on(&mut self, statement: &CityStatement, now: Millis, shelf: &dyn Shelf) {
        for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.with_session(connection, now, shelf, |session, _| session.at_city(statement, now));
        }
    }

    fn hear_city(&mut self, statement: CityStatement, now: Millis, shelf: &dyn Shelf) {
        self.effects.push_back(Effect::CityHeard(statement.time));
        for head in &statement.heads {
            let key = LogKey { document: statement.document, actor: head.actor };
            self.city_holds(key, head, shelf);
        }
        let kept = self.statements.get(&statement.document);
        if kept.is_none_or(|kept| kept.time < statement.time || !kept.covers(&statement)) {
            self.unsaved_statements.insert(statement.document);
            self.statements.insert(statement.document, statement.clone());
            self.hand_on(&statement, now, shelf);
        }
        self.effects.push_back(Effect::Changed);
    }

    /// The city's word may have come before the changes it is about.
    fn recall_city(&mut self, key: &LogKey, shelf: &dyn Shelf) {
        let heads = self.statements.get(&key.document).map(|statement| statement.heads.clone());
        for head in heads.iter().flatten().filter(|head| head.actor == key.actor) {
            self.city_holds(*key, head, shelf);
        }
    }

    /// Counts only where the change the city names is ours, by its hash.
    fn city_holds(&mut self, key: LogKey, head: &Head, shelf: &dyn Shelf) {
        let Ok(Some((line, at))) = crate::log::locate(&self.ledger, shelf, &key, head.seq, head.hash) else {
            return;
        };
        for line in self.reached.at_city(&self.ledger, key, line, at.seq) {
            self.unsaved_reach.insert((key, line));
        }
    }

    fn not_persisted(&mut self, token: u64, reason: &str, now: Millis, shelf: &dyn Shelf) {
        let mut free = |keys: Vec<LogKey>| self.busy.retain(|key, _| !keys.contains(key));
        match self.pending.remove(&token) {
            Some(Pending::Own { ticket, admitted, .. }) => {
                free(admitted.iter().map(|own| own.run.key()).collect());
                self.effects.push_back(Effect::NotWritten(ticket, reason.to_owned()));
            }
            Some(Pending::Chunk { connection, admitted, .. }) => {
                free(vec![admitted.run.key()]);
                self.hang_up(connection, reason);
            }
            Some(Pending::Rows { connection, .. }) => self.hang_up(connection, reason),
            Some(Pending::Note) | None => {}
        }
        self.go_on(now, shelf);
    }

    /// Nothing was acknowledged; a new connection asks for it again.
    fn hang_up(&mut self, connection: Connection, reason: &str) {
        let reason = format!("could not save: {reason}");
        self.effects.push_back(Effect::Hangup { connection, reason });
    }

    fn go_on(&mut self, now: Millis, shelf: &dyn Shelf) {
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Chunk { connection, introduction, run, upto } => {
                    if self.sessions.contains_key(&connection) {
                        self.admit(connection, introduction, run, upto, now, shelf);
                    }
                }
                Waiting::Own { ticket, writing } => self.write(ticket, writing, now, shelf),
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
