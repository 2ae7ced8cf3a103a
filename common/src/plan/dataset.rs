//! Data: names, where rows come from, in which order they are taken.

use std::collections::HashSet;

use toml::Spanned;

use super::faults::Faults;
use super::problem::quoted;
use super::{Scenario, Step, written};
use crate::data::{End, Order, Table};
use crate::template::{are_weights, is_taken, rows_of};

/// A table, and how its rows are taken.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    /// The name under which templates know it.
    pub name: String,
    /// Where its rows come from.
    pub source: Source,
    /// In which order they are taken.
    pub order: Order,
    /// What happens when they are used up.
    pub end: End,
    /// One for each row, or none.
    pub weights: Vec<f64>,
}

/// Where rows come from. Files are known by their path as written, from the plan's folder.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// From the plan.
    Values(Vec<serde_json::Value>),
    /// From a CSV file.
    Csv(String),
    /// From a file of JSON lines.
    Jsonl(String),
}

/// All data, or `None` when some of it is not valid.
pub(super) fn datasets(written: &[Spanned<written::Data>], faults: &mut Faults) -> Option<Vec<DataSet>> {
    let mut names = HashSet::new();
    let read: Vec<Option<DataSet>> = written
        .iter()
        .map(|written| {
            let data = dataset(written, faults)?;
            if !names.insert(data.name.clone()) {
                let place = written.get_ref().name.as_ref().map_or(written.span(), Spanned::span);
                faults.add(place, format!("a second data named {}", quoted(&data.name)), "names are unique");
            }
            Some(data)
        })
        .collect();
    read.into_iter().collect()
}

/// A row for each user is none where nobody is a user: every arrival would take the first.
pub(super) fn without_users(
    written: &[Spanned<written::Data>],
    (data, scenarios): (&[DataSet], &[Scenario]),
    faults: &mut Faults,
) {
    for (data, written) in data.iter().zip(written).filter(|(data, _)| data.order == Order::PerUser) {
        let name = std::slice::from_ref(&data.name);
        let uses = |step: &Step| step.texts().iter().any(|text| !rows_of(text, name).is_empty());
        let open = |scenario: &&Scenario| !scenario.load.is_closed() && scenario.steps.iter().any(uses);
        if let Some(scenario) = scenarios.iter().find(open) {
            let message = format!(
                "{} has a row for each user, and the arrivals of {} have no users: all would take the first row",
                quoted(&data.name),
                quoted(&scenario.name),
            );
            faults.add(written.span(), message, NO_USERS);
        }
    }
}

/// The names of all data, valid or not: so that a broken table is not unknown as well.
pub(super) fn names(written: &[Spanned<written::Data>]) -> Vec<String> {
    written
        .iter()
        .filter_map(|data| data.get_ref().name.as_ref())
        .map(|name| name.get_ref().clone())
        .collect()
}

fn dataset(written: &Spanned<written::Data>, faults: &mut Faults) -> Option<DataSet> {
    let data = written.get_ref();
    let name = data.name.as_ref().and_then(|name| faults.take("name", name.span(), usable(name.get_ref())));
    let source = source(written, faults);
    let (order, end) = (data.order.unwrap_or_default(), data.end.as_ref());
    if let Some(end) = end.filter(|_| order != Order::Unique) {
        let help = "write order = \"unique\", or leave it out: other orders begin again";
        faults.add(end.span(), "`end` means nothing where rows are not used up", help);
    }
    let weights = data.weights.as_ref();
    if let Some(weights) = weights {
        let rows = match &source {
            Some(Source::Values(values)) => Some(values.len()),
            _ => None,
        };
        let read = match (weights.get_ref(), rows) {
            (list, Some(rows)) if list.len() != rows => {
                Err((format!("{} weights for {rows} values", list.len()), "write one for each value"))
            }
            (list, _) if !are_weights(list) => {
                Err(("weights of nothing".to_owned(), "numbers from 0, one above 0"))
            }
            _ => Ok(()),
        };
        faults.take("weights", weights.span(), read);
    }
    Some(DataSet {
        name: name?,
        source: source?,
        order,
        end: end.map_or(End::default(), |end| *end.get_ref()),
        weights: weights.map(|weights| weights.get_ref().clone()).unwrap_or_default(),
    })
}

fn usable(name: &str) -> Result<String, (String, &'static str)> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !begins || !name.bytes().all(is_part) || name.len() > LONGEST_NAME {
        return Err((
            "not a name for templates".to_owned(),
            "a letter, then letters, digits and `_`, up to 64",
        ));
    }
    if is_taken(name) {
        return Err((format!("`{name}` means something else in templates"), "choose another name"));
    }
    Ok(name.to_owned())
}

fn source(written: &Spanned<written::Data>, faults: &mut Faults) -> Option<Source> {
    let data = written.get_ref();
    match (&data.values, &data.csv, &data.jsonl) {
        (Some(values), None, None) => {
            let list: Result<Vec<serde_json::Value>, _> =
                values.get_ref().iter().map(serde_json::to_value).collect();
            let read = list.map_err(|error| (error.to_string(), String::new())).and_then(|list| {
                let table = Table::values(&list);
                table
                    .map(|_| list)
                    .map_err(|error| (format!("value {}: {}", error.line, error.what), error.remedy))
            });
            faults.take("values", values.span(), read).map(Source::Values)
        }
        (None, Some(path), None) => file("csv", path, faults).map(Source::Csv),
        (None, None, Some(path)) => file("jsonl", path, faults).map(Source::Jsonl),
        (None, None, None) => {
            faults.add(written.span(), "data without rows", SOURCES);
            None
        }
        (Some(_), Some(second), _) | (_, Some(_), Some(second)) | (Some(_), None, Some(second)) => {
            faults.add(second.span(), "rows from two places", SOURCES);
            None
        }
    }
}

/// The path of a file, as written.
pub(super) fn file(key: &str, written: &Spanned<String>, faults: &mut Faults) -> Option<String> {
    let path = written.get_ref();
    let read = if path.trim().is_empty() || path.chars().any(char::is_control) {
        Err(("not a path", "a path from the plan's folder, like \"users.csv\""))
    } else if path.contains("{{") || path.contains("${") {
        Err(("a file has one name for all requests", "write the path itself"))
    } else {
        Ok(path.clone())
    };
    faults.take(key, written.span(), read)
}

const LONGEST_NAME: usize = 64;
const NO_USERS: &str =
    "write order = \"sequential\", \"random\" or \"unique\", or a load with users: load.users, load.tries";
const SOURCES: &str = "write one of values = [\"a\", \"b\"], csv = \"users.csv\", jsonl = \"users.jsonl\"";
