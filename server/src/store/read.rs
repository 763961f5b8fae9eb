//! Reading: lines, runs, sealed rows, what has reached where.

use super::{Engine, Store, StoreError, number};
use client_core::event::DocumentId;
use client_core::ids::{ActorId, BranchId, ChangeHash, CityId, DeviceId, PersonId, Signature};
use client_core::log::Run;
use client_core::sealed::SealedRow;
use client_core::time::Stamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// Where a stored line stands.
#[derive(Clone, Debug)]
pub struct StoredLine {
    /// The document.
    pub document: DocumentId,
    /// The line.
    pub actor: ActorId,
    /// Sequence number of the last change.
    pub seq: u64,
    /// Its hash.
    pub hash: ChangeHash,
    /// Number of the next operation.
    pub next_op: u64,
    /// Introduction, encoded.
    pub introduction: Vec<u8>,
}

impl Store {
    /// Every line of the city.
    pub async fn lines(&self, city: CityId) -> Result<Vec<StoredLine>, StoreError> {
        let rows = sqlx::query(
            "SELECT document, actor, seq, hash, next_op, introduction FROM lines WHERE city = $1",
        )
        .bind(city.0.as_slice())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(StoredLine {
                    document: document(row, 0)?,
                    actor: ActorId(fixed(row, 1)?),
                    seq: count(row, 2)?,
                    hash: ChangeHash(fixed(row, 3)?),
                    next_op: count(row, 4)?,
                    introduction: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// The introduction of a line, encoded.
    pub async fn introduction(
        &self,
        city: CityId,
        document: &DocumentId,
        actor: ActorId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row =
            sqlx::query("SELECT introduction FROM lines WHERE city = $1 AND document = $2 AND actor = $3")
                .bind(city.0.as_slice())
                .bind(document.to_string())
                .bind(actor.0.as_slice())
                .fetch_optional(&self.pool)
                .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Runs of a line that hold what follows `after`, in order, about `max_bytes` of them, at least
    /// one if there is any.
    pub async fn runs_after(
        &self,
        city: CityId,
        document_id: &DocumentId,
        actor: ActorId,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Run>, StoreError> {
        const AT_ONCE: i64 = 256;
        let rows = sqlx::query("SELECT first_seq, last_seq, before_hash, last_hash, first_op, events, attestation, bytes FROM runs WHERE city = $1 AND document = $2 AND actor = $3 AND last_seq > $4 ORDER BY last_seq LIMIT $5")
            .bind(city.0.as_slice())
            .bind(document_id.to_string())
            .bind(actor.0.as_slice())
            .bind(number(after))
            .bind(AT_ONCE)
            .fetch_all(&self.pool)
            .await?;
        let mut runs = Vec::new();
        let mut bytes = 0;
        for row in &rows {
            let run = Run {
                document: *document_id,
                actor,
                first_seq: count(row, 0)?,
                last_seq: count(row, 1)?,
                before: ChangeHash(fixed(row, 2)?),
                last_hash: ChangeHash(fixed(row, 3)?),
                first_op: count(row, 4)?,
                events: count(row, 5)? as u32,
                attestation: Signature(fixed(row, 6)?),
                bytes: row.try_get(7)?,
            };
            bytes += run.bytes.len();
            if !runs.is_empty() && bytes > max_bytes {
                break;
            }
            runs.push(run);
        }
        Ok(runs)
    }

    /// Sealed rows after an offset, at most `limit`, and the offset they reach.
    pub async fn sealed_after(
        &self,
        city: CityId,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<SealedRow>, u64), StoreError> {
        let rows = sqlx::query("SELECT branch, person, field, stamp, author, content, signature, feed FROM sealed_rows WHERE city = $1 AND feed > $2 ORDER BY feed LIMIT $3")
            .bind(city.0.as_slice())
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(number(limit as u64))
            .fetch_all(&self.pool)
            .await?;
        let upto = rows.last().map(|row| count(row, 7)).transpose()?.unwrap_or(after);
        let sealed = rows.iter().map(sealed_row).collect::<Result<_, _>>()?;
        Ok((sealed, upto))
    }

    /// All sealed rows of a branch.
    pub async fn sealed_of(&self, city: CityId, branch: BranchId) -> Result<Vec<SealedRow>, StoreError> {
        let rows = sqlx::query("SELECT branch, person, field, stamp, author, content, signature FROM sealed_rows WHERE city = $1 AND branch = $2 ORDER BY person, field")
            .bind(city.0.as_slice())
            .bind(branch.0.as_slice())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(sealed_row).collect()
    }

    /// How far each line has reached: at the upstream, at the city.
    pub async fn reached(
        &self,
        city: CityId,
    ) -> Result<BTreeMap<(DocumentId, ActorId), (u64, u64)>, StoreError> {
        let rows = sqlx::query("SELECT document, actor, upstream_seq, city_seq FROM reached WHERE city = $1")
            .bind(city.0.as_slice())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok(((document(row, 0)?, ActorId(fixed(row, 1)?)), (count(row, 2)?, count(row, 3)?))))
            .collect()
    }

    /// The city's last word on a document, encoded.
    pub async fn statement(
        &self,
        city: CityId,
        document: &DocumentId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT bytes FROM statements WHERE city = $1 AND document = $2")
            .bind(city.0.as_slice())
            .bind(document.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// One small value of the node itself.
    pub async fn meta(&self, city: CityId, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT bytes FROM meta WHERE city = $1 AND name = $2")
            .bind(city.0.as_slice())
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// What the store takes on disk, in bytes.
    pub async fn size_bytes(&self) -> Result<u64, StoreError> {
        match (self.engine, &self.file) {
            (Engine::Sqlite, Some(path)) => {
                let size = |suffix: &str| {
                    let name = format!("{}{suffix}", path.display());
                    std::fs::metadata(name).map_or(0, |metadata| metadata.len())
                };
                Ok(size("") + size("-wal"))
            }
            _ => {
                let row =
                    sqlx::query("SELECT pg_database_size(current_database())").fetch_one(&self.pool).await?;
                count(&row, 0)
            }
        }
    }
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

fn document(row: &AnyRow, column: usize) -> Result<DocumentId, StoreError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(StoreError::Damaged)
}
