//! Reading: lines, runs, sealed rows, what has reached where.

use super::{Engine, Store, StoreError, number};
use client_core::domain::{CourseAttendance, CourseTally};
use client_core::event::{DocumentId, Scope};
use client_core::identity::{Certificate, Introduction};
use client_core::ids::{ActorId, BranchId, ChangeHash, CityId, DeviceId, EventId, PersonId, Signature};
use client_core::log::{FeedItem, Ledger, LogKey, Place, Position, Run};
use client_core::peer::Stored;
use client_core::sealed::SealedRow;
use client_core::sync::{CityStatement, Cursor, Reach, Reached};
use client_core::time::Stamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The columns of a run, as [`run_of`] reads them.
pub(super) const RUN: &str = "document, actor, line, first_seq, last_seq, before_hash, last_hash, first_op, events, attestation, bytes, feed";

impl Store {
    /// Everything a peer starts from.
    pub async fn stored(&self, city: CityId) -> Result<Stored, StoreError> {
        let cursor = match self.meta(city, "cursor").await? {
            Some(bytes) => read_back(&bytes)?,
            None => Cursor::default(),
        };
        Ok(Stored {
            ledger: self.ledger(city).await?,
            reached: self.reached(city).await?,
            cursor,
            statements: self.statements(city).await?,
        })
    }

    async fn ledger(&self, city: CityId) -> Result<Ledger, StoreError> {
        let introductions = self.introductions(city).await?;
        let rows = sqlx::query("SELECT lines.document, lines.actor, lines.line, parent, from_seq, from_hash, from_op, last_seq, last_hash, first_op + events FROM lines LEFT JOIN runs ON runs.city = lines.city AND runs.document = lines.document AND runs.actor = lines.actor AND runs.line = lines.line AND last_seq = (SELECT MAX(last_seq) FROM runs AS those WHERE those.city = lines.city AND those.document = lines.document AND those.actor = lines.actor AND those.line = lines.line) WHERE lines.city = $1 ORDER BY lines.document, lines.actor, lines.line")
            .bind(city.0.as_slice())
            .fetch_all(self.written().await?)
            .await?;
        let mut ledger = Ledger::default();
        for row in &rows {
            let key = LogKey { document: document(row, 0)?, actor: ActorId(fixed(row, 1)?) };
            let author = introductions.get(&key).and_then(|introduction| introduction.chain.last());
            let author = author.ok_or_else(|| StoreError::Damaged(format!("{key} has no introduction")))?;
            let (line, parent) = (count(row, 2)? as u8, count(row, 3)? as u8);
            let from = position(row, 4)?;
            let place = if line == 0 { Place::On(0) } else { Place::Parts { parent, line } };
            if row.try_get::<Option<i64>, _>(7)?.is_none() {
                return Err(StoreError::Damaged(format!("line {line} of {key} has no run")));
            }
            ledger.push(key, author, place, from, position(row, 7)?);
        }
        Ok(ledger)
    }

    /// What travels ahead of every actor's changes.
    pub async fn introductions(&self, city: CityId) -> Result<BTreeMap<LogKey, Introduction>, StoreError> {
        let rows = sqlx::query("SELECT document, actor, introduction FROM actors WHERE city = $1")
            .bind(city.0.as_slice())
            .fetch_all(self.written().await?)
            .await?;
        rows.iter()
            .map(|row| {
                let key = LogKey { document: document(row, 0)?, actor: ActorId(fixed(row, 1)?) };
                Ok((key, read_back(&row.try_get::<Vec<u8>, _>(2)?)?))
            })
            .collect()
    }

    /// The introduction of an actor, encoded.
    pub async fn introduction(&self, city: CityId, key: &LogKey) -> Result<Option<Vec<u8>>, StoreError> {
        let row =
            sqlx::query("SELECT introduction FROM actors WHERE city = $1 AND document = $2 AND actor = $3")
                .bind(city.0.as_slice())
                .bind(key.document.to_string())
                .bind(key.actor.0.as_slice())
                .fetch_optional(self.written().await?)
                .await?;
        if row.is_none() {
            self.nothing_waits()?;
        }
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Runs of a line that hold what follows `after`, in order, about `max_bytes` of them, at least
    /// one if there is any.
    pub async fn runs_after(
        &self,
        city: CityId,
        key: &LogKey,
        line: u8,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Run>, StoreError> {
        // One byte asks for the first run alone.
        let at_once = if max_bytes <= 1 { 1 } else { 256 };
        // Where the limit is bound, SQLite prepares the statement anew each time.
        let text = format!(
            "SELECT {RUN} FROM runs WHERE city = $1 AND document = $2 AND actor = $3 AND line = $4 AND last_seq > $5 ORDER BY last_seq LIMIT {at_once}"
        );
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(city.0.as_slice())
            .bind(key.document.to_string())
            .bind(key.actor.0.as_slice())
            .bind(i64::from(line))
            .bind(number(after))
            .fetch_all(self.written().await?)
            .await?;
        if rows.is_empty() {
            self.nothing_waits()?;
        }
        let mut runs = Vec::new();
        let mut bytes = 0;
        for row in &rows {
            let run = run_of(row)?.run;
            bytes += run.bytes.len();
            if !runs.is_empty() && bytes > max_bytes {
                break;
            }
            runs.push(run);
        }
        Ok(runs)
    }

    /// The run whose range of ids holds this one, and its line, for every line that may hold it.
    pub async fn runs_with(&self, city: CityId, event: EventId) -> Result<Vec<FeedItem>, StoreError> {
        let text = format!("SELECT {RUN} FROM runs WHERE city = $1 AND first_id <= $2 AND last_id >= $2");
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(city.0.as_slice())
            .bind(event.0.as_slice())
            .fetch_all(self.wholly_written().await?)
            .await?;
        rows.iter().map(run_of).collect()
    }

    /// Runs after a number of the feed that `reader` may read, about `max_bytes` of them, at least one
    /// if there is any, and the number up to which they were looked for.
    pub async fn feed_after(
        &self,
        city: CityId,
        after: u64,
        reader: &Certificate,
        max_bytes: usize,
    ) -> Result<(Vec<FeedItem>, u64), StoreError> {
        let rows = sqlx::query("SELECT feed, document, LENGTH(bytes) FROM runs WHERE city = $1 AND feed > $2 ORDER BY feed LIMIT 1024")
            .bind(city.0.as_slice())
            .bind(number(after))
            .fetch_all(self.written().await?)
            .await?;
        let (mut wanted, mut bytes, mut upto) = (Vec::new(), 0, after);
        for row in &rows {
            let (feed, size) = (count(row, 0)?, length(row, 2, self.engine)?);
            if reader.may_read(&document(row, 1)?) {
                if !wanted.is_empty() && bytes + size > max_bytes {
                    break;
                }
                bytes += size;
                wanted.push(feed.to_string());
            }
            upto = feed;
        }
        if wanted.is_empty() {
            return Ok((Vec::new(), upto));
        }
        let text = format!(
            "SELECT {RUN} FROM runs WHERE city = $1 AND feed IN ({}) ORDER BY feed",
            wanted.join(",")
        );
        let rows =
            sqlx::query(AssertSqlSafe(text)).bind(city.0.as_slice()).fetch_all(self.written().await?).await?;
        Ok((rows.iter().map(run_of).collect::<Result<_, _>>()?, upto))
    }

    /// Sealed rows after an offset, at most `limit`, and the offset they reach.
    pub async fn sealed_after(
        &self,
        city: CityId,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<SealedRow>, u64), StoreError> {
        let text = format!(
            "SELECT branch, person, field, stamp, author, content, signature, feed FROM sealed_rows WHERE city = $1 AND feed > $2 ORDER BY feed LIMIT {limit}"
        );
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(city.0.as_slice())
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .fetch_all(self.written().await?)
            .await?;
        if rows.is_empty() {
            self.nothing_waits()?;
        }
        let upto = rows.last().map(|row| count(row, 7)).transpose()?.unwrap_or(after);
        let sealed = rows.iter().map(sealed_row).collect::<Result<_, _>>()?;
        Ok((sealed, upto))
    }

    /// All sealed rows of a branch.
    pub async fn sealed_of(&self, city: CityId, branch: BranchId) -> Result<Vec<SealedRow>, StoreError> {
        let rows = sqlx::query("SELECT branch, person, field, stamp, author, content, signature FROM sealed_rows WHERE city = $1 AND branch = $2 ORDER BY person, field")
            .bind(city.0.as_slice())
            .bind(branch.0.as_slice())
            .fetch_all(self.written().await?)
            .await?;
        rows.iter().map(sealed_row).collect()
    }

    async fn reached(&self, city: CityId) -> Result<Reached, StoreError> {
        let rows = sqlx::query("SELECT document, actor, line, upstream_seq, upstream_hash, city_seq FROM reached WHERE city = $1")
            .bind(city.0.as_slice())
            .fetch_all(self.written().await?)
            .await?;
        let mut reached = Reached::default();
        for row in &rows {
            let key = LogKey { document: document(row, 0)?, actor: ActorId(fixed(row, 1)?) };
            let upstream = (count(row, 3)?, ChangeHash(fixed(row, 4)?));
            let reach = Reach { upstream: Some(upstream).filter(|(seq, _)| *seq > 0), city: count(row, 5)? };
            reached.0.insert((key, count(row, 2)? as u8), reach);
        }
        Ok(reached)
    }

    async fn statements(&self, city: CityId) -> Result<BTreeMap<DocumentId, CityStatement>, StoreError> {
        let rows = sqlx::query("SELECT document, bytes FROM statements WHERE city = $1")
            .bind(city.0.as_slice())
            .fetch_all(self.written().await?)
            .await?;
        rows.iter().map(|row| Ok((document(row, 0)?, read_back(&row.try_get::<Vec<u8>, _>(1)?)?))).collect()
    }

    /// One small value of the node itself.
    pub async fn meta(&self, city: CityId, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT bytes FROM meta WHERE city = $1 AND name = $2")
            .bind(city.0.as_slice())
            .bind(name)
            .fetch_optional(self.written().await?)
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// All small values by name.
    pub async fn notes(&self, city: CityId) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let rows = sqlx::query("SELECT name, bytes FROM meta WHERE city = $1")
            .bind(city.0.as_slice())
            .fetch_all(self.written().await?)
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Records by course in one branch's private documents.
    pub async fn course_attendance(
        &self,
        city: CityId,
        branch: BranchId,
    ) -> Result<CourseAttendance, StoreError> {
        let from = format!("{}:{branch}:", Scope::Private);
        let rows = sqlx::query("SELECT course, recorded, attended FROM course_attendance WHERE city = $1 AND document >= $2 AND document < $3")
            .bind(city.0.as_slice())
            .bind(from.as_str())
            .bind(format!("{from}\u{7f}"))
            .fetch_all(self.written().await?)
            .await?;
        let mut attendance = CourseAttendance::default();
        for row in &rows {
            let tally: &mut CourseTally = attendance.courses.entry(row.try_get(0)?).or_default();
            tally.recorded += count(row, 1)?;
            tally.attended += count(row, 2)?;
        }
        Ok(attendance)
    }

    /// The greatest event id among an actor's changes in a document.
    pub async fn greatest_id(&self, city: CityId, key: &LogKey) -> Result<Option<EventId>, StoreError> {
        let row = sqlx::query("SELECT last_id FROM runs WHERE city = $1 AND document = $2 AND actor = $3 ORDER BY last_id DESC LIMIT 1")
            .bind(city.0.as_slice())
            .bind(key.document.to_string())
            .bind(key.actor.0.as_slice())
            .fetch_optional(self.wholly_written().await?)
            .await?;
        row.map(|row| Ok(EventId(fixed(&row, 0)?))).transpose()
    }

    /// What the store takes on disk, in bytes.
    pub async fn size_bytes(&self) -> Result<u64, StoreError> {
        match (self.engine, &self.file) {
            (Engine::Sqlite, Some(path)) => {
                let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
                let wal = PathBuf::from(format!("{}-wal", path.display()));
                Ok(size(path) + size(&wal) + size(&path.with_extension("redo")))
            }
            _ => {
                let row =
                    sqlx::query("SELECT pg_database_size(current_database())").fetch_one(&self.pool).await?;
                count(&row, 0)
            }
        }
    }
}

pub(super) fn run_of(row: &AnyRow) -> Result<FeedItem, StoreError> {
    let run = Run {
        document: document(row, 0)?,
        actor: ActorId(fixed(row, 1)?),
        first_seq: count(row, 3)?,
        last_seq: count(row, 4)?,
        before: ChangeHash(fixed(row, 5)?),
        last_hash: ChangeHash(fixed(row, 6)?),
        first_op: count(row, 7)?,
        events: count(row, 8)? as u32,
        attestation: Signature(fixed(row, 9)?),
        bytes: row.try_get(10)?,
    };
    Ok(FeedItem { offset: count(row, 11)?, line: count(row, 2)? as u8, run })
}

fn position(row: &AnyRow, column: usize) -> Result<Position, StoreError> {
    let (seq, hash) = (count(row, column)?, ChangeHash(fixed(row, column + 1)?));
    Ok(Position { seq, hash, next_op: count(row, column + 2)? })
}

/// PostgreSQL counts lengths in 32 bits.
pub(super) fn length(row: &AnyRow, column: usize, engine: Engine) -> Result<usize, StoreError> {
    let length = match engine {
        Engine::Sqlite => row.try_get::<i64, _>(column)?,
        Engine::Postgres => i64::from(row.try_get::<i32, _>(column)?),
    };
    Ok(length.unsigned_abs() as usize)
}

fn read_back<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn sealed_row(row: &AnyRow) -> Result<SealedRow, StoreError> {
    Ok(SealedRow {
        branch: BranchId(fixed(row, 0)?),
        person: PersonId(fixed(row, 1)?),
        field: row.try_get(2)?,
        stamp: Stamp(count(row, 3)?),
        author: DeviceId(fixed(row, 4)?),
        content: row.try_get(5)?,
        signature: Signature(fixed(row, 6)?),
    })
}

pub(super) fn fixed<const N: usize>(row: &AnyRow, column: usize) -> Result<[u8; N], StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| StoreError::Damaged(format!("a value has {found} bytes instead of {N}")))
}

pub(super) fn count(row: &AnyRow, column: usize) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| StoreError::Damaged(format!("a count is {value}")))
}

pub(super) fn document(row: &AnyRow, column: usize) -> Result<DocumentId, StoreError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(StoreError::Damaged)
}
