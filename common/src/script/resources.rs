//! What a script is made of: tables of data, files, secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Resources;
use crate::data::{Deal, Table};
use crate::plan::{Plan, Source};
use crate::template::{Data, are_weights};
use crate::text::Secret;

/// Reads the data of a plan from its files (by path as written). Every problem, each with its file and line.
pub fn resources(
    plan: &Plan,
    files: BTreeMap<String, Arc<[u8]>>,
    secrets: BTreeMap<Secret, String>,
) -> Result<Resources, Vec<String>> {
    let (mut data, mut wrong) = (BTreeMap::new(), Vec::new());
    for dataset in &plan.data {
        let bytes = |path: &String| files.get(path).ok_or_else(|| format!("{path}: the file is missing"));
        let at = |path: &String, error: crate::data::TableError| {
            format!("{path}:{}: {}; {}", error.line, error.what, error.remedy)
        };
        let table = match &dataset.source {
            Source::Values(values) => Table::values(values).map_err(|error| {
                format!("data `{}`, value {}: {}; {}", dataset.name, error.line, error.what, error.remedy)
            }),
            Source::Csv(path) => {
                bytes(path).and_then(|bytes| Table::csv(bytes).map_err(|error| at(path, error)))
            }
            Source::Jsonl(path) => {
                bytes(path).and_then(|bytes| Table::jsonl(bytes).map_err(|error| at(path, error)))
            }
        };
        let table = table.and_then(|table| match dataset.weights.len() {
            0 => Ok(table),
            n if n != table.rows() => Err(format!(
                "data `{}`: {n} weights for {} rows; write one for each row",
                dataset.name,
                table.rows()
            )),
            _ if !are_weights(&dataset.weights) => {
                Err(format!("data `{}`: weights of nothing", dataset.name))
            }
            _ => Ok(table),
        });
        match table {
            Ok(table) => {
                let (name, how) = (dataset.name.clone(), (dataset.order, dataset.end));
                let deal = Deal::new((plan.seed, &name), table.rows(), how, &dataset.weights);
                let weights = dataset.weights.clone();
                data.insert(name.clone(), Arc::new(Data { name, table, deal, weights }));
            }
            Err(why) => wrong.push(why),
        }
    }
    if wrong.is_empty() { Ok(Resources { data, files, secrets }) } else { Err(wrong) }
}

/// The values of secrets, to be kept out of everything that is shown.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Longest first: one may be a part of another.
    values: Vec<String>,
}

impl Secrets {
    /// The secrets of a script, with the forms in which requests carry them.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a String>) -> Self {
        let mut all = Self::default();
        values.into_iter().for_each(|value| all.add(value));
        all
    }

    /// Keeps another value out, for example what became of a secret in a header.
    pub fn add(&mut self, value: &str) {
        use base64::Engine;
        let mut encoded = String::new();
        crate::template::percent_encode(&mut encoded, value);
        let mut quoted = serde_json::Value::from(value).to_string();
        quoted.pop();
        let base64 = base64::engine::general_purpose::STANDARD.encode(value);
        for form in [value, &encoded, quoted.trim_start_matches('"'), &base64] {
            if !form.is_empty() && !self.values.iter().any(|known| known == form) {
                self.values.push(form.to_owned());
            }
        }
        self.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// The text with every secret replaced by `***`.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), "***"))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} of them)", self.values.len())
    }
}
