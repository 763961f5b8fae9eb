//! Randomness that is the same everywhere: a counter, mixed, and a table of logarithms.

/// SplitMix64.
pub(super) struct Random(u64);

impl Random {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: u32) -> u32 {
        (((self.word() >> 32) * u64::from(end)) >> 32) as u32
    }

    /// One of a slice's places; the slice must not be empty.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u32) as usize
    }

    /// True in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }
}

/// How much worse a step may be at a temperature: `temperature` times an exponential variate.
pub(super) struct Tolerance(Vec<u32>);

/// Entries of the table, a power of two.
const ENTRIES: u32 = 4096;

impl Tolerance {
    /// Makes the table of −ln((2i + 1) / 2n), in 1/4096.
    pub fn new() -> Self {
        Self((0..ENTRIES).map(|i| minus_ln(u64::from(2 * i + 1), u64::from(2 * ENTRIES))).collect())
    }

    /// A loss that is accepted, at a temperature in 1/1024 points.
    pub fn draw(&self, temperature: u64, random: &mut Random) -> i64 {
        let at = (random.word() >> 52) as usize;
        ((temperature * u64::from(self.0[at])) >> 22) as i64
    }
}

/// −ln(part / whole) in 1/4096, for 0 < part <= whole < 2^20: the binary logarithm bit by bit, by squaring.
fn minus_ln(part: u64, whole: u64) -> u32 {
    const ONE: u64 = 1 << 30;
    let mut ratio = (whole << 30) / part;
    let mut log2 = 0u64;
    while ratio >= 2 * ONE {
        ratio /= 2;
        log2 += 1 << 16;
    }
    for bit in (0..16).rev() {
        ratio = (ratio * ratio) >> 30;
        if ratio >= 2 * ONE {
            ratio /= 2;
            log2 += 1 << bit;
        }
    }
    const LN_2: u64 = 45_426; // of 65,536
    ((log2 * LN_2) >> 20) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right_to_three_digits() {
        assert_eq!(minus_ln(1, 1), 0);
        assert!((2838..=2840).contains(&minus_ln(1, 2))); // 0.6931 x 4096 = 2839.1
        assert!((28292..=28296).contains(&minus_ln(1, 1000))); // 6.9078 x 4096 = 28294.3
    }
}
