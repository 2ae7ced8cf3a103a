//! Two runs side by side, as text.

use super::page::{Page, Style};
use super::{INDENT, WIDTH_MIN, table};
use common::compare::{Change, Comparison, Run, Statistic, Step};
use common::human;

/// The comparison in lines of at most `width` characters (60 at least), with ANSI colours if `color`.
#[must_use]
pub fn render(comparison: &Comparison, width: usize, color: bool) -> String {
    let mut page = Page::new(width.max(WIDTH_MIN), color);
    run(&mut page, "before", &comparison.before);
    run(&mut page, "after ", &comparison.after);
    for reservation in &comparison.reservations {
        page.wrapped("  hardly comparable: ", reservation, Style::Doubtful);
    }
    for one in &comparison.steps {
        page.blank();
        step(&mut page, one);
    }
    if !comparison.unmatched.is_empty() {
        page.blank();
        page.wrapped("only in one of the runs: ", &comparison.unmatched.join(", "), Style::Doubtful);
    }
    page.into_text()
}

/// A change with its interval, in words.
#[must_use]
pub fn change(change: &Change) -> String {
    let by = change.change.map_or_else(|| "not measured".to_owned(), |by| percent(change.statistic, by));
    format!(
        "{} {by}{}",
        change.statistic,
        interval(change).map(|text| format!(" ({text})")).unwrap_or_default()
    )
}

fn run(page: &mut Page, which: &str, run: &Run) {
    let result = run.result.name().replace('_', " ");
    page.line(&format!("{which}  {}  {}  {}  {result}", run.id, run.name, run.started_at), Style::Plain);
}

fn step(page: &mut Page, step: &Step) {
    page.line(&format!("{} / {}", step.scenario, step.step), Style::Heading);
    let head = ["", "before", "after", "change", "95 % interval", ""].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(step.changes.iter().map(|change| cells(change).to_vec())).collect();
    let lines = table::lines(&rows, page.width() - INDENT);
    let styles = std::iter::once(Style::Dim).chain(step.changes.iter().map(style));
    for (line, style) in lines.iter().zip(styles) {
        page.line(&format!("  {line}"), style);
    }
}

/// Statistic, before, after, change, interval and what is to be thought of it.
pub(crate) fn cells(change: &Change) -> [String; 6] {
    let value = |value| match change.statistic.is_share() {
        true => human::share(value),
        false => human::time(value),
    };
    [
        change.statistic.to_string(),
        value(change.before),
        value(change.after),
        change.change.map(|by| percent(change.statistic, by)).unwrap_or_default(),
        interval(change).unwrap_or_default(),
        finding(change).to_owned(),
    ]
}

/// What runs differ by that ought to be equal.
pub(crate) fn noise(change: &Change) -> String {
    let (noise, unit) = (change.noise * 100.0, unit(change.statistic));
    format!("± {noise:.1} {unit}")
}

/// What is to be thought of a change.
fn finding(change: &Change) -> &'static str {
    match (change.change, change.interval) {
        (None, _) => "not measured",
        (_, None) => "too short to tell",
        (Some(by), _) if change.is_clear() && by > 0.0 => "worse",
        (Some(_), _) if change.is_clear() => "better",
        (Some(by), Some((low, high))) if by.abs() <= change.noise && (low > 0.0 || high < 0.0) => {
            "within the noise"
        }
        _ => "no clear change",
    }
}

fn style(change: &Change) -> Style {
    match change.change {
        Some(by) if change.is_clear() && by > 0.0 => Style::Bad,
        Some(_) if change.is_clear() => Style::Good,
        _ => Style::Plain,
    }
}

fn interval(change: &Change) -> Option<String> {
    let (low, high) = change.interval?;
    Some(format!("{} … {}", percent(change.statistic, low), percent(change.statistic, high)))
}

/// A change in percent, with its sign; of a share in points of percent.
fn percent(statistic: Statistic, by: f64) -> String {
    format!("{:+.1} {}", by * 100.0, unit(statistic))
}

const fn unit(statistic: Statistic) -> &'static str {
    if statistic.is_share() { "pp" } else { "%" }
}
