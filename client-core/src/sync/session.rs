//! One connection between two nodes: a state machine without IO.
//!
//! The connecting side ([`Side::Client`]) says how far it has read the accepting side's feed; the
//! accepting side streams what came after, and a digest tells whether that was all. Where cursor or
//! digest fail, both name their heads and each sends what the other lacks. Nothing is acknowledged
//! before [`Session::stored`] says that it is durable.

use super::frame::{CityStatement, Frame, OLDEST_PROTOCOL, Refusal, proof_message};
use super::lack::{Lack, Theirs};
use super::pace::Pace;
use super::reach::Reached;
use crate::event::{DocumentId, Role};
use crate::identity::{self, Certificate, Chain, SecretKey};
use crate::ids::{ChangeHash, CityId, PublicKey, Signature};
use crate::log::{Frontier, Head, Ledger, LogKey, Run, Shelf, ShelfError, points};
use crate::sealed::SealedBatch;
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Connects to its upstream.
    Client,
    /// Accepts.
    Server,
}

/// Who this end is.
#[derive(Clone, Debug)]
pub struct Local {
    /// The city's public key, known since enrolment.
    pub city_key: PublicKey,
    /// This end's chain; empty for the city itself, whose own key then signs.
    pub chain: Chain,
    /// This end's key.
    pub key: SecretKey,
    /// The epoch of this end's store.
    pub epoch: u64,
    /// The newest protocol version to speak: [`super::PROTOCOL`] but in tests of old peers.
    pub protocol: u16,
}

impl Local {
    /// Whether this end may keep the document: the city keeps all, others what they may read.
    pub fn may_keep(&self, document: &DocumentId) -> bool {
        self.chain.last().is_none_or(|own| own.may_read(document))
    }
}

/// What is durable here while a session is driven.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    /// Where every line stands.
    pub ledger: &'a Ledger,
    /// The runs.
    pub shelf: &'a dyn Shelf,
    /// How far each line has come.
    pub reached: &'a Reached,
    /// The clock.
    pub now: Millis,
}

/// A client's place in its upstream's feeds, by the upstream's epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// The epoch.
    pub epoch: u64,
    /// All up to this number of the feed is held; `None` before the first comparison.
    pub since: Option<u64>,
    /// Sealed rows read.
    pub rows_read: u64,
    /// Sealed rows of ours that the upstream has read.
    pub rows_sent: u64,
}

/// What the owner of the session has to do.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send these bytes as one message.
    Send(Vec<u8>),
    /// A client proved who it is; answer with [`Session::welcome`] when there is room for it.
    Knock(Certificate),
    /// The greeting is done; the peer is who the certificate says. `None`: the city itself.
    Live(Option<Certificate>),
    /// Check the run and make it durable, then answer [`Session::stored`], [`Session::behind`] or
    /// [`Session::reject`].
    Admit {
        /// The actor's introduction, where the peer sent it.
        introduction: Option<Vec<u8>>,
        /// The changes.
        run: Run,
        /// With it this side holds all up to this number of the peer's feed.
        upto: Option<u64>,
    },
    /// The upstream holds this line of ours up to the head.
    Delivered {
        /// Whose changes.
        key: LogKey,
        /// The line here.
        line: u8,
        /// The change.
        head: Head,
    },
    /// The upstream named its heads anew: forget what it was thought to hold.
    Compared,
    /// All up to this number of the upstream's feed is held.
    Cursor(u64),
    /// The peer refuses changes of ours.
    Refused {
        /// Whose changes.
        key: LogKey,
        /// The first change refused.
        seq: u64,
        /// What the peer said.
        reason: String,
    },
    /// The client wants the city's word on these documents.
    AskedCity(Vec<DocumentId>),
    /// The city signed that it holds this; keep it and hand it on.
    AtCity(CityStatement),
    /// Answer with [`Session::rows_loaded`]: sealed rows for the peer after this offset.
    LoadRows {
        /// Offset of the last row the peer has.
        after: u64,
    },
    /// Make the rows durable, then answer [`Session::rows_stored`].
    AdmitRows(SealedBatch),
    /// The peer holds our sealed rows up to this offset of ours.
    RowsDelivered(u64),
    /// The upstream's clock and the epoch of its store.
    Upstream {
        /// Its clock.
        time: Millis,
        /// Its epoch.
        epoch: u64,
    },
    /// Close the connection for this reason; the peer was told.
    Close(Refusal),
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Phase {
    Greeting,
    /// The client said hello and may send; the server has not welcomed it yet.
    Waiting,
    Live,
    Closed,
}

const PING_AFTER: i64 = 15_000;
const SILENT_AFTER: i64 = 45_000;
const GATHER_STATEMENTS: i64 = 1_000;
/// Frames a client may send before it is welcomed.
const MOST_BEFORE_WELCOME: usize = 8;
/// How often a peer may say that a chunk stands on nothing before its actor is left alone.
const MOST_BEHIND: u8 = 4;

/// A chunk on its way.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    key: LogKey,
    line: u8,
    head: Head,
}

/// Server: what goes down the feed to this client.
#[derive(Debug, Default)]
struct Feed {
    /// All up to here was looked at.
    at: u64,
    /// The client knows that it has all up to here.
    marked: u64,
    /// Chunks that were read from the feed.
    outbox: VecDeque<(u8, Run, Option<u64>)>,
    /// Changes the client sent itself.
    echo: BTreeSet<(LogKey, ChangeHash)>,
    /// The client begins with a comparison and has not named its heads yet.
    held: bool,
    /// A comparison is under way; once all is sent, everything up to `at` is held.
    mark_due: bool,
}

/// Client: what the welcome promised, until it has come.
#[derive(Debug)]
struct Promise {
    digest: ChangeHash,
    upto: u64,
    /// What the upstream holds by the time it made the promise, as far as it is known here.
    base: BTreeMap<(LogKey, u8), (u64, ChangeHash)>,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    side: Side,
    local: Local,
    phase: Phase,
    version: u16,
    nonce: [u8; 32],
    peer: Option<Certificate>,
    cursor: Cursor,
    theirs: BTreeMap<LogKey, Theirs>,
    /// The peer named all its heads: what it did not name it does not have.
    told_all: bool,
    /// This side named its heads and waits for the peer's.
    comparing: bool,
    dirty: BTreeSet<LogKey>,
    /// Actors of which the peer was asked where lines part.
    probing: BTreeSet<LogKey>,
    in_flight: Option<InFlight>,
    refused: BTreeSet<LogKey>,
    /// Actors whose changes this side refused.
    rejected: BTreeSet<LogKey>,
    feed: Feed,
    promise: Option<Promise>,
    before_welcome: Vec<Frame>,
    contributed: BTreeSet<DocumentId>,
    statements: BTreeMap<DocumentId, CityStatement>,
    statements_sent: Millis,
    /// A client of the first protocol was told the city's word on all it may read.
    told_old_client: bool,
    rows_waiting: bool,
    rows_sending: bool,
    rows_after: u64,
    pace: Pace,
    last_heard: Millis,
    last_sent: Millis,
    outputs: VecDeque<Output>,
}

impl Session {
    /// The connecting end; it opened the connection with `nonce`.
    pub fn client(local: Local, nonce: [u8; 32], cursor: Cursor, now: Millis) -> Self {
        Self::new(Side::Client, local, nonce, cursor, now)
    }

    /// The accepting end; the peer opened the connection with `peer_nonce`. `nonce` is random.
    pub fn server(local: Local, nonce: [u8; 32], peer_nonce: [u8; 32], now: Millis) -> Self {
        let mut session = Self::new(Side::Server, local, nonce, Cursor::default(), now);
        let city = session.city();
        let challenge = Frame::Challenge {
            newest: session.local.protocol,
            oldest: OLDEST_PROTOCOL.min(session.local.protocol),
            city,
            epoch: session.local.epoch,
            chain: session.local.chain.clone(),
            proof: session.local.key.sign(&proof_message("challenge", city, &peer_nonce)),
            nonce,
        };
        session.send(challenge);
        session
    }

    fn new(side: Side, local: Local, nonce: [u8; 32], cursor: Cursor, now: Millis) -> Self {
        Self {
            side,
            version: local.protocol,
            local,
            phase: Phase::Greeting,
            nonce,
            peer: None,
            cursor,
            theirs: BTreeMap::new(),
            told_all: false,
            comparing: false,
            dirty: BTreeSet::new(),
            probing: BTreeSet::new(),
            in_flight: None,
            refused: BTreeSet::new(),
            rejected: BTreeSet::new(),
            feed: Feed::default(),
            promise: None,
            before_welcome: Vec::new(),
            contributed: BTreeSet::new(),
            statements: BTreeMap::new(),
            statements_sent: Millis(0),
            told_old_client: false,
            rows_waiting: true,
            rows_sending: false,
            rows_after: cursor.rows_sent,
            pace: Pace::default(),
            last_heard: now,
            last_sent: now,
            outputs: VecDeque::new(),
        }
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Whether the greeting is done and the connection open.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// The peer's certificate; `None` before the greeting and for the city itself.
    pub fn peer(&self) -> Option<&Certificate> {
        self.peer.as_ref()
    }

    /// Whether each side holds all the other holds, but for what was refused.
    pub fn is_caught_up(&self, shelf: &dyn Shelf) -> bool {
        let received = match self.side {
            Side::Client => self.promise.is_none(),
            Side::Server => {
                !self.feed.held && self.feed.at >= shelf.feed_head() && self.feed.outbox.is_empty()
            }
        };
        self.is_live() && received && !self.comparing && self.dirty.is_empty() && self.in_flight.is_none()
    }

    /// Server: whether the city's word must come unasked, once, for want of a frame to ask with.
    pub fn is_owed_the_citys_word(&mut self) -> bool {
        self.version < 2 && !std::mem::replace(&mut self.told_old_client, true)
    }

    /// Whether the peer named all it holds, as it does after a restore of this side, and all of that is
    /// here but for what was refused.
    pub fn has_supplied_all(&self) -> bool {
        self.is_live() && self.told_all && self.may_promise()
    }

    /// A message arrived.
    pub fn receive(&mut self, bytes: &[u8], here: &Here<'_>) {
        if self.phase == Phase::Closed {
            return;
        }
        self.last_heard = here.now;
        let result = Frame::decode(bytes).and_then(|frame| self.take(frame, here));
        if let Err(refusal) = result {
            self.close(refusal);
        }
    }

    fn take(&mut self, frame: Frame, here: &Here<'_>) -> Result<(), Refusal> {
        match (self.phase, self.side) {
            (Phase::Greeting, _) => self.greet(frame, here),
            (Phase::Waiting, Side::Server) if matches!(frame, Frame::Ping | Frame::Pong) => {
                self.converse(frame, here)
            }
            (Phase::Waiting, Side::Server) => {
                if self.before_welcome.len() >= MOST_BEFORE_WELCOME {
                    return Err(Refusal::Unexpected(frame.name().into()));
                }
                self.before_welcome.push(frame);
                Ok(())
            }
            (Phase::Waiting, Side::Client) if matches!(frame, Frame::Welcome { .. }) => {
                self.greet(frame, here)
            }
            _ => self.converse(frame, here),
        }
    }

    /// Time passes; call every second to every five seconds.
    pub fn tick(&mut self, here: &Here<'_>) {
        let now = here.now;
        // A server holds a client in `Waiting` itself.
        let held = self.phase == Phase::Waiting && self.side == Side::Server;
        if self.phase == Phase::Closed {
            return;
        }
        if elapsed(self.last_heard, now) > SILENT_AFTER && !held {
            return self.close(Refusal::Silent { seconds: (SILENT_AFTER / 1000) as u32 });
        }
        let quiet = elapsed(self.last_sent, now).max(elapsed(self.last_heard, now));
        if self.phase != Phase::Greeting && quiet > PING_AFTER {
            self.last_sent = now;
            self.send(Frame::Ping);
        }
        if self.is_live() {
            self.send_statements(now);
            if self.side == Side::Server
                && self.feed.marked < self.feed.at
                && self.is_idle()
                && self.may_promise()
            {
                self.mark(self.feed.at);
            }
        }
    }

    /// There is room for the client that knocked.
    pub fn welcome(&mut self, here: &Here<'_>) {
        let Some(peer) = self.peer.clone().filter(|_| self.phase == Phase::Waiting) else { return };
        self.phase = Phase::Live;
        self.last_sent = here.now;
        let upto = here.shelf.feed_head();
        let digest = here.ledger.heads(|document| peer.may_read(document)).digest(self.city());
        self.send(Frame::Welcome { time: here.now, digest, upto });
        // A cursor beyond the feed is from a life of this store that was lost.
        let since = self.cursor.since.filter(|since| *since <= upto).unwrap_or(upto);
        (self.feed.at, self.feed.marked) = (since, since);
        self.feed.held = self.cursor.since.is_none();
        self.rows_after = self.cursor.rows_read;
        self.outputs.push_back(Output::Live(Some(peer)));
        for frame in std::mem::take(&mut self.before_welcome) {
            if let Err(refusal) = self.converse(frame, here) {
                return self.close(refusal);
            }
        }
        self.pump(here);
        self.pump_rows();
    }

    /// An actor's log grew here, by its author or from elsewhere, and is durable.
    pub fn grew(&mut self, key: LogKey, here: &Here<'_>) {
        if matches!(self.phase, Phase::Live | Phase::Waiting) {
            // Down the feed it goes by itself, unless the client said that it stands elsewhere.
            let unsettled = self.theirs.get(&key).is_some_and(|theirs| !theirs.is_settled());
            if self.side == Side::Client || unsettled {
                self.dirty.insert(key);
            }
            self.pump(here);
        }
    }

    /// Sealed rows were added here.
    pub fn rows_news(&mut self) {
        self.rows_waiting = true;
        self.pump_rows();
    }

    /// Answer to [`Output::Admit`]: durable here up to this change, by this run or before it. `line`
    /// is the line's number here.
    pub fn stored(&mut self, key: LogKey, line: u8, head: Head, upto: Option<u64>, here: &Here<'_>) {
        self.send(Frame::Stored { document: key.document, head });
        self.contributed.insert(key.document);
        match self.side {
            Side::Client => {
                if let Some(promise) = &mut self.promise {
                    let had = promise.base.entry((key, line)).or_insert((head.seq, head.hash));
                    if had.0 < head.seq {
                        *had = (head.seq, head.hash);
                    }
                }
                self.outputs.push_back(Output::Delivered { key, line, head });
            }
            Side::Server => {
                self.feed.echo.insert((key, head.hash));
            }
        }
        if let Some(theirs) = self.theirs.get_mut(&key) {
            theirs.holds(line, head.seq);
            self.dirty.insert(key);
        }
        self.reached_cursor(upto, here);
        self.pump(here);
    }

    /// Answer to [`Output::Admit`]: it stands on a change that is not here.
    pub fn behind(&mut self, key: LogKey, heads: Vec<Head>, here: &Here<'_>) {
        self.send(Frame::Behind { key, heads });
        self.pump(here);
    }

    /// Answer to [`Output::Admit`]: refused, for this actor alone.
    pub fn reject(&mut self, key: LogKey, seq: u64, reason: String, upto: Option<u64>, here: &Here<'_>) {
        self.send(Frame::Rejected { key, seq, reason });
        self.rejected.insert(key);
        self.reached_cursor(upto, here);
    }

    /// The city's word: at once on documents the peer wrote to, on others at most once a second.
    pub fn at_city(&mut self, statement: &CityStatement, now: Millis) {
        if self.is_live() && self.side == Side::Server && self.peer_may_read(&statement.document) {
            if self.contributed.contains(&statement.document) {
                // What was gathered before says less.
                self.statements.remove(&statement.document);
                self.send(Frame::AtCity(statement.clone()));
            } else {
                self.statements.insert(statement.document, statement.clone());
                self.send_statements(now);
            }
        }
    }

    /// The city's word on documents the peer only reads: what gathered in a second at once.
    fn send_statements(&mut self, now: Millis) {
        if self.is_live()
            && elapsed(self.statements_sent, now) >= GATHER_STATEMENTS
            && !self.statements.is_empty()
        {
            self.statements_sent = now;
            for statement in std::mem::take(&mut self.statements).into_values() {
                self.send(Frame::AtCity(statement));
            }
        }
    }

    /// Answer to [`Output::AskedCity`].
    pub fn answer_at_city(&mut self, statement: CityStatement) {
        self.send(Frame::AtCity(statement));
    }

    /// Asks the upstream for the city's word.
    pub fn ask_city(&mut self, documents: Vec<DocumentId>) {
        if self.is_live() && self.version >= 2 {
            self.send(Frame::AskCity(documents));
        }
    }

    /// Answer to [`Output::LoadRows`]; a batch without rows still moves the offset on.
    pub fn rows_loaded(&mut self, batch: SealedBatch) {
        if batch.upto <= self.rows_after {
            self.rows_sending = false;
        } else {
            self.send(Frame::Rows(batch));
        }
    }

    /// Answer to [`Output::AdmitRows`].
    pub fn rows_stored(&mut self, upto: u64) {
        self.send(Frame::RowsStored { upto });
    }

    fn greet(&mut self, frame: Frame, here: &Here<'_>) -> Result<(), Refusal> {
        let city = self.city();
        match (self.side, frame) {
            (Side::Client, Frame::Challenge { newest, oldest, city: theirs, epoch, chain, proof, nonce }) => {
                self.version = self.agree(newest, oldest)?;
                if theirs != city {
                    return Err(Refusal::OtherCity);
                }
                self.peer = match chain.is_empty() {
                    true => None,
                    false => Some(identity::verify_chain(self.local.city_key, &chain)?.clone()),
                };
                if self.peer.as_ref().is_some_and(|peer| peer.role != Role::BranchNode) {
                    return Err(Refusal::Identity("an upstream is a branch node or the city".into()));
                }
                let key = self.peer.as_ref().map_or(self.local.city_key, |peer| peer.key);
                check_proof(key, "challenge", city, &self.nonce, &proof)?;
                self.say_hello(epoch, &nonce, here)
            }
            (Side::Server, Frame::Hello { version, chain, proof, since, rows_read }) => {
                self.version = self.agree(version, version)?;
                let certificate = identity::verify_chain(self.local.city_key, &chain)?.clone();
                check_proof(certificate.key, "hello", city, &self.nonce, &proof)?;
                self.peer = Some(certificate.clone());
                self.cursor = Cursor { since, rows_read, ..Cursor::default() };
                self.phase = Phase::Waiting;
                self.outputs.push_back(Output::Knock(certificate));
                Ok(())
            }
            (Side::Client, Frame::Welcome { time, digest, upto }) => {
                self.phase = Phase::Live;
                self.outputs.push_back(Output::Upstream { time, epoch: self.cursor.epoch });
                self.outputs.push_back(Output::Live(self.peer.clone()));
                if let Some(promise) = &mut self.promise {
                    (promise.digest, promise.upto) = (digest, upto);
                    let reached = self.cursor.since;
                    self.reached_cursor(reached, here);
                }
                self.pump(here);
                self.pump_rows();
                Ok(())
            }
            (_, Frame::Refused(refusal)) => {
                self.phase = Phase::Closed;
                self.outputs.push_back(Output::Close(refusal));
                Ok(())
            }
            (_, other) => Err(Refusal::Unexpected(other.name().into())),
        }
    }

    /// Client: proves itself and sends what it has at once; a comparison where there is no cursor.
    fn say_hello(&mut self, epoch: u64, nonce: &[u8; 32], here: &Here<'_>) -> Result<(), Refusal> {
        if self.cursor.epoch != epoch {
            self.cursor = Cursor { epoch, ..Cursor::default() };
            self.rows_after = 0;
        }
        let since = match self.version >= 2 {
            true if here.ledger.is_empty() => Some(self.cursor.since.unwrap_or(0)),
            true => self.cursor.since,
            false => None,
        };
        self.cursor.since = since;
        let hello = Frame::Hello {
            version: self.version,
            chain: self.local.chain.clone(),
            proof: self.local.key.sign(&proof_message("hello", self.city(), nonce)),
            since,
            rows_read: self.cursor.rows_read,
        };
        self.send(hello);
        self.phase = Phase::Waiting;
        if since.is_none() {
            self.compare(here);
            return Ok(());
        }
        let mut base = BTreeMap::new();
        for ((key, line), reach) in
            here.reached.0.iter().filter(|((key, _), _)| self.is_readable(&key.document))
        {
            base.extend(reach.upstream.map(|upstream| ((*key, *line), upstream)));
        }
        self.promise = Some(Promise { digest: ChangeHash([0; 32]), upto: u64::MAX, base });
        for (key, log) in here.ledger.iter() {
            let all = (0..log.lines().len() as u8).all(|line| {
                let upstream = here.reached.get(*key, line).upstream;
                upstream.map_or(0, |(seq, _)| seq) >= log.lines()[usize::from(line)].head.seq
            });
            if !all {
                self.dirty.insert(*key);
            }
        }
        self.pump(here);
        Ok(())
    }

    fn agree(&self, newest: u16, oldest: u16) -> Result<u16, Refusal> {
        let version = newest.min(self.local.protocol);
        if version >= oldest && version >= OLDEST_PROTOCOL.min(self.local.protocol) {
            Ok(version)
        } else {
            let own = self.local.protocol;
            Err(Refusal::Protocol { oldest: OLDEST_PROTOCOL.min(own), newest: own, peer: newest })
        }
    }

    fn converse(&mut self, frame: Frame, here: &Here<'_>) -> Result<(), Refusal> {
        match frame {
            Frame::Have { documents, upto } => self.heard_have(documents, upto, here)?,
            Frame::Chunk { introduction, run, upto } => {
                self.outputs.push_back(Output::Admit { introduction, run, upto });
            }
            Frame::Mark { upto } => self.reached_cursor(Some(upto), here),
            Frame::Stored { document, head } => self.peer_stored(document, head, here)?,
            Frame::Behind { key, heads } => self.peer_behind(key, heads),
            Frame::Probe { key, line, points } => {
                let mut seq = 0;
                let readable = self.peer_may_read(&key.document);
                for point in points.into_iter().filter(|_| readable) {
                    let found = crate::log::locate(here.ledger, here.shelf, &key, point.seq, point.hash);
                    if found?.is_some() {
                        seq = point.seq;
                        break;
                    }
                }
                self.send(Frame::Common { key, line, seq });
            }
            Frame::Common { key, line, seq } => {
                // An answer to nothing names lines that may not exist.
                if let Some(theirs) = self.theirs.get_mut(&key).filter(|theirs| theirs.was_asked(line)) {
                    theirs.parts(line, seq);
                    self.probing.remove(&key);
                    self.dirty.insert(key);
                }
            }
            Frame::Rejected { key, seq, reason } => {
                self.refused.insert(key);
                self.in_flight = self.in_flight.filter(|flying| flying.key != key);
                self.outputs.push_back(Output::Refused { key, seq, reason });
            }
            Frame::AskCity(documents) if self.side == Side::Server => {
                let documents =
                    documents.into_iter().filter(|document| self.peer_may_read(document)).collect();
                self.outputs.push_back(Output::AskedCity(documents));
            }
            Frame::AtCity(statement) => {
                if self.side == Side::Client && statement.holds(self.local.city_key) {
                    self.outputs.push_back(Output::AtCity(statement));
                }
            }
            Frame::Rows(batch) => self.outputs.push_back(Output::AdmitRows(batch)),
            Frame::RowsStored { upto } => {
                self.rows_after = self.rows_after.max(upto);
                self.rows_sending = false;
                self.rows_waiting = true;
                if self.side == Side::Client {
                    self.outputs.push_back(Output::RowsDelivered(upto));
                }
                self.pump_rows();
            }
            Frame::Ping => self.send(Frame::Pong),
            Frame::Pong => {}
            Frame::Refused(refusal) => {
                self.phase = Phase::Closed;
                self.outputs.push_back(Output::Close(refusal));
            }
            other => return Err(Refusal::Unexpected(other.name().into())),
        }
        self.pump(here);
        Ok(())
    }

    /// Names all heads here; the peer answers with its own.
    fn compare(&mut self, here: &Here<'_>) {
        self.comparing = true;
        self.promise = None;
        self.name_heads(here);
    }

    fn name_heads(&mut self, here: &Here<'_>) {
        let heads: Frontier = here.ledger.heads(|document| self.peer_may_read(document));
        self.send(Frame::Have { documents: heads.0.into_iter().collect(), upto: here.shelf.feed_head() });
    }

    fn heard_have(
        &mut self,
        documents: Vec<(DocumentId, Vec<Head>)>,
        upto: u64,
        here: &Here<'_>,
    ) -> Result<(), Refusal> {
        let mut told: BTreeMap<LogKey, Vec<Head>> = BTreeMap::new();
        for (document, heads) in documents {
            for head in heads {
                told.entry(LogKey { document, actor: head.actor }).or_default().push(head);
            }
        }
        self.theirs = told.into_iter().map(|(key, heads)| (key, Theirs::told(heads))).collect();
        self.told_all = true;
        match self.side {
            Side::Server => {
                self.name_heads(here);
                let at = here.shelf.feed_head();
                self.feed = Feed { at, marked: self.feed.marked, mark_due: true, ..Feed::default() };
            }
            Side::Client => {
                self.comparing = false;
                self.outputs.push_back(Output::Compared);
                // Held once everything the server sends from now on is stored; it says so itself.
                let nothing = Promise { digest: ChangeHash([0; 32]), upto, base: BTreeMap::new() };
                self.promise = (self.version >= 2).then_some(nothing);
            }
        }
        let mut places = Vec::new();
        for (key, theirs) in &mut self.theirs {
            places.extend(theirs.place(here, key)?.into_iter().map(|(line, head)| (*key, line, head)));
        }
        if self.side == Side::Client {
            let delivered = places.into_iter().map(|(key, line, head)| Output::Delivered { key, line, head });
            self.outputs.extend(delivered);
        }
        let keys = here.ledger.iter().map(|(key, _)| *key);
        self.dirty = keys.filter(|key| self.peer_may_read(&key.document)).collect();
        Ok(())
    }

    fn peer_stored(&mut self, document: DocumentId, head: Head, here: &Here<'_>) -> Result<(), Refusal> {
        let key = LogKey { document, actor: head.actor };
        let flying = self.in_flight.filter(|flying| flying.key == key);
        let line = match flying {
            Some(flying) if flying.head == head => Some(flying.line),
            _ => {
                crate::log::locate(here.ledger, here.shelf, &key, head.seq, head.hash)?.map(|(line, _)| line)
            }
        };
        if flying.is_some() {
            self.in_flight = None;
            self.pace.acknowledged(here.now);
        }
        let Some(line) = line else { return Ok(()) };
        if self.side == Side::Client {
            self.theirs.entry(key).or_default().holds(line, head.seq);
            self.dirty.insert(key);
            self.outputs.push_back(Output::Delivered { key, line, head });
        } else if let Some(theirs) = self.theirs.get_mut(&key) {
            theirs.holds(line, head.seq);
            self.dirty.insert(key);
        }
        Ok(())
    }

    fn peer_behind(&mut self, key: LogKey, heads: Vec<Head>) {
        self.in_flight = self.in_flight.filter(|flying| flying.key != key);
        let behind = self.theirs.get(&key).map_or(0, |theirs| theirs.behind) + 1;
        if behind > MOST_BEHIND {
            self.refused.insert(key);
            let reason = "the peer keeps saying that it lacks what was sent".to_owned();
            self.outputs.push_back(Output::Refused { key, seq: 0, reason });
            return;
        }
        // What the chunk promised of the feed did not come about with it.
        self.feed.mark_due = true;
        let theirs = self.theirs.entry(key).or_default();
        *theirs = Theirs::told(heads);
        theirs.behind = behind;
        self.dirty.insert(key);
    }

    /// Client: all up to this number of the upstream's feed is durable here.
    fn reached_cursor(&mut self, upto: Option<u64>, here: &Here<'_>) {
        let Some(upto) = upto.filter(|_| self.side == Side::Client) else { return };
        if self.cursor.since != Some(upto) {
            self.cursor.since = Some(upto);
            self.outputs.push_back(Output::Cursor(upto));
        }
        if self.promise.as_ref().is_some_and(|promise| upto >= promise.upto)
            && let Some(promise) = self.promise.take()
            && !self.is_kept(&promise, here)
        {
            self.compare(here);
        }
    }

    /// Whether what came is all that was promised. After a comparison heads were named one by one.
    fn is_kept(&self, promise: &Promise, here: &Here<'_>) -> bool {
        if self.told_all {
            return true;
        }
        let mut base = Reached::default();
        for ((key, line), (seq, hash)) in &promise.base {
            base.at_upstream(*key, *line, *seq, *hash);
        }
        let frontier = base.upstream_frontier(here.ledger, |document| self.is_readable(document));
        frontier.digest(self.city()) == promise.digest
    }

    /// Sends the next chunk, if none is on its way.
    fn pump(&mut self, here: &Here<'_>) {
        let may_send = match self.side {
            Side::Client => matches!(self.phase, Phase::Live | Phase::Waiting) && !self.comparing,
            Side::Server => self.phase == Phase::Live,
        };
        while may_send && self.in_flight.is_none() {
            match self.send_next(here) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.close(Refusal::Store(error.to_string())),
            }
        }
    }

    /// Whether there may be more to do.
    fn send_next(&mut self, here: &Here<'_>) -> Result<bool, ShelfError> {
        if let Some(key) = self.dirty.pop_first() {
            if !self.peer_may_read(&key.document)
                && let Some(theirs) = self.theirs.get_mut(&key)
            {
                theirs.place(here, &key)?;
            }
            if self.refused.contains(&key) || !self.peer_may_read(&key.document) {
                return Ok(true);
            }
            if !self.theirs.contains_key(&key) && self.side == Side::Client && !self.told_all {
                let mut theirs = Theirs::default();
                for line in 0..here.ledger.get(&key).map_or(0, |log| log.lines().len()) as u8 {
                    theirs.holds(line, here.reached.get(key, line).upstream.map_or(0, |(seq, _)| seq));
                }
                self.theirs.insert(key, theirs);
            }
            let theirs = self.theirs.entry(key).or_default();
            theirs.place(here, &key)?;
            match theirs.lack(here, &key) {
                Lack::Nothing => {}
                Lack::Ask { line } => {
                    theirs.ask(line);
                    self.probing.insert(key);
                    let points = points(here.shelf, here.ledger, &key, line)?;
                    self.send(Frame::Probe { key, line, points });
                    self.dirty.insert(key);
                }
                Lack::Send { line, after } => {
                    let runs = here.shelf.runs_after(&key, line, after, self.pace.chunk_bytes())?;
                    if let Some(run) = Run::join(&runs)? {
                        self.send_chunk(line, run.after(after)?, None, here)?;
                        self.dirty.insert(key);
                    }
                }
            }
            return Ok(true);
        }
        if self.side == Side::Client || self.feed.held {
            return Ok(false);
        }
        if self.feed.mark_due && self.feed.outbox.is_empty() && self.may_promise() {
            self.feed.mark_due = false;
            self.mark(self.feed.at);
            return Ok(true);
        }
        if let Some((line, run, upto)) = self.feed.outbox.pop_front() {
            self.send_chunk(line, run, upto, here)?;
            return Ok(true);
        }
        self.read_feed(here)
    }

    /// Server: the next stretch of the feed becomes chunks, one a line.
    fn read_feed(&mut self, here: &Here<'_>) -> Result<bool, ShelfError> {
        let Some(peer) = &self.peer else { return Ok(false) };
        if self.feed.at >= here.shelf.feed_head() {
            self.feed.echo.clear();
            return Ok(false);
        }
        let (items, upto) = here.shelf.feed_after(self.feed.at, peer, self.pace.chunk_bytes())?;
        let mut lines: Vec<(u8, Vec<Run>)> = Vec::new();
        let mut skipped = false;
        for item in items {
            let key = item.run.key();
            let echoed = self.feed.echo.contains(&(key, item.run.last_hash));
            let has = self
                .theirs
                .get(&key)
                .is_some_and(|theirs| theirs.has(here, &key, item.line, item.run.last_seq));
            if echoed || has || self.refused.contains(&key) {
                skipped = true;
                continue;
            }
            match lines.iter_mut().find(|(line, runs)| *line == item.line && runs[0].key() == key) {
                // Where something of the line was skipped in between the rest is a chunk of its own.
                Some((_, runs))
                    if runs.last().is_some_and(|last| last.last_seq + 1 == item.run.first_seq) =>
                {
                    runs.push(item.run);
                }
                _ => lines.push((item.line, vec![item.run])),
            }
        }
        for (line, runs) in lines {
            self.feed.outbox.extend(Run::join(&runs)?.map(|run| (line, run, None)));
        }
        self.feed.at = upto;
        let may_promise = self.may_promise();
        match self.feed.outbox.back_mut() {
            _ if !may_promise => self.feed.mark_due = true,
            Some((_, _, mark)) => {
                *mark = Some(upto);
                self.feed.marked = upto;
            }
            None if skipped => self.mark(upto),
            None => {}
        }
        Ok(true)
    }

    /// A number of the feed promises all before it: not while it is open where some line of the
    /// client's parts from ours.
    fn may_promise(&self) -> bool {
        let settled = |(key, theirs): (&LogKey, &Theirs)| theirs.is_settled() || self.rejected.contains(key);
        self.probing.is_empty() && self.theirs.iter().all(settled)
    }

    fn mark(&mut self, upto: u64) {
        self.feed.marked = upto;
        if self.version >= 2 {
            self.send(Frame::Mark { upto });
        }
    }

    fn send_chunk(
        &mut self,
        line: u8,
        run: Run,
        upto: Option<u64>,
        here: &Here<'_>,
    ) -> Result<(), ShelfError> {
        let key = run.key();
        let introduction = match run.first_seq {
            1 => here.shelf.introduction(&key)?,
            _ => None,
        };
        self.in_flight = Some(InFlight { key, line, head: run.head() });
        self.pace.sent(run.bytes.len(), here.now);
        self.last_sent = here.now;
        self.send(Frame::Chunk { introduction, run, upto });
        Ok(())
    }

    fn pump_rows(&mut self) {
        if self.is_live() && self.rows_waiting && !self.rows_sending {
            self.rows_waiting = false;
            self.rows_sending = true;
            self.outputs.push_back(Output::LoadRows { after: self.rows_after });
        }
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.feed.outbox.is_empty() && self.dirty.is_empty()
    }

    /// Client: whether its own certificate may read the document.
    fn is_readable(&self, document: &DocumentId) -> bool {
        self.local.chain.last().is_some_and(|own| own.may_read(document))
    }

    /// Server: whether the client may read the document.
    pub fn peer_may_read(&self, document: &DocumentId) -> bool {
        match self.side {
            Side::Server => self.peer.as_ref().is_some_and(|peer| peer.may_read(document)),
            Side::Client => true,
        }
    }

    fn city(&self) -> CityId {
        identity::city_id(self.local.city_key)
    }

    fn close(&mut self, refusal: Refusal) {
        self.send(Frame::Refused(refusal.clone()));
        self.phase = Phase::Closed;
        self.outputs.push_back(Output::Close(refusal));
    }

    fn send(&mut self, frame: Frame) {
        self.outputs.push_back(Output::Send(frame.encode()));
    }
}

impl From<ShelfError> for Refusal {
    fn from(error: ShelfError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Milliseconds between two moments; a clock that was set back lets time pass too.
fn elapsed(since: Millis, now: Millis) -> i64 {
    (now.0 - since.0).abs()
}

fn check_proof(
    key: PublicKey,
    purpose: &str,
    city: CityId,
    nonce: &[u8; 32],
    proof: &Signature,
) -> Result<(), Refusal> {
    if identity::verify(key, &proof_message(purpose, city, nonce), proof) {
        Ok(())
    } else {
        Err(Refusal::Identity("the proof of its key does not hold".into()))
    }
}
