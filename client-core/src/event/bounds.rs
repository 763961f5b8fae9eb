//! Bounds of the fields of events, so that everything that folds is total over what remains.

use crate::time::{Day, HalfDay, Millis, Slot};
use std::fmt;
use std::ops::RangeInclusive;

/// A field that lies outside its bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {limit}")]
pub struct OutOfBounds {
    /// The field, e.g. `slot.day`.
    pub field: &'static str,
    /// What it may be.
    pub limit: Limit,
}

/// What a field may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A number from the first to the second.
    Number(u64, u64),
    /// A date from 1800-01-01 to 2299-12-31.
    Day,
    /// A moment that calendars can show.
    Moment,
    /// Minutes within one day.
    WithinDay,
    /// A text of at most so many bytes.
    Bytes(usize),
    /// A text without control characters.
    Characters,
    /// A list of at most so many elements.
    Elements(usize),
    /// What the rules of the timetable ask for.
    Rules(String),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(least, most) => write!(f, "is a number from {least} to {most}"),
            Self::Day => f.write_str("is a date from 1800-01-01 to 2299-12-31"),
            Self::Moment => f.write_str("is a moment that a calendar can show"),
            Self::WithinDay => f.write_str("begins and ends on the same day"),
            Self::Bytes(most) => write!(f, "has at most {most} bytes"),
            Self::Characters => f.write_str("has no control characters"),
            Self::Elements(most) => write!(f, "has at most {most} elements"),
            Self::Rules(text) => f.write_str(text),
        }
    }
}

/// What checking bounds gives: the first field that lies outside.
pub type Checked = Result<(), OutOfBounds>;

/// The longest name, in bytes: 340 Chinese characters.
pub const MOST_NAME_BYTES: usize = 1024;
/// The longest text, in bytes.
pub const MOST_TEXT_BYTES: usize = 4096;
/// The largest count of people, seats or pieces.
pub const MOST_COUNT: u32 = 1_000_000;
/// Most elements of a list in a decision; a change holds no more than that anyway.
pub(crate) const MOST_ELEMENTS: usize = 5_000;
const MOST_LONG_TEXT_BYTES: usize = 32 * 1024;
const MOST_KIND_BYTES: usize = 64;
/// The most half-days in one list; a week has fourteen.
const MOST_HALF_DAYS: usize = 100;
/// 1800-01-01 and 2299-12-31.
const DAYS: RangeInclusive<i32> = -62_091..=120_529;
/// What a browser's dates can show, in milliseconds before and after 1970.
const MOST_MILLIS: i64 = 8_640_000_000_000_000;
const MINUTES_A_DAY: u32 = 24 * 60;

fn hold(holds: bool, field: &'static str, limit: impl FnOnce() -> Limit) -> Checked {
    if holds { Ok(()) } else { Err(OutOfBounds { field, limit: limit() }) }
}

/// A whole number.
pub(crate) fn number(field: &'static str, value: impl Into<u64>, range: RangeInclusive<u64>) -> Checked {
    hold(range.contains(&value.into()), field, || Limit::Number(*range.start(), *range.end()))
}

/// A count of people, seats or pieces.
pub(crate) fn count(field: &'static str, value: u32) -> Checked {
    number(field, value, 0..=MOST_COUNT.into())
}

/// A date.
pub(crate) fn day(field: &'static str, day: Day) -> Checked {
    hold(DAYS.contains(&day.0), field, || Limit::Day)
}

/// A moment.
pub(crate) fn moment(field: &'static str, moment: Millis) -> Checked {
    hold((-MOST_MILLIS..=MOST_MILLIS).contains(&moment.0), field, || Limit::Moment)
}

/// A time of teaching.
pub(crate) fn slot(field: &'static str, slot: &Slot) -> Checked {
    day(field, slot.day)?;
    let (start, length) = (u32::from(slot.start_minute), u32::from(slot.duration_minutes));
    let within = start < MINUTES_A_DAY && start.saturating_add(length) <= MINUTES_A_DAY;
    hold(within, field, || Limit::WithinDay)
}

/// Half-days of a week.
pub(crate) fn half_days(field: &'static str, half_days: &[HalfDay]) -> Checked {
    list(field, half_days, MOST_HALF_DAYS)?;
    half_days.iter().try_for_each(|half_day| number(field, half_day.weekday, 0..=6))
}

/// A list.
pub(crate) fn list<T>(field: &'static str, list: &[T], most: usize) -> Checked {
    hold(list.len() <= most, field, || Limit::Elements(most))
}

/// A name.
pub(crate) fn name(field: &'static str, name: &str) -> Checked {
    text_of(field, name, MOST_NAME_BYTES)
}

/// A text.
pub(crate) fn text(field: &'static str, text: &str) -> Checked {
    text_of(field, text, MOST_TEXT_BYTES)
}

/// A text that a program wrote.
pub(crate) fn long_text(field: &'static str, text: &str) -> Checked {
    text_of(field, text, MOST_LONG_TEXT_BYTES)
}

fn text_of(field: &'static str, text: &str, most: usize) -> Checked {
    hold(text.len() <= most, field, || Limit::Bytes(most))?;
    hold(text.chars().all(is_allowed), field, || Limit::Characters)
}

/// Code points that a text may hold; the list is ours and goes by no tables of a toolchain.
///
/// Left out: control characters but tab and line ends, the separators of lines and paragraphs, what no
/// text uses (noncharacters, tags, annotations). Marks of direction and zero-width characters stay in:
/// office files bring them with names that were copied from elsewhere.
fn is_allowed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => false,
        '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' => false,
        '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}' => false,
        _ => u32::from(c) & 0xfffe != 0xfffe,
    }
}

/// Marks of direction and characters without width: nobody types them, and they hide what a text says.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

/// A kind's name, of whatever release.
pub(crate) fn kind_name(field: &'static str, kind: &str) -> Checked {
    let is_part =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
    hold(kind.len() <= MOST_KIND_BYTES, field, || Limit::Bytes(MOST_KIND_BYTES))?;
    hold(kind.bytes().all(is_part), field, || Limit::Characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_day_are_dates() {
        let bounds = [*DAYS.start(), *DAYS.end()].map(|day| Day(day).to_string());
        assert_eq!(bounds, ["1800-01-01", "2299-12-31"]);
        assert!(day("day", Day(i32::MAX)).is_err() && day("day", Day(i32::MIN)).is_err());
    }

    #[test]
    fn a_text_is_bounded_in_bytes_and_in_characters() {
        assert!(name("name", &"党".repeat(341)).is_ok());
        assert!(name("name", &"党".repeat(342)).is_err());
        for odd in ['\0', '\u{7}', '\u{85}', '\u{2028}', '\u{ffff}', '\u{10fffe}', '\u{e0041}'] {
            assert!(name("name", &format!("示例{odd}")).is_err(), "{odd:?}");
        }
        for plain in ["示例\u{200b}甲", "a\tb\r\n", "𠮷", "😀", "\u{fffd}", "吉\u{e0100}"] {
            assert!(name("name", plain).is_ok(), "{plain:?}");
        }
    }

    #[test]
    fn a_slot_stays_within_its_day() {
        let at = |start_minute, duration_minutes| Slot { day: Day(20_000), start_minute, duration_minutes };
        assert!(slot("slot", &at(1439, 1)).is_ok() && slot("slot", &at(0, 1440)).is_ok());
        assert!(slot("slot", &at(540, 0)).is_ok(), "a ledger gives only the day");
        assert!(slot("slot", &at(1440, 0)).is_err() && slot("slot", &at(1439, 2)).is_err());
        assert!(slot("slot", &at(u16::MAX, u16::MAX)).is_err());
    }
}
