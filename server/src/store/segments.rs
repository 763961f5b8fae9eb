//! Segments in the store: recipes, not bytes. The file is made again from the runs it names, which no
//! longer change; and compaction, which joins small runs before they are sealed.

use super::read::{count, document, fixed, length, run_of};
use super::script::Script;
use super::writer::FileWriter;
use super::{Store, StoreError, number};
use client_core::event::DocumentId;
use client_core::ids::{ActorId, CityId, SegmentId};
use client_core::log::{COMPACT_BYTES, FeedItem, LogKey, Run, SegmentHeader, unpack};
use rusqlite::Connection;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

/// A sealed stretch of a document: its runs with feed numbers above `after` and up to `upto`.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The document.
    pub document: DocumentId,
    /// The number of the feed it begins after.
    pub after: u64,
    /// The number of the feed it ends at.
    pub upto: u64,
    /// The address of the file.
    pub hash: SegmentId,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The file up to its first run.
    pub header: Vec<u8>,
}

/// What the feed holds of a run.
#[derive(Clone, Copy, Debug)]
pub struct Fed {
    /// Its number.
    pub feed: u64,
    /// The document.
    pub document: DocumentId,
    /// The size of its changes, in bytes.
    pub bytes: usize,
}

/// Where reading the runs of a segment goes on: after this run of this line.
pub type Reading = Option<(ActorId, u8, u64)>;

const SEGMENT: &str = "document, after_feed, upto_feed, hash, size, header";

impl Store {
    /// Keeps a recipe.
    pub async fn put_segment(&self, city: CityId, segment: &Segment) -> Result<(), StoreError> {
        let mut script = Script::default();
        script.push(
            "INSERT INTO segments (city, document, upto_feed, after_feed, hash, size, header) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                city.0.into(),
                segment.document.to_string().as_str().into(),
                segment.upto.into(),
                segment.after.into(),
                segment.hash.0.into(),
                segment.size.into(),
                segment.header.as_slice().into(),
            ],
        );
        self.run_durably(script).await
    }

    /// Every segment, a document's in order.
    pub async fn segments(&self, city: CityId) -> Result<Vec<Segment>, StoreError> {
        let text = format!("SELECT {SEGMENT} FROM segments WHERE city = $1 ORDER BY document, upto_feed");
        let rows =
            sqlx::query(AssertSqlSafe(text)).bind(city.0.as_slice()).fetch_all(self.written().await?).await?;
        rows.iter().map(segment_of).collect()
    }

    /// The last segment of a document.
    pub async fn last_segment(
        &self,
        city: CityId,
        document: DocumentId,
    ) -> Result<Option<Segment>, StoreError> {
        let text = format!(
            "SELECT {SEGMENT} FROM segments WHERE city = $1 AND document = $2 ORDER BY upto_feed DESC LIMIT 1"
        );
        let row = sqlx::query(AssertSqlSafe(text))
            .bind(city.0.as_slice())
            .bind(document.to_string())
            .fetch_optional(self.written().await?)
            .await?;
        row.as_ref().map(segment_of).transpose()
    }

    /// The segment at an address.
    pub async fn segment(&self, city: CityId, hash: SegmentId) -> Result<Option<Segment>, StoreError> {
        let text = format!("SELECT {SEGMENT} FROM segments WHERE city = $1 AND hash = $2");
        let row = sqlx::query(AssertSqlSafe(text))
            .bind(city.0.as_slice())
            .bind(hash.0.as_slice())
            .fetch_optional(self.written().await?)
            .await?;
        row.as_ref().map(segment_of).transpose()
    }

    /// Runs of a segment after the one read last, in the order of the file: by actor, line, sequence.
    pub async fn segment_runs(
        &self,
        city: CityId,
        segment: &Segment,
        reading: Reading,
    ) -> Result<Vec<FeedItem>, StoreError> {
        let (actor, line, seq) = reading.unwrap_or((ActorId([0; 16]), 0, 0));
        let text = format!(
            "SELECT {} FROM runs WHERE city = $1 AND document = $2 AND (actor, line, last_seq) > ($3, $4, $5) AND feed > $6 AND feed <= $7 ORDER BY actor, line, last_seq LIMIT 32",
            super::read::RUN
        );
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(city.0.as_slice())
            .bind(segment.document.to_string())
            .bind(actor.0.as_slice())
            .bind(i64::from(line))
            .bind(number(seq))
            .bind(number(segment.after))
            .bind(number(segment.upto))
            .fetch_all(self.written().await?)
            .await?;
        rows.iter().map(run_of).collect()
    }

    /// What was stored after a number of the feed, a stretch of it.
    pub async fn fed_after(&self, city: CityId, after: u64) -> Result<Vec<Fed>, StoreError> {
        let rows = sqlx::query("SELECT feed, document, LENGTH(bytes) FROM runs WHERE city = $1 AND feed > $2 ORDER BY feed LIMIT 1024")
            .bind(city.0.as_slice())
            .bind(number(after))
            .fetch_all(self.written().await?)
            .await?;
        rows.iter().map(|row| self.fed_of(row)).collect()
    }

    /// The runs of one document after a number of the feed, by number, without their changes.
    pub async fn fed_of_document(
        &self,
        city: CityId,
        document: DocumentId,
        after: u64,
    ) -> Result<Vec<Fed>, StoreError> {
        let rows = sqlx::query("SELECT feed, document, LENGTH(bytes) FROM runs WHERE city = $1 AND document = $2 AND feed > $3 ORDER BY feed")
            .bind(city.0.as_slice())
            .bind(document.to_string())
            .bind(number(after))
            .fetch_all(self.written().await?)
            .await?;
        rows.iter().map(|row| self.fed_of(row)).collect()
    }

    /// Small runs of line 0 with feed numbers above `fed` and changes after `seq`, in order, at most
    /// [`COMPACTED_AT_ONCE`] of them.
    pub async fn small_runs(
        &self,
        city: CityId,
        key: &LogKey,
        fed: u64,
        seq: u64,
    ) -> Result<Vec<Run>, StoreError> {
        let text = format!(
            "SELECT {} FROM runs WHERE city = $1 AND document = $2 AND actor = $3 AND line = 0 AND last_seq > $4 AND feed > $5 AND LENGTH(bytes) < {COMPACT_BYTES} ORDER BY last_seq LIMIT {COMPACTED_AT_ONCE}",
            super::read::RUN
        );
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(city.0.as_slice())
            .bind(key.document.to_string())
            .bind(key.actor.0.as_slice())
            .bind(number(seq))
            .bind(number(fed))
            .fetch_all(self.written().await?)
            .await?;
        rows.iter().map(|row| Ok(run_of(row)?.run)).collect()
    }

    /// Puts joined runs in the place of those they were joined from, in one transaction. A joined run
    /// keeps the number of its last part: whoever read the feed up to there holds all of it.
    pub async fn replace_runs(&self, city: CityId, joined: &[Run]) -> Result<(), StoreError> {
        let mut script = Script::default();
        for run in joined {
            let (key, document) = (run.key(), run.document.to_string());
            let changes = unpack(&run.bytes).map_err(|error| StoreError::Damaged(error.to_string()))?;
            let ids = || changes.iter().flatten().map(|put| put.id);
            let (Some(first_id), Some(last_id)) = (ids().min(), ids().max()) else { continue };
            script.push_one(
                "UPDATE runs SET first_seq = $1, before_hash = $2, first_op = $3, events = $4, first_id = $5, last_id = $6, bytes = $7 WHERE city = $8 AND document = $9 AND actor = $10 AND line = 0 AND last_seq = $11 AND last_hash = $12",
                [
                    run.first_seq.into(),
                    run.before.0.into(),
                    run.first_op.into(),
                    i64::from(run.events).into(),
                    first_id.0.into(),
                    last_id.0.into(),
                    run.bytes.as_slice().into(),
                    city.0.into(),
                    document.as_str().into(),
                    run.actor.0.into(),
                    run.last_seq.into(),
                    run.last_hash.0.into(),
                ],
                move || StoreError::Damaged(format!("the last part of a joined run of {key} is gone")),
            );
            script.push(
                "DELETE FROM runs WHERE city = $1 AND document = $2 AND actor = $3 AND line = 0 AND last_seq >= $4 AND last_seq < $5",
                [
                    city.0.into(),
                    document.as_str().into(),
                    run.actor.0.into(),
                    run.first_seq.into(),
                    run.last_seq.into(),
                ],
            );
        }
        if joined.is_empty() { Ok(()) } else { self.run_durably(script).await }
    }

    /// Gives some pages that hold nothing back to the file system, a part of them so that others can write
    /// before the next; says whether there are more. PostgreSQL uses them again by itself.
    pub async fn shrink(&self) -> Result<bool, StoreError> {
        const KEPT: i64 = 256;
        let _given = self.given.lock().await;
        let mut writer = self.file_writer();
        let Some(FileWriter { file, .. }) = writer.as_mut() else { return Ok(false) };
        let free =
            |file: &Connection| file.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
        let before = free(file)?;
        if before <= KEPT {
            return Ok(false);
        }
        let mut freeing = file.prepare("PRAGMA incremental_vacuum(256)")?;
        let mut freed = freeing.query([])?;
        while freed.next()?.is_some() {}
        // A file that was made without this setting keeps its pages.
        let after = free(file)?;
        Ok(after < before && after > KEPT)
    }

    fn fed_of(&self, row: &AnyRow) -> Result<Fed, StoreError> {
        Ok(Fed { feed: count(row, 0)?, document: document(row, 1)?, bytes: length(row, 2, self.engine)? })
    }
}

/// The most runs that are joined in one go.
pub const COMPACTED_AT_ONCE: usize = 512;

fn segment_of(row: &AnyRow) -> Result<Segment, StoreError> {
    Ok(Segment {
        document: document(row, 0)?,
        after: count(row, 1)?,
        upto: count(row, 2)?,
        hash: SegmentId(fixed(row, 3)?),
        size: count(row, 4)?,
        header: row.try_get(5)?,
    })
}

impl Segment {
    /// What the header says.
    pub fn describe(&self) -> Result<SegmentHeader, StoreError> {
        SegmentHeader::decode(&self.header).map_err(|error| StoreError::Damaged(error.to_string()))
    }
}
