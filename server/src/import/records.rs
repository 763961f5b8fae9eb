//! What office files say, row by row, with the place each fact stands at.

use client_core::domain::{AssetKind, CheckIn, Condition};
use client_core::ids::ChangeHash;
use client_core::time::{Day, HalfDay};
use serde::{Deserialize, Serialize};

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The file's name.
    pub file: String,
    /// The sheet's name; empty for CSV.
    pub sheet: String,
    /// The row, from 1.
    pub row: usize,
}

/// A course of the teaching list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CourseRow {
    pub source: Source,
    pub code: String,
    pub title: String,
    pub area: String,
    pub periods: u8,
    pub method: String,
    pub audience: String,
    pub online: bool,
}

/// A teacher as one branch lists them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TeacherRow {
    pub source: Source,
    /// Stem of the branch's name.
    pub branch: String,
    pub name: String,
    pub full_time: bool,
    pub from: String,
    pub phone: String,
    /// Numbers or titles of courses.
    pub courses: Vec<String>,
    pub windows: Vec<HalfDay>,
    pub weekly_cap_periods: u8,
}

/// A room, kind of equipment or on-site point.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AssetRow {
    pub source: Source,
    /// Stem of the branch's name.
    pub branch: String,
    pub kind: AssetKind,
    pub name: String,
    pub place: String,
    pub capacity: u32,
    pub quantity: u32,
    pub features: Vec<String>,
    pub condition: Condition,
    pub open: Vec<HalfDay>,
    pub lendable: bool,
    pub talk_minutes: u16,
    pub docent: String,
}

/// A learner of one branch.
#[derive(Clone, Serialize, Deserialize)]
pub struct LearnerRow {
    pub source: Source,
    /// Stem of the branch's name.
    pub branch: String,
    pub name: String,
    /// Digits as given; not a number one can call where `phone_good` is false.
    pub phone: String,
    pub phone_good: bool,
    pub gender: String,
    pub birth: Option<Day>,
    pub group: String,
}

/// A class of the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassRow {
    pub source: Source,
    /// Stem of the branch's name.
    pub branch: String,
    pub code: String,
    pub day: Day,
    pub course_title: String,
    pub course_code: String,
    pub teacher: String,
    pub headcount: u32,
    pub online: bool,
}

/// One line of the sign-in list.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignInRow {
    pub row: usize,
    pub class: String,
    /// Stem of the branch's name; empty where the list does not say.
    pub branch: String,
    pub name: String,
    pub phone: String,
    pub day: Day,
    pub minute: u16,
    pub how: CheckIn,
}

/// Something a person should look at; the record is taken unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Where.
    pub source: Source,
    /// The column as people see it, or empty.
    pub column: String,
    /// What and what to do, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// Why a file is not taken; nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The file.
    pub file: String,
    /// The sheet, or empty.
    pub sheet: String,
    /// The row, from 1, or 0 for the whole file.
    pub row: usize,
    /// What and what to do, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

impl Refusal {
    /// A refusal that concerns the file as a whole.
    pub fn file(file: &str, zh: String, en: String) -> Self {
        Self { file: file.into(), sheet: String::new(), row: 0, zh, en }
    }
}

/// What one file brought.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileRead {
    /// The file's name.
    pub file: String,
    /// Rows of records in it.
    pub rows: usize,
    /// Encoding of a CSV that is not UTF-8.
    pub encoding: Option<String>,
}

/// Everything the office files say.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Office {
    pub courses: Vec<CourseRow>,
    pub teachers: Vec<TeacherRow>,
    pub assets: Vec<AssetRow>,
    pub learners: Vec<LearnerRow>,
    pub classes: Vec<ClassRow>,
    pub sign_ins: Vec<SignInRow>,
    /// Name of the sign-in file, kept once.
    pub sign_in_file: String,
    pub files: Vec<FileRead>,
    pub doubts: Vec<Doubt>,
    pub refusals: Vec<Refusal>,
    /// Teachers listed more than once: the same name and phone.
    pub teachers_listed_twice: usize,
    /// Learners listed more than once in a branch: the same name and phone.
    pub learners_listed_twice: usize,
    /// Learners whose phone is no mobile number.
    pub learners_bad_phone: usize,
}

/// Names a learner's sealed fields in the event that announces them.
pub fn sealed_hash(fields: &[(&str, &str)]) -> ChangeHash {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for (field, value) in fields {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field);
        hasher.update((value.len() as u64).to_be_bytes());
        hasher.update(value);
    }
    ChangeHash(hasher.finalize().into())
}
