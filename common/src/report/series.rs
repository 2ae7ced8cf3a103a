//! What one series measured, as the report tells it.

use crate::measured::Series;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::report::Summary;
use crate::series::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a row counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeriesKind {
    /// The requests of a step.
    #[default]
    Requests,
    /// Passes through all steps of the scenario.
    Iterations,
}

/// What one series measured: the requests of a step, or a scenario's iterations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesRow {
    /// The scenario's name.
    pub scenario: String,
    /// The step's name.
    pub step: String,
    /// What is counted.
    #[serde(default)]
    pub kind: SeriesKind,
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

impl SeriesKind {
    /// What the series at this place counts.
    #[must_use]
    pub const fn of(place: Place) -> Self {
        if place.counts_requests() { Self::Requests } else { Self::Iterations }
    }
}

impl SeriesRow {
    /// The row of the series at this place of the plan.
    pub(super) fn of(plan: &Plan, place: Place, series: &Series) -> Self {
        Self {
            scenario: plan.scenarios[place.scenario].name.clone(),
            step: place.name(plan).to_owned(),
            kind: SeriesKind::of(place),
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
