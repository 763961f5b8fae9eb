//! How large the next chunk is: about two seconds of the line's measured rate.

use crate::time::Millis;

const FIRST_CHUNK: usize = 16 * 1024;
const LARGEST_CHUNK: usize = 256 * 1024;
const TARGET_MILLIS: usize = 2_000;

/// Chunk size that follows the line.
#[derive(Clone, Copy, Debug)]
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

    /// The peer has it; the next chunk may be at most twice as large.
    pub fn acknowledged(&mut self, now: Millis) {
        let Some((bytes, since)) = self.in_flight.take() else { return };
        let elapsed = (now.0 - since.0).max(1) as usize;
        let fitting = bytes.saturating_mul(TARGET_MILLIS) / elapsed;
        self.chunk_bytes = fitting.clamp(FIRST_CHUNK, (self.chunk_bytes * 2).min(LARGEST_CHUNK));
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
}
