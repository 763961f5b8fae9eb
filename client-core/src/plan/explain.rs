//! Why an order stays unmet, and the nearest place that is free if it gives something up.

mod nearest;
mod reasons;

pub use reasons::Cause;

use super::instance::{Class, Instance};
use super::rules::{Occupation, Wishes};
use super::search::{Board, Ground};

/// An order in no class: why, and what it could have instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The order.
    pub order: u32,
    /// At least one.
    pub causes: Vec<Cause>,
    /// The nearest place that is really free.
    pub alternative: Option<Alternative>,
}

/// A place that is free if an order gives something up: a new class with this order alone, or one of the
/// timetable with this order in addition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What it gives up.
    pub give_up: Wishes,
    /// The class, this order included.
    pub class: Class,
}

/// A word on every order that is in no class of the plan on the board.
pub(super) fn unmet(ground: &Ground, board: &Board, classes: &[Class]) -> Vec<Unmet> {
    let occupation = Occupation::of(&ground.instance, classes);
    let mut orders = board.unmet.clone();
    orders.sort_unstable();
    let explain = |order: u32| Unmet {
        order,
        causes: reasons::of(ground, board, order),
        alternative: nearest::alternative(ground, board, &occupation, order),
    };
    orders.into_iter().map(explain).collect()
}

/// The causes as a person reads them.
pub(super) fn texts(instance: &Instance, unmet: &Unmet) -> Vec<String> {
    let courses = &instance.orders[unmet.order as usize].courses;
    let names: Vec<&str> =
        courses.iter().map(|course| instance.courses[*course as usize].id.as_str()).collect();
    unmet.causes.iter().map(|cause| cause.text(&names.join(", "))).collect()
}
