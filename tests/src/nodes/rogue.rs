//! A certified device that writes what it likes: any body, id, stamp and edge, on lines that part, in the
//! document of any quarter. It speaks the protocol itself, so that no node's own care stands between.

use client_core::event::{DocumentId, Envelope, EventRef, Kind, Scope};
use client_core::identity::{self, Certificate, Chain, Introduction, SecretKey};
use client_core::ids::{ActionId, ActorId, CityId, EventId, PersonId, PublicKey, UserId};
use client_core::log::{MAX_CHANGE_BYTES, Position, Put, Run};
use client_core::packed::packed;
use client_core::sealed::{SealedBatch, SealedRow};
use client_core::sync::{Frame, PROTOCOL, opening_query, proof_message};
use client_core::time::{HybridClock, Millis, Quarter, Stamp};
use lianxiao::client::Client;
use lianxiao::node::EnrolAnswer;
use lianxiao::sync::exchange::{EXCHANGE, frames_of, put_frame};
use lianxiao::sync::now;
use reqwest::header::HeaderMap;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Room for the frame of a change around its events.
const CHANGE_ROOM: usize = MAX_CHANGE_BYTES - 2 * 1024;
/// Values of one run, well below what a reader expands.
const RUN_ROOM: usize = 3_500_000;
/// Events of one run.
const RUN_EVENTS: usize = 60_000;
/// Far more than a healthy node takes for one chunk.
const LONGEST_ANSWER: Duration = Duration::from_secs(120);

/// A certified device; in an honest hand it is one like any other.
pub struct Rogue {
    city: CityId,
    key: SecretKey,
    chain: Chain,
    clock: HybridClock,
    lines: BTreeMap<DocumentId, Line>,
    /// What no node has yet.
    waiting: Vec<Run>,
}

/// Its line in one document.
struct Line {
    nonce: [u8; 16],
    /// Where it stood before the first run and after each.
    positions: Vec<Position>,
}

/// An event before it is written; every field may be turned.
#[derive(Clone)]
pub struct Said {
    /// Where it goes.
    pub document: DocumentId,
    /// Its id.
    pub id: EventId,
    /// All else.
    pub envelope: Envelope,
}

/// What came of an upload.
#[derive(Debug, Default)]
pub struct Uploaded {
    /// Bytes of the chunks as they travelled.
    pub wire_bytes: usize,
    /// What the node said of chunks it did not take.
    pub refused: Vec<String>,
}

impl Said {
    /// What orders two events of one identity: the smaller counted in the first release.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.id.0).chain_update(self.envelope.encode()).finalize().into()
    }

    /// The same words with a hash below another's.
    pub fn below(mut self, other: &Self) -> Self {
        while self.hash() >= other.hash() {
            self.envelope.action = ActionId(lianxiao::keys::random_id());
        }
        self
    }

    /// The same words under the id of another event.
    pub fn under(self, id: EventId) -> Self {
        Self { id, ..self }
    }

    /// The same words in the document of another quarter.
    pub fn in_quarter(mut self, quarter: Quarter) -> Self {
        self.document.period = quarter;
        self
    }

    /// The same words with the stamp of another moment.
    pub fn stamped(mut self, at: Millis) -> Self {
        self.envelope.stamp = Stamp((at.0 as u64) << 16);
        self.envelope.claimed = at;
        self
    }
}

impl Rogue {
    /// Enrols with a node: the branch's own, or the city's, which is told the branch.
    pub async fn enrol(at: &Client, branch: Option<&str>, role: &str) -> Self {
        let code = at.code(branch, role, "前台").await.expect("a code");
        let key = SecretKey::from_random(lianxiao::keys::random_bytes());
        let request = serde_json::json!({ "code": code, "key": key.public() });
        let answer = at.post("/enrol", &request).await.expect("enrolled");
        let answer: EnrolAnswer = serde_json::from_value(answer).expect("an enrolment");
        Self::certified(answer.city_key, key, answer.chain)
    }

    /// With a certificate that somebody made by hand.
    pub fn certified(city_key: PublicKey, key: SecretKey, chain: Chain) -> Self {
        let city = identity::city_id(city_key);
        let (clock, lines) = (HybridClock::default(), BTreeMap::new());
        Self { city, key, chain, clock, lines, waiting: Vec::new() }
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        self.chain.last().expect("a certified device")
    }

    /// Its chain, the city's issue first.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Its branch's document in the running quarter.
    pub fn document(&self, scope: Scope) -> DocumentId {
        DocumentId::new(scope, self.certificate().branch, Quarter::of(now().day()))
    }

    /// An event as an honest program would write it now, in the document of its day.
    pub fn says<K: Kind>(&mut self, body: &K) -> Said {
        let said = self.says_raw(K::NAME, K::VERSION, K::SCOPE, packed(body));
        said.in_quarter(Quarter::of(body.fact_day().unwrap_or(now().day())))
    }

    /// An event of any kind with any body, in the document of the running quarter.
    pub fn says_raw(&mut self, kind: &str, version: u16, scope: Scope, body: Vec<u8>) -> Said {
        let document = self.document(scope);
        let envelope = Envelope {
            kind: kind.to_owned(),
            version,
            stamp: self.clock.tick(now()),
            claimed: now(),
            device: self.certificate().device,
            user: UserId([1; 16]),
            branch: document.branch,
            action: ActionId(lianxiao::keys::random_id()),
            supersedes: None,
            body: body.into(),
        };
        Said { document, id: EventId(lianxiao::keys::random_id()), envelope }
    }

    /// Writes an event at the end of its line.
    pub fn write(&mut self, said: Said) -> EventRef {
        self.write_all(vec![said])[0]
    }

    /// Writes events of one document at the end of its line, in as few changes and runs as they fit into.
    pub fn write_all(&mut self, said: Vec<Said>) -> Vec<EventRef> {
        let document = said[0].document;
        let mut written = Vec::with_capacity(said.len());
        let (mut changes, mut room, mut run_bytes, mut events) = (Vec::<Vec<Put>>::new(), 0, 0, 0);
        for Said { document: own, id, envelope } in said {
            assert_eq!(own, document, "one document at a time");
            let value = envelope.encode();
            let size = value.len() + 64;
            if run_bytes + size > RUN_ROOM || events == RUN_EVENTS {
                self.write_run(document, &std::mem::take(&mut changes));
                (room, run_bytes, events) = (0, 0, 0);
            }
            if size > room {
                changes.push(Vec::new());
                room = CHANGE_ROOM;
            }
            (room, run_bytes, events) = (room.saturating_sub(size), run_bytes + size, events + 1);
            changes.last_mut().expect("a change").push(Put { id, value });
            written.push(EventRef { document, actor: self.actor(document), event: id });
        }
        self.write_run(document, &changes);
        written
    }

    /// From here on the line in this document goes on from where it stood after so many runs: what was
    /// written since lies on a parallel line.
    pub fn part(&mut self, document: DocumentId, after_runs: usize) {
        self.line(document).positions.truncate(after_runs + 1);
    }

    /// How many runs the line in this document has.
    pub fn runs(&mut self, document: DocumentId) -> usize {
        self.line(document).positions.len() - 1
    }

    fn line(&mut self, document: DocumentId) -> &mut Line {
        self.lines
            .entry(document)
            .or_insert_with(|| Line { nonce: lianxiao::keys::random_id(), positions: vec![Position::START] })
    }

    fn actor(&mut self, document: DocumentId) -> ActorId {
        let key = self.key.public();
        identity::actor_id(key, self.line(document).nonce)
    }

    fn write_run(&mut self, document: DocumentId, changes: &[Vec<Put>]) {
        let actor = self.actor(document);
        let at = *self.line(document).positions.last().expect("a beginning");
        let run = Run::write(self.city, &self.key, document, actor, &at, changes).expect("a run");
        self.line(document).positions.push(run.end());
        self.waiting.push(run);
    }

    /// Hands a node what waits, chunk by chunk. The error says how the connection ended before all was
    /// answered.
    pub async fn upload(&mut self, at: &str) -> Result<Uploaded, String> {
        let mut exchange = Exchange::open(at, self).await?;
        let mut uploaded = Uploaded::default();
        for run in std::mem::take(&mut self.waiting) {
            let nonce = self.line(run.document).nonce;
            let introduction = Introduction { nonce, chain: self.chain.clone() }.encode();
            let (key, head) = (run.key(), run.head());
            let frame = Frame::Chunk { introduction: Some(introduction), run, upto: None };
            uploaded.wire_bytes += frame.encode().len();
            let answer = exchange.ask(frame, |answer| match answer {
                Frame::Stored { document, head: stored } => *document == key.document && *stored == head,
                Frame::Behind { key: behind, .. } => *behind == key,
                Frame::Rejected { key: rejected, .. } => *rejected == key,
                _ => false,
            });
            match answer.await? {
                Frame::Stored { .. } => {}
                Frame::Rejected { reason, .. } => uploaded.refused.push(reason),
                other => uploaded.refused.push(format!("{other:?}")),
            }
        }
        Ok(uploaded)
    }

    /// A sealed row of a person under this device's signature.
    pub fn seals(&self, of: &Certificate, person: PersonId, text: &str) -> SealedRow {
        let (own, stamp) = (self.certificate().device, Stamp((now().0 as u64) << 16));
        let whose = (of.branch, person);
        SealedRow::write(self.city, &self.key, own, whose, "name", stamp, text.as_bytes().to_vec())
    }

    /// Hands a node a sealed row.
    pub async fn upload_row(&self, at: &str, row: SealedRow) -> Result<(), String> {
        let mut exchange = Exchange::open(at, self).await?;
        let batch = SealedBatch { rows: vec![row], authors: vec![self.chain.clone()], upto: 1 };
        let stored = |answer: &Frame| matches!(answer, Frame::RowsStored { .. });
        exchange.ask(Frame::Rows(batch), stored).await.map(drop)
    }

    /// Every sealed row that a node gives this device within a time.
    pub async fn rows(&self, at: &str, within: Duration) -> Result<Vec<SealedRow>, String> {
        let mut exchange = Exchange::open(at, self).await?;
        let mut rows = Vec::new();
        let began = Instant::now();
        while began.elapsed() < within {
            exchange.unsaid.push(Frame::Ping);
            for frame in exchange.post().await? {
                if let Frame::Rows(batch) = frame {
                    exchange.unsaid.push(Frame::RowsStored { upto: batch.upto });
                    rows.extend(batch.rows);
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(rows)
    }
}

/// A connection by HTTP POST, greeted as a device that has read the whole feed.
struct Exchange {
    http: reqwest::Client,
    address: String,
    headers: HeaderMap,
    /// What goes with the next that is said.
    unsaid: Vec<Frame>,
}

impl Exchange {
    async fn open(at: &str, who: &Rogue) -> Result<Self, String> {
        let nonce = lianxiao::keys::random_bytes();
        let address = format!("{at}/sync/exchange{}", opening_query(&nonce));
        let http = reqwest::Client::builder().timeout(LONGEST_ANSWER).build().expect("a client");
        let (headers, unsaid) = (HeaderMap::new(), Vec::new());
        let mut own = Self { http, address, headers, unsaid };
        let greeting = own.post().await?;
        let challenge = greeting.into_iter().find_map(|frame| match frame {
            Frame::Challenge { nonce, .. } => Some(nonce),
            _ => None,
        });
        let nonce = challenge.ok_or("the node does not greet")?;
        let hello = Frame::Hello {
            version: PROTOCOL,
            chain: who.chain.clone(),
            proof: who.key.sign(&proof_message("hello", who.city, &nonce)),
            since: Some(u64::MAX),
            rows_read: 0,
        };
        // It says hello with the first it hands in: who was revoked is not welcomed, and yet heard.
        own.unsaid.push(hello);
        Ok(own)
    }

    /// Says something and waits for the frame that answers it.
    async fn ask(&mut self, frame: Frame, answers: impl Fn(&Frame) -> bool) -> Result<Frame, String> {
        let began = Instant::now();
        self.unsaid.push(frame);
        let mut found = None;
        while began.elapsed() < LONGEST_ANSWER {
            // Asked for nothing, a node that has nothing to say answers after ten seconds.
            for frame in self.post().await? {
                match frame {
                    frame if found.is_none() && answers(&frame) => found = Some(frame),
                    Frame::Refused(refusal) => return Err(refusal.to_string()),
                    Frame::Chunk { run, .. } => {
                        self.unsaid.push(Frame::Stored { document: run.document, head: run.head() });
                    }
                    Frame::Ping => self.unsaid.push(Frame::Pong),
                    _ => {}
                }
            }
            if let Some(found) = found.take() {
                return Ok(found);
            }
        }
        Err(format!("the node answers nothing for {LONGEST_ANSWER:?}"))
    }

    async fn post(&mut self) -> Result<Vec<Frame>, String> {
        let mut body = Vec::new();
        self.unsaid.drain(..).for_each(|frame| put_frame(&mut body, &frame.encode()));
        let request = self.http.post(&self.address).headers(self.headers.clone()).body(body);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("{}: {}", answer.status(), answer.text().await.unwrap_or_default()));
        }
        if let Some(name) = answer.headers().get(EXCHANGE) {
            self.headers.insert(EXCHANGE, name.clone());
        }
        let bytes = answer.bytes().await.map_err(|error| error.to_string())?;
        let frames = frames_of(&bytes).map_err(|error| format!("{error:?}"))?;
        frames.iter().map(|bytes| Frame::decode(bytes).map_err(|error| error.to_string())).collect()
    }
}
