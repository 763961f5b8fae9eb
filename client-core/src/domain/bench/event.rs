//! The record kind that benchmarks write: rows of a workload file, kept as they came.

use crate::event::{Checked, Kind, Scope, Speaker, bounds};
use crate::packed::{Malformed, Packed, Shape};

/// One field of a row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum BenchField {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl Packed for BenchField {
    fn pack(&self, into: &mut Vec<u8>) {
        match self {
            Self::Number(number) => number.pack(into),
            Self::Text(text) => text.pack(into),
        }
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        let mut number = *from;
        match i64::unpack(&mut number) {
            Ok(value) => {
                *from = number;
                Ok(Self::Number(value))
            }
            Err(_) => String::unpack(from).map(Self::Text),
        }
    }

    fn shape() -> Shape {
        Shape::Plain("whole number or text")
    }
}

/// A row of a workload file. The event's id and stamp are the row's own.
#[derive(Clone, Debug, PartialEq, Eq, client_core_macros::Packed)]
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
    const NAME: &'static str = "bench.recorded";
    const SCOPE: Scope = Scope::Private;
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
