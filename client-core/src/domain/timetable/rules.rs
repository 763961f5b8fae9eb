//! The rules of the timetable in force: the city's last word, or the presets.

use super::{ClassStarts, PlanningPoints, PlanningPublished, TeachingPeriod, TimetableEvent};
use crate::domain::{Entry, Event, View};
use serde::{Deserialize, Serialize};

/// No number of the rules is larger.
const MOST_POINTS: u32 = 100_000;
/// The furthest horizon.
const MOST_DAYS: u16 = 400;
/// Most periods of a day, and of a class.
const MOST_PERIODS: (usize, u8) = (24, 4);

/// The rules of the timetable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanningRules {
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

/// The rules in force: the last that the city published, or the presets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planning(pub PlanningRules);

impl Default for Planning {
    /// Eight periods of 45 minutes; classes of two begin at 9:00, 10:30, 14:00 and 15:30.
    fn default() -> Self {
        let period =
            |start_minute: u16| TeachingPeriod { start_minute, end_minute: start_minute.saturating_add(45) };
        let half_day = |start: u16| {
            [0, 45, 90, 135].into_iter().map(move |after: u16| period(start.saturating_add(after)))
        };
        let starts = |periods, at: &[u8]| ClassStarts { periods, at: at.to_vec() };
        Self(PlanningRules {
            periods: half_day(9 * 60).chain(half_day(14 * 60)).collect(),
            starts: vec![
                starts(1, &[0, 2, 4, 6]),
                starts(2, &[0, 2, 4, 6]),
                starts(3, &[0, 4]),
                starts(4, &[0, 4]),
            ],
            horizon_days: 91,
            lead_days: 1,
            teacher_periods_a_day: 6,
            groups_a_class: 8,
            important_orders: 3,
            fairness_points: 10,
            late_points: 5,
            points: PlanningPoints {
                unmet: [20, 40, 100],
                dropped: 30,
                moved_time: 12,
                moved_venue: 5,
                moved_mode: 5,
                moved_teacher: 3,
                open_period: 30,
                teacher_minute: 1,
                skill: 6,
                group_travel_div: 60,
                online_unwanted: 12,
                not_preferred_mode: 6,
                not_preferred_time: 8,
                over_target: 6,
                over_double: 12,
            },
        })
    }
}

impl View for Planning {
    const NAME: &'static str = "planning";

    type Key = ();

    fn keys(entry: &Entry) -> impl IntoIterator<Item = ()> {
        matches!(entry.event, Event::Timetable(TimetableEvent::Planning(_))).then_some(())
    }

    fn forget(&mut self, (): &()) {
        *self = Self::default();
    }

    fn apply(&mut self, (): &(), entry: &Entry) {
        if let Event::Timetable(TimetableEvent::Planning(published)) = &entry.event {
            let rules = PlanningRules::from(published.clone());
            if rules.fault().is_none() {
                self.0 = rules;
            }
        }
    }
}

impl From<PlanningPublished> for PlanningRules {
    fn from(it: PlanningPublished) -> Self {
        let PlanningPublished { periods, starts, horizon_days, lead_days, teacher_periods_a_day, .. } = it;
        let PlanningPublished {
            groups_a_class, important_orders, fairness_points, late_points, points, ..
        } = it;
        Self {
            periods,
            starts,
            horizon_days,
            lead_days,
            teacher_periods_a_day,
            groups_a_class,
            important_orders,
            fairness_points,
            late_points,
            points,
        }
    }
}

impl From<PlanningRules> for PlanningPublished {
    fn from(it: PlanningRules) -> Self {
        let PlanningRules { periods, starts, horizon_days, lead_days, teacher_periods_a_day, .. } = it;
        let PlanningRules { groups_a_class, important_orders, fairness_points, late_points, points, .. } = it;
        Self {
            periods,
            starts,
            horizon_days,
            lead_days,
            teacher_periods_a_day,
            groups_a_class,
            important_orders,
            fairness_points,
            late_points,
            points,
        }
    }
}

impl PlanningRules {
    /// What cannot be meant: the field, and what to do.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let fault = |field, problem: &str| Some((field, problem.to_owned()));
        let count = self.periods.len();
        if count == 0 || count > MOST_PERIODS.0 {
            return fault("periods", "a day has 1 to 24");
        }
        let in_order = self.periods.windows(2).all(|two| two[0].end_minute <= two[1].start_minute);
        if !in_order || self.periods.iter().any(|period| period.start_minute >= period.end_minute) {
            return fault("periods", "each begins before it ends, and after the one before it");
        }
        if self.periods.iter().any(|period| period.end_minute > 24 * 60) {
            return fault("periods", "a day ends at minute 1440");
        }
        let mut lengths: Vec<u8> = self.starts.iter().map(|starts| starts.periods).collect();
        lengths.sort_unstable();
        if lengths.windows(2).any(|two| two[0] == two[1])
            || lengths.iter().any(|length| !(1..=MOST_PERIODS.1).contains(length))
        {
            return fault("starts", "each length from 1 to 4 at most once");
        }
        let ends = |starts: &ClassStarts, at: u8| usize::from(at).saturating_add(usize::from(starts.periods));
        if self.starts.iter().any(|starts| starts.at.iter().any(|at| ends(starts, *at) > count)) {
            return fault("starts", "a class ends within the day");
        }
        if !(7..=MOST_DAYS).contains(&self.horizon_days) {
            return fault("horizon_days", "is 7 to 400");
        }
        if self.lead_days >= self.horizon_days {
            return fault("lead_days", "is less than the horizon");
        }
        if self.groups_a_class == 0 {
            return fault("groups_a_class", "at least 1");
        }
        let points = &self.points;
        let PlanningPoints { unmet, group_travel_div, .. } = *points;
        if group_travel_div == 0 {
            return fault("group_travel_div", "at least 1");
        }
        let all = [
            points.dropped,
            points.moved_time,
            points.moved_venue,
            points.moved_mode,
            points.moved_teacher,
            points.open_period,
            points.teacher_minute,
            points.skill,
            group_travel_div,
            points.online_unwanted,
            points.not_preferred_mode,
            points.not_preferred_time,
            points.over_target,
            points.over_double,
            self.fairness_points,
            self.late_points,
        ];
        if all.iter().chain(&unmet).any(|points| *points > MOST_POINTS) {
            return fault("points", "at most 100000 each");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::Given;

    #[test]
    fn the_last_sound_word_counts() {
        assert_eq!(Planning::default().0.fault(), None);
        let mut given = Given::nothing();
        let mut rules = Planning::default().0;
        rules.lead_days = 3;
        given.city(PlanningPublished::from(rules.clone()));
        rules.periods.reverse();
        assert_eq!(rules.fault().map(|(field, _)| field), Some("periods"));
        given.city(PlanningPublished::from(rules));
        assert_eq!(given.views().planning.0.lead_days, 3);
    }
}
