//! The record kind that benchmarks write: rows of a workload file, kept as they came.

use serde::{Deserialize, Serialize};

/// One field of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BenchField {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

/// A row of a workload file. The event's id and stamp are the row's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchRecorded {
    /// What the row records, e.g. `attendance`.
    pub kind: String,
    /// The branch it names.
    pub branch: String,
    /// The course it names.
    pub course: String,
    /// Its other fields, in the file's order.
    pub fields: Vec<BenchField>,
}

impl BenchRecorded {
    /// The kind that counts as one attendance of its course.
    pub const ATTENDANCE: &'static str = "attendance";
}
