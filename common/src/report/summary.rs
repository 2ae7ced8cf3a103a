//! A histogram in a dozen numbers.

use crate::histogram::Histogram;
use serde::{Deserialize, Serialize};

/// A histogram in numbers, in the unit of what was recorded (microseconds or bytes).
///
/// Percentiles are the highest value of the bucket in which the rank lies (at most 0.1 % above the true one).
/// Everything is 0 when nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Values within the histogram's range.
    pub count: u64,
    /// The smallest.
    pub min: u64,
    /// The arithmetic mean, overflow left out.
    pub mean: f64,
    /// The standard deviation, overflow left out.
    pub stddev: f64,
    /// The most frequent value: the highest of the fullest bucket.
    pub mode: u64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 95th percentile.
    pub p95: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p99_9: u64,
    /// The largest; the highest of the range when values lay above it.
    pub max: u64,
    /// Values above the range (an hour); they take the last ranks.
    pub overflow: u64,
}

/// A lag in three numbers, in microseconds; 0 when nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

impl Summary {
    /// The histogram's numbers.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        Self {
            count: histogram.count(),
            min: histogram.min(),
            mean: histogram.mean(),
            stddev: histogram.stddev(),
            mode: histogram.mode().map_or(0, |(_, highest)| highest),
            p50: histogram.quantile(0.5),
            p90: histogram.quantile(0.9),
            p95: histogram.quantile(0.95),
            p99: histogram.quantile(0.99),
            p99_9: histogram.quantile(0.999),
            max: histogram.max(),
            overflow: histogram.overflow(),
        }
    }
}

impl Lag {
    /// The histogram's numbers.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        Self { p50: histogram.quantile(0.5), p99: histogram.quantile(0.99), max: histogram.max() }
    }
}
