//! Then and now of a replayed log.

use super::page::{Page, Style};
use super::{table, times};
use common::human;
use common::report::{ReplayRow, StatusPair};

pub(super) fn section(page: &mut Page, rows: &[ReplayRow]) {
    if rows.is_empty() {
        return;
    }
    page.blank();
    page.line("replayed: then and now, of the same requests", Style::Heading);
    for row in rows.iter().take(ROWS_MAX) {
        one(page, row);
    }
    if rows.len() > ROWS_MAX {
        let more = human::count((rows.len() - ROWS_MAX) as u64);
        page.line(&format!("  and {more} more series; all of them are in report.json"), Style::Dim);
    }
}

fn one(page: &mut Page, row: &ReplayRow) {
    let all: u64 = row.statuses.iter().map(|pair| pair.count).sum();
    let other = all - row.same;
    let style = if other > 0 { Style::Doubtful } else { Style::Plain };
    let count = human::count;
    page.line(
        &format!("  {} / {}: {} as then, {} not", row.scenario, row.step, count(row.same), count(other)),
        style,
    );
    let status = |status: u16, none: &str| if status == 0 { none.to_owned() } else { status.to_string() };
    let mut pairs: Vec<&StatusPair> = row.statuses.iter().collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
    let shown: Vec<String> = pairs
        .iter()
        .take(PAIRS_MAX)
        .map(|pair| {
            let (then, now) = (status(pair.then, "unknown"), status(pair.now, "no answer"));
            format!("{then} → {now} × {}", count(pair.count))
        })
        .collect();
    page.wrapped("    ", &format!("status: {}", shown.join(", ")), style);
    let mut rows = vec![];
    if row.latency_then.count > 0 {
        let head = ["", "p50", "p90", "p95", "p99", "p99.9", "max"].map(str::to_owned).to_vec();
        rows.extend([head, times("time then", &row.latency_then), times("time now", &row.latency_now)]);
    }
    for line in table::lines(&rows, page.width() - 4) {
        page.line(&format!("    {line}"), Style::Plain);
    }
    if row.size_then.count > 0 {
        let (then, now) = (&row.size_then, &row.size_now);
        let told = |of: &common::report::Summary| format!("p50 {}, max {}", count(of.p50), count(of.max));
        page.line(&format!("    bytes then: {}; now: {}", told(then), told(now)), Style::Plain);
    }
}

/// Series shown: most requests first.
const ROWS_MAX: usize = 20;
/// Pairs of statuses shown.
const PAIRS_MAX: usize = 12;
