//! The final report as text for a terminal. Only lays out: every number is the report's.

use common::human;
use common::ledger::{Entry, Skipped};
use common::report::{AgentRow, Judgment, Report, SeriesKind, SeriesRow, Summary, ThresholdRow};
use std::fmt::Display;

pub mod compared;
mod faults;
mod loads;
mod extras;
mod page;
mod replay;
mod table;

pub(crate) use page::Style;

use page::Page;

/// The report in lines of at most `width` columns (60 at least), with ANSI colours if `color`.
///
/// Control characters are stripped from everything, so that no name from outside can steer the terminal.
#[must_use]
pub fn render(report: &Report, width: usize, color: bool) -> String {
    let mut page = Page::new(width.max(WIDTH_MIN), color);
    head(&mut page, report);
    for row in &report.series {
        series(&mut page, row, report.run.duration_s);
    }
    page.line(WHICH_TIME, Style::Dim);
    loads::section(&mut page, &report.loads);
    loads::phases(&mut page, &report.phases);
    loads::interference(&mut page, &report.interference);
    ledger(&mut page, report);
    agents(&mut page, &report.agents);
    faults::section(&mut page, &report.faults);
    faults::changes(&mut page, &report.changes);
    thresholds(&mut page, &report.thresholds);
    extras::samples(&mut page, &report.samples);
    extras::rows(&mut page, report.rows.as_ref());
    sentences(&mut page, "reasons", &report.verdict.reasons);
    sentences(&mut page, "warnings", &report.warnings);
    page.into_text()
}

fn head(page: &mut Page, report: &Report) {
    let (run, result) = (&report.run, report.verdict.result);
    let style = match result {
        Judgment::Pass if report.verdict.is_doubtful_pass() => Style::Doubtful,
        Judgment::Pass => Style::Good,
        Judgment::GeneratorLimited | Judgment::Degraded => Style::Doubtful,
        Judgment::Fail | Judgment::Invalid | Judgment::Aborted => Style::Bad,
    };
    let verdict = result.name().replace('_', " ").to_uppercase();
    let agents = report.agents.len();
    let agents = format!("{} agent{}", human::count(agents as u64), if agents == 1 { "" } else { "s" });
    page.line(&format!("{}: {verdict} in {} with {agents}", run.name, human::length(run.duration_s)), style);
    page.line(&format!("run {}", run.id), Style::Dim);
    page.line(
        &format!("started at {}, seed {}, {} client", run.started_at, run.seed, run.client),
        Style::Dim,
    );
    if report.verdict.is_doubtful_pass() {
        report.verdict.reasons.iter().for_each(|reason| page.wrapped("", reason, Style::Bad));
    }
    page.blank();
}

fn series(page: &mut Page, row: &SeriesRow, duration_s: f64) {
    page.line(&format!("{} / {}", row.scenario, row.step), Style::Heading);
    let rate = if duration_s > 0.0 { row.requests as f64 / duration_s } else { 0.0 };
    let errors = match row.requests {
        0 => String::new(),
        requests => format!(" ({})", human::share(row.errors as f64 / requests as f64)),
    };
    let (requests, n) = (human::count(row.requests), human::count(row.errors));
    let style = if row.errors > 0 { Style::Bad } else { Style::Plain };
    let (what, bad) = match row.kind {
        SeriesKind::Requests => ("requests", "errors"),
        SeriesKind::Iterations => ("iterations over all steps", "with errors"),
    };
    page.line(&format!("  {requests} {what}, {}, {n} {bad}{errors}", human::rate(rate)), style);
    let head = ["", "p50", "p90", "p95", "p99", "p99.9", "max"].map(str::to_owned).to_vec();
    let rows = [head, times("response time", &row.response_time), times("service time", &row.service_time)];
    for line in table::lines(&rows, page.width() - INDENT) {
        page.line(&format!("  {line}"), Style::Plain);
    }
    if row.response_time.count > 0 {
        let Summary { mean, mode, mode_width, .. } = row.response_time;
        let (mean, mode, width) = (human::time(mean), micros(mode), micros(mode_width));
        page.line(
            &format!("  response time: mean {mean}, mode {mode} (fullest bucket, {width} wide)"),
            Style::Dim,
        );
    }
    let above = row.response_time.overflow;
    if above > 0 {
        let above = human::count(above);
        page.line(
            &format!("  {above} response times lay above an hour and count as the largest"),
            Style::Doubtful,
        );
    }
    let faults = listed("agents' own faults", &row.generator_faults);
    let kinds = [
        (listed("status", &row.status), Style::Plain),
        (listed("outcomes", &row.outcomes), Style::Plain),
        (faults, Style::Doubtful),
    ];
    for (kinds, style) in kinds {
        kinds.iter().for_each(|text| page.wrapped("  ", text, style));
    }
    page.blank();
}

fn times(name: &str, times: &Summary) -> Vec<String> {
    let Summary { p50, p90, p95, p99, p99_9, max, .. } = *times;
    let cell = |us| if times.count + times.overflow == 0 { "-".to_owned() } else { micros(us) };
    std::iter::once(name.to_owned()).chain([p50, p90, p95, p99, p99_9, max].map(cell)).collect()
}

fn micros(us: u64) -> String {
    human::time(us as f64)
}

/// `name: kind × n, kind × n`; `None` when all are zero.
fn listed<'a, K: Display + 'a>(
    name: &str,
    kinds: impl IntoIterator<Item = (&'a K, &'a u64)>,
) -> Option<String> {
    let kinds = kinds.into_iter().filter(|(_, n)| **n > 0);
    let listed: Vec<_> = kinds.map(|(kind, n)| format!("{kind} × {}", human::count(*n))).collect();
    (!listed.is_empty()).then(|| format!("{name}: {}", listed.join(", ")))
}

fn ledger(page: &mut Page, report: &Report) {
    replay::section(page, &report.replay);
    page.blank();
    page.line("ledger", Style::Heading);
    let head = ["scenario", "planned", "started", "finished", "abandoned", "skipped", "unknown", "books"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (name, entry) in &report.ledger {
        let balance = page.mark(!report.imbalances.contains_key(name), "balance", "OFF");
        let Entry { planned, started, finished, abandoned, unknown, .. } = *entry;
        let numbers =
            [planned, started, finished, abandoned, entry.skipped.total(), unknown].map(human::count);
        rows.push([name.clone()].into_iter().chain(numbers).chain([balance.to_owned()]).collect());
    }
    let mut lines = table::lines(&rows, page.width() - INDENT).into_iter().map(|line| format!("  {line}"));
    page.line(&lines.next().unwrap_or_default(), Style::Dim);
    for ((name, entry), line) in report.ledger.iter().zip(lines) {
        let off = report.imbalances.get(name);
        page.line(&line, if off.is_some() || entry.unknown > 0 { Style::Bad } else { Style::Plain });
        let Skipped { late, overload, no_lease, stopped, unowned, no_data, time_up } = &entry.skipped;
        let reasons = [
            (&"late", late),
            (&"overload", overload),
            (&"no lease", no_lease),
            (&"unowned", unowned),
            (&"time was up", time_up),
            (&"no more data", no_data),
            (&"stopped", stopped),
        ];
        if let Some(reasons) = listed("skipped", reasons) {
            page.wrapped("    ", &reasons, Style::Doubtful);
        }
        if entry.unended > 0 {
            let unended = human::count(entry.unended);
            page.wrapped("    ", &format!("nobody knows how {unended} started requests ended"), Style::Bad);
        }
        if let Some(why) = off {
            page.wrapped("    ", &format!("failed to {why}"), Style::Bad);
        }
    }
}

fn agents(page: &mut Page, agents: &[AgentRow]) {
    if agents.is_empty() {
        return;
    }
    page.blank();
    page.line("agents (send lag: due until first byte sent; cpu: of the engine's cores)", Style::Heading);
    let mut shown: Vec<&AgentRow> = agents.iter().collect();
    if shown.len() > AGENTS_MAX {
        shown.sort_by_key(|agent| (agent.lost.is_none(), std::cmp::Reverse(agent.send_lag.p99)));
        shown.truncate(AGENTS_MAX);
    }
    let head = ["name", "share", "started", "lag p50", "p99", "max", "cpu", "clock", "skew"];
    let rows: Vec<_> =
        std::iter::once(head.map(str::to_owned).to_vec()).chain(shown.iter().map(|a| agent(a))).collect();
    let mut lines = table::lines(&rows, page.width() - INDENT).into_iter().map(|line| format!("  {line}"));
    page.line(&lines.next().unwrap_or_default(), Style::Dim);
    for (agent, line) in shown.iter().zip(lines) {
        page.line(&line, if agent.lost.is_some() { Style::Bad } else { Style::Plain });
        if let Some(why) = &agent.lost {
            let unknown = match agent.unknown {
                0 => String::new(),
                n => format!("; {} of its {} arrivals unknown", human::count(n), human::count(agent.owned)),
            };
            page.wrapped("    ", &format!("lost: {why}{unknown}"), Style::Bad);
        }
    }
    if shown.len() < agents.len() {
        let more = human::count((agents.len() - shown.len()) as u64);
        page.line(&format!("  and {more} more; shown are those that were lost or lag most"), Style::Dim);
    }
}

fn agent(agent: &AgentRow) -> Vec<String> {
    let lanes = f64::from(agent.lanes) / f64::from(common::lane::LANES);
    vec![
        agent.name.clone(),
        format!("{:.1} %", lanes * 100.0),
        human::count(agent.started),
        micros(agent.send_lag.p50),
        micros(agent.send_lag.p99),
        micros(agent.send_lag.max),
        format!("{:.0} %", agent.cpu_share * 100.0),
        format!("±{}", micros(agent.clock_bound_us)),
        micros(agent.start_skew_us),
    ]
}

fn thresholds(page: &mut Page, rows: &[ThresholdRow]) {
    if rows.is_empty() {
        return;
    }
    page.blank();
    page.line("thresholds", Style::Heading);
    let cells = |row: &ThresholdRow| {
        vec![row.name(), measured(row), row.limit.clone(), page.mark(row.holds, "pass", "FAIL").to_owned()]
    };
    let cells: Vec<_> = rows.iter().map(cells).collect();
    for (row, line) in rows.iter().zip(table::lines(&cells, page.width() - INDENT)) {
        page.line(&format!("  {line}"), if row.holds { Style::Good } else { Style::Bad });
        let note = row.note();
        if !note.is_empty() {
            page.wrapped("    ", &note, Style::Dim);
        }
    }
}

/// What a threshold measured, in its unit.
pub(crate) fn measured(row: &ThresholdRow) -> String {
    row.measured().unwrap_or_else(|| "no samples".to_owned())
}

fn sentences(page: &mut Page, name: &str, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    page.blank();
    page.line(name, Style::Heading);
    for sentence in sentences {
        page.wrapped("  - ", sentence, Style::Plain);
    }
}

const WHICH_TIME: &str = "response time: from the due time; service time: from the first byte sent";
/// Narrower than this the tables cannot be read.
const WIDTH_MIN: usize = 60;
const INDENT: usize = 2;
/// More agents than this are cut to the interesting ones: a report is for reading.
const AGENTS_MAX: usize = 20;

#[cfg(test)]
pub(crate) mod tests;
