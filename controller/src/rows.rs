//! `controller rows`: the rows of a run, filtered, counted or the slowest of them. Rows stream through; what is held is
//! one row, the slowest that were asked for, or one count for each step and status.

mod filter;
mod read;

use crate::exit::Failure;
use crate::live::say;
use crate::runs;
use crate::start::rows_of;
use csv::StringRecord;
use filter::Filter;
pub use filter::StatusFilter;
use read::{Column, Files};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{BufWriter, Error, Write};
use std::path::{Path, PathBuf};

/// What `controller rows` was asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct Rows {
    /// A run in --data-dir (its id, or the beginning of it), a folder with rows, or one file of rows.
    #[arg(value_name = "RUN|PATH")]
    of: String,
    /// Where the controller kept its runs.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only answers with these statuses: 404, 5xx, or none for requests without an answer; several with commas.
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<StatusFilter>,
    /// Only requests that ended like this: ok, unexpected_status, timeout, …; several with commas.
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',')]
    outcome: Vec<String>,
    /// Only requests of this scenario.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Only requests of this step.
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Only requests of this agent.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only so many rows, those with the longest response times, the longest first.
    #[arg(long, value_name = "N", conflicts_with = "counts")]
    slowest: Option<usize>,
    /// Count them by scenario, step, status and outcome instead.
    #[arg(long)]
    counts: bool,
    /// How rows are printed.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Comma-separated, with a line of names.
    Csv,
    /// An object on each line.
    Json,
}

impl Rows {
    /// Prints the rows to `out`.
    ///
    /// # Errors
    /// No such run, no rows of it, a file that cannot be read at all. A reader that went away is none.
    pub fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let files = self.files()?;
        let filter = Filter {
            status: self.status.clone(),
            outcome: self.outcome.clone(),
            scenario: self.scenario.clone(),
            step: self.step.clone(),
            agent: self.agent.clone(),
        };
        let mut out = BufWriter::new(out);
        let printed = if self.counts {
            counts(files, &filter, self.format, &mut out)
        } else if let Some(most) = self.slowest {
            slowest(files, &filter, (most, self.format), &mut out)
        } else {
            all(files, &filter, self.format, &mut out)
        };
        match printed.and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::internal(format!("print rows: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    fn files(&self) -> Result<Files, Failure> {
        let path = Path::new(&self.of);
        let path = match (&self.data_dir, path.exists()) {
            (_, true) => path.to_owned(),
            (Some(data_dir), false) => rows_of(data_dir, &runs::id(data_dir, &self.of)?),
            (None, false) => {
                let why =
                    format!("there is no {}: name a file or folder, or a run with --data-dir DIR", self.of);
                return Err(Failure::usage(why));
            }
        };
        let files =
            Files::at(&path).map_err(|error| Failure::usage(format!("read {}: {error}", path.display())))?;
        if files.is_empty() {
            let why =
                format!("there are no rows in {}: were they asked for with `start --rows`?", path.display());
            return Err(Failure::usage(why));
        }
        Ok(files)
    }
}

fn all(files: Files, filter: &Filter, format: Format, out: &mut impl Write) -> Result<(), Error> {
    let mut print = Printer::new(format, out);
    files.each(|columns, row| if filter.takes(columns, row) { print.row(columns, row) } else { Ok(()) }, say)
}

fn slowest(
    files: Files,
    filter: &Filter,
    (most, format): (usize, Format),
    out: &mut impl Write,
) -> Result<(), Error> {
    // The fastest of the slowest is on top, and the first to go.
    let mut kept: BinaryHeap<Reverse<(u64, Vec<String>)>> = BinaryHeap::new();
    let mut names = Column::default();
    files.each(
        |columns, row| {
            if filter.takes(columns, row) {
                names = columns.clone();
                let time = columns.cell(row, "response_time_us").parse().unwrap_or(0);
                if kept.len() < most || kept.peek().is_some_and(|Reverse((least, _))| time > *least) {
                    kept.push(Reverse((time, row.iter().map(str::to_owned).collect())));
                }
                if kept.len() > most {
                    kept.pop();
                }
            }
            Ok(())
        },
        say,
    )?;
    let mut print = Printer::new(format, out);
    kept.into_sorted_vec()
        .iter()
        .try_for_each(|Reverse((_, row))| print.row(&names, &StringRecord::from(row.clone())))
}

fn counts(files: Files, filter: &Filter, format: Format, out: &mut impl Write) -> Result<(), Error> {
    const BY: [&str; 4] = ["scenario", "step", "status", "outcome"];
    let mut counts: BTreeMap<[String; 4], u64> = BTreeMap::new();
    files.each(
        |columns, row| {
            if filter.takes(columns, row) {
                *counts.entry(BY.map(|name| columns.cell(row, name).to_owned())).or_default() += 1;
            }
            Ok(())
        },
        say,
    )?;
    let names = Column::of(&StringRecord::from(BY.iter().copied().chain(["requests"]).collect::<Vec<_>>()));
    let mut print = Printer::new(format, out);
    for (by, count) in counts {
        print.row(&names, &by.into_iter().chain([count.to_string()]).collect())?;
    }
    Ok(())
}

/// Prints rows; the names once, in front of the first one.
struct Printer<W: Write> {
    format: Format,
    out: W,
    begun: bool,
}

impl<W: Write> Printer<W> {
    const fn new(format: Format, out: W) -> Self {
        Self { format, out, begun: false }
    }

    fn row(&mut self, columns: &Column, row: &StringRecord) -> Result<(), Error> {
        match self.format {
            Format::Csv => {
                if !std::mem::replace(&mut self.begun, true) {
                    self.line(columns.names())?;
                }
                self.line(row.iter())
            }
            Format::Json => {
                let object: serde_json::Map<_, _> = columns.names().zip(row).map(typed).collect();
                serde_json::to_writer(&mut self.out, &object)?;
                self.out.write_all(b"\n")
            }
        }
    }

    fn line<'a>(&mut self, cells: impl Iterator<Item = &'a str>) -> Result<(), Error> {
        for (n, cell) in cells.enumerate() {
            if n > 0 {
                self.out.write_all(b",")?;
            }
            if cell.contains([',', '"', '\n', '\r']) {
                write!(self.out, "\"{}\"", cell.replace('"', "\"\""))?;
            } else {
                self.out.write_all(cell.as_bytes())?;
            }
        }
        self.out.write_all(b"\n")
    }
}

/// Numbers as numbers, nothing as null.
fn typed((name, cell): (&str, &str)) -> (String, serde_json::Value) {
    let is_text = ["scenario", "step", "agent", "outcome"].contains(&name);
    let value = match cell.parse::<u64>() {
        Ok(number) if !is_text => number.into(),
        _ if cell.is_empty() => serde_json::Value::Null,
        _ => cell.into(),
    };
    (name.to_owned(), value)
}

#[cfg(test)]
mod tests;
