//! Failing exchanges, as the report shows them.

use crate::measured::Measured;
use crate::plan::Plan;
use crate::series::series_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One failing exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SampleRow {
    /// The scenario.
    pub scenario: String,
    /// The step.
    pub step: String,
    /// How it ended.
    pub outcome: String,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// The number of its arrival.
    pub arrival: u64,
    /// When it was due, in seconds on the run's axis.
    pub t_s: f64,
    /// Who sent it.
    pub agent: String,
    /// What was wrong, where there is more to say than the outcome; may be empty.
    pub detail: String,
    /// Request line, headers, an empty line, the beginning of the body.
    pub request: String,
    /// Status line, headers, an empty line, the beginning of the body; may be empty.
    pub answer: String,
}

impl SampleRow {
    /// The samples of every series, in the plan's order, by cause.
    pub fn all<'a>(plan: &'a Plan, totals: &'a Measured) -> impl Iterator<Item = Self> + 'a {
        let places = series_of(plan).into_iter().zip(&totals.series);
        places.flat_map(move |(place, series)| {
            series.samples.iter().map(move |(cause, sample)| Self {
                scenario: plan.scenarios[place.scenario].name.clone(),
                step: place.name(plan).to_owned(),
                outcome: cause.outcome.name().to_owned(),
                status: (cause.status > 0).then_some(cause.status),
                arrival: sample.arrival,
                t_s: sample.due.nanos() as f64 / 1e9,
                agent: sample.agent.clone(),
                detail: sample.detail.clone(),
                request: sample.request.clone(),
                answer: sample.answer.clone(),
            })
        })
    }
}
