//! Migrations: one SQL text a version for both databases, each applied in one transaction.

use super::{Engine, StoreError};
use sqlx::{AnyPool, Row};

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/0001_log.sql")),
    (2, include_str!("../../migrations/0002_line_ends.sql")),
    (3, include_str!("../../migrations/0003_redo_log.sql")),
];

/// Brings the database to this program's version; refuses one that is newer.
pub async fn migrate(pool: &AnyPool, engine: Engine) -> Result<(), StoreError> {
    bring_to(pool, engine, MIGRATIONS).await
}

async fn bring_to(pool: &AnyPool, engine: Engine, migrations: &[(i64, &str)]) -> Result<(), StoreError> {
    let table = "CREATE TABLE IF NOT EXISTS lianxiao_schema (version BIGINT NOT NULL PRIMARY KEY)";
    sqlx::query(table).execute(pool).await?;
    let found: i64 = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM lianxiao_schema")
        .fetch_one(pool)
        .await?
        .try_get(0)?;
    let newest = migrations.last().map_or(0, |(version, _)| *version);
    if found > newest {
        return Err(StoreError::Newer { found, newest });
    }
    for (version, text) in migrations.iter().filter(|(version, _)| *version > found) {
        let mut transaction = pool.begin().await?;
        for statement in statements(text, engine) {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await?;
        }
        sqlx::query("INSERT INTO lianxiao_schema (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

fn statements(text: &str, engine: Engine) -> Vec<String> {
    let (bytes, keyed) = match engine {
        Engine::Sqlite => ("BLOB", " WITHOUT ROWID"),
        Engine::Postgres => ("BYTEA", ""),
    };
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let whole = code.join("\n").replace(" BYTES", &format!(" {bytes}")).replace(" WITHOUT ROWID", keyed);
    whole.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Executor;
    use sqlx::any::AnyPoolOptions;

    #[tokio::test]
    async fn a_store_of_the_first_version_keeps_its_lines() {
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        bring_to(&pool, Engine::Sqlite, &MIGRATIONS[..1]).await.unwrap();
        let line = "INSERT INTO lines VALUES (x'01', 'document', x'02', 1, 0, 3, x'04', 5, 6, x'07', 8)";
        pool.execute(line).await.unwrap();
        migrate(&pool, Engine::Sqlite).await.unwrap();
        let row = pool.fetch_one("SELECT * FROM lines").await.unwrap();
        assert_eq!(row.len(), 8, "where it ends is not written here any more");
        assert_eq!(row.get::<i64, _>("from_op"), 5);
        let older = bring_to(&pool, Engine::Sqlite, &MIGRATIONS[..1]).await;
        assert!(matches!(older, Err(StoreError::Newer { newest: 1, .. })), "{older:?}");
    }
}
