//! The store: the one place that names `sqlx` and `rusqlite`. SQLite file or PostgreSQL, one SQL text for
//! both. A SQLite file is written to by the thread that asks and read through a pool beside it.

mod commit;
mod generation;
mod lock;
mod people;
mod read;
mod redo;
mod schema;
mod script;
mod segments;
mod writer;

pub use people::Grant;
pub use segments::{COMPACTED_AT_ONCE, Fed, Reading, Segment};

use client_core::event::DocumentId;
use client_core::ids::ActorId;
use lock::Lock;
use rusqlite::ErrorCode;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, Executor};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use writer::FileWriter;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// An embedded file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// Whether a commit waits for the disk; SQLite's own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Synchronous {
    /// What was committed survives a power cut.
    Full,
    /// The end of the process takes nothing; a power cut takes what was committed in the last seconds.
    Normal,
}

/// What went wrong in the store, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address names no database this program knows.
    #[error("{url:?} names no store: write sqlite:///path/lianxiao.db or postgres://user@host/database")]
    Address {
        /// What was given.
        url: String,
    },
    /// Another process has it open.
    #[error(
        "another node has {store} open; stop it first, or let it do the work (two processes never share a store)"
    )]
    Locked {
        /// Which store.
        store: String,
    },
    /// A newer program made it.
    #[error("the store is of version {found}, this program knows {newest}: update the program")]
    Newer {
        /// The store's version.
        found: i64,
        /// This program's.
        newest: i64,
    },
    /// The folder cannot be written.
    #[error("{path} cannot be written: {error}")]
    Folder {
        /// Which file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A run does not continue its line; nothing was written.
    #[error("changes from {first_seq} of {actor} in {document} do not continue what is stored")]
    NotContiguous {
        /// The document.
        document: Box<DocumentId>,
        /// The line.
        actor: ActorId,
        /// First change of the run.
        first_seq: u64,
    },
    /// The code is not one of ours.
    #[error("this code is not known here: check it, or ask for a new one")]
    UnknownCode,
    /// The code was used.
    #[error("this code was used already: ask for a new one")]
    UsedCode,
    /// The code is too old.
    #[error("this code has expired: ask for a new one")]
    ExpiredCode,
    /// There is no room left.
    #[error(
        "the disk is full ({0}): make room; whatever was acknowledged is safe, and work goes on by itself once there is room"
    )]
    Full(String),
    /// The database's own file is broken.
    #[error(
        "the store is damaged ({0}): put back a copy of it, or move lianxiao.db with its -wal and -shm away and start again; an empty store is filled again by the upstream, the city's by its branches (docs/operations.md)"
    )]
    Corrupt(String),
    /// A value in the store cannot be read.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The database could not do it.
    #[error("the database could not do it: {0}")]
    Database(Box<dyn std::error::Error + Send + Sync>),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
        // SQLite's extended codes carry the plain one in their last eight bits; PostgreSQL's are five characters.
        let plain = code.parse::<u32>().ok().filter(|_| code.len() != 5).map(|code| code & 0xff);
        match (plain, code.as_str()) {
            (Some(13), _) | (_, "53100") => Self::Full(error.to_string()),
            (Some(11 | 26), _) | (_, "XX001" | "XX002") => Self::Corrupt(error.to_string()),
            _ => Self::Database(error.into()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error.into()),
        }
    }
}

impl StoreError {
    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether what was to be written is wrong, and not the disk or the database.
    fn is_refusal(&self) -> bool {
        match self {
            Self::NotContiguous { .. } | Self::Damaged(_) => true,
            Self::Database(error) => error
                .downcast_ref::<rusqlite::Error>()
                .is_some_and(|error| error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)),
            _ => false,
        }
    }

    /// Whether a one-time code was not good.
    pub fn is_code_refusal(&self) -> bool {
        matches!(self, Self::UnknownCode | Self::UsedCode | Self::ExpiredCode)
    }
}

/// Of the file, before its first table is made: pages that joined runs leave free can be given back.
const FILE_SETTINGS: &str = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL";

/// Of each connection.
const SQLITE_SETTINGS: &str = "PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000; PRAGMA wal_autocheckpoint = 4000; PRAGMA synchronous = FULL";

/// After so many statements the WAL is folded into the file beside the writer, which else would do it
/// within a commit.
const STATEMENTS_IN_WAL: u64 = 800;

/// An open store. Only one process has it open at a time.
pub struct Store {
    pool: AnyPool,
    /// SQLite has one writer: this connection. The pool's others read beside it.
    writer: std::sync::Mutex<Option<FileWriter>>,
    engine: Engine,
    synchronous: Synchronous,
    file: Option<PathBuf>,
    lock: Mutex<Option<Lock>>,
    given: Mutex<commit::Given>,
    /// Whether something waits at the writer.
    is_behind: AtomicBool,
    /// Whether it could not be written.
    is_stuck: AtomicBool,
    statements_in_wal: AtomicU64,
}

impl Store {
    /// Opens or makes the store at `sqlite:///path/lianxiao.db` or `postgres://…` and brings it up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Synchronous::Full).await
    }

    /// The same, and says whether batches wait for the disk. People and codes always do.
    pub async fn open_with(url: &str, synchronous: Synchronous) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        if let Some(path) = url.strip_prefix("sqlite://") {
            Self::open_file(Path::new(path), synchronous).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let lock = lock::lock_session(url).await?;
            let pool = AnyPoolOptions::new().max_connections(8).connect(url).await?;
            Self::ready(pool, None, Engine::Postgres, synchronous, None, lock).await
        } else {
            Err(StoreError::Address { url: url.to_owned() })
        }
    }

    async fn open_file(path: &Path, synchronous: Synchronous) -> Result<Self, StoreError> {
        let lock = lock::lock_file(path)?;
        let address = format!("sqlite://{}?mode=rwc", path.display());
        // The writer first: a pool would try a damaged file again and again and then say that it is busy.
        let writer = FileWriter::open(path, &[FILE_SETTINGS, SQLITE_SETTINGS])?;
        let pool = AnyPoolOptions::new()
            .max_connections(2)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(Duration::from_secs(60))
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SQLITE_SETTINGS).await.map(drop) })
            })
            .connect(&address)
            .await?;
        Self::ready(pool, Some(writer), Engine::Sqlite, synchronous, Some(path.to_owned()), lock).await
    }

    async fn ready(
        pool: AnyPool,
        mut writer: Option<FileWriter>,
        engine: Engine,
        synchronous: Synchronous,
        file: Option<PathBuf>,
        lock: Lock,
    ) -> Result<Self, StoreError> {
        schema::migrate(&pool, engine).await?;
        writer.as_mut().map_or(Ok(()), FileWriter::name_cycle)?;
        Ok(Self {
            pool,
            writer: std::sync::Mutex::new(writer),
            engine,
            synchronous,
            file,
            lock: Mutex::new(Some(lock)),
            given: Mutex::default(),
            is_behind: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
            statements_in_wal: AtomicU64::new(0),
        })
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Folds what gathered in the WAL into the file while others read and write.
    pub async fn fold_wal(&self) -> Result<(), StoreError> {
        if self.engine == Engine::Sqlite && self.statements_in_wal.load(Ordering::Relaxed) > STATEMENTS_IN_WAL
        {
            self.statements_in_wal.store(0, Ordering::Relaxed);
            let fold = "PRAGMA wal_checkpoint(PASSIVE)";
            self.pool.execute(fold).await?;
            // The WAL begins anew only where a transaction finds all of it folded.
            let _alone = self.alone().await?;
            self.pool.execute(fold).await?;
        }
        Ok(())
    }

    fn file_writer(&self) -> MutexGuard<'_, Option<FileWriter>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the store and frees its lock.
    pub async fn close(&self) {
        if let Err(error) = self.write_waiting().await {
            tracing::warn!(%error, "what waits stays in the redo log, or comes again from the upstream");
        }
        self.pool.close().await;
        if let Some(writer) = self.file_writer().take() {
            // Closing folds the WAL into the file; without it the next start does.
            let _ = writer.file.close();
        }
        if let Some(lock) = self.lock.lock().await.take() {
            lock.release().await;
        }
    }
}

/// Numbers in SQL are signed; ours stay far below the sign.
fn number(value: u64) -> i64 {
    i64::try_from(value).expect("counts stay below 2^63")
}
