//! What went wrong with the fleet, and what it cost; what the operator changed.

use super::page::{Page, Style};
use super::table;
use common::human;
use common::report::{ChangeRow, FaultRow};

pub(super) fn section(page: &mut Page, faults: &[FaultRow]) {
    if faults.is_empty() {
        return;
    }
    page.blank();
    page.line("faults (missing: planned but not started meanwhile)", Style::Heading);
    let shown = shown(faults);
    let head = ["fault", "from", "until", "missing", "unknown"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(head).chain(shown.iter().map(|fault| cells(fault))).collect();
    let mut lines =
        table::lines(&rows, page.width() - super::INDENT).into_iter().map(|line| format!("  {line}"));
    page.line(&lines.next().unwrap_or_default(), Style::Dim);
    for (fault, line) in shown.iter().zip(lines) {
        let style = match fault {
            fault if fault.unknown > 0 => Style::Bad,
            fault if fault.missing > 0 => Style::Doubtful,
            _ => Style::Plain,
        };
        page.line(&line, style);
        page.wrapped("    ", &fault.text, style);
    }
    if shown.len() < faults.len() {
        let more = human::count((faults.len() - shown.len()) as u64);
        page.line(&format!("  and {more} more; shown are those that cost most"), Style::Dim);
    }
}

/// What the operator changed, and when.
pub(super) fn changes(page: &mut Page, changes: &[ChangeRow]) {
    if changes.is_empty() {
        return;
    }
    page.blank();
    page.line("changed by the operator", Style::Heading);
    for change in changes.iter().take(CHANGES_MAX) {
        page.wrapped(&format!("  {:>9}  ", human::length(change.at_s)), &change.text, Style::Plain);
    }
    if changes.len() > CHANGES_MAX {
        let more = human::count((changes.len() - CHANGES_MAX) as u64);
        page.line(&format!("  and {more} more"), Style::Dim);
    }
}

/// The costliest, in the order in which they came.
fn shown(faults: &[FaultRow]) -> Vec<&FaultRow> {
    let mut places: Vec<usize> = (0..faults.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse((faults[*place].unknown, faults[*place].missing)));
    places.truncate(FAULTS_MAX);
    places.sort_unstable();
    places.into_iter().map(|place| &faults[place]).collect()
}

fn cells(fault: &FaultRow) -> Vec<String> {
    let kind = fault.kind.name().replace('_', " ");
    vec![
        fault.agent.as_ref().map_or_else(|| kind.clone(), |agent| format!("{agent}: {kind}")),
        human::length(fault.from_s),
        fault.until_s.map_or_else(|| "the end".to_owned(), human::length),
        human::count(fault.missing),
        human::count(fault.unknown),
    ]
}

/// More faults than this are cut to the costly ones: a report is for reading.
const FAULTS_MAX: usize = 20;
const CHANGES_MAX: usize = 50;
