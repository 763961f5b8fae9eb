//! What the city does about the rules of its timetable.

use super::{CalendarDay, CalendarPublished, PlanningPublished, PlanningRules};
use crate::domain::command::of_the_city;
use crate::domain::{Act, Context, Draft, Problem, Refusal};
use serde::{Deserialize, Serialize};

/// The city publishes holidays and swapped workdays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishCalendar {
    /// Each day once; a later word on a day counts.
    pub days: Vec<CalendarDay>,
}

/// The city publishes the rules of its timetable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublishPlanning {
    /// All of them.
    pub rules: PlanningRules,
}

impl Act for PublishCalendar {
    const NAME: &'static str = "publish_calendar";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        if self.days.iter().any(|day| day.follows.is_some_and(|weekday| weekday > 6)) {
            return Err(Problem::Weekday.in_field("days"));
        }
        Ok(vec![of_the_city(CalendarPublished { days: self.days.clone() })])
    }
}

impl Act for PublishPlanning {
    const NAME: &'static str = "publish_planning";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        match self.rules.fault() {
            Some((field, problem)) => Err(Problem::Rules(problem).in_field(field)),
            None => Ok(vec![of_the_city(PlanningPublished::from(self.rules.clone()))]),
        }
    }
}
