//! Tables from JSON: lines of a file, or values of a plan.

use super::{Kind, Rows, Table, TableError, trimmed};
use serde_json::Value;

pub(super) fn lines(bytes: &[u8]) -> Result<Table, TableError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // Twice: columns are known when every line was seen, and whole tables of values are not kept beside the table.
    let mut columns = Columns::default();
    for_each(bytes, |line, value| columns.note(line, value))?;
    let mut rows = Rows { columns: columns.names, ..Rows::default() };
    for_each(bytes, |line, value| put(&mut rows, line, value))?;
    rows.table("write a value in each line, like {\"name\": \"x\"}")
}

pub(super) fn values(values: &[Value]) -> Result<Table, TableError> {
    let mut columns = Columns::default();
    for (value, line) in values.iter().zip(1..) {
        columns.note(line, value)?;
    }
    let mut rows = Rows { columns: columns.names, ..Rows::default() };
    for (value, line) in values.iter().zip(1..) {
        put(&mut rows, line, value)?;
    }
    rows.table("write at least one value")
}

fn for_each(
    bytes: &[u8],
    mut each: impl FnMut(u64, &Value) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let (mut from, mut number) = (0, 0);
    while from < bytes.len() {
        let end = bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| from + at);
        number += 1;
        let line = trimmed(bytes, from..end);
        if !line.is_empty() {
            let value = serde_json::from_slice(line).map_err(|error| {
                TableError::new(number, format!("not JSON: {error}"), "one value in each line")
            })?;
            each(number, &value)?;
        }
        from = end + 1;
    }
    Ok(())
}

/// The keys of all objects: those of the first, sorted, then new ones of later objects.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    known: std::collections::HashSet<String>,
    first: Option<bool>,
}

impl Columns {
    fn note(&mut self, line: u64, value: &Value) -> Result<(), TableError> {
        let is_object = value.is_object();
        if *self.first.get_or_insert(is_object) != is_object {
            return Err(TableError::new(
                line,
                "objects and plain values in one table",
                "all objects, or none",
            ));
        }
        for key in value.as_object().into_iter().flat_map(|object| object.keys()) {
            if self.known.insert(key.clone()) {
                self.names.push(key.clone());
            }
        }
        if is_object && self.names.is_empty() {
            return Err(TableError::new(line, "an object without keys", "like {\"name\": \"x\"}"));
        }
        Ok(())
    }
}

fn put(rows: &mut Rows, line: u64, value: &Value) -> Result<(), TableError> {
    let Some(object) = value.as_object() else { return cell(rows, line, value) };
    for column in 0..rows.columns.len() {
        match object.get(&rows.columns[column]) {
            Some(value) => cell(rows, line, value)?,
            None => rows.push("", Kind::Text, line)?,
        }
    }
    Ok(())
}

fn cell(rows: &mut Rows, line: u64, value: &Value) -> Result<(), TableError> {
    match value {
        Value::String(text) => rows.push(text, Kind::Text, line),
        other => rows.push(&other.to_string(), Kind::Plain, line),
    }
}
