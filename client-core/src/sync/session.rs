//! One connection between two nodes: a state machine without IO.
//!
//! The connecting side ([`Side::Client`]) says how far it has read the accepting side's feed; the
//! accepting side streams what came after, and a digest tells whether that was all. Where cursor or
//! digest fail, both name their heads and each sends what the other lacks. Nothing is acknowledged
//! before [`Session::stored`] says that it is durable.

mod answering;
mod comparing;
mod greeting;
mod reading;
mod sending;

use super::frame::{CityStatement, Frame, OLDEST_PROTOCOL, Refusal, proof_message};
use super::lack::Theirs;
use super::pace::Pace;
use super::reach::Reached;
use crate::event::DocumentId;
use crate::identity::{self, Certificate, Chain, SecretKey};
use crate::ids::{ChangeHash, CityId, PublicKey, Signature};
use crate::log::{Head, Ledger, LogKey, Run, Shelf, ShelfError};
use crate::sealed::SealedBatch;
use crate::time::Millis;
use reading::{Arrivals, Unread};
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
    /// The client named all its heads; these are not here.
    Named(Vec<(LogKey, Head)>),
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
    /// Answer with [`Session::rows_loaded`] or [`Session::rows_not_loaded`]: sealed rows for the peer after
    /// this offset.
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
/// While changes keep coming, what nobody waits for is said this often, in milliseconds: each time wakes
/// the other side.
const UNHURRIED: i64 = 5_000;
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
    /// Small chunks on their way.
    unread: Unread,
    /// Changes the client sent itself.
    echo: BTreeSet<(LogKey, ChangeHash)>,
    /// The client begins with a comparison and has not named its heads yet.
    held: bool,
    /// Lines were compared or a chunk turned back; once all is sent, everything up to `at` is held.
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
    arrivals: Arrivals,
    refused: BTreeSet<LogKey>,
    /// Actors whose changes this side refused.
    rejected: BTreeSet<LogKey>,
    feed: Feed,
    promise: Option<Promise>,
    before_welcome: Vec<Frame>,
    contributed: BTreeSet<DocumentId>,
    statements: BTreeMap<DocumentId, CityStatement>,
    statements_sent: Millis,
    /// Something came since the last tick: more may follow.
    stirred: bool,
    /// Whether the last tick found a moment for what nobody waits for, and when one last did.
    calm: bool,
    calm_at: Millis,
    rows_waiting: bool,
    rows_sending: bool,
    rows_after: u64,
    muted: bool,
    pace: Pace,
    got_through: bool,
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
            arrivals: Arrivals::default(),
            refused: BTreeSet::new(),
            rejected: BTreeSet::new(),
            feed: Feed::default(),
            promise: None,
            before_welcome: Vec::new(),
            contributed: BTreeSet::new(),
            statements: BTreeMap::new(),
            statements_sent: Millis(0),
            stirred: false,
            calm: false,
            calm_at: now,
            rows_waiting: true,
            rows_sending: false,
            rows_after: cursor.rows_sent,
            muted: false,
            pace: Pace::default(),
            got_through: false,
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

    /// Server: whether the client came without a single change.
    pub fn says_it_holds_nothing(&self) -> bool {
        self.side == Side::Server && self.cursor.since == Some(0)
    }

    /// What the next connection to the same peer begins with.
    pub fn next_pace(&self) -> Pace {
        self.pace.anew(self.in_flight.is_some() || !self.feed.unread.is_empty())
    }

    /// Whether a chunk sent on this connection was stored.
    pub fn got_through(&self) -> bool {
        self.got_through
    }

    /// Goes on as an earlier connection to the same peer ended.
    pub fn go_on_at(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Whether the last tick found a moment for what nobody waits for: nothing came lately, or for long
    /// there was no such moment.
    pub fn is_calm(&self) -> bool {
        self.calm
    }

    /// Whether each side holds all the other holds, but for what was refused.
    pub fn is_caught_up(&self, shelf: &dyn Shelf) -> bool {
        let received = match self.side {
            Side::Client => self.promise.is_none(),
            Side::Server => {
                let is_read = self.feed.at >= shelf.feed_head() && self.feed.outbox.is_empty();
                self.muted || (!self.feed.held && is_read)
            }
        };
        self.is_live() && received && !self.comparing && self.dirty.is_empty() && self.in_flight.is_none()
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
            (Phase::Waiting, Side::Server) if self.muted && self.before_welcome.is_empty() => {
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
        let held = self.phase == Phase::Waiting && self.side == Side::Server && !self.muted;
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
        self.calm = !std::mem::take(&mut self.stirred) || elapsed(self.calm_at, now) >= UNHURRIED;
        if self.calm {
            self.calm_at = now;
        }
        self.pump_rows();
        if self.is_live() {
            if self.calm {
                self.send_statements(now);
                self.say_read();
            }
            let behind = self.feed.marked < self.feed.at && !self.muted && self.may_promise();
            if self.side == Side::Server && behind && self.is_idle() {
                self.mark(self.feed.at);
            }
        }
    }

    /// Server: the client was revoked. What it hands in is taken, and nothing goes to it any more.
    pub fn mute(&mut self) {
        self.muted = true;
        self.feed.outbox.clear();
        self.dirty.clear();
        self.statements.clear();
    }

    fn converse(&mut self, frame: Frame, here: &Here<'_>) -> Result<(), Refusal> {
        match frame {
            Frame::Have { documents, upto } => self.heard_have(documents, upto, here)?,
            Frame::Chunk { introduction, run, upto } => {
                self.arrived(run.key(), run.head(), run.bytes.len(), upto);
                self.outputs.push_back(Output::Admit { introduction, run });
            }
            Frame::Mark { upto } if self.side == Side::Client => self.marked(upto, here),
            Frame::Read { upto } if self.side == Side::Server => self.peer_read(upto),
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
                if self.side == Side::Client && !self.told_all && !self.comparing {
                    // It was put back, its feed goes on, and what it is thought to hold went with it.
                    self.compare(here);
                }
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
                self.has_landed(key);
                if self.refused.insert(key) {
                    self.outputs.push_back(Output::Refused { key, seq, reason });
                }
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

    /// Client: whether its own certificate may read the document.
    fn is_readable(&self, document: &DocumentId) -> bool {
        self.local.chain.last().is_some_and(|own| own.may_read(document))
    }

    /// Server: whether the client may read the document.
    pub fn peer_may_read(&self, document: &DocumentId) -> bool {
        match self.side {
            Side::Server => !self.muted && self.peer.as_ref().is_some_and(|peer| peer.may_read(document)),
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
