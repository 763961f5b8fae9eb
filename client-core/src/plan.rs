//! The joint-teaching planner: from the orders of all branches to one timetable they share.
//!
//! [`Instance`] is what is known, `rules` what can never happen, `objective` what is best. `search` looks for
//! a plan, [`check`] holds any plan against the rules, and every order that stays unmet is explained.
//! No clock, no thread, no float: a plan is a function of the instance's content and of the budget in steps.
//!
//! # Why nothing overflows
//!
//! Overflow checks are on in every build, so an overflow would end the program; and the search adds and
//! multiplies too often to check each time. `reading` is the only door to an [`Instance`], and what it
//! refuses keeps every number in range (`clippy::arithmetic_side_effects` names some 200 places here):
//!
//! - No number is above 10^6, a day has at most 24 periods, a horizon 2,000 days, a class 4 periods, a map
//!   5,000 towns. No list has more than 200,000 elements (courses: 10^6).
//! - Places in tables are counted with 32 bits: teachers, venues or orders times days times periods is at
//!   most 2^31, and groups are no more than orders; towns times towns is 2.5 * 10^7; wishes are at most
//!   200,000 orders * 4 lengths * 1,000 words.
//! - Masks of a day have 24 bits; a duration is at most 4 and a period at most 31, so no shift is too far.
//! - A of an order is at most 3 * 10^6 while it is unmet and 4 * 10^6 while it is moved: 8 * 10^11 in all. B of an
//!   order in a class is at most 1.1 * 10^12 (minutes * people, three points), of a class 2.1 * 10^12, and there are
//!   no more classes than orders and one; of a teacher's load 10^11: 7 * 10^17 in all. The search weighs A with
//!   2 * 10^6 + 1 and adds B: 2.4 * 10^18, a quarter of what 64 bits hold. A temperature is at most
//!   7 * 10^9, a tolerance that times 4 * 10^4.
//! - Subtractions take back what was added before: who leaves was in the class, a load holds the duration of
//!   each of its classes, an order is in the list of unmet orders just while it is in no class.
//! - Steps count work that was done, so 64 bits do not run out; where a budget is added, it saturates.
//! - Divisors are the periods of a day, the towns, the parts of a budget and `group_travel_div`: none is 0.

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
