//! The rows that agents write with `--rows`: what the histograms were made from.

use common::histogram::Histogram;
use std::path::Path;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) scenario: usize,
    pub(crate) arrival: u64,
    pub(crate) due_ns: u64,
    pub(crate) status: u16,
    pub(crate) response_time_us: u64,
    pub(crate) service_time_us: u64,
}

/// All rows in a folder, of all engine threads.
pub(crate) fn read(folder: &Path) -> Vec<Row> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|file| parse(&std::fs::read_to_string(file).unwrap())).collect()
}

/// The histogram of one time over the rows that were answered.
pub(crate) fn histogram<'a>(rows: impl IntoIterator<Item = &'a Row>, of: fn(&Row) -> u64) -> Histogram {
    let mut histogram = Histogram::new();
    rows.into_iter().filter(|row| row.status > 0).for_each(|row| histogram.record(of(row)));
    histogram
}

fn parse(text: &str) -> Vec<Row> {
    let (head, lines) = text.split_once('\n').unwrap();
    let names: Vec<&str> = head.split(',').collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |name: &str| cells[names.iter().position(|own| *own == name).unwrap()];
        let number = |name: &str| cell(name).parse::<u64>().unwrap();
        Row {
            scenario: cell("scenario").parse().unwrap(),
            arrival: number("arrival"),
            due_ns: number("due_ns"),
            status: cell("status").parse().unwrap(),
            response_time_us: number("response_time_us"),
            service_time_us: number("service_time_us"),
        }
    };
    lines.lines().map(row).collect()
}
