//! What changes the node: it takes messages one after the other, lets the peer work them out, and makes
//! what came of them durable in as few transactions as possible.

use super::arbitration::Standing;
use super::inbox::Worker;
use super::joining::Joining;
use super::journal::{Happening, Journal};
use super::writing::{InFlight, WriteRequest};
use super::{Kind, News, NodeError, Writer};
use crate::projection::{CourseCount, CourseProjection};
use crate::store::{Store, StoreError};
use crate::sync::now;
use crate::sync::outbox::{Outbox, TooMuch};
use client_core::author::Author;
use client_core::decide::{self, FarAhead};
use client_core::domain::{History, SharedFold, SharedViews};
use client_core::door::Admitted;
use client_core::event::{DocumentId, Scope};
use client_core::identity::{Certificate, Chain, Introduction};
use client_core::ids::{CityId, DeviceId, PublicKey};
use client_core::log::{FeedItem, LogKey, Place, Run, SegmentRun, Shelf, ShelfError};
use client_core::peer::{Batch, Connection, Effect, Input, Peer};
use client_core::sealed::{SealedBatch, SealedRow};
use client_core::time::Millis;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, oneshot, watch};

/// The most messages whose outcome is made durable together.
const MOST_AT_ONCE: usize = 512;

/// What others ask of the core.
pub enum Message {
    /// Something happened on a connection; the permit lets the next frame of it in.
    Input(Input, Option<OwnedSemaphorePermit>),
    /// A connection was made; frames to it go here.
    Open(Input, Outbox),
    /// Somebody wants to write.
    Write(Box<WriteRequest>),
    /// Runs of a segment; the answer says how many of them were new.
    Segment(Vec<SegmentRun>, oneshot::Sender<Result<usize, NodeError>>),
    /// Somebody wants to look.
    Look(Box<dyn FnOnce(&mut Core) + Send>),
    /// The node is closing.
    Stop,
}

/// A frame of more bytes takes long: expanding it, checking it and storing it, milliseconds.
const LONG_FRAME: usize = 8 * 1024;

/// Runs stored last, so that those who follow live are not served from the database.
const RECENT_BYTES: usize = 2 * 1024 * 1024;

/// So many of them are looked through for one line before the database is asked.
const LOOKED_THROUGH: usize = 1024;

/// The runs in the store, read where one may wait for them.
pub struct StoreShelf {
    pub store: Arc<Store>,
    pub city: CityId,
    pub runtime: Handle,
    pub feed_head: u64,
    recent: VecDeque<FeedItem>,
    recent_bytes: usize,
}

impl StoreShelf {
    /// Over a store whose feed ends here.
    pub fn new(store: Arc<Store>, city: CityId, runtime: Handle, feed_head: u64) -> Self {
        Self { store, city, runtime, feed_head, recent: VecDeque::new(), recent_bytes: 0 }
    }

    /// Stores a batch.
    fn commit(&mut self, batch: &Batch, counts: &[CourseCount]) -> Result<(), StoreError> {
        let feed_head = self.runtime.block_on(self.store.commit(self.city, batch, counts))?;
        for placed in &batch.runs {
            self.feed_head += 1;
            self.recent_bytes += placed.run.bytes.len();
            let (offset, line) = (self.feed_head, placed.place.line());
            self.recent.push_back(FeedItem { offset, line, run: placed.run.clone() });
        }
        assert_eq!(self.feed_head, feed_head, "runs are numbered in order");
        while self.recent_bytes > RECENT_BYTES
            && let Some(oldest) = self.recent.pop_front()
        {
            self.recent_bytes -= oldest.run.bytes.len();
        }
        Ok(())
    }

    /// Writes what waits in the store.
    fn write_waiting(&self) -> Result<bool, StoreError> {
        self.runtime.block_on(self.store.write_waiting())
    }

    /// What follows `after`, if all of it was stored lately.
    fn recent_after(&self, after: u64) -> Option<impl Iterator<Item = &FeedItem>> {
        let first = self.recent.front()?.offset;
        let skipped = after.checked_sub(first - 1)?;
        Some(self.recent.iter().skip(skipped as usize))
    }

    /// What follows `after` on a line, if all of it is among the runs stored last: about `max_bytes` of
    /// it, at least one run if there is any.
    fn recent_on(&self, key: &LogKey, line: u8, after: u64, max_bytes: usize) -> Option<Vec<Run>> {
        let last = self.recent.iter().rev().take(LOOKED_THROUGH);
        let mut runs: VecDeque<&Run> = VecDeque::new();
        for FeedItem { run, .. } in last.filter(|item| item.line == line && item.run.key() == *key) {
            if run.last_seq > after {
                runs.push_front(run);
            }
            if run.first_seq <= after + 1 {
                let mut bytes = 0;
                let fits = runs.into_iter().enumerate().take_while(|(n, run)| {
                    bytes += run.bytes.len();
                    *n == 0 || bytes <= max_bytes
                });
                return Some(fits.map(|(_, run)| run.clone()).collect());
            }
        }
        None
    }
}

impl Shelf for StoreShelf {
    fn runs_after(
        &self,
        key: &LogKey,
        line: u8,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Run>, ShelfError> {
        if let Some(runs) = self.recent_on(key, line, after, max_bytes) {
            return Ok(runs);
        }
        let read = self.store.runs_after(self.city, key, line, after, max_bytes);
        self.runtime.block_on(read).map_err(|error| ShelfError(error.to_string()))
    }

    fn introduction(&self, key: &LogKey) -> Result<Option<Vec<u8>>, ShelfError> {
        let read = self.store.introduction(self.city, key);
        self.runtime.block_on(read).map_err(|error| ShelfError(error.to_string()))
    }

    fn feed_head(&self) -> u64 {
        self.feed_head
    }

    fn feed_after(
        &self,
        after: u64,
        reader: &Certificate,
        max_bytes: usize,
    ) -> Result<(Vec<FeedItem>, u64), ShelfError> {
        if let Some(recent) = self.recent_after(after) {
            return Ok(feed_stretch(recent, after, reader, max_bytes));
        }
        let read = self.store.feed_after(self.city, after, reader, max_bytes);
        self.runtime.block_on(read).map_err(|error| ShelfError(error.to_string()))
    }
}

/// The first of these that `reader` may read, about `max_bytes` of them, and up to where that goes.
fn feed_stretch<'a>(
    items: impl Iterator<Item = &'a FeedItem>,
    after: u64,
    reader: &Certificate,
    max_bytes: usize,
) -> (Vec<FeedItem>, u64) {
    let (mut found, mut bytes, mut upto) = (Vec::new(), 0, after);
    for item in items {
        if reader.may_read(&item.run.document) {
            bytes += item.run.bytes.len();
            if !found.is_empty() && bytes > max_bytes {
                break;
            }
            found.push(item.clone());
        }
        upto = item.offset;
    }
    (found, upto)
}

/// Everything the node knows.
pub struct Core {
    pub kind: Kind,
    pub city: CityId,
    pub epoch: u64,
    pub journal: Journal,
    pub standing: Standing,
    /// Small values to store with the next batch.
    pub notes: Vec<(String, Vec<u8>)>,
    /// Whether anybody connected to it since it started: they count on what it told them.
    pub serves: bool,
    /// When what waited was last written to SQLite's file.
    pub file_written: Millis,
    /// Why the store took nothing the last time.
    pub trouble: Option<Trouble>,
    /// Upstream time minus this machine's, in milliseconds, at the last contact.
    pub clock_off: Option<i64>,
    pub peer: Peer,
    pub shelf: StoreShelf,
    pub authors: BTreeMap<Writer, Author>,
    pub shared: History,
    pub views: SharedFold,
    pub upstream_live: Option<(bool, Millis)>,
    pub city_heard: Option<Millis>,
    pub far_ahead: Vec<FarAhead>,
    /// Private lines of copied devices that nobody has looked at yet, at the city.
    pub forked: BTreeSet<LogKey>,
    pub chains: BTreeMap<(DeviceId, PublicKey), Chain>,
    pub refused: VecDeque<(LogKey, String)>,
    pub senders: BTreeMap<Connection, Outbox>,
    pub storing: Vec<(u64, Batch)>,
    pub queues: BTreeMap<Writer, VecDeque<WriteRequest>>,
    pub in_flight: BTreeMap<Writer, InFlight>,
    pub segments: BTreeMap<u64, oneshot::Sender<Result<usize, NodeError>>>,
    pub courses: CourseProjection,
    pub joining: Joining,
    pub news: broadcast::Sender<News>,
    pub changed: watch::Sender<()>,
}

/// Why the store takes nothing.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub is_full: bool,
    pub text: String,
}

/// Of a reason that a peer may have worded so much is kept.
const REASON_CHARS: usize = 300;

/// A clock this far from the upstream's is noted, in milliseconds.
const CLOCK_FAR_OFF: u64 = 10 * Millis::MINUTE.unsigned_abs();

/// What waits is written to SQLite's file this often, in milliseconds: a write waits for the disk.
const WRITTEN_EVERY: i64 = 5_000;

/// How many refusals are remembered for whoever asks.
const REFUSALS_KEPT: usize = 100;

impl Worker for Core {
    type Message = Message;

    fn is_long(message: &Message) -> bool {
        match message {
            Message::Input(Input::Received { bytes, .. }, _) => bytes.len() > LONG_FRAME,
            Message::Segment(..) => true,
            _ => false,
        }
    }

    fn work_off(&mut self, messages: &mut mpsc::Receiver<Message>) -> Option<usize> {
        let mut stop = self.take(messages.blocking_recv()?);
        let mut done = 1;
        while done < MOST_AT_ONCE
            && let Ok(message) = messages.try_recv()
        {
            stop |= self.take(message);
            done += 1;
        }
        if stop {
            // What was only heard (how far lines have come) is kept before the end.
            self.handle(Input::Tick, now());
        }
        self.settle();
        (!stop).then_some(done)
    }
}

impl Core {
    /// Says whether to stop.
    fn take(&mut self, message: Message) -> bool {
        let now = now();
        match message {
            Message::Input(input, permit) => {
                if let Input::Closed { connection } = &input {
                    self.senders.remove(connection);
                }
                let is_tick = matches!(input, Input::Tick);
                self.handle(input, now);
                drop(permit);
                if is_tick {
                    self.write_waiting(now);
                    // Who asks next waits for little, and what changed does not pile up.
                    self.views.keep_up_if_begun(&mut self.shared);
                }
            }
            Message::Open(input, sender) => {
                // Something must be written, or there would be nothing to wait for the disk with.
                if matches!(input, Input::Accepted { .. }) && !self.serves {
                    let waits = |core: &Self| core.notes.iter().any(|(name, _)| name == "serves");
                    if !waits(self) {
                        self.notes.push(("serves".to_owned(), vec![1]));
                    }
                    self.settle();
                    if waits(self) {
                        tracing::warn!("a connection is refused: what the feed promises cannot be stored");
                        return false;
                    }
                    self.serves = true;
                }
                if let Input::Connected { connection, .. } | Input::Accepted { connection, .. } = &input {
                    self.senders.insert(*connection, sender);
                }
                self.handle(input, now);
            }
            Message::Write(request) => self.queues.entry(request.writer).or_default().push_back(*request),
            Message::Segment(runs, reply) => {
                let ticket = self.segments.last_key_value().map_or(0, |(last, _)| last + 1);
                self.segments.insert(ticket, reply);
                self.handle(Input::Segment { ticket, runs }, now);
            }
            Message::Look(look) => look(self),
            Message::Stop => return true,
        }
        false
    }

    fn handle(&mut self, input: Input, now: Millis) {
        self.peer.handle(input, now, &self.shelf);
        self.drain(now);
    }

    /// Carries out what the peer wants done.
    pub fn drain(&mut self, now: Millis) {
        while let Some(effect) = self.peer.poll() {
            self.carry_out(effect, now);
        }
        let live = self.peer.upstream().is_some();
        if matches!(self.kind, Kind::Branch) && self.upstream_live.is_none_or(|(was, _)| was != live) {
            self.upstream_live = Some((live, now));
            let _ = self.news.send(News::Upstream(live));
            self.changed.send_replace(());
        }
    }

    /// Starts what waits to be written, and stores everything that waits for it.
    fn settle(&mut self) {
        loop {
            let now = now();
            self.start_writing(now);
            self.look_for_forgotten_lines(now);
            let notes = self.unsaved_notes();
            if self.storing.is_empty() && notes.is_empty() {
                return;
            }
            let comes_again = !self.serves && notes.is_empty();
            let mut whole = Batch { notes: notes.clone(), comes_again, ..Batch::default() };
            let mut tokens = Vec::with_capacity(self.storing.len());
            for (token, batch) in std::mem::take(&mut self.storing) {
                tokens.push(token);
                whole.append(batch);
            }
            whole.notes.extend(self.clock_note());
            match self.commit(&whole) {
                Ok(()) => {
                    if !comes_again {
                        self.store_works(now);
                    }
                    self.handle(Input::Persisted(tokens), now);
                    self.join_grown(&whole);
                }
                Err(error) => {
                    self.courses.forget(&whole);
                    self.in_trouble(notes, &error, now);
                    let alone = tokens.is_empty();
                    for token in tokens {
                        self.handle(Input::NotPersisted(token, error.to_string()), now);
                    }
                    if alone {
                        return; // tried again with the next second
                    }
                }
            }
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let Self { courses, peer, shelf, .. } = self;
        let greatest = |key: &LogKey| {
            let read = shelf.store.greatest_id(shelf.city, key);
            shelf.runtime.block_on(read)
        };
        let counts = courses.of(batch, peer.ledger(), shelf, greatest).or_else(|error| {
            // What is not found may wait for room on the disk, which then says more.
            shelf.write_waiting().and(Err(error))
        })?;
        self.shelf.commit(batch, &counts)
    }

    fn unsaved_notes(&mut self) -> Vec<(String, Vec<u8>)> {
        let mut notes = std::mem::take(&mut self.notes);
        notes.extend(self.journal.take_unsaved());
        notes
    }

    /// From time to time: what waits is written to SQLite's file.
    fn write_waiting(&mut self, now: Millis) {
        let since = now.0 - self.file_written.0;
        if self.trouble.is_none() && (0..WRITTEN_EVERY).contains(&since) {
            return;
        }
        self.file_written = now;
        match self.shelf.write_waiting() {
            Ok(true) => self.store_works(now),
            Ok(false) => {}
            Err(error) => self.in_trouble(Vec::new(), &error, now),
        }
    }

    fn store_works(&mut self, now: Millis) {
        if self.trouble.take().is_some() {
            self.journal.note(Happening::StoreWorks, "", "", now);
            tracing::info!("the store takes writes again");
        }
    }

    fn in_trouble(&mut self, mut notes: Vec<(String, Vec<u8>)>, error: &StoreError, now: Millis) {
        let (is_full, text) = (error.is_full(), error.to_string());
        if self.trouble.is_none() {
            tracing::error!(%error, "nothing of this could be saved");
            let what = if is_full { Happening::DiskFull } else { Happening::StoreFailed };
            self.journal.note(what, "", text.as_str(), now);
        }
        self.trouble = Some(Trouble { is_full, text });
        notes.retain(|(name, _)| name != super::JOURNAL);
        notes.append(&mut self.notes);
        self.notes = notes;
        self.journal.not_saved();
    }

    /// Whether this is the city's own node.
    pub fn is_city(&self) -> bool {
        matches!(self.kind, Kind::City(_))
    }

    fn carry_out(&mut self, effect: Effect, now: Millis) {
        match effect {
            Effect::Send { connection, bytes } => {
                // A connection that is gone says so itself.
                if let Some(Err(TooMuch)) = self.senders.get(&connection).map(|outbox| outbox.send(bytes)) {
                    tracing::warn!(connection, "connection ended: it takes nothing and asks for more");
                    self.senders.remove(&connection);
                }
            }
            Effect::Hangup { connection, reason } => {
                // The peer may have worded it.
                let reason: String = reason.chars().take(REASON_CHARS).collect();
                tracing::info!(connection, reason, "connection ended");
                self.senders.remove(&connection);
            }
            Effect::Persist { token, batch } => self.storing.push((token, *batch)),
            Effect::TookIn { admitted, own } => {
                if !own {
                    self.look_for_copies(&admitted, now);
                }
                if let Some(bytes) = &admitted.introduction
                    && let Ok(introduction) = rmp_serde::from_slice::<Introduction>(bytes)
                {
                    let Certificate { device, key, .. } = admitted.author;
                    self.chains.insert((device, key), introduction.chain);
                }
                let document = admitted.run.document;
                if document.scope != Scope::Private {
                    let seen = self.shared.insert(&admitted.run, &admitted.author, &admitted.changes);
                    self.authors_mut().for_each(|author| author.clock_mut().observe(seen, now));
                }
                let key = admitted.run.key();
                let parts = matches!(admitted.place, Place::Parts { .. });
                if self.is_city() && document.scope == Scope::Private && parts {
                    self.forked.insert(key);
                    let _ = self.news.send(News::Arbiter);
                }
                if document.scope == Scope::Decisions {
                    self.peer.follow(self.shared.rulings());
                } else if matches!(self.kind, Kind::City(_)) && !own {
                    self.far_ahead.extend(decide::far_ahead(&admitted.run, &admitted.changes, now));
                }
                tracing::debug!(%document, actor = %admitted.run.actor, seq = admitted.run.last_seq, events = admitted.run.events, "stored");
                let _ = self.news.send(News::Line(document));
            }
            Effect::Written(ticket) => self.written(ticket),
            Effect::NotWritten(ticket, reason) => self.not_written(ticket, reason),
            Effect::SegmentTaken { ticket, outcome } => {
                if let Some(reply) = self.segments.remove(&ticket) {
                    // Whoever asked may be gone.
                    let _ = reply.send(outcome.map_err(NodeError::NotSaved));
                }
            }
            Effect::LoadRows { connection, peer, after } => {
                let batch = self.rows_after(peer.as_ref(), after);
                match batch {
                    Ok(batch) => self.handle(Input::RowsLoaded { connection, batch }, now),
                    Err(error) => {
                        tracing::debug!(%error, "sealed rows cannot be read yet");
                        self.handle(Input::RowsNotLoaded { connection }, now);
                    }
                }
            }
            Effect::Live { connection, peer } => {
                let device = peer.map_or_else(|| "upstream".into(), |peer| peer.device.to_hex());
                tracing::info!(connection, device, "connected");
            }
            Effect::UpstreamTime(time) => {
                for author in self.authors_mut() {
                    author.clock_mut().hear_upstream(time, now);
                }
                let off = time.0.saturating_sub(now.0);
                self.clock_off = Some(off);
                if off.unsigned_abs() > CLOCK_FAR_OFF {
                    let minutes = off / Millis::MINUTE;
                    tracing::warn!(
                        minutes,
                        "this machine's clock is far from the upstream's; stamps follow the upstream"
                    );
                    self.journal.note(Happening::ClockOff, "", minutes.to_string(), now);
                }
            }
            Effect::CityHeard(time) => {
                self.authors_mut().for_each(|author| author.clock_mut().hear_city(time, now));
                self.city_heard = self.city_heard.max(Some(time));
            }
            Effect::UpstreamRenewed => {
                tracing::warn!(
                    "the upstream's store was put back or begun anew: it is supplied with what it lacks"
                );
                self.journal.note(Happening::UpstreamRenewed, "", "", now);
            }
            Effect::Reported(client) => self.reported(&client, now),
            Effect::Refused { key, seq, mut reason, here } => {
                reason = reason.chars().take(REASON_CHARS).collect();
                tracing::warn!(document = %key.document, actor = %key.actor, seq, reason, here, "changes refused");
                self.journal.note(Happening::ChangesRefused, key.to_string(), reason.as_str(), now);
                self.refused.push_back((key, reason));
                if self.refused.len() > REFUSALS_KEPT {
                    self.refused.pop_front();
                }
            }
            Effect::Changed => self.changed.send_replace(()),
            Effect::RowsKept { authors, .. } => {
                for chain in authors {
                    if let Some(last) = chain.last() {
                        self.chains.entry((last.device, last.key)).or_insert(chain);
                    }
                }
            }
        }
    }

    /// A line that parts from another, or that this node wrote and does not know, tells of a copy.
    fn look_for_copies(&mut self, admitted: &Admitted, now: Millis) {
        let (document, actor, author) = (admitted.run.document, admitted.run.actor, &admitted.author);
        if matches!(admitted.place, Place::Parts { .. }) {
            tracing::warn!(%document, %actor, device = %author.device, "a device wrote a second line: it was restored or copied");
            self.journal.note(Happening::Forked, author.device.to_hex(), document.to_string(), now);
        }
        let mut own = false;
        for writer in self.authors_mut().filter(|writer| writer.key().public() == author.key) {
            writer.leave(&document);
            own = true;
        }
        if own && !self.is_city() {
            tracing::warn!(%document, %actor, "a copy of this node's store wrote on; going on as a new actor");
            self.journal.note(Happening::StoreCopied, "", document.to_string(), now);
        }
    }

    /// Sealed rows for a peer after an offset of this store.
    fn rows_after(&self, peer: Option<&Certificate>, after: u64) -> Result<SealedBatch, NodeError> {
        const ROWS: usize = 2_000;
        let read = self.shelf.store.sealed_after(self.city, after, ROWS);
        let (rows, upto) = self.shelf.runtime.block_on(read)?;
        let visible = |row: &SealedRow| peer.is_none_or(|peer| peer.may_read_rows_of(row.branch, row.author));
        let rows: Vec<SealedRow> = rows.into_iter().filter(visible).collect();
        let devices: BTreeSet<_> = rows.iter().map(|row| row.author).collect();
        let authors = self
            .chains
            .iter()
            .filter(|((device, _), _)| devices.contains(device))
            .map(|(_, chain)| chain.clone())
            .collect();
        Ok(SealedBatch { rows, authors, upto })
    }

    /// The views of shared and decisions documents.
    pub fn views(&mut self) -> Arc<SharedViews> {
        self.views.views(&mut self.shared).clone()
    }

    /// The lines of the documents wanted, to read them elsewhere.
    pub fn logs(&self, wanted: impl Fn(&DocumentId) -> bool) -> super::Logs {
        let logs = self.peer.ledger().iter().filter(|(key, _)| wanted(&key.document));
        logs.map(|(key, log)| (*key, log.clone())).collect()
    }
}
