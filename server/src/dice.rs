//! Choices that depend on a seed alone, for the sample city and the demo.

use client_core::ids::Entropy;
use sha2::{Digest, Sha256};

/// A stream of choices.
pub struct Dice(Entropy);

impl Dice {
    /// From a seed. `purpose` keeps two users of one seed apart.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let seed = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(purpose).finalize();
        Self(Entropy::new(seed.into()))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bytes: [u8; 8] = self.0.next_bytes()[..8].try_into().expect("8 of 32 bytes");
        (u64::from_be_bytes(bytes) % bound.max(1) as u64) as usize
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of some. Panics on an empty slice.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// The numbers below `count` in a mixed order.
    pub fn mixed(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for n in (1..count).rev() {
            order.swap(n, self.below(n + 1));
        }
        order
    }

    /// `count` different numbers below `bound`, ascending.
    pub fn some(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut some = self.mixed(bound);
        some.truncate(count);
        some.sort_unstable();
        some
    }
}
