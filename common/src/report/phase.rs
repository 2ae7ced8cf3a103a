//! What was measured in each phase of the run.
//!
//! A request belongs to the phase in which it was due, by whole seconds: where a phase begins within a second, that
//! second counts to the phase before. Long runs are told in wider buckets; each counts where it begins.

use crate::histogram::Histogram;
use crate::measured::Series;
use crate::plan::Phase;
use crate::report::{Evidence, SeriesKind, Summary};
use crate::series::{Place, series_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A phase of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseRow {
    /// Its name.
    pub name: String,
    /// When it began, in seconds since run time zero.
    pub start_s: f64,
    /// When it ended.
    pub end_s: f64,
    /// What was measured in it; series of which nothing was due in it are left out.
    pub series: Vec<PhaseSeries>,
}

/// What one series measured in a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseSeries {
    /// The scenario's name.
    pub scenario: String,
    /// The step's name.
    pub step: String,
    /// What is counted.
    pub kind: SeriesKind,
    /// Requests that ended, of those due in the phase.
    pub requests: u64,
    /// Those of them that were errors of the target.
    pub errors: u64,
    /// Due until last byte of the answer.
    pub response_time: Summary,
}

/// Every phase, in the plan's order.
pub(super) fn rows(evidence: &Evidence<'_>) -> Vec<PhaseRow> {
    let places = series_of(evidence.plan);
    let row = |phase: &Phase| {
        let all = places.iter().zip(&evidence.totals.series);
        let (start, end) = (phase.start, phase.start + phase.length);
        PhaseRow {
            name: phase.name.clone(),
            start_s: start.as_secs_f64(),
            end_s: end.as_secs_f64(),
            series: all
                .filter_map(|(place, series)| within(evidence, *place, series, (start, end)))
                .collect(),
        }
    };
    evidence.plan.phases.iter().map(row).collect()
}

fn within(
    evidence: &Evidence<'_>,
    place: Place,
    series: &Series,
    (start, end): (Duration, Duration),
) -> Option<PhaseSeries> {
    let (mut times, mut requests, mut errors) = (Histogram::new(), 0_u64, 0_u64);
    let inside = |second: &u64| (start..end).contains(&Duration::from_secs(*second));
    for (_, bucket) in series.timeline.iter().filter(|(second, _)| inside(second)) {
        requests = requests.saturating_add(bucket.finished);
        errors = errors.saturating_add(bucket.errors);
        // Sums that would not fit were refused when they came in.
        times.add(&bucket.response_time).unwrap_or_default();
    }
    (requests > 0).then(|| PhaseSeries {
        scenario: evidence.plan.scenarios[place.scenario].name.clone(),
        step: place.name(evidence.plan).to_owned(),
        kind: SeriesKind::of(place),
        requests,
        errors,
        response_time: Summary::of(&times),
    })
}
