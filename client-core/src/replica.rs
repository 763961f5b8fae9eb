//! A device's replica: log, views and upstream connection without IO.
//!
//! The shell calls [`Replica::handle`] with what happened and carries out what [`Replica::poll`]
//! returns, in order. Nothing is shown as saved, sent or acknowledged before the shell reports
//! the records of its [`Effect::Persist`] as durable.

mod lines;
mod records;

use crate::author::{Author, Written};
use crate::command::{self, Asker, Command};
use crate::door::{self, Admission, KnownLine};
use crate::event::{DocumentId, EventRef, LoggedEvent, Scope};
use crate::fold::{History, Rosters, SharedViews};
use crate::identity::{self, Certificate, Chain, IdentityError, SecretKey};
use crate::ids::{ActionId, ActorId, CityId, Entropy, PublicKey, UserId};
use crate::log::{Changes, Run};
use crate::sealed::{SealedBatch, SealedRow};
use crate::sync::{CityStatement, Head, Local, Output, Session, Side};
use crate::time::{HybridClock, Millis};
use lines::Lines;
use records::{line_record, reach_record, record, row_record, run_record};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

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
    /// A connection to the upstream is open; `nonce` is random.
    Connected {
        /// Fresh random bytes.
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
    /// Store all records in one durable transaction, then say [`Input::Persisted`].
    Persist {
        /// Names the answer.
        token: u64,
        /// What to store.
        records: Vec<Record>,
    },
    /// Send one message to the upstream.
    Send(Vec<u8>),
    /// Close the connection; the text says why.
    Hangup(String),
    /// The answer to a command: the identities of its events, durable here, or why not.
    Answer {
        /// The command's id.
        id: u32,
        /// Its events, or a code and a text.
        result: Result<Vec<EventRef>, (String, String)>,
    },
    /// Views, delivery or line state changed.
    Changed,
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

enum Pending {
    Own { id: u32, written: Box<Written> },
    Remote { run: Box<Run>, introduction: Option<Vec<u8>>, author: Box<Certificate>, changes: Changes },
    Rows { rows: Vec<SealedRow>, upto: u64 },
    Note,
}

/// The replica of one device.
pub struct Replica {
    city: CityId,
    enrolment: Enrolment,
    author: Author,
    lines: Lines,
    shared: History,
    private: History,
    views: Option<SharedViews>,
    rosters: Option<Rosters>,
    sealed: BTreeMap<(crate::ids::PersonId, String), SealedRow>,
    delivered: BTreeMap<(DocumentId, ActorId), (u64, u64)>,
    session: Option<Session>,
    epoch: u64,
    rows_read: u64,
    line: LineState,
    pending: BTreeMap<u64, Pending>,
    next_token: u64,
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
        let author = Author::new(city, key, enrolment.chain.clone(), HybridClock::default());
        let mut replica = Self {
            city,
            enrolment,
            author,
            lines: Lines::default(),
            shared: History::default(),
            private: History::default(),
            views: None,
            rosters: None,
            sealed: BTreeMap::new(),
            delivered: BTreeMap::new(),
            session: None,
            epoch: 0,
            rows_read: 0,
            line: LineState { since: now, ..LineState::default() },
            pending: BTreeMap::new(),
            next_token: 0,
            waiting: VecDeque::new(),
            effects: VecDeque::new(),
        };
        replica.restore(records);
        Ok(replica)
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, now: Millis) {
        match input {
            Input::Command { id, command, entropy } => {
                self.waiting.push_back((id, command, entropy));
                self.run_next(now);
            }
            Input::Connected { nonce } => {
                let local = Local {
                    city_key: self.enrolment.city_key,
                    chain: self.enrolment.chain.clone(),
                    key: self.author.key().clone(),
                    epoch: 0,
                };
                self.session = Some(Session::new(Side::Client, local, nonce, now));
            }
            Input::Received(bytes) => {
                if let Some(session) = &mut self.session {
                    session.receive(&bytes, now);
                }
            }
            Input::Disconnected => self.disconnect(now),
            Input::Persisted(token) => {
                self.persisted(token);
                self.run_next(now);
            }
            Input::NotPersisted(token, reason) => {
                self.not_persisted(token, reason);
                self.run_next(now);
            }
            Input::Tick => {
                if let Some(session) = &mut self.session {
                    session.tick(now);
                }
            }
        }
        self.drive_session(now);
    }

    /// The views of shared and decisions documents.
    pub fn views(&mut self) -> &SharedViews {
        self.views.get_or_insert_with(|| SharedViews::fold(&self.shared))
    }

    /// The branch's own rosters.
    pub fn rosters(&mut self) -> &Rosters {
        let branch = self.author.certificate().branch;
        self.rosters.get_or_insert_with(|| Rosters::fold(&self.private, branch))
    }

    /// One sealed field of a person.
    pub fn sealed(&self, person: crate::ids::PersonId, field: &str) -> Option<&[u8]> {
        self.sealed.get(&(person, field.to_owned())).map(|row| row.content.as_slice())
    }

    /// How far one event has come; `None` if it is not held here.
    pub fn delivery(&self, event: &EventRef) -> Option<Delivery> {
        let seq = self.shared.seq(event).or_else(|| self.private.seq(event))?;
        Some(self.reach(&(event.document, event.actor), seq))
    }

    /// This device's events that the city has not signed for, in writing order.
    pub fn unsent(&self) -> Vec<(EventRef, Delivery)> {
        let device = self.author.certificate().device;
        let own = |entry: &&crate::fold::Entry| entry.device == device;
        let entries = self.shared.ordered().into_iter().chain(self.private.ordered()).filter(own);
        entries
            .filter_map(|entry| Some((entry.reference, self.delivery(&entry.reference)?)))
            .filter(|(_, delivery)| *delivery != Delivery::City)
            .collect()
    }

    /// The event itself, as it folds.
    pub fn entry(&self, event: &EventRef) -> Option<&crate::fold::Entry> {
        self.shared.get(event).or_else(|| self.private.get(event))
    }

    /// The state of the line to the upstream.
    pub fn line(&self) -> &LineState {
        &self.line
    }

    /// The device's own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.author.certificate()
    }

    fn reach(&self, line: &(DocumentId, ActorId), seq: u64) -> Delivery {
        match self.delivered.get(line) {
            Some((_, city)) if *city >= seq => Delivery::City,
            Some((upstream, _)) if *upstream >= seq => Delivery::Branch,
            _ => Delivery::Here,
        }
    }

    /// One action at a time: the next one continues the line that is being stored.
    fn run_next(&mut self, now: Millis) {
        while !self.pending.values().any(|pending| matches!(pending, Pending::Own { .. })) {
            let Some((id, command, entropy)) = self.waiting.pop_front() else { return };
            self.run(id, &command, Entropy::new(entropy), now);
        }
    }

    fn run(&mut self, id: u32, command: &Command, mut entropy: Entropy, now: Millis) {
        let asker =
            Asker { branch: self.certificate().branch, role: self.certificate().role, today: now.day(), now };
        let views = self.views.get_or_insert_with(|| SharedViews::fold(&self.shared));
        let drafted = command::draft(command, &asker, views, &mut || entropy.next_id())
            .map_err(|error| (error.code().to_owned(), error.to_string()));
        let written = drafted.and_then(|drafts| {
            self.author
                .write(&drafts, ActionId(entropy.next_id()), self.enrolment.user, now, &mut entropy)
                .map_err(|error| ("not_written".to_owned(), error.to_string()))
        });
        match written {
            Err(refusal) => self.effects.push_back(Effect::Answer { id, result: Err(refusal) }),
            Ok(written) => {
                let records = self.records_of(&written);
                self.persist(records, Pending::Own { id, written: Box::new(written) });
            }
        }
    }

    fn records_of(&self, written: &Written) -> Vec<Record> {
        let mut records = vec![record("clock", &written.clock.last())];
        for run in &written.runs {
            if run.first_seq == 1
                && let Some(introduction) = self.author.introduction_of(written, &run.document)
            {
                records.push(line_record(run, introduction.encode()));
            }
            records.push(run_record(run));
        }
        records
    }

    fn persist(&mut self, records: Vec<Record>, pending: Pending) {
        self.next_token += 1;
        self.pending.insert(self.next_token, pending);
        self.effects.push_back(Effect::Persist { token: self.next_token, records });
    }

    fn persisted(&mut self, token: u64) {
        match self.pending.remove(&token) {
            Some(Pending::Own { id, written }) => self.own_is_durable(id, *written),
            Some(Pending::Remote { run, introduction, author, changes }) => {
                let head = Head { actor: run.actor, seq: run.last_seq, hash: run.last_hash };
                let document = run.document;
                self.take_in(*run, introduction, &author, &changes);
                if let Some(session) = &mut self.session {
                    session.stored(document, head);
                }
                self.effects.push_back(Effect::Changed);
            }
            Some(Pending::Rows { rows, upto }) => {
                self.keep_rows(rows);
                self.rows_read = upto;
                if let Some(session) = &mut self.session {
                    session.rows_stored(upto);
                }
                self.effects.push_back(Effect::Changed);
            }
            Some(Pending::Note) | None => {}
        }
    }

    fn own_is_durable(&mut self, id: u32, written: Written) {
        let events = written.events.clone();
        let runs = written.runs.clone();
        let introductions: Vec<_> = runs
            .iter()
            .map(|run| self.author.introduction_of(&written, &run.document).map(|i| i.encode()))
            .collect();
        self.author.accept(written);
        let author = self.author.certificate().clone();
        for (run, introduction) in runs.into_iter().zip(introductions) {
            let head = Head { actor: run.actor, seq: run.last_seq, hash: run.last_hash };
            let document = run.document;
            let changes = crate::log::unpack(&run.bytes).expect("a run we wrote unpacks");
            self.take_in(run, introduction, &author, &changes);
            if let Some(session) = &mut self.session {
                session.news(document, head);
            }
        }
        self.effects.push_back(Effect::Answer { id, result: Ok(events) });
        self.effects.push_back(Effect::Changed);
    }

    fn not_persisted(&mut self, token: u64, reason: String) {
        match self.pending.remove(&token) {
            Some(Pending::Own { id, .. }) => {
                let refusal = ("not_saved".to_owned(), format!("this device could not save: {reason}"));
                self.effects.push_back(Effect::Answer { id, result: Err(refusal) });
            }
            Some(_) => {
                // Nothing was acknowledged; a new connection asks for it again.
                self.effects.push_back(Effect::Hangup(format!("this device could not save: {reason}")));
            }
            None => {}
        }
    }

    fn take_in(&mut self, run: Run, introduction: Option<Vec<u8>>, author: &Certificate, changes: &Changes) {
        if let Some(introduction) = introduction {
            self.lines.introduce(run.document, run.actor, introduction, author.clone());
        }
        let private = run.document.scope == Scope::Private;
        let history = if private { &mut self.private } else { &mut self.shared };
        for (index, puts) in changes.iter().enumerate() {
            let events: Vec<_> =
                puts.iter().map(|put| LoggedEvent { id: put.id, value: &put.value }).collect();
            history.insert(run.document, run.actor, author, run.first_seq + index as u64, &events);
        }
        self.lines.push(run);
        if private {
            self.rosters = None;
        } else {
            self.views = None;
        }
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

    fn disconnect(&mut self, now: Millis) {
        self.session = None;
        // Whatever is being stored for the peer goes on being stored; only the answer is lost.
        if self.line.live {
            self.line.live = false;
            self.line.since = now;
        }
        self.line.caught_up = false;
        self.effects.push_back(Effect::Changed);
    }

    fn drive_session(&mut self, now: Millis) {
        while let Some(output) = self.session.as_mut().and_then(Session::poll) {
            self.carry_out(output, now);
        }
        let caught_up = self.session.as_ref().is_some_and(Session::is_caught_up);
        if caught_up != self.line.caught_up {
            self.line.caught_up = caught_up;
            self.effects.push_back(Effect::Changed);
        }
    }

    fn carry_out(&mut self, output: Output, now: Millis) {
        match output {
            Output::Send(bytes) => self.effects.push_back(Effect::Send(bytes)),
            Output::Live(_) => {
                self.line.live = true;
                self.line.since = now;
                self.line.refused.clear();
                self.effects.push_back(Effect::Changed);
            }
            Output::Upstream { time, epoch } => {
                self.author.clock_mut().hear_upstream(time, now);
                if epoch != self.epoch {
                    self.epoch = epoch;
                    self.rows_read = 0;
                }
            }
            Output::ListHeads => {
                let heads = self.lines.heads();
                let rows_read = self.rows_read;
                if let Some(session) = &mut self.session {
                    session.holds(heads, rows_read, u64::MAX);
                }
            }
            Output::Load { document, actor, after, max_bytes } => {
                let runs = self.lines.runs_after(document, actor, after, max_bytes);
                let introduction = self.lines.get(document, actor).map(|line| line.introduction.clone());
                if let Some(session) = &mut self.session {
                    session.loaded(&runs, introduction, now);
                }
            }
            Output::Admit { introduction, run } => self.admit(introduction, run),
            Output::Delivered(document, head) => {
                let reach = self.delivered.entry((document, head.actor)).or_default();
                if head.seq > reach.0 {
                    reach.0 = head.seq;
                    let kept = *reach;
                    self.persist(vec![reach_record(document, head.actor, kept)], Pending::Note);
                    self.effects.push_back(Effect::Changed);
                }
            }
            Output::AtCity(statement) => self.hear_city(&statement),
            Output::Refused { document, reason, .. } => {
                self.line.refused.push((document, reason));
                self.effects.push_back(Effect::Changed);
            }
            Output::LoadRows { .. } => {} // a device writes no sealed rows yet
            Output::RowsDelivered(_) => {}
            Output::AdmitRows(batch) => self.admit_rows(batch),
            Output::Close(refusal) => self.effects.push_back(Effect::Hangup(refusal.to_string())),
        }
    }

    fn admit(&mut self, introduction: Option<Vec<u8>>, run: Run) {
        let waiting = self.pending.values().any(
            |pending| matches!(pending, Pending::Remote { run: r, .. } if (r.document, r.actor) == (run.document, run.actor)),
        );
        if waiting {
            return; // the copy that is being stored will be acknowledged
        }
        let known = self
            .lines
            .get(run.document, run.actor)
            .map(|line| KnownLine { position: line.position, author: line.author.clone() });
        match door::admit(self.enrolment.city_key, self.city, known.as_ref(), introduction.as_deref(), &run) {
            Ok(Admission::New { changes, author }) => {
                let mut records = vec![run_record(&run)];
                let introduction = introduction.filter(|_| known.is_none());
                if let Some(bytes) = &introduction {
                    records.push(line_record(&run, bytes.clone()));
                }
                let pending =
                    Pending::Remote { run: Box::new(run), introduction, author: Box::new(author), changes };
                self.persist(records, pending);
            }
            Ok(Admission::Stands(position)) => {
                if let Some(session) = &mut self.session {
                    let head = Head { actor: run.actor, seq: position.seq, hash: position.hash };
                    session.stored(run.document, head);
                }
            }
            Err(error) => {
                if let Some(session) = &mut self.session {
                    session.reject(run.document, run.actor, run.first_seq, error.to_string());
                }
            }
        }
    }

    fn admit_rows(&mut self, batch: SealedBatch) {
        let upto = batch.upto;
        let (rows, _) = batch.verified(self.city, self.enrolment.city_key);
        let mut records: Vec<Record> = rows.iter().map(row_record).collect();
        records.push(record("rows_read", &(self.epoch, upto)));
        self.persist(records, Pending::Rows { rows, upto });
    }

    fn hear_city(&mut self, statement: &CityStatement) {
        self.line.city_heard = self.line.city_heard.max(Some(statement.time));
        let mut records = Vec::new();
        for head in &statement.heads {
            let reach = self.delivered.entry((statement.document, head.actor)).or_default();
            if head.seq > reach.1 {
                *reach = (reach.0.max(head.seq), head.seq);
                records.push(reach_record(statement.document, head.actor, *reach));
            }
        }
        if !records.is_empty() {
            self.persist(records, Pending::Note);
        }
        self.effects.push_back(Effect::Changed);
    }
}

#[cfg(test)]
mod tests;
