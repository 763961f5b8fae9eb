//! The sealer: joins the small runs of documents that have come to rest, and seals what is enough for
//! a segment.

use crate::node::{Node, NodeError};
use crate::store::{Segment, StoreError};
use crate::sync::now;
use client_core::event::DocumentId;
use client_core::ids::SegmentId;
use client_core::log::{MAX_HEADER_BYTES, Run, SegmentHeader, segment_record};
use client_core::time::{Day, Quarter};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How often the sealer looks; what grew since its last look is left alone.
const PERIOD: Duration = Duration::from_secs(5);
/// A document that failed is left alone for so many looks.
const LEFT_ALONE: u32 = 720;
/// So many runs since they were last joined are worth it.
const MANY_RUNS: usize = 32;
/// A document of a quarter that is over is sealed from here on, in bytes of changes.
const CLOSED_BYTES: usize = 16 * 1024;
/// A document that is still written in.
const OPEN_BYTES: usize = 1024 * 1024;
/// A segment ends once it has so many; the sealer holds them in memory.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What of a document is not sealed.
#[derive(Debug, Default)]
struct Tail {
    /// The number of the feed all before which is sealed.
    sealed: u64,
    /// Runs since they were last joined.
    runs: usize,
    /// Bytes of changes.
    bytes: usize,
}

/// The job's own memory.
pub struct Sealer {
    node: Arc<Node>,
    scanned: u64,
    tails: BTreeMap<DocumentId, Tail>,
    /// Documents that failed, and how many looks they are left alone.
    failed: BTreeMap<DocumentId, u32>,
}

/// Looks again and again. Runs until dropped.
pub async fn run(node: Arc<Node>) {
    let mut looks = tokio::time::interval(PERIOD);
    let mut sealer = loop {
        looks.tick().await;
        match Sealer::open(node.clone()).await {
            Ok(sealer) => break sealer,
            Err(error) => tracing::error!(%error, "the sealer cannot start: it tries again"),
        }
    };
    loop {
        looks.tick().await;
        match sealer.look(now().day()).await {
            Ok(()) => {}
            Err(NodeError::Stopping) => return,
            Err(error) => tracing::error!(%error, "the sealer could not finish: it tries again"),
        }
    }
}

/// Whether it is no fault of the document that was being sealed.
fn is_passing(error: &NodeError) -> bool {
    match error {
        NodeError::Store(error) => !matches!(error, StoreError::Damaged(_)),
        NodeError::NotSaved(_) | NodeError::DiskFull(_) | NodeError::Stopping => true,
        _ => false,
    }
}

impl Sealer {
    /// Goes on where segments end.
    pub async fn open(node: Arc<Node>) -> Result<Self, NodeError> {
        let mut tails: BTreeMap<DocumentId, Tail> = BTreeMap::new();
        for segment in node.store().segments(node.city()).await? {
            tails.entry(segment.document).or_default().sealed = segment.upto;
        }
        Ok(Self { node, scanned: 0, tails, failed: BTreeMap::new() })
    }

    /// Joins and seals what did not grow since the last look.
    pub async fn look(&mut self, today: Day) -> Result<(), NodeError> {
        let grown = self.scan().await?;
        self.failed.retain(|_, looks| {
            *looks -= 1;
            *looks > 0
        });
        let rests = |document: &&DocumentId| !grown.contains(document) && !self.failed.contains_key(document);
        let resting: Vec<DocumentId> = self.tails.keys().filter(rests).copied().collect();
        for document in resting {
            match self.look_at(document, today).await {
                Ok(()) => {}
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => {
                    tracing::error!(%document, %error, "not joined or sealed: it is left alone for an hour");
                    self.failed.insert(document, LEFT_ALONE);
                }
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, document: DocumentId, today: Day) -> Result<(), NodeError> {
        let tail = &self.tails[&document];
        let enough = if document.period < Quarter::of(today) { CLOSED_BYTES } else { OPEN_BYTES };
        if tail.runs >= MANY_RUNS || (tail.bytes >= enough && tail.runs > 1) {
            self.join(document).await?;
        }
        while self.tails[&document].bytes >= enough && self.seal(document).await? {}
        Ok(())
    }

    /// Reads on in the feed; says which documents grew.
    async fn scan(&mut self) -> Result<BTreeSet<DocumentId>, NodeError> {
        let mut grown = BTreeSet::new();
        loop {
            let fed = self.node.store().fed_after(self.node.city(), self.scanned).await?;
            let Some(last) = fed.last() else { return Ok(grown) };
            self.scanned = last.feed;
            for run in fed {
                let tail = self.tails.entry(run.document).or_default();
                if run.feed > tail.sealed {
                    tail.runs += 1;
                    tail.bytes += run.bytes;
                    grown.insert(run.document);
                }
            }
        }
    }

    /// Joins the small runs of a document.
    async fn join(&mut self, document: DocumentId) -> Result<(), NodeError> {
        let gone = self.node.join_runs(document).await?;
        if gone > 0 {
            self.node.shrink().await?;
            tracing::debug!(%document, gone, "small runs joined");
        }
        self.count(document).await
    }

    /// Counts what is not sealed anew.
    async fn count(&mut self, document: DocumentId) -> Result<(), NodeError> {
        let sealed = self.tails[&document].sealed;
        let fed = self.node.store().fed_of_document(self.node.city(), document, sealed).await?;
        let bytes = fed.iter().filter(|run| run.feed <= self.scanned).map(|run| run.bytes).sum();
        self.tails.insert(document, Tail { sealed, runs: 0, bytes });
        Ok(())
    }

    /// Seals the next stretch; says whether there was one.
    async fn seal(&mut self, document: DocumentId) -> Result<bool, NodeError> {
        let (store, city) = (self.node.store(), self.node.city());
        let (after, mut upto, mut bytes) = (self.tails[&document].sealed, 0, 0);
        for run in store.fed_of_document(city, document, after).await? {
            if bytes >= MOST_BYTES || run.feed > self.scanned {
                break;
            }
            (upto, bytes) = (run.feed, bytes + run.bytes);
        }
        if bytes == 0 {
            return self.count(document).await.map(|()| false);
        }
        self.node.keep_runs(document, upto).await?;
        let mut segment =
            Segment { document, after, upto, hash: SegmentId([0; 32]), size: 0, header: Vec::new() };
        let runs = self.runs_of(&segment).await?;
        if runs.is_empty() {
            // They were joined with later ones meanwhile.
            return self.count(document).await.map(|()| false);
        }
        let from = match store.last_segment(city, document).await? {
            Some(last) => last.describe()?.to,
            None => Vec::new(),
        };
        let mut header = SegmentHeader::over(city, document, from, &runs);
        for run in runs.iter().filter(|run| run.first_seq == 1) {
            let introduction = store.introduction(city, &run.key()).await?;
            let missing = || NodeError::Damaged(format!("{} has no introduction", run.key()));
            header.introductions.push((run.actor, ByteBuf::from(introduction.ok_or_else(missing)?)));
        }
        segment.header = header.encode();
        if segment.header.len() > MAX_HEADER_BYTES {
            let authors = header.to.len();
            return Err(NodeError::Refused(format!("too many lines for a segment's header: {authors}")));
        }
        let mut hasher = Sha256::new_with_prefix(&segment.header);
        segment.size = segment.header.len() as u64;
        for run in &runs {
            let record = segment_record(run);
            hasher.update(&record);
            segment.size += record.len() as u64;
        }
        segment.hash = SegmentId(hasher.finalize().into());
        tracing::info!(%document, hash = %segment.hash, runs = runs.len(), bytes = segment.size, "segment sealed");
        self.node.put_segment(segment).await?;
        let tail = self.tails.entry(document).or_default();
        tail.sealed = upto;
        tail.bytes = tail.bytes.saturating_sub(bytes);
        Ok(true)
    }

    async fn runs_of(&self, segment: &Segment) -> Result<Vec<Run>, NodeError> {
        let (mut runs, mut reading) = (Vec::new(), None);
        loop {
            let items = self.node.store().segment_runs(self.node.city(), segment, reading).await?;
            let Some(last) = items.last() else { return Ok(runs) };
            reading = Some((last.run.actor, last.line, last.run.last_seq));
            runs.extend(items.into_iter().map(|item| item.run));
        }
    }
}
