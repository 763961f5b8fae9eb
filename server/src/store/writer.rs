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
        writer.bring_in(left)?;
        Ok(writer)
    }

    /// Brings in what a process left in the redo log. It may have ended before SQLite refused the last
    /// record; then nobody was told of that one.
    fn bring_in(&mut self, mut left: Vec<Script>) -> Result<(), StoreError> {
        let Some(last) = left.pop() else { return Ok(()) };
        tracing::info!(records = left.len() + 1, "what the redo log holds goes into the store");
        left.into_iter().for_each(|script| self.waiting.append(script));
        self.begin()?;
        let kept = self.waiting.len();
        self.waiting.append(last);
        if let Err(error) = self.waiting.run(kept, &self.file) {
            if !error.is_refusal() {
                return Err(error);
            }
            tracing::warn!(%error, "the last record of the redo log was to be refused and is left out");
            self.waiting.truncate(kept);
            self.undo();
        }
        self.name_cycle()
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
        self.waiting.append(script);
        self.bytes += size;
        let is_small = has_room && size <= MOST_LOGGED;
        let is_in_log = durable != Durable::Later && is_small && self.log();
        if is_in_log && durable == Durable::AtOnce {
            // The disk works on it while SQLite does.
            self.redo.begin_to_store();
        }
        let done = self.waiting.run(kept, &self.file).and_then(|()| {
            let may_wait = match durable {
                Durable::Later => has_room,
                Durable::Soon => is_in_log,
                Durable::AtOnce => is_in_log && self.wait_for_log(),
            };
            if !may_wait {
                return self.end();
            }
            if is_in_log {
                self.redo.keep();
                self.logged = self.waiting.len();
            }
            Ok(())
        });
        if done.is_err() {
            self.waiting.truncate(kept);
            self.bytes -= size;
            self.undo();
            if is_in_log && let Err(error) = self.redo.take_back() {
                tracing::warn!(%error, "what was refused is void with the next cycle of the redo log");
                // Nothing waits until there is one.
                self.is_stuck = true;
                let _ = self.name_cycle();
            }
        }
        done
    }

    /// Writes what waits to the file; says whether anything did.
    pub fn write(&mut self) -> Result<bool, StoreError> {
        let waits = self.is_behind();
        if waits || self.is_stuck {
            self.name_cycle()?;
        }
        Ok(waits)
    }

    /// Names a cycle of the redo log in the file. Before this nothing may be logged.
    pub fn name_cycle(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        self.end()
    }

    /// What waits and is not in the redo log is written there; `false` if it is not.
    fn log(&mut self) -> bool {
        or_the_file(self.redo.write(&self.waiting.encode(self.logged)))
    }

    /// Waits until it stands there; `false` if it does not: then the next cycle in the file makes it void.
    fn wait_for_log(&mut self) -> bool {
        or_the_file(self.redo.wait().map(|()| true))
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if !self.file.is_autocommit() {
            return Ok(());
        }
        let done = self.run("BEGIN IMMEDIATE").and_then(|()| self.waiting.run(0, &self.file));
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
            // What stands in the redo log without having been waited for goes on waiting here.
            self.wait_for_log();
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

/// An error of the redo log is none of the store: the file is written instead.
fn or_the_file(logged: std::io::Result<bool>) -> bool {
    logged.unwrap_or_else(|error| {
        tracing::warn!(%error, "the redo log cannot be written; the store's file is");
        false
    })
}

/// The cycle of the redo log that the file names.
fn cycle(file: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    if !file.table_exists(None, "meta")? {
        return Ok(None);
    }
    let text = "SELECT bytes FROM meta WHERE city = x'' AND name = 'redo'";
    Ok(file.query_row(text, (), |row| row.get(0)).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "CREATE TABLE IF NOT EXISTS meta (city BLOB, name TEXT, bytes BLOB, PRIMARY KEY (city, name)); CREATE TABLE IF NOT EXISTS said (word TEXT)";

    fn word(word: &'static str) -> Script {
        let mut script = Script::default();
        script.push("INSERT INTO said VALUES ($1)", [word.into()]);
        script
    }

    fn said(writer: &FileWriter) -> Vec<String> {
        let mut words = writer.file.prepare("SELECT word FROM said ORDER BY rowid").unwrap();
        words.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn refused() -> Script {
        let mut script = word("refused");
        let wrong = || StoreError::Damaged("as the test wants".to_owned());
        script.push_one("DELETE FROM said WHERE word = $1", ["nobody said this".into()], wrong);
        script
    }

    /// A store in a folder; a writer that is dropped leaves it as the end of a process does.
    fn store(folder: &tempfile::TempDir) -> FileWriter {
        let mut writer = FileWriter::open(&folder.path().join("store.sqlite"), &[TABLES]).unwrap();
        writer.name_cycle().unwrap();
        writer
    }

    #[test]
    fn what_sqlite_refuses_is_void_though_the_redo_log_had_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = store(&folder);
        writer.commit(word("first"), Durable::AtOnce).unwrap();
        writer.commit(refused(), Durable::AtOnce).unwrap_err();
        writer.commit(word("second"), Durable::AtOnce).unwrap();
        writer.commit(refused(), Durable::AtOnce).unwrap_err();
        drop(writer);
        assert_eq!(said(&store(&folder)), ["first", "second"]);
    }

    #[test]
    fn what_sqlite_was_to_refuse_when_the_process_ended_keeps_no_store_from_opening() {
        for known in [vec![], vec!["first"]] {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = store(&folder);
            for known in &known {
                writer.commit(word(known), Durable::AtOnce).unwrap();
            }
            assert!(writer.redo.write(&refused().encode(0)).unwrap());
            drop(writer);
            let mut writer = store(&folder);
            assert_eq!(said(&writer), known);
            writer.commit(word("after"), Durable::AtOnce).unwrap();
            drop(writer);
            assert_eq!(said(&store(&folder)), [known, vec!["after"]].concat());
        }
    }

    #[test]
    fn what_does_not_wait_for_the_disk_survives_the_process_and_in_the_file_a_power_cut() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = store(&folder);
        writer.commit(word("first"), Durable::Soon).unwrap();
        writer.commit(refused(), Durable::Soon).unwrap_err();
        writer.commit(word("heard"), Durable::Later).unwrap();
        writer.commit(word("second"), Durable::Soon).unwrap();
        drop(writer);
        let mut writer = store(&folder);
        assert_eq!(said(&writer), ["first", "heard", "second"]);
        writer.commit(word("third"), Durable::Soon).unwrap();
        writer.write().unwrap();
        writer.commit(word("fourth"), Durable::Soon).unwrap();
        writer.commit(word("fifth"), Durable::Soon).unwrap();
        drop(writer);
        // As a power cut leaves it: a later record may be there without the one before.
        let log = folder.path().join("store.redo");
        let mut bytes = std::fs::read(&log).unwrap();
        bytes[..16].fill(0);
        std::fs::write(&log, bytes).unwrap();
        let mut writer = store(&folder);
        assert_eq!(said(&writer), ["first", "heard", "second", "third"]);
        writer.commit(word("sixth"), Durable::Soon).unwrap();
        writer.commit(word("seventh"), Durable::AtOnce).unwrap();
        drop(writer);
        assert_eq!(said(&store(&folder)), ["first", "heard", "second", "third", "sixth", "seventh"]);
    }

    #[test]
    fn what_sqlite_cannot_do_keeps_its_record_and_the_store_shut() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = store(&folder);
        writer.commit(word("first"), Durable::AtOnce).unwrap();
        drop(writer);
        let path = folder.path().join("store.sqlite");
        let shut = FileWriter::open(&path, &["ALTER TABLE said RENAME TO heard"]).err().unwrap();
        assert!(!shut.is_refusal(), "{shut}");
        let open = FileWriter::open(&path, &["ALTER TABLE heard RENAME TO said"]).unwrap();
        assert_eq!(said(&open), ["first"]);
    }
}
