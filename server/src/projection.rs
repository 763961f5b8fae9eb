//! Projections: views kept as rows of the store, written in the transaction that stores the events.
//! They can be made again from the runs at any time.

use crate::store::StoreError;
use client_core::domain::{CourseAttendance, CourseTally, History};
use client_core::ids::EventId;
use client_core::log::{Ledger, LogKey, Shelf};
use client_core::peer::{Batch, Placed};
use std::collections::{BTreeMap, BTreeSet};

/// A row of the course attendance: of one course, from one actor's events in one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CourseCount {
    /// Whose events.
    pub key: LogKey,
    /// The course's name.
    pub course: String,
    /// The counts.
    pub tally: CourseTally,
    /// Whether these are all there are; else they come on top.
    pub is_whole: bool,
}

/// Keeps attendance by course up to date.
#[derive(Default)]
pub struct CourseProjection {
    /// The greatest event id of each actor's log, once it was asked for.
    greatest: BTreeMap<LogKey, Option<EventId>>,
}

impl CourseProjection {
    /// What a batch changes. An event counts once however often it comes: where ids may be known
    /// already, all of that actor's events in the document are folded anew. Runs without records of this
    /// projection cost no more than a look at their kinds.
    pub fn of(
        &mut self,
        batch: &Batch,
        ledger: &Ledger,
        shelf: &dyn Shelf,
        mut greatest: impl FnMut(&LogKey) -> Result<Option<EventId>, StoreError>,
    ) -> Result<Vec<CourseCount>, StoreError> {
        let mut runs: BTreeMap<LogKey, Vec<&Placed>> = BTreeMap::new();
        let mut again = BTreeSet::new();
        for placed in &batch.runs {
            let key = placed.run.key();
            let known = match self.greatest.get(&key) {
                Some(known) => *known,
                None if placed.begins => None,
                None => greatest(&key)?,
            };
            let (first, last) = placed.id_range().unzip();
            self.greatest.insert(key, known.max(last));
            if !placed.changes.iter().flatten().any(|put| is_record(&put.value)) {
                continue;
            }
            if known.is_some() && first <= known {
                again.insert(key);
            }
            runs.entry(key).or_default().push(placed);
        }
        let mut counts = Vec::new();
        for (key, runs) in runs {
            let is_whole = again.contains(&key);
            let mut history = History::default();
            if is_whole {
                read_log(&mut history, &key, ledger, shelf)?;
            }
            for placed in runs {
                history.load(&placed.run, &placed.author, &placed.changes);
            }
            history.settle();
            let mut attendance = CourseAttendance::default();
            history.ranked().for_each(|entry| attendance.apply(entry));
            let rows = attendance.courses.into_iter();
            counts.extend(rows.map(|(course, tally)| CourseCount { key, course, tally, is_whole }));
        }
        Ok(counts)
    }

    /// A batch was not stored: what is known of its actors is asked for again.
    pub fn forget(&mut self, batch: &Batch) {
        self.greatest.retain(|key, _| batch.runs.iter().all(|placed| placed.run.key() != *key));
    }
}

/// Whether an event is of the one kind that this projection counts: its name leads the envelope.
fn is_record(value: &[u8]) -> bool {
    value.get(1..).is_some_and(|rest| rest.starts_with(b"\xaebench.recorded"))
}

/// All stored changes of one actor in a document.
fn read_log(
    history: &mut History,
    key: &LogKey,
    ledger: &Ledger,
    shelf: &dyn Shelf,
) -> Result<(), StoreError> {
    const AT_ONCE: usize = 1024 * 1024;
    let Some(log) = ledger.get(key) else { return Ok(()) };
    let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(format!("{key}: {error}"));
    for (number, line) in log.lines().iter().enumerate() {
        let mut after = line.from.seq;
        while after < line.head.seq {
            let runs =
                shelf.runs_after(key, number as u8, after, AT_ONCE).map_err(|error| damaged(&error))?;
            let Some(last) = runs.last() else { return Err(damaged(&"changes are missing")) };
            after = last.last_seq;
            for run in &runs {
                let changes = client_core::log::unpack(&run.bytes).map_err(|error| damaged(&error))?;
                history.load(run, &log.author, &changes);
            }
        }
    }
    Ok(())
}
