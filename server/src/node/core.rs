//! The shell around the node: it takes messages one after the other, lets the node work them out, and makes
//! what came of them durable in as few transactions as possible. It decides nothing.

use super::NodeError;
use super::inbox::Worker;
use super::joining::Joining;
use super::journal::{self, Journal};
use crate::projection::{CourseCount, CourseProjection};
use crate::store::{Store, StoreError};
use crate::sync::now;
use crate::sync::outbox::{Outbox, TooMuch};
use client_core::domain::SharedViews;
use client_core::event::{DocumentId, EventRef};
use client_core::identity::Certificate;
use client_core::ids::{CityId, UserId};
use client_core::log::{ActorLog, FeedItem, LogKey, Run, SegmentRun, Shelf, ShelfError};
use client_core::node::{Closed, Effect, Happening, Node, NotDone, Planned, ToPlan, What, Writer};
use client_core::peer::{Batch, Connection, Input};
use client_core::time::Millis;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot, watch};

/// The most messages whose outcome is made durable together.
const MOST_AT_ONCE: usize = 512;

/// What others ask of the core.
pub enum Message {
    /// Something happened on a connection; the permit lets the next frame of it in.
    Input(Input, Option<OwnedSemaphorePermit>),
    /// A connection was made; frames to it go here.
    Open(Input, Outbox),
    /// Runs of a segment; the answer says how many of them were new.
    Segment(Vec<SegmentRun>, oneshot::Sender<Result<usize, NodeError>>),
    /// A plan was made.
    Planned(Box<Planned>),
    /// Somebody wants to look, or to do something.
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

/// Who waits for what was written.
type Answer<T> = oneshot::Sender<Result<T, NodeError>>;

/// The node, its store and who waits for it.
pub struct Core {
    pub node: Node,
    pub city: CityId,
    pub journal: Journal,
    /// Whether anybody connected to it since it started: they count on what it told them.
    serves: bool,
    /// That it does, to be stored with the next batch.
    notes: Vec<(String, Vec<u8>)>,
    /// When what waited was last written to SQLite's file.
    file_written: Millis,
    /// Why the store took nothing the last time.
    pub trouble: Option<Trouble>,
    pub shelf: StoreShelf,
    pub refused: VecDeque<(LogKey, String)>,
    pub senders: BTreeMap<Connection, Outbox>,
    storing: Vec<(u64, Batch)>,
    next_ticket: u64,
    writing: BTreeMap<u64, Answer<Vec<EventRef>>>,
    deciding: BTreeMap<u64, Answer<Closed>>,
    segments: BTreeMap<u64, Answer<usize>>,
    courses: CourseProjection,
    pub joining: Joining,
    /// Plans to be made beside the core.
    plans: mpsc::UnboundedSender<ToPlan>,
    arbiter_due: Arc<Notify>,
    changed: watch::Sender<()>,
}

/// Why the store takes nothing.
#[derive(Clone, Debug)]
pub struct Trouble {
    is_full: bool,
    pub text: String,
}

/// What waits is written to SQLite's file this often, in milliseconds: a write waits for the disk.
const WRITTEN_EVERY: i64 = 5_000;

/// How many refusals are remembered for whoever asks.
const REFUSALS_KEPT: usize = 100;

/// The most sealed rows that are read at once.
const ROWS_AT_ONCE: usize = 2_000;

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
            self.act(|node, shelf, now| node.handle(Input::Tick, now, shelf));
        }
        self.settle();
        (!stop).then_some(done)
    }
}

impl Core {
    /// Around a node that was just opened.
    pub fn new(
        node: Node,
        (city, shelf): (CityId, StoreShelf),
        journal: Journal,
        joining: Joining,
        plans: mpsc::UnboundedSender<ToPlan>,
        (arbiter_due, changed): (Arc<Notify>, watch::Sender<()>),
    ) -> Self {
        Self {
            node,
            city,
            journal,
            serves: false,
            notes: Vec::new(),
            file_written: now(),
            trouble: None,
            shelf,
            refused: VecDeque::new(),
            senders: BTreeMap::new(),
            storing: Vec::new(),
            next_ticket: 0,
            writing: BTreeMap::new(),
            deciding: BTreeMap::new(),
            segments: BTreeMap::new(),
            courses: CourseProjection::default(),
            joining,
            plans,
            arbiter_due,
            changed,
        }
    }

    /// Says whether to stop.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Input(input, permit) => {
                if let Input::Closed { connection } = &input {
                    self.senders.remove(connection);
                }
                let is_tick = matches!(input, Input::Tick);
                self.act(|node, shelf, now| node.handle(input, now, shelf));
                drop(permit);
                if is_tick {
                    self.write_waiting(now());
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
                self.act(|node, shelf, now| node.handle(input, now, shelf));
            }
            Message::Segment(runs, reply) => {
                let ticket = self.ticket();
                self.segments.insert(ticket, reply);
                self.act(|node, shelf, now| node.handle(Input::Segment { ticket, runs }, now, shelf));
            }
            Message::Planned(planned) => self.act(|node, shelf, now| node.planned(*planned, now, shelf)),
            Message::Look(look) => look(self),
            Message::Stop => return true,
        }
        false
    }

    /// Does something with the node and carries out what it wants.
    pub fn act(&mut self, act: impl FnOnce(&mut Node, &StoreShelf, Millis)) {
        act(&mut self.node, &self.shelf, now());
        self.drain();
    }

    /// Writes as one of the node's authors.
    pub fn write(&mut self, who: (Writer, UserId), what: What, reply: Answer<Vec<EventRef>>) {
        let ticket = self.ticket();
        self.writing.insert(ticket, reply);
        self.act(|node, shelf, now| {
            node.stir(crate::keys::random_bytes());
            node.write(ticket, who, what, now, shelf);
        });
    }

    /// Lets the arbiter decide what is due, and close the open round if that is asked for.
    pub fn decide(&mut self, closes_round: bool, reply: Answer<Closed>) {
        let ticket = self.ticket();
        self.deciding.insert(ticket, reply);
        self.act(|node, shelf, now| match closes_round {
            true => node.close_round(ticket, now, shelf),
            false => node.decide(ticket, now, shelf),
        });
    }

    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Carries out what the node wants done.
    pub fn drain(&mut self) {
        while let Some(effect) = self.node.poll() {
            self.carry_out(effect);
        }
    }

    /// Stores everything that waits for it.
    fn settle(&mut self) {
        loop {
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
            // The clock comes with every batch.
            let last: BTreeMap<String, Vec<u8>> = whole.notes.drain(..).collect();
            whole.notes.extend(last);
            match self.commit(&whole) {
                Ok(()) => {
                    if !comes_again {
                        self.store_works(now());
                    }
                    self.act(|node, shelf, now| node.handle(Input::Persisted(tokens), now, shelf));
                    self.join_grown(&whole);
                }
                Err(error) => {
                    self.courses.forget(&whole);
                    self.in_trouble(notes, &error, now());
                    let alone = tokens.is_empty();
                    for token in tokens {
                        let input = Input::NotPersisted(token, error.to_string());
                        self.act(|node, shelf, now| node.handle(input, now, shelf));
                    }
                    if alone {
                        return; // tried again with the next second
                    }
                }
            }
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let Self { courses, node, shelf, .. } = self;
        let greatest = |key: &LogKey| {
            let read = shelf.store.greatest_id(shelf.city, key);
            shelf.runtime.block_on(read)
        };
        let counts = courses.of(batch, node.peer().ledger(), shelf, greatest).or_else(|error| {
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

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { connection, bytes } => {
                // A connection that is gone says so itself.
                if let Some(Err(TooMuch)) = self.senders.get(&connection).map(|outbox| outbox.send(bytes)) {
                    tracing::warn!(connection, "connection ended: it takes nothing and asks for more");
                    self.senders.remove(&connection);
                }
            }
            Effect::Hangup { connection, reason } => {
                tracing::info!(connection, reason, "connection ended");
                self.senders.remove(&connection);
            }
            Effect::Persist { token, batch } => self.storing.push((token, *batch)),
            // Whoever asked may be gone.
            Effect::Done { ticket, result } => {
                let reply = self.writing.remove(&ticket);
                drop(reply.map(|reply| reply.send(result.map_err(|why| self.why_not(why)))));
            }
            Effect::Decided { ticket, result } => {
                let reply = self.deciding.remove(&ticket);
                drop(reply.map(|reply| reply.send(result.map_err(|why| self.why_not(why)))));
            }
            Effect::SegmentTaken { ticket, outcome } => {
                let reply = self.segments.remove(&ticket);
                drop(reply.map(|reply| reply.send(outcome.map_err(NodeError::NotSaved))));
            }
            Effect::Grew { document, .. } => tracing::debug!(%document, "grew"),
            Effect::LoadRows { connection, after } => {
                let read = self.shelf.store.sealed_after(self.city, after, ROWS_AT_ONCE);
                let rows = self.shelf.runtime.block_on(read);
                let rows =
                    rows.inspect_err(|error| tracing::debug!(%error, "sealed rows cannot be read yet"));
                self.node.rows_loaded(connection, rows.ok(), now(), &self.shelf);
            }
            Effect::Live { connection, peer } => {
                let device = peer.map_or_else(|| "upstream".into(), |peer| peer.device.to_hex());
                tracing::info!(connection, device, "connected");
            }
            Effect::ArbiterDue => self.arbiter_due.notify_one(),
            // Whoever plans lives as long as the core.
            Effect::Plan(to_plan) => drop(self.plans.send(to_plan)),
            Effect::Happened { what, about, detail } => {
                journal::trace(what, &about, &detail);
                self.journal.note(what, about, detail, now());
            }
            Effect::Refused { key, reason, .. } => {
                self.refused.push_back((key, reason));
                if self.refused.len() > REFUSALS_KEPT {
                    self.refused.pop_front();
                }
            }
            Effect::RowsKept(_) => {}
            Effect::Changed => self.changed.send_replace(()),
        }
    }

    fn why_not(&self, why: NotDone) -> NodeError {
        let is_full = self.trouble.as_ref().is_some_and(|trouble| trouble.is_full);
        match why {
            NotDone::NotSaved(reason) if is_full => NodeError::DiskFull(reason),
            why => why.into(),
        }
    }

    /// The views of shared and decisions documents.
    pub fn views(&mut self) -> Arc<SharedViews> {
        self.node.views().clone()
    }

    /// The lines of the documents wanted, to read them elsewhere.
    pub fn logs(&self, wanted: impl Fn(&DocumentId) -> bool) -> BTreeMap<LogKey, ActorLog> {
        let logs = self.node.peer().ledger().iter().filter(|(key, _)| wanted(&key.document));
        logs.map(|(key, log)| (*key, log.clone())).collect()
    }
}
