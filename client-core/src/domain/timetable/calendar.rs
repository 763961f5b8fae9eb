//! Which weekday's windows hold on a day: public holidays and swapped workdays (调休).

use super::TimetableEvent;
use crate::domain::{Entry, Event, View};
use crate::time::{Day, HalfDay, Slot};
use imbl::OrdMap;
use serde::Serialize;

/// The city's calendar: what the program knows, and what the city published beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Calendar {
    /// Days that do not go by their weekday: the weekday whose windows hold, or none.
    pub days: OrdMap<Day, Option<u8>>,
}

impl Calendar {
    /// The weekday whose windows hold, 0 = Monday; `None` on a holiday.
    pub fn weekday(&self, day: Day) -> Option<u8> {
        self.days.get(&day).copied().unwrap_or(Some(day.weekday()))
    }

    /// Whether the slot lies wholly inside a weekly half-day.
    pub fn holds(&self, half_day: &HalfDay, slot: &Slot) -> bool {
        self.weekday(slot.day) == Some(half_day.weekday)
            && half_day.holds(slot.start_minute, slot.end_minute())
    }
}

impl Default for Calendar {
    fn default() -> Self {
        let lines = include_str!("calendar/days.txt").lines().filter(|line| !line.starts_with('#'));
        let days = lines.flat_map(|line| {
            let (range, word) = line.split_once(' ').expect("a line of the calendar has two words");
            let (first, last) = range.split_once("..").unwrap_or((range, range));
            let day = |text: &str| text.parse::<Day>().expect("the calendar's days are dates").0;
            let follows = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].iter().position(|it| *it == word);
            (day(first)..=day(last)).map(move |day| (Day(day), follows.map(|weekday| weekday as u8)))
        });
        Self { days: days.collect() }
    }
}

impl View for Calendar {
    const NAME: &'static str = "calendar";

    type Key = ();

    fn keys(entry: &Entry) -> impl IntoIterator<Item = ()> {
        matches!(entry.event, Event::Timetable(TimetableEvent::Calendar(_))).then_some(())
    }

    fn forget(&mut self, (): &()) {
        *self = Self::default();
    }

    fn apply(&mut self, (): &(), entry: &Entry) {
        if let Event::Timetable(TimetableEvent::Calendar(published)) = &entry.event {
            let known = published.days.iter().filter(|day| day.follows.is_none_or(|weekday| weekday < 7));
            self.days.extend(known.map(|day| (day.day, day.follows)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, day, slot};

    #[test]
    fn a_holiday_has_no_windows_and_a_swapped_workday_those_of_another_day() {
        let calendar = Calendar::default();
        assert_eq!(calendar.weekday(day("2026-10-01")), None);
        assert_eq!(calendar.weekday(day("2026-10-10")), Some(4), "a Saturday that is worked");
        assert_eq!(calendar.weekday(day("2026-11-25")), Some(2));
        let friday = HalfDay { weekday: 4, afternoon: false };
        assert!(calendar.holds(&friday, &slot("2026-10-10", 540)));
        assert!(!calendar.holds(&friday, &slot("2026-10-02", 540)));
        assert!(!calendar.holds(&friday, &slot("2026-10-10", 690)), "it ends after noon");
    }

    #[test]
    fn the_city_adds_days() {
        let mut given = Given::nothing();
        let days = vec![
            crate::domain::CalendarDay { day: day("2027-01-02"), follows: None },
            crate::domain::CalendarDay { day: day("2027-01-03"), follows: Some(4) },
            crate::domain::CalendarDay { day: day("2027-01-04"), follows: Some(9) },
        ];
        given.city(crate::domain::CalendarPublished { days });
        let calendar = given.views().calendar;
        let weekday = |text| calendar.weekday(day(text));
        assert_eq!(
            [weekday("2027-01-02"), weekday("2027-01-03"), weekday("2027-01-04")],
            [None, Some(4), Some(0)]
        );
    }
}
