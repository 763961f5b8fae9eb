//! Writing: everything one batch holds, in one durable transaction.

use super::{Engine, Store, StoreError, number};
use client_core::event::DocumentId;
use client_core::ids::{CityId, EventId};
use client_core::log::{LogKey, Place};
use client_core::peer::{Batch, Placed};
use client_core::sealed::SealedRow;
use client_core::sync::Reach;
use sqlx::{Any, Row, Transaction};

impl Store {
    /// Writes a batch in one durable transaction, or nothing of it. Returns the number of the run
    /// stored last.
    pub async fn commit(&self, city: CityId, batch: &Batch) -> Result<u64, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let mut feed = None;
        if !batch.runs.is_empty() || !batch.rows.is_empty() {
            let (mut runs, mut rows) = self.counters(&mut transaction, city).await?;
            for (document, actor, bytes) in &batch.introductions {
                sqlx::query("INSERT INTO actors (city, document, actor, introduction) VALUES ($1, $2, $3, $4) ON CONFLICT (city, document, actor) DO NOTHING")
                    .bind(city.0.as_slice())
                    .bind(document.to_string())
                    .bind(actor.0.as_slice())
                    .bind(bytes.as_slice())
                    .execute(&mut *transaction)
                    .await?;
            }
            for placed in &batch.runs {
                runs += 1;
                write_run(&mut transaction, city, placed, runs).await?;
            }
            for row in &batch.rows {
                write_sealed(&mut transaction, city, row, &mut rows).await?;
            }
            sqlx::query("UPDATE counters SET feed = $1, sealed = $2 WHERE city = $3")
                .bind(runs)
                .bind(rows)
                .bind(city.0.as_slice())
                .execute(&mut *transaction)
                .await?;
            feed = Some(runs.unsigned_abs());
        }
        for (key, line, reach) in &batch.reach {
            write_reach(&mut transaction, city, key, *line, *reach).await?;
        }
        for statement in &batch.statements {
            let bytes = rmp_serde::to_vec(statement).expect("a statement always encodes");
            sqlx::query("INSERT INTO statements (city, document, bytes) VALUES ($1, $2, $3) ON CONFLICT (city, document) DO UPDATE SET bytes = excluded.bytes")
                .bind(city.0.as_slice())
                .bind(statement.document.to_string())
                .bind(bytes)
                .execute(&mut *transaction)
                .await?;
        }
        let cursor = batch.cursor.map(|cursor| rmp_serde::to_vec(&cursor).expect("a cursor always encodes"));
        let cursor = cursor.map(|bytes| ("cursor".to_owned(), bytes));
        for (name, bytes) in batch.notes.iter().chain(&cursor) {
            sqlx::query("INSERT INTO meta (city, name, bytes) VALUES ($1, $2, $3) ON CONFLICT (city, name) DO UPDATE SET bytes = excluded.bytes")
                .bind(city.0.as_slice())
                .bind(name.as_str())
                .bind(bytes.as_slice())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        match feed {
            Some(feed) => Ok(feed),
            None => self.feed_head(city).await,
        }
    }

    /// Keeps one small value of the node itself.
    pub async fn put_meta(&self, city: CityId, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let notes = vec![(name.to_owned(), bytes.to_vec())];
        self.commit(city, &Batch { notes, ..Batch::default() }).await.map(drop)
    }

    /// The city's feed offsets, locked until the transaction ends: so they follow commit order.
    async fn counters(
        &self,
        transaction: &mut Transaction<'_, Any>,
        city: CityId,
    ) -> Result<(i64, i64), StoreError> {
        sqlx::query(
            "INSERT INTO counters (city, feed, sealed) VALUES ($1, 0, 0) ON CONFLICT (city) DO NOTHING",
        )
        .bind(city.0.as_slice())
        .execute(&mut **transaction)
        .await?;
        let query = match self.engine {
            Engine::Sqlite => "SELECT feed, sealed FROM counters WHERE city = $1",
            Engine::Postgres => "SELECT feed, sealed FROM counters WHERE city = $1 FOR UPDATE",
        };
        let row = sqlx::query(query).bind(city.0.as_slice()).fetch_one(&mut **transaction).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
}

/// Continues a line or begins one. A line that does not stand where the run begins is refused, with
/// the whole batch: the node that placed it was wrong.
async fn write_run(
    transaction: &mut Transaction<'_, Any>,
    city: CityId,
    placed: &Placed,
    feed: i64,
) -> Result<(), StoreError> {
    let Placed { place, begins, run } = placed;
    let (start, end, line) = (run.start(), run.end(), i64::from(place.line()));
    let document = run.document.to_string();
    let parent = match (place, begins) {
        (Place::Parts { parent, .. }, _) => Some(*parent),
        (Place::On(_), true) => Some(0),
        (Place::On(_), false) => None,
    };
    let done = match parent {
        Some(parent) => {
            sqlx::query("INSERT INTO lines (city, document, actor, line, parent, from_seq, from_hash, from_op, seq, hash, next_op) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (city, document, actor, line) DO NOTHING")
                .bind(city.0.as_slice())
                .bind(document.as_str())
                .bind(run.actor.0.as_slice())
                .bind(line)
                .bind(i64::from(parent))
                .bind(number(start.seq))
                .bind(start.hash.0.as_slice())
                .bind(number(start.next_op))
                .bind(number(end.seq))
                .bind(end.hash.0.as_slice())
                .bind(number(end.next_op))
                .execute(&mut **transaction)
                .await?
        }
        None => {
            sqlx::query("UPDATE lines SET seq = $1, hash = $2, next_op = $3 WHERE city = $4 AND document = $5 AND actor = $6 AND line = $7 AND seq = $8 AND hash = $9")
                .bind(number(end.seq))
                .bind(end.hash.0.as_slice())
                .bind(number(end.next_op))
                .bind(city.0.as_slice())
                .bind(document.as_str())
                .bind(run.actor.0.as_slice())
                .bind(line)
                .bind(number(start.seq))
                .bind(start.hash.0.as_slice())
                .execute(&mut **transaction)
                .await?
        }
    };
    if done.rows_affected() != 1 {
        return Err(StoreError::NotContiguous {
            document: Box::new(run.document),
            actor: run.actor,
            first_seq: run.first_seq,
        });
    }
    let (first_id, last_id) = id_range(placed)?;
    sqlx::query("INSERT INTO runs (city, document, actor, line, first_seq, last_seq, before_hash, last_hash, first_op, events, first_id, last_id, attestation, bytes, feed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)")
        .bind(city.0.as_slice())
        .bind(document.as_str())
        .bind(run.actor.0.as_slice())
        .bind(line)
        .bind(number(run.first_seq))
        .bind(number(run.last_seq))
        .bind(run.before.0.as_slice())
        .bind(run.last_hash.0.as_slice())
        .bind(number(run.first_op))
        .bind(i64::from(run.events))
        .bind(first_id.0.as_slice())
        .bind(last_id.0.as_slice())
        .bind(run.attestation.0.as_slice())
        .bind(run.bytes.as_slice())
        .bind(feed)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn id_range(placed: &Placed) -> Result<(EventId, EventId), StoreError> {
    placed.id_range().ok_or_else(|| StoreError::Damaged("a run without events".into()))
}

async fn write_sealed(
    transaction: &mut Transaction<'_, Any>,
    city: CityId,
    row: &SealedRow,
    sealed: &mut i64,
) -> Result<(), StoreError> {
    let hash = row.content_hash();
    let done = sqlx::query("INSERT INTO sealed_rows (city, branch, person, field, stamp, author, content, content_hash, signature, feed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (city, branch, person, field) DO UPDATE SET stamp = excluded.stamp, author = excluded.author, content = excluded.content, content_hash = excluded.content_hash, signature = excluded.signature, feed = excluded.feed WHERE excluded.stamp > sealed_rows.stamp OR (excluded.stamp = sealed_rows.stamp AND excluded.content_hash < sealed_rows.content_hash)")
        .bind(city.0.as_slice())
        .bind(row.branch.0.as_slice())
        .bind(row.person.0.as_slice())
        .bind(row.field.as_str())
        .bind(number(row.stamp.0))
        .bind(row.author.0.as_slice())
        .bind(row.content.as_slice())
        .bind(hash.0.as_slice())
        .bind(row.signature.0.as_slice())
        .bind(*sealed + 1)
        .execute(&mut **transaction)
        .await?;
    if done.rows_affected() > 0 {
        *sealed += 1;
    }
    Ok(())
}

async fn write_reach(
    transaction: &mut Transaction<'_, Any>,
    city: CityId,
    key: &LogKey,
    line: u8,
    reach: Reach,
) -> Result<(), StoreError> {
    let (upstream_seq, upstream_hash) = reach.upstream.map_or((0, [0; 32]), |(seq, hash)| (seq, hash.0));
    let document: &DocumentId = &key.document;
    sqlx::query("INSERT INTO reached (city, document, actor, line, upstream_seq, upstream_hash, city_seq) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (city, document, actor, line) DO UPDATE SET upstream_seq = excluded.upstream_seq, upstream_hash = excluded.upstream_hash, city_seq = excluded.city_seq")
        .bind(city.0.as_slice())
        .bind(document.to_string())
        .bind(key.actor.0.as_slice())
        .bind(i64::from(line))
        .bind(number(upstream_seq))
        .bind(upstream_hash.as_slice())
        .bind(number(reach.city))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
