//! What the people of the demo do, chosen by its seed from what the city's views say.

use super::DemoError;
use crate::dice::Dice;
use client_core::ids::{BranchId, CourseId, TeacherId};
use client_core::time::{Day, HalfDay, Slot};
use serde_json::Value;
use std::collections::BTreeMap;

/// Someone of the pool at a time that is offered.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who.
    pub teacher: TeacherId,
    /// The teacher's name.
    pub name: String,
    /// For what.
    pub course: CourseId,
    /// When.
    pub slot: Slot,
}

/// A teacher of another branch with an offered half-day at least `lead_days` ahead.
pub fn wanted_teacher(
    teachers: &Value,
    claimants: &[BranchId],
    first: Day,
    dice: &mut Dice,
) -> Result<Wish, DemoError> {
    let doubtful: Vec<&str> = texts(&teachers["likely_duplicates"]);
    let fitting: Vec<Wish> = objects(&teachers["teachers"])
        .filter(|(id, _)| !doubtful.contains(&id.as_str()))
        .filter(|(_, teacher)| !claimants.iter().any(|branch| teacher["home"] == branch.to_hex()))
        .filter(|(_, teacher)| teacher["weekly_cap_periods"].as_u64() >= Some(4))
        .filter_map(|(id, teacher)| {
            let window: HalfDay = serde_json::from_value(teacher["offers"][0]["windows"][0].clone()).ok()?;
            let day = (0..7).map(|n| first.plus(n)).find(|day| day.weekday() == window.weekday)?;
            let start_minute = if window.afternoon { 14 * 60 } else { 9 * 60 };
            Some(Wish {
                teacher: TeacherId::from_hex(id).ok()?,
                name: teacher["name"].as_str()?.to_owned(),
                course: CourseId::from_hex(teacher["approved"][0].as_str()?).ok()?,
                slot: Slot { day, start_minute, duration_minutes: 90 },
            })
        })
        .collect();
    if fitting.is_empty() {
        return Err(DemoError::Story("no teacher of the pool is offered to other branches".into()));
    }
    Ok(fitting[dice.below(fitting.len())].clone())
}

/// The courses most teachers may teach, the most taught first.
pub fn popular_courses(teachers: &Value) -> Vec<CourseId> {
    let mut count: BTreeMap<CourseId, usize> = BTreeMap::new();
    for (_, teacher) in objects(&teachers["teachers"]) {
        for course in texts(&teacher["approved"]) {
            if let Ok(course) = CourseId::from_hex(course) {
                *count.entry(course).or_default() += 1;
            }
        }
    }
    let mut courses: Vec<(usize, CourseId)> = count.into_iter().map(|(course, n)| (n, course)).collect();
    courses.sort_unstable_by(|a, b| b.cmp(a));
    courses.into_iter().map(|(_, course)| course).collect()
}

/// Name and value of every member of a JSON object.
pub fn objects(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Every text in nested JSON arrays.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
