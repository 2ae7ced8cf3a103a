//! Thresholds: rules over measured values that make a run pass or fail, like
//! `index.response_time.p99` `< 250ms`.

use std::fmt;

mod limit;
mod metric;

pub use limit::{Comparison, Kind, Limit, LimitError};
pub use metric::{Measure, Metric, MetricError, Stat, Time};

/// A rule: the metric keeps to the limit. Metric and limit are of the same [`Kind`].
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    metric: Metric,
    limit: Limit,
}

impl Threshold {
    /// The rule that `metric` keeps to `limit`.
    ///
    /// # Errors
    /// [`LimitError::Kind`] when one is a time and the other a share.
    pub fn new(metric: Metric, limit: Limit) -> Result<Self, LimitError> {
        if metric.measure.kind() == limit.kind() {
            Ok(Self { metric, limit })
        } else {
            Err(LimitError::Kind { metric: metric.measure.kind() })
        }
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.metric, self.limit)
    }
}

#[cfg(test)]
mod tests;
