//! Writing as the node's own authors: one action at a time for each, the next continues its lines.

use super::{Effect, Node, OWN_LINES, Paused, encode};
use crate::author::{Author, AuthorError, OwnLine};
use crate::decide;
use crate::domain::{Asker, Command, Context, Draft, PrivateViews, Refusal};
use crate::event::{DocumentId, EventRef};
use crate::identity::{Chain, SecretKey, actor_id};
use crate::ids::{ActionId, ActorId, BranchId, CityId, PersonId, PublicKey, UserId};
use crate::log::{Run, Shelf, ShelfError};
use crate::peer::{Stored, Writing};
use crate::sealed::{MOST_CONTENT_BYTES, SealedRow};
use crate::time::{HybridClock, Millis};
use std::collections::{BTreeMap, VecDeque};

/// Who writes at a node: every author has a key, a certificate and lines of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writer {
    /// The node or device itself; at the city the arbiter.
    Node,
    /// The city's importer, certified for every branch's documents.
    Importer,
}

/// What is to be written.
#[derive(Clone, Debug)]
pub enum What {
    /// What a person did, checked against what is known when its turn comes.
    Command(Box<Command>),
    /// Decisions made elsewhere, as one action with what they are made on.
    Decisions(Vec<Draft>),
    /// These events, as they are.
    Actions(Actions),
}

/// Events to be written, in order and in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    /// One change each and document, unless too large.
    pub drafts: Vec<(ActionId, Vec<Draft>)>,
    /// Kept in the same transaction.
    pub fields: Vec<SealedField>,
    /// When it happened, where that is not now: a program may replay what happened at other times.
    pub at: Option<Millis>,
}

/// One sealed field to be written.
#[derive(Clone)]
pub struct SealedField {
    /// The branch that holds it.
    pub branch: BranchId,
    /// The person it is about.
    pub person: PersonId,
    /// Which field.
    pub field: String,
    /// What is sealed.
    pub value: String,
}

/// Shows where a field belongs, never what it holds.
impl std::fmt::Debug for SealedField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedField({} of {:?})", self.field, self.person)
    }
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// It may not be done, or cannot be meant.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its events cannot be written.
    #[error(transparent)]
    NotWritten(#[from] AuthorError),
    /// It could not be stored.
    #[error("this device could not save: {0}")]
    NotSaved(String),
    /// What it stands on cannot be read.
    #[error("this device could not read its own store: {0}")]
    NotRead(String),
    /// A sealed field is too large.
    #[error("{field} of {person} is {bytes} bytes; the most is {MOST_CONTENT_BYTES}: shorten it")]
    FieldTooLarge {
        /// Which field.
        field: String,
        /// Of whom.
        person: PersonId,
        /// Its size.
        bytes: usize,
    },
    /// The arbiter decides nothing at the moment.
    #[error("{0}")]
    Paused(Paused),
    /// No timetable can be drawn from what is known.
    #[error("no timetable can be drawn from this history: {0}")]
    Unplannable(String),
}

impl From<ShelfError> for NotDone {
    fn from(error: ShelfError) -> Self {
        Self::NotRead(error.to_string())
    }
}

/// Who wants something written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The shell; the answer carries its ticket.
    Shell(u64),
    /// The arbiter, as a step of what it does.
    Arbiter,
}

/// Something to be written once it is its turn.
struct Asked {
    ticket: u64,
    user: UserId,
    what: What,
}

/// An action on its way to the disk.
struct InFlight {
    origin: Origin,
    author: Author,
    events: Vec<EventRef>,
}

/// Names to the peer what is kept without an author.
const NOTES: u64 = u64::MAX;

/// All who write here, what waits for each and what is on its way.
pub(super) struct Authors {
    authors: BTreeMap<Writer, Author>,
    waiting: BTreeMap<Writer, VecDeque<Asked>>,
    in_flight: BTreeMap<Writer, InFlight>,
}

impl Authors {
    pub fn new(city: CityId, writers: Vec<(Writer, SecretKey, Chain)>, clock: HybridClock) -> Self {
        let author = |(writer, key, chain)| (writer, Author::new(city, key, chain, clock));
        let authors = writers.into_iter().map(author).collect();
        Self { authors, waiting: BTreeMap::new(), in_flight: BTreeMap::new() }
    }

    /// Goes on with every own line that still ends as this node left it. One that cannot be read is left to
    /// itself: the next event begins a line of a new actor.
    pub fn resume(&mut self, stored: &Stored, notes: &BTreeMap<String, Vec<u8>>) {
        let own = notes.iter().filter(|(name, _)| name.starts_with(OWN_LINES));
        let own = own.filter_map(|(_, value)| rmp_serde::from_slice::<(DocumentId, OwnLine)>(value).ok());
        for (document, line) in own {
            let is_of = |author: &&mut Author| actor_id(author.key().public(), line.nonce) == line.actor;
            if let Some(author) = self.authors.values_mut().find(is_of) {
                author.resume_if_as_left(&stored.ledger, document, line);
            }
        }
    }

    /// Every author, and the copies that take their place once their action is durable.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Author> {
        self.authors.values_mut().chain(self.in_flight.values_mut().map(|flying| &mut flying.author))
    }

    /// Leaves a line to a copy of the author with this key; says whether one writes here.
    pub fn leave(&mut self, key: PublicKey, document: &DocumentId) -> bool {
        let mut own = false;
        for author in self.all_mut().filter(|author| author.key().public() == key) {
            author.leave(document);
            own = true;
        }
        own
    }

    /// The node's own author.
    pub fn own(&self) -> &Author {
        &self.authors[&Writer::Node]
    }

    /// Whether this key is an author's, and the actor is not of what is being written.
    pub fn has_forgotten(&self, actor: ActorId, key: PublicKey) -> bool {
        let is_own = self.authors.values().any(|author| author.key().public() == key);
        let mut flying = self.in_flight.values().flat_map(|flying| flying.author.lines().values());
        is_own && !flying.any(|line| line.actor == actor)
    }

    /// Whether an action is on its way to the disk.
    pub fn is_writing(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether something waits to be written as the node itself.
    pub fn node_waits(&self) -> bool {
        self.waiting.get(&Writer::Node).is_some_and(|waiting| !waiting.is_empty())
    }

    fn is_free(&self, writer: Writer) -> bool {
        !self.in_flight.contains_key(&writer)
    }
}

impl Node {
    /// Writes as one of the node's authors, on behalf of a user, once what was asked before is durable;
    /// [`Effect::Done`] follows.
    pub fn write(
        &mut self,
        ticket: u64,
        (writer, user): (Writer, UserId),
        what: What,
        now: Millis,
        shelf: &dyn Shelf,
    ) {
        self.authors.waiting.entry(writer).or_default().push_back(Asked { ticket, user, what });
        self.go_on(now, shelf);
    }

    /// Whether something is being written, or waits to be.
    pub fn is_writing(&self) -> bool {
        self.authors.is_writing() || self.authors.waiting.values().any(|waiting| !waiting.is_empty())
    }

    /// The node's own certificate.
    pub fn certificate(&self) -> &crate::identity::Certificate {
        self.authors.own().certificate()
    }

    /// Starts the next action of every author that has none on its way; the arbiter's own steps go first.
    pub(super) fn go_on(&mut self, now: Millis, shelf: &dyn Shelf) {
        loop {
            if self.authors.is_free(Writer::Node)
                && let Some((user, what)) = self.next_step(now, shelf)
            {
                self.start(Origin::Arbiter, (Writer::Node, user), what, now, shelf);
                continue;
            }
            let free = |(writer, waiting): &(&Writer, &VecDeque<Asked>)| {
                let waits_for_term = **writer == Writer::Node && self.needs_term();
                !waiting.is_empty() && self.authors.is_free(**writer) && !waits_for_term
            };
            let Some(writer) = self.authors.waiting.iter().find(free).map(|(writer, _)| *writer) else {
                return;
            };
            if let Some(asked) = self.authors.waiting.get_mut(&writer).and_then(VecDeque::pop_front) {
                let Asked { ticket, user, what } = asked;
                self.start(Origin::Shell(ticket), (writer, user), what, now, shelf);
            }
        }
    }

    fn start(
        &mut self,
        origin: Origin,
        (writer, user): (Writer, UserId),
        what: What,
        now: Millis,
        shelf: &dyn Shelf,
    ) {
        let prepared = self.actions(writer, what, now, shelf);
        match prepared.and_then(|actions| self.prepare(writer, user, actions, now)) {
            Err(not_done) => self.answer(origin, Err(not_done)),
            Ok((_, _, events)) if events.is_empty() => self.answer(origin, Ok(events)),
            Ok((author, writing, events)) => {
                self.authors.in_flight.insert(writer, InFlight { origin, author, events });
                self.peer.write(writer as u64, writing, now, shelf);
                self.drain(now);
            }
        }
    }

    /// The events it stands for, on what is known now.
    fn actions(
        &mut self,
        writer: Writer,
        what: What,
        now: Millis,
        shelf: &dyn Shelf,
    ) -> Result<Actions, NotDone> {
        let drafts = match what {
            What::Actions(actions) => return Ok(actions),
            What::Decisions(mut drafts) => {
                let basis = decide::basis(&self.shared, &drafts);
                drafts.extend(basis);
                drafts
            }
            What::Command(command) => self.drafts(writer, *command, now, shelf)?,
        };
        let action = ActionId(self.entropy.next_id());
        Ok(Actions { drafts: vec![(action, drafts)], ..Actions::default() })
    }

    fn drafts(
        &mut self,
        writer: Writer,
        command: Command,
        now: Millis,
        shelf: &dyn Shelf,
    ) -> Result<Vec<Draft>, NotDone> {
        let certificate = self.authors.authors[&writer].certificate();
        let asker = Asker { branch: certificate.branch, role: certificate.role, today: now.day(), now };
        let command = command.as_of(self.peer.ledger(), &self.shared)?;
        if command.looks_at_own() {
            self.read_own(shelf)?;
        }
        let nothing = PrivateViews::default();
        let own_views = match &mut self.own {
            Some(own) if command.looks_at_own() => self.rosters.views(own),
            _ => &nothing,
        };
        let views = self.views.views(&mut self.shared);
        let random = &mut || self.entropy.next_id();
        Ok(command.drafts(&mut Context { asker, views, own_views, random })?)
    }

    /// Writes the actions on a copy of the author, which takes its place once they are durable.
    fn prepare(
        &mut self,
        writer: Writer,
        user: UserId,
        actions: Actions,
        now: Millis,
    ) -> Result<(Author, Writing, Vec<EventRef>), NotDone> {
        let now = actions.at.unwrap_or(now);
        let mut author = self.authors.authors[&writer].clone();
        let mut rows = Vec::with_capacity(actions.fields.len());
        for SealedField { branch, person, field, value } in actions.fields {
            let stamp = author.clock_mut().tick(now);
            let device = author.certificate().device;
            let (bytes, content) = (value.len(), value.into_bytes());
            let row =
                SealedRow::write(self.city, author.key(), device, (branch, person), &field, stamp, content);
            if !row.is_well_formed() {
                return Err(NotDone::FieldTooLarge { field, person, bytes });
            }
            rows.push(row);
        }
        let mut events = Vec::new();
        let mut by_document: BTreeMap<DocumentId, (Vec<Run>, Option<Vec<u8>>)> = BTreeMap::new();
        for (action, drafts) in actions.drafts.iter().filter(|(_, drafts)| !drafts.is_empty()) {
            let written = author.write(drafts, *action, user, now, &mut self.entropy)?;
            events.extend(&written.events);
            for (run, introduction) in author.introduced(&written) {
                let (runs, introduced) = by_document.entry(run.document).or_default();
                runs.push(run);
                *introduced = introduced.take().or(introduction);
            }
            author.accept(written);
        }
        let mut notes = Vec::with_capacity(by_document.len());
        let mut runs = Vec::with_capacity(by_document.len());
        for (document, (parts, introduction)) in by_document {
            let joined = Run::join(&parts).map_err(AuthorError::from)?;
            runs.extend(joined.map(|run| (run, introduction)));
            notes.push(own_line_note(&author, &document));
        }
        Ok((author.clone(), Writing { author: author.certificate().clone(), runs, rows, notes }, events))
    }

    /// Whoever waits to write as the node itself is told why that cannot be.
    pub(super) fn refuse_waiting(&mut self, not_done: &NotDone) {
        for Asked { ticket, .. } in self.authors.waiting.remove(&Writer::Node).into_iter().flatten() {
            self.answer(Origin::Shell(ticket), Err(not_done.clone()));
        }
    }

    /// What was written under this ticket is durable.
    pub(super) fn written(&mut self, ticket: u64) {
        if ticket == NOTES {
            let saved = self.saving.take().unwrap_or_default();
            return self.unsaved.retain(|name, value| saved.get(name) != Some(value));
        }
        let Some(writer) = self.writer_of(ticket) else { return };
        let Some(InFlight { origin, author, events }) = self.authors.in_flight.remove(&writer) else {
            return;
        };
        self.authors.authors.insert(writer, author);
        self.answer(origin, Ok(events));
    }

    /// Nothing of it was stored: the author stays where it was.
    pub(super) fn not_written(&mut self, ticket: u64, reason: String) {
        if ticket == NOTES {
            self.saving = None;
        }
        let flying = self.writer_of(ticket).and_then(|writer| self.authors.in_flight.remove(&writer));
        if let Some(flying) = flying {
            self.answer(flying.origin, Err(NotDone::NotSaved(reason)));
        }
    }

    fn answer(&mut self, origin: Origin, result: Result<Vec<EventRef>, NotDone>) {
        match origin {
            Origin::Shell(ticket) => self.effects.push_back(Effect::Done { ticket, result }),
            Origin::Arbiter => self.step_done(result),
        }
    }

    /// Stores small values that nothing else carried.
    pub(super) fn save_notes(&mut self, now: Millis, shelf: &dyn Shelf) {
        if self.unsaved.is_empty() || self.saving.is_some() {
            return;
        }
        let notes = self.unsaved.clone();
        let author = self.certificate().clone();
        let writing = Writing {
            author,
            runs: Vec::new(),
            rows: Vec::new(),
            notes: notes.clone().into_iter().collect(),
        };
        self.saving = Some(notes);
        self.peer.write(NOTES, writing, now, shelf);
        self.drain(now);
    }

    fn writer_of(&self, ticket: u64) -> Option<Writer> {
        self.authors.in_flight.keys().copied().find(|writer| *writer as u64 == ticket)
    }
}

fn own_line_note(author: &Author, document: &DocumentId) -> (String, Vec<u8>) {
    let line: &OwnLine = &author.lines()[document];
    let name = format!("{OWN_LINES}{}/{document}", author.certificate().device);
    (name, encode(&(document, line)))
}
