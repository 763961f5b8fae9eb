//! A script: the statements of one transaction. SQLite runs them on the thread that asks, because every
//! trip to another thread costs more than a small statement; PostgreSQL gets them one by one.

use super::StoreError;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyArguments;
use sqlx::{AnyPool, Arguments, AssertSqlSafe, Row};
use std::borrow::Cow;
use std::time::Duration;

/// How long a database that is away has until it is asked again what became of a transaction.
const ASKED_AGAIN: Duration = Duration::from_millis(200);

/// A bound value.
#[derive(Serialize, Deserialize)]
pub enum Value {
    Number(i64),
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
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
    sql: Cow<'static, str>,
    values: Vec<Value>,
    or_else: Option<OrElse>,
}

/// When what a transaction wrote survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// Once it has ended.
    AtOnce,
    /// Within seconds; the end of the process takes nothing.
    Soon,
    /// With a later one; the end of the process may take it.
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
        self.statements.push(Statement { sql: sql.into(), values: values.into(), or_else: None });
    }

    /// Appends a statement that must change exactly one row.
    pub fn push_one<const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
        or_else: impl Fn() -> StoreError + Send + Sync + 'static,
    ) {
        let or_else: OrElse = Box::new(or_else);
        self.statements.push(Statement { sql: sql.into(), values: values.into(), or_else: Some(or_else) });
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
        if durable != Durable::AtOnce {
            sqlx::query("SET LOCAL synchronous_commit TO OFF").execute(&mut *transaction).await?;
        }
        let named = sqlx::query("SELECT pg_current_xact_id()::text").fetch_one(&mut *transaction).await?;
        let name: String = named.try_get(0)?;
        for Statement { sql, values, or_else } in &self.statements {
            let query = sqlx::query_with(AssertSqlSafe(sql.as_ref()), arguments(values)?);
            let done = query.execute(&mut *transaction).await?;
            if let Some(wrong) = or_else.as_ref().filter(|_| done.rows_affected() != 1) {
                return Err(wrong());
            }
        }
        match transaction.commit().await {
            Err(error) if error.as_database_error().is_none() => became_of(pool, &name, error).await,
            done => Ok(done?),
        }
    }

    /// Runs the statements from this one on in SQLite's open transaction.
    pub fn run(&self, from: usize, file: &Connection) -> Result<(), StoreError> {
        for Statement { sql, values, or_else } in &self.statements[from..] {
            // SQLite numbers `?1`; `$1` would be a name.
            let changed = file.prepare_cached(&sql.replace('$', "?"))?.execute(params_from_iter(values))?;
            if let Some(wrong) = or_else.as_ref().filter(|_| changed != 1) {
                return Err(wrong());
            }
        }
        Ok(())
    }

    /// What the statements from this one on say, to be run again by [`Script::decode`].
    pub fn encode(&self, from: usize) -> Vec<u8> {
        let said: Vec<(&str, &[Value], bool)> = self.statements[from..]
            .iter()
            .map(|Statement { sql, values, or_else }| (sql.as_ref(), values.as_slice(), or_else.is_some()))
            .collect();
        rmp_serde::to_vec(&said).expect("statements always encode")
    }

    /// A script that was encoded; unless it is the last of the log it was run before.
    pub fn decode(bytes: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        let said: Vec<(String, Vec<Value>, bool)> = rmp_serde::from_slice(bytes)?;
        let statement = |(sql, values, is_one): (String, Vec<Value>, bool)| {
            let wrong = || StoreError::Damaged("the redo log does not continue what is stored".to_owned());
            let or_else = is_one.then(|| Box::new(wrong) as OrElse);
            Statement { sql: sql.into(), values, or_else }
        };
        Ok(Self { statements: said.into_iter().map(statement).collect() })
    }
}

/// What became of a PostgreSQL transaction whose COMMIT had no answer. Until that is known nothing can be
/// written: its runs may have their numbers in the feed.
async fn became_of(pool: &AnyPool, name: &str, error: sqlx::Error) -> Result<(), StoreError> {
    tracing::warn!(%error, "the database did not say whether it committed: asking again");
    loop {
        let asked = sqlx::query("SELECT pg_xact_status($1::text::xid8)").bind(name).fetch_one(pool).await;
        match asked.and_then(|row| row.try_get::<Option<String>, _>(0)) {
            Ok(Some(status)) if status == "committed" => return Ok(()),
            Ok(Some(status)) if status == "in progress" => {}
            Ok(_) => return Err(error.into()),
            // After a crash of the database: a transaction it never heard of.
            Err(error)
                if error.as_database_error().is_some_and(|error| error.code() == Some("22023".into())) =>
            {
                return Err(error.into());
            }
            Err(_) => {}
        }
        tokio::time::sleep(ASKED_AGAIN).await;
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
