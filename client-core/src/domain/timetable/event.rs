//! Events by which the city sets the rules of its timetable.

use crate::event::{Checked, Kind, Scope, Speaker, bounds};
use crate::time::Day;
use client_core_macros::Packed;
use serde::{Deserialize, Serialize};

/// A day that does not go by its weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct CalendarDay {
    /// The day.
    pub day: Day,
    /// The weekday whose windows hold, 0 = Monday; `None`: a holiday, nothing is taught.
    pub follows: Option<u8>,
}

/// Public holidays and swapped workdays (调休), beside those the program knows.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct CalendarPublished {
    /// Each day once; a later word on a day counts.
    pub days: Vec<CalendarDay>,
}

/// A teaching period of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct TeachingPeriod {
    /// When it begins, in minutes since midnight.
    pub start_minute: u16,
    /// When it ends.
    pub end_minute: u16,
}

/// When classes of one length may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct ClassStarts {
    /// Their length, in periods.
    pub periods: u8,
    /// The periods in which they may begin, by number from 0.
    pub at: Vec<u8>,
}

/// The points of the timetable: see `docs/schedule.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct PlanningPoints {
    /// An unmet order of priority 1, 2, 3.
    pub unmet: [u32; 3],
    /// A published order that is unmet now.
    pub dropped: u32,
    /// Another day or period than published.
    pub moved_time: u32,
    /// Another venue.
    pub moved_venue: u32,
    /// Another mode.
    pub moved_mode: u32,
    /// Another teacher.
    pub moved_teacher: u32,
    /// A period of a class.
    pub open_period: u32,
    /// A minute of a teacher's way.
    pub teacher_minute: u32,
    /// A level of skill.
    pub skill: u32,
    /// Person-minutes of a travelling group that make a point; not 0.
    pub group_travel_div: u32,
    /// Online though that was not preferred.
    pub online_unwanted: u32,
    /// In the room, but not in the preferred mode.
    pub not_preferred_mode: u32,
    /// Not wholly within a preferred window.
    pub not_preferred_time: u32,
    /// A period over a teacher's fair share.
    pub over_target: u32,
    /// A period over twice the fair share, in addition.
    pub over_double: u32,
}

/// The rules of the timetable in force from here on.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct PlanningPublished {
    /// The teaching periods of a day, in order.
    pub periods: Vec<TeachingPeriod>,
    /// When classes may begin, by length.
    pub starts: Vec<ClassStarts>,
    /// How many days ahead is planned.
    pub horizon_days: u16,
    /// Nothing is planned for the days before this many have passed.
    pub lead_days: u16,
    /// Most periods of a teacher in a day.
    pub teacher_periods_a_day: u8,
    /// Most groups in one class, those online included.
    pub groups_a_class: u16,
    /// Orders of priority 3 a branch has; further ones count as 2.
    pub important_orders: u16,
    /// Points added for the branch that had the fewest pool hours per 100 learners; others in proportion.
    pub fairness_points: u32,
    /// Points added for an order that reached the city after the round it was written for.
    pub late_points: u32,
    /// What is best.
    pub points: PlanningPoints,
}

impl Kind for CalendarPublished {
    const NAME: &'static str = "calendar.published";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { days } = self;
        bounds::list("days", days, MOST_CALENDAR_DAYS)?;
        days.iter().try_for_each(|day| bounds::day("days", day.day))
    }
}

impl Kind for PlanningPublished {
    const NAME: &'static str = "planning.published";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    /// Rules that contradict themselves are left out by the fold ([`super::Planning`]), as they always were.
    fn bounds(&self) -> Checked {
        Ok(())
    }
}

/// Most days in one calendar.
const MOST_CALENDAR_DAYS: usize = 10_000;
