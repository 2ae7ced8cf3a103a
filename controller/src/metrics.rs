//! How runs stand, for Prometheus: the text form of OpenMetrics 1.0.
//!
//! Everything is made from what the viewers see ([`Live`]) at the moment of a scrape. Counters begin with the run; times are
//! in seconds, as Prometheus wants them. A bucket `le` of a histogram holds what lay below that time.

use common::human::printable;
use common::live::{Live, LiveSeries};
use common::report::{SeriesKind, Stretch};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
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

#[derive(Debug)]
struct Runs(Vec<Arc<Live>>);

/// Names and values, in order.
type Labels = Vec<(&'static str, String)>;

impl Collector for Runs {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        self.load(&mut out)?;
        self.answers(&mut out)?;
        self.agents(&mut out)
    }
}

impl Runs {
    fn load(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let scenarios = || {
            self.0.iter().flat_map(|live| {
                live.scenarios
                    .iter()
                    .map(|scenario| (labels(live, &[("scenario", &scenario.name)]), scenario))
            })
        };
        for (name, help, of) in [
            ("planned", "Arrivals planned so far; of users those that were begun", 0),
            ("started", "Iterations begun", 1),
            ("finished", "Iterations that ended", 2),
            ("skipped", "Arrivals that were not sent", 3),
        ] {
            let n = |scenario: &common::live::LiveScenario| {
                [scenario.planned, scenario.started, scenario.finished, scenario.skipped][of]
            };
            let name = format!("stampede_arrivals_{name}");
            counters(out, (&name, help), scenarios().map(|(labels, scenario)| (labels, n(scenario))))?;
        }
        let rates = scenarios().filter_map(|(labels, scenario)| Some((labels, scenario.asked_rate?)));
        gauges(out, ("stampede_asked_rate", "Arrivals per second that are asked for now"), rates)?;
        let users = scenarios().filter_map(|(labels, scenario)| Some((labels, scenario.asked_users?)));
        gauges(out, ("stampede_asked_users", "Users that are asked for now"), users)?;
        let lives = || self.0.iter().map(|live| (labels(live, &[]), live));
        let users = lives().filter_map(|(labels, live)| Some((labels, live.now.users?)));
        gauges(out, ("stampede_users", "Users that are there"), users)?;
        let flight = lives().map(|(labels, live)| (labels, live.now.in_flight as f64));
        gauges(out, ("stampede_in_flight", "Requests under way"), flight)?;
        let time = lives().map(|(labels, live)| (labels, live.run.run_time_s));
        gauges(out, ("stampede_run_time_seconds", "Since the load began"), time)
    }

    fn answers(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let series = || {
            self.0.iter().flat_map(|live| {
                let requests = live.series.iter().filter(|row| row.kind == SeriesKind::Requests);
                requests.map(move |row| (live, row))
            })
        };
        let named = |live: &Live, row: &LiveSeries, more: &[(&'static str, &str)]| {
            let names = [("scenario", row.scenario.as_str()), ("step", row.step.as_str())];
            labels(live, &names.iter().chain(more).copied().collect::<Vec<_>>())
        };
        let outcomes = series().flat_map(|(live, row)| {
            row.outcomes.iter().map(move |(outcome, n)| (named(live, row, &[("outcome", outcome)]), *n))
        });
        counters(out, ("stampede_requests", "Requests that ended, by how"), outcomes)?;
        let statuses = series().flat_map(|(live, row)| {
            row.status.iter().map(move |(code, n)| (named(live, row, &[("code", &code.to_string())]), *n))
        });
        counters(out, ("stampede_responses", "Responses by status code"), statuses)?;
        let bytes = series().map(|(live, row)| (named(live, row, &[]), row.bytes_in));
        counters(out, ("stampede_received_bytes", "Bytes received, heads included"), bytes)?;
        let what = "Due until last byte of the answer";
        let mut out =
            out.encode_descriptor("stampede_response_time_seconds", what, None, MetricType::Histogram)?;
        let edges_us = Stretch::heat_edges_us();
        let bounds = || edges_us.iter().skip(1).map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
        for (live, row) in series() {
            let times = row.response_time;
            let buckets: Vec<(f64, u64)> = bounds().zip(row.cells.iter().copied()).collect();
            let sum = times.mean * times.count as f64 / 1e6;
            let labels = named(live, row, &[]);
            let mut own = out.encode_family(&labels)?;
            own.encode_histogram::<NoLabelSet>(sum, buckets.iter().map(|(_, n)| n).sum(), &buckets, None)?;
        }
        Ok(())
    }

    fn agents(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let agents = || {
            self.0.iter().flat_map(|live| {
                live.agents.iter().map(|agent| (labels(live, &[("agent", &agent.name)]), agent))
            })
        };
        let lag = agents().map(|(labels, agent)| (labels, agent.send_lag_p99_us as f64 / 1e6));
        gauges(
            out,
            ("stampede_agent_send_lag_p99_seconds", "How late an agent sent, in the last second"),
            lag,
        )?;
        let cpu = agents().map(|(labels, agent)| (labels, agent.cpu_share));
        gauges(out, ("stampede_agent_cpu_share", "The engine threads' part of their cores"), cpu)?;
        let here = agents().map(|(labels, agent)| (labels, f64::from(u8::from(agent.state == "here"))));
        gauges(out, ("stampede_agent_here", "1 while the agent holds its lease"), here)?;
        let started = agents().map(|(labels, agent)| (labels, agent.started));
        counters(out, ("stampede_agent_started", "Iterations begun by an agent"), started)
    }
}

fn labels(live: &Live, more: &[(&'static str, &str)]) -> Labels {
    let run = [("run", live.run.id.as_str()), ("plan", live.run.name.as_str())];
    run.iter().chain(more).map(|(name, value)| (*name, printable(value))).collect()
}

fn counters(
    out: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    rows: impl Iterator<Item = (Labels, u64)>,
) -> fmt::Result {
    let mut out = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    each(&mut out, rows, |mut own, n| own.encode_counter::<NoLabelSet, _, u64>(&n, None))
}

fn gauges(
    out: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    rows: impl Iterator<Item = (Labels, f64)>,
) -> fmt::Result {
    let mut out = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    each(&mut out, rows, |mut own, value| own.encode_gauge(&value))
}

fn each<T>(
    out: &mut MetricEncoder<'_>,
    mut rows: impl Iterator<Item = (Labels, T)>,
    encode: impl Fn(MetricEncoder<'_>, T) -> fmt::Result,
) -> fmt::Result {
    rows.try_for_each(|(labels, value)| encode(out.encode_family(&labels)?, value))
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
