//! A script: the statements of one transaction. SQLite gets them in one go, because every trip to
//! its thread costs more than a small statement; PostgreSQL gets them one by one.

use super::StoreError;
use futures_util::TryStreamExt;
use sqlx::any::AnyArguments;
use sqlx::{AnyConnection, AnyPool, Arguments, AssertSqlSafe, Either, Executor};
use std::fmt::Write;

/// The most statements SQLite gets at once.
const MOST_AT_ONCE: usize = 64;
/// Scripts up to this length have few forms, which are worth keeping prepared.
const MOST_PREPARED: usize = 10;

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

    /// Runs all of it in one transaction, or nothing. `writer` is SQLite's.
    pub async fn commit(self, writer: Option<&mut AnyConnection>, pool: &AnyPool) -> Result<(), StoreError> {
        if let Some(writer) = writer {
            return self.commit_at_once(writer).await;
        }
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

    /// SQLite: `BEGIN` and `COMMIT` go with the rest.
    async fn commit_at_once(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let waits = self.waits_for_the_disk;
        let mut statements = self.statements.into_iter().peekable();
        let begin: &[&str] = if waits { &[BEGIN] } else { &["PRAGMA synchronous = NORMAL", BEGIN] };
        let (mut text, mut checks) = (begin.join(";\n"), begin.iter().map(|_| None).collect::<Vec<_>>());
        let mut wrong = None;
        while statements.peek().is_some() && wrong.is_none() {
            let mut values = Vec::new();
            for statement in statements.by_ref().take(MOST_AT_ONCE) {
                append(&mut text, statement.sql, values.len());
                values.extend(statement.values);
                checks.push(None);
                if let Some(or_else) = statement.or_else {
                    append(&mut text, ONE_ROW, 0);
                    checks.push(Some(or_else));
                }
            }
            if statements.peek().is_none() {
                append(&mut text, "COMMIT", 0);
                if !waits {
                    append(&mut text, WAIT, 0);
                }
            }
            let (text, checks) = (std::mem::take(&mut text), std::mem::take(&mut checks));
            wrong = run(&text, values, checks, connection).await.err();
        }
        match wrong {
            None => Ok(()),
            Some(wrong) => {
                // Where SQLite has already undone it, there is nothing to undo.
                let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
                if !waits {
                    sqlx::query(WAIT).execute(&mut *connection).await?;
                }
                Err(wrong)
            }
        }
    }
}

const BEGIN: &str = "BEGIN IMMEDIATE";
/// From here on commits wait for the disk.
const WAIT: &str = "PRAGMA synchronous = FULL";

/// An error unless the statement before it changed one row: SQLite has no other way to stop a script.
const ONE_ROW: &str = "SELECT CASE WHEN changes() = 1 THEN 0 ELSE abs(-9223372036854775808) END";

async fn run(
    text: &str,
    values: Vec<Value>,
    checks: Vec<Option<StoreError>>,
    connection: &mut AnyConnection,
) -> Result<(), StoreError> {
    let is_short = checks.len() <= MOST_PREPARED;
    let query = sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments(values)?).persistent(is_short);
    let mut results = connection.fetch_many(query);
    let mut checks = checks.into_iter();
    loop {
        match results.try_next().await {
            Ok(Some(Either::Left(_))) => drop(checks.next()),
            Ok(Some(Either::Right(_))) => {}
            Ok(None) => return Ok(()),
            Err(error) => return Err(checks.next().flatten().unwrap_or(error.into())),
        }
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

/// Appends a statement whose parameters follow those that are there.
fn append(text: &mut String, sql: &str, before: usize) {
    if !text.is_empty() {
        text.push_str(";\n");
    }
    let mut parts = sql.split('$');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let number: usize = part[..digits].parse().unwrap_or_default();
        let _ = write!(text, "${}{}", before + number, &part[digits..]);
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn parameters_of_a_later_statement_follow_those_before_it() {
        let mut text = String::new();
        append(&mut text, "INSERT INTO a VALUES ($1, $2)", 0);
        append(&mut text, "UPDATE b SET c = $2 WHERE d = $1", 2);
        assert_eq!(text, "INSERT INTO a VALUES ($1, $2);\nUPDATE b SET c = $4 WHERE d = $3");
    }
}
