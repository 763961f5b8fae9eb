//! One node, one store: a lock that lives as long as the process holds it.

use super::StoreError;
use sqlx::AnyConnection;
use sqlx::{ConnectOptions, Connection, Row};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// Held while the store is open; the operating system or the database frees it when the process ends.
pub enum Lock {
    /// A locked file beside the SQLite database.
    File { _file: File },
    /// A PostgreSQL session that holds an advisory lock.
    Session { connection: Box<AnyConnection> },
}

/// Any number, the same in every version.
const ADVISORY_KEY: i64 = 0x6c69_616e_7869_616f;

/// A session ends a moment after the process that held it: a node that starts again at once waits for that.
const TRIES: u32 = 15;
const PAUSE: Duration = Duration::from_millis(200);

/// Locks the file beside a SQLite database.
pub fn lock_file(database: &Path) -> Result<Lock, StoreError> {
    let path = database.with_extension("lock");
    let unusable = |error: std::io::Error| StoreError::Folder { path: path.display().to_string(), error };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock::File { _file: file }),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(StoreError::Locked { store: database.display().to_string() })
        }
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Takes the advisory lock of a PostgreSQL database on a session of its own.
pub async fn lock_session(url: &str) -> Result<Lock, StoreError> {
    let options: sqlx::any::AnyConnectOptions = url.parse()?;
    let mut connection = options.connect().await?;
    for _ in 0..TRIES {
        let taken = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(ADVISORY_KEY);
        if taken.fetch_one(&mut connection).await?.try_get(0)? {
            return Ok(Lock::Session { connection: Box::new(connection) });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(StoreError::Locked { store: "the PostgreSQL database".into() })
}

impl Lock {
    /// Frees the lock at once rather than when the process ends.
    pub async fn release(self) {
        if let Self::Session { mut connection } = self {
            // Where this fails, the end of the session does it.
            let unlock = sqlx::query("SELECT pg_advisory_unlock($1)").bind(ADVISORY_KEY);
            let _ = unlock.execute(&mut *connection).await;
            let _ = connection.close().await;
        }
    }
}
