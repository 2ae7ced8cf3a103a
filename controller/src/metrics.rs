//! How runs stand, in the quantities that monitoring knows: names, units and labels are the same however they leave.
//!
//! Everything is made from what the viewers see ([`Live`]) at that moment. Counters begin with the run; times are in
//! seconds, as Prometheus wants them. [`exposition()`] is what Prometheus scrapes, in the [`Form`] that it wants.

use common::exponential::Exponential;
use common::human::printable;
use common::live::{Live, LiveAgent, LiveScenario, LiveSeries};
use common::report::{SeriesKind, Stretch};
use std::borrow::Borrow;
use std::sync::Arc;

mod exposition;
mod form;

pub use exposition::exposition;
pub use form::Form;

/// A quantity, of all runs.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) points: Points,
}

/// What a quantity is, and what it amounts to.
#[derive(Clone, Debug)]
pub(crate) enum Points {
    /// Only grows.
    Counter(Vec<(Labels, u64)>),
    /// Now.
    Gauge(Vec<(Labels, f64)>),
    /// Times since the start.
    Histogram(Vec<(Labels, Times)>),
}

/// Names and values, in order.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// Times, in buckets of two kinds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times {
    /// All of them together, in seconds.
    pub(crate) sum_s: f64,
    /// How many lie in each cell of the heat map.
    pub(crate) cells: Vec<u64>,
    /// The same ones in exponential buckets.
    pub(crate) exponential: Arc<Exponential>,
}

/// All quantities of these runs.
pub(crate) fn families<L: Borrow<Live>>(runs: &[L]) -> Vec<Family> {
    let mut families = load(runs);
    families.extend(answers(runs));
    families.extend(agents(runs));
    families
}

fn load<L: Borrow<Live>>(runs: &[L]) -> Vec<Family> {
    let scenarios = |of: fn(&LiveScenario) -> Option<f64>| {
        each(runs, |live| &live.scenarios, ("scenario", |own: &LiveScenario| &own.name), of)
    };
    let arrivals = |of: fn(&LiveScenario) -> u64| {
        Points::Counter(each(
            runs,
            |live| &live.scenarios,
            ("scenario", |own: &LiveScenario| &own.name),
            |own| Some(of(own)),
        ))
    };
    let run = |of: fn(&Live) -> Option<f64>| {
        let rows = runs.iter().map(Borrow::borrow);
        Points::Gauge(rows.filter_map(|live| Some((labels(live, vec![]), of(live)?))).collect())
    };
    let family = |name, help, points| Family { name, help, points };
    vec![
        family(
            "stampede_arrivals_planned",
            "Arrivals planned so far; of users those that were begun",
            arrivals(|own| own.planned),
        ),
        family("stampede_arrivals_started", "Iterations begun", arrivals(|own| own.started)),
        family("stampede_arrivals_finished", "Iterations that ended", arrivals(|own| own.finished)),
        family("stampede_arrivals_skipped", "Arrivals that were not sent", arrivals(|own| own.skipped)),
        family(
            "stampede_asked_rate",
            "Arrivals per second that are asked for now",
            Points::Gauge(scenarios(|own| own.asked_rate)),
        ),
        family(
            "stampede_asked_users",
            "Users that are asked for now",
            Points::Gauge(scenarios(|own| own.asked_users)),
        ),
        family("stampede_users", "Users that are there", run(|live| live.now.users)),
        family("stampede_in_flight", "Requests under way", run(|live| Some(live.now.in_flight as f64))),
        family("stampede_run_time_seconds", "Since the load began", run(|live| Some(live.run.run_time_s))),
    ]
}

fn answers<L: Borrow<Live>>(runs: &[L]) -> Vec<Family> {
    let (mut outcomes, mut statuses, mut bytes, mut times) = (vec![], vec![], vec![], vec![]);
    for live in runs.iter().map(Borrow::borrow) {
        for row in live.series.iter().filter(|row| row.kind == SeriesKind::Requests) {
            let named = |more: Option<(&'static str, &str)>| {
                let names = [("scenario", row.scenario.as_str()), ("step", row.step.as_str())];
                labels(live, names.into_iter().chain(more).collect())
            };
            outcomes.extend(row.outcomes.iter().map(|(outcome, n)| (named(Some(("outcome", outcome))), *n)));
            let codes = row.status.iter().map(|(code, n)| (code.to_string(), *n));
            statuses.extend(codes.map(|(code, n)| (named(Some(("code", &code))), n)));
            bytes.push((named(None), row.bytes_in));
            times.push((named(None), Times::of(row)));
        }
    }
    let family = |name, help, points| Family { name, help, points };
    vec![
        family("stampede_requests", "Requests that ended, by how", Points::Counter(outcomes)),
        family("stampede_responses", "Responses by status code", Points::Counter(statuses)),
        family("stampede_received_bytes", "Bytes received, heads included", Points::Counter(bytes)),
        family(
            "stampede_response_time_seconds",
            "Due until last byte of the answer",
            Points::Histogram(times),
        ),
    ]
}

fn agents<L: Borrow<Live>>(runs: &[L]) -> Vec<Family> {
    let gauge = |of: fn(&LiveAgent) -> f64| {
        let rows =
            each(runs, |live| &live.agents, ("agent", |own: &LiveAgent| &own.name), |own| Some(of(own)));
        Points::Gauge(rows)
    };
    let started =
        each(runs, |live| &live.agents, ("agent", |own: &LiveAgent| &own.name), |own| Some(own.started));
    let family = |name, help, points| Family { name, help, points };
    vec![
        family(
            "stampede_agent_send_lag_p99_seconds",
            "How late an agent sent, in the last second",
            gauge(|own| own.send_lag_p99_us as f64 / 1e6),
        ),
        family(
            "stampede_agent_cpu_share",
            "The engine threads' part of their cores",
            gauge(|own| own.cpu_share),
        ),
        family(
            "stampede_agent_here",
            "1 while the agent holds its lease",
            gauge(|own| f64::from(u8::from(own.state == "here"))),
        ),
        family("stampede_agent_started", "Iterations begun by an agent", Points::Counter(started)),
    ]
}

/// A point for each part of each run that has a value.
fn each<L: Borrow<Live>, P, T>(
    runs: &[L],
    parts: fn(&Live) -> &Vec<P>,
    (label, name): (&'static str, fn(&P) -> &str),
    of: impl Fn(&P) -> Option<T>,
) -> Vec<(Labels, T)> {
    let mut rows = Vec::new();
    for run in runs {
        let live: &Live = run.borrow();
        for part in parts(live) {
            rows.extend(of(part).map(|value| (labels(live, vec![(label, name(part))]), value)));
        }
    }
    rows
}

fn labels(live: &Live, more: Vec<(&'static str, &str)>) -> Labels {
    let run = [("run", live.run.id.as_str()), ("plan", live.run.name.as_str())];
    run.into_iter().chain(more).map(|(name, value)| (name, printable(value))).collect()
}

impl Times {
    fn of(row: &LiveSeries) -> Self {
        let times = row.response_time;
        let mut cells = row.cells.clone();
        // A series without an answer has no cells yet.
        cells.resize(Stretch::heat_edges_us().len(), 0);
        let sum_s = times.mean * times.count as f64 / 1e6;
        Self { sum_s, cells, exponential: Arc::clone(&row.exponential) }
    }
}
