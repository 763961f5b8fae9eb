//! `lianxiao plan`: a timetable from a file to a file.

use crate::import;
use client_core::plan::{Budget, Instance, Objective, Planner, Refusal};
use std::path::{Path, PathBuf};

/// Parts in which a plan is made, to show how far it is.
const PARTS: u64 = 200;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The instance is malformed or contradicts itself.
    #[error("{}: {refusal}", path.display())]
    Refused {
        /// Its file.
        path: PathBuf,
        /// The element and the reason.
        refusal: Refusal,
    },
}

/// Reads `jts-1`, writes `jts-plan-1`, shows progress on a terminal. What stood in `output` stays there
/// until the plan is whole.
pub fn run(input: &Path, output: &Path, steps: Option<u64>) -> Result<Objective, PlanError> {
    let of_file = |path: &Path, error| PlanError::File { path: path.to_owned(), error };
    let text = std::fs::read_to_string(input).map_err(|error| of_file(input, error))?;
    let instance = Instance::from_json(&text)
        .map_err(|refusal| PlanError::Refused { path: input.to_owned(), refusal })?;
    drop(text);
    let mut planner = Planner::new(instance, Budget { steps });
    let bar = import::progress_bar();
    let mut progress = planner.progress();
    while !progress.done {
        progress = planner.run(progress.budget / PARTS + 1);
        let best = format!("A {} · B {}", progress.best.a, progress.best.b);
        import::show(&bar, &best, progress.steps, progress.budget);
    }
    bar.finish_and_clear();
    let timetable = planner.finish();
    let mut written = serde_json::to_vec(&timetable.plan()).expect("a plan is plain data");
    written.push(b'\n');
    let part = part_of(output);
    let moved = std::fs::write(&part, &written).and_then(|()| std::fs::rename(&part, output));
    moved.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        of_file(output, error)
    })?;
    Ok(timetable.objective)
}

/// A file beside the output, for what is not whole yet.
fn part_of(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    output.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_instance_leaves_the_old_plan_as_it_was() {
        let folder = std::env::temp_dir().join(format!("lianxiao-planning-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (input, output) = (folder.join("in.json"), folder.join("out.json"));
        std::fs::write(&input, r#"{"format":"jts-1","name":"x","days":0}"#).unwrap();
        std::fs::write(&output, "the old plan").unwrap();
        let error = run(&input, &output, None).unwrap_err();
        assert!(matches!(error, PlanError::Refused { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "the old plan");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
