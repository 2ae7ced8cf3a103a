//! Values of data and functions as minijinja knows them.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Object;

use super::Data;
use super::scalar::Scalar;
use crate::data::{Kind, Table};

/// A row of a table with columns.
#[derive(Debug)]
struct Row {
    data: Arc<Data>,
    row: usize,
}

pub(super) fn of_row(data: &Arc<Data>, row: usize) -> Value {
    if data.table.columns().is_empty() {
        of_cell(&data.table, row, 0)
    } else {
        Value::from_object(Row { data: Arc::clone(data), row })
    }
}

fn of_cell(table: &Table, row: usize, column: usize) -> Value {
    match table.cell(row, column) {
        (text, Kind::Text) => text.into(),
        (text, Kind::Plain) => {
            serde_json::from_str(text).map_or_else(|_| text.into(), |value| of_json(&value))
        }
    }
}

fn of_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::from(()),
        Json::Bool(bool) => (*bool).into(),
        Json::String(text) => text.as_str().into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(real)) => real.into(),
            (None, None) => number.to_string().into(),
        },
        Json::Array(items) => items.iter().map(of_json).collect(),
        Json::Object(pairs) => {
            Value::from_pairs(pairs.iter().map(|(key, value)| (key.clone(), of_json(value))))
        }
    }
}

pub(super) fn of_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Whole(whole) => i64::try_from(*whole).map_or_else(|_| whole.to_string().into(), Value::from),
        Scalar::Real(real) => (*real).into(),
        Scalar::Text(text) | Scalar::Plain(text) => text.as_ref().into(),
    }
}

/// A value as JSON.
pub(super) fn json(value: &Value) -> String {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => "null".to_owned(),
        ValueKind::Bool | ValueKind::Number => value.to_string(),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<String> = value.try_iter().into_iter().flatten().map(|item| json(&item)).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Map if value.downcast_object_ref::<Row>().is_some() => value.to_string(),
        ValueKind::Map => {
            let pair = |key: Value| {
                let inner = value.get_item(&key).map_or_else(|_| "null".to_owned(), |inner| json(&inner));
                format!("{}: {inner}", Scalar::Text(key.to_string().into()).json())
            };
            let pairs: Vec<String> = value.try_iter().into_iter().flatten().map(pair).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        _ => Scalar::Text(value.to_string().into()).json(),
    }
}

impl Object for Row {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let column = self.data.table.column(key.as_str()?)?;
        Some(of_cell(&self.data.table, self.row, column))
    }

    fn enumerate(self: &Arc<Self>) -> minijinja::value::Enumerator {
        let columns = self.data.table.columns();
        minijinja::value::Enumerator::Values(
            columns.iter().map(|column| Value::from(column.as_str())).collect(),
        )
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&super::scalar::of_row(&self.data.table, self.row, None).json())
    }
}
