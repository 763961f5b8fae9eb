//! The author: stamps drafts, writes them on the device's own lines, signs.
//!
//! Writing changes nothing here. The shell first makes what was written durable, then calls
//! [`Author::accept`]; a full disk leaves the author where it was.

use crate::event::{DocumentId, Draft, Envelope, EventRef, Scope, Statement};
use crate::identity::{Certificate, Chain, Introduction, Role, SecretKey, actor_id};
use crate::ids::{ActionId, ActorId, BranchId, CityId, Entropy, UserId};
use crate::log::{Ledger, LogKey, MAX_CHANGE_BYTES, Position, Put, Run, RunError};
use crate::time::{HybridClock, Millis, Stamp};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;

/// One of the device's own lines.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OwnLine {
    /// Its actor.
    pub actor: ActorId,
    /// The nonce its actor id is made with.
    pub nonce: [u8; 16],
    /// Where it stands.
    pub position: Position,
}

/// A device that writes: its key, its clock, its lines.
#[derive(Clone, Debug)]
pub struct Author {
    city: CityId,
    key: SecretKey,
    chain: Chain,
    clock: HybridClock,
    lines: BTreeMap<DocumentId, OwnLine>,
}

/// What one action wrote; make it durable, then accept it.
#[derive(Clone, Debug)]
pub struct Written {
    /// One run a document, each a single change unless the action was too long for one.
    pub runs: Vec<Run>,
    /// The identities of the events, in the order of the drafts.
    pub events: Vec<EventRef>,
    /// The clock after them.
    pub clock: HybridClock,
    /// Where the lines stand with it; persist them with it too, see [`Author::resume_if_as_left`].
    pub lines: Vec<(DocumentId, OwnLine)>,
}

/// Why an action could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorError {
    /// The device's certificate does not allow the document.
    #[error("this device ({role}) may not write in {document}")]
    NotAllowed {
        /// The document.
        document: DocumentId,
        /// The device's role.
        role: Role,
    },
    /// One event alone is larger than a change may be.
    #[error("an event of {bytes} bytes is too large; the most is about {MAX_CHANGE_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The line refused the change.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Room for the change's own frame around its events.
const EVENT_ROOM: usize = MAX_CHANGE_BYTES - 2 * 1024;
const EVENT_FRAME: usize = 40;

impl Author {
    /// A device with its certificate chain; its lines and clock are resumed from the store.
    ///
    /// # Panics
    /// If the chain is empty; callers verify it first.
    pub fn new(city: CityId, key: SecretKey, chain: Chain, clock: HybridClock) -> Self {
        assert!(!chain.is_empty(), "an author has a certificate");
        Self { city, key, chain, clock, lines: BTreeMap::new() }
    }

    /// Goes on with a stored line where it still ends as this device left it. A line that grew otherwise
    /// has another writer, a copy of this device.
    pub fn resume_if_as_left(&mut self, ledger: &Ledger, document: DocumentId, line: OwnLine) {
        let log = ledger.get(&LogKey { document, actor: line.actor });
        if log.is_some_and(|log| log.lines().len() == 1 && log.lines()[0].head == line.position) {
            self.lines.insert(document, line);
        }
    }

    /// Goes on with a line wherever it is said to stand: what a copy of a store does.
    #[cfg(test)]
    pub fn resume(&mut self, document: DocumentId, line: OwnLine) {
        self.lines.insert(document, line);
    }

    /// Leaves a line to a copy of this device; the next event begins a line of a new actor.
    pub fn leave(&mut self, document: &DocumentId) {
        self.lines.remove(document);
    }

    /// The device's own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.chain.last().expect("an author has a certificate")
    }

    /// Its chain, city's issue first.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Its key.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Its clock.
    pub fn clock_mut(&mut self) -> &mut HybridClock {
        &mut self.clock
    }

    /// Its lines by document.
    pub fn lines(&self) -> &BTreeMap<DocumentId, OwnLine> {
        &self.lines
    }

    /// The runs written, each with its introduction where it begins a line.
    pub fn introduced(&self, written: &Written) -> Vec<(Run, Option<Vec<u8>>)> {
        let introduction = |run: &Run| {
            let (_, line) = written.lines.iter().find(|(document, _)| *document == run.document)?;
            (run.first_seq == 1).then(|| self.introduce(line).encode())
        };
        written.runs.iter().map(|run| (run.clone(), introduction(run))).collect()
    }

    fn introduce(&self, line: &OwnLine) -> Introduction {
        Introduction { nonce: line.nonce, chain: self.chain.clone() }
    }

    /// Writes drafts of one action: one change a document, split only where one would be too large.
    /// An action too long for one call shares its id over several.
    pub fn write<E: Statement>(
        &self,
        drafts: &[Draft<E>],
        action: ActionId,
        user: UserId,
        now: Millis,
        entropy: &mut Entropy,
    ) -> Result<Written, AuthorError> {
        let mut clock = self.clock;
        let mut lines: BTreeMap<DocumentId, OwnLine> = BTreeMap::new();
        let mut puts: BTreeMap<DocumentId, Vec<Put>> = BTreeMap::new();
        let mut events = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let stamp = clock.tick(now);
            let document = draft.document(stamp.millis().day());
            if !self.certificate().may_write(&document) {
                return Err(AuthorError::NotAllowed { document, role: self.certificate().role });
            }
            let line = lines.entry(document).or_insert_with(|| self.line(&document, entropy));
            let id = draft.id.unwrap_or_else(|| entropy.event_id(now));
            let value = self.envelope(draft, user, action, stamp, now).encode();
            if value.len() > EVENT_ROOM {
                return Err(AuthorError::TooLarge { bytes: value.len() });
            }
            events.push(EventRef { document, actor: line.actor, event: id });
            puts.entry(document).or_default().push(Put { id, value });
        }
        let mut runs = Vec::with_capacity(puts.len());
        for (document, puts) in puts {
            let line = lines.get_mut(&document).expect("every put has a line");
            let run = Run::write(self.city, &self.key, document, line.actor, &line.position, &split(puts))?;
            line.position = run.end();
            runs.push(run);
        }
        Ok(Written { runs, events, clock, lines: lines.into_iter().collect() })
    }

    /// Takes over what has become durable; what was heard of the time meanwhile stays heard.
    pub fn accept(&mut self, written: Written) {
        self.clock.raise(written.clock.last());
        self.lines.extend(written.lines);
    }

    fn line(&self, document: &DocumentId, entropy: &mut Entropy) -> OwnLine {
        self.lines.get(document).cloned().unwrap_or_else(|| {
            let nonce = entropy.next_id();
            OwnLine { actor: actor_id(self.key.public(), nonce), nonce, position: Position::START }
        })
    }

    fn envelope<E: Statement>(
        &self,
        draft: &Draft<E>,
        user: UserId,
        action: ActionId,
        stamp: Stamp,
        now: Millis,
    ) -> Envelope {
        let body = draft.event.body();
        let info = body.info();
        Envelope {
            kind: info.name.to_owned(),
            version: info.version,
            stamp,
            claimed: now,
            device: self.certificate().device,
            user,
            branch: if info.scope == Scope::Decisions { BranchId::CITY } else { draft.branch },
            action,
            supersedes: draft.supersedes,
            body: ByteBuf::from(body.encode()),
        }
    }
}

/// Splits the events of one action into changes that each fit.
fn split(puts: Vec<Put>) -> Vec<Vec<Put>> {
    let mut changes: Vec<Vec<Put>> = Vec::new();
    let mut room = 0;
    for put in puts {
        let size = put.value.len() + EVENT_FRAME;
        if size > room {
            changes.push(Vec::new());
            room = EVENT_ROOM;
        }
        room = room.saturating_sub(size);
        changes.last_mut().expect("a change was just begun").push(put);
    }
    changes
}
