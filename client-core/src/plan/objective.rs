//! What is best: the pair (A, B), smaller first by A, then by B.

use super::instance::{Class, Instance, Mode, Part};
use super::rules::Published;

/// The objective of a plan, smaller is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Objective {
    /// Unmet orders and changes to what was published.
    pub a: i64,
    /// Classes, ways, skills, modes, times, fair shares.
    pub b: i64,
}

/// Points of a set of classes that breaks no rule.
pub fn objective(instance: &Instance, published: &[Option<Published>], classes: &[Class]) -> Objective {
    let mut total = Objective::default();
    let mut served = vec![false; instance.orders.len()];
    let mut loads = vec![0i64; instance.teachers.len()];
    for class in classes {
        total.b += class_points(instance, class.course, class.teacher, class.venue);
        loads[class.teacher as usize] += i64::from(instance.courses[class.course as usize].duration);
        for part in &class.parts {
            served[part.order as usize] = true;
            total.a += moved(instance, published[part.order as usize], class, part.mode);
            total.b += part_points(instance, class, *part);
        }
    }
    for (order, (published, _)) in
        instance.orders.iter().zip(published.iter().zip(&served)).filter(|(_, (_, served))| !**served)
    {
        total.a += order.unmet + if published.is_some() { instance.weights.dropped } else { 0 };
    }
    for (teacher, load) in instance.teachers.iter().zip(loads) {
        total.b += overload(instance, i64::from(teacher.target), load);
    }
    total
}

/// B of opening a class, without its teacher's load.
pub fn class_points(instance: &Instance, course: u32, teacher: u32, venue: u32) -> i64 {
    let weights = &instance.weights;
    let who = &instance.teachers[teacher as usize];
    let minutes = instance.minutes(who.town, instance.venues[venue as usize].town);
    weights.open_period * i64::from(instance.courses[course as usize].duration)
        + weights.teacher_minute * i64::from(minutes)
        + weights.skill * i64::from(who.skills[&course])
}

/// B of one group in a class.
pub fn part_points(instance: &Instance, class: &Class, part: Part) -> i64 {
    let order = &instance.orders[part.order as usize];
    let span = Instance::span(instance.courses[class.course as usize].duration, class.period);
    let late = order.wish(class.day).preferred & span != span;
    mode_points(instance, part.order, class.venue, part.mode)
        + if late { instance.weights.not_preferred_time } else { 0 }
}

/// B of the way a group takes part at a venue.
pub fn mode_points(instance: &Instance, order: u32, venue: u32, mode: Mode) -> i64 {
    let weights = &instance.weights;
    let order = &instance.orders[order as usize];
    let as_wished = match mode {
        Mode::Online if order.prefers != Some(Mode::Online) => weights.online_unwanted,
        Mode::Host | Mode::Travel if order.prefers.is_some_and(|wished| wished != mode) => {
            weights.not_preferred_mode
        }
        _ => 0,
    };
    let way = if mode == Mode::Travel {
        let minutes = instance.minutes(instance.home(order), instance.venues[venue as usize].town);
        i64::from(minutes) * i64::from(order.headcount) / weights.group_travel_div
    } else {
        0
    };
    as_wished + way
}

/// A of what changed for one group that was published.
pub fn moved(instance: &Instance, published: Option<Published>, class: &Class, mode: Mode) -> i64 {
    let weights = &instance.weights;
    published.map_or(0, |was| {
        let changes = [
            ((was.day, was.period) != (class.day, class.period), weights.moved_time),
            (was.venue != class.venue, weights.moved_venue),
            (was.teacher != class.teacher, weights.moved_teacher),
            (was.mode != mode, weights.moved_mode),
        ];
        changes.iter().filter(|(changed, _)| *changed).map(|(_, points)| points).sum()
    })
}

/// B of a teacher's load.
pub fn overload(instance: &Instance, target: i64, load: i64) -> i64 {
    instance.weights.over_target * (load - target).max(0)
        + instance.weights.over_double * (load - 2 * target).max(0)
}
