//! Data of a plan: tables of rows, and which row is whose.
//!
//! A table is read from bytes once. Which row an iteration gets is a pure function of the seed, the data's name and
//! the iteration's number, so that agents need not ask each other: with `unique` a keyed permutation gives every
//! number a row of its own.

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

mod csv;
mod json;
mod permutation;

pub use permutation::Permutation;

/// In which order rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Iteration number i takes row i, and begins again behind the last.
    #[default]
    Sequential,
    /// A row drawn for every iteration, by weight if there are weights.
    Random,
    /// In a random order, no row twice.
    Unique,
    /// User number u takes row u in all its iterations, and begins again behind the last.
    PerUser,
}

/// What happens when `unique` rows are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Iterations without a row are skipped and counted.
    #[default]
    Stop,
    /// Rows are used again, in the same order.
    Wrap,
}

/// How a value is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As a text in quotes.
    Text,
    /// As it stands: a number, `true`, `false`, `null`, a list or an object.
    Plain,
}

/// Rows with the same columns; at least one row. A table without columns has one value a row.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    /// All values, one behind the other.
    text: String,
    /// Where each value ends in `text`.
    ends: Vec<u32>,
    /// By value; empty: all are texts.
    kinds: Vec<Kind>,
}

/// Why bytes are no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}; {remedy}")]
pub struct TableError {
    /// From 1.
    pub line: u64,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

/// Collects the rows of a table.
#[derive(Default)]
struct Rows {
    columns: Vec<String>,
    text: String,
    ends: Vec<u32>,
    kinds: Vec<Kind>,
}

impl Table {
    /// Reads CSV (RFC 4180): the first line names the columns.
    pub fn csv(bytes: &[u8]) -> Result<Self, TableError> {
        csv::read(bytes)
    }

    /// Reads JSON lines: an object in each line (its keys are the columns, sorted; a missing one is empty), or a value.
    pub fn jsonl(bytes: &[u8]) -> Result<Self, TableError> {
        json::lines(bytes)
    }

    /// Takes values as they stand in a plan: all objects, or none. The error's line is the value's number.
    pub fn values(values: &[serde_json::Value]) -> Result<Self, TableError> {
        json::values(values)
    }

    /// Rows; at least one.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ends.len() / self.width()
    }

    /// The names of the columns; empty when each row is one value.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The place of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// A value; the only one of a row is in column 0.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> (&str, Kind) {
        let at = row * self.width() + column;
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let kind = self.kinds.get(at).copied().unwrap_or(Kind::Text);
        (&self.text[from..self.ends[at] as usize], kind)
    }

    fn width(&self) -> usize {
        self.columns.len().max(1)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows of {:?})", self.rows(), self.columns)
    }
}

impl Rows {
    fn push(&mut self, value: &str, kind: Kind, line: u64) -> Result<(), TableError> {
        self.text.push_str(value);
        let end = u32::try_from(self.text.len()).map_err(|_| {
            TableError::new(line, "more than 4 GiB of data", "leave out columns that nobody uses")
        })?;
        self.ends.push(end);
        // Most tables hold texts alone: then nothing is kept.
        if kind == Kind::Plain || !self.kinds.is_empty() {
            self.kinds.resize(self.ends.len() - 1, Kind::Text);
            self.kinds.push(kind);
        }
        Ok(())
    }

    fn table(self, empty: &str) -> Result<Table, TableError> {
        let Self { columns, text, ends, kinds } = self;
        if ends.is_empty() {
            return Err(TableError::new(1, "no rows", empty));
        }
        Ok(Table { columns, text, ends, kinds })
    }
}

impl TableError {
    fn new(line: u64, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line, what: what.into(), remedy: remedy.into() }
    }
}

/// The numbers of `0..rows` that iterations get, by their own number.
#[derive(Clone, Debug)]
pub struct Deal {
    order: Order,
    end: End,
    rows: u64,
    permutation: Permutation,
    random: crate::random::Random,
    weights: Option<crate::draw::Alias>,
}

/// Whose row is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whose {
    /// The arrival's number.
    pub k: u64,
    /// The user's.
    pub user: u64,
    /// Numbers iterations without gaps, as far as that can be known.
    pub dense: u64,
}

impl Deal {
    /// How `rows` rows of the data called `name` are dealt; `weights` has one for each row or none at all.
    #[must_use]
    pub fn new((seed, name): (u64, &str), rows: usize, (order, end): (Order, End), weights: &[f64]) -> Self {
        let rows = rows as u64;
        Self {
            order,
            end,
            rows,
            permutation: Permutation::new(seed, name, rows),
            random: crate::random::Random::new(seed, &format!("data {name}")),
            weights: (order == Order::Random && !weights.is_empty())
                .then(|| crate::draw::Alias::new(weights)),
        }
    }

    /// The row; `None` when there is none left.
    #[must_use]
    pub fn row(&self, whose: Whose) -> Option<usize> {
        let row = match self.order {
            Order::Sequential => whose.dense % self.rows,
            Order::PerUser => whose.user % self.rows,
            Order::Random => {
                let mut draws = crate::draw::Draws::new(&self.random, 0, whose.k);
                match &self.weights {
                    Some(weights) => weights.draw(&mut draws) as u64,
                    None => draws.below(self.rows),
                }
            }
            Order::Unique if whose.dense >= self.rows && self.end == End::Stop => return None,
            Order::Unique => self.permutation.at(whose.dense % self.rows),
        };
        usize::try_from(row).ok()
    }

    /// Whether iterations can be left without a row.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.order == Order::Unique && self.end == End::Stop
    }
}

/// Bytes of `text` on one line, without the line's end.
fn trimmed(text: &[u8], range: Range<usize>) -> &[u8] {
    text[range].trim_ascii()
}

#[cfg(test)]
mod tests;
