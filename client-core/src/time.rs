//! Clock readings, the hybrid logical clock, and the city's calendar. Every reading comes in from outside.

use jiff::civil;
use serde::{Deserialize, Serialize};

/// Unix time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// One minute.
    pub const MINUTE: i64 = 60_000;
    /// One day.
    pub const DAY: i64 = 86_400_000;

    /// The city's own date at this moment (Asia/Shanghai, UTC+8 without summer time).
    pub fn day(self) -> Day {
        let day = self.0.saturating_add(CITY_OFFSET_MILLIS).div_euclid(Self::DAY);
        Day(day.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
    }

    /// Minutes since midnight in the city.
    pub fn minute_of_day(self) -> u16 {
        (self.0.saturating_add(CITY_OFFSET_MILLIS).rem_euclid(Self::DAY) / Self::MINUTE) as u16
    }

    /// This moment and `minutes` more.
    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(Self::MINUTE)))
    }
}

const CITY_OFFSET_MILLIS: i64 = 8 * 3_600_000;

/// A hybrid-logical-clock reading: 48 bits of Unix milliseconds, 16 bits of counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The stamp's wall-clock part.
    pub fn millis(self) -> Millis {
        Millis((self.0 >> 16) as i64)
    }

    /// The stamp of a clock that showed `millis` more; its counter stays.
    pub fn shifted(self, millis: i64) -> Self {
        Self(Self::at(Millis(self.millis().0.saturating_add(millis))).0 | (self.0 & 0xffff))
    }

    fn at(now: Millis) -> Self {
        Self((now.0.clamp(0, (1 << 47) - 1) as u64) << 16)
    }
}

/// How far a stamp may run ahead of the upstream's time.
pub const CLOCK_BOUND_MINUTES: i64 = 5;

/// How far a stamp may run ahead of the city's time when it arrives there, before the city corrects it.
pub const CLOCK_WRONG_MINUTES: i64 = 10;

/// The one hybrid logical clock of a device. Persist it with all that is stored.
///
/// Its stamps run at most five minutes ahead of the upstream's time, and never behind what the city
/// said last: a clock that is ten years off orders events as if it were right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HybridClock {
    last: Stamp,
    /// Upstream time minus local time, in milliseconds; before the first contact counted from the
    /// certificate's issue.
    upstream_offset: Option<i64>,
}

impl HybridClock {
    /// Goes on from a persisted reading.
    pub fn resume(last: Stamp) -> Self {
        Self { last, upstream_offset: None }
    }

    /// Before the first contact the time is that of the certificate's issue and what has passed since.
    pub fn enrolled(&mut self, issued: Millis, now: Millis) {
        if self.upstream_offset.is_none() {
            self.upstream_offset = Some(issued.0.saturating_sub(now.0));
            self.last = self.last.max(Stamp::at(issued));
        }
    }

    /// The last stamp given out or seen.
    pub fn last(&self) -> Stamp {
        self.last
    }

    /// A stamp greater than every stamp before it, at most five minutes off the upstream's time
    /// unless the persisted clock already is ahead.
    pub fn tick(&mut self, now: Millis) -> Stamp {
        self.last = Stamp::at(now.min(self.bound(now))).max(Stamp(self.last.0.saturating_add(1)));
        self.last
    }

    /// Goes on above a stamp, however far ahead it is.
    pub fn raise(&mut self, above: Stamp) {
        self.last = self.last.max(above);
    }

    /// Takes note of another device's stamp, but never past the bound.
    pub fn observe(&mut self, stamp: Stamp, now: Millis) {
        if stamp <= Stamp::at(self.bound(now)) {
            self.last = self.last.max(stamp);
        }
    }

    /// Takes note of the upstream's time, which nobody signed for: it only holds stamps back.
    pub fn hear_upstream(&mut self, upstream: Millis, now: Millis) {
        self.upstream_offset = Some(upstream.0.saturating_sub(now.0));
        if self.last > Stamp::at(upstream.plus_minutes(2 * CLOCK_BOUND_MINUTES)) {
            self.last = Stamp::at(upstream);
        }
    }

    /// Takes note of a time the city signed. It may be old where relays brought it, but the city's clock
    /// shows no less: stamps go on from there. A clock that was far ahead comes back, and the city
    /// corrects what it stamped.
    pub fn hear_city(&mut self, city: Millis, now: Millis) {
        self.upstream_offset = self.upstream_offset.max(Some(city.0.saturating_sub(now.0)));
        let bound = self.bound(now);
        if self.last > Stamp::at(bound.plus_minutes(CLOCK_WRONG_MINUTES - CLOCK_BOUND_MINUTES)) {
            self.last = Stamp::at(bound);
        }
        self.last = self.last.max(Stamp::at(city));
    }

    fn bound(&self, now: Millis) -> Millis {
        Millis(now.0.saturating_add(self.upstream_offset.unwrap_or(0))).plus_minutes(CLOCK_BOUND_MINUTES)
    }
}

/// A civil date as days since 1970-01-01. Written as a number in events and as `2026-12-03` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(pub i32);

impl Day {
    /// The day of a civil date, or `None` outside years 1 to 9999.
    pub fn from_ymd(year: i16, month: i8, day: i8) -> Option<Self> {
        Self::of(civil::Date::new(year, month, day).ok()?)
    }

    /// Year, month, day.
    pub fn ymd(self) -> (i16, i8, i8) {
        let date = self.date();
        (date.year(), date.month(), date.day())
    }

    /// 0 = Monday … 6 = Sunday.
    pub fn weekday(self) -> u8 {
        ((self.0.rem_euclid(7) + 3) % 7) as u8
    }

    /// The Monday of its week.
    pub fn monday(self) -> Self {
        Self(self.0.saturating_sub(self.weekday().into()))
    }

    /// The first moment of this day in the city.
    pub fn start(self) -> Millis {
        Millis(i64::from(self.0) * Millis::DAY - CITY_OFFSET_MILLIS)
    }

    /// This day and `days` more.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    fn of(date: civil::Date) -> Option<Self> {
        (date.year() >= 1).then(|| Self((date - EPOCH).get_days()))
    }

    fn date(self) -> civil::Date {
        let days = jiff::Span::new().days(self.0.clamp(-719_162, 2_932_896));
        EPOCH.saturating_add(days)
    }
}

const EPOCH: civil::Date = civil::date(1970, 1, 1);

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl std::str::FromStr for Day {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let day = text.parse().ok().and_then(Self::of);
        day.ok_or_else(|| format!("not a date: {text:?}; write it as 2026-12-03"))
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i32(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            i32::deserialize(deserializer).map(Self)
        }
    }
}

packed_as!(Day(i32) "day");
packed_as!(Millis(i64) "time");
packed_as!(Stamp(u64) "stamp");
packed_as!(Slot { day, start_minute, duration_minutes } "slot");
packed_as!(HalfDay { weekday, afternoon } "half-day");

/// A time of teaching on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The date in the city.
    pub day: Day,
    /// Minutes since midnight, 0 to 1439.
    pub start_minute: u16,
    /// Length, in minutes.
    pub duration_minutes: u16,
}

impl Slot {
    /// The minute after the last one.
    pub fn end_minute(&self) -> u16 {
        self.start_minute.saturating_add(self.duration_minutes)
    }

    /// The moment it begins.
    pub fn start(&self) -> Millis {
        self.day.start().plus_minutes(i64::from(self.start_minute))
    }

    /// Whether the two share a minute.
    pub fn overlaps(&self, other: &Slot) -> bool {
        self.day == other.day
            && self.start_minute < other.end_minute()
            && other.start_minute < self.end_minute()
    }
}

/// A weekly half-day in which someone or something is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HalfDay {
    /// 0 = Monday … 6 = Sunday.
    pub weekday: u8,
    /// True for the afternoon (12:00 to 18:00), false for the morning (07:00 to 12:00).
    pub afternoon: bool,
}

impl HalfDay {
    /// Whether these minutes of a day lie wholly inside this half-day.
    pub fn holds(&self, start_minute: u16, end_minute: u16) -> bool {
        let (from, to) = if self.afternoon { (12 * 60, 18 * 60) } else { (7 * 60, 12 * 60) };
        start_minute >= from && end_minute <= to
    }
}

/// A calendar quarter in the city's time zone; the period of a log document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Quarter {
    /// The year, e.g. 2026.
    pub year: i16,
    /// 1 to 4.
    pub quarter: u8,
}

impl Quarter {
    /// The quarter of a date.
    pub fn of(day: Day) -> Self {
        let (year, month, _) = day.ymd();
        Self { year, quarter: (month as u8 - 1) / 3 + 1 }
    }
}

impl std::fmt::Display for Quarter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}Q{}", self.year, self.quarter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970_and_know_their_weekday() {
        assert_eq!(Day::from_ymd(1970, 1, 1), Some(Day(0)));
        let day: Day = "2026-11-23".parse().unwrap();
        assert_eq!(day.weekday(), 0);
        assert_eq!(day.to_string(), "2026-11-23");
        assert_eq!(day.start().day(), day);
        assert_eq!(Quarter::of(day), Quarter { year: 2026, quarter: 4 });
        assert!("0000-11-23".parse::<Day>().is_err() && Day::from_ymd(0, 11, 23).is_none());
        assert_eq!(
            "2026-02-30".parse::<Day>().unwrap_err(),
            "not a date: \"2026-02-30\"; write it as 2026-12-03"
        );
    }

    #[test]
    fn stamps_only_grow_even_when_the_clock_goes_back() {
        let mut clock = HybridClock::default();
        let first = clock.tick(Millis(1_000_000));
        let second = clock.tick(Millis(1_000));
        assert!(second > first);
    }

    #[test]
    fn a_stamp_from_the_far_future_does_not_drag_the_clock_along() {
        let mut clock = HybridClock::default();
        let now = Millis(1_700_000_000_000);
        clock.observe(Stamp::at(now.plus_minutes(60)), now);
        assert_eq!(clock.tick(now).millis(), now);
    }

    #[test]
    fn a_clock_far_ahead_is_held_to_the_upstreams_time() {
        let mut clock = HybridClock::default();
        let wrong = Millis(2_000_000_000_000);
        clock.hear_upstream(Millis(1_700_000_000_000), wrong);
        assert_eq!(clock.tick(wrong).millis(), Millis(1_700_000_000_000).plus_minutes(CLOCK_BOUND_MINUTES));
    }

    /// Ten years.
    const OFF: i64 = 3_652 * Millis::DAY;
    const RIGHT: Millis = Millis(1_800_000_000_000);

    #[test]
    fn before_the_first_contact_a_clock_ten_years_off_stamps_from_the_certificates_issue_on() {
        for off in [-OFF, OFF] {
            let shown = |minutes| Millis(RIGHT.0 + off).plus_minutes(minutes);
            let mut clock = HybridClock::default();
            clock.enrolled(RIGHT, shown(0));
            let stamps = [1, 60].map(|minutes| clock.tick(shown(minutes)));
            assert!(stamps[0] < stamps[1]);
            for (stamp, minutes) in stamps.iter().zip([1, 60]) {
                let latest = RIGHT.plus_minutes(minutes + CLOCK_BOUND_MINUTES);
                assert!(RIGHT <= stamp.millis() && stamp.millis() <= latest, "{off}: {stamp:?}");
            }
        }
    }

    #[test]
    fn after_a_contact_a_clock_ten_years_off_stamps_by_the_citys_time_also_after_a_restart() {
        for off in [-OFF, OFF] {
            let shown = |minutes| Millis(RIGHT.0 + off).plus_minutes(minutes);
            let mut clock = HybridClock::default();
            clock.hear_upstream(RIGHT, shown(0));
            clock.hear_city(RIGHT, shown(0));
            let mut clock: HybridClock = rmp_serde::from_slice(&rmp_serde::to_vec(&clock).unwrap()).unwrap();
            let stamp = clock.tick(shown(30)).millis();
            assert!(
                RIGHT <= stamp && stamp <= RIGHT.plus_minutes(30 + CLOCK_BOUND_MINUTES),
                "{off}: {stamp:?}"
            );
        }
    }

    #[test]
    fn a_clock_that_jumped_ahead_comes_back_with_the_citys_word_and_later_stamps_stay_later() {
        let mut clock = HybridClock::default();
        clock.hear_upstream(RIGHT, RIGHT);
        let wrong = Millis(RIGHT.0 + OFF);
        assert!(clock.tick(wrong).millis() >= wrong, "nothing holds a jump back while it is offline");
        clock.hear_upstream(RIGHT.plus_minutes(1), wrong);
        clock.hear_city(RIGHT.plus_minutes(1), wrong);
        let next = clock.tick(wrong).millis();
        assert!(next > RIGHT.plus_minutes(1) && next <= RIGHT.plus_minutes(1 + CLOCK_BOUND_MINUTES));
    }

    #[test]
    fn times_nobody_can_mean_break_nothing() {
        for said in [i64::MIN, i64::MAX] {
            let mut clock = HybridClock::default();
            clock.hear_upstream(Millis(said), RIGHT);
            clock.hear_city(Millis(said), RIGHT);
            assert!(clock.tick(RIGHT) < clock.tick(RIGHT));
            let _ = (Millis(said).day(), Millis(said).minute_of_day());
        }
    }

    #[test]
    fn days_and_moments_that_nobody_can_mean_are_days_and_moments() {
        let extremes = [i32::MIN, i32::MIN + 1, -1, 0, i32::MAX - 1, i32::MAX];
        for day in extremes.map(Day) {
            assert!(day.weekday() < 7 && day.monday() <= day);
            assert_eq!(day.start().day(), day, "days of 32 bits are moments of 64");
            let _ = (day.to_string(), Quarter::of(day), day.plus(i32::MIN), day.plus(i32::MAX));
            let slot = Slot { day, start_minute: u16::MAX, duration_minutes: u16::MAX };
            assert!(slot.start() > day.start() && slot.end_minute() == u16::MAX && !slot.overlaps(&slot));
        }
        assert_eq!((Millis(i64::MIN).day(), Millis(i64::MAX).day()), (Day(i32::MIN), Day(i32::MAX)));
        let mut clock = HybridClock::resume(Stamp(u64::MAX));
        clock.enrolled(Millis(i64::MAX), Millis(i64::MIN));
        clock.tick(Millis(i64::MIN));
        assert_eq!(Day(-1).weekday(), 2, "1969-12-31 was a Wednesday");
    }

    #[test]
    fn an_old_word_of_the_city_does_not_turn_a_right_clock_back() {
        let mut clock = HybridClock::default();
        clock.hear_upstream(RIGHT, RIGHT);
        let before = clock.tick(RIGHT);
        clock.hear_city(Millis(RIGHT.0 - 7 * Millis::DAY), RIGHT);
        assert_eq!(clock.last(), before);
        assert_eq!(clock.tick(RIGHT.plus_minutes(1)).millis(), RIGHT.plus_minutes(1));
    }
}
