//! What a replica keeps: its records by key, and how it comes back from them.

use super::{Record, Replica};
use crate::author::{Author, OwnLine, Written};
use crate::door::Admitted;
use crate::event::DocumentId;
use crate::identity::Introduction;
use crate::ids::ActorId;
use crate::log::{self, LogKey, Place, Run, Shelf};
use crate::peer::{Batch, Stored};
use crate::sealed::SealedRow;
use crate::sync::{Cursor, Reach};
use crate::time::{HybridClock, Millis};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs by actor, line and place on it.
type Runs = BTreeMap<(LogKey, u8, u64), (Place, Run)>;

impl Replica {
    /// Takes in what the store holds, in any order. What does not hold together (a torn store) is
    /// left out: the upstream has it, or it was never shown as saved.
    pub(super) fn restore(&mut self, records: Vec<Record>, now: Millis) -> Stored {
        let mut stored = Stored::default();
        let mut runs = Runs::new();
        let mut own: BTreeMap<DocumentId, OwnLine> = BTreeMap::new();
        let mut introductions: BTreeMap<LogKey, Vec<u8>> = BTreeMap::new();
        for Record { key, value } in records {
            match key.split_once('/').map_or(key.as_str(), |(kind, _)| kind) {
                "run" => read(&value, |(place, run): (Place, Run)| {
                    runs.insert((run.key(), place.line(), run.first_seq), (place, run));
                }),
                "line" => {
                    read(&value, |(document, actor, bytes): (DocumentId, ActorId, serde_bytes::ByteBuf)| {
                        introductions.insert(LogKey { document, actor }, bytes.into_vec());
                    });
                }
                "own" => read(&value, |(document, line): (DocumentId, OwnLine)| {
                    own.insert(document, line);
                }),
                "reach" => read(&value, |(key, line, reach): (LogKey, u8, Reach)| {
                    stored.reached.0.insert((key, line), reach);
                }),
                "row" => read(&value, |row: SealedRow| self.keep_rows(vec![row])),
                "cursor" => read(&value, |cursor: Cursor| stored.cursor = cursor),
                _ => {}
            }
        }
        for (key, introduction) in introductions {
            self.shelf.introduce(key, introduction);
        }
        for (place, run) in runs.into_values() {
            self.restore_run(place, run, &mut stored, now);
        }
        for (document, line) in own {
            self.author.resume_if_as_left(&stored.ledger, document, line);
        }
        stored
    }

    fn restore_run(&mut self, place: Place, run: Run, stored: &mut Stored, now: Millis) {
        let key = run.key();
        let introduction = self.shelf.introduction(&key).ok().flatten();
        let read = introduction.and_then(|bytes| rmp_serde::from_slice::<Introduction>(&bytes).ok());
        let Some(author) = read.and_then(|introduction| introduction.chain.last().cloned()) else { return };
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
        let Ok(changes) = log::unpack(&run.bytes).map(Arc::new) else { return };
        if fits {
            stored.ledger.push(key, &author, place, start, run.end());
            self.shelf.push(place, run.clone());
            // The clock was kept before it had seen the last runs.
            let seen = self.fold_in(&Admitted { place, run, changes, author, introduction: None });
            self.author.clock_mut().observe(seen, now);
        }
    }
}

/// The clock goes on where it stood, or from the certificate's issue where it never stood.
pub(super) fn resume_clock(records: &[Record], author: &mut Author, now: Millis) {
    let kept = records.iter().rfind(|record| record.key == "clock");
    if let Some(record) = kept {
        read(&record.value, |clock: HybridClock| *author.clock_mut() = clock);
    }
    let issued = author.certificate().issued;
    author.clock_mut().enrolled(issued, now);
}

/// The records of one durable transaction.
pub(super) fn of_batch(batch: &Batch) -> Vec<Record> {
    let mut records = Vec::new();
    for (document, actor, introduction) in &batch.introductions {
        let value = (document, actor, serde_bytes::Bytes::new(introduction));
        records.push(record(format!("line/{document}/{actor}"), &value));
    }
    for placed in &batch.runs {
        let (place, run) = (placed.place, &placed.run);
        let key = format!("run/{}/{}/{}/{:020}", run.document, run.actor, place.line(), run.first_seq);
        records.push(record(key, &(place, run)));
    }
    for (key, line, reach) in &batch.reach {
        records.push(record(format!("reach/{key}/{line}"), &(key, line, reach)));
    }
    for row in &batch.rows {
        records.push(record(format!("row/{}/{}", row.person, row.field), row));
    }
    records.extend(batch.cursor.map(|cursor| record("cursor", &cursor)));
    for (key, value) in &batch.notes {
        records.push(Record { key: key.clone(), value: value.clone() });
    }
    records
}

/// What is kept with own writing: where own lines end.
pub(super) fn notes_of(written: &Written) -> Vec<(String, Vec<u8>)> {
    let own = |(document, line): &(DocumentId, OwnLine)| record(format!("own/{document}"), &(document, line));
    written.lines.iter().map(own).map(|record| (record.key, record.value)).collect()
}

/// What is kept with every transaction: what was heard of the time counts offline too.
pub(super) fn of_clock(clock: &HybridClock) -> Record {
    record("clock", clock)
}

fn read<T: serde::de::DeserializeOwned>(value: &[u8], mut take: impl FnMut(T)) {
    if let Ok(value) = rmp_serde::from_slice(value) {
        take(value);
    }
}

fn record(key: impl Into<String>, value: &impl Serialize) -> Record {
    Record { key: key.into(), value: rmp_serde::to_vec(value).expect("records always encode") }
}
