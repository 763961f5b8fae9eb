//! What one durable transaction holds.

use crate::door::Admitted;
use crate::event::DocumentId;
use crate::identity::Certificate;
use crate::ids::{ActorId, EventId};
use crate::log::{Changes, Ledger, LogKey, Place, Run};
use crate::sealed::SealedRow;
use crate::sync::{CityStatement, Cursor, Reach};
use std::sync::Arc;

/// A run with its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where it stands among its actor's lines.
    pub place: Place,
    /// Whether the actor's log begins with it.
    pub begins: bool,
    /// The run.
    pub run: Run,
    /// Its changes, expanded.
    pub changes: Arc<Changes>,
    /// Who wrote it.
    pub author: Certificate,
}

impl Placed {
    /// The least and the greatest event id in the run; `None` if it is empty.
    pub fn id_range(&self) -> Option<(EventId, EventId)> {
        let ids = || self.changes.iter().flatten().map(|put| put.id);
        Some((ids().min()?, ids().max()?))
    }
}

/// What one durable transaction holds. All of it counts or nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Introductions of actors whose log begins in this batch.
    pub introductions: Vec<(DocumentId, ActorId, Vec<u8>)>,
    /// Runs, each with its place.
    pub runs: Vec<Placed>,
    /// Sealed rows; the larger stamp counts, then the smaller content hash.
    pub rows: Vec<SealedRow>,
    /// How far lines have come.
    pub reach: Vec<(LogKey, u8, Reach)>,
    /// The city's last word on documents.
    pub statements: Vec<CityStatement>,
    /// The place in the upstream's feeds.
    pub cursor: Option<Cursor>,
    /// Small values of the owner.
    pub notes: Vec<(String, Vec<u8>)>,
    /// All of it was heard from the upstream, which says it again to whoever lost it: where nobody connects,
    /// the owner may keep it in memory for a moment.
    pub comes_again: bool,
}

impl Batch {
    /// Adds what the door let in.
    pub fn push(&mut self, admitted: &Admitted, ledger: &Ledger) {
        let key = admitted.run.key();
        let begins = ledger.get(&key).is_none();
        if let Some(bytes) = admitted.introduction.clone().filter(|_| begins) {
            self.introductions.push((key.document, key.actor, bytes));
        }
        self.runs.push(Placed {
            place: admitted.place,
            begins,
            run: admitted.run.clone(),
            changes: admitted.changes.clone(),
            author: admitted.author.clone(),
        });
    }

    /// Adds all of another batch after what is here.
    pub fn append(&mut self, other: Self) {
        self.introductions.extend(other.introductions);
        self.runs.extend(other.runs);
        self.rows.extend(other.rows);
        self.reach.extend(other.reach);
        self.statements.extend(other.statements);
        self.cursor = other.cursor.or(self.cursor);
        self.notes.extend(other.notes);
        self.comes_again &= other.comes_again;
    }
}
