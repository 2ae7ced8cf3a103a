//! The report: the one account of a run that terminal, files and page read. Nobody else computes a number.
//!
//! As JSON it is `report.json`, a documented contract: keys are added, never renamed or given another meaning.
//! Times are microseconds, sizes bytes, shares fractions from 0 to 1; `null` means that there was no sample.
//! Every [`Summary`] carries its whole histogram as `hdr`, base64 of HdrHistogram's V2 form without deflate, which
//! HdrHistogram's tools read; an empty text when nothing was measured.
//!
//! | field | unit | meaning |
//! |---|---|---|
//! | `run.id`, `run.name` | | the run, the plan's name |
//! | `run.started_at` | RFC 3339 | when run time zero was, by the controller's wall clock; a label only |
//! | `run.duration_s` | s | what the run really took from run time zero |
//! | `run.seed` | | the plan's seed |
//! | `run.client` | | which client sent the requests: `lean` or `reqwest`; see the README for what differs |
//! | `verdict.result` | | `pass`, `fail`, `invalid`, `generator_limited`, `aborted`: see [`Judgment`] |
//! | `verdict.reasons[]` | | sentences, the weightiest first; empty when passed |
//! | `agents[].name`, `.instance` | | the agent and its process |
//! | `agents[].lanes` | of 4,096 | lanes it owned |
//! | `agents[].started` | requests | started by it, over all scenarios |
//! | `agents[].send_lag{p50,p99,max}` | µs | due until first byte sent, waits for a free slot included |
//! | `agents[].release_lag{p50,p99,max}` | µs | due until released, of arrivals that found a slot at once |
//! | `agents[].cpu_share` | cores | processor time ÷ time, all its threads (1.0: one core) |
//! | `agents[].clock_bound_us` | µs | its clock is known to ± this |
//! | `agents[].start_skew_us` | µs | how much later than run time zero it began |
//! | `agents[].economy` | | whether it changed from precise to economy pacing by itself |
//! | `agents[].lost` | | why it was lost, or `null` |
//! | `ledger{scenario}` | arrivals | see [`Entry`]: planned, started, finished, abandoned, skipped, unknown |
//! | `imbalances{scenario}` | | a sentence for each scenario whose books do not balance; else empty |
//! | `series[].scenario`, `.step` | | what the rest of the row is about |
//! | `series[].requests` | requests | that ended |
//! | `series[].errors` | requests | those of them that were errors of the target |
//! | `series[].status{code}` | responses | by status code |
//! | `series[].outcomes{kind}` | requests | `ok` and the target's errors by kind, zeros left out |
//! | `series[].generator_faults{kind}` | requests | that failed by the agents' own fault, zeros left out |
//! | `series[].response_time` | µs | [`Summary`]: due until last byte of the answer |
//! | `series[].service_time` | µs | first byte sent until last byte of the answer |
//! | `series[].send_lag` | µs | due until first byte sent |
//! | `series[].ttfb` | µs | first byte sent until first byte of the answer |
//! | `series[].connect_time` | µs | making a connection, where a request had to |
//! | `series[].size` | bytes | response bodies |
//! | `series[].bytes_in`, `.bytes_out` | bytes | received and sent, heads included |
//! | `timeline[].t_s`, `.width_s` | s | where the row begins on the run's axis, how wide it is |
//! | `timeline[].planned`, `.started`, `.errors` | | of the arrivals that were due then |
//! | `timeline[].p50`, `.p99` | µs | response time of what was due then, or `null` |
//! | `thresholds[].metric`, `.limit` | | as written in the plan |
//! | `thresholds[].unit` | | of `value`: `us` or `share` |
//! | `thresholds[].value` | `unit` | what was measured, or `null`: no samples |
//! | `thresholds[].holds` | | whether the value keeps to the limit; without samples it does not |
//! | `warnings[]` | | what one should know besides |

use crate::histogram::Histogram;
use crate::ledger::{self, Entry};
use crate::measured::{Measured, Series, Tally, series_of};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::run::Ending;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

mod limits;
mod summary;
mod timeline;
mod verdict;

pub use limits::{ThresholdRow, Unit};
pub use summary::{Lag, Summary};
pub use timeline::TimelineRow;
pub use verdict::{Judgment, Verdict};

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The plan that was run.
    pub plan: &'a Plan,
    /// The run.
    pub run_id: &'a str,
    /// When run time zero was, in RFC 3339; a label only.
    pub started_at: &'a str,
    /// What the run really took from run time zero.
    pub duration: Duration,
    /// What all agents measured, merged.
    pub totals: &'a Measured,
    /// Arrivals of the whole schedule, by scenario.
    pub planned: &'a [u64],
    /// Arrivals planned in the seconds 0, 1, 2, …, by scenario.
    pub planned_timeline: &'a [Vec<u64>],
    /// Every agent that took part.
    pub agents: &'a [AgentEvidence],
    /// How the run ended.
    pub ending: Ending,
    /// What one should know besides.
    pub warnings: Vec<String>,
}

/// What is known of one agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentEvidence {
    /// Its name.
    pub name: String,
    /// Its process.
    pub instance: String,
    /// Lanes it owned.
    pub lanes: u16,
    /// What became of its arrivals, by scenario.
    pub tallies: Vec<Tally>,
    /// Due until first byte sent, in microseconds.
    pub send_lag: Histogram,
    /// Due until released, in microseconds, of the arrivals that found a slot at once.
    pub release_lag: Histogram,
    /// Processor time ÷ time, all threads: 1.0 is one core.
    pub cpu_share: f64,
    /// Its clock is known to ± this many microseconds.
    pub clock_bound_us: u64,
    /// How much later than run time zero it began, in microseconds.
    pub start_skew_us: u64,
    /// Whether it changed from precise to economy pacing by itself.
    pub economy: bool,
    /// Why it was lost, if it was.
    pub lost: Option<String>,
}

/// The one account of a run. The fields are explained in the table of [the module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which run.
    pub run: RunHead,
    /// What is to be thought of it.
    pub verdict: Verdict,
    /// Every agent that took part.
    pub agents: Vec<AgentRow>,
    /// The books, by the scenario's name.
    pub ledger: BTreeMap<String, Entry>,
    /// A sentence for each scenario whose books do not balance.
    pub imbalances: BTreeMap<String, String>,
    /// What was measured, in the plan's order.
    pub series: Vec<SeriesRow>,
    /// The run over time, scenario after scenario.
    pub timeline: Vec<TimelineRow>,
    /// The plan's rules, in its order.
    pub thresholds: Vec<ThresholdRow>,
    /// What one should know besides.
    pub warnings: Vec<String>,
}

/// Which run a report is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// The run.
    pub id: String,
    /// The plan's name.
    pub name: String,
    /// When run time zero was, in RFC 3339; a label only.
    pub started_at: String,
    /// What the run really took from run time zero, in seconds.
    pub duration_s: f64,
    /// The plan's seed.
    pub seed: u64,
    /// Which client sent the requests.
    pub client: String,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Its name.
    pub name: String,
    /// Its process.
    pub instance: String,
    /// Lanes it owned, of [`LANES`](crate::lane::LANES).
    pub lanes: u16,
    /// Requests it started.
    pub started: u64,
    /// Due until first byte sent.
    pub send_lag: Lag,
    /// Due until released, of the arrivals that found a slot at once.
    pub release_lag: Lag,
    /// Processor time ÷ time, all threads: 1.0 is one core.
    pub cpu_share: f64,
    /// Its clock is known to ± this many microseconds.
    pub clock_bound_us: u64,
    /// How much later than run time zero it began, in microseconds.
    pub start_skew_us: u64,
    /// Whether it changed from precise to economy pacing by itself.
    pub economy: bool,
    /// Why it was lost, if it was.
    pub lost: Option<String>,
}

/// What one series (scenario, step) measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// The scenario's name.
    pub scenario: String,
    /// The step's name.
    pub step: String,
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that were errors of the target.
    pub errors: u64,
    /// Responses by status code.
    pub status: BTreeMap<u16, u64>,
    /// `ok` and the target's errors, by [`Outcome::name`]; zeros left out.
    pub outcomes: BTreeMap<String, u64>,
    /// The agents' own faults, by [`Outcome::name`]; zeros left out.
    pub generator_faults: BTreeMap<String, u64>,
    /// Due until last byte of the answer.
    pub response_time: Summary,
    /// First byte sent until last byte of the answer.
    pub service_time: Summary,
    /// Due until first byte sent.
    pub send_lag: Summary,
    /// First byte sent until first byte of the answer.
    pub ttfb: Summary,
    /// Making a connection, where a request had to.
    pub connect_time: Summary,
    /// Sizes of response bodies in bytes.
    pub size: Summary,
    /// Bytes received, heads included.
    pub bytes_in: u64,
    /// Bytes sent, heads included.
    pub bytes_out: u64,
}

impl Report {
    /// The account of the run that `evidence` describes.
    #[must_use]
    pub fn of(evidence: Evidence<'_>) -> Self {
        let books = Books::of(&evidence);
        let thresholds = limits::check(&evidence, &books);
        let verdict = verdict::judge(&evidence, &books, &thresholds);
        let Evidence { plan, totals, .. } = evidence;
        let places = series_of(plan).into_iter().zip(&totals.series);
        let economy = evidence.agents.iter().filter(|agent| agent.economy).map(|agent| {
            format!("agent {} was too busy for precise pacing and changed to economy by itself", agent.name)
        });
        Self {
            run: RunHead {
                id: evidence.run_id.to_owned(),
                name: plan.name.clone(),
                started_at: evidence.started_at.to_owned(),
                duration_s: evidence.duration.as_secs_f64(),
                seed: plan.seed,
                client: plan.target.client().name().to_owned(),
            },
            verdict,
            agents: evidence.agents.iter().map(AgentRow::of).collect(),
            ledger: books.by_name(plan),
            imbalances: books.imbalances,
            series: places.map(|(place, series)| SeriesRow::of(plan, place, series)).collect(),
            timeline: timeline::rows(&evidence),
            thresholds,
            warnings: evidence.warnings.into_iter().chain(economy).collect(),
        }
    }
}

/// The books of every scenario, closed as far as they close.
struct Books {
    /// By the scenario's number in the plan.
    entries: Vec<Entry>,
    /// By the scenario's name.
    imbalances: BTreeMap<String, String>,
}

impl Books {
    fn of(evidence: &Evidence<'_>) -> Self {
        // Who aborts does not wait for every last delta.
        let lost = matches!(evidence.ending, Ending::AgentLost(_) | Ending::Aborted)
            || evidence.agents.iter().any(|agent| agent.lost.is_some());
        let mut books = Self { entries: Vec::new(), imbalances: BTreeMap::new() };
        for (number, scenario) in evidence.plan.scenarios.iter().enumerate() {
            let planned = evidence.planned.get(number).copied().unwrap_or_default();
            let known = match evidence.ending {
                // No agent was ever told to begin, so none has books: the whole schedule was stopped.
                Ending::NotStarted(_) => Tally { stopped: planned, ..Tally::default() },
                _ => evidence.totals.tallies.get(number).copied().unwrap_or_default(),
            };
            books.entries.push(ledger::close(planned, &known, lost).unwrap_or_else(|imbalance| {
                books.imbalances.insert(scenario.name.clone(), imbalance.to_string());
                Entry::of_known(planned, &known)
            }));
        }
        books
    }

    fn by_name(&self, plan: &Plan) -> BTreeMap<String, Entry> {
        let names = plan.scenarios.iter().map(|scenario| scenario.name.clone());
        names.zip(self.entries.iter().copied()).collect()
    }

    /// Started ÷ planned of these entries, without what a stop took away; `None` when nothing was asked for.
    fn delivered<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> Option<f64> {
        let asked: f64 = entries.clone().map(|entry| entry.asked() as f64).sum();
        let started: f64 = entries.map(|entry| entry.started as f64).sum();
        (asked > 0.0).then(|| started / asked)
    }
}

impl AgentRow {
    fn of(agent: &AgentEvidence) -> Self {
        Self {
            name: agent.name.clone(),
            instance: agent.instance.clone(),
            lanes: agent.lanes,
            started: agent.tallies.iter().fold(0, |sum, tally| tally.started.saturating_add(sum)),
            send_lag: Lag::of(&agent.send_lag),
            release_lag: Lag::of(&agent.release_lag),
            // JSON knows no infinities, and an agent may send any number.
            cpu_share: if agent.cpu_share.is_finite() { agent.cpu_share } else { 0.0 },
            clock_bound_us: agent.clock_bound_us,
            start_skew_us: agent.start_skew_us,
            economy: agent.economy,
            lost: agent.lost.clone(),
        }
    }
}

impl SeriesRow {
    fn of(plan: &Plan, (scenario, step): (usize, usize), series: &Series) -> Self {
        let scenario = &plan.scenarios[scenario];
        Self {
            scenario: scenario.name.clone(),
            step: scenario.steps[step].name.clone(),
            requests: series.requests(),
            errors: series.errors(),
            status: series.status.clone(),
            outcomes: outcomes(series, |outcome| !outcome.is_generators_own()),
            generator_faults: outcomes(series, Outcome::is_generators_own),
            response_time: Summary::of(&series.response_time()),
            service_time: Summary::of(&series.service_time),
            send_lag: Summary::of(&series.send_lag),
            ttfb: Summary::of(&series.ttfb),
            connect_time: Summary::of(&series.connect_time),
            size: Summary::of(&series.size),
            bytes_in: series.bytes_in,
            bytes_out: series.bytes_out,
        }
    }
}

fn outcomes(series: &Series, wanted: impl Fn(Outcome) -> bool) -> BTreeMap<String, u64> {
    let counts = Outcome::ALL.into_iter().map(|outcome| (outcome, series.outcomes[outcome.index()]));
    let counts = counts.filter(|(outcome, n)| *n > 0 && wanted(*outcome));
    counts.map(|(outcome, n)| (outcome.name().to_owned(), n)).collect()
}

#[cfg(test)]
mod tests;
