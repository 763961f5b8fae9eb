//! What a replica keeps: its records by key, and how it comes back from them.

use super::Record;
use crate::domain::History;
use crate::event::{DocumentId, Scope};
use crate::identity::Introduction;
use crate::ids::{ActorId, BranchId, PersonId};
use crate::log::{self, LogKey, MemoryShelf, Place, Run, Shelf};
use crate::node::Restored;
use crate::peer::Batch;
use crate::sealed::SealedRow;
use crate::sync::{CityStatement, Cursor, Reach};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// What records come to.
pub(super) struct Read {
    pub restored: Restored,
    pub shelf: MemoryShelf,
    pub rows: Rows,
    /// The number of the run stored last.
    pub feed: u64,
}

/// Runs in the order they were stored. Older programs kept no number: theirs come first, by actor, line and
/// place on it.
type Runs = BTreeMap<(u64, LogKey, u8, u64), (Place, Run)>;

/// Takes in what the store holds, in any order. What does not hold together (a torn store) is
/// left out: the upstream has it, or it was never shown as saved.
pub(super) fn read(records: Vec<Record>, branch: BranchId) -> Read {
    let restored = Restored { own: Some(History::default()), ..Restored::default() };
    let mut all = Read { restored, shelf: MemoryShelf::default(), rows: Rows::default(), feed: 0 };
    let mut runs = Runs::new();
    for Record { key, value } in records {
        let (kind, rest) = key.split_once('/').unwrap_or((&key, ""));
        let stored = &mut all.restored.stored;
        match kind {
            "run" => take(&value, |(place, run): (Place, Run)| {
                let number = rest.parse().unwrap_or(0);
                runs.insert((number, run.key(), place.line(), run.first_seq), (place, run));
            }),
            "line" => {
                take(&value, |(document, actor, bytes): (DocumentId, ActorId, serde_bytes::ByteBuf)| {
                    all.shelf.introduce(LogKey { document, actor }, bytes.into_vec());
                });
            }
            "reach" => take(&value, |(key, line, reach): (LogKey, u8, Reach)| {
                stored.reached.0.insert((key, line), reach);
            }),
            "statement" => take(&value, |statement: CityStatement| {
                stored.statements.insert(statement.document, statement);
            }),
            "row" => take(&value, |row: SealedRow| {
                all.rows.keep(&row);
            }),
            "sealed" => take(&value, |(number, row): (u64, SealedRow)| all.rows.put(number, row)),
            "cursor" => take(&value, |cursor: Cursor| stored.cursor = cursor),
            _ => drop(all.restored.notes.insert(key, value)),
        }
    }
    for ((number, ..), (place, run)) in runs {
        all.restore_run(place, run, branch);
        all.feed = number.max(all.shelf.feed_head());
    }
    all
}

impl Read {
    fn restore_run(&mut self, place: Place, run: Run, branch: BranchId) {
        let key = run.key();
        let introduction = self.shelf.introduction(&key).ok().flatten();
        let read = introduction.and_then(|bytes| rmp_serde::from_slice::<Introduction>(&bytes).ok());
        let Some(Introduction { chain, .. }) = read else { return };
        let Some(author) = chain.last().cloned() else { return };
        let stored = &mut self.restored.stored;
        let start = run.start();
        let fits = match (stored.ledger.get(&key), place) {
            (None, place) => place == Place::On(0) && run.first_seq == 1,
            (Some(log), Place::On(line)) => {
                log.lines().get(usize::from(line)).is_some_and(|line| line.head == start)
            }
            (Some(log), Place::Parts { line, .. }) => {
                usize::from(line) == log.lines().len()
                    && log::locate(&stored.ledger, &self.shelf, &key, start.seq, start.hash)
                        .is_ok_and(|found| found.is_some())
            }
        };
        let Ok(changes) = log::unpack(&run.bytes) else { return };
        if !fits {
            return;
        }
        if run.first_seq == 1 {
            self.restored.chains.push(chain);
        }
        let history = match (run.document.scope, &mut self.restored.own) {
            (Scope::Private, own) => own.as_mut().filter(|_| run.document.branch == branch),
            _ => Some(&mut self.restored.shared),
        };
        if let Some(history) = history {
            history.load(&run, &author, &changes);
        }
        stored.ledger.push(key, &author, place, start, run.end());
        self.shelf.push(place, run);
    }
}

/// The records of one durable transaction.
pub(super) fn of_batch(batch: &Batch, feed: &mut u64, rows: &mut Rows) -> Vec<Record> {
    let mut records = Vec::new();
    for (document, actor, introduction) in &batch.introductions {
        let value = (document, actor, serde_bytes::Bytes::new(introduction));
        records.push(record(format!("line/{document}/{actor}"), &value));
    }
    for placed in &batch.runs {
        *feed += 1;
        records.push(record(format!("run/{feed:020}"), &(placed.place, &placed.run)));
    }
    for (key, line, reach) in &batch.reach {
        records.push(record(format!("reach/{key}/{line}"), &(key, line, reach)));
    }
    for statement in &batch.statements {
        records.push(record(format!("statement/{}", statement.document), statement));
    }
    for row in &batch.rows {
        if let Some(number) = rows.keep(row) {
            records.push(record(format!("sealed/{}/{}", row.person, row.field), &(number, row)));
        }
    }
    records.extend(batch.cursor.map(|cursor| record("cursor", &cursor)));
    for (key, value) in &batch.notes {
        records.push(Record { key: key.clone(), value: value.clone() });
    }
    records
}

/// Sealed rows, the one that counts of each field, numbered as they came.
#[derive(Default)]
pub(super) struct Rows {
    rows: BTreeMap<(PersonId, String), (u64, SealedRow)>,
    last: u64,
}

impl Rows {
    pub fn get(&self, person: PersonId, field: &str) -> Option<&SealedRow> {
        self.rows.get(&(person, field.to_owned())).map(|(_, row)| row)
    }

    /// Keeps a row if it counts; gives back its number.
    fn keep(&mut self, row: &SealedRow) -> Option<u64> {
        let kept = self.rows.get(&(row.person, row.field.clone()));
        let rank = |row: &SealedRow| (row.stamp, std::cmp::Reverse(row.content_hash().0));
        if kept.is_some_and(|(_, kept)| rank(kept) >= rank(row)) {
            return None;
        }
        let number = self.last + 1;
        self.put(number, row.clone());
        Some(number)
    }

    fn put(&mut self, number: u64, row: SealedRow) {
        self.last = self.last.max(number);
        self.rows.insert((row.person, row.field.clone()), (number, row));
    }

    /// All rows after a number in the order of their numbers, and up to which that goes.
    pub fn after(&self, after: u64) -> (Vec<SealedRow>, u64) {
        let mut rows: Vec<&(u64, SealedRow)> = self.rows.values().filter(|row| row.0 > after).collect();
        rows.sort_by_key(|(number, _)| *number);
        (rows.into_iter().map(|(_, row)| row.clone()).collect(), self.last.max(after))
    }
}

fn take<T: DeserializeOwned>(value: &[u8], mut take: impl FnMut(T)) {
    if let Ok(value) = rmp_serde::from_slice(value) {
        take(value);
    }
}

fn record(key: impl Into<String>, value: &impl Serialize) -> Record {
    Record { key: key.into(), value: rmp_serde::to_vec(value).expect("records always encode") }
}
