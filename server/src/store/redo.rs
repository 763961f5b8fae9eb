//! The redo log: what is durable and not yet in SQLite's file. A commit of SQLite writes every page it
//! touched; here it is one write over bytes that are there already, in a file of fixed length.
//!
//! Every transaction of the writer begins a new cycle, whose random name it stores in the file. A record
//! counts where it carries that name: others stand in the file already, or belong to another file.

use super::StoreError;
use super::script::Script;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of the file.
const LENGTH: usize = 1 << 20;
const CYCLE: usize = 16;
/// The smallest page in which Linux keeps a file in memory, in bytes.
#[cfg(target_os = "linux")]
const PAGE: usize = 4096;
/// Cycle, length and check sum of what follows, before each record.
const HEADER: usize = CYCLE + 4 + 4;

/// The open file.
pub struct Redo {
    file: File,
    cycle: [u8; CYCLE],
    /// Where the next record goes.
    at: usize,
    /// Bytes of the record there, until it is kept.
    written: usize,
}

impl Redo {
    /// Opens or makes the file, and reads what this cycle left in it.
    pub fn open(path: &Path, cycle: Option<Vec<u8>>) -> Result<(Self, Vec<Script>), StoreError> {
        let bytes = whole(path);
        let (file, bytes) = bytes.map_err(|error| unusable(path, error))?;
        let mut redo = Self { file, cycle: [0; CYCLE], at: 0, written: 0 };
        let mut left = Vec::new();
        if let Some(cycle) = cycle.and_then(|bytes| bytes.try_into().ok()) {
            redo.cycle = cycle;
            while let Some(record) = redo.record(&bytes) {
                let script = Script::decode(record);
                left.push(script.map_err(|error| StoreError::Damaged(format!("the redo log: {error}")))?);
                redo.at += HEADER + record.len();
            }
        }
        Ok((redo, left))
    }

    /// The record at the current place, unless it is torn or of another cycle.
    fn record<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (header, rest) = bytes[self.at..].split_at_checked(HEADER)?;
        let (cycle, sizes) = header.split_at(CYCLE);
        let (length, sum) = sizes.split_at(4);
        let record = rest.get(..u32::from_le_bytes(length.try_into().ok()?) as usize)?;
        (cycle == self.cycle && sum == self.sum(record)).then_some(record)
    }

    fn sum(&self, record: &[u8]) -> [u8; 4] {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&self.cycle);
        sum.update(&(record.len() as u32).to_le_bytes());
        sum.update(record);
        sum.finalize().to_le_bytes()
    }

    /// What was written is in SQLite's file, which names this cycle.
    pub fn begin(&mut self, cycle: [u8; CYCLE]) {
        self.cycle = cycle;
        (self.at, self.written) = (0, 0);
    }

    /// Writes a record; it counts with [`Redo::keep`]. `false` if there is no room for it.
    pub fn write(&mut self, record: &[u8]) -> std::io::Result<bool> {
        if self.at + HEADER + record.len() > LENGTH {
            return Ok(false);
        }
        let mut bytes = Vec::with_capacity(HEADER + record.len());
        bytes.extend(self.cycle);
        bytes.extend((record.len() as u32).to_le_bytes());
        bytes.extend(self.sum(record));
        bytes.extend(record);
        self.put(&bytes)?;
        self.written = bytes.len();
        Ok(true)
    }

    /// The disk may begin with the record written last before anybody waits.
    pub fn begin_to_store(&self) {
        begin_to_store(&self.file, self.at, self.written);
    }

    /// Waits for the disk to hold what was written.
    pub fn wait(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }

    /// The record written last counts; what was not waited for a power cut may take, and all after it.
    pub fn keep(&mut self) {
        self.at += std::mem::take(&mut self.written);
    }

    /// The record written last is not to count: it was not kept.
    pub fn take_back(&mut self) -> std::io::Result<()> {
        self.written = 0;
        self.put(&[0; HEADER])?;
        self.file.sync_data()
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.at as u64))?;
        self.file.write_all(bytes)
    }
}

/// Linux begins with what is said not to be read again.
#[cfg(target_os = "linux")]
fn begin_to_store(file: &File, at: usize, len: usize) {
    use rustix::fs::{Advice, fadvise};
    // A whole page it would also drop from memory, which waits for every processor.
    if let Some(len) = std::num::NonZeroU64::new(len as u64).filter(|_| len < PAGE) {
        // Without it nothing is lost but time.
        let _ = fadvise(file, at as u64, Some(len), Advice::DontNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn begin_to_store(_: &File, _: usize, _: usize) {}

/// The file, of its full length, and what is in it.
fn whole(path: &Path) -> std::io::Result<(File, Vec<u8>)> {
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut bytes = Vec::with_capacity(LENGTH);
    file.read_to_end(&mut bytes)?;
    if bytes.len() < LENGTH {
        file.write_all(&vec![0; LENGTH - bytes.len()])?;
        file.sync_all()?;
        // Its name, too.
        #[cfg(unix)]
        File::open(path.parent().filter(|folder| *folder != "").unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok((file, bytes))
}

fn unusable(path: &Path, error: std::io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full(error.to_string()),
        _ => StoreError::Folder { path: path.display().to_string(), error },
    }
}
