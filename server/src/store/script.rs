//! A script: statements of one transaction. SQLite runs them in one go, because every trip to its
//! thread costs more than a small statement; PostgreSQL runs them one by one.

use super::{Engine, StoreError};
use futures_util::TryStreamExt;
use sqlx::any::AnyArguments;
use sqlx::{Any, Arguments, AssertSqlSafe, Either, Executor, Transaction};
use std::fmt::Write;

/// The most statements SQLite gets at once.
const MOST_AT_ONCE: usize = 64;
/// Scripts up to this length have few forms, which are worth keeping prepared.
const MOST_PREPARED: usize = 8;

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
#[derive(Default)]
pub struct Script(Vec<Statement>);

impl Script {
    /// Appends a statement.
    pub fn push<const N: usize>(&mut self, sql: &'static str, values: [Value; N]) {
        self.0.push(Statement { sql, values: values.into(), or_else: None });
    }

    /// Appends a statement that must change exactly one row.
    pub fn push_one<const N: usize>(&mut self, sql: &'static str, values: [Value; N], or_else: StoreError) {
        self.0.push(Statement { sql, values: values.into(), or_else: Some(or_else) });
    }

    /// Runs all of it.
    pub async fn run(self, transaction: &mut Transaction<'_, Any>, engine: Engine) -> Result<(), StoreError> {
        let at_once = if engine == Engine::Sqlite { MOST_AT_ONCE } else { 1 };
        let mut statements = self.0.into_iter().peekable();
        while statements.peek().is_some() {
            run_some(statements.by_ref().take(at_once), transaction).await?;
        }
        Ok(())
    }
}

async fn run_some(
    statements: impl Iterator<Item = Statement>,
    transaction: &mut Transaction<'_, Any>,
) -> Result<(), StoreError> {
    let mut text = String::new();
    let mut arguments = AnyArguments::default();
    let mut checks = Vec::new();
    for Statement { sql, values, or_else } in statements {
        append(&mut text, sql, arguments.len());
        for value in values {
            let added = match value {
                Value::Number(number) => arguments.add(number),
                Value::Bytes(bytes) => arguments.add(bytes),
                Value::Text(text) => arguments.add(text),
            };
            added.map_err(sqlx::Error::Encode)?;
        }
        checks.push(or_else);
    }
    let query = sqlx::query_with(AssertSqlSafe(text), arguments).persistent(checks.len() <= MOST_PREPARED);
    let mut results = (&mut **transaction).fetch_many(query);
    let mut checks = checks.into_iter();
    while let Some(result) = results.try_next().await? {
        let Either::Left(done) = result else { continue };
        if let Some(wrong) = checks.next().flatten()
            && done.rows_affected() != 1
        {
            return Err(wrong);
        }
    }
    Ok(())
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
