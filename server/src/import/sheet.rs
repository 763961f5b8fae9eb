//! Reading: a file's bytes become sheets of cells, whatever the format and encoding.

use super::Refusal;
use calamine::{Data, DataRef, Reader, Sheets, XlsxError, open_workbook_auto_from_rs};
use client_core::time::Day;
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most cells of a sheet, empty ones before filled ones included.
const MOST_CELLS: usize = 4_000_000;

type Spreadsheet<'a> = Sheets<Cursor<&'a [u8]>>;

/// One cell: text, or a date and time the spreadsheet keeps as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text, as typed; empty where there is nothing.
    Text(String),
    /// A date with minutes since midnight.
    Date(Day, u16),
}

impl Cell {
    /// The cell as text, blanks at the ends kept.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Date(day, 0) => day.to_string(),
            Self::Date(day, minute) => format!("{day} {:02}:{:02}", minute / 60, minute % 60),
        }
    }
}

/// One sheet. `rows[n]` is row n + 1 of the file.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Its name; empty for CSV.
    pub name: String,
    /// Hidden sheets are read by nobody.
    pub hidden: bool,
    /// Cells by row and column.
    pub rows: Vec<Vec<Cell>>,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Workbook {
    /// Its sheets.
    pub sheets: Vec<Sheet>,
    /// The encoding of a CSV that is not UTF-8, e.g. `gb18030`.
    pub encoding: Option<&'static str>,
}

/// Reads a file by what its bytes are, not by what its name says.
pub fn read(file: &str, bytes: &[u8]) -> Result<Workbook, Refusal> {
    let refuse = |zh: String, en: String| Refusal::file(file, zh, en);
    if bytes.iter().all(|byte| byte.is_ascii_whitespace()) {
        return Err(refuse("文件是空的".into(), "the file is empty".into()));
    }
    let is_workbook = bytes.starts_with(b"PK") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]);
    if is_workbook {
        return read_guarded(bytes).map_err(|error| {
            refuse(
                format!("表格文件损坏，打不开（{error}）。请在表格软件里另存一份再导入"),
                format!("the spreadsheet is damaged ({error}); save it again and import that"),
            )
        });
    }
    read_csv(bytes).ok_or_else(|| {
        refuse(
            "文字编码认不出来（不是 UTF-8、UTF-16 或 GBK）。请另存为 UTF-8 的 CSV".into(),
            "its encoding is none of UTF-8, UTF-16, GBK; save it as UTF-8 CSV".into(),
        )
    })
}

/// The library that reads spreadsheets panics on some damaged ones; that is a damaged file, no more.
fn read_guarded(bytes: &[u8]) -> Result<Workbook, calamine::Error> {
    let read = catch_unwind(AssertUnwindSafe(|| read_workbook(bytes)));
    read.unwrap_or(Err(calamine::Error::Msg("its parts do not fit together")))
}

fn read_workbook(bytes: &[u8]) -> Result<Workbook, calamine::Error> {
    let mut workbook: Spreadsheet<'_> = open_workbook_auto_from_rs(Cursor::new(bytes))?;
    let metadata = workbook.sheets_metadata().to_vec();
    let mut sheets = Vec::new();
    for sheet in metadata {
        let rows = match &mut workbook {
            Sheets::Xlsx(_) => rows_of_xlsx(&mut workbook, &sheet.name)?,
            _ => rows_of_range(&mut workbook, &sheet.name)?,
        };
        let hidden = sheet.visible != calamine::SheetVisible::Visible;
        sheets.push(Sheet { name: sheet.name, hidden, rows });
    }
    Ok(Workbook { sheets, encoding: None })
}

/// Cell by cell: two cells far apart would make the library's own table of all between them enormous.
fn rows_of_xlsx(workbook: &mut Spreadsheet<'_>, sheet: &str) -> Result<Vec<Vec<Cell>>, calamine::Error> {
    let Sheets::Xlsx(workbook) = workbook else { return Ok(Vec::new()) };
    let mut reader = match workbook.worksheet_cells_reader(sheet) {
        Err(XlsxError::NotAWorksheet(_)) => return Ok(Vec::new()),
        reader => reader?,
    };
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut cells = 0;
    while let Some(found) = reader.next_cell()? {
        if matches!(found.get_value(), DataRef::Empty) {
            continue;
        }
        let (row, column) = (found.get_position().0 as usize, found.get_position().1 as usize);
        let width = rows.get(row).map_or(0, Vec::len);
        cells += (row + 1).saturating_sub(rows.len()) + (column + 1).saturating_sub(width);
        if cells > MOST_CELLS {
            return Err(calamine::Error::Msg(
                "it has too many cells; delete what stands far outside the table",
            ));
        }
        if rows.len() <= row {
            rows.resize(row + 1, Vec::new());
        }
        if width <= column {
            rows[row].resize(column + 1, Cell::Text(String::new()));
        }
        rows[row][column] = cell(&Data::from(found.get_value().clone()));
    }
    Ok(rows)
}

fn rows_of_range(workbook: &mut Spreadsheet<'_>, sheet: &str) -> Result<Vec<Vec<Cell>>, calamine::Error> {
    let range = workbook.worksheet_range(sheet)?;
    let (first_row, first_column) = range.start().unwrap_or((0, 0));
    let mut rows = vec![Vec::new(); first_row as usize];
    for row in range.rows() {
        let blanks = std::iter::repeat_n(Cell::Text(String::new()), first_column as usize);
        rows.push(blanks.chain(row.iter().map(cell)).collect());
    }
    Ok(rows)
}

fn cell(data: &Data) -> Cell {
    match data {
        Data::DateTime(value) if value.is_datetime() => {
            let days = value.as_f64();
            // Day 25569 of the spreadsheet's count is 1970-01-01.
            let whole = days.floor();
            let minute = ((days - whole) * 24.0 * 60.0).round() as u16;
            Cell::Date(Day((whole as i32).saturating_sub(25_569)), minute.min(1439))
        }
        Data::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
            Cell::Text(format!("{}", *value as i64))
        }
        Data::Empty | Data::Error(_) => Cell::Text(String::new()),
        other => Cell::Text(other.to_string()),
    }
}

fn read_csv(bytes: &[u8]) -> Option<Workbook> {
    let (text, encoding) = decode(bytes)?;
    let delimiter = delimiter(&text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let counts_lines = !text.contains('"');
    for record in reader.records() {
        let record = record.ok()?;
        // The reader skips empty lines; rows keep the numbers that people see.
        let line = record.position().map_or(rows.len() + 1, |position| position.line() as usize);
        while counts_lines && rows.len() + 1 < line {
            rows.push(Vec::new());
        }
        rows.push(record.iter().map(|field| Cell::Text(field.to_owned())).collect());
    }
    let encoding = (encoding != UTF_8).then(|| match encoding {
        found if found == GB18030 => "gb18030",
        found => found.name(),
    });
    Some(Workbook { sheets: vec![Sheet { name: String::new(), hidden: false, rows }], encoding })
}

/// UTF-8 with or without a mark, UTF-16 with one, GB18030 (which GBK is a part of).
fn decode(bytes: &[u8]) -> Option<(String, &'static Encoding)> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, failed) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return (!failed).then(|| (text.into_owned(), encoding));
    }
    let zeros = bytes.iter().take(200).filter(|byte| **byte == 0).count();
    let candidates: [&'static Encoding; 2] = match zeros {
        0 => [UTF_8, GB18030],
        _ => [UTF_16LE, UTF_16BE],
    };
    candidates.into_iter().find_map(|encoding| {
        let (text, failed) = encoding.decode_without_bom_handling(bytes);
        (!failed && !text.contains('\0')).then(|| (text.into_owned(), encoding))
    })
}

/// Comma, semicolon or tab: whichever stands most often in the first lines.
fn delimiter(text: &str) -> u8 {
    let head: String = text.lines().take(5).collect();
    let count = |wanted: char| head.chars().filter(|c| *c == wanted).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|d| (count(*d as char), *d == b',')).unwrap_or(b',')
}
