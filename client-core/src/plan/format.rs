//! The formats: `jts-1` in, `jts-plan-1` out.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An instance as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawInstance {
    pub format: String,
    pub name: String,
    pub days: u32,
    pub periods: Vec<RawPeriod>,
    pub starts: BTreeMap<String, Vec<u32>>,
    pub travel: Vec<Vec<u32>>,
    pub branches: Vec<RawBranch>,
    pub courses: Vec<RawCourse>,
    pub teachers: Vec<RawTeacher>,
    pub venues: Vec<RawVenue>,
    pub requests: Vec<RawRequest>,
    #[serde(default)]
    pub pinned: Vec<RawPinned>,
    #[serde(default)]
    pub previous: Vec<RawClass>,
    pub weights: RawWeights,
    #[serde(default)]
    pub earliest: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawPeriod {
    pub start: u32,
    pub end: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawBranch {
    pub id: String,
    pub town: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawCourse {
    pub id: String,
    pub duration: u32,
    pub max_groups: u32,
    pub needs: Vec<String>,
    pub sites: Option<Vec<String>>,
    pub online_ok: bool,
    #[serde(default = "yes")]
    pub offered: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawTeacher {
    pub id: String,
    pub town: u32,
    pub skills: BTreeMap<String, u32>,
    pub reach: u32,
    pub max_day: u32,
    pub max_week: u32,
    pub target: u32,
    pub avail: Vec<u32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawVenue {
    pub id: String,
    pub town: u32,
    pub capacity: u32,
    pub equip: Vec<String>,
    pub lecture: bool,
    pub avail: Vec<u32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawRequest {
    pub id: String,
    pub branch: String,
    pub group: String,
    pub courses: Vec<String>,
    pub headcount: u32,
    pub windows: Vec<RawWindow>,
    pub max_travel: u32,
    pub online: bool,
    pub prefer: String,
    pub priority: u32,
    #[serde(default)]
    pub credit: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawWindow {
    pub from: u32,
    pub to: u32,
    pub dow: Vec<u32>,
    pub mask: u32,
    pub pref: bool,
}

/// A class as it is written, in an instance and in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawClass {
    /// Course id.
    pub course: String,
    /// Teacher id.
    pub teacher: String,
    /// Venue id.
    pub venue: String,
    /// Day of the horizon.
    pub day: u32,
    /// First period.
    pub period: u32,
    /// The groups.
    pub parts: Vec<RawPart>,
}

/// One group in a class as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RawPart {
    /// Order id.
    pub request: String,
    /// `host`, `travel` or `online`.
    pub mode: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawPinned {
    #[serde(flatten)]
    pub class: RawClass,
    #[serde(default)]
    pub open: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawWeights {
    pub unmet: BTreeMap<String, u32>,
    pub dropped: u32,
    pub moved_time: u32,
    pub moved_venue: u32,
    pub moved_mode: u32,
    pub moved_teacher: u32,
    pub open_period: u32,
    pub teacher_minute: u32,
    pub skill: u32,
    pub group_travel_div: u32,
    pub online_unwanted: u32,
    pub not_preferred_mode: u32,
    pub not_preferred_time: u32,
    pub over_target: u32,
    pub over_double: u32,
}

/// A plan as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `jts-plan-1`.
    pub format: String,
    /// Name of the instance.
    pub instance: String,
    /// By day, period and venue.
    pub classes: Vec<RawClass>,
    /// By order.
    pub unmet: Vec<RawUnmet>,
}

/// Why an order got nothing, and what it could have instead, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawUnmet {
    /// Order id.
    pub request: String,
    /// At least one.
    pub reasons: Vec<String>,
    /// The nearest place that is really free.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alternative: Option<RawAlternative>,
}

/// A place that is free if an order gives something up, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawAlternative {
    /// Of `time`, `travel`, `online` and `course`.
    pub give_up: Vec<String>,
    /// A new class with this order alone, or one of the plan with this order in addition.
    pub class: RawClass,
}

fn yes() -> bool {
    true
}

/// The instance of a text; if it is malformed, the element that is and why.
pub(super) fn parse(text: &str) -> Result<RawInstance, (String, String)> {
    serde_json::from_str(text).map_err(|error| {
        malformed_element(text).unwrap_or_else(|| ("the file".to_owned(), error.to_string()))
    })
}

/// The first element of the first list that cannot be read.
fn malformed_element(text: &str) -> Option<(String, String)> {
    let all: serde_json::Value = serde_json::from_str(text).ok()?;
    first_bad::<RawPeriod>(&all, "periods")
        .or_else(|| first_bad::<Vec<u32>>(&all, "travel"))
        .or_else(|| first_bad::<RawBranch>(&all, "branches"))
        .or_else(|| first_bad::<RawCourse>(&all, "courses"))
        .or_else(|| first_bad::<RawTeacher>(&all, "teachers"))
        .or_else(|| first_bad::<RawVenue>(&all, "venues"))
        .or_else(|| first_bad::<RawRequest>(&all, "requests"))
        .or_else(|| first_bad::<RawPinned>(&all, "pinned"))
        .or_else(|| first_bad::<RawClass>(&all, "previous"))
        .or_else(|| {
            let error = RawWeights::deserialize(all.get("weights")?).err()?;
            Some(("weights".to_owned(), error.to_string()))
        })
}

fn first_bad<T: DeserializeOwned>(all: &serde_json::Value, list: &str) -> Option<(String, String)> {
    all.get(list)?.as_array()?.iter().enumerate().find_map(|(at, element)| {
        let error = T::deserialize(element).err()?;
        let id = element.get("id").and_then(|id| id.as_str()).unwrap_or_default();
        Some((format!("{list}[{at}] {id}").trim_end().to_owned(), error.to_string()))
    })
}
