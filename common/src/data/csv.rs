//! Tables from CSV.

use super::{Kind, Rows, Table, TableError};

pub(super) fn read(bytes: &[u8]) -> Result<Table, TableError> {
    // Spreadsheets write a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let mut rows = Rows::default();
    let header = reader.headers().map_err(|error| told(&error))?;
    for name in header {
        let name = name.trim();
        if rows.columns.iter().any(|column| column == name) {
            return Err(TableError::new(1, format!("two columns named `{name}`"), "names are unique"));
        }
        rows.columns.push(name.to_owned());
    }
    if rows.columns.iter().all(String::is_empty) {
        return Err(TableError::new(1, "no columns", "the first line names the columns, like name,email"));
    }
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| told(&error))? {
        let line = record.position().map_or(1, csv::Position::line);
        if record.len() != rows.columns.len() {
            let what = format!("{} values for {} columns", record.len(), rows.columns.len());
            return Err(TableError::new(line, what, "quote values that hold commas"));
        }
        for value in &record {
            rows.push(value, Kind::Text, line)?;
        }
    }
    rows.table("write a row below the names of the columns")
}

fn told(error: &csv::Error) -> TableError {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => TableError::new(line, "not UTF-8", "save the file as UTF-8"),
        _ => TableError::new(line, error.to_string(), "write it as RFC 4180 says"),
    }
}
