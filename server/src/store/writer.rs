//! SQLite's one writer. What it is given is checked and carried out in an open transaction and, where it
//! must be durable, stands in the redo log. The transaction ends when much has gathered, before somebody
//! reads, and every few seconds.

use super::StoreError;
use super::redo::Redo;
use super::script::{Durable, Script};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// More than this does not wait in the open transaction, in bytes of bound values.
const MOST_WAITING: usize = 256 * 1024;

/// A larger script goes to the file at once, and not to both.
const MOST_LOGGED: usize = 16 * 1024;

/// The forms of statement in scripts, with room to spare.
const STATEMENTS_KEPT: usize = 48;

/// The connection that writes.
pub struct FileWriter {
    pub file: Connection,
    redo: Redo,
    /// What is not in the file for good, in order.
    waiting: Script,
    /// Its bound values, in bytes.
    bytes: usize,
    /// So many of its statements are in the redo log.
    logged: usize,
    /// The transaction could not end, and it is not sure which cycle the file names: nothing waits until
    /// one does.
    is_stuck: bool,
}

impl FileWriter {
    /// Opens or makes the file, and brings into it what the redo log holds.
    pub fn open(path: &Path, settings: &[&str]) -> Result<Self, StoreError> {
        let file = Connection::open(path)?;
        file.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        for settings in settings {
            file.execute_batch(settings)?;
        }
        let (redo, left) = Redo::open(&path.with_extension("redo"), cycle(&file)?)?;
        let mut writer =
            Self { file, redo, waiting: Script::default(), bytes: 0, logged: 0, is_stuck: false };
        if !left.is_empty() {
            tracing::info!(records = left.len(), "what the redo log holds goes into the store");
        }
        left.into_iter().for_each(|script| writer.waiting.append(script));
        writer.logged = writer.waiting.len();
        writer.write()?;
        Ok(writer)
    }

    /// Whether what should be in the file could not be written.
    pub fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// Whether something waits.
    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes a script, whole or not at all; it may wait.
    pub fn commit(&mut self, script: Script, durable: Durable) -> Result<(), StoreError> {
        if script.is_empty() {
            return Ok(());
        }
        let (size, kept) = (script.size(), self.waiting.len());
        let has_room = !self.is_stuck && self.bytes + size <= MOST_WAITING;
        self.begin()?;
        let done = script.run(&self.file);
        self.waiting.append(script);
        self.bytes += size;
        let may_wait = done.map(|()| match durable {
            Durable::Later => has_room,
            Durable::AtOnce => has_room && size <= MOST_LOGGED && self.log(),
        });
        // Nothing may fail once it is in the redo log.
        let done = may_wait.and_then(|yes| if yes { Ok(()) } else { self.end() });
        if done.is_err() {
            self.waiting.truncate(kept);
            self.bytes -= size;
            self.undo();
        }
        done
    }

    /// Writes what waits to the file; says whether anything did.
    pub fn write(&mut self) -> Result<bool, StoreError> {
        let waits = self.is_behind();
        if waits {
            self.begin()?;
            self.end()?;
        }
        Ok(waits)
    }

    /// Names a cycle of the redo log in the file. Before this nothing may be logged.
    pub fn name_cycle(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        self.end()
    }

    /// What waits and is not in the redo log goes there; `false` if it does not stand there: then the next
    /// cycle in the file makes a half record void.
    fn log(&mut self) -> bool {
        let is_logged = self.redo.append(&self.waiting.encode(self.logged)).unwrap_or_else(|error| {
            tracing::warn!(%error, "the redo log cannot be written; the store's file is");
            false
        });
        if is_logged {
            self.logged = self.waiting.len();
        }
        is_logged
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if !self.file.is_autocommit() {
            return Ok(());
        }
        let done = self.run("BEGIN IMMEDIATE").and_then(|()| self.waiting.run(&self.file));
        if done.is_err() {
            self.is_stuck |= self.is_behind();
            self.undo();
        }
        done
    }

    /// The transaction goes into the file, and the redo log begins anew.
    fn end(&mut self) -> Result<(), StoreError> {
        let cycle = crate::keys::random_id();
        let named = "INSERT INTO meta (city, name, bytes) VALUES (x'', 'redo', ?1) ON CONFLICT (city, name) DO UPDATE SET bytes = excluded.bytes";
        let named = self.file.prepare_cached(named).and_then(|mut named| named.execute([&cycle[..]]));
        let done = named.map_err(StoreError::from).and_then(|_| self.run("COMMIT"));
        self.is_stuck = done.is_err();
        if done.is_err() {
            self.undo();
            return done;
        }
        self.waiting.truncate(0);
        (self.bytes, self.logged) = (0, 0);
        self.redo.begin(cycle);
        Ok(())
    }

    /// Undoes the transaction, if an error has not by itself; the next begins with what waits. Where this
    /// fails too, the error before it says more.
    fn undo(&self) {
        if !self.file.is_autocommit() {
            let _ = self.run("ROLLBACK");
        }
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.file.prepare_cached(sql)?.execute(())?;
        Ok(())
    }
}

/// The cycle of the redo log that the file names.
fn cycle(file: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    if !file.table_exists(None, "meta")? {
        return Ok(None);
    }
    let text = "SELECT bytes FROM meta WHERE city = x'' AND name = 'redo'";
    Ok(file.query_row(text, (), |row| row.get(0)).optional()?)
}
