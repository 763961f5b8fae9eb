//! Writing as the node's own authors: one action at a time for each, the next continues its lines.

use super::core::Core;
use super::{Kind, NodeError, Writer};
use crate::import::SealedField;
use client_core::author::{Author, AuthorError, OwnLine};
use client_core::domain::Draft;
use client_core::event::{DocumentId, EventRef};
use client_core::ids::{ActionId, Entropy, UserId};
use client_core::log::Run;
use client_core::peer::Writing;
use client_core::sealed::{MOST_CONTENT_BYTES, SealedRow};
use client_core::time::{HybridClock, Millis};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// What is to be written, in order.
#[derive(Default)]
pub struct Actions {
    /// One change each and document, unless too large.
    pub drafts: Vec<(ActionId, Vec<Draft>)>,
    /// Kept in the same transaction.
    pub fields: Vec<SealedField>,
    /// When it happened, where that is not now: a program may replay what happened at other times.
    pub at: Option<Millis>,
}

/// Looks at what the node knows when its turn comes, and says what is to be written.
pub type Drafting = Box<dyn FnOnce(&mut Core, &mut Entropy) -> Result<Actions, NodeError> + Send>;

/// Somebody wants to write.
pub struct WriteRequest {
    /// As whom.
    pub writer: Writer,
    /// On whose behalf.
    pub user: UserId,
    /// What.
    pub draft: Drafting,
    /// The identities of the events, once they are durable.
    pub reply: oneshot::Sender<Result<Vec<EventRef>, NodeError>>,
}

/// An action on its way to the disk.
pub struct InFlight {
    ticket: u64,
    author: Author,
    events: Vec<EventRef>,
    reply: oneshot::Sender<Result<Vec<EventRef>, NodeError>>,
}

impl InFlight {
    /// Where its author's lines stand once it is durable.
    pub fn lines(&self) -> impl Iterator<Item = &OwnLine> {
        self.author.lines().values()
    }
}

impl Core {
    /// Starts the next action of every author that has none on its way.
    pub fn start_writing(&mut self, now: Millis) {
        for writer in self.queues.keys().copied().collect::<Vec<_>>() {
            while !self.in_flight.contains_key(&writer)
                && let Some(request) = self.queues.get_mut(&writer).and_then(|queue| queue.pop_front())
            {
                self.start(request, now);
            }
        }
    }

    fn start(&mut self, request: WriteRequest, now: Millis) {
        let WriteRequest { writer, user, draft, reply } = request;
        let mut entropy = Entropy::new(crate::keys::random_bytes());
        let prepared = draft(self, &mut entropy)
            .and_then(|actions| self.prepare(writer, user, actions, now, &mut entropy));
        match prepared {
            Err(error) => drop(reply.send(Err(error))),
            Ok((_, _, events)) if events.is_empty() => drop(reply.send(Ok(events))),
            Ok((author, writing, events)) => {
                let ticket = writer as u64;
                self.in_flight.insert(writer, InFlight { ticket, author, events, reply });
                self.peer.write(ticket, writing, now, &self.shelf);
                self.drain(now);
            }
        }
    }

    /// Writes the actions on a copy of the author, which takes its place once they are durable.
    fn prepare(
        &self,
        writer: Writer,
        user: UserId,
        actions: Actions,
        now: Millis,
        entropy: &mut Entropy,
    ) -> Result<(Author, Writing, Vec<EventRef>), NodeError> {
        let now = actions.at.unwrap_or(now);
        let mut author = self.authors[&writer].clone();
        let mut rows = Vec::with_capacity(actions.fields.len());
        for field in actions.fields {
            let stamp = author.clock_mut().tick(now);
            let (device, place) = (author.certificate().device, (field.branch, field.person));
            let (bytes, content) = (field.value.len(), field.value.into_bytes());
            let row = SealedRow::write(self.city, author.key(), device, place, &field.field, stamp, content);
            if !row.is_well_formed() {
                return Err(NodeError::Refused(format!(
                    "{} of {} is {bytes} bytes; the most is {MOST_CONTENT_BYTES}: shorten it",
                    field.field, field.person
                )));
            }
            rows.push(row);
        }
        let mut events = Vec::new();
        let mut by_document: BTreeMap<DocumentId, (Vec<Run>, Option<Vec<u8>>)> = BTreeMap::new();
        for (action, drafts) in actions.drafts.iter().filter(|(_, drafts)| !drafts.is_empty()) {
            let written = author.write(drafts, *action, user, now, entropy)?;
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

    /// The authors' oldest action on its way is durable.
    pub fn written(&mut self, ticket: u64) {
        let Some(writer) = self.writer_of(ticket) else { return };
        let Some(InFlight { author, events, reply, .. }) = self.in_flight.remove(&writer) else { return };
        self.authors.insert(writer, author);
        // Whoever asked may be gone.
        let _ = reply.send(Ok(events));
    }

    /// Nothing of it was stored: the author stays where it was.
    pub fn not_written(&mut self, ticket: u64, reason: String) {
        if let Some(writer) = self.writer_of(ticket)
            && let Some(in_flight) = self.in_flight.remove(&writer)
        {
            let full = self.trouble.as_ref().is_some_and(|trouble| trouble.is_full);
            let error = if full { NodeError::DiskFull(reason) } else { NodeError::NotSaved(reason) };
            let _ = in_flight.reply.send(Err(error));
        }
    }

    /// Every author, and the copies that take their place once their action is durable.
    pub fn authors_mut(&mut self) -> impl Iterator<Item = &mut Author> {
        self.authors.values_mut().chain(self.in_flight.values_mut().map(|flying| &mut flying.author))
    }

    /// The clock, to be kept with what is stored: at a branch what was heard of the time counts offline too.
    /// The city follows nobody's time and keeps its clock with its own writing.
    pub fn clock_note(&mut self) -> Option<(String, Vec<u8>)> {
        let changed = matches!(self.kind, Kind::Branch) || !self.in_flight.is_empty();
        let clock = self.authors_mut().map(|author| *author.clock_mut()).max_by_key(HybridClock::last);
        let clock = clock.filter(|_| changed)?;
        Some(("clock".to_owned(), rmp_serde::to_vec(&clock).expect("a clock always encodes")))
    }

    fn writer_of(&self, ticket: u64) -> Option<Writer> {
        self.in_flight.iter().find(|(_, flying)| flying.ticket == ticket).map(|(writer, _)| *writer)
    }
}

/// Where the notes of own lines begin.
pub const OWN_LINES: &str = "own/";

fn own_line_note(author: &Author, document: &DocumentId) -> (String, Vec<u8>) {
    let line: &OwnLine = &author.lines()[document];
    let value = rmp_serde::to_vec(&(document, line)).expect("a line always encodes");
    (format!("{OWN_LINES}{}/{document}", author.certificate().device), value)
}
