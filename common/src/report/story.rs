//! The run in plain words, for somebody who reads nothing else.

use crate::human;
use crate::ledger::{Entry, Skipped};
use crate::report::{Judgment, LoadRow, Report, SeriesKind, SeriesRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened, in sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Story {
    /// The verdict as a sentence.
    pub headline: String,
    /// What was asked, a sentence per scenario.
    pub asked: Vec<String>,
    /// How much of it was delivered.
    pub delivered: String,
    /// How the service answered.
    pub answered: Vec<String>,
    /// Whether the numbers can be trusted, and why.
    pub trust: String,
}

impl Story {
    /// The story that the numbers of a report tell.
    pub(super) fn of(report: &Report) -> Self {
        Self {
            headline: headline(report).to_owned(),
            asked: report.loads.iter().map(|load| asked(load, report)).collect(),
            delivered: delivered(&report.ledger),
            answered: answered(&report.series),
            trust: trust(report),
        }
    }
}

fn headline(report: &Report) -> &'static str {
    match report.verdict.result {
        Judgment::Pass if report.verdict.is_doubtful_pass() => {
            "The asked load was sent, but every request of a scenario failed."
        }
        Judgment::Pass if report.thresholds.is_empty() => {
            "The asked load was sent; no threshold says whether the answers were good."
        }
        Judgment::Pass => "The asked load was sent, and every threshold was kept.",
        Judgment::GeneratorLimited => {
            "The generator could not send the asked load: add agents or ask for less."
        }
        Judgment::Degraded => "Part of the asked load was not sent, because of faults among the agents.",
        Judgment::Aborted => "The run was ended before its plan was carried out.",
        Judgment::Fail => "The service did not keep to the thresholds.",
        Judgment::Invalid => "The numbers of this run prove nothing.",
    }
}

/// `browse: 12,000 arrivals within 1m 00s, 200/s on average, however slowly the service answers.`
fn asked(load: &LoadRow, report: &Report) -> String {
    let planned = report.ledger.get(&load.scenario).map_or(0, |entry| entry.planned);
    let (n, users) = (human::count(planned), human::count(u64::from(load.users.unwrap_or(0))));
    let length = (report.run.duration_s - load.start_s).max(0.0);
    let (time, name) = (human::length(length), &load.scenario);
    let rate = if length > 0.0 { planned as f64 / length } else { 0.0 };
    let rests = load.think.as_ref().map_or_else(String::new, |think| format!(", resting {think} in between"));
    match load.kind.as_str() {
        "users" => format!("{name}: up to {users} users for {time}{rests}; they wait for their answers."),
        "tries" => format!("{name}: {n} tries by {users} users{rests}; they wait for their answers."),
        "replay" => format!("{name}: {n} requests of a log, {} on average.", human::rate(rate)),
        _ => format!(
            "{name}: {n} arrivals in {time}, {} on average, however slowly the service answers.",
            human::rate(rate)
        ),
    }
}

/// `11,992 of 12,000 arrivals were sent (99.93 %). Not sent: 8 too late.`
fn delivered(ledger: &BTreeMap<String, Entry>) -> String {
    let sum = |of: fn(&Entry) -> u64| ledger.values().map(of).fold(0, u64::saturating_add);
    let (planned, started) = (sum(|entry| entry.planned), sum(|entry| entry.started));
    if planned == 0 {
        return "Nothing was to be sent.".to_owned();
    }
    let share = human::share(started as f64 / planned as f64);
    let all = format!("{} of {} arrivals were sent ({share})", human::count(started), human::count(planned));
    let reasons: [(Count, &str); 7] = [
        (|skipped| skipped.late, "too late"),
        (|skipped| skipped.overload, "without a free slot"),
        (|skipped| skipped.no_lease, "while agents were cut off"),
        (|skipped| skipped.unowned, "without an owner"),
        (|skipped| skipped.time_up, "not begun in time"),
        (|skipped| skipped.no_data, "without data"),
        (|skipped| skipped.stopped, "after the stop"),
    ];
    let of_reason = |(n, why): &(Count, &str)| {
        let n = ledger.values().map(|entry| n(&entry.skipped)).fold(0, u64::saturating_add);
        (n > 0).then(|| format!("{} {why}", human::count(n)))
    };
    let mut rest: Vec<String> = reasons.iter().filter_map(of_reason).collect();
    let unknown = sum(|entry| entry.unknown);
    if unknown > 0 {
        rest.push(format!("{} unknown, lost with an agent", human::count(unknown)));
    }
    if rest.is_empty() { format!("{all}.") } else { format!("{all}. The rest: {}.", rest.join(", ")) }
}

/// A sentence per step; of many, those with the slowest answers.
fn answered(series: &[SeriesRow]) -> Vec<String> {
    let mut steps: Vec<&SeriesRow> =
        series.iter().filter(|row| row.kind == SeriesKind::Requests && row.requests > 0).collect();
    if steps.is_empty() {
        return vec!["No answer came.".to_owned()];
    }
    let others = steps.len().saturating_sub(TOLD_MAX);
    if others > 0 {
        steps.sort_by_key(|row| std::cmp::Reverse(row.response_time.p99));
        steps.truncate(TOLD_MAX);
    }
    let mut told: Vec<String> = steps.into_iter().map(step).collect();
    if others > 0 {
        told.push(format!("{} more steps answered faster than these.", human::count(others as u64)));
    }
    told
}

fn step(row: &SeriesRow) -> String {
    let times = &row.response_time;
    let [half, most, slowest] = [times.p50, times.p99, times.max].map(|us| human::time(us as f64));
    let mut text = format!("{} / {}: ", row.scenario, row.step);
    if times.count + times.overflow == 0 {
        text += "no answer came";
    } else {
        text += &format!("half of the answers within {half}, 99 of 100 within {most}, the slowest {slowest}");
    }
    if row.errors == 0 {
        return text + "; no errors.";
    }
    let share = human::share(row.errors as f64 / row.requests as f64);
    let kinds = row.outcomes.iter().filter(|(kind, _)| *kind != "ok");
    let kinds: Vec<String> =
        kinds.map(|(kind, n)| format!("{} {}", human::count(*n), kind.replace('_', " "))).collect();
    let (errors, requests) = (human::count(row.errors), human::count(row.requests));
    format!("{text}; {errors} of {requests} were errors ({share}): {}.", kinds.join(", "))
}

fn trust(report: &Report) -> String {
    let why = report.verdict.reasons.first().map_or("", String::as_str);
    // Users are released by nobody: they begin when they are ready.
    let lag = report.agents.iter().map(|agent| agent.release_lag.p99).max().filter(|us| *us > 0);
    let lag = lag.map_or_else(String::new, |us| {
        format!(", and 99 of 100 requests left within {} of their time", human::time(us as f64))
    });
    match report.verdict.result {
        _ if !report.imbalances.is_empty() => {
            "They cannot be trusted: not every arrival is accounted for.".to_owned()
        }
        Judgment::Invalid => format!("They cannot be trusted: {why}."),
        Judgment::GeneratorLimited | Judgment::Degraded => {
            format!("They tell about another load than the asked one: {why}.")
        }
        Judgment::Aborted => {
            format!("They hold up to the end of the run ({why}); every arrival is accounted for{lag}.")
        }
        Judgment::Pass | Judgment::Fail => {
            format!("They can be trusted: every arrival is accounted for{lag}.")
        }
    }
}

/// Those that were skipped for one reason.
type Count = fn(&Skipped) -> u64;

/// More steps than this are not told one by one.
const TOLD_MAX: usize = 5;
