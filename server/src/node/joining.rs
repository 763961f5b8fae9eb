//! Small runs that follow each other on a line become few: the core joins them, because
//! only it may say which runs nobody else is reading for a segment.

use super::core::{Core, StoreShelf};
use super::{Node, NodeError};
use crate::store::{COMPACTED_AT_ONCE, Segment};
use client_core::event::DocumentId;
use client_core::log::{COMPACT_BYTES, LogKey, Run, compact};
use client_core::peer::Batch;
use std::collections::{BTreeMap, BTreeSet};

/// What is joined and what is left as it is.
#[derive(Default)]
pub struct Joining {
    /// Runs of a document up to this number of the feed are in a segment, or are being sealed.
    sealed: BTreeMap<DocumentId, u64>,
    /// Small runs of an actor since its runs were last joined, and up to which change they were.
    small: BTreeMap<LogKey, (usize, u64)>,
}

impl Joining {
    /// With what segments hold already.
    pub fn new(sealed: impl IntoIterator<Item = (DocumentId, u64)>) -> Self {
        let mut joining = Self::default();
        for (document, upto) in sealed {
            joining.keep(document, upto);
        }
        joining
    }

    /// From now on runs up to this number of the feed stay as they are.
    fn keep(&mut self, document: DocumentId, upto: u64) {
        let kept = self.sealed.entry(document).or_default();
        *kept = upto.max(*kept);
    }
}

impl Core {
    /// Joins the runs of every actor that has gathered many small ones.
    pub fn join_grown(&mut self, batch: &Batch) {
        for run in batch.runs.iter().map(|placed| &placed.run).filter(|run| run.bytes.len() < COMPACT_BYTES) {
            let (count, joined) = self.joining.small.entry(run.key()).or_insert((0, run.first_seq - 1));
            *count += 1;
            if *count >= COMPACTED_AT_ONCE {
                let (key, after) = (run.key(), *joined);
                if let Err(error) = self.join_runs(key, after) {
                    tracing::error!(%key, %error, "small runs could not be joined; they stay as they are");
                }
            }
        }
    }

    /// Joins small runs of an actor after a change, a stretch of them. Says how many fewer there are and,
    /// if there may be more to join, after which change.
    ///
    /// An actor whose line ever parted is left alone: a line that parts from another must come after it
    /// in the feed, and a joined run moves to where its last part was.
    fn join_runs(&mut self, key: LogKey, after: u64) -> Result<(usize, Option<u64>), NodeError> {
        self.joining.small.insert(key, (0, after));
        if self.node.peer().ledger().get(&key).is_none_or(|log| log.lines().len() > 1) {
            return Ok((0, None));
        }
        let sealed = self.joining.sealed.get(&key.document).copied().unwrap_or_default();
        let (store, runtime, city) = (&self.shelf.store, &self.shelf.runtime, self.city);
        let small = runtime.block_on(store.small_runs(city, &key, sealed, after))?;
        let as_they_were: BTreeSet<(u64, u64)> =
            small.iter().map(|run| (run.first_seq, run.last_seq)).collect();
        let joined = compact(small).map_err(|error| NodeError::Damaged(format!("{key}: {error}")))?;
        let is_new = |run: &&Run| !as_they_were.contains(&(run.first_seq, run.last_seq));
        let changed: Vec<Run> = joined.iter().filter(is_new).cloned().collect();
        runtime.block_on(store.replace_runs(city, &changed))?;
        let upto = joined.last().map_or(after, |run| run.last_seq);
        self.joining.small.insert(key, (0, upto));
        let fewer = as_they_were.len() - joined.len();
        // The last may take in more of what follows.
        let is_full = as_they_were.len() == COMPACTED_AT_ONCE;
        let before_last = joined.iter().rev().nth(1).map_or(after, |run| run.last_seq);
        Ok((fewer, (is_full && before_last > after).then_some(before_last)))
    }
}

impl Node {
    /// Joins the small runs of a document. Says how many fewer there are.
    pub async fn join_runs(&self, document: DocumentId) -> Result<usize, NodeError> {
        let actors: Vec<LogKey> = self
            .look(move |core| core.node.peer().ledger().of(document).map(|(key, _)| *key).collect())
            .await?;
        let mut fewer = 0;
        for key in actors {
            let mut after = Some(0);
            while let Some(from) = after {
                let (gone, next) = self.look(move |core| core.join_runs(key, from)).await??;
                (fewer, after) = (fewer + gone, next);
            }
        }
        Ok(fewer)
    }

    /// Keeps the recipe of a segment.
    pub async fn put_segment(&self, segment: Segment) -> Result<(), NodeError> {
        let put = move |core: &mut Core| {
            let StoreShelf { store, runtime, .. } = &core.shelf;
            runtime.block_on(store.put_segment(core.city, &segment))
        };
        Ok(self.look(put).await??)
    }

    /// Gives pages that hold nothing back to the file system.
    pub async fn shrink(&self) -> Result<(), NodeError> {
        let shrink = |core: &mut Core| core.shelf.runtime.block_on(core.shelf.store.shrink());
        while self.look(shrink).await?? {}
        Ok(())
    }

    /// From now on runs of a document up to this number of the feed stay as they are.
    pub async fn keep_runs(&self, document: DocumentId, upto: u64) -> Result<(), NodeError> {
        self.look(move |core| core.joining.keep(document, upto)).await
    }
}
