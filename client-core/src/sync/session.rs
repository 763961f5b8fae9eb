//! One connection between two nodes: a state machine without IO.
//!
//! The shell hands in what arrives and what became durable, and carries out what [`Session::poll`]
//! says. The connecting side ([`Side::Client`]) and the accepting side ([`Side::Server`]) run the
//! same machine; they differ in the greeting and in what they offer each other. Nothing is
//! acknowledged before the shell says it is stored.

use super::frame::{CityStatement, Frame, Head, PROTOCOL, Refusal, proof_message};
use super::pace::Pace;
use crate::event::{DocumentId, Role};
use crate::identity::{self, Certificate, Chain, SecretKey};
use crate::ids::{ActorId, ChangeHash, PublicKey};
use crate::log::Run;
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
}

/// What the shell has to do.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send these bytes as one message.
    Send(Vec<u8>),
    /// The greeting is done; the peer is who the certificate says. `None`: the city itself.
    Live(Option<Certificate>),
    /// Answer with [`Session::holds`]: everything durable here that the peer may see.
    ListHeads,
    /// Answer with [`Session::loaded`]: the line after `after`, about `max_bytes` of runs.
    Load {
        /// The document.
        document: DocumentId,
        /// The line.
        actor: ActorId,
        /// The last change the peer has.
        after: u64,
        /// How much to load.
        max_bytes: usize,
    },
    /// Check the run and make it durable, then answer [`Session::stored`] or [`Session::reject`].
    Admit {
        /// The line's introduction, where the peer sent it.
        introduction: Option<Vec<u8>>,
        /// The changes.
        run: Run,
    },
    /// The upstream holds this line up to the head.
    Delivered(DocumentId, Head),
    /// The peer refuses a line of ours.
    Refused {
        /// The document.
        document: DocumentId,
        /// The line.
        actor: ActorId,
        /// The first change refused.
        seq: u64,
        /// What the peer said.
        reason: String,
    },
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
    Live,
    Closed,
}

const PING_AFTER: i64 = 15_000;
const SILENT_AFTER: i64 = 45_000;

type LineKey = (DocumentId, ActorId);

/// One connection.
#[derive(Debug)]
pub struct Session {
    side: Side,
    local: Local,
    phase: Phase,
    nonce: [u8; 32],
    peer: Option<Certificate>,
    held: BTreeMap<LineKey, (u64, ChangeHash)>,
    theirs: BTreeMap<LineKey, u64>,
    heard_have: bool,
    listed: bool,
    queue: BTreeSet<LineKey>,
    sending: Option<(LineKey, usize)>,
    refused: BTreeSet<LineKey>,
    rows_waiting: bool,
    rows_sending: bool,
    rows_after: u64,
    pace: Pace,
    last_heard: Millis,
    last_sent: Millis,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A fresh connection; `nonce` is random.
    pub fn new(side: Side, local: Local, nonce: [u8; 32], now: Millis) -> Self {
        let mut session = Self {
            side,
            local,
            phase: Phase::Greeting,
            nonce,
            peer: None,
            held: BTreeMap::new(),
            theirs: BTreeMap::new(),
            heard_have: false,
            listed: false,
            queue: BTreeSet::new(),
            sending: None,
            refused: BTreeSet::new(),
            rows_waiting: true,
            rows_sending: false,
            rows_after: 0,
            pace: Pace::default(),
            last_heard: now,
            last_sent: now,
            outputs: VecDeque::new(),
        };
        if side == Side::Server {
            let city = identity::city_id(session.local.city_key);
            session.send(Frame::Challenge { protocol: PROTOCOL, city, nonce });
        }
        session
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the greeting is done and the connection open.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// The peer's certificate; `None` before the greeting and for the city itself.
    pub fn peer(&self) -> Option<&Certificate> {
        self.peer.as_ref()
    }

    /// Whether each side holds all the lines the other holds, but for those that were refused.
    pub fn is_caught_up(&self) -> bool {
        let sent = self.queue.is_empty() && self.sending.is_none();
        let held = |key: &LineKey| self.held.get(key).map_or(0, |(seq, _)| *seq);
        self.heard_have && self.listed && sent && self.theirs.iter().all(|(key, seq)| held(key) >= *seq)
    }

    /// A message arrived.
    pub fn receive(&mut self, bytes: &[u8], now: Millis) {
        if self.phase == Phase::Closed {
            return;
        }
        self.last_heard = now;
        let result = Frame::decode(bytes).and_then(|frame| match self.phase {
            Phase::Greeting => self.greet(frame, now),
            _ => self.live(frame, now),
        });
        if let Err(refusal) = result {
            self.close(refusal);
        }
    }

    /// Time passes; call about every five seconds.
    pub fn tick(&mut self, now: Millis) {
        if self.phase == Phase::Closed {
            return;
        }
        if now.0 - self.last_heard.0 > SILENT_AFTER {
            self.close(Refusal::Silent { seconds: (SILENT_AFTER / 1000) as u32 });
        } else if self.phase == Phase::Live && now.0 - self.last_sent.0.min(self.last_heard.0) > PING_AFTER {
            self.last_sent = now;
            self.send(Frame::Ping);
        }
    }

    /// Answer to [`Output::ListHeads`]: everything durable here that the peer may see; how far the
    /// peer's sealed rows are read; how far the upstream has ours (a server ignores this: its peer
    /// says so itself). Both offsets count within one epoch of the upstream.
    pub fn holds(&mut self, heads: Vec<(DocumentId, Vec<Head>)>, rows_read: u64, rows_sent: u64) {
        if self.side == Side::Client {
            self.rows_after = rows_sent;
        }
        for (document, heads) in &heads {
            for head in heads {
                self.held.insert((*document, head.actor), (head.seq, head.hash));
            }
        }
        self.listed = true;
        self.send(Frame::Have { documents: heads, rows_read });
        self.compare();
    }

    /// A line grew here, by its author or from elsewhere; the shell says so after it is durable.
    pub fn news(&mut self, document: DocumentId, head: Head) {
        if self.phase == Phase::Live && self.listed && self.peer_may_see(&document) {
            self.held.insert((document, head.actor), (head.seq, head.hash));
            self.consider((document, head.actor));
            self.pump();
        }
    }

    /// Sealed rows were added here.
    pub fn rows_news(&mut self) {
        self.rows_waiting = true;
        self.pump_rows();
    }

    /// Answer to [`Output::Load`]: runs that follow each other, and the introduction if they begin the line.
    pub fn loaded(&mut self, runs: &[Run], introduction: Option<Vec<u8>>, now: Millis) {
        let Some((key, _)) = self.sending else { return };
        let after = self.theirs.get(&key).copied().unwrap_or(0);
        let joined = Run::join(runs).and_then(|run| run.map(|run| run.after(after)).transpose());
        let Ok(Some(run)) = joined else {
            // Nothing that follows: wait for news of this line.
            self.sending = None;
            self.pump();
            return;
        };
        self.sending = Some((key, run.bytes.len()));
        self.pace.sent(run.bytes.len(), now);
        let introduction = introduction.filter(|_| run.first_seq == 1);
        self.last_sent = now;
        self.send(Frame::Chunk { introduction, run });
    }

    /// Answer to [`Output::Admit`]: the line is durable here up to this head, whether by this run or before it.
    pub fn stored(&mut self, document: DocumentId, head: Head) {
        let key = (document, head.actor);
        self.held.insert(key, (head.seq, head.hash));
        let theirs = self.theirs.entry(key).or_default();
        *theirs = (*theirs).max(head.seq);
        self.send(Frame::Stored { document, head });
    }

    /// Answer to [`Output::Admit`]: refused, for this line alone.
    pub fn reject(&mut self, document: DocumentId, actor: ActorId, seq: u64, reason: String) {
        self.send(Frame::Rejected { document, actor, seq, reason });
    }

    /// The city's word, for the peer to see.
    pub fn at_city(&mut self, statement: &CityStatement) {
        if self.phase == Phase::Live && self.peer_may_see(&statement.document) {
            self.send(Frame::AtCity(statement.clone()));
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

    fn greet(&mut self, frame: Frame, now: Millis) -> Result<(), Refusal> {
        let city = identity::city_id(self.local.city_key);
        match (self.side, frame) {
            (Side::Client, Frame::Challenge { protocol, city: theirs, nonce }) => {
                check_protocol(protocol)?;
                if theirs != city {
                    return Err(Refusal::OtherCity);
                }
                let proof = self.local.key.sign(&proof_message("hello", city, &nonce));
                let chain = self.local.chain.clone();
                self.send(Frame::Hello { protocol: PROTOCOL, chain, proof, nonce: self.nonce });
                Ok(())
            }
            (Side::Server, Frame::Hello { protocol, chain, proof, nonce }) => {
                check_protocol(protocol)?;
                let certificate = identity::verify_chain(self.local.city_key, &chain)?.clone();
                check_proof(certificate.key, "hello", city, &self.nonce, &proof)?;
                let proof = self.local.key.sign(&proof_message("welcome", city, &nonce));
                let welcome = Frame::Welcome {
                    chain: self.local.chain.clone(),
                    proof,
                    time: now,
                    epoch: self.local.epoch,
                };
                self.send(welcome);
                self.go_live(Some(certificate));
                Ok(())
            }
            (Side::Client, Frame::Welcome { chain, proof, time, epoch }) => {
                let certificate = match chain.is_empty() {
                    true => None,
                    false => Some(identity::verify_chain(self.local.city_key, &chain)?.clone()),
                };
                if certificate.as_ref().is_some_and(|c| c.role != Role::BranchNode) {
                    return Err(Refusal::Identity("an upstream is a branch node or the city".into()));
                }
                let key = certificate.as_ref().map_or(self.local.city_key, |c| c.key);
                check_proof(key, "welcome", city, &self.nonce, &proof)?;
                self.outputs.push_back(Output::Upstream { time, epoch });
                self.go_live(certificate);
                Ok(())
            }
            (_, Frame::Refused(refusal)) => {
                self.phase = Phase::Closed;
                self.outputs.push_back(Output::Close(refusal));
                Ok(())
            }
            (_, other) => Err(Refusal::Unexpected(name(&other).into())),
        }
    }

    fn go_live(&mut self, peer: Option<Certificate>) {
        self.phase = Phase::Live;
        self.peer.clone_from(&peer);
        self.outputs.push_back(Output::Live(peer));
        self.outputs.push_back(Output::ListHeads);
    }

    fn live(&mut self, frame: Frame, now: Millis) -> Result<(), Refusal> {
        match frame {
            Frame::Have { documents, rows_read } => {
                for (document, heads) in documents {
                    for head in heads {
                        self.theirs.insert((document, head.actor), head.seq);
                    }
                }
                if self.side == Side::Server {
                    self.rows_after = rows_read;
                }
                self.heard_have = true;
                self.compare();
            }
            Frame::Chunk { introduction, run } => self.outputs.push_back(Output::Admit { introduction, run }),
            Frame::Stored { document, head } => self.peer_stored(document, head, now),
            Frame::Rejected { document, actor, seq, reason } => {
                self.refused.insert((document, actor));
                self.settle((document, actor));
                self.outputs.push_back(Output::Refused { document, actor, seq, reason });
                self.pump();
            }
            Frame::AtCity(statement) => {
                if statement.holds(self.local.city_key) {
                    self.outputs.push_back(Output::AtCity(statement));
                }
            }
            Frame::Rows(batch) => self.outputs.push_back(Output::AdmitRows(batch)),
            Frame::RowsStored { upto } => {
                self.rows_after = self.rows_after.max(upto);
                self.rows_sending = false;
                self.rows_waiting = true;
                self.outputs.push_back(Output::RowsDelivered(upto));
                self.pump_rows();
            }
            Frame::Ping => self.send(Frame::Pong),
            Frame::Pong => {}
            Frame::Refused(refusal) => {
                self.phase = Phase::Closed;
                self.outputs.push_back(Output::Close(refusal));
            }
            other @ (Frame::Challenge { .. } | Frame::Hello { .. } | Frame::Welcome { .. }) => {
                return Err(Refusal::Unexpected(name(&other).into()));
            }
        }
        Ok(())
    }

    fn peer_stored(&mut self, document: DocumentId, head: Head, now: Millis) {
        let key = (document, head.actor);
        self.theirs.insert(key, head.seq);
        if self.sending.is_some_and(|(sending, _)| sending == key) {
            self.pace.acknowledged(now);
        }
        self.settle(key);
        if self.side == Side::Client {
            self.outputs.push_back(Output::Delivered(document, head));
        }
        self.consider(key);
        self.pump();
    }

    fn settle(&mut self, key: LineKey) {
        if self.sending.is_some_and(|(sending, _)| sending == key) {
            self.sending = None;
        }
    }

    /// Both lists are known: queue every line the peer lacks something of.
    fn compare(&mut self) {
        if !(self.heard_have && self.listed) {
            return;
        }
        if self.side == Side::Client {
            // What the upstream already holds needs no sending to count as delivered.
            let known: Vec<_> = self
                .held
                .iter()
                .filter(|(key, (seq, _))| self.theirs.get(key).is_some_and(|theirs| theirs >= seq))
                .map(|((document, actor), (seq, hash))| {
                    (*document, Head { actor: *actor, seq: *seq, hash: *hash })
                })
                .collect();
            self.outputs.extend(known.into_iter().map(|(document, head)| Output::Delivered(document, head)));
        }
        for key in self.held.keys().copied().collect::<Vec<_>>() {
            self.consider(key);
        }
        self.pump();
        self.pump_rows();
    }

    fn consider(&mut self, key: LineKey) {
        let held = self.held.get(&key).map_or(0, |(seq, _)| *seq);
        let theirs = self.theirs.get(&key).copied().unwrap_or(0);
        if held > theirs && !self.refused.contains(&key) {
            self.queue.insert(key);
        } else {
            self.queue.remove(&key);
        }
    }

    fn pump(&mut self) {
        if self.sending.is_some() || !self.heard_have {
            return;
        }
        if let Some(key @ (document, actor)) = self.queue.pop_first() {
            self.sending = Some((key, 0));
            let after = self.theirs.get(&key).copied().unwrap_or(0);
            self.outputs.push_back(Output::Load {
                document,
                actor,
                after,
                max_bytes: self.pace.chunk_bytes(),
            });
        }
    }

    fn pump_rows(&mut self) {
        if self.phase == Phase::Live && self.heard_have && self.rows_waiting && !self.rows_sending {
            self.rows_waiting = false;
            self.rows_sending = true;
            self.outputs.push_back(Output::LoadRows { after: self.rows_after });
        }
    }

    fn peer_may_see(&self, document: &DocumentId) -> bool {
        match (self.side, &self.peer) {
            (Side::Server, Some(peer)) => peer.may_read(document),
            (Side::Server, None) => false,
            (Side::Client, _) => true,
        }
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

fn check_protocol(protocol: u16) -> Result<(), Refusal> {
    if protocol == PROTOCOL { Ok(()) } else { Err(Refusal::Protocol { node: PROTOCOL, peer: protocol }) }
}

fn check_proof(
    key: PublicKey,
    purpose: &str,
    city: crate::ids::CityId,
    nonce: &[u8; 32],
    proof: &crate::ids::Signature,
) -> Result<(), Refusal> {
    if identity::verify(key, &proof_message(purpose, city, nonce), proof) {
        Ok(())
    } else {
        Err(Refusal::Identity("the proof of its key does not hold".into()))
    }
}

fn name(frame: &Frame) -> &'static str {
    match frame {
        Frame::Challenge { .. } => "challenge",
        Frame::Hello { .. } => "hello",
        Frame::Welcome { .. } => "welcome",
        Frame::Refused(_) => "refused",
        Frame::Have { .. } => "have",
        Frame::Chunk { .. } => "chunk",
        Frame::Stored { .. } => "stored",
        Frame::Rejected { .. } => "rejected",
        Frame::AtCity(_) => "at city",
        Frame::Rows(_) => "rows",
        Frame::RowsStored { .. } => "rows stored",
        Frame::Ping => "ping",
        Frame::Pong => "pong",
    }
}
