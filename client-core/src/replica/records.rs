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
use crate::time::Stamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cmp::Reverse;
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
        let kind = key.split_once('/').map_or(key.as_str(), |(kind, _)| kind);
        let stored = &mut all.restored.stored;
        match kind {
            "run" => {
                let with_number = rmp_serde::from_slice::<(Place, Run, u64)>(&value).ok();
                let without = || rmp_serde::from_slice(&value).ok().map(|(place, run)| (place, run, 0));
                if let Some((place, run, number)) = with_number.or_else(without) {
                    runs.insert((number, run.key(), place.line(), run.first_seq), (place, run));
                }
            }
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
            "row" => take(&value, |row: SealedRow| all.rows.put(all.rows.last + 1, row)),
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
pub(super) fn of_batch(token: u64, batch: &Batch, feed: &mut u64, rows: &mut Rows) -> Vec<Record> {
    let mut records = Vec::new();
    for (document, actor, introduction) in &batch.introductions {
        let value = (document, actor, serde_bytes::Bytes::new(introduction));
        records.push(record(format!("line/{document}/{actor}"), &value));
    }
    for placed in &batch.runs {
        *feed += 1;
        // Where it stands names it: a second tab that writes the same place finds it taken.
        let (place, run) = (placed.place, &placed.run);
        let key = format!("run/{}/{}/{}/{:020}", run.document, run.actor, place.line(), run.first_seq);
        records.push(record(key, &(place, run, *feed)));
    }
    for (key, line, reach) in &batch.reach {
        records.push(record(format!("reach/{key}/{line}"), &(key, line, reach)));
    }
    for statement in &batch.statements {
        records.push(record(format!("statement/{}", statement.document), statement));
    }
    for (number, row) in rows.number(token, &batch.rows) {
        records.push(record(format!("sealed/{}/{}", row.person, row.field), &(number, row)));
    }
    records.extend(batch.cursor.map(|cursor| record("cursor", &cursor)));
    for (key, value) in &batch.notes {
        records.push(Record { key: key.clone(), value: value.clone() });
    }
    records
}

/// About so many bytes of sealed rows go out at once, with so many around each row.
const ROWS_AT_ONCE: usize = 512 * 1024;
const ROW_FRAME: usize = 256;

/// Sealed rows, the one that counts of each field, numbered as they came.
#[derive(Default)]
pub(super) struct Rows {
    rows: BTreeMap<(PersonId, String), (u64, SealedRow)>,
    /// Rows of batches on their way to the disk: nobody sees them yet.
    storing: BTreeMap<u64, Vec<(u64, SealedRow)>>,
    last: u64,
}

impl Rows {
    pub fn get(&self, person: PersonId, field: &str) -> Option<&SealedRow> {
        self.rows.get(&(person, field.to_owned())).map(|(_, row)| row)
    }

    /// Numbers the rows of a batch that will count once it is durable. A field that is also on its way to the
    /// disk with another batch is written again: that one may fail.
    fn number(&mut self, token: u64, rows: &[SealedRow]) -> Vec<(u64, SealedRow)> {
        let mut numbered = Vec::new();
        for row in rows {
            if self.get(row.person, &row.field).is_some_and(|kept| rank(kept) >= rank(row)) {
                continue;
            }
            let of_field = |it: &&SealedRow| (it.person, &it.field) == (row.person, &row.field);
            let storing = self.storing.values().flatten().map(|(_, row)| row).filter(of_field);
            let greatest = storing.chain([row]).max_by_key(|it| rank(it)).unwrap_or(row).clone();
            self.last += 1;
            numbered.push((self.last, greatest));
        }
        if !numbered.is_empty() {
            self.storing.insert(token, numbered.clone());
        }
        numbered
    }

    /// A batch is durable, or it never will be.
    pub fn stored(&mut self, token: u64, is_durable: bool) {
        let rows = self.storing.remove(&token).unwrap_or_default();
        rows.into_iter().filter(|_| is_durable).for_each(|(number, row)| self.put(number, row));
    }

    /// A row as it was kept.
    fn put(&mut self, number: u64, row: SealedRow) {
        self.last = self.last.max(number);
        let kept = self.get(row.person, &row.field);
        if kept.is_none_or(|kept| rank(kept) < rank(&row)) {
            self.rows.insert((row.person, row.field.clone()), (number, row));
        }
    }

    /// Rows after a number in the order of their numbers, some of them, up to the first that is not durable
    /// yet; and up to which number that goes.
    pub fn after(&self, after: u64) -> (Vec<SealedRow>, u64) {
        let storing = self.storing.values().flatten().map(|(number, _)| number - 1).min();
        let upto = storing.unwrap_or(self.last);
        let due = |(number, _): &&(u64, SealedRow)| (after + 1..=upto).contains(number);
        let mut rows: Vec<&(u64, SealedRow)> = self.rows.values().filter(due).collect();
        rows.sort_by_key(|(number, _)| *number);
        let mut bytes = 0;
        let fits = rows.iter().take_while(|(_, row)| {
            bytes += row.content.len() + ROW_FRAME;
            bytes <= ROWS_AT_ONCE
        });
        let fits = fits.count();
        let upto = if fits < rows.len() { rows[fits.max(1) - 1].0 } else { upto.max(after) };
        (rows.into_iter().take(fits.max(1)).map(|(_, row)| row.clone()).collect(), upto)
    }
}

/// The greater row of a field counts.
fn rank(row: &SealedRow) -> (Stamp, Reverse<[u8; 32]>) {
    (row.stamp, Reverse(row.content_hash().0))
}

fn take<T: DeserializeOwned>(value: &[u8], mut take: impl FnMut(T)) {
    if let Ok(value) = rmp_serde::from_slice(value) {
        take(value);
    }
}

fn record(key: impl Into<String>, value: &impl Serialize) -> Record {
    Record { key: key.into(), value: rmp_serde::to_vec(value).expect("records always encode") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DeviceId, Signature};

    fn row(person: u8, stamp: u64, bytes: usize) -> SealedRow {
        SealedRow {
            branch: BranchId([1; 16]),
            person: PersonId([person; 16]),
            field: "name".into(),
            stamp: Stamp(stamp),
            author: DeviceId([2; 16]),
            content: vec![0; bytes],
            signature: Signature([0; 64]),
        }
    }

    #[test]
    fn rows_are_seen_once_they_are_durable_and_no_number_is_promised_before_that() {
        let mut rows = Rows::default();
        rows.number(1, &[row(1, 5, 8)]);
        rows.number(2, &[row(2, 5, 8)]);
        assert_eq!(rows.after(0), (Vec::new(), 0));
        rows.stored(2, true);
        assert_eq!(rows.after(0), (Vec::new(), 0), "the first is still on its way");
        rows.stored(1, true);
        assert_eq!(rows.after(0), (vec![row(1, 5, 8), row(2, 5, 8)], 2));
    }

    #[test]
    fn a_row_that_came_again_while_it_was_stored_is_kept_though_the_first_try_fails() {
        let mut rows = Rows::default();
        assert_eq!(rows.number(1, &[row(1, 9, 8)]).len(), 1);
        // An older one beside it writes the newer again, so that the disk never goes back.
        assert_eq!(rows.number(2, &[row(1, 5, 8)]), [(2, row(1, 9, 8))]);
        rows.stored(1, false);
        rows.stored(2, true);
        assert_eq!(rows.get(PersonId([1; 16]), "name"), Some(&row(1, 9, 8)));
        assert!(rows.number(3, &[row(1, 9, 8), row(1, 5, 8)]).is_empty());
    }

    #[test]
    fn no_more_rows_go_out_at_once_than_a_frame_takes() {
        let mut rows = Rows::default();
        let all: Vec<SealedRow> = (0..40).map(|n| row(n, 5, 60_000)).collect();
        rows.number(1, &all);
        rows.stored(1, true);
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let (some, upto) = rows.after(after);
            assert!(some.iter().map(|row| row.content.len()).sum::<usize>() <= ROWS_AT_ONCE);
            if upto == after {
                break;
            }
            (after, seen) = (upto, [seen, some].concat());
        }
        assert_eq!(seen, all);
    }
}
