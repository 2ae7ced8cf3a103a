//! What came in since the live view was drawn last.

use common::histogram::Histogram;
use common::outcome::Outcome;
use common::series::Place;
use proto::v1;

/// What came in since the live view was drawn last: no part of the books.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// Response times in microseconds.
    pub response: Histogram,
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that were errors of the target.
    pub errors: u64,
    /// Requests that were started.
    pub started: u64,
}

impl Recent {
    /// Adds a delta that is in the books. A sum that does not fit leaves the view a little poorer.
    pub(super) fn add(&mut self, places: &[Place], message: &v1::Delta) {
        let is_error = |(outcome, _): &(Outcome, &u64)| outcome.is_error();
        let is_request = |one: &&v1::SeriesDelta| {
            places.get(one.series as usize).is_some_and(|place| place.counts_requests())
        };
        for one in message.series.iter().filter(is_request) {
            let outcomes = || Outcome::ALL.into_iter().zip(&one.outcomes);
            self.requests = outcomes().fold(self.requests, |sum, (_, n)| sum.saturating_add(*n));
            self.errors = outcomes().filter(is_error).fold(self.errors, |sum, (_, n)| sum.saturating_add(*n));
            for bucket in &one.buckets {
                self.started = self.started.saturating_add(bucket.started);
                let response = bucket.response_time.as_ref();
                proto::delta::read_histogram(&mut self.response, response).unwrap_or_default();
            }
        }
    }
}
