//! Office files in: read, understood, shown in a dry run, planned as events. A straight line:
//! `sheet` (bytes to cells) → `columns` (what the table is) → `rows` (records) → `office` (all files
//! together) → `report` (for people) and `plan` (for the log).

mod clean;
mod columns;
mod office;
mod plan;
mod progress;
#[expect(missing_docs, reason = "the fields are the columns of the office files; their names say it")]
mod records;
mod report;
mod rows;
mod sheet;

pub use office::{read_dir, read_file};
pub use plan::{Action, FilePlan, Known, plan, unknown_branches};
pub use progress::{progress_bar, show};
pub use records::{Doubt, Office, Refusal, Source};
pub use report::{Counts, FileCount, counts, report};
