//! Runs of a segment: the same door as for a connection, many runs in one transaction, nobody to answer.

use super::{Batch, Effect, Peer, Then, Waiting};
use crate::door::{Admission, Admitted, DoorError};
use crate::log::{Ledger, Run, SegmentRun, Shelf, ShelfError};
use crate::time::Millis;
use std::collections::BTreeSet;

/// About so many bytes of events, unpacked, are held until they are durable.
const MOST_AHEAD: usize = 4 * 1024 * 1024;

/// What passed the door, its batch, and the runs that wait until it is durable.
type Ahead = (Vec<Admitted>, Batch, Vec<SegmentRun>);

impl Peer {
    /// Lets in what passes the door. What is refused is reported; what stands on changes that are not
    /// here is left to the next connection.
    pub(super) fn take_segment(
        &mut self,
        ticket: u64,
        runs: Vec<SegmentRun>,
        taken: usize,
        now: Millis,
        shelf: &dyn Shelf,
    ) {
        if runs.iter().any(|(run, _)| self.busy.contains_key(&run.key())) {
            self.waiting.push_back(Waiting::Segment { ticket, runs, taken });
            return;
        }
        let (admitted, batch, rest) = match self.admit_ahead(runs, shelf) {
            Ok(ahead) => ahead,
            Err(error) => {
                let outcome = Err(format!("could not read its own store: {error}"));
                self.effects.push_back(Effect::SegmentTaken { ticket, outcome });
                return;
            }
        };
        if admitted.is_empty() {
            self.effects.push_back(Effect::SegmentTaken { ticket, outcome: Ok(taken) });
            return;
        }
        // A cursor speaks of what came down its feed; after this the next connection compares heads.
        if self.cursor.since.take().is_some() {
            self.cursor_is_unsaved = true;
        }
        let taken = taken + admitted.len();
        self.persist(batch, admitted, Then::SegmentGoesOn { ticket, rest, taken });
        self.let_in(now, shelf);
    }

    /// Admits run after run on lines that stand where the runs before leave them. The rest begins where a
    /// run needs to look at one that is not durable yet, where enough is held, and at what the store could
    /// not be read for; the error says why that was so at the first.
    fn admit_ahead(&mut self, runs: Vec<SegmentRun>, shelf: &dyn Shelf) -> Result<Ahead, ShelfError> {
        let (mut ahead, mut grown) = (Ledger::default(), BTreeSet::new());
        let (mut admitted, mut batch, mut held) = (Vec::new(), Batch::default(), 0);
        let mut runs = runs.into_iter();
        while let Some((run, introduction)) = runs.next() {
            let (key, seq) = (run.key(), run.first_seq);
            if let Some(log) = self.ledger.get(&key).filter(|_| ahead.get(&key).is_none()) {
                ahead.put(key, log.clone());
            }
            if !self.ledger.kept(&key).is_empty() {
                ahead.close(key, self.ledger.kept(&key).to_vec());
            }
            let follows = |run: &Run| {
                let start = run.start();
                ahead.get(&key).is_some_and(|log| log.line_at(start.seq, start.hash).is_some())
            };
            let looks_back = grown.contains(&key) && run.check_numbers().is_ok() && !follows(&run);
            if looks_back || held > MOST_AHEAD {
                let rest = std::iter::once((run, introduction)).chain(runs).collect();
                return Ok((admitted, batch, rest));
            }
            match self.at_the_door(&ahead, shelf, introduction.clone(), run.clone()) {
                Ok(Admission::New(new)) => {
                    held += new.changes.iter().flatten().map(|put| put.value.len()).sum::<usize>();
                    batch.push(&new, &ahead);
                    ahead.push(key, &new.author, new.place, new.run.start(), new.run.end());
                    grown.insert(key);
                    admitted.push(*new);
                }
                Ok(Admission::Known | Admission::Behind(_)) => {}
                // Nothing is wrong with it.
                Err(DoorError::Shelf(error)) if admitted.is_empty() => return Err(error),
                Err(DoorError::Shelf(_)) => {
                    let rest = std::iter::once((run, introduction)).chain(runs).collect();
                    return Ok((admitted, batch, rest));
                }
                Err(error) => {
                    let reason = error.to_string();
                    self.effects.push_back(Effect::Refused { key, seq, reason, here: true });
                }
            }
        }
        Ok((admitted, batch, Vec::new()))
    }
}
