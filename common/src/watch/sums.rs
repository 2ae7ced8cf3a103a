//! What a rule is judged by: counts and times of the requests that it means.

use crate::histogram::{HIGHEST, Histogram, HistogramError, plus};
use crate::threshold::{Measure, Stat, Status};
use crate::timeline::Bucket;

/// Counts and response times of the requests that a rule means, as far as they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that were errors of the target.
    pub errors: u64,
    /// Those of them that were answered with the status that is meant; without one all of them.
    pub meant: u64,
    /// Response times in microseconds.
    pub times: Histogram,
}

/// Requests that have no answer yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many.
    pub requests: u64,
    /// How old they are at least, in microseconds.
    pub ages: Histogram,
}

/// What a value is at least and at most, whatever the requests without an answer will bring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

impl Sums {
    /// Adds what was due in one stretch.
    pub fn add_bucket(&mut self, bucket: &Bucket, status: Option<Status>) -> Result<(), HistogramError> {
        let meant = status.map_or(bucket.finished, |status| {
            let of = bucket.status.iter().filter(|(code, _)| status.is_of(**code));
            of.fold(0, |sum, (_, n)| sum + n)
        });
        self.requests = plus(self.requests, bucket.finished)?;
        self.errors = plus(self.errors, bucket.errors)?;
        self.meant = plus(self.meant, meant)?;
        self.times.add(&bucket.response_time)
    }

    /// Adds others. Sums that would not fit were refused when they came in.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.meant = self.meant.saturating_add(other.meant);
        self.times.add(&other.times).unwrap_or_default();
    }

    /// What `measure` is over so many seconds; `None` without a request to judge by.
    #[must_use]
    pub fn value(&self, measure: Measure, seconds: f64) -> Option<f64> {
        let share = |part: u64| (self.requests > 0).then(|| part as f64 / self.requests as f64);
        match measure {
            Measure::Time(_, stat) => statistic(&self.times, stat),
            Measure::ErrorRate => share(self.errors),
            Measure::Share => share(self.meant),
            Measure::Rate => (seconds > 0.0).then(|| self.meant as f64 / seconds),
            Measure::Requests => Some(self.meant as f64),
            Measure::Errors => Some(self.errors as f64),
            Measure::Delivered => None,
        }
    }

    /// Between what `measure` lies when the pending requests have ended: each takes its present age or longer, and may
    /// end in any way.
    #[must_use]
    pub fn range(&self, pending: &Pending, measure: Measure, seconds: f64) -> Option<Range> {
        let after = |good: bool| {
            let mut sums = self.clone();
            sums.requests = sums.requests.saturating_add(pending.requests);
            if good {
                sums.times.add(&pending.ages).unwrap_or_default();
            } else {
                sums.errors = sums.errors.saturating_add(pending.requests);
                sums.meant = sums.meant.saturating_add(pending.requests);
                sums.times.record_many(HIGHEST + 1, pending.requests);
            }
            sums.value(measure, seconds)
        };
        Some(Range { low: after(true)?, high: after(false)? })
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
