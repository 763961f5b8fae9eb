//! Messier files than the sample's: other offices order and name their columns otherwise.

use lianxiao::import::{self, Office};
use rust_xlsxwriter::Workbook;
use std::path::Path;

fn read(write: impl FnOnce(&Path)) -> Office {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    import::read_dir(folder.path(), &mut |_, _, _| {}).unwrap()
}

fn sheet(workbook: &mut Workbook, rows: &[&[&str]]) {
    let sheet = workbook.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(*cells) {
            sheet.write_string(row, column, *cell).unwrap();
        }
    }
}

fn xlsx(path: &Path, rows: &[&[&str]]) {
    let mut workbook = Workbook::new();
    sheet(&mut workbook, rows);
    workbook.save(path).unwrap();
}

#[test]
fn columns_in_another_order_and_under_other_names_are_found() {
    let office = read(|folder| {
        xlsx(
            &folder.join("新埭镇教师一览.xlsx"),
            &[
                &["新埭镇 二〇二六年", "", "", "", ""],
                &["填报单位：新埭镇", "", "", "", ""],
                &["手机号码", "空闲时间", "主讲课程", "教师姓名", "专兼职"],
                &["154 0000 0001", "每周三下午", "K001,K002", " 示 例 ", "专职教师"],
                &["", "", "", "", ""],
                &["制表：张", "", "", "", ""],
            ],
        );
    });
    assert!(office.refusals.is_empty(), "{:?}", office.refusals);
    assert_eq!(office.teachers.len(), 1);
    let teacher = &office.teachers[0];
    assert_eq!((teacher.name.as_str(), teacher.phone.as_str()), ("示例", "15400000001"));
    assert_eq!(teacher.courses, ["K001", "K002"]);
    assert_eq!((teacher.branch.as_str(), teacher.full_time), ("新埭", true));
}

#[test]
fn hidden_sheets_are_left_alone() {
    let office = read(|folder| {
        let mut workbook = Workbook::new();
        sheet(&mut workbook, &[&["名称", "座位数", "可用时间"], &["大教室", "80", "工作日"]]);
        sheet(&mut workbook, &[&["名称", "座位数", "可用时间"], &["旧教室", "40", "工作日"]]);
        workbook.worksheet_from_index(1).unwrap().set_hidden(true);
        workbook.save(folder.join("新埭镇-场地.xlsx")).unwrap();
    });
    let names: Vec<&str> = office.assets.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["大教室"]);
}

#[test]
fn a_row_that_makes_no_sense_refuses_its_file_by_row_and_cell_and_keeps_the_others() {
    let office = read(|folder| {
        xlsx(
            &folder.join("新埭镇-场地.xlsx"),
            &[&["名称", "容纳人数", "开放时间"], &["大教室", "很多", "工作日"]],
        );
        xlsx(
            &folder.join("广陈镇-场地.xlsx"),
            &[&["名称", "容纳人数", "开放时间"], &["小教室", "约40人", "周一至周五"]],
        );
    });
    assert_eq!(office.assets.len(), 1);
    assert_eq!(office.refusals.len(), 1);
    let refusal = &office.refusals[0];
    assert_eq!((refusal.file.as_str(), refusal.row), ("新埭镇-场地.xlsx", 2));
    assert!(refusal.zh.contains("容纳人数") && refusal.en.contains("not a number"), "{refusal:?}");
}

#[test]
fn damaged_empty_and_foreign_files_are_refused_with_a_reason() {
    let office = read(|folder| {
        std::fs::write(folder.join("坏.xlsx"), b"PK\x03\x04 this is no workbook").unwrap();
        std::fs::write(folder.join("空.csv"), b"").unwrap();
        std::fs::write(folder.join("乱.csv"), [0xff, 0x80, 0xfe, 0x81, 0xff, 0xff]).unwrap();
        xlsx(&folder.join("菜单.xlsx"), &[&["菜", "价"], &["面", "8"]]);
    });
    assert_eq!(office.refusals.len(), 4, "{:?}", office.refusals);
    assert!(office.refusals.iter().all(|refusal| !refusal.zh.is_empty() && !refusal.en.is_empty()));
}

#[test]
fn csv_is_read_in_the_encodings_offices_use() {
    let text = "编号,课程名称,课时\r\nK001,基层治理,２\r\n";
    let (gbk, _, _) = encoding_rs::GBK.encode(text);
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let with_mark = format!("\u{feff}{text}");
    for bytes in [text.as_bytes(), with_mark.as_bytes(), &gbk, &utf16] {
        let office = read(|folder| std::fs::write(folder.join("教学清单.csv"), bytes).unwrap());
        assert!(office.refusals.is_empty(), "{:?}", office.refusals);
        assert_eq!(office.courses.len(), 1);
        assert_eq!((office.courses[0].title.as_str(), office.courses[0].periods), ("基层治理", 2));
    }
}
