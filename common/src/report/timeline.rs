//! The run over time: planned beside what became of it, by due time.

use crate::report::Evidence;
use crate::report::load::UserTime;
use crate::series::series_of;
use crate::timeline::{BUCKETS_MAX, Bucket, Timeline};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stretch of the run in one scenario, by due time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineRow {
    /// Where it begins, in seconds since run time zero.
    pub t_s: u64,
    /// How wide it is, in seconds: a power of two, 1 unless the run was long.
    pub width_s: u64,
    /// The scenario's name.
    pub scenario: String,
    /// Arrivals that were due then.
    pub planned: u64,
    /// Those of them that were started.
    pub started: u64,
    /// Requests due then that were errors of the target.
    pub errors: u64,
    /// Median response time in microseconds of the requests due then; `None` without an answer.
    pub p50: Option<u64>,
    /// 95th percentile of the response time in microseconds; `None` without an answer.
    #[serde(default)]
    pub p95: Option<u64>,
    /// 99th percentile of the response time in microseconds; `None` without an answer.
    pub p99: Option<u64>,
    /// Users that a curve asked for, on average; `None` without a curve.
    #[serde(default)]
    pub users_asked: Option<f64>,
    /// Users that were there, on average.
    #[serde(default)]
    pub users_active: Option<f64>,
    /// Whether it lies under a fault.
    #[serde(default)]
    pub fault: bool,
}

/// Row after row without gaps, scenario after scenario.
pub(super) fn rows(evidence: &Evidence<'_>) -> Vec<TimelineRow> {
    let scenarios = evidence.plan.scenarios.iter().enumerate();
    let rows = scenarios.flat_map(|(number, scenario)| {
        let planned = evidence.planned_timeline.get(number).map_or(&[][..], Vec::as_slice);
        let mut rows = of_scenario(&scenario.name, planned, &measured(evidence, number, planned.len()));
        if let Some(time) = UserTime::of(evidence, number) {
            for row in &mut rows {
                row.users_asked = Some(time.asked_in(row.t_s, row.width_s));
                row.users_active.get_or_insert(0.0);
            }
        } else {
            rows.iter_mut().for_each(|row| row.users_active = None);
        }
        rows
    });
    let mut rows: Vec<TimelineRow> = rows.collect();
    for row in &mut rows {
        row.fault = evidence.faults.iter().any(|fault| fault.touches(row));
    }
    rows
}

/// What all requests of the scenario measured, with the iterations' starts; coarse enough for `seconds` to stay bounded.
fn measured(evidence: &Evidence<'_>, scenario: usize, seconds: usize) -> Timeline {
    let width = seconds.div_ceil(BUCKETS_MAX).next_power_of_two() as u64;
    let mut whole = Timeline::default();
    let places = series_of(evidence.plan).into_iter().zip(&evidence.totals.series);
    for (place, series) in places.filter(|(place, _)| place.scenario == scenario) {
        for (start, bucket) in series.timeline.iter() {
            let mut part = if place.counts_requests() { bucket.clone() } else { Bucket::default() };
            part.user_us = bucket.user_us;
            part.started = if place.counts_arrivals { bucket.started } else { 0 };
            // Sums that would not fit were refused when they came in.
            whole.add(start, series.timeline.width_s(), &part).unwrap_or_default();
        }
    }
    whole.add(0, width, &Bucket::default()).unwrap_or_default();
    whole
}

pub(super) fn of_scenario(name: &str, planned: &[u64], measured: &Timeline) -> Vec<TimelineRow> {
    let width_s = measured.width_s();
    let mut rows: Vec<TimelineRow> = Vec::new();
    let row = |t_s: u64, planned: u64| TimelineRow {
        t_s,
        width_s,
        scenario: name.to_owned(),
        planned,
        started: 0,
        errors: 0,
        p50: None,
        p95: None,
        p99: None,
        users_asked: None,
        users_active: None,
        fault: false,
    };
    for (place, seconds) in planned.chunks(usize::try_from(width_s).unwrap_or(usize::MAX)).enumerate() {
        rows.push(row(place as u64 * width_s, seconds.iter().sum()));
    }
    for (start, bucket) in measured.iter().filter(|(_, bucket)| **bucket != Bucket::default()) {
        // A bucket behind the plan (which only a wrong agent can send) is shown, never dropped or filled up to.
        let place = rows.partition_point(|row| row.t_s < start);
        if rows.get(place).is_none_or(|row| row.t_s != start) {
            rows.insert(place, row(start, 0));
        }
        let row = &mut rows[place];
        (row.started, row.errors) = (bucket.started, bucket.errors);
        row.users_active = Some(bucket.user_us as f64 / 1e6 / width_s as f64);
        let times = Some(&bucket.response_time).filter(|times| !times.is_empty());
        row.p50 = times.map(|times| times.quantile(0.5));
        row.p95 = times.map(|times| times.quantile(0.95));
        row.p99 = times.map(|times| times.quantile(0.99));
    }
    rows
}
