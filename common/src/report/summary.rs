//! A histogram in a dozen numbers, and whole.
//!
//! Numbers are for reading; whoever wants another percentile, or the sum of two runs, takes the histogram itself:
//! `hdr` is the base64 of HdrHistogram's V2 form without deflate, which HdrHistogram's own tools read.

use crate::histogram::Histogram;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A histogram in numbers and whole, in the unit of what was recorded (microseconds or bytes).
///
/// Percentiles are the highest value of the bucket in which the rank lies (at most 0.1 % above the true one).
/// Everything is 0 when nothing was recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// How many values that bucket holds: the mode lies in the last so many up to `mode`.
    #[serde(default)]
    pub mode_width: u64,
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
    /// The whole histogram without its overflow: base64 of its V2 bytes ([`Histogram::to_v2`]); empty when no value
    /// lay within the range.
    #[serde(default)]
    pub hdr: String,
}

/// A lag in three numbers, in microseconds; 0 when nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
            mode_width: histogram.mode().map_or(0, |(lowest, highest)| highest - lowest + 1),
            p50: histogram.quantile(0.5),
            p90: histogram.quantile(0.9),
            p95: histogram.quantile(0.95),
            p99: histogram.quantile(0.99),
            p99_9: histogram.quantile(0.999),
            max: histogram.max(),
            overflow: histogram.overflow(),
            hdr: if histogram.count() == 0 { String::new() } else { STANDARD.encode(histogram.to_v2()) },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_histogram_comes_back_from_its_text() {
        let mut histogram = Histogram::new();
        for value in [0, 1, 1, 2_047, 2_048, 3_600_000_000, 3_600_000_001] {
            histogram.record(value);
        }
        let summary = Summary::of(&histogram);
        let mut back = Histogram::new();
        back.add_v2(&STANDARD.decode(summary.hdr).unwrap(), summary.count, summary.overflow).unwrap();
        assert_eq!(back, histogram);
    }

    #[test]
    fn nothing_measured_is_no_text() {
        assert_eq!(Summary::of(&Histogram::new()).hdr, "");
    }
}
