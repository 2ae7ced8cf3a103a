//! The rows of requests: what the histograms were made from.

use common::histogram::Histogram;
use std::path::Path;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) arrival: u64,
    pub(crate) due_ns: u64,
    pub(crate) status: u16,
    pub(crate) response_time_us: u64,
    pub(crate) service_time_us: u64,
}

/// All rows in a folder.
pub(crate) fn read(folder: &Path) -> Vec<Row> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|file| parse(&file)).collect()
}

/// The histogram of one time over the rows that were answered.
pub(crate) fn histogram<'a>(rows: impl IntoIterator<Item = &'a Row>, of: fn(&Row) -> u64) -> Histogram {
    let mut histogram = Histogram::new();
    rows.into_iter().filter(|row| row.status > 0).for_each(|row| histogram.record(of(row)));
    histogram
}

/// The rows of a file, up to where its agent was killed.
pub(crate) fn parse(file: &Path) -> Vec<Row> {
    let rows = zstd::stream::read::Decoder::new(std::fs::File::open(file).unwrap()).unwrap();
    let mut rows = csv::Reader::from_reader(rows);
    let names = rows.headers().unwrap().clone();
    let row = |row: csv::StringRecord| {
        let cell = |name: &str| row[names.iter().position(|own| own == name).unwrap()].to_owned();
        let number = |name: &str| cell(name).parse::<u64>().unwrap_or_default();
        Row {
            scenario: cell("scenario"),
            arrival: number("arrival"),
            due_ns: number("due_ns"),
            status: u16::try_from(number("status")).unwrap(),
            response_time_us: number("response_time_us"),
            service_time_us: number("service_time_us"),
        }
    };
    rows.records().map_while(Result::ok).map(row).collect()
}
