//! What a report says of single exchanges and of rows: where to look.

use super::page::{Page, Style};
use common::human;
use common::report::{RowsKept, SampleRow};
use std::collections::BTreeMap;

/// One line for each cause, with the arrival that failed first.
pub(super) fn samples(page: &mut Page, samples: &[SampleRow]) {
    if samples.is_empty() {
        return;
    }
    let mut causes: BTreeMap<_, (usize, &SampleRow)> = BTreeMap::new();
    for sample in samples {
        let cause = (&sample.scenario, &sample.step, &sample.outcome, sample.status);
        causes.entry(cause).or_insert((0, sample)).0 += 1;
    }
    page.blank();
    page.line("failures (whole exchanges in report.json: samples)", Style::Heading);
    for (count, first) in causes.values().take(CAUSES_MAX) {
        let status = first.status.map_or_else(String::new, |status| format!(" {status}"));
        let what =
            format!("{} / {}: {}{status}", first.scenario, first.step, first.outcome.replace('_', " "));
        let detail = first.detail.lines().next().filter(|detail| !detail.is_empty());
        let detail = detail.map_or_else(String::new, |detail| format!(", {detail}"));
        let t = human::length(first.t_s);
        let who = format!("first: arrival {} of {} at {t}", human::count(first.arrival), first.agent);
        let samples = if *count == 1 { "1 sample".to_owned() } else { format!("{count} samples") };
        page.wrapped("  - ", &format!("{what}{detail}; {who}; {samples}"), Style::Plain);
    }
    if causes.len() > CAUSES_MAX {
        page.line(&format!("  and {} more causes", causes.len() - CAUSES_MAX), Style::Dim);
    }
}

/// Where the rows are, and how many.
pub(super) fn rows(page: &mut Page, rows: Option<&RowsKept>) {
    let Some(rows) = rows else { return };
    let bytes: u64 = rows.files.iter().map(|file| file.bytes).sum();
    page.blank();
    page.wrapped(
        "",
        &format!(
            "rows: {} of {} agents in {} ({} bytes); look at them with `controller rows {}`",
            human::count(rows.rows()),
            human::count(rows.files.iter().filter(|file| file.file.is_some()).count() as u64),
            rows.folder,
            human::count(bytes),
            rows.folder
        ),
        Style::Plain,
    );
}

const CAUSES_MAX: usize = 10;
