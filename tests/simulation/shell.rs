//! The shell of a node or of a device that writes freely: the product's peer, author and history over a
//! simulated store. It does what the server's own shell does, without threads.

use crate::cast::{Cast, Identity, USER};
use crate::disk::Disk;
use client_core::author::{Author, OwnLine, Written};
use client_core::domain::{Draft, History, PrivateViews, SharedFold, SharedViews};
use client_core::event::{DocumentId, EventRef, Scope};
use client_core::identity::{Introduction, SecretKey};
use client_core::ids::{ActionId, ActorId, BranchId, Entropy};
use client_core::log::{self, LogKey, MemoryShelf, Place, Run, Shelf};
use client_core::peer::{Batch, Connection, Effect, Input, Peer, Stored, Writing};
use client_core::replica::Record;
use client_core::sealed::SealedBatch;
use client_core::sync::{CityStatement, Cursor, Local, Reach};
use client_core::time::{HybridClock, Millis, Stamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What the world has to do for a program.
pub enum Act {
    Send {
        connection: Connection,
        bytes: Vec<u8>,
    },
    Hangup {
        connection: Connection,
        reason: String,
    },
    Persist {
        token: u64,
        records: Vec<Record>,
        /// Power may take it: nothing waits for the disk.
        comes_again: bool,
    },
    /// The oldest action under way is durable: its events.
    Wrote(Vec<EventRef>),
    /// Nothing of it was stored.
    NotWritten,
    /// Something is durable here.
    TookIn {
        scope: Scope,
        own: bool,
    },
    /// A greeting is done.
    Live,
    /// A device that keeps no rule made a change that anybody may take.
    Made(Box<Run>),
    /// A command was refused by the views it saw; nothing was written.
    Refused,
}

/// A node, or a device that writes what it likes.
pub struct Shell {
    pub peer: Peer,
    pub shelf: MemoryShelf,
    pub author: Author,
    pub shared: History,
    pub private: History,
    pub epoch: u64,
    /// A city that was put back decides nothing yet: until it has heard its branches, through every start.
    pub waits: bool,
    /// Branch nodes that have brought what they hold since this start.
    pub reported: BTreeSet<[u8; 16]>,
    views: SharedFold,
    queue: VecDeque<(Vec<Draft>, Entropy)>,
    writing: Option<(Author, Vec<EventRef>)>,
    storing: BTreeMap<u64, Batch>,
    feed: u64,
    acts: VecDeque<Act>,
}

/// Where a city keeps that it waits.
const WAITS: &str = "waits";

/// What a shell needs to start.
pub struct Setup<'a> {
    pub cast: &'a Cast,
    pub identity: &'a Identity,
    /// The city's own key, at the city.
    pub city_key: Option<SecretKey>,
    pub protocol: u16,
    /// Random, for this start.
    pub marker: u64,
}

impl Shell {
    /// Starts over what the disk holds; the marker tells whether the disk was put back.
    pub fn open(setup: Setup<'_>, disk: &mut Disk) -> Self {
        let records = disk.records();
        let known = |key: &str| records.get(key).and_then(|bytes| read::<u64>(bytes));
        let (current, previous) = (known("marker"), known("marker_before"));
        let is_new = current.is_none() && disk.marker.is_none();
        let is_same = disk.marker.is_some() && (disk.marker == current || disk.marker == previous);
        let was_put_back = !is_new && !is_same;
        let is_city = setup.city_key.is_some();
        let waited = records.get(WAITS).and_then(|bytes| read::<bool>(bytes)).unwrap_or(false);
        let waits = is_city && (was_put_back || waited);
        // While it waits every start is a new epoch, so that all compare again.
        let epoch = known("epoch").filter(|_| !was_put_back && !waits).unwrap_or(setup.marker >> 1);
        if waits {
            disk.write(&[record(WAITS, &true)]);
        }
        disk.write(&[
            record("marker_before", &disk.marker),
            record("marker", &setup.marker),
            record("epoch", &epoch),
        ]);
        disk.sync();
        disk.marker = Some(setup.marker);
        let clock = records.get("clock").and_then(|bytes| read::<Stamp>(bytes)).unwrap_or_default();
        let identity = setup.identity;
        let local = Local {
            city_key: setup.cast.city_public,
            chain: if is_city { Vec::new() } else { identity.chain.clone() },
            key: setup.city_key.clone().unwrap_or_else(|| identity.key.clone()),
            epoch,
            protocol: setup.protocol,
        };
        let author = Author::new(
            setup.cast.city,
            identity.key.clone(),
            identity.chain.clone(),
            HybridClock::resume(clock),
        );
        let mut shell = Self {
            peer: Peer::open(local.clone(), setup.city_key.clone(), Stored::default()),
            shelf: MemoryShelf::default(),
            author,
            shared: History::default(),
            private: History::default(),
            epoch,
            waits,
            reported: BTreeSet::new(),
            views: SharedFold::default(),
            queue: VecDeque::new(),
            writing: None,
            storing: BTreeMap::new(),
            feed: 0,
            acts: VecDeque::new(),
        };
        let stored = shell.restore(&records);
        if !was_put_back && !is_city {
            for bytes in under(&records, "own/") {
                if let Some((document, line)) = read::<(DocumentId, OwnLine)>(bytes) {
                    shell.author.resume_if_as_left(&stored.ledger, document, line);
                }
            }
        }
        shell.peer = Peer::open(local, setup.city_key, stored);
        shell
    }

    /// The city has heard all its branches.
    pub fn release(&mut self, disk: &mut Disk) {
        self.waits = false;
        disk.write(&[record(WAITS, &false)]);
    }

    fn restore(&mut self, records: &BTreeMap<String, Vec<u8>>) -> Stored {
        let mut stored = Stored::default();
        for bytes in under(records, "line/") {
            if let Some((document, actor, introduction)) = read::<(DocumentId, ActorId, Vec<u8>)>(bytes) {
                self.shelf.introduce(LogKey { document, actor }, introduction);
            }
        }
        for bytes in under(records, "run/") {
            let (place, run) = read::<(Place, Run)>(bytes).expect("a whole batch can be read");
            let introduction = self.shelf.introduction(&run.key()).ok().flatten().unwrap_or_default();
            let author = read::<Introduction>(&introduction).and_then(|read| read.chain.last().cloned());
            let author = author.expect("a run on the disk has its introduction there");
            stored.ledger.push(run.key(), &author, place, run.start(), run.end());
            let changes = log::unpack(&run.bytes).expect("a run on the disk can be read");
            self.fold_in(&run, &author, &changes);
            self.shelf.push(place, run);
        }
        let last = records.range("run/".to_owned().."run0".to_owned()).next_back();
        self.feed = last.and_then(|(key, _)| key[4..].parse().ok()).unwrap_or(0);
        for bytes in under(records, "reach/") {
            if let Some((key, line, reach)) = read::<(LogKey, u8, Reach)>(bytes) {
                stored.reached.0.insert((key, line), reach);
            }
        }
        for bytes in under(records, "statement/") {
            if let Some(statement) = read::<CityStatement>(bytes) {
                stored.statements.insert(statement.document, statement);
            }
        }
        stored.cursor = records.get("cursor").and_then(|bytes| read::<Cursor>(bytes)).unwrap_or_default();
        stored
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    pub fn handle(&mut self, input: Input, now: Millis) {
        let persisted = match &input {
            Input::Persisted(tokens) => tokens.as_slice(),
            _ => &[],
        };
        for batch in persisted.iter().filter_map(|token| self.storing.remove(token)) {
            for (document, actor, bytes) in batch.introductions {
                self.shelf.introduce(LogKey { document, actor }, bytes);
            }
            for placed in batch.runs {
                self.shelf.push(placed.place, placed.run);
            }
        }
        if let Input::NotPersisted(token, _) = input {
            self.storing.remove(&token);
        }
        self.peer.handle(input, now, &self.shelf);
        self.drain(now);
        self.write_next(now);
    }

    /// Writes drafts as one action once what was asked before is durable.
    pub fn write(&mut self, drafts: Vec<Draft>, entropy: Entropy, now: Millis) {
        self.queue.push_back((drafts, entropy));
        self.write_next(now);
    }

    pub fn is_writing(&self) -> bool {
        self.writing.is_some() || !self.queue.is_empty()
    }

    pub fn views(&mut self) -> &Arc<SharedViews> {
        self.views.views(&mut self.shared)
    }

    pub fn rosters(&self, branch: BranchId) -> PrivateViews {
        PrivateViews::fold(&self.private, branch)
    }

    fn write_next(&mut self, now: Millis) {
        while self.writing.is_none() {
            let Some((drafts, mut entropy)) = self.queue.pop_front() else { return };
            let action = ActionId(entropy.next_id());
            let Ok(written) = self.author.write(&drafts, action, USER, now, &mut entropy) else {
                self.acts.push_back(Act::Refused);
                continue;
            };
            let writing = Writing {
                author: self.author.certificate().clone(),
                runs: self.author.introduced(&written),
                rows: Vec::new(),
                notes: notes_of(&written),
            };
            let events = written.events.clone();
            let mut author = self.author.clone();
            author.accept(written);
            self.writing = Some((author, events));
            self.peer.write(1, writing, now, &self.shelf);
            self.drain(now);
        }
    }

    fn drain(&mut self, now: Millis) {
        while let Some(effect) = self.peer.poll() {
            self.carry_out(effect, now);
        }
    }

    fn carry_out(&mut self, effect: Effect, now: Millis) {
        match effect {
            Effect::Send { connection, bytes } => self.acts.push_back(Act::Send { connection, bytes }),
            Effect::Hangup { connection, reason } => {
                self.acts.push_back(Act::Hangup { connection, reason });
            }
            Effect::Persist { token, batch } => {
                let records = self.records_of(&batch);
                self.storing.insert(token, *batch);
                // Others count on what a node once told them.
                self.acts.push_back(Act::Persist { token, records, comes_again: false });
            }
            Effect::TookIn { admitted, own } => {
                let document = admitted.run.document;
                if !own && admitted.author.key == self.author.key().public() {
                    self.author.leave(&document);
                    if let Some((author, _)) = &mut self.writing {
                        author.leave(&document);
                    }
                }
                self.fold_in(&admitted.run, &admitted.author, &admitted.changes);
                self.acts.push_back(Act::TookIn { scope: document.scope, own });
            }
            Effect::Written(_) => {
                if let Some((author, events)) = self.writing.take() {
                    self.author = author;
                    self.acts.push_back(Act::Wrote(events));
                }
            }
            Effect::NotWritten(..) => {
                self.writing = None;
                self.acts.push_back(Act::NotWritten);
            }
            Effect::LoadRows { connection, after, .. } => {
                let batch = SealedBatch { rows: Vec::new(), authors: Vec::new(), upto: after };
                self.peer.handle(Input::RowsLoaded { connection, batch }, now, &self.shelf);
            }
            Effect::UpstreamTime(time) => {
                self.author.clock_mut().hear_upstream(time, now);
                if let Some((author, _)) = &mut self.writing {
                    author.clock_mut().hear_upstream(time, now);
                }
            }
            Effect::Live { .. } => self.acts.push_back(Act::Live),
            Effect::RowsKept { .. }
            | Effect::CityHeard(_)
            | Effect::Refused { .. }
            | Effect::SegmentTaken { .. }
            | Effect::UpstreamRenewed
            | Effect::Reported(_)
            | Effect::Changed => {}
        }
    }

    fn fold_in(
        &mut self,
        run: &Run,
        author: &client_core::identity::Certificate,
        changes: &client_core::log::Changes,
    ) {
        let private = run.document.scope == Scope::Private;
        let history = if private { &mut self.private } else { &mut self.shared };
        history.insert(run, author, changes);
        if run.document.scope == Scope::Decisions {
            self.private.follow(self.shared.rulings());
            self.peer.follow(self.shared.rulings());
        }
        if !private {}
    }

    fn records_of(&mut self, batch: &Batch) -> Vec<Record> {
        let mut records = Vec::new();
        for (document, actor, introduction) in &batch.introductions {
            let value = (document, actor, introduction);
            records.push(record(&format!("line/{document}/{actor}"), &value));
        }
        for placed in &batch.runs {
            self.feed += 1;
            records.push(record(&format!("run/{:020}", self.feed), &(placed.place, &placed.run)));
        }
        for (key, line, reach) in &batch.reach {
            records.push(record(&format!("reach/{key}/{line}"), &(key, line, reach)));
        }
        for statement in &batch.statements {
            records.push(record(&format!("statement/{}", statement.document), statement));
        }
        records.extend(batch.cursor.map(|cursor| record("cursor", &cursor)));
        records
            .extend(batch.notes.iter().map(|(key, value)| Record { key: key.clone(), value: value.clone() }));
        records
    }
}

fn notes_of(written: &Written) -> Vec<(String, Vec<u8>)> {
    let clock = ("clock".to_owned(), encode(&written.clock.last()));
    let lines = written.lines.iter().map(|own| (format!("own/{}", own.0), encode(own)));
    std::iter::once(clock).chain(lines).collect()
}

fn under<'a>(records: &'a BTreeMap<String, Vec<u8>>, prefix: &'a str) -> impl Iterator<Item = &'a Vec<u8>> {
    let from = records.range(prefix.to_owned()..);
    from.take_while(move |(key, _)| key.starts_with(prefix)).map(|(_, value)| value)
}

fn record(key: &str, value: &impl Serialize) -> Record {
    Record { key: key.to_owned(), value: encode(value) }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("what the simulator keeps can be encoded")
}

/// Whether a batch is the device's own writing: it says where its lines end.
pub fn is_own_writing(records: &[Record]) -> bool {
    records.iter().any(|record| record.key.starts_with("own/"))
}

/// Reads what a record holds.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    rmp_serde::from_slice(bytes).ok()
}
