//! What becomes durable: the door, the store, and who hears of it afterwards.

use super::{Batch, Connection, Effect, Peer, Pending, Then, Waiting, Writing};
use crate::door::{self, Admission, Admitted, DoorError};
use crate::event::DocumentId;
use crate::identity::Chain;
use crate::log::{Ledger, LogKey, Run, Shelf};
use crate::sealed::SealedRow;
use crate::sync::Session;
use crate::time::Millis;
use std::collections::BTreeSet;

impl Peer {
    /// Makes what an author wrote durable; [`Effect::Written`] or [`Effect::NotWritten`] follows.
    pub fn write(&mut self, ticket: u64, writing: Writing, now: Millis, shelf: &dyn Shelf) {
        if writing.runs.iter().any(|(run, _)| self.busy.contains_key(&run.key())) {
            self.waiting.push_back(Waiting::Own { ticket, writing });
            return;
        }
        let mut batch = Batch { rows: writing.rows.clone(), notes: writing.notes, ..Batch::default() };
        let mut admitted = Vec::with_capacity(writing.runs.len());
        for (run, introduction) in writing.runs {
            match door::place_own(&self.ledger, shelf, &writing.author, introduction, run) {
                Ok(own) => {
                    batch.push(&own, &self.ledger);
                    admitted.push(own);
                }
                Err(error) => {
                    self.effects.push_back(Effect::NotWritten(ticket, error.to_string()));
                    return;
                }
            }
        }
        self.persist(batch, admitted, Then::Written { ticket, rows: writing.rows });
        self.let_in(now, shelf);
    }

    pub(super) fn admit(
        &mut self,
        connection: Connection,
        introduction: Option<Vec<u8>>,
        run: Run,
        now: Millis,
        shelf: &dyn Shelf,
    ) {
        let key = run.key();
        if self.busy.contains_key(&key) {
            self.waiting.push_back(Waiting::Chunk { connection, introduction, run });
            return;
        }
        let (seq, head) = (run.first_seq, run.head());
        match self.at_the_door(&self.ledger, shelf, introduction, run) {
            Ok(Admission::New(admitted)) => {
                let comes_again = self.upstream == Some(connection);
                let mut batch = Batch { comes_again, ..Batch::default() };
                batch.push(&admitted, &self.ledger);
                let line = admitted.place.line();
                let then = Then::ChunkStored { connection, key, line, head };
                self.persist(batch, vec![*admitted], then);
            }
            Ok(Admission::Known) => {
                let found = crate::log::locate(&self.ledger, shelf, &key, head.seq, head.hash);
                let line = found.ok().flatten().map_or(0, |(line, _)| line);
                self.with_session(connection, now, shelf, |session, here| {
                    session.stored(key, line, head, here);
                });
            }
            Ok(Admission::Behind(heads)) => {
                self.with_session(connection, now, shelf, |session, here| session.behind(key, heads, here));
            }
            // Nothing is wrong with it: it comes again on another connection.
            Err(DoorError::Shelf(error)) => {
                self.hang_up(connection, format!("could not read its own store: {error}"))
            }
            Err(error) => {
                let reason = error.to_string();
                if let Some(client) = self.sessions.get(&connection).and_then(Session::peer) {
                    self.reports.refused(client.device, &key);
                }
                self.effects.push_back(Effect::Refused { key, seq, reason: reason.clone(), here: true });
                self.with_session(connection, now, shelf, |session, here| {
                    session.reject(key, seq, reason, here);
                });
            }
        }
    }

    /// What this peer says of a run, whatever way it came, over lines that stand as in `ledger`.
    pub(super) fn at_the_door(
        &self,
        ledger: &Ledger,
        shelf: &dyn Shelf,
        introduction: Option<Vec<u8>>,
        run: Run,
    ) -> Result<Admission, DoorError> {
        match self.local.may_keep(&run.document) {
            true => door::admit(self.city, ledger, shelf, introduction, run),
            false => Err(DoorError::NotKeptHere),
        }
    }

    /// Until the batch is durable nothing else is admitted on its lines.
    pub(super) fn persist(&mut self, batch: Batch, admitted: Vec<Admitted>, then: Then) {
        for one in &admitted {
            *self.busy.entry(one.run.key()).or_default() += 1;
        }
        self.next_token += 1;
        self.pending.insert(self.next_token, Pending { admitted, then });
        self.effects.push_back(Effect::Persist { token: self.next_token, batch: Box::new(batch) });
    }

    /// What was only heard is kept from time to time: after a crash it is heard again.
    pub(super) fn persist_heard(&mut self) {
        if !self.has_unsaved() {
            return;
        }
        let mut batch = Batch { comes_again: true, ..Batch::default() };
        for (key, line) in std::mem::take(&mut self.unsaved_reach) {
            batch.reach.push((key, line, self.reached.get(key, line)));
        }
        for document in std::mem::take(&mut self.unsaved_statements) {
            batch.statements.extend(self.statements.get(&document).cloned());
        }
        if std::mem::take(&mut self.cursor_is_unsaved) {
            batch.cursor = Some(self.cursor);
        }
        self.persist(batch, Vec::new(), Then::Heard);
    }

    fn has_unsaved(&self) -> bool {
        self.cursor_is_unsaved || !self.unsaved_reach.is_empty() || !self.unsaved_statements.is_empty()
    }

    /// All of it is taken in before anybody hears of any: what the shelf shows, the ledger knows.
    pub(super) fn persisted(&mut self, tokens: &[u64], now: Millis, shelf: &dyn Shelf) {
        let (mut grown, mut told) = (BTreeSet::new(), Vec::with_capacity(tokens.len()));
        for token in tokens {
            let Some(Pending { admitted, then }) = self.pending.remove(token) else { continue };
            let own = matches!(then, Then::Written { .. });
            for one in admitted {
                grown.insert(one.run.key());
                self.took_in(one, own);
            }
            told.push(then);
        }
        for then in told {
            self.tell(then, now, shelf);
        }
        self.spread(&grown, now, shelf);
        self.effects.push_back(Effect::Changed);
        self.go_on(now, shelf);
    }

    fn tell(&mut self, then: Then, now: Millis, shelf: &dyn Shelf) {
        match then {
            Then::Written { ticket, rows } => {
                if !rows.is_empty() {
                    self.rows_kept(rows, Vec::new(), None, now, shelf);
                }
                self.effects.push_back(Effect::Written(ticket));
            }
            Then::ChunkStored { connection, key, line, head } => {
                self.recall_city(&key, shelf);
                self.asks_city_again |= self.upstream == Some(connection);
                self.carried |= self.upstream == Some(connection);
                self.with_session(connection, now, shelf, |session, here| {
                    session.stored(key, line, head, here);
                });
            }
            Then::RowsStored { connection, rows, authors, upto } => {
                if self.upstream == Some(connection) {
                    self.cursor.rows_read = upto;
                    self.cursor_is_unsaved = true;
                }
                self.rows_kept(rows, authors, Some(connection), now, shelf);
                self.with_session(connection, now, shelf, |session, _| session.rows_stored(upto));
            }
            Then::SegmentGoesOn { ticket, rest, taken } => self.take_segment(ticket, rest, taken, now, shelf),
            Then::Heard => {}
        }
    }

    pub(super) fn rows_kept(
        &mut self,
        rows: Vec<SealedRow>,
        authors: Vec<Chain>,
        from: Option<Connection>,
        now: Millis,
        shelf: &dyn Shelf,
    ) {
        self.effects.push_back(Effect::RowsKept { rows, authors });
        for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
            if Some(connection) != from {
                self.with_session(connection, now, shelf, |session, _| session.rows_news());
            }
        }
    }

    fn took_in(&mut self, admitted: Admitted, own: bool) {
        let Admitted { place, run, author, .. } = &admitted;
        let key = run.key();
        self.ledger.push(key, author, *place, run.start(), run.end());
        if let Some(count) = self.busy.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(&key);
            }
        }
        self.effects.push_back(Effect::TookIn { admitted: Box::new(admitted), own });
    }

    /// Other connections hear what is durable; at the city they hear its word on it too.
    fn spread(&mut self, keys: &BTreeSet<LogKey>, now: Millis, shelf: &dyn Shelf) {
        for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
            for key in keys {
                self.with_session(connection, now, shelf, |session, here| session.grew(*key, here));
            }
        }
        let documents: BTreeSet<DocumentId> = keys.iter().map(|key| key.document).collect();
        if let Some(key) = self.city_key.clone() {
            for document in documents {
                let statement = self.sign_for(&key, document, now);
                self.hand_on(&statement, now, shelf);
            }
        }
    }

    pub(super) fn not_persisted(&mut self, token: u64, reason: &str, now: Millis, shelf: &dyn Shelf) {
        let Some(Pending { admitted, then }) = self.pending.remove(&token) else { return };
        self.busy.retain(|key, _| !admitted.iter().any(|one| one.run.key() == *key));
        match then {
            Then::Written { ticket, .. } => {
                self.effects.push_back(Effect::NotWritten(ticket, reason.to_owned()));
            }
            Then::ChunkStored { connection, .. } | Then::RowsStored { connection, .. } => {
                self.hang_up(connection, format!("could not save: {reason}"));
            }
            Then::SegmentGoesOn { ticket, .. } => {
                self.effects.push_back(Effect::SegmentTaken { ticket, outcome: Err(reason.to_owned()) });
            }
            Then::Heard => {
                // Kept in part it would say of an upstream put back that it holds what it lost.
                self.unsaved_reach.extend(self.reached.0.keys());
                self.unsaved_statements.extend(self.statements.keys());
                self.cursor_is_unsaved = true;
            }
        }
        self.go_on(now, shelf);
    }

    /// Nothing was acknowledged; a new connection asks for it again.
    fn hang_up(&mut self, connection: Connection, reason: String) {
        self.effects.push_back(Effect::Hangup { connection, reason });
    }

    pub(super) fn go_on(&mut self, now: Millis, shelf: &dyn Shelf) {
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Chunk { connection, introduction, run } => {
                    if self.sessions.contains_key(&connection) {
                        self.admit(connection, introduction, run, now, shelf);
                    }
                }
                Waiting::Own { ticket, writing } => self.write(ticket, writing, now, shelf),
                Waiting::Segment { ticket, runs, taken } => {
                    self.take_segment(ticket, runs, taken, now, shelf);
                }
            }
        }
    }
}
