//! The city as an office keeps it: one table a file, with the mess that offices make.

use super::city::{Branch, City, Teacher};
use super::people::Person;
use super::table::{Cell, Kind, Table};
use crate::dice::Dice;
use client_core::time::Day;

const AREAS: [&str; 7] =
    ["政治理论", "政治教育和政治训练", "党章党规党纪", "革命传统", "宗旨教育", "形势政策", "知识技能"];
const METHODS: [&str; 5] = ["专题讲授", "研讨互动", "情景模拟", "云课堂", "流动课堂"];
const AUDIENCES: [&str; 6] = ["全体党员", "青年党员", "离退休党员", "村社区干部", "企业党员", "发展对象"];
const SOURCES: [&str; 6] = ["市委党校", "老党员", "高校学者", "退役军人", "兴村治社名师", "党群服务中心"];
const KIT: [&str; 8] = ["投影仪", "音响", "白板", "LED屏", "打印机", "同传话筒", "直播设备", "移动硬盘课件"];
const OPEN: [&str; 4] = ["周一至周日", "工作日", "周二至周六", "工作日下午"];
const PLACES: [&str; 3] = ["党群服务中心", "文化礼堂", "镇政府"];
const FORMS: [&str; 3] = ["线下", "线上", "线上+线下"];
const SEPARATORS: [&str; 3] = ["、", "；", "/"];
const WINDOW_SEPARATORS: [&str; 4] = ["、", "，", " ", ";"];
const WEEKDAYS: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
/// The same in every title: nobody shall take these people for real ones.
const INVENTED: &str = "（示例数据，人员均为虚构）";

/// All files of the city.
pub fn tables(city: &City, dice: &mut Dice) -> Vec<Table> {
    let mut tables = vec![courses(city, dice), points(city, dice), classes(city, dice), sign_ins(city, dice)];
    for (n, branch) in city.branches.iter().enumerate() {
        tables.push(teachers(branch, if n % 3 == 2 { Kind::Gb18030 } else { Kind::Xlsx }, city, dice));
        tables.push(rooms(branch, dice));
        tables.push(equipment(branch, dice));
        tables.push(learners(branch, if n % 3 == 1 { Kind::Gb18030 } else { Kind::Xlsx }, dice));
    }
    tables
}

fn table(name: &str, kind: Kind, header: &'static [&'static str], rows: Vec<Vec<Cell>>) -> Table {
    let ending = if kind == Kind::Xlsx { "xlsx" } else { "csv" };
    let title = format!("{}{INVENTED}", name.replace('-', "分校"));
    Table { file: format!("{name}.{ending}"), kind, title, header, rows, footer: None }
}

fn courses(city: &City, dice: &mut Dice) -> Table {
    let row = |course: &super::city::Course| {
        vec![
            text(&course.code),
            text(&course.title),
            text(dice.one(&AREAS)),
            Cell::Number(1 + dice.below(2)),
            text(dice.one(&METHODS)),
            text(dice.one(&AUDIENCES)),
            text(if dice.happens(75) { "是" } else { "否" }),
        ]
    };
    let rows = city.courses.iter().map(row).collect();
    let header = &["编号", "课程名称", "内容类别", "课时", "教学方式", "适用对象", "可线上"];
    let footer = Some("注：课时以45分钟计".to_owned());
    Table { footer, ..table("市级教学清单", Kind::Xlsx, header, rows) }
}

fn points(city: &City, dice: &mut Dice) -> Table {
    let row = |point: &super::city::Point| {
        vec![
            text(&point.name),
            Cell::Number(dice.one(&[20, 30, 50])),
            Cell::Number(dice.one(&[30, 45, 60])),
            text(&point.docent.name),
        ]
    };
    let rows = city.points.iter().map(row).collect();
    table("现场教学点", Kind::Xlsx, &["名称", "每批人数", "讲解时长（分钟）", "讲解员"], rows)
}

fn classes(city: &City, dice: &mut Dice) -> Table {
    let row = |class: &super::city::Class| {
        let branch = &city.branches[class.branch];
        let course = &city.courses[class.course];
        vec![
            text(&class.code),
            text(branch.name),
            date(class.day, dice),
            text(&course.title),
            text(&course.code),
            text(&branch.teachers[class.teacher].person.name),
            Cell::Number(class.attendees.len()),
            text(dice.one(&FORMS)),
        ]
    };
    let rows = city.classes.iter().map(row).collect();
    let header = &["班次号", "分校", "日期", "课程", "课程编号", "主讲人", "人数", "形式"];
    let footer = Some("合计见附表".to_owned());
    Table { footer, ..table("历年培训台账", Kind::Xlsx, header, rows) }
}

fn sign_ins(city: &City, dice: &mut Dice) -> Table {
    let mut rows = Vec::new();
    for class in &city.classes {
        let branch = &city.branches[class.branch];
        let hour = dice.one(&[8, 13, 18]);
        for at in &class.attendees {
            let Person { name, phone } = &branch.learners[*at].person;
            rows.push(vec![
                text(&class.code),
                text(branch.name),
                text(name),
                text(phone),
                text(&format!("{} {hour:02}:{:02}", class.day, dice.below(60))),
                text(if dice.happens(60) { "扫码" } else { "签名" }),
            ]);
        }
    }
    table("历年签到", Kind::Utf8, &["班次号", "分校", "姓名", "联系电话", "签到时间", "方式"], rows)
}

fn teachers(branch: &Branch, kind: Kind, city: &City, dice: &mut Dice) -> Table {
    let row = |(n, teacher): (usize, &Teacher)| {
        let codes: Vec<&str> =
            teacher.courses.iter().map(|course| city.courses[*course].code.as_str()).collect();
        vec![
            Cell::Number(n + 1),
            messy(&teacher.person.name, dice),
            text(if teacher.full_time { "专职" } else { "兼职" }),
            text(dice.one(&SOURCES)),
            messy(&teacher.person.phone, dice),
            text(&codes.join(dice.one(&SEPARATORS))),
            text(&windows(dice)),
            Cell::Number(dice.one(&[2, 3, 4, 6])),
            teacher.also_in.map_or(Cell::Empty, |other| text(&format!("同时在{other}任教"))),
        ]
    };
    let rows: Vec<_> = branch.teachers.iter().enumerate().map(row).collect();
    let header =
        &["序号", "姓名", "类别", "来源", "联系电话", "可授课程", "可授课时间", "每周最多课时", "备注"];
    let footer = Some(format!("合计：{}人", rows.len()));
    Table { footer, ..table(&format!("{}-师资库", branch.name), kind, header, rows) }
}

fn rooms(branch: &Branch, dice: &mut Dice) -> Table {
    let row = |room: &super::city::Room| {
        let count = 1 + dice.below(3);
        let mut kit: Vec<&str> = dice.some(count, 6).into_iter().map(|at| KIT[at]).collect();
        if room.has_broadcast {
            kit.push("直播设备");
        }
        vec![
            text(&room.name),
            text(&room.seats.to_string()),
            text(&kit.join("、")),
            text(if room.has_broadcast { OPEN[0] } else { dice.one(&OPEN) }),
            text(dice.one(&PLACES)),
        ]
    };
    let rows = branch.rooms.iter().map(row).collect();
    let name = format!("{}-场地", branch.name);
    table(&name, Kind::Xlsx, &["名称", "容纳人数", "设备", "开放时间", "地点"], rows)
}

fn equipment(branch: &Branch, dice: &mut Dice) -> Table {
    let kinds = dice.some(branch.equipment, KIT.len());
    let row = |kind: usize| {
        vec![
            text(KIT[kind]),
            Cell::Number(1 + dice.below(3)),
            text(dice.one(&["完好", "完好", "老化", "待修"])),
            text(if dice.happens(70) { "可外借" } else { "不外借" }),
        ]
    };
    let rows = kinds.into_iter().map(row).collect();
    table(&format!("{}-设备", branch.name), Kind::Xlsx, &["设备", "数量", "状况", "共享"], rows)
}

fn learners(branch: &Branch, kind: Kind, dice: &mut Dice) -> Table {
    let again = branch.listed_twice.iter().map(|at| (&branch.learners[*at], true));
    let all = branch.learners.iter().map(|learner| (learner, false)).chain(again);
    let mut rows = Vec::new();
    for (n, (learner, again)) in all.enumerate() {
        let born = Day::from_ymd(1945, 1, 1).expect("a day").plus(dice.below(58 * 365) as i32);
        let phone =
            if learner.phone_good { messy(&learner.person.phone, dice) } else { text(&learner.person.phone) };
        rows.push(vec![
            Cell::Number(n + 1),
            messy(&learner.person.name, dice),
            if again { Cell::Empty } else { text(dice.one(&["男", "女"])) },
            date(born, dice),
            text(&format!("{}第{}支部", branch.name, 1 + dice.below(24))),
            phone,
            if again { text("重复登记") } else { Cell::Empty },
        ]);
    }
    let name = format!("{}-学员名册", branch.name);
    table(&name, kind, &["序号", "姓名", "性别", "出生年月", "所在支部", "联系电话", "备注"], rows)
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// A name or number as it was typed: mostly clean.
fn messy(clean: &str, dice: &mut Dice) -> Cell {
    let typed = match dice.below(40) {
        0 => format!("　{clean}"),
        1 => format!("{clean}\n"),
        2 => format!(" {clean} "),
        // A two-character name is often set as wide as one of three.
        3 if clean.chars().count() == 2 => clean.chars().map(String::from).collect::<Vec<_>>().join(" "),
        3 => clean.chars().map(full_width).collect(),
        _ => clean.to_owned(),
    };
    Cell::Text(typed)
}

fn full_width(c: char) -> char {
    if c.is_ascii_digit() { char::from_u32(c as u32 + 0xfee0).unwrap_or(c) } else { c }
}

/// A date in one of five usual ways.
fn date(day: Day, dice: &mut Dice) -> Cell {
    let (year, month, date) = day.ymd();
    match dice.below(5) {
        0 => Cell::Date(day),
        1 => text(&day.to_string()),
        2 => text(&format!("{year}/{month:02}/{date:02}")),
        3 => text(&format!("{year}.{month}.{date}")),
        _ => text(&format!("{year}年{month}月{date}日")),
    }
}

/// When somebody can teach, in words.
fn windows(dice: &mut Dice) -> String {
    if dice.happens(20) {
        return "周一至周五".to_owned();
    }
    let mut offered = Vec::new();
    for (n, weekday) in WEEKDAYS.iter().enumerate() {
        // The first weekday is always there: nobody is listed without a time.
        if n == 0 || dice.happens(if n < 5 { 75 } else { 30 }) {
            offered.push(format!("{weekday}{}", dice.one(&["上午", "下午", "全天"])));
        }
    }
    offered.join(dice.one(&WINDOW_SEPARATORS))
}
