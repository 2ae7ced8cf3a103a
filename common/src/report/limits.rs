//! The plan's thresholds against what was measured.

use crate::histogram::{HIGHEST, Histogram};
use crate::measured::Series;
use crate::report::load::UserTime;
use crate::report::{Books, Evidence};
use crate::series::{Place, series_of};
use crate::threshold::{Kind, Measure, Metric, Stat, Threshold, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule of the plan and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdRow {
    /// The metric as written: `[SCENARIO.]MEASURE[.STATISTIC]`.
    pub metric: String,
    /// The limit as written.
    pub limit: String,
    /// The unit of `value`.
    pub unit: Unit,
    /// What was measured; `None`: no samples.
    pub value: Option<f64>,
    /// Whether the value keeps to the limit. Nothing measured keeps to no limit.
    pub holds: bool,
}

/// The unit of a threshold's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Microseconds.
    Us,
    /// A fraction from 0 to 1.
    Share,
}

/// Every threshold of the plan, in its order.
pub(super) fn check(evidence: &Evidence<'_>, books: &Books) -> Vec<ThresholdRow> {
    let row = |threshold: &Threshold| {
        let (metric, limit) = (threshold.metric(), threshold.limit());
        let value = value_of(metric, evidence, books);
        ThresholdRow {
            metric: metric.to_string(),
            limit: limit.to_string(),
            unit: match limit.kind() {
                Kind::Time => Unit::Us,
                Kind::Share => Unit::Share,
            },
            value,
            holds: value.is_some_and(|value| limit.holds(value)),
        }
    };
    evidence.plan.thresholds.iter().map(row).collect()
}

/// What the metric names; `None` without a sample. Histograms are merged and then asked, never averaged.
fn value_of(metric: &Metric, evidence: &Evidence<'_>, books: &Books) -> Option<f64> {
    let meant = |number: usize| {
        let scenario = evidence.plan.scenarios.get(number);
        metric.scenario.as_ref().is_none_or(|name| scenario.is_some_and(|scenario| scenario.name == *name))
    };
    let places = series_of(evidence.plan).into_iter().zip(&evidence.totals.series);
    let is_meant = |(place, _): &(Place, &Series)| place.counts_requests() && meant(place.scenario);
    let series = places.filter(is_meant).map(|(_, series)| series);
    match metric.measure {
        Measure::Time(time, stat) => {
            let mut merged = Histogram::new();
            for one in series {
                // Sums that would not fit were refused when they came in.
                merged.add(&times(one, time)).unwrap_or_default();
            }
            statistic(&merged, stat)
        }
        Measure::ErrorRate => {
            let sum = |(requests, errors): (u64, u64), one: &Series| {
                (requests.saturating_add(one.requests()), errors.saturating_add(one.errors()))
            };
            let (requests, errors) = series.fold((0, 0), sum);
            (requests > 0).then(|| errors as f64 / requests as f64)
        }
        Measure::Delivered => {
            // Users owe their time, whatever they do in it; of several loads the worst one counts.
            let numbers = (0..books.entries.len()).filter(|number| meant(*number));
            let (users, others): (Vec<usize>, Vec<usize>) =
                numbers.partition(|number| UserTime::of(evidence, *number).is_some());
            let times = users.iter().filter_map(|number| UserTime::of(evidence, *number)?.delivered());
            let arrivals = Books::delivered(others.iter().map(|number| &books.entries[*number]));
            times.chain(arrivals).min_by(f64::total_cmp)
        }
    }
}

fn times(series: &Series, time: Time) -> Histogram {
    match time {
        Time::Response => series.response_time(),
        Time::Service => series.service_time.clone(),
        Time::SendLag => series.send_lag.clone(),
    }
}

/// A statistic of everything that was recorded. Values above the range count as its highest, so that they can
/// break a limit and never keep to one.
fn statistic(times: &Histogram, stat: Stat) -> Option<f64> {
    if times.is_empty() {
        return None;
    }
    let value = match stat {
        Stat::P50 => times.quantile(0.5),
        Stat::P90 => times.quantile(0.9),
        Stat::P95 => times.quantile(0.95),
        Stat::P99 => times.quantile(0.99),
        Stat::P99_9 => times.quantile(0.999),
        Stat::Min if times.count() == 0 => HIGHEST,
        Stat::Min => times.min(),
        Stat::Max => times.max(),
        Stat::Mean => return Some(mean(times)),
    };
    Some(value as f64)
}

fn mean(times: &Histogram) -> f64 {
    let (within, above) = (times.count() as f64, times.overflow() as f64);
    (times.mean() * within + HIGHEST as f64 * above) / (within + above)
}
