//! Writing: everything one action changes, in one transaction.

use super::{Engine, Store, StoreError, number};
use client_core::event::DocumentId;
use client_core::ids::{ActorId, ChangeHash, CityId};
use client_core::log::Run;
use client_core::sealed::SealedRow;
use client_core::sync::Head;
use sqlx::{Any, Row, Transaction};
use std::collections::BTreeMap;

/// What one action writes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Introductions of lines that begin with a run of this batch.
    pub introductions: Vec<(DocumentId, ActorId, Vec<u8>)>,
    /// Runs, each continuing its line.
    pub runs: Vec<Run>,
    /// Sealed rows; the larger stamp counts, then the smaller content hash.
    pub sealed: Vec<SealedRow>,
    /// Heads that the upstream (`false`) or the city (`true`) holds.
    pub reached: Vec<(DocumentId, Head, bool)>,
    /// The city's last word on a document, encoded.
    pub statements: Vec<(DocumentId, Vec<u8>)>,
    /// Small values of the node itself.
    pub meta: Vec<(String, Vec<u8>)>,
}

impl Store {
    /// Writes a batch in one durable transaction, or nothing of it. Runs stored already are skipped.
    pub async fn commit(&self, city: CityId, batch: &Batch) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let mut counters = None;
        if !batch.runs.is_empty() || !batch.sealed.is_empty() {
            counters = Some(self.counters(&mut transaction, city).await?);
        }
        if let Some((feed, sealed)) = &mut counters {
            let introductions: BTreeMap<_, _> = batch
                .introductions
                .iter()
                .map(|(document, actor, bytes)| ((*document, *actor), bytes.as_slice()))
                .collect();
            for run in &batch.runs {
                write_run(&mut transaction, city, run, &introductions, feed).await?;
            }
            for row in &batch.sealed {
                write_sealed(&mut transaction, city, row, sealed).await?;
            }
            sqlx::query("UPDATE counters SET feed = $1, sealed = $2 WHERE city = $3")
                .bind(*feed)
                .bind(*sealed)
                .bind(city.0.as_slice())
                .execute(&mut *transaction)
                .await?;
        }
        for (document, head, at_city) in &batch.reached {
            write_reached(&mut transaction, city, document, head, *at_city).await?;
        }
        for (document, bytes) in &batch.statements {
            sqlx::query("INSERT INTO statements (city, document, bytes) VALUES ($1, $2, $3) ON CONFLICT (city, document) DO UPDATE SET bytes = excluded.bytes")
                .bind(city.0.as_slice())
                .bind(document.to_string())
                .bind(bytes.as_slice())
                .execute(&mut *transaction)
                .await?;
        }
        for (name, bytes) in &batch.meta {
            sqlx::query("INSERT INTO meta (city, name, bytes) VALUES ($1, $2, $3) ON CONFLICT (city, name) DO UPDATE SET bytes = excluded.bytes")
                .bind(city.0.as_slice())
                .bind(name.as_str())
                .bind(bytes.as_slice())
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Keeps one small value of the node itself.
    pub async fn put_meta(&self, city: CityId, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let meta = vec![(name.to_owned(), bytes.to_vec())];
        self.commit(city, &Batch { meta, ..Batch::default() }).await
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

async fn write_run(
    transaction: &mut Transaction<'_, Any>,
    city: CityId,
    run: &Run,
    introductions: &BTreeMap<(DocumentId, ActorId), &[u8]>,
    feed: &mut i64,
) -> Result<(), StoreError> {
    let document = run.document.to_string();
    let row = sqlx::query("SELECT seq, hash FROM lines WHERE city = $1 AND document = $2 AND actor = $3")
        .bind(city.0.as_slice())
        .bind(document.as_str())
        .bind(run.actor.0.as_slice())
        .fetch_optional(&mut **transaction)
        .await?;
    let (stored_seq, stored_hash) = match &row {
        Some(row) => (row.try_get::<i64, _>(0)?, row.try_get::<Vec<u8>, _>(1)?),
        None => (0, ChangeHash([0; 32]).0.to_vec()),
    };
    if number(run.first_seq) != stored_seq + 1 || run.before.0.as_slice() != stored_hash {
        if is_stored(transaction, city, run).await? {
            return Ok(());
        }
        return Err(StoreError::NotContiguous {
            document: Box::new(run.document),
            actor: run.actor,
            first_seq: run.first_seq,
            stored_seq: stored_seq.unsigned_abs(),
        });
    }
    let introduction = introductions.get(&(run.document, run.actor)).copied().unwrap_or_default();
    let end = run.end();
    sqlx::query("INSERT INTO lines (city, document, actor, seq, hash, next_op, introduction) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (city, document, actor) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, next_op = excluded.next_op")
        .bind(city.0.as_slice())
        .bind(document.as_str())
        .bind(run.actor.0.as_slice())
        .bind(number(end.seq))
        .bind(end.hash.0.as_slice())
        .bind(number(end.next_op))
        .bind(introduction)
        .execute(&mut **transaction)
        .await?;
    *feed += 1;
    sqlx::query("INSERT INTO runs (city, document, actor, first_seq, last_seq, before_hash, last_hash, first_op, events, attestation, bytes, feed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        .bind(city.0.as_slice())
        .bind(document.as_str())
        .bind(run.actor.0.as_slice())
        .bind(number(run.first_seq))
        .bind(number(run.last_seq))
        .bind(run.before.0.as_slice())
        .bind(run.last_hash.0.as_slice())
        .bind(number(run.first_op))
        .bind(i64::from(run.events))
        .bind(run.attestation.0.as_slice())
        .bind(run.bytes.as_slice())
        .bind(*feed)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn is_stored(
    transaction: &mut Transaction<'_, Any>,
    city: CityId,
    run: &Run,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT last_hash FROM runs WHERE city = $1 AND document = $2 AND actor = $3 AND last_seq = $4",
    )
    .bind(city.0.as_slice())
    .bind(run.document.to_string())
    .bind(run.actor.0.as_slice())
    .bind(number(run.last_seq))
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(match row {
        Some(row) => row.try_get::<Vec<u8>, _>(0)? == run.last_hash.0.as_slice(),
        None => false,
    })
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

async fn write_reached(
    transaction: &mut Transaction<'_, Any>,
    city: CityId,
    document: &DocumentId,
    head: &Head,
    at_city: bool,
) -> Result<(), StoreError> {
    let (upstream, at_city) = (number(head.seq), if at_city { number(head.seq) } else { 0 });
    // CASE, since the two databases name the larger of two values differently.
    sqlx::query("INSERT INTO reached (city, document, actor, upstream_seq, city_seq) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (city, document, actor) DO UPDATE SET upstream_seq = CASE WHEN excluded.upstream_seq > reached.upstream_seq THEN excluded.upstream_seq ELSE reached.upstream_seq END, city_seq = CASE WHEN excluded.city_seq > reached.city_seq THEN excluded.city_seq ELSE reached.city_seq END")
        .bind(city.0.as_slice())
        .bind(document.to_string())
        .bind(head.actor.0.as_slice())
        .bind(upstream)
        .bind(at_city)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
