//! Why an order stays unmet, and the nearest place that is free if it gives something up.

mod nearest;
mod reasons;

use super::format::Unmet;
use super::instance::Class;
use super::rules::Occupation;
use super::search::{Board, Ground};

/// A word on every order that is in no class of the plan on the board.
pub(super) fn unmet(ground: &Ground, board: &Board, classes: &[Class]) -> Vec<Unmet> {
    let occupation = Occupation::of(&ground.instance, classes);
    let mut orders = board.unmet.clone();
    orders.sort_unstable();
    let explain = |order: u32| Unmet {
        request: ground.instance.orders[order as usize].id.clone(),
        reasons: reasons::of(ground, board, order),
        alternative: nearest::alternative(ground, board, &occupation, order),
    };
    orders.into_iter().map(explain).collect()
}
