//! How a run stands while it is on: what the web page, the terminal and metrics read, at most once a second.
//!
//! As JSON it is a documented contract like the report: keys are added, never renamed. Times are microseconds unless the
//! key says otherwise, sizes bytes, shares fractions from 0 to 1; `null` means that there was no sample.

use crate::exponential::Exponential;
pub use crate::pulse::{Pulse, PulseAgent};
use crate::report::{HeatRow, SampleRow, SeriesKind, TimelineRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// Which run, and how far it is.
    pub run: LiveRun,
    /// The last second that was told.
    pub now: Pulse,
    /// Every scenario, in the plan's order.
    pub scenarios: Vec<LiveScenario>,
    /// What was measured since the start, in the plan's order.
    pub series: Vec<LiveSeries>,
    /// Every agent that takes part.
    pub agents: Vec<LiveAgent>,
    /// The plan's rules, in its order.
    pub thresholds: Vec<LiveThreshold>,
    /// Failing exchanges to be looked at: at most 50.
    pub failures: Vec<SampleRow>,
    /// Whether everything that agents told adds up so far. The whole books are closed at the end.
    pub ledger_ok: bool,
    /// What one should know besides.
    pub warnings: Vec<String>,
}

/// Which run, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveRun {
    /// The run.
    pub id: String,
    /// The plan's name.
    pub name: String,
    /// `queued`, `gathering`, `preparing`, `running`, `draining` or `over`.
    pub state: String,
    /// Run time in seconds; 0 before the start.
    pub run_time_s: f64,
    /// When the load ends, in seconds since run time zero.
    pub load_end_s: f64,
    /// Who or what is waited for.
    pub waiting_for: Vec<String>,
    /// The agents that joined.
    pub joined: Vec<String>,
    /// Whether the operator has paused the load.
    pub paused: bool,
}

/// A scenario now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveScenario {
    /// Its name.
    pub name: String,
    /// The key of its load: `rate`, `users`, `tries` or `replay`.
    pub kind: String,
    /// Arrivals per second that are asked for now; `None`: users ask.
    pub asked_rate: Option<f64>,
    /// Users that are asked for now; `None`: it has no curve of users.
    pub asked_users: Option<f64>,
    /// Arrivals planned so far; of closed loads those that were begun.
    pub planned: u64,
    /// Iterations begun.
    pub started: u64,
    /// Those of them that ended.
    pub finished: u64,
    /// Arrivals that were not sent.
    pub skipped: u64,
    /// What the operator can change now.
    pub steer: Vec<Knob>,
}

/// What the operator can change of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Knob {
    /// Its arrivals per second.
    Rate,
    /// Its users.
    Users,
}

/// What a series measured since the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveSeries {
    /// The scenario's name.
    pub scenario: String,
    /// The step's name.
    pub step: String,
    /// What is counted.
    pub kind: SeriesKind,
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that were errors of the target.
    pub errors: u64,
    /// Requests per second that ended in the last ten seconds.
    pub rate: f64,
    /// Responses by status code.
    pub status: BTreeMap<u16, u64>,
    /// How requests ended, the generator's own faults included; zeros left out.
    pub outcomes: BTreeMap<String, u64>,
    /// Due until last byte of the answer.
    pub response_time: LiveTimes,
    /// Response times by the cells of the heat map, all of them, from the fastest on.
    pub cells: Vec<u64>,
    /// Response times in exponential buckets, for monitoring: viewers are not sent them, and copies share them.
    #[serde(skip)]
    pub exponential: Arc<Exponential>,
    /// Bytes received, heads included.
    pub bytes_in: u64,
}

/// A distribution of times in microseconds; all 0 when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveTimes {
    /// How many.
    pub count: u64,
    /// The smallest.
    pub min: u64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 95th percentile.
    pub p95: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p99_9: u64,
    /// The largest.
    pub max: u64,
}

/// An agent now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveAgent {
    /// Its name.
    pub name: String,
    /// `preparing`, `here`, `away`, `lost`, `leaving`, `spare`, `finished` or `gone`.
    pub state: String,
    /// Lanes it owns, of 4,096.
    pub lanes: u32,
    /// Requests under way.
    pub in_flight: u32,
    /// How long nothing was heard of it, in milliseconds.
    pub silent_ms: u64,
    /// How long it may fire at most without being heard of again, in milliseconds; 0: its lease is over.
    #[serde(default)]
    pub lease_left_ms: u64,
    /// 99th percentile, in microseconds, of due until first byte sent, in the last second that was told.
    pub send_lag_p99_us: u64,
    /// Its engine threads' part of their cores.
    pub cpu_share: f64,
    /// Its clock is known to ± this many microseconds.
    pub clock_bound_us: u64,
    /// Whether it changed from precise to economy pacing by itself.
    pub economy: bool,
    /// Iterations begun.
    pub started: u64,
}

/// A rule of the plan now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveThreshold {
    /// The metric as written.
    pub metric: String,
    /// The limit as written.
    pub limit: String,
    /// Of what it holds, like `step search, any 10s`; empty for the whole run.
    #[serde(default)]
    pub scope: String,
    /// Of the newest window that was judged, or of the run so far; `None`: nothing yet.
    pub value: Option<f64>,
    /// The unit of `value`: `us`, `share`, `per_s` or `count`.
    pub unit: String,
    /// How it stands.
    pub state: Standing,
    /// Whether the run ends when it breaks.
    pub abort: bool,
}

/// How a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The value keeps to the limit.
    Ok,
    /// It does not.
    Broken,
    /// It is not judged yet.
    Waiting,
}

/// What goes to a viewer: what changed since the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Feed {
    /// Whether everything that came before is void: the rows of this one are all there are. The first one of a viewer
    /// says so, and one after which rows are wider than before.
    pub reset: bool,
    /// How the run stands.
    pub live: Live,
    /// Rows by due time that are new or have changed: each replaces the one with the same `t_s` and `scenario`.
    pub timeline: Vec<TimelineRow>,
    /// Rows by arrival of the news: each replaces the one with the same `t_s`.
    pub pulse: Vec<Pulse>,
    /// Rows of the heat map of all scenarios together that are new or have changed: each replaces the one with the same
    /// `t_s`.
    pub heat: Vec<HeatRow>,
    /// Where the cells of the heat map begin, in microseconds.
    pub heat_edges_us: Vec<u64>,
    /// What happened, in order; the newest 1,000 lines are kept.
    pub log: Vec<LogLine>,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When, in seconds since run time zero; `None` before the start.
    pub t_s: Option<f64>,
    /// When, in RFC 3339, by the controller's wall clock; a label only.
    pub at: String,
    /// What.
    pub text: String,
}

impl LiveTimes {
    /// The histogram's numbers.
    #[must_use]
    pub fn of(histogram: &crate::histogram::Histogram) -> Self {
        Self {
            count: histogram.count(),
            min: histogram.min(),
            mean: histogram.mean(),
            p50: histogram.quantile(0.5),
            p90: histogram.quantile(0.9),
            p95: histogram.quantile(0.95),
            p99: histogram.quantile(0.99),
            p99_9: histogram.quantile(0.999),
            max: histogram.max(),
        }
    }
}
