//! A device's replica: log, views and upstream connection without IO.
//!
//! The shell calls [`Replica::handle`] with what happened and carries out what [`Replica::poll`]
//! returns, in order. Nothing is shown as saved, sent or acknowledged before the shell reports
//! the records of its [`Effect::Persist`] as durable.

mod records;

use crate::author::{Author, AuthorError, Written};
use crate::decide::timetable::{self, Previewing, Replay, ReplayError, WhatIf, WhatIfPlanning};
use crate::domain::{
    Asker, Command, Context, Entry, History, PrivateFold, PrivateViews, Refusal, SharedFold, SharedViews,
};
use crate::door::Admitted;
use crate::event::{DocumentId, EventRef, Scope};
use crate::identity::{self, Certificate, Chain, IdentityError, SecretKey};
use crate::ids::{ActionId, BranchId, Entropy, PublicKey, UserId};
use crate::log::{LogKey, MemoryShelf};
use crate::peer::{self, Batch, Peer, Writing};
use crate::plan::{self, Budget, Progress};
use crate::sealed::SealedRow;
use crate::sync::{Local, PROTOCOL, Reach, Session};
use crate::time::{HybridClock, Millis, Stamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The one connection of a device: to its upstream.
const UPSTREAM: peer::Connection = 0;

/// Who the device is; kept by the shell beside the records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enrolment {
    /// The city's public key.
    pub city_key: PublicKey,
    /// The device's certificate chain.
    pub chain: Chain,
    /// The person who works at it.
    pub user: UserId,
}

/// One durable record: the store is a map from key to value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it stands; a later record of the same key replaces it.
    pub key: String,
    /// What stands there.
    pub value: Vec<u8>,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A person did something; `entropy` is 32 fresh random bytes.
    Command {
        /// Names the answer.
        id: u32,
        /// What was done.
        command: Command,
        /// Fresh random bytes.
        entropy: [u8; 32],
    },
    /// A connection to the upstream is open, opened with `nonce`.
    Connected {
        /// Fresh random bytes; the address of the connection carries them.
        nonce: [u8; 32],
    },
    /// A message came.
    Received(Vec<u8>),
    /// The connection is gone.
    Disconnected,
    /// The records of this token are durable.
    Persisted(u64),
    /// The records of this token could not be stored; nothing of them counts.
    NotPersisted(u64, String),
    /// Time passes; about every five seconds.
    Tick,
}

/// What the shell has to do.
#[derive(Debug)]
pub enum Effect {
    /// Store all records in one transaction, in the order of these effects, then say
    /// [`Input::Persisted`].
    Persist {
        /// Names the answer.
        token: u64,
        /// What to store.
        records: Vec<Record>,
        /// The upstream sends it again if it is lost: the transaction need not wait for the disk.
        comes_again: bool,
    },
    /// Send one message to the upstream.
    Send(Vec<u8>),
    /// Close the connection; the text says why.
    Hangup(String),
    /// The answer to a command: the identities of its events, durable here, or why not.
    Answer {
        /// The command's id.
        id: u32,
        /// Its events, or why there are none.
        result: Result<Vec<EventRef>, NotDone>,
    },
    /// Views, delivery or line state changed.
    Changed,
}

/// Why a command wrote nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// It may not be done, or cannot be meant.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its events cannot be written.
    #[error(transparent)]
    NotWritten(#[from] AuthorError),
    /// The device could not store them.
    #[error("this device could not save: {0}")]
    NotSaved(String),
}

code_enum! {
    /// How far an event has come.
    Delivery {
        /// Saved on this device (本机已存).
        Here = 0 "here",
        /// At the upstream branch node (已到分校).
        Branch = 1 "branch",
        /// At the city, which signed for it (已到市校).
        City = 2 "city",
    }
}

/// The state of the line to the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineState {
    /// Connected and greeted.
    pub live: bool,
    /// Everything held here is there, and everything held there is here.
    pub caught_up: bool,
    /// Since when the line is up or down.
    pub since: Millis,
    /// When the city last signed for something.
    pub city_heard: Option<Millis>,
    /// Lines the upstream refused, with its reason.
    pub refused: Vec<(DocumentId, String)>,
}

/// The replica of one device.
pub struct Replica {
    enrolment: Enrolment,
    author: Author,
    peer: Peer,
    shelf: MemoryShelf,
    shared: History,
    private: History,
    views: SharedFold,
    rosters: PrivateFold,
    sealed: BTreeMap<(crate::ids::PersonId, String), SealedRow>,
    line: LineState,
    storing: BTreeMap<u64, Batch>,
    writing: Option<(u32, Box<Written>)>,
    waiting: VecDeque<(u32, Command, [u8; 32])>,
    effects: VecDeque<Effect>,
}

impl Replica {
    /// Opens a replica over its stored records, in any order.
    pub fn open(
        enrolment: Enrolment,
        key: SecretKey,
        records: Vec<Record>,
        now: Millis,
    ) -> Result<Self, IdentityError> {
        identity::verify_chain(enrolment.city_key, &enrolment.chain)?;
        let city = identity::city_id(enrolment.city_key);
        let branch = enrolment.chain.last().map_or(BranchId::CITY, |last| last.branch);
        let mut author = Author::new(city, key.clone(), enrolment.chain.clone(), HybridClock::default());
        records::resume_clock(&records, &mut author, now);
        let local = Local {
            city_key: enrolment.city_key,
            chain: enrolment.chain.clone(),
            key,
            epoch: 0,
            protocol: PROTOCOL,
        };
        let mut replica = Self {
            peer: Peer::open(local.clone(), None, peer::Stored::default()),
            enrolment,
            author,
            shelf: MemoryShelf::default(),
            shared: History::default(),
            private: History::default(),
            views: SharedFold::default(),
            rosters: PrivateFold::new(branch),
            sealed: BTreeMap::new(),
            line: LineState { since: now, ..LineState::default() },
            storing: BTreeMap::new(),
            writing: None,
            waiting: VecDeque::new(),
            effects: VecDeque::new(),
        };
        let stored = replica.restore(records, now);
        replica.peer = Peer::open(local, None, stored);
        replica.settle();
        Ok(replica)
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, now: Millis) {
        match input {
            Input::Command { id, command, entropy } => self.waiting.push_back((id, command, entropy)),
            Input::Connected { nonce } => {
                self.tell_peer(peer::Input::Connected { connection: UPSTREAM, nonce }, now);
            }
            Input::Received(bytes) => {
                self.tell_peer(peer::Input::Received { connection: UPSTREAM, bytes }, now);
            }
            Input::Disconnected => {
                self.tell_peer(peer::Input::Closed { connection: UPSTREAM }, now);
            }
            Input::Persisted(token) => {
                for placed in self.keep(token) {
                    self.shelf.push(placed.place, placed.run);
                }
                self.tell_peer(peer::Input::Persisted(vec![token]), now);
            }
            Input::NotPersisted(token, reason) => {
                self.storing.remove(&token);
                self.tell_peer(peer::Input::NotPersisted(token, reason), now);
            }
            Input::Tick => self.tell_peer(peer::Input::Tick, now),
        }
        self.run_next(now);
        self.look_at_line(now);
    }

    /// What is durable can be read from now on.
    fn keep(&mut self, token: u64) -> Vec<peer::Placed> {
        let batch = self.storing.remove(&token).unwrap_or_default();
        for (document, actor, bytes) in batch.introductions {
            self.shelf.introduce(LogKey { document, actor }, bytes);
        }
        batch.runs
    }

    /// The views of shared and decisions documents.
    pub fn views(&mut self) -> &Arc<SharedViews> {
        self.views.views(&mut self.shared)
    }

    /// What the planner would say to this branch's orders on what this device knows: a preview.
    pub fn preview(&mut self, now: Millis, budget: Budget) -> Result<Previewing, plan::Refusal> {
        let (branch, city_heard) = (self.certificate().branch, self.line.city_heard);
        Previewing::new(self.views().clone(), branch, city_heard, now, budget)
    }

    /// What would change if something were otherwise than this device knows it.
    pub fn what_if(
        &mut self,
        what: &WhatIf,
        now: Millis,
        budget: Budget,
    ) -> Result<WhatIfPlanning, plan::Refusal> {
        WhatIfPlanning::new(self.views().clone(), what, now, budget)
    }

    /// Makes a decided plan once more from what this device holds.
    pub fn replay(&self, decision: &EventRef, progress: impl FnMut(Progress)) -> Result<Replay, ReplayError> {
        timetable::replay(&self.shared, decision, progress)
    }

    /// The branch's own rosters.
    pub fn rosters(&mut self) -> &PrivateViews {
        self.rosters.views(&mut self.private)
    }

    /// One sealed field of a person.
    pub fn sealed(&self, person: crate::ids::PersonId, field: &str) -> Option<&[u8]> {
        self.sealed.get(&(person, field.to_owned())).map(|row| row.content.as_slice())
    }

    /// How far one event has come; `None` if it is not held here.
    pub fn delivery(&self, event: &EventRef) -> Option<Delivery> {
        let seq = self.shared.seq(event).or_else(|| self.private.seq(event))?;
        Some(self.reach(LogKey { document: event.document, actor: event.actor }, seq))
    }

    /// This device's events that the city has not signed for, in writing order.
    pub fn unsent(&self) -> Vec<(EventRef, Delivery)> {
        let device = self.author.certificate().device;
        let own = |entry: &&Entry| entry.device == device;
        let entries = self.shared.ranked().chain(self.private.ranked()).filter(own);
        entries
            .filter_map(|entry| Some((entry.reference, self.delivery(&entry.reference)?)))
            .filter(|(_, delivery)| *delivery != Delivery::City)
            .collect()
    }

    /// The event itself, as it folds.
    pub fn entry(&self, event: &EventRef) -> Option<&Entry> {
        self.shared.get(event).or_else(|| self.private.get(event))
    }

    /// The state of the line to the upstream.
    pub fn line(&self) -> &LineState {
        &self.line
    }

    /// Whether a connection since the last asking moved anything on: then the next try may come soon.
    pub fn take_carried(&mut self) -> bool {
        self.peer.take_carried()
    }

    /// The device's own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.author.certificate()
    }

    /// Where an actor's lines part, the least of them counts: never too much is promised.
    fn reach(&self, key: LogKey, seq: u64) -> Delivery {
        let Some(log) = self.peer.ledger().get(&key) else { return Delivery::Here };
        let lines =
            log.lines().iter().enumerate().filter(|(_, line)| line.from.seq < seq && seq <= line.head.seq);
        let reached = |reach: Reach| match reach.upstream {
            _ if reach.city >= seq => Delivery::City,
            Some((upstream, _)) if upstream >= seq => Delivery::Branch,
            _ => Delivery::Here,
        };
        let least = lines.map(|(line, _)| reached(self.peer.reach(key, line as u8))).min();
        least.unwrap_or(Delivery::Here)
    }

    /// One action at a time: the next one continues the line that is being stored.
    fn run_next(&mut self, now: Millis) {
        while self.writing.is_none() {
            let Some((id, command, entropy)) = self.waiting.pop_front() else { return };
            self.run(id, &command, Entropy::new(entropy), now);
        }
    }

    fn run(&mut self, id: u32, command: &Command, mut entropy: Entropy, now: Millis) {
        let written = self.write(command, &mut entropy, now);
        match written {
            Err(not_done) => self.effects.push_back(Effect::Answer { id, result: Err(not_done) }),
            Ok(written) => {
                let writing = Writing {
                    author: self.certificate().clone(),
                    runs: self.author.introduced(&written),
                    rows: Vec::new(),
                    notes: records::notes_of(&written),
                };
                self.writing = Some((id, Box::new(written)));
                self.peer.write(u64::from(id), writing, now, &self.shelf);
                self.drain(now);
            }
        }
    }

    fn write(&mut self, command: &Command, entropy: &mut Entropy, now: Millis) -> Result<Written, NotDone> {
        let Certificate { branch, role, .. } = *self.certificate();
        let asker = Asker { branch, role, today: now.day(), now };
        let views = self.views.views(&mut self.shared);
        let nothing = PrivateViews::default();
        let own_views = match command.looks_at_own() {
            true => self.rosters.views(&mut self.private),
            false => &nothing,
        };
        let random = &mut || entropy.next_id();
        let drafts = command.drafts(&mut Context { asker, views, own_views, random })?;
        let action = ActionId(entropy.next_id());
        Ok(self.author.write(&drafts, action, self.enrolment.user, now, entropy)?)
    }

    fn tell_peer(&mut self, input: peer::Input, now: Millis) {
        self.peer.handle(input, now, &self.shelf);
        self.drain(now);
    }

    fn drain(&mut self, now: Millis) {
        while let Some(effect) = self.peer.poll() {
            self.carry_out(effect, now);
        }
    }

    fn carry_out(&mut self, effect: peer::Effect, now: Millis) {
        match effect {
            peer::Effect::Send { bytes, .. } => self.effects.push_back(Effect::Send(bytes)),
            peer::Effect::Hangup { reason, .. } => self.effects.push_back(Effect::Hangup(reason)),
            peer::Effect::Persist { token, batch } => {
                let (mut records, comes_again) = (records::of_batch(&batch), batch.comes_again);
                records.push(records::of_clock(&self.clock()));
                self.storing.insert(token, *batch);
                self.effects.push_back(Effect::Persist { token, records, comes_again });
            }
            peer::Effect::TookIn { admitted, own } => {
                if !own && admitted.author.key == self.author.key().public() {
                    // A copy of this device wrote it: leave the line to it.
                    self.author.leave(&admitted.run.document);
                    if let Some((_, written)) = &mut self.writing {
                        written.lines.retain(|(document, _)| *document != admitted.run.document);
                    }
                }
                let seen = self.fold_in(&admitted);
                self.author.clock_mut().observe(seen, now);
                self.settle();
            }
            peer::Effect::Written(_) => {
                if let Some((id, written)) = self.writing.take() {
                    let events = written.events.clone();
                    self.author.accept(*written);
                    self.effects.push_back(Effect::Answer { id, result: Ok(events) });
                }
            }
            peer::Effect::NotWritten(_, reason) => {
                if let Some((id, _)) = self.writing.take() {
                    let result = Err(NotDone::NotSaved(reason));
                    self.effects.push_back(Effect::Answer { id, result });
                }
            }
            peer::Effect::UpstreamRenewed | peer::Effect::Reported(_) => {} // of use to nodes alone
            peer::Effect::RowsKept { rows, .. } => self.keep_rows(rows),
            peer::Effect::LoadRows { .. } => {} // a device writes no sealed rows yet
            peer::Effect::Live { .. } => self.line.refused.clear(),
            peer::Effect::UpstreamTime(time) => self.author.clock_mut().hear_upstream(time, now),
            peer::Effect::CityHeard(time) => {
                self.author.clock_mut().hear_city(time, now);
                self.line.city_heard = self.line.city_heard.max(Some(time));
            }
            peer::Effect::Refused { key, reason, here, .. } => {
                if !here {
                    self.line.refused.push((key.document, reason));
                }
            }
            peer::Effect::SegmentTaken { .. } => {} // a device starts from its session alone
            peer::Effect::Changed => self.effects.push_back(Effect::Changed),
        }
    }

    /// The clock with what is being stored.
    fn clock(&mut self) -> HybridClock {
        let mut clock = *self.author.clock_mut();
        if let Some((_, written)) = &self.writing {
            clock.raise(written.clock.last());
        }
        clock
    }

    fn look_at_line(&mut self, now: Millis) {
        let live = self.peer.upstream().is_some();
        let caught_up =
            self.peer.upstream().is_some_and(|session: &Session| session.is_caught_up(&self.shelf));
        if (live, caught_up) != (self.line.live, self.line.caught_up) {
            if live != self.line.live {
                self.line.since = now;
            }
            (self.line.live, self.line.caught_up) = (live, caught_up);
            self.effects.push_back(Effect::Changed);
        }
    }

    /// Gives back the greatest stamp in it.
    fn fold_in(&mut self, admitted: &Admitted) -> Stamp {
        let run = &admitted.run;
        let private = run.document.scope == Scope::Private;
        let history = if private { &mut self.private } else { &mut self.shared };
        history.load(run, &admitted.author, &admitted.changes)
    }

    /// Brings both histories under the rulings that are here.
    fn settle(&mut self) {
        self.shared.settle();
        self.private.follow(self.shared.rulings());
        self.peer.follow(self.shared.rulings());
    }

    fn keep_rows(&mut self, rows: Vec<SealedRow>) {
        for row in rows {
            let key = (row.person, row.field.clone());
            let newer = self.sealed.get(&key).is_none_or(|kept| {
                (kept.stamp, std::cmp::Reverse(kept.content_hash().0))
                    < (row.stamp, std::cmp::Reverse(row.content_hash().0))
            });
            if newer {
                self.sealed.insert(key, row);
            }
        }
    }
}

#[cfg(test)]
mod tests;
