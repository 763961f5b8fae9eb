//! How large the next chunk is: about two seconds of the line's measured rate, and less on a line that was
//! cut before a chunk was through; and how long to wait before the next try.

use crate::time::Millis;

const LEAST_CHUNK: usize = 1024;
const FIRST_CHUNK: usize = 16 * 1024;
const LARGEST_CHUNK: usize = 256 * 1024;
const TARGET_MILLIS: usize = 2_000;

/// Chunk size that follows the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    chunk_bytes: usize,
    in_flight: Option<(usize, Millis)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { chunk_bytes: FIRST_CHUNK, in_flight: None }
    }
}

impl Pace {
    /// The size to aim at, in compressed bytes.
    pub fn chunk_bytes(&self) -> usize {
        self.chunk_bytes
    }

    /// A chunk of this size went out.
    pub fn sent(&mut self, bytes: usize, now: Millis) {
        self.in_flight = Some((bytes, now));
    }

    /// What the next connection to the same peer begins with: less, if something was on its way when this
    /// one ended. A line that never holds long enough for a chunk would carry nothing for ever.
    pub fn anew(&self, is_cut: bool) -> Self {
        let fitting = if is_cut { (self.chunk_bytes / 2).max(LEAST_CHUNK) } else { self.chunk_bytes };
        Self { chunk_bytes: fitting.min(FIRST_CHUNK), in_flight: None }
    }

    /// The peer has it; the next chunk may be at most twice as large. That an answer takes long makes no
    /// chunk smaller than the first: a busy peer needs fewer of them.
    pub fn acknowledged(&mut self, now: Millis) {
        let Some((bytes, since)) = self.in_flight.take() else { return };
        let elapsed = (now.0 - since.0).max(1) as usize;
        let fitting = bytes.saturating_mul(TARGET_MILLIS) / elapsed;
        let least = (self.chunk_bytes * 2).min(FIRST_CHUNK);
        self.chunk_bytes = fitting.clamp(least, (self.chunk_bytes * 2).min(LARGEST_CHUNK));
    }

    /// The peer has read small chunks; how long that took says nothing.
    pub fn read(&mut self) {
        self.chunk_bytes = self.chunk_bytes.max((self.chunk_bytes * 2).min(FIRST_CHUNK));
    }
}

/// Waiting times that grow and are jittered, so that many who lost their line do not return as one.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    next: i64,
}

const FIRST_WAIT: i64 = 250;
const LONGEST_WAIT: i64 = 30_000;

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST_WAIT }
    }
}

impl Backoff {
    /// How long to wait now, in milliseconds: half to one and a half of a time that doubles.
    /// `random` is any random byte.
    pub fn wait(&mut self, random: u8) -> i64 {
        let wait = self.next / 2 + self.next * i64::from(random) / 255;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        wait
    }

    /// The line stood: begin small again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_on_a_fast_line_and_shrink_on_a_slow_one() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.sent(pace.chunk_bytes(), Millis(0));
            pace.acknowledged(Millis(10));
        }
        assert_eq!(pace.chunk_bytes(), LARGEST_CHUNK);
        pace.sent(LARGEST_CHUNK, Millis(0));
        pace.acknowledged(Millis(60_000));
        assert_eq!(pace.chunk_bytes(), FIRST_CHUNK);
    }

    #[test]
    fn a_chunk_that_was_cut_off_is_tried_again_at_half_its_size() {
        let mut pace = Pace::default();
        let mut sizes = Vec::new();
        for _ in 0..6 {
            pace.sent(pace.chunk_bytes(), Millis(0));
            pace = pace.anew(true);
            sizes.push(pace.chunk_bytes());
        }
        assert_eq!(sizes, [8192, 4096, 2048, LEAST_CHUNK, LEAST_CHUNK, LEAST_CHUNK]);
        assert_eq!(pace.anew(false), pace, "nothing was on its way");
        for expected in [2048, 4096, 8192, FIRST_CHUNK, FIRST_CHUNK] {
            pace.sent(pace.chunk_bytes(), Millis(0));
            pace.acknowledged(Millis(60_000));
            assert_eq!(pace.chunk_bytes(), expected);
        }
        pace.sent(LARGEST_CHUNK, Millis(0));
        pace.acknowledged(Millis(10));
        assert_eq!(pace.anew(true), Pace::default(), "a fast line begins as any other");
        pace = pace.anew(true).anew(true);
        pace.read();
        pace.read();
        assert_eq!(pace.chunk_bytes(), FIRST_CHUNK);
    }
}
