//! One office file: a table as a spreadsheet or as CSV.

use crate::import::FileCount;
use client_core::time::Day;
use rust_xlsxwriter::{ExcelDateTime, Format, FormatAlign, Workbook, XlsxError};
use std::io;
use std::path::Path;

/// What one cell holds.
pub enum Cell {
    Text(String),
    Number(usize),
    /// A date the spreadsheet keeps as such.
    Date(Day),
    Empty,
}

/// How the file is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Xlsx,
    /// With a byte order mark.
    Utf8,
    Gb18030,
}

/// A file before it is written.
pub struct Table {
    pub file: String,
    pub kind: Kind,
    /// Above the header, over all columns.
    pub title: String,
    pub header: &'static [&'static str],
    pub rows: Vec<Vec<Cell>>,
    /// Below the rows.
    pub footer: Option<String>,
}

impl Table {
    /// What an import counts.
    pub fn count(&self) -> FileCount {
        let encoding = (self.kind == Kind::Gb18030).then(|| "gb18030".to_owned());
        FileCount { rows: self.rows.len(), encoding }
    }

    /// Writes the file.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(&self.file);
        match self.kind {
            Kind::Xlsx => self.xlsx(&path).map_err(io::Error::other),
            Kind::Utf8 => std::fs::write(path, format!("\u{feff}{}", self.csv()?)),
            Kind::Gb18030 => std::fs::write(path, encoding_rs::GB18030.encode(&self.csv()?).0),
        }
    }

    fn xlsx(&self, path: &Path) -> Result<(), XlsxError> {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        let centred = Format::new().set_bold().set_align(FormatAlign::Center);
        let dated = Format::new().set_num_format("yyyy-mm-dd");
        sheet.merge_range(0, 0, 0, self.header.len() as u16 - 1, &self.title, &centred)?;
        for (column, heading) in (0..).zip(self.header) {
            sheet.write_string(1, column, *heading)?;
        }
        for (row, cells) in (2..).zip(&self.rows) {
            for (column, cell) in (0..).zip(cells) {
                match cell {
                    Cell::Text(text) => sheet.write_string(row, column, text)?,
                    Cell::Number(number) => sheet.write_number(row, column, *number as f64)?,
                    Cell::Date(day) => {
                        let (year, month, day) = day.ymd();
                        let date = ExcelDateTime::from_ymd(year as u16, month as u8, day as u8)?;
                        sheet.write_datetime_with_format(row, column, date, &dated)?
                    }
                    Cell::Empty => continue,
                };
            }
        }
        if let Some(footer) = &self.footer {
            sheet.write_string(self.rows.len() as u32 + 2, 0, footer)?;
        }
        workbook.save(path)
    }

    fn csv(&self) -> io::Result<String> {
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        writer.write_record([&self.title])?;
        writer.write_record(self.header)?;
        for cells in &self.rows {
            writer.write_record(cells.iter().map(Cell::text))?;
        }
        writer.write_record(self.footer.iter())?;
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Date(day) => day.to_string(),
            Self::Empty => String::new(),
        }
    }
}
