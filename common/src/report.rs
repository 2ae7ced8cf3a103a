//! The report: the one account of a run that terminal, files and page read. Nobody else computes a number.
//!
//! As JSON it is `report.json`, a documented contract: keys are added, never renamed or given another meaning without
//! another [`VERSION`]. [`schema`] is the same contract for machines.
//! Times are microseconds, sizes bytes, shares fractions from 0 to 1; `null` means that there was no sample.
//! Every [`Summary`] carries its whole histogram as `hdr`, base64 of HdrHistogram's V2 form without deflate, which
//! HdrHistogram's tools read; an empty text when nothing was measured.
//!
//! | field | unit | meaning |
//! |---|---|---|
//! | `version` | | [`VERSION`] of the contract; reports that were kept without it are of version 1 |
//! | `run.id`, `run.name` | | the run, the plan's name |
//! | `run.started_at` | RFC 3339 | when run time zero was, by the controller's wall clock; a label only |
//! | `run.duration_s` | s | what the run really took from run time zero |
//! | `run.seed` | | the plan's seed |
//! | `run.client` | | which client sent the requests: `lean` or `reqwest`; see the README for what differs |
//! | `run.partial` | | whether the run was given up, so that last books may be missing |
//! | `verdict.result` | | `pass`, `generator_limited`, `degraded`, `aborted`, `fail`, `invalid`: see [`Judgment`] |
//! | `verdict.reasons[]` | | sentences, the weightiest first; of a run that passed those that cast doubt on it: every request of a scenario failed |
//! | `story.headline`, `.asked[]`, `.delivered`, `.answered[]`, `.trust` | | the run in plain words |
//! | `agents[].name`, `.instance` | | the agent and its process |
//! | `agents[].lanes` | of 4,096 | lanes it owned last |
//! | `agents[].owned` | arrivals | that were its own to send, over all scenarios |
//! | `agents[].started` | requests | started by it |
//! | `agents[].skipped` | arrivals | its own that it did not send |
//! | `agents[].unknown` | arrivals | its own of which nobody knows: `owned` - `started` - `skipped` |
//! | `agents[].send_lag{p50,p99,max}` | µs | due until first byte sent, waits for a free slot included |
//! | `agents[].release_lag{p50,p99,max}` | µs | due until released, of arrivals that found a slot at once |
//! | `agents[].cpu_share` | share | its engine threads' processor time ÷ their time, while the load was on |
//! | `agents[].clock_bound_us` | µs | its clock is known to ± this |
//! | `agents[].start_skew_us` | µs | how much later than run time zero it began |
//! | `agents[].economy` | | whether it changed from precise to economy pacing by itself |
//! | `agents[].lost` | | why it was lost, or `null` |
//! | `ledger{scenario}` | arrivals | see [`Entry`]: planned, started, finished, abandoned, unended, skipped, unknown |
//! | `imbalances{scenario}` | | why its books do not balance, its agents' parts included; empty when all do |
//! | `faults[].kind` | | see [`FaultKind`] |
//! | `faults[].agent` | | whose fault, or `null`: everybody's |
//! | `faults[].from_s`, `.until_s` | s | on the run's axis; `null`: until the end |
//! | `faults[].text` | | what happened |
//! | `faults[].missing` | arrivals | planned and not started, whatever the reason, in the rows of `timeline` that it touches, up to a stop |
//! | `faults[].unknown` | arrivals | of its agent; told once, at the last fault that took the agent away |
//! | `changes[].at_s` | s | from when on the load was another because the operator changed it, to the same arrival on all agents; empty without changes |
//! | `changes[].kind` | | `rate`, `users`, `pause`, `resume` |
//! | `changes[].scenario` | | whose load; `null`: all. Nothing is begun or asked for in a pause, and nothing of it is made up for |
//! | `changes[].rate` | per s | the new rate |
//! | `changes[].users`, `.spawn` | users, per s | the new number of users, and how fast they came or went; `null`: at once |
//! | `changes[].text` | | the same in words |
//! | `shortfalls[].agent` | | an agent that started less than it owned |
//! | `shortfalls[].t_s`, `.width_s` | s | when: by due time |
//! | `shortfalls[].planned`, `.started` | arrivals | that it owned then, and how many of them it started |
//! | `loads[].scenario`, `.kind` | | which scenario, and the key of its load: `rate`, `users`, `tries`, `replay` |
//! | `loads[].model` | | `open`: arrivals come by themselves; `closed`: users wait for their answers, so a slow target is asked less often. A closed response time counts from when its user meant to send: the end of its think time, or the tick of its pacing |
//! | `loads[].start_s` | s | when the load began |
//! | `loads[].users` | users | the most at a time, or `null` |
//! | `loads[].think`, `.pacing_s` | s | as in the plan, or `null`; with a pacing, response times are corrected for ticks that a slow target made late, and `service_time` is the uncorrected view |
//! | `loads[].user_time_asked_s`, `.user_time_active_s` | s | time of all users of a curve together: asked, and in which they were there; or `null` |
//! | `phases[].name`, `.start_s`, `.end_s` | s | a phase of the plan |
//! | `phases[].series[]` | | `scenario`, `step`, `kind`, `requests`, `errors`, `response_time` of what was due in the phase |
//! | `interference[].scenario`, `.step` | | a step that was measured in several phases |
//! | `interference[].baseline`, `.phase` | | the first of those phases, and a later one |
//! | `interference[].times[]` | µs | `statistic`, `before` and `after` in the two; `factor` between them and the `interval` in which it lies with 95 % confidence, or `null` |
//! | `interference[].text` | | the p99 in words |
//! | `series[].scenario`, `.step` | | what the rest of the row is about: a step's name |
//! | `series[].kind` | | `requests` of a step, or `iterations` over all steps: from due until the last step's last byte |
//! | `series[].requests` | requests | that ended; of `iterations`: iterations |
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
//! | `replay[].scenario`, `.step` | | a series of a replayed log |
//! | `replay[].same` | requests | answered with the status of then |
//! | `replay[].statuses[]` | requests | `count` of those with status `then` and status `now`; 0: not known, no answer |
//! | `replay[].size_then`, `.size_now` | bytes | [`Summary`] of bodies, of requests of which both are known |
//! | `replay[].latency_then`, `.latency_now` | µs | what the log tells, and the service times of the same requests |
//! | `timeline[].t_s`, `.width_s` | s | where the row begins on the run's axis, how wide it is |
//! | `timeline[].planned`, `.started` | arrivals | that were due then |
//! | `timeline[].errors` | requests | of those due then that were errors of the target |
//! | `timeline[].p50`, `.p95`, `.p99` | µs | response time of requests that were due then, or `null` |
//! | `timeline[].users_asked`, `.users_active` | users | of a curve, on average, or `null` |
//! | `timeline[].fault` | | whether it lies under a fault |
//! | `heat.edges_us[]` | µs | where the cells of a heat map begin |
//! | `heat.rows[]` | | `scenario`, `t_s`, `width_s`: as in `timeline`; `counts[]`: requests due then by the cell of their response time, from cell `first` on |
//! | `pulse[].t_s`, `.width_s` | s | a row by when the news came in at the controller; `width_s` seconds from `t_s` on |
//! | `pulse[].asked`, `.users_asked` | 1/s, users | what the plan asked for then, on average; users: `null` without a curve |
//! | `pulse[].users` | users | that were there, as told then, or `null` |
//! | `pulse[].started`, `.finished` | requests | begun and ended, as told then |
//! | `pulse[].in_flight` | requests | under way at its end |
//! | `pulse[].p50`, `.p95`, `.p99` | µs | response time of the answers that came in then, or `null` |
//! | `pulse[].errors{outcome}` | requests | that were errors of the target; zeros left out |
//! | `pulse[].send_lag_p99_us` | µs | due until first byte sent, at the worst agent |
//! | `pulse[].agents[].name`, `.started` | iterations | begun by this agent then |
//! | `pulse[].agents[].cpu_share`, `.send_lag_p99_us` | share, µs | how busy its engine threads' cores were, and how late this agent was; of a wide row the most of any second |
//! | `thresholds[].metric`, `.limit` | | as written in the plan |
//! | `thresholds[].scope` | | of what it holds, like `step search, phase stress, 5xx, any 10s`; empty for the whole run |
//! | `thresholds[].unit` | | of `value`: `us`, `share`, `per_s` or `count` |
//! | `thresholds[].value` | `unit` | what was measured, of windows the worst; `null`: no samples |
//! | `thresholds[].holds` | | whether the value keeps to the limit; without enough samples, or without a window that could be judged, it does not |
//! | `thresholds[].samples`, `.min_samples` | requests | that it was judged by (`null` for windows and `delivered`), and how many there have to be |
//! | `thresholds[].abort` | | whether the run is stopped when it is broken |
//! | `thresholds[].windows` | | `null` for a rule of the whole run |
//! | `thresholds[].windows.length_s`, `.every_s` | s | how long a window is, and from one to the next |
//! | `thresholds[].windows.judged`, `.broken` | windows | judged, and those of them that were beyond the limit |
//! | `thresholds[].windows.too_few` | windows | with fewer requests than `min_samples` |
//! | `thresholds[].windows.first_broken_s`, `.worst_s` | s | when the first broken one begins, and the one with `value`; or `null` |
//! | `samples[].scenario`, `.step` | | where the exchange failed |
//! | `samples[].outcome`, `.status` | | how; `status` is `null` when no answer came |
//! | `samples[].arrival` | | the number of its arrival |
//! | `samples[].t_s` | s | when it was due, on the run's axis |
//! | `samples[].agent` | | who sent it |
//! | `samples[].detail` | | what was wrong, where there is more to say |
//! | `samples[].request`, `.answer` | | head and the beginning of the body, credentials taken out |
//! | `rows` | | what came of the rows per request: see [`RowsKept`]; `null` without `--rows` |
//! | `warnings[]` | | what one should know besides |

use crate::ledger::Entry;
use crate::measured::Measured;
use crate::plan::Plan;
use crate::pulse::Pulse;
use crate::revision::Revision;
use crate::run::Ending;
use crate::series::series_of;
use crate::time::RunTime;
use crate::watch::WindowTally;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

mod agents;
mod books;
mod change;
mod delivery;
mod fault;
mod heat;
mod interference;
mod stretch;
mod limits;
mod load;
mod phase;
mod rows;
mod sample;
mod schema;
mod series;
mod replay;
mod shortfall;
mod story;
mod summary;
mod timeline;
mod verdict;

use books::Books;

pub use agents::{AgentEvidence, AgentRow};
pub use change::{ChangeKind, ChangeRow};
pub use fault::{FaultEvidence, FaultKind, FaultRow};
pub use heat::{Heat, HeatRow};
pub use interference::{Factor, InterferenceRow, interference};
pub use limits::{ThresholdRow, Unit, WindowsRow};
pub use load::{LoadRow, Model};
pub use phase::{PhaseRow, PhaseSeries};
pub use replay::{ReplayRow, StatusPair};
pub use rows::{RowsFile, RowsKept};
pub use sample::SampleRow;
pub use schema::{VERSION, schema};
pub use series::{SeriesKind, SeriesRow};
pub use shortfall::ShortfallRow;
pub use story::Story;
pub use stretch::{Stretch, StretchRows};
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
    /// What all agents measured, merged; what a stop took away counts as stopped.
    pub totals: &'a Measured,
    /// Arrivals of the whole schedule, by scenario.
    pub planned: &'a [u64],
    /// Arrivals planned in the seconds 0, 1, 2, …, by scenario.
    pub planned_timeline: &'a [Vec<u64>],
    /// Arrivals that nobody owned, by scenario; without what a stop took away.
    pub unowned: &'a [u64],
    /// Nothing due from here on was asked for, when the run was stopped.
    pub stopped: Option<RunTime>,
    /// Every agent that took part.
    pub agents: &'a [AgentEvidence],
    /// What went wrong with the fleet, in the order of time.
    pub faults: &'a [FaultEvidence],
    /// What the operator changed of the load, in the order of time.
    pub revisions: &'a [Revision],
    /// By threshold of the plan: what became of its windows; `None` for a rule of the whole run.
    pub windows: &'a [Option<WindowTally>],
    /// How the run ended.
    pub ending: Ending,
    /// What one should know besides.
    pub warnings: Vec<String>,
}

/// The one account of a run. The fields are explained in the table of [the module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of the contract; reports that were kept without it are of version 1.
    #[serde(default = "schema::first")]
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// Which run.
    pub run: RunHead,
    /// What is to be thought of it.
    pub verdict: Verdict,
    /// The run in plain words.
    #[serde(default)]
    pub story: Story,
    /// Every agent that took part.
    pub agents: Vec<AgentRow>,
    /// The books, by the scenario's name.
    pub ledger: BTreeMap<String, Entry>,
    /// Why a scenario's books do not balance, for each of which they do not.
    pub imbalances: BTreeMap<String, String>,
    /// What went wrong with the fleet, and what it cost.
    #[serde(default)]
    pub faults: Vec<FaultRow>,
    /// What the operator changed of the load.
    #[serde(default)]
    pub changes: Vec<ChangeRow>,
    /// When which agent started less than it owned.
    #[serde(default)]
    pub shortfalls: Vec<ShortfallRow>,
    /// What kind of load each scenario made.
    #[serde(default)]
    pub loads: Vec<LoadRow>,
    /// The phases of the run, each on its own.
    #[serde(default)]
    pub phases: Vec<PhaseRow>,
    /// What the loads of one phase did to the steps of another; empty while the run is on.
    #[serde(default)]
    pub interference: Vec<InterferenceRow>,
    /// What was measured, in the plan's order.
    pub series: Vec<SeriesRow>,
    /// Then and now of every series of a replayed log.
    #[serde(default)]
    pub replay: Vec<ReplayRow>,
    /// The run over time, scenario after scenario.
    pub timeline: Vec<TimelineRow>,
    /// Response times over time, as the cells of a heat map.
    #[serde(default)]
    pub heat: Heat,
    /// The run as the controller saw it, by when the news came in.
    #[serde(default)]
    pub pulse: Vec<Pulse>,
    /// The plan's rules, in its order.
    pub thresholds: Vec<ThresholdRow>,
    /// Failing exchanges to be looked at.
    #[serde(default)]
    pub samples: Vec<SampleRow>,
    /// What came of the rows per request, if they were asked for.
    #[serde(default)]
    pub rows: Option<RowsKept>,
    /// What one should know besides.
    pub warnings: Vec<String>,
}

/// Which run a report is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Whether the run was given up, so that last books may be missing.
    #[serde(default)]
    pub partial: bool,
}

impl Report {
    /// The account of the run that `evidence` describes.
    #[must_use]
    pub fn of(evidence: Evidence<'_>) -> Self {
        let books = Books::of(&evidence);
        let thresholds = limits::check(&evidence, &books);
        let timeline = timeline::rows(&evidence);
        let faults = fault::rows(&evidence, &books, &timeline);
        let verdict = verdict::judge(&evidence, &books, &thresholds, &faults);
        let (plan, totals) = (evidence.plan, evidence.totals);
        let places = series_of(plan).into_iter().zip(&totals.series);
        let replay = places.clone().filter_map(|(place, series)| ReplayRow::of(plan, place, series));
        let replay = replay.collect();
        let economy = evidence.agents.iter().filter(|agent| agent.economy).map(|agent| {
            format!("agent {} was too busy for precise pacing and changed to economy by itself", agent.name)
        });
        let mut report = Self {
            version: VERSION,
            run: RunHead {
                id: evidence.run_id.to_owned(),
                name: plan.name.clone(),
                started_at: evidence.started_at.to_owned(),
                duration_s: evidence.duration.as_secs_f64(),
                seed: plan.seed,
                client: plan.client().name().to_owned(),
                partial: evidence.ending == Ending::Aborted,
            },
            verdict,
            story: Story::default(),
            agents: evidence
                .agents
                .iter()
                .zip(&books.parts)
                .map(|(own, part)| AgentRow::of(own, *part))
                .collect(),
            ledger: books.by_name(plan),
            imbalances: books.imbalances(plan),
            faults,
            changes: change::rows(&evidence),
            shortfalls: shortfall::rows(&evidence),
            loads: load::rows(&evidence),
            phases: phase::rows(&evidence),
            interference: vec![],
            series: places.map(|(place, series)| SeriesRow::of(plan, place, series)).collect(),
            replay,
            timeline,
            heat: heat::map(&evidence),
            pulse: vec![],
            thresholds,
            samples: SampleRow::all(plan, totals).collect(),
            rows: None,
            warnings: evidence.warnings.iter().cloned().chain(economy).collect(),
        };
        report.story = Story::of(&report);
        report
    }
}

#[cfg(test)]
mod tests;
