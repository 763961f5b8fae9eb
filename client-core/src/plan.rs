//! The joint-teaching planner: from the orders of all branches to one timetable they share.
//!
//! [`Instance`] is what is known, `rules` what can never happen, `objective` what is best. `search` looks for
//! a plan, [`check`] holds any plan against the rules, and every order that stays unmet is explained.
//! No clock, no thread, no float: a plan is a function of the instance's content and of the budget in steps.

mod calendar;
mod explain;
mod format;
mod instance;
mod objective;
mod planner;
mod random;
mod reading;
mod rules;
mod search;

pub use explain::{Alternative, Cause, Unmet};
pub use format::{Plan, RawAlternative, RawClass, RawPart, RawUnmet};
pub(crate) use format::{
    RawBranch, RawCourse, RawInstance, RawPeriod, RawPinned, RawRequest, RawTeacher, RawVenue, RawWeights,
    RawWindow,
};
pub use instance::{
    Branch, Class, Course, DayWish, Instance, Mode, Order, Part, Period, Pinned, Teacher, UNKNOWN, Venue,
    Weights,
};
pub use objective::Objective;
pub use planner::{Budget, Planner, Progress, Timetable, check, plan};
pub use reading::Refusal;
pub(crate) use reading::{MOST_TOWNS, build};
pub(crate) use rules::admit;
pub use rules::{Rule, Violation, Wishes};

#[cfg(test)]
mod tests;
