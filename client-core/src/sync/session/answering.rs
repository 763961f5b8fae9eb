//! What the owner of a session tells it: what is durable, what was refused, what the city said.

use super::reading::Outcome;
use super::{Here, Output, Phase, Session, Side, UNHURRIED, elapsed};
use crate::event::DocumentId;
use crate::log::{Head, LogKey};
use crate::sealed::SealedBatch;
use crate::sync::frame::{CityStatement, Frame};
use crate::time::Millis;

impl Session {
    /// An actor's log grew here, by its author or from elsewhere, and is durable.
    pub fn grew(&mut self, key: LogKey, here: &Here<'_>) {
        if matches!(self.phase, Phase::Live | Phase::Waiting) {
            // Down the feed it goes by itself, unless the client said that it stands elsewhere.
            let unsettled = self.theirs.get(&key).is_some_and(|theirs| !theirs.is_settled());
            if self.side == Side::Client || unsettled {
                self.dirty.insert(key);
            }
            self.pump(here);
        }
    }

    /// Sealed rows were added here.
    pub fn rows_news(&mut self) {
        self.rows_waiting = true;
        self.pump_rows();
    }

    /// Answer to [`Output::Admit`]: durable here up to this change, by this run or before it. `line`
    /// is the line's number here.
    pub fn stored(&mut self, key: LogKey, line: u8, head: Head, here: &Here<'_>) {
        self.contributed.insert(key.document);
        match self.side {
            Side::Client => {
                if let Some(promise) = &mut self.promise {
                    let had = promise.base.entry((key, line)).or_insert((head.seq, head.hash));
                    if had.0 < head.seq {
                        *had = (head.seq, head.hash);
                    }
                }
                self.outputs.push_back(Output::Delivered { key, line, head });
            }
            Side::Server => {
                self.feed.echo.insert((key, head.hash));
            }
        }
        // Of an actor that it did not name among all its heads the upstream had nothing before this.
        if self.side == Side::Client && self.told_all {
            self.theirs.entry(key).or_default();
        }
        if let Some(theirs) = self.theirs.get_mut(&key) {
            theirs.holds(line, head.seq);
            self.dirty.insert(key);
        }
        self.done_with(key, Outcome::Stored, here);
        self.pump(here);
    }

    /// Answer to [`Output::Admit`]: it stands on a change that is not here.
    pub fn behind(&mut self, key: LogKey, heads: Vec<Head>, here: &Here<'_>) {
        self.done_with(key, Outcome::Behind(heads), here);
        self.pump(here);
    }

    /// Answer to [`Output::Admit`]: refused, for this actor alone.
    pub fn reject(&mut self, key: LogKey, seq: u64, reason: String, here: &Here<'_>) {
        self.rejected.insert(key);
        self.done_with(key, Outcome::Rejected(seq, reason), here);
    }

    /// The city's word: at once on documents the peer wrote to, on others at once after a while without,
    /// else in a calm moment.
    pub fn at_city(&mut self, statement: &CityStatement, now: Millis) {
        if self.is_live() && self.side == Side::Server && self.peer_may_read(&statement.document) {
            if self.contributed.contains(&statement.document) {
                // What was gathered before says less.
                self.statements.remove(&statement.document);
                self.send(Frame::AtCity(statement.clone()));
            } else {
                self.statements.insert(statement.document, statement.clone());
                self.stirred = true;
                if elapsed(self.statements_sent, now) >= UNHURRIED {
                    self.send_statements(now);
                }
            }
        }
    }

    /// The city's word on documents the peer only reads: what has gathered.
    pub(super) fn send_statements(&mut self, now: Millis) {
        if !self.statements.is_empty() {
            self.statements_sent = now;
        }
        for statement in std::mem::take(&mut self.statements).into_values() {
            self.send(Frame::AtCity(statement));
        }
    }

    /// Answer to [`Output::AskedCity`].
    pub fn answer_at_city(&mut self, statement: CityStatement) {
        self.send(Frame::AtCity(statement));
    }

    /// Asks the upstream for the city's word.
    pub fn ask_city(&mut self, documents: Vec<DocumentId>) {
        if self.is_live() {
            self.send(Frame::AskCity(documents));
        }
    }

    /// Answer to [`Output::LoadRows`]; a batch without rows still moves the offset on.
    pub fn rows_loaded(&mut self, batch: SealedBatch) {
        if batch.upto <= self.rows_after || self.muted {
            self.rows_sending = false;
        } else {
            self.send(Frame::Rows(batch));
        }
    }

    /// Answer to [`Output::LoadRows`]: not now. They are asked for again with the next tick.
    pub fn rows_not_loaded(&mut self) {
        self.rows_sending = false;
        self.rows_waiting = true;
    }

    /// Answer to [`Output::AdmitRows`].
    pub fn rows_stored(&mut self, upto: u64) {
        self.send(Frame::RowsStored { upto });
    }

    pub(super) fn pump_rows(&mut self) {
        if self.is_live() && !self.muted && self.rows_waiting && !self.rows_sending {
            self.rows_waiting = false;
            self.rows_sending = true;
            self.outputs.push_back(Output::LoadRows { after: self.rows_after });
        }
    }
}
