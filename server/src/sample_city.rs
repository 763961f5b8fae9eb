//! A made-up city: the office files of a city school and its eight branches, kept the way offices keep
//! them (title rows, five date formats, full-width digits, stray blanks, GB18030). All people in them are
//! invented and the files say so. `people` and `city` make what is in them, `files` writes it down.

mod city;
mod files;
mod people;
mod table;

use crate::dice::Dice;
use crate::import::Counts;
use city::City;
use std::io;
use std::path::Path;

/// The branches, by the name their town has.
pub const BRANCHES: [&str; 8] =
    ["当湖街道", "钟埭街道", "曹桥街道", "乍浦镇", "新埭镇", "新仓镇", "独山港镇", "广陈镇"];

/// How much of a city to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As many courses, teachers, learners and classes as a real county-level city has.
    Source,
    /// The same teachers and rooms, a tenth of the learners and classes.
    Small,
}

/// Writes the files into `folder`, which is made, and says what a correct import finds in them.
pub fn write(folder: &Path, seed: u64, size: Size) -> io::Result<Counts> {
    std::fs::create_dir_all(folder)?;
    let mut dice = Dice::new(seed, "sample city");
    let city = City::make(size, &mut dice);
    let tables = files::tables(&city, &mut dice);
    let mut counts = city.counts();
    for table in &tables {
        table.write(folder)?;
        counts.files.insert(table.file.clone(), table.count());
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import;

    #[test]
    fn an_import_finds_what_was_made() {
        for (seed, size) in [(1, Size::Source), (2, Size::Small), (3, Size::Small)] {
            let folder = std::env::temp_dir().join(format!("lianxiao-sample-{}-{seed}", std::process::id()));
            let truth = write(&folder, seed, size).unwrap();
            let office = import::read_dir(&folder, &mut |_, _, _| {}).unwrap();
            std::fs::remove_dir_all(&folder).unwrap();
            assert!(office.refusals.is_empty(), "{:?}", office.refusals);
            assert_eq!(import::counts(&office), truth, "seed {seed}");
        }
    }
}
