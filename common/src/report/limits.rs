//! The plan's thresholds against what was measured.

use crate::human;
use crate::measured::Series;
use crate::plan::Phase;
use crate::report::load::UserTime;
use crate::report::{Books, Evidence};
use crate::threshold::{Kind, Measure, Threshold};
use crate::watch::{Sums, WindowTally, meant, times};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One rule of the plan and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdRow {
    /// The metric as written: `[SCENARIO.]MEASURE[.STATISTIC]`.
    pub metric: String,
    /// The limit as written.
    pub limit: String,
    /// Of what of the run it holds: `step search, phase stress, 5xx, any 10s`; empty for all of it.
    #[serde(default)]
    pub scope: String,
    /// The unit of `value`.
    pub unit: Unit,
    /// What was measured, in windows the worst; `None`: no samples.
    pub value: Option<f64>,
    /// Whether the value keeps to the limit. Nothing measured keeps to no limit.
    pub holds: bool,
    /// Requests of the whole run that it was judged by; `None` for windows and for `delivered`.
    #[serde(default)]
    pub samples: Option<u64>,
    /// How many there have to be.
    #[serde(default)]
    pub min_samples: u64,
    /// Whether the run is stopped when it is broken.
    #[serde(default)]
    pub abort: bool,
    /// What became of its windows, if it is a rule of windows.
    #[serde(default)]
    pub windows: Option<WindowsRow>,
}

/// What became of the windows of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowsRow {
    /// How long each is.
    pub length_s: u64,
    /// From the begin of one to that of the next.
    pub every_s: u64,
    /// How many were judged.
    pub judged: u64,
    /// Those of them that were broken.
    pub broken: u64,
    /// How many had too few requests to be judged.
    pub too_few: u64,
    /// When the first that was broken begins.
    pub first_broken_s: Option<u64>,
    /// When the one with the worst value begins.
    pub worst_s: Option<u64>,
}

/// The unit of a threshold's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Microseconds.
    Us,
    /// A fraction from 0 to 1.
    Share,
    /// Per second.
    PerS,
    /// A number of requests.
    Count,
}

impl Unit {
    /// That of the values of a kind.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Time => Self::Us,
            Kind::Share => Self::Share,
            Kind::Rate => Self::PerS,
            Kind::Count => Self::Count,
        }
    }

    /// As it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Share => "share",
            Self::PerS => "per_s",
            Self::Count => "count",
        }
    }

    /// A value for people.
    #[must_use]
    pub fn tell(self, value: f64) -> String {
        let kind = match self {
            Self::Us => Kind::Time,
            Self::Share => Kind::Share,
            Self::PerS => Kind::Rate,
            Self::Count => Kind::Count,
        };
        human::value(kind, value)
    }
}

impl ThresholdRow {
    /// The metric with what of the run is meant: `response_time.p99 (any 10s)`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.scope.is_empty() { self.metric.clone() } else { format!("{} ({})", self.metric, self.scope) }
    }

    /// What was measured, for people; `None`: nothing.
    #[must_use]
    pub fn measured(&self) -> Option<String> {
        self.value.map(|value| self.unit.tell(value))
    }

    /// What else there is to say, for people: how many windows, too few samples; empty for a plain rule.
    #[must_use]
    pub fn note(&self) -> String {
        let Some(windows) = &self.windows else {
            return match self.samples {
                Some(samples) if samples < self.min_samples => {
                    let (samples, least) = (human::count(samples), human::count(self.min_samples));
                    format!("{samples} of at least {least} requests")
                }
                _ => String::new(),
            };
        };
        let (judged, broken) = (human::count(windows.judged), human::count(windows.broken));
        let mut note = match (windows.judged, windows.broken) {
            (0, _) => "no window could be judged".to_owned(),
            (_, 0) => format!("{judged} windows"),
            _ => format!("broken in {broken} of {judged} windows"),
        };
        let at = |second: u64| human::length(second as f64);
        if let Some(first) = windows.first_broken_s {
            note += &format!(", first from {}", at(first));
        }
        if let Some(worst) = windows.worst_s {
            note += &format!(", worst from {}", at(worst));
        }
        if windows.too_few > 0 {
            note += &format!(", {} with too few requests", human::count(windows.too_few));
        }
        note
    }
}

/// Every threshold of the plan, in its order.
pub(super) fn check(evidence: &Evidence<'_>, books: &Books) -> Vec<ThresholdRow> {
    let rules = evidence.plan.thresholds.iter().enumerate();
    rules.map(|(number, rule)| row(rule, evidence.windows.get(number), evidence, books)).collect()
}

fn row(
    rule: &Threshold,
    tally: Option<&Option<WindowTally>>,
    evidence: &Evidence<'_>,
    books: &Books,
) -> ThresholdRow {
    let (metric, limit, terms) = (rule.metric(), rule.limit(), rule.terms());
    let mut row = ThresholdRow {
        metric: metric.to_string(),
        limit: limit.to_string(),
        scope: terms.to_string(),
        unit: Unit::of(metric.measure.kind()),
        value: None,
        holds: false,
        samples: None,
        min_samples: terms.min_samples,
        abort: terms.abort.is_some(),
        windows: None,
    };
    if let Some(window) = terms.window {
        let tally = tally.cloned().flatten().unwrap_or_default();
        row.value = tally.worst;
        row.holds = tally.judged > 0 && tally.broken == 0;
        row.windows = Some(WindowsRow {
            length_s: window.length_s,
            every_s: window.every_s,
            judged: tally.judged,
            broken: tally.broken,
            too_few: tally.too_few,
            first_broken_s: tally.first_broken_s,
            worst_s: tally.worst_s,
        });
        return row;
    }
    if metric.measure == Measure::Delivered {
        row.value = delivered(rule, evidence, books);
    } else {
        let (start, end) = evidence.plan.span_of(rule, evidence.duration);
        let sums = sums(rule, evidence);
        row.value = sums.value(metric.measure, end.saturating_sub(start).as_secs_f64());
        row.samples = Some(sums.requests);
    }
    let enough = row.samples.is_none_or(|samples| samples >= terms.min_samples);
    row.holds = enough && row.value.is_some_and(|value| limit.holds(value));
    row
}

/// What the rule means, over the whole run or a phase. Histograms are merged and then asked, never averaged.
fn sums(rule: &Threshold, evidence: &Evidence<'_>) -> Sums {
    let mut sums = Sums::default();
    let meant = meant(evidence.plan, rule);
    let series = evidence.totals.series.iter().zip(meant).filter(|(_, meant)| *meant);
    let phase = evidence.plan.phase_of(rule);
    series.for_each(|(series, _)| match phase {
        Some(phase) => add_phase(&mut sums, series, phase, rule),
        None => add_whole(&mut sums, series, rule),
    });
    sums
}

/// What was due in a phase, as in the phase's own table. Sums that would not fit were refused when they came in.
fn add_phase(sums: &mut Sums, series: &Series, phase: &Phase, rule: &Threshold) {
    let within = phase.start..phase.start.saturating_add(phase.length);
    for (_, bucket) in
        series.timeline.iter().filter(|(second, _)| within.contains(&Duration::from_secs(*second)))
    {
        sums.add_bucket(bucket, rule.terms().status).unwrap_or_default();
    }
}

fn add_whole(sums: &mut Sums, series: &Series, rule: &Threshold) {
    let of = |status: crate::threshold::Status| {
        series.status.iter().filter(move |(code, _)| status.is_of(**code)).map(|(_, n)| n).sum()
    };
    let whole = Sums {
        requests: series.requests(),
        errors: series.errors(),
        meant: rule.terms().status.map_or_else(|| series.requests(), of),
        times: match rule.metric().measure {
            Measure::Time(time, _) => times(series, time).into_owned(),
            _ => crate::histogram::Histogram::new(),
        },
    };
    sums.add(&whole);
}

/// Users owe their time, whatever they do in it; of several loads the worst one counts.
fn delivered(rule: &Threshold, evidence: &Evidence<'_>, books: &Books) -> Option<f64> {
    let numbers = (0..books.entries.len()).filter(|number| evidence.plan.is_meant(rule, *number));
    let (users, others): (Vec<usize>, Vec<usize>) =
        numbers.partition(|number| UserTime::of(evidence, *number).is_some());
    let times = users.iter().filter_map(|number| UserTime::of(evidence, *number)?.delivered());
    let arrivals = Books::delivered(others.iter().map(|number| &books.entries[*number]));
    times.chain(arrivals).min_by(f64::total_cmp)
}
