//! Finding the table: which row is the header, what each column means, what kind of table it is.

use super::clean;
use super::sheet::{Cell, Sheet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Table {
    /// 市级教学清单
    Courses,
    /// 师资库
    Teachers,
    /// 场地
    Rooms,
    /// 设备
    Equipment,
    /// 现场教学点
    OnSitePoints,
    /// 学员名册
    Learners,
    /// 培训台账
    Classes,
    /// 签到
    SignIns,
}

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Name,
    Phone,
    FullTime,
    Source,
    CourseList,
    Windows,
    WeeklyCap,
    Code,
    Title,
    Area,
    Periods,
    Method,
    Audience,
    Online,
    RoomName,
    Capacity,
    Features,
    Open,
    Place,
    Equipment,
    Quantity,
    Condition,
    Lendable,
    PointName,
    TalkMinutes,
    Docent,
    Gender,
    Birth,
    Group,
    ClassCode,
    Branch,
    Date,
    CourseTitle,
    CourseCode,
    Teacher,
    Headcount,
    Form,
    SignedAt,
    How,
}

type Column = (Field, bool, &'static [&'static str]);

/// Columns of each table: field, required, names it goes by (the first is shown to people).
fn columns_of(table: Table) -> &'static [Column] {
    use Field::*;
    match table {
        Table::Courses => &[
            (Code, true, &["编号", "课程编号", "课程代码", "序列号", "课程号"]),
            (Title, true, &["课程名称", "课程", "课程题目", "题目", "名称"]),
            (Area, false, &["内容类别", "类别", "内容", "板块", "课程类别"]),
            (Periods, false, &["课时", "学时", "课时数", "学时数"]),
            (Method, false, &["教学方式", "授课方式", "教学形式", "方式"]),
            (Audience, false, &["适用对象", "对象", "适用人群", "授课对象"]),
            (Online, false, &["可线上", "线上", "是否线上", "支持线上", "能否线上"]),
        ],
        Table::Teachers => &[
            (Name, true, &["姓名", "教师姓名", "教师", "讲师", "老师姓名"]),
            (CourseList, true, &["可授课程", "授课课程", "主讲课程", "能讲课程", "课程"]),
            (FullTime, false, &["类别", "专兼职", "性质", "专职/兼职", "专(兼)职"]),
            (Source, false, &["来源", "单位", "工作单位", "所在单位"]),
            (Phone, false, &["联系电话", "手机号", "电话", "手机", "联系方式", "手机号码"]),
            (Windows, true, &["可授课时间", "授课时间", "可排时间", "空闲时间", "时间"]),
            (WeeklyCap, false, &["每周最多课时", "周课时上限", "每周课时", "周最多课时"]),
        ],
        Table::Rooms => &[
            (RoomName, true, &["名称", "场地名称", "场地", "教室", "教室名称"]),
            (Capacity, true, &["容纳人数", "座位数", "容量", "可容纳人数", "座位"]),
            (Features, false, &["设备", "配套设备", "设施", "配备设备", "设施设备"]),
            (Open, true, &["开放时间", "可用时间", "使用时间", "开放时段"]),
            (Place, false, &["地点", "位置", "地址", "所在地"]),
        ],
        Table::Equipment => &[
            (Equipment, true, &["设备", "设备名称", "器材", "器材名称", "名称"]),
            (Quantity, true, &["数量", "件数", "台数", "数量(台)"]),
            (Condition, true, &["状况", "状态", "完好情况", "使用状况", "设备状况"]),
            (Lendable, false, &["共享", "是否外借", "外借", "可否外借", "是否共享"]),
        ],
        Table::OnSitePoints => &[
            (PointName, true, &["名称", "教学点", "教学点名称", "现场教学点", "点位名称"]),
            (Capacity, true, &["每批人数", "每批容纳", "批次人数", "容纳人数"]),
            (TalkMinutes, true, &["讲解时长(分钟)", "讲解时长", "时长", "时长(分钟)", "讲解时间"]),
            (Docent, false, &["讲解员", "讲解人", "讲解", "讲解老师"]),
        ],
        Table::Learners => &[
            (Name, true, &["姓名", "学员姓名", "学员", "党员姓名"]),
            (Group, true, &["所在支部", "支部", "所属支部", "党支部", "所在党支部"]),
            (Phone, true, &["联系电话", "手机号", "电话", "手机", "联系方式", "手机号码"]),
            (Gender, false, &["性别"]),
            (Birth, false, &["出生年月", "出生日期", "生日", "出生"]),
        ],
        Table::Classes => &[
            (ClassCode, true, &["班次号", "班次", "班号", "班次编号", "期次"]),
            (Branch, true, &["分校", "镇街道", "镇(街道)", "单位", "所属分校", "举办分校"]),
            (Date, true, &["日期", "培训日期", "开班日期", "上课日期", "时间", "培训时间"]),
            (CourseTitle, false, &["课程", "课程名称", "培训内容", "培训课程"]),
            (CourseCode, false, &["课程编号", "课程代码", "编号", "课程号"]),
            (Teacher, false, &["主讲人", "授课教师", "教师", "讲师", "主讲教师"]),
            (Headcount, true, &["人数", "参训人数", "培训人数", "到课人数"]),
            (Form, false, &["形式", "培训形式", "方式", "授课形式"]),
        ],
        Table::SignIns => &[
            (ClassCode, true, &["班次号", "班次", "班号", "班次编号", "期次"]),
            (Branch, false, &["分校", "镇街道", "镇(街道)", "所属分校"]),
            (Name, true, &["姓名", "学员姓名", "学员"]),
            (Phone, true, &["联系电话", "手机号", "电话", "手机", "联系方式", "手机号码"]),
            (SignedAt, true, &["签到时间", "签到", "时间", "打卡时间"]),
            (How, false, &["方式", "签到方式", "签到形式"]),
        ],
    }
}

const TABLES: [Table; 8] = [
    Table::Courses,
    Table::Teachers,
    Table::Rooms,
    Table::Equipment,
    Table::OnSitePoints,
    Table::Learners,
    Table::Classes,
    Table::SignIns,
];

/// Words in a file's or sheet's name that tell tables apart whose headers are alike.
fn hint(table: Table) -> &'static [&'static str] {
    match table {
        Table::Courses => &["清单", "课程"],
        Table::Teachers => &["师资", "教师"],
        Table::Rooms => &["场地", "教室"],
        Table::Equipment => &["设备", "器材"],
        Table::OnSitePoints => &["教学点"],
        Table::Learners => &["名册", "学员"],
        Table::Classes => &["台账", "班次"],
        Table::SignIns => &["签到"],
    }
}

/// A header that was found.
#[derive(Clone, Debug)]
pub struct Header {
    /// What the table holds.
    pub table: Table,
    /// Index of the last header row.
    pub last_row: usize,
    columns: BTreeMap<Field, (usize, String)>,
}

/// Why a sheet has no usable header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Nothing looks like a header.
    NotFound,
    /// It looks like this table, but columns are missing.
    Missing {
        /// Row of the header, from 1.
        row: usize,
        /// The missing columns' names.
        columns: Vec<&'static str>,
    },
}

/// How many rows from the top a header may stand.
const SEARCHED_ROWS: usize = 15;

impl Header {
    /// Finds the header of a sheet. Two-row headers are read as one, upper text before lower.
    pub fn find(sheet: &Sheet, names: &str) -> Result<Self, HeaderError> {
        let mut best: Option<(usize, Self)> = None;
        for row in 0..sheet.rows.len().min(SEARCHED_ROWS) {
            for rows in [1, 2] {
                let Some(cells) = header_cells(sheet, row, rows) else { continue };
                for table in TABLES {
                    let columns = match_columns(&cells, table);
                    let hinted = hint(table).iter().any(|word| names.contains(word));
                    let missing = missing(table, &columns).len();
                    let score =
                        (columns.len() * 4 + usize::from(hinted) * 3).saturating_sub(missing * 5 + rows - 1);
                    if columns.len() >= 2 && best.as_ref().is_none_or(|(found, _)| score > *found) {
                        best = Some((score, Self { table, last_row: row + rows - 1, columns }));
                    }
                }
            }
        }
        let (_, header) = best.ok_or(HeaderError::NotFound)?;
        let missing = missing(header.table, &header.columns);
        if missing.is_empty() {
            Ok(header)
        } else {
            Err(HeaderError::Missing { row: header.last_row + 1, columns: missing })
        }
    }

    /// The cell of a field in a row; an empty cell where the table or row has none.
    pub fn cell(&self, row: &[Cell], field: Field) -> Cell {
        let at = self.columns.get(&field).map(|(at, _)| *at);
        at.and_then(|at| row.get(at)).cloned().unwrap_or(Cell::Text(String::new()))
    }

    /// The cleaned text of a field in a row.
    pub fn text(&self, row: &[Cell], field: Field) -> String {
        clean::text(&self.cell(row, field).text())
    }

    /// The column as people see it: letter and heading.
    pub fn column(&self, field: Field) -> String {
        match self.columns.get(&field) {
            Some((at, heading)) => format!("{}（{heading}）", letter(*at)),
            None => String::new(),
        }
    }

    /// Whether the row repeats the header.
    pub fn is_repeated(&self, row: &[Cell]) -> bool {
        let same = |(at, heading): &(usize, String)| {
            row.get(*at).is_some_and(|cell| clean::name(&cell.text()) == *heading)
        };
        self.columns.values().filter(|column| same(column)).count() >= 2
    }
}

/// Notes below a table: totals, remarks, signatures.
pub fn is_footer(row: &[Cell]) -> bool {
    let first = row.iter().map(|cell| clean::name(&cell.text())).find(|text| !text.is_empty());
    let filled = row.iter().filter(|cell| !clean::name(&cell.text()).is_empty()).count();
    let words = [
        "合计",
        "总计",
        "共计",
        "小计",
        "注:",
        "注：",
        "备注:",
        "说明",
        "制表",
        "填表",
        "审核",
        "负责人",
        "单位盖章",
    ];
    first.is_some_and(|text| filled <= 3 && words.iter().any(|word| text.starts_with(word)))
}

fn header_cells(sheet: &Sheet, row: usize, rows: usize) -> Option<Vec<String>> {
    let upper = sheet.rows.get(row)?;
    let clean = |cell: &Cell| clean::name(&cell.text());
    if rows == 1 {
        return Some(upper.iter().map(clean).collect());
    }
    let lower = sheet.rows.get(row + 1)?;
    let width = upper.len().max(lower.len());
    let at = |cells: &[Cell], n: usize| cells.get(n).map(clean).unwrap_or_default();
    Some((0..width).map(|n| if at(lower, n).is_empty() { at(upper, n) } else { at(lower, n) }).collect())
}

fn match_columns(cells: &[String], table: Table) -> BTreeMap<Field, (usize, String)> {
    let mut columns = BTreeMap::new();
    let mut used = vec![false; cells.len()];
    // An earlier name of a field fits better than a later one.
    let longest = columns_of(table).iter().map(|(_, _, names)| names.len()).max().unwrap_or(0);
    for rank in 0..longest {
        for (field, _, names) in columns_of(table) {
            let Some(name) = names.get(rank).filter(|_| !columns.contains_key(field)) else { continue };
            if let Some(at) = cells.iter().enumerate().position(|(n, cell)| !used[n] && cell == name) {
                used[at] = true;
                columns.insert(*field, (at, cells[at].clone()));
            }
        }
    }
    columns
}

fn missing(table: Table, columns: &BTreeMap<Field, (usize, String)>) -> Vec<&'static str> {
    let required = columns_of(table).iter().filter(|(_, required, _)| *required);
    required.filter(|(field, _, _)| !columns.contains_key(field)).map(|(_, _, names)| names[0]).collect()
}

fn letter(mut column: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push((b'A' + (column % 26) as u8) as char);
        if column < 26 {
            break;
        }
        column = column / 26 - 1;
    }
    letters.iter().rev().collect()
}
