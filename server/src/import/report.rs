//! The dry run in words and figures.

use super::records::{Office, Source};
use client_core::domain::AssetKind;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What was found, in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows and encoding of each file.
    pub files: BTreeMap<String, FileCount>,
    /// Courses.
    pub courses: usize,
    /// People, a likely duplicate counted once.
    pub teachers: usize,
    /// Full-time people among them.
    pub full_time: usize,
    /// Rows that name a teacher listed before.
    pub teachers_listed_twice: usize,
    /// Rooms.
    pub venues: usize,
    /// Lines of equipment.
    pub equipment_lines: usize,
    /// On-site points.
    pub onsite_points: usize,
    /// People.
    pub learners: usize,
    /// Rows that name a learner listed before.
    pub learners_listed_twice: usize,
    /// Learners whose phone is no mobile number.
    pub learners_bad_phone: usize,
    /// Classes.
    pub classes: usize,
    /// Person-times.
    pub attendances: usize,
}

/// One file in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileCount {
    /// Rows of records.
    pub rows: usize,
    /// Encoding of a CSV that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// What an office holds, in figures.
pub fn counts(office: &Office) -> Counts {
    let assets = |kind| office.assets.iter().filter(|row| row.kind == kind).count();
    let mut people: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for row in &office.teachers {
        *people.entry((&row.name, &row.phone)).or_default() |= row.full_time;
    }
    let file = |file: &super::records::FileRead| {
        (file.file.clone(), FileCount { rows: file.rows, encoding: file.encoding.clone() })
    };
    Counts {
        files: office.files.iter().map(file).collect(),
        courses: office.courses.iter().map(|row| &row.code).collect::<BTreeSet<_>>().len(),
        teachers: people.len(),
        full_time: people.values().filter(|full_time| **full_time).count(),
        teachers_listed_twice: office.teachers_listed_twice,
        venues: assets(AssetKind::Room),
        equipment_lines: assets(AssetKind::Equipment),
        onsite_points: assets(AssetKind::OnSitePoint),
        learners: office.learners.len() - office.learners_listed_twice,
        learners_listed_twice: office.learners_listed_twice,
        learners_bad_phone: office.learners_bad_phone,
        classes: office.classes.iter().map(|row| &row.code).collect::<BTreeSet<_>>().len(),
        attendances: office.sign_ins.len(),
    }
}

/// The dry run for people to read: what would be added, what is doubtful, what is refused.
pub fn report(office: &Office, english: bool) -> String {
    let counts = counts(office);
    let say = |zh: String, en: String| if english { en } else { zh };
    let mut lines = String::new();
    let mut line = |text: String| writeln!(lines, "{text}").expect("writing to a string");
    line(say(format!("读了 {} 个文件：", office.files.len()), format!("Read {} files:", office.files.len())));
    line(say(format!("  课程 {} 门", counts.courses), format!("  courses {}", counts.courses)));
    let rows = office.teachers.len();
    line(say(
        format!(
            "  教师 {} 人（{rows} 行；专职 {}；{} 行可能重复，先各自保留）",
            counts.teachers, counts.full_time, counts.teachers_listed_twice
        ),
        format!(
            "  teachers {} people ({rows} rows; {} full-time; {} rows perhaps the same person, kept apart)",
            counts.teachers, counts.full_time, counts.teachers_listed_twice
        ),
    ));
    line(say(
        format!(
            "  场地 {} 处，设备 {} 行，现场教学点 {} 个",
            counts.venues, counts.equipment_lines, counts.onsite_points
        ),
        format!(
            "  rooms {}, equipment lines {}, on-site points {}",
            counts.venues, counts.equipment_lines, counts.onsite_points
        ),
    ));
    line(say(
        format!(
            "  学员 {} 人（{} 行；重复 {} 行；电话不对 {} 人）",
            counts.learners,
            office.learners.len(),
            counts.learners_listed_twice,
            counts.learners_bad_phone
        ),
        format!(
            "  learners {} people ({} rows; {} listed twice; {} bad phones)",
            counts.learners,
            office.learners.len(),
            counts.learners_listed_twice,
            counts.learners_bad_phone
        ),
    ));
    line(say(
        format!("  班次 {} 期，签到 {} 人次", counts.classes, counts.attendances),
        format!("  classes {}, attendances {}", counts.classes, counts.attendances),
    ));
    if !office.refusals.is_empty() {
        line(say(
            format!("没有导入的文件 {} 个：", office.refusals.len()),
            format!("Refused files: {}", office.refusals.len()),
        ));
        for refusal in &office.refusals {
            let source =
                Source { file: refusal.file.clone(), sheet: refusal.sheet.clone(), row: refusal.row };
            line(format!("  {}：{}", place(&source, english), say(refusal.zh.clone(), refusal.en.clone())));
        }
    }
    if !office.doubts.is_empty() {
        line(say(
            format!("请看一眼 {} 处：", office.doubts.len()),
            format!("Please look at {} places:", office.doubts.len()),
        ));
        for doubt in &office.doubts {
            let column = if doubt.column.is_empty() { String::new() } else { format!(" {}", doubt.column) };
            line(format!(
                "  {}{column}：{}",
                place(&doubt.source, english),
                say(doubt.zh.clone(), doubt.en.clone())
            ));
        }
    }
    lines
}

fn place(source: &Source, english: bool) -> String {
    let sheet = if source.sheet.is_empty() { String::new() } else { format!(" [{}]", source.sheet) };
    match (source.row, english) {
        (0, _) => format!("{}{sheet}", source.file),
        (row, true) => format!("{}{sheet} row {row}", source.file),
        (row, false) => format!("{}{sheet} 第 {row} 行", source.file),
    }
}
