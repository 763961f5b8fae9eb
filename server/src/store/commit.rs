//! Writing: everything one batch holds, whole or not at all.

use super::script::{Durable, Script};
use super::writer::FileWriter;
use super::{Engine, Store, StoreError, Synchronous};
use crate::projection::CourseCount;
use client_core::ids::{CityId, EventId};
use client_core::log::{LogKey, Place, Run};
use client_core::peer::{Batch, Placed};
use client_core::sealed::SealedRow;
use client_core::sync::Reach;
use sqlx::AnyPool;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use tokio::sync::MutexGuard;

/// The numbers given out last; only this process gives them out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    feed: u64,
    sealed: u64,
}

/// The numbers given out, of each city. Who holds them is the only one who writes.
pub(super) type Given = BTreeMap<CityId, Counters>;

impl Store {
    /// Takes a batch, whole or not at all, and has it durable, as far as [`Synchronous`] says; what comes
    /// again the end of the process may take before [`Store::write_waiting`]. Returns the number of the run
    /// stored last.
    pub async fn commit(
        &self,
        city: CityId,
        batch: &Batch,
        counts: &[CourseCount],
    ) -> Result<u64, StoreError> {
        let mut given = self.given.lock().await;
        let mut counters = match given.get(&city) {
            Some(counters) => *counters,
            None => self.read_counters(city).await?,
        };
        let script = script_of(city, batch, counts, &mut counters)?;
        let durable = match self.synchronous {
            _ if batch.comes_again => Durable::Later,
            Synchronous::Full => Durable::AtOnce,
            Synchronous::Normal => Durable::Soon,
        };
        self.run(script, durable).await?;
        given.insert(city, counters);
        Ok(counters.feed)
    }

    /// Whether something waits to be written to SQLite's file.
    fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Acquire)
    }

    /// Writes what waits; says whether anything did.
    pub async fn write_waiting(&self) -> Result<bool, StoreError> {
        let _given = self.given.lock().await;
        self.write_file()
    }

    fn write_file(&self) -> Result<bool, StoreError> {
        let mut writer = self.file_writer();
        let Some(writer) = writer.as_mut() else { return Ok(false) };
        let done = writer.write();
        self.look_at(writer);
        done
    }

    /// Takes a script, whole or not at all, and has it durable.
    pub(super) async fn run_durably(&self, script: Script) -> Result<(), StoreError> {
        let _given = self.given.lock().await;
        self.run(script, Durable::AtOnce).await
    }

    async fn run(&self, script: Script, durable: Durable) -> Result<(), StoreError> {
        if self.engine == Engine::Postgres {
            return script.commit(&self.pool, durable).await;
        }
        let mut writer = self.file_writer();
        let writer = writer.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        self.statements_in_wal.fetch_add(script.len() as u64, Ordering::Relaxed);
        let done = writer.commit(script, durable);
        self.look_at(writer);
        done
    }

    fn look_at(&self, writer: &FileWriter) {
        self.is_behind.store(writer.is_behind(), Ordering::Release);
        self.is_stuck.store(writer.is_stuck(), Ordering::Release);
    }

    /// For statements of the pool that write: nothing else does meanwhile.
    pub(super) async fn alone(&self) -> Result<MutexGuard<'_, Given>, StoreError> {
        let given = self.given.lock().await;
        self.write_file()?;
        Ok(given)
    }

    /// Where to read: all that was committed stands there, but what waits while the disk is full. Where
    /// nothing waits, no reader waits for a writer.
    pub(super) async fn written(&self) -> Result<&AnyPool, StoreError> {
        if self.is_behind()
            && let Err(error) = self.write_waiting().await
            && !error.is_full()
        {
            return Err(error);
        }
        Ok(&self.pool)
    }

    /// The same for what must not miss the last of it.
    pub(super) async fn wholly_written(&self) -> Result<&AnyPool, StoreError> {
        if self.is_behind() {
            self.write_waiting().await?;
        }
        Ok(&self.pool)
    }

    /// Whoever finds nothing while something waits, on a full disk, cannot tell whether there is something.
    pub(super) fn nothing_waits(&self) -> Result<(), StoreError> {
        let is_stuck = self.is_stuck.load(Ordering::Acquire);
        if is_stuck { Err(StoreError::Full("what was saved last waits".into())) } else { Ok(()) }
    }

    /// The number of the run stored last.
    pub async fn feed_head(&self, city: CityId) -> Result<u64, StoreError> {
        let given = self.given.lock().await.get(&city).map(|counters| counters.feed);
        match given {
            Some(feed) => Ok(feed),
            None => Ok(self.read_counters(city).await?.feed),
        }
    }

    async fn read_counters(&self, city: CityId) -> Result<Counters, StoreError> {
        let text = "SELECT (SELECT COALESCE(MAX(feed), 0) FROM runs WHERE city = $1), (SELECT COALESCE(MAX(feed), 0) FROM sealed_rows WHERE city = $1)";
        let row = sqlx::query(text).bind(city.0.as_slice()).fetch_one(&self.pool).await?;
        Ok(Counters { feed: super::read::count(&row, 0)?, sealed: super::read::count(&row, 1)? })
    }
}

fn script_of(
    city: CityId,
    batch: &Batch,
    counts: &[CourseCount],
    counters: &mut Counters,
) -> Result<Script, StoreError> {
    let mut script = Script::default();
    for (document, actor, bytes) in &batch.introductions {
        script.push(
            "INSERT INTO actors (city, document, actor, introduction) VALUES ($1, $2, $3, $4) ON CONFLICT (city, document, actor) DO NOTHING",
            [city.0.into(), document.to_string().as_str().into(), actor.0.into(), bytes.as_slice().into()],
        );
    }
    for placed in &batch.runs {
        counters.feed += 1;
        let parent = match placed.place {
            Place::Parts { parent, .. } => Some(parent),
            // The first line parts from none.
            Place::On(_) => placed.begins.then_some(0),
        };
        if let Some(parent) = parent {
            begin_line(&mut script, city, placed, parent);
        }
        write_run(&mut script, city, placed, counters.feed)?;
    }
    for row in &batch.rows {
        counters.sealed += 1;
        write_sealed(&mut script, city, row, counters.sealed);
    }
    for (key, line, reach) in &batch.reach {
        write_reach(&mut script, city, key, *line, *reach);
    }
    for statement in &batch.statements {
        let bytes = rmp_serde::to_vec(statement).expect("a statement always encodes");
        script.push(
            "INSERT INTO statements (city, document, bytes) VALUES ($1, $2, $3) ON CONFLICT (city, document) DO UPDATE SET bytes = excluded.bytes",
            [city.0.into(), statement.document.to_string().as_str().into(), bytes.into()],
        );
    }
    let cursor = batch.cursor.map(|cursor| rmp_serde::to_vec(&cursor).expect("a cursor always encodes"));
    let cursor = cursor.map(|bytes| ("cursor".to_owned(), bytes));
    for (name, bytes) in batch.notes.iter().chain(&cursor) {
        script.push(
            "INSERT INTO meta (city, name, bytes) VALUES ($1, $2, $3) ON CONFLICT (city, name) DO UPDATE SET bytes = excluded.bytes",
            [city.0.into(), name.as_str().into(), bytes.as_slice().into()],
        );
    }
    for count in counts {
        write_count(&mut script, city, count);
    }
    Ok(script)
}

/// A line begins where it parts from another, or at nothing. Where it ends, its last run says.
fn begin_line(script: &mut Script, city: CityId, placed: &Placed, parent: u8) {
    let run = &placed.run;
    let start = run.start();
    script.push_one(
        "INSERT INTO lines (city, document, actor, line, parent, from_seq, from_hash, from_op) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (city, document, actor, line) DO NOTHING",
        [
            city.0.into(),
            run.document.to_string().as_str().into(),
            run.actor.0.into(),
            i64::from(placed.place.line()).into(),
            i64::from(parent).into(),
            start.seq.into(),
            start.hash.0.into(),
            start.next_op.into(),
        ],
        does_not_continue(run),
    );
}

/// A run that does not begin where its line ends, or begins while it has no run, is refused, with the whole
/// batch: the node that placed it was wrong.
fn write_run(script: &mut Script, city: CityId, placed: &Placed, feed: u64) -> Result<(), StoreError> {
    let ids: Option<(EventId, EventId)> = placed.id_range();
    let (first_id, last_id) = ids.ok_or_else(|| StoreError::Damaged("a run without events".into()))?;
    let run = &placed.run;
    script.push_one(
        "INSERT INTO runs (city, document, actor, line, first_seq, last_seq, before_hash, last_hash, first_op, events, first_id, last_id, attestation, bytes, feed) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 WHERE $7 = COALESCE((SELECT last_hash FROM runs WHERE city = $1 AND document = $2 AND actor = $3 AND line = $4 ORDER BY last_seq DESC LIMIT 1), (SELECT from_hash FROM lines WHERE city = $1 AND document = $2 AND actor = $3 AND line = $4))",
        [
            city.0.into(),
            run.document.to_string().as_str().into(),
            run.actor.0.into(),
            i64::from(placed.place.line()).into(),
            run.first_seq.into(),
            run.last_seq.into(),
            run.before.0.into(),
            run.last_hash.0.into(),
            run.first_op.into(),
            i64::from(run.events).into(),
            first_id.0.into(),
            last_id.0.into(),
            run.attestation.0.into(),
            run.bytes.as_slice().into(),
            feed.into(),
        ],
        does_not_continue(run),
    );
    Ok(())
}

fn does_not_continue(run: &Run) -> impl Fn() -> StoreError + Send + Sync + 'static {
    let (document, actor, first_seq) = (run.document, run.actor, run.first_seq);
    move || StoreError::NotContiguous { document: Box::new(document), actor, first_seq }
}

fn write_sealed(script: &mut Script, city: CityId, row: &SealedRow, feed: u64) {
    script.push(
        "INSERT INTO sealed_rows (city, branch, person, field, stamp, author, content, content_hash, signature, feed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (city, branch, person, field) DO UPDATE SET stamp = excluded.stamp, author = excluded.author, content = excluded.content, content_hash = excluded.content_hash, signature = excluded.signature, feed = excluded.feed WHERE excluded.stamp > sealed_rows.stamp OR (excluded.stamp = sealed_rows.stamp AND excluded.content_hash < sealed_rows.content_hash)",
        [
            city.0.into(),
            row.branch.0.into(),
            row.person.0.into(),
            row.field.as_str().into(),
            row.stamp.0.into(),
            row.author.0.into(),
            row.content.as_slice().into(),
            row.content_hash().0.into(),
            row.signature.0.into(),
            feed.into(),
        ],
    );
}

fn write_reach(script: &mut Script, city: CityId, key: &LogKey, line: u8, reach: Reach) {
    let (upstream_seq, upstream_hash) = reach.upstream.map_or((0, [0; 32]), |(seq, hash)| (seq, hash.0));
    script.push(
        "INSERT INTO reached (city, document, actor, line, upstream_seq, upstream_hash, city_seq) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (city, document, actor, line) DO UPDATE SET upstream_seq = excluded.upstream_seq, upstream_hash = excluded.upstream_hash, city_seq = excluded.city_seq",
        [
            city.0.into(),
            key.document.to_string().as_str().into(),
            key.actor.0.into(),
            i64::from(line).into(),
            upstream_seq.into(),
            upstream_hash.into(),
            reach.city.into(),
        ],
    );
}

fn write_count(script: &mut Script, city: CityId, count: &CourseCount) {
    let CourseCount { key, course, tally, is_whole } = count;
    let sql = if *is_whole {
        "INSERT INTO course_attendance (city, document, actor, course, recorded, attended) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (city, document, actor, course) DO UPDATE SET recorded = excluded.recorded, attended = excluded.attended"
    } else {
        "INSERT INTO course_attendance (city, document, actor, course, recorded, attended) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (city, document, actor, course) DO UPDATE SET recorded = course_attendance.recorded + excluded.recorded, attended = course_attendance.attended + excluded.attended"
    };
    script.push(
        sql,
        [
            city.0.into(),
            key.document.to_string().as_str().into(),
            key.actor.0.into(),
            course.as_str().into(),
            tally.recorded.into(),
            tally.attended.into(),
        ],
    );
}
