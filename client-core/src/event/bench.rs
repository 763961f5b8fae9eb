//! The record kind that benchmarks write: rows of a workload file, kept as they came.

use super::{Checked, Kind, Speaker, bounds};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// One field of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum BenchField {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl<'de> Deserialize<'de> for BenchField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Field;
        impl Visitor<'_> for Field {
            type Value = BenchField;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a whole number or a text")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<BenchField, E> {
                Ok(BenchField::Number(number))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<BenchField, E> {
                i64::try_from(number).map(BenchField::Number).map_err(E::custom)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<BenchField, E> {
                Ok(BenchField::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Field)
    }
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

impl Kind for BenchRecorded {
    const SPEAKER: Speaker = Speaker::Branch;

    fn bounds(&self) -> Checked {
        const MOST_FIELDS: usize = 200;
        let Self { kind, branch, course, fields } = self;
        bounds::name("kind", kind)?;
        bounds::name("branch", branch)?;
        bounds::name("course", course)?;
        bounds::list("fields", fields, MOST_FIELDS)?;
        fields.iter().try_for_each(|field| match field {
            BenchField::Number(_) => Ok(()),
            BenchField::Text(text) => bounds::text("fields", text),
        })
    }
}
