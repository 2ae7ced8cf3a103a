//! How runs stand, in the quantities that monitoring knows: names, units and labels are the same however they leave.
//!
//! Everything is made from what the viewers see ([`Live`]) at that moment. Counters begin with the run; times are in
//! seconds, as Prometheus wants them. [`exposition`] is the text form of OpenMetrics 1.0, where a bucket `le` of a
//! histogram holds what lay below that time.

use common::exponential::Exponential;
use common::human::printable;
use common::live::{Live, LiveAgent, LiveScenario, LiveSeries};
use common::report::{SeriesKind, Stretch};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The media type of [`exposition`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All of it, for the runs that are on and the last one that was.
#[must_use]
pub fn exposition(runs: &[Arc<Live>]) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Runs(runs.to_vec())));
    let mut text = String::new();
    // A string takes everything.
    encode(&mut text, &registry).unwrap_or_default();
    text
}

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
    /// How many lie in each cell; the cells end at [`bounds_s`], the last one has no end.
    pub(crate) cells: Vec<u64>,
    /// The same ones in exponential buckets.
    pub(crate) exponential: Arc<Exponential>,
}

/// Where the cells of times end, in seconds.
fn bounds_s() -> Vec<f64> {
    Stretch::heat_edges_us().iter().skip(1).map(|us| *us as f64 / 1e6).collect()
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
        let sum_s = times.mean * times.count as f64 / 1e6;
        Self { sum_s, cells: row.cells.clone(), exponential: Arc::clone(&row.exponential) }
    }
}

#[derive(Debug)]
struct Runs(Vec<Arc<Live>>);

impl Collector for Runs {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        families(&self.0).into_iter().try_for_each(|family| encode_family(&mut out, family))
    }
}

fn encode_family(out: &mut DescriptorEncoder<'_>, family: Family) -> fmt::Result {
    let kind = match &family.points {
        Points::Counter(_) => MetricType::Counter,
        Points::Gauge(_) => MetricType::Gauge,
        Points::Histogram(_) => MetricType::Histogram,
    };
    let out = out.encode_descriptor(family.name, family.help, None, kind)?;
    match family.points {
        Points::Counter(rows) => {
            encode_rows(out, rows, |mut own, n| own.encode_counter::<NoLabelSet, _, u64>(&n, None))
        }
        Points::Gauge(rows) => encode_rows(out, rows, |mut own, value| own.encode_gauge(&value)),
        Points::Histogram(rows) => encode_rows(out, rows, |mut own, times| {
            let bounds = bounds_s().into_iter().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(times.cells).collect();
            let count = buckets.iter().map(|(_, n)| n).sum();
            own.encode_histogram::<NoLabelSet>(times.sum_s, count, &buckets, None)
        }),
    }
}

fn encode_rows<T>(
    mut out: MetricEncoder<'_>,
    rows: Vec<(Labels, T)>,
    encode: impl Fn(MetricEncoder<'_>, T) -> fmt::Result,
) -> fmt::Result {
    rows.into_iter().try_for_each(|(labels, value)| encode(out.encode_family(&labels)?, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::live::{LiveAgent, LiveRun, LiveScenario, LiveTimes};
    use std::collections::BTreeMap;

    fn live() -> Live {
        let row = LiveSeries {
            scenario: "browse".into(),
            step: "GET \"/\"\n\\".into(),
            kind: SeriesKind::Requests,
            requests: 5,
            errors: 1,
            rate: 1.0,
            status: BTreeMap::from([(200, 4), (500, 1)]),
            outcomes: BTreeMap::from([("ok".into(), 4), ("unexpected_status".into(), 1)]),
            response_time: LiveTimes { count: 5, mean: 2_000.0, ..LiveTimes::default() },
            cells: (0..32).map(|cell| u64::from([3, 7, 31].contains(&cell)) * (cell % 4 + 1)).collect(),
            exponential: Arc::default(),
            bytes_in: 77,
        };
        Live {
            run: LiveRun { id: "r1".into(), name: "shop".into(), run_time_s: 2.5, ..LiveRun::default() },
            scenarios: vec![LiveScenario {
                name: "browse".into(),
                planned: 6,
                asked_rate: Some(2.0),
                ..LiveScenario::default()
            }],
            series: vec![row],
            agents: vec![LiveAgent { name: "a1".into(), state: "here".into(), ..LiveAgent::default() }],
            ..Live::default()
        }
    }

    #[test]
    fn counters_gauges_and_histograms_stand_as_prometheus_reads_them() {
        let text = exposition(&[Arc::new(live())]);
        for line in [
            "stampede_arrivals_planned_total{run=\"r1\",plan=\"shop\",scenario=\"browse\"} 6",
            "stampede_asked_rate{run=\"r1\",plan=\"shop\",scenario=\"browse\"} 2.0",
            "stampede_responses_total{run=\"r1\",plan=\"shop\",scenario=\"browse\",step=\"GET \\\"/\\\"\\\\\",code=\"500\"} 1",
            "stampede_response_time_seconds_sum{run=\"r1\",plan=\"shop\",scenario=\"browse\",step=\"GET \\\"/\\\"\\\\\"} 0.01",
            "stampede_response_time_seconds_bucket{le=\"0.0025\",run=\"r1\",plan=\"shop\",scenario=\"browse\",step=\"GET \\\"/\\\"\\\\\"} 8",
            "stampede_response_time_seconds_bucket{le=\"+Inf\",run=\"r1\",plan=\"shop\",scenario=\"browse\",step=\"GET \\\"/\\\"\\\\\"} 12",
            "stampede_agent_here{run=\"r1\",plan=\"shop\",agent=\"a1\"} 1.0",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn no_run_is_an_empty_exposition() {
        assert!(exposition(&[]).ends_with("# EOF\n"));
    }
}
