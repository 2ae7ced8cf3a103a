//! Then and now of a replayed log, as the report tells it.

use crate::measured::Series;
use crate::plan::Plan;
use crate::report::Summary;
use crate::series::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Then and now of one series of a replayed log: like beside like, of the requests that were really replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayRow {
    /// The scenario's name.
    pub scenario: String,
    /// The series' name.
    pub step: String,
    /// Requests answered with the status of then.
    pub same: u64,
    /// Requests by status then and now.
    pub statuses: Vec<StatusPair>,
    /// Bytes of the bodies then.
    pub size_then: Summary,
    /// Bytes of the bodies of the same requests now.
    pub size_now: Summary,
    /// How long the log says that answers took.
    pub latency_then: Summary,
    /// Service times of the same requests.
    pub latency_now: Summary,
}

/// Requests with one status then and one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusPair {
    /// 0 where the log does not tell it.
    pub then: u16,
    /// 0 where no whole answer came.
    pub now: u16,
    /// How many.
    pub count: u64,
}

impl ReplayRow {
    /// The row of a series that replayed something.
    pub(super) fn of(plan: &Plan, place: Place, series: &Series) -> Option<Self> {
        let own = series.replayed.as_deref()?;
        let pair =
            |((then, now), count): (&(u16, u16), &u64)| StatusPair { then: *then, now: *now, count: *count };
        let statuses: Vec<StatusPair> = own.statuses.iter().map(pair).collect();
        Some(Self {
            scenario: plan.scenarios[place.scenario].name.clone(),
            step: place.name(plan).to_owned(),
            same: statuses.iter().filter(|pair| pair.is_same()).map(|pair| pair.count).sum(),
            statuses,
            size_then: Summary::of(&own.size_then),
            size_now: Summary::of(&own.size_now),
            latency_then: Summary::of(&own.latency_then),
            latency_now: Summary::of(&own.latency_now),
        })
    }
}

impl StatusPair {
    /// Whether the same was answered.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.then == self.now && self.then > 0
    }
}
