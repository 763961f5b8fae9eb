//! A script: the statements of one transaction. SQLite runs them on the thread that asks, because every
//! trip to another thread costs more than a small statement; PostgreSQL gets them one by one.

use super::StoreError;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};
use sqlx::any::AnyArguments;
use sqlx::{AnyPool, Arguments};
use std::path::Path;

/// A bound value.
pub enum Value {
    Number(i64),
    Bytes(Vec<u8>),
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(super::number(number))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

struct Statement {
    sql: &'static str,
    values: Vec<Value>,
    /// It must change exactly one row, else this is what is wrong.
    or_else: Option<StoreError>,
}

/// Statements in order. Parameters are `$1`, `$2` … in each.
pub struct Script {
    statements: Vec<Statement>,
    /// Whether the transaction ends only once it would survive a power cut.
    pub waits_for_the_disk: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self { statements: Vec::new(), waits_for_the_disk: true }
    }
}

impl Script {
    /// Appends a statement.
    pub fn push<const N: usize>(&mut self, sql: &'static str, values: [Value; N]) {
        self.statements.push(Statement { sql, values: values.into(), or_else: None });
    }

    /// Appends a statement that must change exactly one row.
    pub fn push_one<const N: usize>(&mut self, sql: &'static str, values: [Value; N], or_else: StoreError) {
        self.statements.push(Statement { sql, values: values.into(), or_else: Some(or_else) });
    }

    /// Runs all of it in one transaction, or nothing, on PostgreSQL.
    pub async fn commit(self, pool: &AnyPool) -> Result<(), StoreError> {
        let mut transaction = pool.begin().await?;
        if !self.waits_for_the_disk {
            sqlx::query("SET LOCAL synchronous_commit TO OFF").execute(&mut *transaction).await?;
        }
        for Statement { sql, values, or_else } in self.statements {
            let query = sqlx::query_with(sql, arguments(values)?);
            let done = query.execute(&mut *transaction).await?;
            if let Some(wrong) = or_else.filter(|_| done.rows_affected() != 1) {
                return Err(wrong);
            }
        }
        Ok(transaction.commit().await?)
    }

    /// The same in SQLite's file, on this thread, which waits for the disk.
    pub fn commit_to_file(self, writer: &mut FileWriter) -> Result<(), StoreError> {
        writer.wait_for_the_disk(self.waits_for_the_disk)?;
        let file = &writer.file;
        let kept = |sql: &str| file.prepare_cached(sql)?.execute(());
        kept("BEGIN IMMEDIATE")?;
        let done = self.steps(file).and_then(|()| Ok(kept("COMMIT")?));
        // An error undoes what went before it; where that fails too, the first one says more.
        if done.is_err() && !file.is_autocommit() {
            let _ = kept("ROLLBACK");
        }
        done.map(drop)
    }

    fn steps(self, file: &Connection) -> Result<(), StoreError> {
        for Statement { sql, values, or_else } in self.statements {
            // SQLite numbers `?1`; `$1` would be a name.
            let changed = file.prepare_cached(&sql.replace('$', "?"))?.execute(params_from_iter(&values))?;
            if let Some(wrong) = or_else.filter(|_| changed != 1) {
                return Err(wrong);
            }
        }
        Ok(())
    }
}

/// The forms of statement in scripts, with room to spare.
const STATEMENTS_KEPT: usize = 32;

/// SQLite's one writer.
pub struct FileWriter {
    pub file: Connection,
    waits_for_the_disk: bool,
}

impl FileWriter {
    /// Opens or makes the file.
    pub fn open(path: &Path, settings: &str) -> Result<Self, StoreError> {
        let file = Connection::open(path)?;
        file.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        file.execute_batch(settings)?;
        file.execute_batch(Self::synchronous(true))?;
        Ok(Self { file, waits_for_the_disk: true })
    }

    fn wait_for_the_disk(&mut self, waits: bool) -> Result<(), StoreError> {
        if self.waits_for_the_disk != waits {
            self.file.execute_batch(Self::synchronous(waits))?;
            self.waits_for_the_disk = waits;
        }
        Ok(())
    }

    fn synchronous(waits: bool) -> &'static str {
        if waits { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" }
    }
}

fn arguments(values: Vec<Value>) -> Result<AnyArguments, StoreError> {
    let mut arguments = AnyArguments::default();
    for value in values {
        let added = match value {
            Value::Number(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Text(text) => arguments.add(text),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
