//! What a replica keeps: its records by key, and how it comes back from them.

use super::{Record, Replica};
use crate::author::OwnLine;
use crate::event::DocumentId;
use crate::identity::Introduction;
use crate::ids::ActorId;
use crate::log::Run;
use crate::sealed::SealedRow;
use crate::time::{HybridClock, Stamp};
use serde::Serialize;
use std::collections::BTreeMap;

impl Replica {
    /// Takes in what the store holds, in any order.
    pub(super) fn restore(&mut self, records: Vec<Record>) {
        let mut runs: BTreeMap<(DocumentId, ActorId, u64), Run> = BTreeMap::new();
        let mut lines: BTreeMap<(DocumentId, ActorId), Vec<u8>> = BTreeMap::new();
        for Record { key, value } in records {
            match key.split_once('/').map_or(key.as_str(), |(kind, _)| kind) {
                "run" => read(&value, |run: Run| {
                    runs.insert((run.document, run.actor, run.first_seq), run);
                }),
                "line" => {
                    read(&value, |(document, actor, bytes): (DocumentId, ActorId, serde_bytes::ByteBuf)| {
                        lines.insert((document, actor), bytes.into_vec());
                    })
                }
                "reach" => read(&value, |(document, actor, reach): (DocumentId, ActorId, (u64, u64))| {
                    self.delivered.insert((document, actor), reach);
                }),
                "row" => read(&value, |row: SealedRow| self.keep_rows(vec![row])),
                "clock" => read(&value, |last: Stamp| *self.author.clock_mut() = HybridClock::resume(last)),
                "rows_read" => {
                    read(&value, |(epoch, upto): (u64, u64)| (self.epoch, self.rows_read) = (epoch, upto))
                }
                _ => {}
            }
        }
        for (_, run) in runs {
            self.restore_run(run, &lines);
        }
    }

    /// A run that does not continue its line (a torn store) is left out: the upstream has it or it
    /// was never shown as saved.
    fn restore_run(&mut self, run: Run, lines: &BTreeMap<(DocumentId, ActorId), Vec<u8>>) {
        let line = lines.get(&(run.document, run.actor));
        let introduction = line.and_then(|bytes| rmp_serde::from_slice::<Introduction>(bytes).ok());
        let Some((bytes, introduction)) = line.zip(introduction) else { return };
        let Some(author) = introduction.chain.last().cloned() else { return };
        let at =
            self.lines.get(run.document, run.actor).map_or(crate::log::Position::START, |line| line.position);
        let Ok(changes) = crate::log::unpack(&run.bytes) else { return };
        if run.start() != at {
            return;
        }
        let (document, actor, end) = (run.document, run.actor, run.end());
        self.take_in(run, Some(bytes.clone()), &author, &changes);
        if author.key == self.author.key().public() {
            let line = OwnLine { actor, nonce: introduction.nonce, position: end };
            self.author.resume(document, line);
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &[u8], mut take: impl FnMut(T)) {
    if let Ok(value) = rmp_serde::from_slice(value) {
        take(value);
    }
}

pub(super) fn record(key: impl Into<String>, value: &impl Serialize) -> Record {
    Record { key: key.into(), value: rmp_serde::to_vec(value).expect("records always encode") }
}

pub(super) fn run_record(run: &Run) -> Record {
    record(format!("run/{}/{}/{:020}", run.document, run.actor, run.first_seq), run)
}

pub(super) fn line_record(run: &Run, introduction: Vec<u8>) -> Record {
    let value = (run.document, run.actor, serde_bytes::ByteBuf::from(introduction));
    record(format!("line/{}/{}", run.document, run.actor), &value)
}

pub(super) fn reach_record(document: DocumentId, actor: ActorId, reach: (u64, u64)) -> Record {
    record(format!("reach/{document}/{actor}"), &(document, actor, reach))
}

pub(super) fn row_record(row: &SealedRow) -> Record {
    record(format!("row/{}/{}", row.person, row.field), row)
}
