//! Calendars as bit masks: a bit for every period of the horizon at which a class could begin.
//!
//! A word holds whole days, a week where a day has at most nine periods, so that one `and` of three words
//! (teacher, venue, order) answers for a week.

use super::instance::Instance;

/// Where the bit of a period lies.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Periods of a day.
    pub periods: u32,
    /// Words of a calendar.
    pub words: u32,
    days_per_word: u32,
    /// Word and shift by day.
    places: Vec<(u32, u32)>,
    /// Day within the word and period by bit.
    times: Vec<(u32, u32)>,
}

impl Layout {
    pub fn of(instance: &Instance) -> Self {
        let periods = instance.periods.len() as u32;
        let days_per_word = if periods <= 9 { 7 } else { 64 / periods };
        let place = |day: u32| (day / days_per_word, day % days_per_word * periods);
        Self {
            periods,
            words: instance.days.div_ceil(days_per_word),
            days_per_word,
            places: (0..instance.days).map(place).collect(),
            times: (0..64).map(|bit| (bit / periods, bit % periods)).collect(),
        }
    }

    /// Word and shift of a day of the horizon.
    pub fn place(&self, day: u32) -> (u32, u32) {
        self.places[day as usize]
    }

    /// Day and period of a bit.
    pub fn time(&self, word: u32, bit: u32) -> (u32, u32) {
        let (day, period) = self.times[bit as usize];
        (word * self.days_per_word + day, period)
    }

    /// All bits of a day, at its shift.
    pub fn day_mask(&self, shift: u32) -> u64 {
        ((1u64 << self.periods) - 1) << shift
    }

    /// Whether a word holds just a week.
    pub fn words_are_weeks(&self) -> bool {
        self.days_per_word == 7
    }
}

/// Periods of a day at which a class of a duration can begin if it may begin at `starts` and needs `free`.
pub(super) fn starts_within(free: u32, starts: u32, duration: u32) -> u32 {
    (1..duration).fold(free, |all, ahead| all & (free >> ahead)) & starts
}

/// Calendars of many, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Calendars {
    words: u32,
    bits: Vec<u64>,
}

impl Calendars {
    pub fn empty(count: u32, layout: &Layout) -> Self {
        Self { words: layout.words, bits: vec![0; (count * layout.words) as usize] }
    }

    /// The words of one.
    pub fn of(&self, which: u32) -> &[u64] {
        let from = (which * self.words) as usize;
        &self.bits[from..from + self.words as usize]
    }

    /// Sets a whole word.
    pub fn set_word(&mut self, which: u32, word: u32, bits: u64) {
        self.bits[(which * self.words + word) as usize] = bits;
    }

    /// Sets the bits of a day.
    pub fn set_day(&mut self, layout: &Layout, which: u32, day: u32, bits: u32) {
        let (word, shift) = layout.place(day);
        let at = &mut self.bits[(which * self.words + word) as usize];
        *at = *at & !layout.day_mask(shift) | u64::from(bits) << shift;
    }

    /// Whether the bit of a period is set.
    pub fn has(&self, layout: &Layout, which: u32, day: u32, period: u32) -> bool {
        let (word, shift) = layout.place(day);
        self.bits[(which * self.words + word) as usize] >> (shift + period) & 1 == 1
    }
}
