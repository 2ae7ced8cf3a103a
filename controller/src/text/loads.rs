//! What kind of load each scenario made, and what the phases measured.

use super::page::{Page, Style};
use super::{INDENT, micros, table};
use common::human;
use common::report::{InterferenceRow, LoadRow, Model, PhaseRow, PhaseSeries, SeriesKind};

/// Closed loads, because their numbers mean something else than those of open ones.
pub(super) fn section(page: &mut Page, loads: &[LoadRow]) {
    let closed: Vec<&LoadRow> = loads.iter().filter(|load| load.model == Model::Closed).collect();
    if closed.is_empty() {
        return;
    }
    page.blank();
    page.line("closed loads (a slow target is asked less often)", Style::Heading);
    for load in closed {
        page.wrapped("  ", &sentence(load), Style::Plain);
    }
    page.wrapped("  ", WHICH_DUE, Style::Dim);
}

fn sentence(load: &LoadRow) -> String {
    let users = human::count(u64::from(load.users.unwrap_or(0)));
    let most = if load.kind == "tries" { "together" } else { "at most" };
    let mut text = format!("{}: {users} users {most}", load.scenario);
    if let Some(think) = &load.think {
        text.push_str(&format!(", think time {think}"));
    }
    if let Some(pacing) = load.pacing_s {
        text.push_str(&format!(
            ", an iteration each {} (response time is corrected)",
            human::time(pacing * 1e6)
        ));
    }
    if let (Some(asked), Some(active)) = (load.user_time_asked_s, load.user_time_active_s) {
        let share = if asked > 0.0 { (active / asked).min(1.0) } else { 1.0 };
        let (asked, share) = (human::length(asked), human::share(share));
        text.push_str(&format!("; active in {share} of {asked} of user time"));
    }
    text
}

/// A table for each phase.
pub(super) fn phases(page: &mut Page, phases: &[PhaseRow]) {
    for phase in phases {
        page.blank();
        let (from, to) = (human::length(phase.start_s), human::length(phase.end_s));
        page.line(&format!("phase {} ({from} to {to}), response time", phase.name), Style::Heading);
        let head = ["", "requests", "errors", "mean", "p50", "p95", "p99", "max"];
        let rows = phase.series.iter().map(row);
        let rows: Vec<_> = std::iter::once(head.map(str::to_owned).to_vec()).chain(rows).collect();
        for line in table::lines(&rows, page.width() - INDENT) {
            page.line(&format!("  {line}"), Style::Plain);
        }
    }
}

/// What the loads of one phase did to the steps of another.
pub(super) fn interference(page: &mut Page, rows: &[InterferenceRow]) {
    if rows.is_empty() {
        return;
    }
    page.blank();
    page.line("between phases", Style::Heading);
    for row in rows {
        page.wrapped("  ", &row.text, Style::Plain);
    }
}

fn row(series: &PhaseSeries) -> Vec<String> {
    let times = &series.response_time;
    let name = match series.kind {
        SeriesKind::Requests => format!("{} / {}", series.scenario, series.step),
        SeriesKind::Iterations => format!("{} (all steps)", series.scenario),
    };
    let cells = [
        human::count(series.requests),
        human::count(series.errors),
        human::time(times.mean),
        micros(times.p50),
        micros(times.p95),
        micros(times.p99),
        micros(times.max),
    ];
    std::iter::once(name).chain(cells).collect()
}

const WHICH_DUE: &str =
    "response time counts from when a user meant to send: the end of its think time, or its pacing's tick";
