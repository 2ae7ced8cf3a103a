//! Thresholds: rules over measured values that make a run pass or fail, like
//! `index.response_time.p99` `< 250ms`, over the whole run or over every window of it.

use std::fmt;
use std::time::Duration;

mod limit;
mod metric;
mod status;

pub use limit::{Comparison, Kind, Limit, LimitError};
pub use metric::{Measure, Metric, MetricError, Stat, Time};
pub use status::{Status, StatusError};

/// A rule: the metric keeps to the limit. Metric and limit are of the same [`Kind`].
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    metric: Metric,
    limit: Limit,
    terms: Terms,
}

/// Of what a rule holds, and what follows when it is broken. The default: of everything, nothing but the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Only requests of steps of this name.
    pub step: Option<String>,
    /// Only requests that are due in this phase.
    pub phase: Option<String>,
    /// Only answers with this status.
    pub status: Option<Status>,
    /// The rule holds of every window of this length; `None`: of the whole run. Whole seconds.
    pub window: Option<Window>,
    /// The run is stopped when the rule is broken at this run time or later.
    pub abort: Option<Duration>,
    /// With fewer requests there is nothing to judge by.
    pub min_samples: u64,
}

/// The windows of a run of which a rule holds: the first begins with the load, each `every` after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How long one is, in seconds.
    pub length_s: u64,
    /// From the begin of one to that of the next, in seconds.
    pub every_s: u64,
}

impl Threshold {
    /// The rule that `metric` keeps to `limit`.
    ///
    /// # Errors
    /// [`LimitError`] when one is a time and the other a share, for example.
    pub fn new(metric: Metric, limit: Limit) -> Result<Self, LimitError> {
        limit.suits(metric.measure.kind())?;
        Ok(Self { metric, limit, terms: Terms::default() })
    }

    /// The same rule under other terms.
    #[must_use]
    pub fn under(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// Of what it holds, and what follows.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What is measured.
    #[must_use]
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// What it is compared with.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }
}

impl fmt::Display for Threshold {
    /// `index.response_time.p99 (step search, any 10s) < 250ms`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = self.terms.to_string();
        let apart = if terms.is_empty() { String::new() } else { format!(" ({terms})") };
        write!(f, "{}{apart} {}", self.metric, self.limit)
    }
}

impl fmt::Display for Terms {
    /// What of the run is meant: `step search, phase stress, 5xx, any 10s`; nothing for the whole run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.step.as_ref().map(|name| format!("step {name}"));
        let phase = self.phase.as_ref().map(|name| format!("phase {name}"));
        let status = self.status.map(|status| status.to_string());
        let window = self.window.map(|window| format!("any {}s", window.length_s));
        let parts: Vec<String> = [step, phase, status, window].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests;
