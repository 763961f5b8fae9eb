//! Rows of a table become records; what is doubtful is said, what is broken refuses the file.

use super::clean;
use super::columns::{Field, Header, Table, is_footer};
use super::records::*;
use super::sheet::{Cell, Sheet};
use client_core::domain::{AssetKind, CheckIn, Condition};

/// More broken rows than this share of a table mean that it is not the table we think.
const BROKEN_SHARE: usize = 5;

/// Reads one table into `office`. `branch` is the stem from the file's name or title, if there is one.
pub fn read_table(
    office: &mut Office,
    file: &str,
    sheet: &Sheet,
    header: &Header,
    branch: Option<&str>,
) -> Result<usize, Refusal> {
    let mut reader = Rows { file, sheet, header, branch, office, taken: 0, broken: Vec::new() };
    for (index, row) in sheet.rows.iter().enumerate().skip(header.last_row + 1) {
        let empty = row.iter().all(|cell| clean::name(&cell.text()).is_empty());
        if empty || is_footer(row) || header.is_repeated(row) {
            continue;
        }
        match reader.take(index + 1, row) {
            Ok(()) => reader.taken += 1,
            Err(problem) => reader.broken.push((index + 1, problem)),
        }
    }
    let (taken, broken) = (reader.taken, std::mem::take(&mut reader.broken));
    if broken.len() * BROKEN_SHARE > taken + broken.len()
        && let Some((row, Problem { column, zh, en })) = broken.first()
    {
        return Err(Refusal {
            file: file.to_owned(),
            sheet: sheet.name.clone(),
            row: *row,
            zh: format!("{column}{zh}；共 {} 行不对，整份文件没有导入。请改好再导入", broken.len()),
            en: format!(
                "{column} {en}; {} rows are wrong, nothing of the file is taken: mend it and import again",
                broken.len()
            ),
        });
    }
    for (row, Problem { column, zh, en }) in broken {
        let source = Source { file: file.to_owned(), sheet: sheet.name.clone(), row };
        let doubt = Doubt {
            source,
            column,
            zh: format!("{zh}；这一行没有导入"),
            en: format!("{en}; this row is left out"),
        };
        office.doubts.push(doubt);
    }
    Ok(taken)
}

struct Problem {
    column: String,
    zh: String,
    en: String,
}

struct Rows<'a> {
    file: &'a str,
    sheet: &'a Sheet,
    header: &'a Header,
    branch: Option<&'a str>,
    office: &'a mut Office,
    taken: usize,
    broken: Vec<(usize, Problem)>,
}

impl Rows<'_> {
    fn take(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        match self.header.table {
            Table::Courses => self.course(row, cells),
            Table::Teachers => self.teacher(row, cells),
            Table::Rooms => self.room(row, cells),
            Table::Equipment => self.equipment(row, cells),
            Table::OnSitePoints => self.point(row, cells),
            Table::Learners => self.learner(row, cells),
            Table::Classes => self.class(row, cells),
            Table::SignIns => self.sign_in(row, cells),
        }
    }

    fn source(&self, row: usize) -> Source {
        Source { file: self.file.into(), sheet: self.sheet.name.clone(), row }
    }

    fn wrong<T>(&self, field: Field, zh: &str, en: &str) -> Result<T, Problem> {
        Err(Problem { column: self.header.column(field), zh: zh.into(), en: en.into() })
    }

    fn doubt(&mut self, row: usize, field: Field, zh: impl Into<String>, en: impl Into<String>) {
        let doubt = Doubt {
            source: self.source(row),
            column: self.header.column(field),
            zh: zh.into(),
            en: en.into(),
        };
        self.office.doubts.push(doubt);
    }

    fn required(&self, cells: &[Cell], field: Field) -> Result<String, Problem> {
        let text = self.header.text(cells, field);
        if text.is_empty() { self.wrong(field, "是空的", "is empty") } else { Ok(text) }
    }

    fn number(&self, cells: &[Cell], field: Field) -> Result<u32, Problem> {
        match clean::number(&self.header.cell(cells, field).text()) {
            Some(number) => Ok(number),
            None => self.wrong(field, "不是数字", "is not a number"),
        }
    }

    fn own_branch(&self, cells: &[Cell]) -> Result<String, Problem> {
        let given = clean::branch_stem(&self.header.text(cells, Field::Branch));
        match (given.is_empty(), self.branch) {
            (false, _) => Ok(given),
            (true, Some(branch)) => Ok(branch.to_owned()),
            (true, None) => self.wrong(
                Field::Branch,
                "不知道是哪个分校：请在文件名开头写上镇街道名",
                "the branch is unknown: begin the file's name with it",
            ),
        }
    }

    fn windows(&mut self, row: usize, cells: &[Cell], field: Field) -> Vec<client_core::time::HalfDay> {
        let raw = self.header.text(cells, field);
        clean::half_days(&raw).unwrap_or_else(|| {
            self.doubt(
                row,
                field,
                format!("看不懂时间“{raw}”，先按没有处理"),
                format!("cannot read the times {raw:?}; taken as none"),
            );
            Vec::new()
        })
    }

    fn course(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        let code = clean::name(&self.required(cells, Field::Code)?);
        let title = self.required(cells, Field::Title)?;
        let periods =
            clean::number(&self.header.cell(cells, Field::Periods).text()).filter(|n| (1..=16).contains(n));
        if periods.is_none() {
            self.doubt(
                row,
                Field::Periods,
                "课时不清楚，先按 2 课时",
                "the length is unclear; taken as 2 periods",
            );
        }
        let online = self.header.text(cells, Field::Online);
        if clean::yes(&online).is_none() {
            self.doubt(
                row,
                Field::Online,
                format!("“{online}”看不懂，先按不可线上"),
                format!("cannot read {online:?}; taken as not online"),
            );
        }
        self.office.courses.push(CourseRow {
            source: self.source(row),
            code,
            title,
            area: self.header.text(cells, Field::Area),
            periods: periods.unwrap_or(2) as u8,
            method: self.header.text(cells, Field::Method),
            audience: self.header.text(cells, Field::Audience),
            online: clean::yes(&online).unwrap_or(false),
        });
        Ok(())
    }

    fn teacher(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        let name = clean::name(&self.required(cells, Field::Name)?);
        let branch = self.own_branch(cells)?;
        let phone = self.header.cell(cells, Field::Phone).text();
        if clean::phone(&phone).is_none() {
            self.doubt(
                row,
                Field::Phone,
                "电话不是 11 位手机号",
                "the phone is not a mobile number of 11 digits",
            );
        }
        let windows = self.windows(row, cells, Field::Windows);
        let cap =
            clean::number(&self.header.cell(cells, Field::WeeklyCap).text()).filter(|n| (1..=60).contains(n));
        if cap.is_none() {
            self.doubt(
                row,
                Field::WeeklyCap,
                "每周课时不清楚，先按 4 课时",
                "the weekly limit is unclear; taken as 4 periods",
            );
        }
        self.office.teachers.push(TeacherRow {
            source: self.source(row),
            branch,
            name,
            full_time: self.header.text(cells, Field::FullTime).contains('专'),
            from: self.header.text(cells, Field::Source),
            phone: clean::phone_digits(&phone),
            courses: clean::list(&self.header.text(cells, Field::CourseList)),
            windows,
            weekly_cap_periods: cap.unwrap_or(4) as u8,
        });
        Ok(())
    }

    fn room(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        let name = self.required(cells, Field::RoomName)?;
        let asset = AssetRow {
            capacity: self.number(cells, Field::Capacity)?,
            place: self.header.text(cells, Field::Place),
            features: clean::list(&self.header.text(cells, Field::Features)),
            open: self.windows(row, cells, Field::Open),
            lendable: true,
            ..self.asset(row, self.own_branch(cells)?, AssetKind::Room, name)
        };
        self.office.assets.push(asset);
        Ok(())
    }

    fn equipment(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        let name = self.required(cells, Field::Equipment)?;
        let condition = match self.header.text(cells, Field::Condition).as_str() {
            "完好" | "良好" | "正常" | "好" | "新" => Condition::Good,
            "老化" | "陈旧" | "旧" | "一般" => Condition::Worn,
            "待修" | "损坏" | "故障" | "坏" | "维修" | "报修" => Condition::Broken,
            other => {
                self.doubt(
                    row,
                    Field::Condition,
                    format!("状况“{other}”看不懂，先按老化"),
                    format!("cannot read the condition {other:?}; taken as worn"),
                );
                Condition::Worn
            }
        };
        let lendable = self.header.text(cells, Field::Lendable);
        let asset = AssetRow {
            quantity: self.number(cells, Field::Quantity)?,
            condition,
            lendable: clean::yes(&lendable).unwrap_or(false),
            ..self.asset(row, self.own_branch(cells)?, AssetKind::Equipment, name)
        };
        self.office.assets.push(asset);
        Ok(())
    }

    fn point(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        let name = self.required(cells, Field::PointName)?;
        let all_week = (0..7u8)
            .flat_map(|weekday| {
                [false, true].map(|afternoon| client_core::time::HalfDay { weekday, afternoon })
            })
            .collect();
        let asset = AssetRow {
            capacity: self.number(cells, Field::Capacity)?,
            talk_minutes: self.number(cells, Field::TalkMinutes)?.min(24 * 60) as u16,
            docent: clean::name(&self.header.text(cells, Field::Docent)),
            open: all_week,
            lendable: true,
            ..self.asset(row, self.branch.unwrap_or_default().to_owned(), AssetKind::OnSitePoint, name)
        };
        self.office.assets.push(asset);
        Ok(())
    }

    fn asset(&self, row: usize, branch: String, kind: AssetKind, name: String) -> AssetRow {
        AssetRow {
            source: self.source(row),
            branch,
            kind,
            name,
            place: String::new(),
            capacity: 0,
            quantity: 1,
            features: Vec::new(),
            condition: Condition::Good,
            open: Vec::new(),
            lendable: false,
            talk_minutes: 0,
            docent: String::new(),
        }
    }

    fn learner(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        let name = clean::name(&self.required(cells, Field::Name)?);
        let branch = self.own_branch(cells)?;
        let raw = self.header.cell(cells, Field::Phone).text();
        let phone = clean::phone(&raw);
        let birth = self.header.cell(cells, Field::Birth);
        let birth_day = clean::date(&birth).map(|(day, _)| day);
        if birth_day.is_none() && !clean::name(&birth.text()).is_empty() {
            self.doubt(
                row,
                Field::Birth,
                "出生日期看不懂，先空着",
                "cannot read the date of birth; left empty",
            );
        }
        self.office.learners.push(LearnerRow {
            source: self.source(row),
            branch,
            name,
            phone_good: phone.is_some(),
            phone: phone.unwrap_or_else(|| clean::phone_digits(&raw)),
            gender: self.header.text(cells, Field::Gender),
            birth: birth_day,
            group: self.header.text(cells, Field::Group),
        });
        Ok(())
    }

    fn class(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        let code = clean::name(&self.required(cells, Field::ClassCode)?);
        let branch = self.own_branch(cells)?;
        let Some((day, _)) = clean::date(&self.header.cell(cells, Field::Date)) else {
            return self.wrong(Field::Date, "看不懂日期", "is not a date");
        };
        let headcount = self.number(cells, Field::Headcount)?;
        self.office.classes.push(ClassRow {
            source: self.source(row),
            branch,
            code,
            day,
            course_title: self.header.text(cells, Field::CourseTitle),
            course_code: clean::name(&self.header.text(cells, Field::CourseCode)),
            teacher: clean::name(&self.header.text(cells, Field::Teacher)),
            headcount,
            online: self.header.text(cells, Field::Form).contains("线上"),
        });
        Ok(())
    }

    fn sign_in(&mut self, row: usize, cells: &[Cell]) -> Result<(), Problem> {
        let class = clean::name(&self.required(cells, Field::ClassCode)?);
        let name = clean::name(&self.required(cells, Field::Name)?);
        let Some((day, minute)) = clean::date(&self.header.cell(cells, Field::SignedAt)) else {
            return self.wrong(Field::SignedAt, "看不懂时间", "is not a date and time");
        };
        let raw = self.header.cell(cells, Field::Phone).text();
        let how = self.header.text(cells, Field::How);
        let how = match how.as_str() {
            how if how.contains('扫') || how.contains('码') => CheckIn::Scan,
            how if how.contains("线上") => CheckIn::Online,
            how if how.contains('签') => CheckIn::Signature,
            _ => CheckIn::Roll,
        };
        let branch = clean::branch_stem(&self.header.text(cells, Field::Branch));
        let phone = clean::phone(&raw).unwrap_or_else(|| clean::phone_digits(&raw));
        self.office.sign_in_file = self.file.to_owned();
        self.office.sign_ins.push(SignInRow { row, class, branch, name, phone, day, minute, how });
        Ok(())
    }
}
