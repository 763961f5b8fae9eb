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

impl Value {
    fn size(&self) -> usize {
        match self {
            Self::Number(_) => size_of::<i64>(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }
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

/// What is wrong if a statement does not change exactly one row.
type OrElse = Box<dyn Fn() -> StoreError + Send + Sync>;

struct Statement {
    sql: &'static str,
    values: Vec<Value>,
    or_else: Option<OrElse>,
}

/// When what a transaction wrote survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// Once it has ended.
    AtOnce,
    /// With the next that is durable at once.
    Later,
}

/// Statements in order. Parameters are `$1`, `$2` … in each.
#[derive(Default)]
pub struct Script {
    statements: Vec<Statement>,
}

impl Script {
    /// Appends a statement.
    pub fn push<const N: usize>(&mut self, sql: &'static str, values: [Value; N]) {
        self.statements.push(Statement { sql, values: values.into(), or_else: None });
    }

    /// Appends a statement that must change exactly one row.
    pub fn push_one<const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
        or_else: impl Fn() -> StoreError + Send + Sync + 'static,
    ) {
        let or_else: OrElse = Box::new(or_else);
        self.statements.push(Statement { sql, values: values.into(), or_else: Some(or_else) });
    }

    /// Appends another script.
    pub fn append(&mut self, mut other: Self) {
        self.statements.append(&mut other.statements);
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// What the bound values take, in bytes.
    pub fn size(&self) -> usize {
        self.statements.iter().flat_map(|statement| &statement.values).map(Value::size).sum()
    }

    /// Keeps the first statements.
    pub fn truncate(&mut self, len: usize) {
        self.statements.truncate(len);
    }

    /// Runs all of it in one transaction, or nothing, on PostgreSQL.
    pub async fn commit(&self, pool: &AnyPool, durable: Durable) -> Result<(), StoreError> {
        let mut transaction = pool.begin().await?;
        if durable == Durable::Later {
            sqlx::query("SET LOCAL synchronous_commit TO OFF").execute(&mut *transaction).await?;
        }
        for Statement { sql, values, or_else } in &self.statements {
            let query = sqlx::query_with(*sql, arguments(values)?);
            let done = query.execute(&mut *transaction).await?;
            if let Some(wrong) = or_else.as_ref().filter(|_| done.rows_affected() != 1) {
                return Err(wrong());
            }
        }
        Ok(transaction.commit().await?)
    }

    /// The same in SQLite's file, on this thread, which waits for the disk.
    pub fn commit_to_file(&self, writer: &mut FileWriter, durable: Durable) -> Result<(), StoreError> {
        writer.be_durable(durable)?;
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

    fn steps(&self, file: &Connection) -> Result<(), StoreError> {
        for Statement { sql, values, or_else } in &self.statements {
            // SQLite numbers `?1`; `$1` would be a name.
            let changed = file.prepare_cached(&sql.replace('$', "?"))?.execute(params_from_iter(values))?;
            if let Some(wrong) = or_else.as_ref().filter(|_| changed != 1) {
                return Err(wrong());
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
    durable: Durable,
}

impl FileWriter {
    /// Opens or makes the file.
    pub fn open(path: &Path, settings: &str) -> Result<Self, StoreError> {
        let file = Connection::open(path)?;
        file.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        file.execute_batch(settings)?;
        file.execute_batch(Durable::AtOnce.setting())?;
        Ok(Self { file, durable: Durable::AtOnce })
    }

    fn be_durable(&mut self, durable: Durable) -> Result<(), StoreError> {
        if self.durable != durable {
            self.file.execute_batch(durable.setting())?;
            self.durable = durable;
        }
        Ok(())
    }
}

impl Durable {
    fn setting(self) -> &'static str {
        match self {
            Self::AtOnce => "PRAGMA synchronous = FULL",
            Self::Later => "PRAGMA synchronous = NORMAL",
        }
    }
}

fn arguments(values: &[Value]) -> Result<AnyArguments, StoreError> {
    let mut arguments = AnyArguments::default();
    for value in values {
        let added = match value {
            Value::Number(number) => arguments.add(*number),
            Value::Bytes(bytes) => arguments.add(bytes.as_slice()),
            Value::Text(text) => arguments.add(text.as_str()),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
