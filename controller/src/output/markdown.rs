//! The report in Markdown: short enough to be pasted into a ticket or shown as the summary of a CI job.

use crate::text::measured;
use common::human;
use common::report::{Report, SeriesRow};

/// The summary. What comes from outside cannot become markup.
#[must_use]
pub(super) fn render(report: &Report) -> String {
    let run = &report.run;
    let verdict = report.verdict.result.name().replace('_', " ");
    let agents = report.agents.len();
    let agents = format!("{agents} agent{}", if agents == 1 { "" } else { "s" });
    let mut text = format!("## {}: {verdict}\n\n", escaped(&run.name));
    text += &format!(
        "{} with {agents}, started at {}, seed {}, run `{}`\n\n",
        human::length(run.duration_s),
        run.started_at,
        run.seed,
        run.id.replace('`', "")
    );
    let mark = if report.verdict.is_doubtful_pass() { "**" } else { "" };
    for reason in &report.verdict.reasons {
        text += &format!("- {mark}{}{mark}\n", escaped(reason));
    }
    if !report.verdict.reasons.is_empty() {
        text.push('\n');
    }
    text += "| step | requests | errors | p50 | p95 | p99 | max |\n|---|---:|---:|---:|---:|---:|---:|\n";
    text.extend(report.series.iter().map(step));
    if !report.thresholds.is_empty() {
        text += "\n| threshold | limit | measured | |\n|---|---|---:|---|\n";
        for row in &report.thresholds {
            let holds = if row.holds { "pass" } else { "**fail**" };
            let note = row.note();
            let measured = measured(row);
            let measured = if note.is_empty() { measured } else { format!("{measured} ({note})") };
            text += &format!(
                "| {} | {} | {} | {holds} |\n",
                escaped(&row.name()),
                escaped(&row.limit),
                escaped(&measured)
            );
        }
    }
    text +=
        "\n| scenario | planned | started | finished | skipped | unknown |\n|---|---:|---:|---:|---:|---:|\n";
    for (name, entry) in &report.ledger {
        let counts = [entry.planned, entry.started, entry.finished, entry.skipped.total(), entry.unknown];
        text += &format!("| {} | {} |\n", escaped(name), counts.map(human::count).join(" | "));
    }
    if !report.changes.is_empty() {
        text += "\n| changed by the operator at | |\n|---:|---|\n";
        for change in &report.changes {
            text += &format!("| {} | {} |\n", human::length(change.at_s), escaped(&change.text));
        }
    }
    for row in &report.interference {
        text += &format!("\n- {}", escaped(&row.text));
    }
    if !report.interference.is_empty() {
        text.push('\n');
    }
    for warning in &report.warnings {
        text += &format!("\n> {}\n", escaped(warning));
    }
    text
}

fn step(row: &SeriesRow) -> String {
    let share = match row.requests {
        0 => String::new(),
        requests => format!(" ({})", human::share(row.errors as f64 / requests as f64)),
    };
    let times = &row.response_time;
    let times = [times.p50, times.p95, times.p99, times.max].map(|us| human::time(us as f64)).join(" | ");
    format!(
        "| {} / {} | {} | {}{share} | {times} |\n",
        escaped(&row.scenario),
        escaped(&row.step),
        human::count(row.requests),
        human::count(row.errors),
    )
}

/// Text without markup: every character that means something in Markdown or HTML is escaped, lines are joined.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in human::printable(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '>' | '~' | '!' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::report as sample;

    #[test]
    fn the_summary_has_verdict_steps_thresholds_and_books() {
        let report = sample();
        let text = render(&report);
        let row = &report.series[0];
        assert!(text.starts_with(&format!("## {}: ", report.run.name)), "{text}");
        assert!(text.contains(&human::count(row.requests)), "{text}");
        let columns = |line: &str| line.matches(" |").count();
        let table: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert!(table.iter().all(|line| (4..=7).contains(&columns(line))), "{text}");
    }

    #[test]
    fn foreign_text_is_no_markup() {
        assert_eq!(escaped("<script>|`x`*y*\n[a](b)"), "&lt;script\\>\\|\\`x\\`\\*y\\*\\[a\\](b)");
    }
}
