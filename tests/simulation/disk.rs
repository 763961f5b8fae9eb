//! A durable store: write, then sync. A crash loses what was not synced, and may tear the last batch.

use crate::dice::Dice;
use client_core::replica::Record;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The store's one file, batches of records one after the other, and the marker file beside it.
#[derive(Clone, Default)]
pub struct Disk {
    file: Vec<u8>,
    synced: usize,
    /// No batch can be written while it is full.
    pub full: bool,
    /// A random number outside the store, new at every start.
    pub marker: Option<u64>,
}

const CHECKSUM: usize = 8;

impl Disk {
    /// Writes a batch at the end; all of it counts or nothing. Not durable before [`Disk::sync`].
    pub fn write(&mut self, records: &[Record]) {
        let mut batch = Vec::new();
        for Record { key, value } in records {
            for part in [key.as_bytes(), value.as_slice()] {
                batch.extend_from_slice(&(part.len() as u32).to_be_bytes());
                batch.extend_from_slice(part);
            }
        }
        self.file.extend_from_slice(&(batch.len() as u32).to_be_bytes());
        self.file.extend_from_slice(&Sha256::digest(&batch)[..CHECKSUM]);
        self.file.extend_from_slice(&batch);
    }

    /// All that was written is durable.
    pub fn sync(&mut self) {
        self.synced = self.file.len();
    }

    /// Power is gone: of what was not synced a part may be there, its end perhaps garbled.
    pub fn crash(&mut self, dice: &mut Dice) {
        let unsynced = (self.file.len() - self.synced) as u64;
        let kept = dice.below(unsynced + 1) as usize;
        self.file.truncate(self.synced + kept);
        if kept > 0 && dice.chance(50) {
            let at = self.synced + dice.below(kept as u64) as usize;
            self.file[at] ^= 0xff;
        }
        self.discard_torn_end();
    }

    /// What a copy made now would hold.
    pub fn copy(&self) -> Self {
        Self {
            file: self.file[..self.synced].to_vec(),
            synced: self.synced,
            full: false,
            marker: self.marker,
        }
    }

    /// Every whole batch, in order.
    pub fn batches(&self) -> Vec<Vec<Record>> {
        let mut batches = Vec::new();
        let mut rest = self.file.as_slice();
        while let Some((batch, after)) = next_batch(rest) {
            batches.push(records_of(batch));
            rest = after;
        }
        batches
    }

    /// The last value of every key.
    pub fn records(&self) -> BTreeMap<String, Vec<u8>> {
        self.batches().into_iter().flatten().map(|record| (record.key, record.value)).collect()
    }

    fn discard_torn_end(&mut self) {
        let mut rest = self.file.as_slice();
        while let Some((_, after)) = next_batch(rest) {
            rest = after;
        }
        let whole = self.file.len() - rest.len();
        self.file.truncate(whole);
        self.synced = whole;
    }
}

fn next_batch(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = file.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<CHECKSUM>()?;
    let (batch, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    (Sha256::digest(batch)[..CHECKSUM] == checksum[..]).then_some((batch, rest))
}

fn records_of(mut batch: &[u8]) -> Vec<Record> {
    let mut part = || {
        let (length, rest) = batch.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        batch = rest;
        Some(part.to_vec())
    };
    let mut records = Vec::new();
    while let (Some(key), Some(value)) = (part(), part()) {
        records.push(Record { key: String::from_utf8_lossy(&key).into_owned(), value });
    }
    records
}
