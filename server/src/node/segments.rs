//! Segments at a node: the list for whoever asks, a file made again from its recipe, and taking one in.

use super::core::Message;
use super::{Node, NodeError};
use crate::store::{Reading, Segment};
use client_core::event::DocumentId;
use client_core::identity::Certificate;
use client_core::ids::{CityId, SegmentId};
use client_core::log::{Head, Ledger, LogKey, SegmentRun, segment_record};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The segments somebody may read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SegmentList {
    /// The city.
    pub city: CityId,
    /// A document's in order.
    pub segments: Vec<ListedSegment>,
}

/// A segment as the list names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedSegment {
    /// The document.
    pub document: DocumentId,
    /// The address of the file.
    pub hash: SegmentId,
    /// The size of the file.
    pub bytes: u64,
    /// How many runs it holds.
    pub runs: u64,
    /// Every line's head before it.
    pub from: Vec<Head>,
    /// Every line's head after it.
    pub to: Vec<Head>,
}

impl Node {
    /// The segments that the holder of this certificate may read.
    pub async fn segments_for(&self, reader: &Certificate) -> Result<SegmentList, NodeError> {
        let mut segments = self.store.segments(self.city).await?;
        segments.retain(|segment| reader.may_read(&segment.document));
        let listed = segments.into_iter().filter_map(|segment| {
            let described = segment.describe();
            let Segment { document, hash, size: bytes, .. } = segment;
            let header = described
                .inspect_err(|error| tracing::error!(%hash, %error, "a segment is not listed"))
                .ok()?;
            Some(ListedSegment { document, hash, bytes, runs: header.runs, from: header.from, to: header.to })
        });
        Ok(SegmentList { city: self.city, segments: listed.collect() })
    }

    /// Whether this node has a place in its upstream's feed: then the session alone brings what is new.
    pub async fn follows_upstream(&self) -> Result<bool, NodeError> {
        self.look(|core| core.node.peer().cursor().since.is_some()).await
    }

    /// Whether a segment is worth fetching: it continues what is held here, and nothing of it is; or,
    /// where its file is here in part, not all of it.
    pub async fn wants_segment(&self, listed: &ListedSegment, is_begun: bool) -> Result<bool, NodeError> {
        let listed = listed.clone();
        self.look(move |core| {
            let ledger = core.node.peer().ledger();
            let holds = |head: &Head| reached(ledger, listed.document, head) >= head.seq;
            let news = || listed.to.iter().filter(|head| !listed.from.contains(head));
            let untouched = |head: &Head| {
                let before = listed.from.iter().filter(|from| from.actor == head.actor).map(|from| from.seq);
                reached(ledger, listed.document, head) <= before.max().unwrap_or(0)
            };
            let wanted = if is_begun { !news().all(holds) } else { news().all(untouched) };
            wanted && listed.from.iter().all(holds)
        })
        .await
    }

    /// Takes in runs of a segment; they are durable when it returns. Says how many were new.
    pub async fn take_segment(&self, runs: Vec<SegmentRun>) -> Result<usize, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Segment(runs, reply)).await?;
        answer.await.map_err(|_| NodeError::Stopping)?
    }

    /// The segment at an address.
    pub async fn segment(&self, hash: SegmentId) -> Result<Option<Segment>, NodeError> {
        Ok(self.store.segment(self.city, hash).await?)
    }
}

/// How far any line of this head's actor goes here.
fn reached(ledger: &Ledger, document: DocumentId, head: &Head) -> u64 {
    let log = ledger.get(&LogKey { document, actor: head.actor });
    log.map_or(0, |log| log.lines().iter().map(|line| line.head.seq).max().unwrap_or(0))
}

/// A segment's file, or a part of it, piece by piece.
pub struct SegmentFile {
    node: Arc<Node>,
    segment: Segment,
    reading: Reading,
    began: bool,
    skip: u64,
    left: u64,
}

impl SegmentFile {
    /// `length` bytes of the file from `first` on; both lie within it.
    pub fn part(node: Arc<Node>, segment: Segment, first: u64, length: u64) -> Self {
        Self { node, segment, reading: None, began: false, skip: first, left: length }
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, NodeError> {
        while self.left > 0 {
            let piece = self.read_on().await?;
            let from = usize::try_from(self.skip).map_or(piece.len(), |skip| skip.min(piece.len()));
            self.skip -= from as u64;
            let kept = &piece[from..];
            let kept = &kept[..usize::try_from(self.left).map_or(kept.len(), |left| left.min(kept.len()))];
            self.left -= kept.len() as u64;
            if !kept.is_empty() {
                return Ok(Some(kept.to_vec()));
            }
        }
        Ok(None)
    }

    async fn read_on(&mut self) -> Result<Vec<u8>, NodeError> {
        if !self.began {
            self.began = true;
            return Ok(self.segment.header.clone());
        }
        let items = self.node.store.segment_runs(self.node.city, &self.segment, self.reading).await?;
        let Some(last) = items.last() else {
            return Err(NodeError::Damaged(format!("runs of segment {} are missing", self.segment.hash)));
        };
        self.reading = Some((last.run.actor, last.line, last.run.last_seq));
        Ok(items.iter().flat_map(|item| segment_record(&item.run)).collect())
    }
}
