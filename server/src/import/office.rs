//! A folder of office files becomes one office: every file read, then what only all together show.

use super::columns::{Header, HeaderError, Table};
use super::records::*;
use super::{clean, rows, sheet};
use client_core::domain::AssetKind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Reads every spreadsheet and CSV of a folder. `progress` hears the file, files done, files in all.
pub fn read_dir(folder: &Path, progress: &mut dyn FnMut(&str, usize, usize)) -> std::io::Result<Office> {
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let is_table = matches!(extension.as_str(), "xlsx" | "xls" | "xlsm" | "ods" | "csv" | "txt");
        // Names that begin so are lock files of spreadsheet programs.
        if is_table && !name.starts_with("~$") && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    let mut office = Office::default();
    for (n, name) in names.iter().enumerate() {
        progress(name, n, names.len());
        office.take(name, &std::fs::read(folder.join(name))?);
    }
    progress("", names.len(), names.len());
    compare(&mut office);
    Ok(office)
}

/// Reads one file as [`read_dir`] reads each.
pub fn read_file(name: &str, bytes: &[u8]) -> Office {
    let mut office = Office::default();
    office.take(name, bytes);
    compare(&mut office);
    office
}

fn read_tables(office: &mut Office, file: &str, bytes: &[u8]) -> Result<(), Refusal> {
    let workbook = sheet::read(file, bytes)?;
    let mut rows_read = 0;
    let mut tables = 0;
    let mut not_found = None;
    for sheet in &workbook.sheets {
        if sheet.hidden {
            let source = Source { file: file.into(), sheet: sheet.name.clone(), row: 0 };
            let (zh, en) = ("隐藏的工作表，没有读".to_owned(), "a hidden sheet; not read".to_owned());
            office.doubts.push(Doubt { source, column: String::new(), zh, en });
            continue;
        }
        if sheet.rows.iter().flatten().all(|cell| clean::name(&cell.text()).is_empty()) {
            continue;
        }
        let title = title_of(sheet);
        let names = format!("{file} {} {title}", sheet.name);
        match Header::find(sheet, &names) {
            Ok(header) => {
                tables += 1;
                let branch = branch_of(file, header.table).or_else(|| branch_of(&title, header.table));
                rows_read += rows::read_table(office, file, sheet, &header, branch.as_deref())?;
            }
            Err(HeaderError::Missing { row, columns }) => {
                return Err(Refusal {
                    file: file.into(),
                    sheet: sheet.name.clone(),
                    row,
                    zh: format!("缺少列：{}。请补上这些列再导入", columns.join("、")),
                    en: format!("columns are missing: {}; add them and import again", columns.join(", ")),
                });
            }
            Err(HeaderError::NotFound) => not_found = Some(sheet.name.clone()),
        }
    }
    if tables == 0 {
        return Err(Refusal {
            file: file.into(),
            sheet: not_found.unwrap_or_default(),
            row: 1,
            zh: "前 15 行里没有认得的表头。认得的有：教学清单、师资库、场地、设备、现场教学点、学员名册、培训台账、签到".into(),
            en: "the first 15 rows hold no header that is known".into(),
        });
    }
    let encoding = workbook.encoding.map(str::to_owned);
    office.files.push(FileRead { file: file.into(), rows: rows_read, encoding });
    Ok(())
}

/// The first filled cell of the sheet, if it stands alone in its row.
fn title_of(sheet: &sheet::Sheet) -> String {
    let row = sheet.rows.iter().find(|row| row.iter().any(|cell| !clean::name(&cell.text()).is_empty()));
    let filled: Vec<String> =
        row.into_iter().flatten().map(|c| clean::name(&c.text())).filter(|t| !t.is_empty()).collect();
    match &filled[..] {
        [title] => title.clone(),
        _ => String::new(),
    }
}

/// The branch a name begins with: `乍浦镇-师资库.xlsx`, `乍浦镇分校师资库`. City-wide tables have none.
fn branch_of(name: &str, table: Table) -> Option<String> {
    if matches!(table, Table::Courses | Table::OnSitePoints | Table::Classes | Table::SignIns) {
        return None;
    }
    let name = clean::name(name);
    let before = ["分校", "镇", "街道", "乡"]
        .into_iter()
        .filter_map(|mark| name.find(mark).map(|at| &name[..at + mark.len()]));
    let stem = before
        .min_by_key(|part| part.len())
        .or_else(|| name.split(['-', '_']).next().filter(|part| *part != name));
    stem.map(clean::branch_stem).filter(|stem| (2..=6).contains(&stem.chars().count()))
}

/// Lengths to go back to when a file is refused halfway.
type Lengths = [usize; 7];

impl Office {
    /// All of a file, or its refusal.
    fn take(&mut self, name: &str, bytes: &[u8]) {
        let before = self.clone_lengths();
        if let Err(refusal) = read_tables(self, name, bytes) {
            self.truncate(before);
            self.refusals.push(refusal);
        }
    }

    fn clone_lengths(&self) -> Lengths {
        [
            self.courses.len(),
            self.teachers.len(),
            self.assets.len(),
            self.learners.len(),
            self.classes.len(),
            self.sign_ins.len(),
            self.doubts.len(),
        ]
    }

    fn truncate(&mut self, to: Lengths) {
        self.courses.truncate(to[0]);
        self.teachers.truncate(to[1]);
        self.assets.truncate(to[2]);
        self.learners.truncate(to[3]);
        self.classes.truncate(to[4]);
        self.sign_ins.truncate(to[5]);
        self.doubts.truncate(to[6]);
    }

    /// Stems of all branches that files name.
    pub fn branches(&self) -> BTreeSet<String> {
        let teachers = self.teachers.iter().map(|row| &row.branch);
        let learners = self.learners.iter().map(|row| &row.branch);
        let assets =
            self.assets.iter().filter(|row| row.kind != AssetKind::OnSitePoint).map(|row| &row.branch);
        teachers.chain(learners).chain(assets).filter(|stem| !stem.is_empty()).cloned().collect()
    }
}

fn compare(office: &mut Office) {
    place_points(office);
    twice_listed_teachers(office);
    doubtful_learners(office);
    unknown_courses(office);
    unmatched_history(office);
}

fn doubt(source: &Source, zh: String, en: String) -> Doubt {
    Doubt { source: source.clone(), column: String::new(), zh, en }
}

/// On-site points stand in one city-wide file; each name begins with its branch.
fn place_points(office: &mut Office) {
    let branches = office.branches();
    let mut lost = Vec::new();
    for point in
        office.assets.iter_mut().filter(|row| row.kind == AssetKind::OnSitePoint && row.branch.is_empty())
    {
        match branches.iter().find(|stem| point.name.starts_with(stem.as_str())) {
            Some(stem) => point.branch.clone_from(stem),
            None => lost.push(doubt(
                &point.source,
                "看不出是哪个分校的教学点，没有导入：请在名称前写上镇街道名".into(),
                "its branch is unknown, so it is left out: begin its name with the branch".into(),
            )),
        }
    }
    office.assets.retain(|row| !row.branch.is_empty());
    office.doubts.extend(lost);
}

fn twice_listed_teachers(office: &mut Office) {
    let mut first: BTreeMap<(&str, &str), &TeacherRow> = BTreeMap::new();
    let mut doubts = Vec::new();
    for row in &office.teachers {
        match first.get(&(row.name.as_str(), row.phone.as_str())) {
            Some(earlier) if !row.phone.is_empty() => doubts.push(doubt(
                &row.source,
                format!("{} 在 {} 第 {} 行也有，电话相同：可能是同一人，合并前按两条保留", row.name, earlier.source.file, earlier.source.row),
                format!("{} also stands in {} row {} with the same phone: perhaps one person; both are kept until a person merges them", row.name, earlier.source.file, earlier.source.row),
            )),
            _ => {
                first.insert((&row.name, &row.phone), row);
            }
        }
    }
    office.teachers_listed_twice = doubts.len();
    office.doubts.extend(doubts);
}

/// Doubts about learners name file and row, never the person.
fn doubtful_learners(office: &mut Office) {
    let mut first: BTreeMap<(&str, &str, &str), &LearnerRow> = BTreeMap::new();
    let mut doubts = Vec::new();
    let mut twice = 0;
    for row in &office.learners {
        match first.get(&(row.branch.as_str(), row.name.as_str(), row.phone.as_str())) {
            Some(earlier) => {
                twice += 1;
                doubts.push(doubt(
                    &row.source,
                    format!("与第 {} 行是同一人（姓名、电话相同），只算一次", earlier.source.row),
                    format!(
                        "the same person as row {} (name and phone are equal); counted once",
                        earlier.source.row
                    ),
                ));
            }
            None => {
                first.insert((&row.branch, &row.name, &row.phone), row);
            }
        }
        if !row.phone_good {
            doubts.push(doubt(
                &row.source,
                format!("联系电话不是 11 位手机号（{} 位）：人照样导入，请核对电话", row.phone.len()),
                format!(
                    "the phone is not a mobile number ({} digits); the learner is taken, please check it",
                    row.phone.len()
                ),
            ));
        }
    }
    let bad = first.values().filter(|row| !row.phone_good).count();
    office.learners_listed_twice = twice;
    office.learners_bad_phone = bad;
    office.doubts.extend(doubts);
}

fn unknown_courses(office: &mut Office) {
    let known: BTreeSet<&str> =
        office.courses.iter().flat_map(|course| [course.code.as_str(), course.title.as_str()]).collect();
    if known.is_empty() {
        return;
    }
    let mut doubts = Vec::new();
    for row in &office.teachers {
        let unknown: Vec<&str> =
            row.courses.iter().map(String::as_str).filter(|course| !known.contains(course)).collect();
        if !unknown.is_empty() {
            let list = unknown.join("、");
            doubts.push(doubt(
                &row.source,
                format!("清单上没有课程 {list}，这几门先不算"),
                format!("the teaching list has no {list}; left out"),
            ));
        }
    }
    office.doubts.extend(doubts);
}

/// How many unmatched sign-ins are named one by one; the rest are counted.
const NAMED: usize = 50;

fn unmatched_history(office: &mut Office) {
    let classes: BTreeMap<&str, &ClassRow> =
        office.classes.iter().map(|row| (row.code.as_str(), row)).collect();
    let people: BTreeSet<(&str, &str, &str)> = office
        .learners
        .iter()
        .map(|row| (row.branch.as_str(), row.name.as_str(), row.phone.as_str()))
        .collect();
    let mut without_phone: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in office.learners.iter().filter(|row| !row.phone_good) {
        *without_phone.entry((&row.branch, &row.name)).or_default() += 1;
    }
    let mut heads: BTreeMap<&str, u32> = BTreeMap::new();
    let mut lost = Vec::new();
    for sign_in in &office.sign_ins {
        let Some(class) = classes.get(sign_in.class.as_str()) else {
            lost.push((sign_in.row, "台账里没有这个班次", "the ledger has no such class"));
            continue;
        };
        *heads.entry(class.code.as_str()).or_default() += 1;
        let branch = class.branch.as_str();
        // Whose phone the roster has wrong is found by name, if only one such person has it.
        let found = people.contains(&(branch, sign_in.name.as_str(), sign_in.phone.as_str()))
            || without_phone.get(&(branch, sign_in.name.as_str())) == Some(&1);
        if !found {
            lost.push((sign_in.row, "名册里找不到这个人", "the roster has no such person"));
        }
    }
    let mut doubts = Vec::new();
    let file = office.sign_in_file.clone();
    let at = |row: usize| Source { file: file.clone(), sheet: String::new(), row };
    if !office.classes.is_empty() && !office.learners.is_empty() {
        for (row, zh, en) in lost.iter().take(NAMED) {
            doubts.push(doubt(
                &at(*row),
                format!("{zh}，这一行没有导入"),
                format!("{en}; this row is left out"),
            ));
        }
        if lost.len() > NAMED {
            let rest = lost.len() - NAMED;
            doubts.push(doubt(
                &at(0),
                format!("还有 {rest} 行同样对不上"),
                format!("{rest} more rows like these"),
            ));
        }
    }
    for class in office
        .classes
        .iter()
        .filter(|class| !heads.is_empty() && heads.get(class.code.as_str()) != Some(&class.headcount))
    {
        let signed = heads.get(class.code.as_str()).copied().unwrap_or(0);
        doubts.push(doubt(
            &class.source,
            format!("台账 {} 人，签到 {signed} 人：以台账为人数，签到照记", class.headcount),
            format!("the ledger says {}, the sign-in list {signed}: both are kept", class.headcount),
        ));
    }
    office.doubts.extend(doubts);
}
