//! The index: a single server with a queue, computed instead of run.
//!
//! Each document takes 1 / capacity and begins when the one before it is done:
//!
//! ```text
//! done(i) = max(arrival(i), done(i − 1)) + 1 / capacity
//! ```
//!
//! Below the capacity documents pass at once; above it the queue grows until it is full.

use std::{num::NonZeroU32, str::FromStr, time::Duration};
use thiserror::Error;

/// How many documents the index takes per second; at most 1,000,000. As text: `500/s` or `500`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity(NonZeroU32);

/// A text or number that is no [`Capacity`].
#[derive(Debug, Error, PartialEq, Eq)]
#[error("read capacity {0:?}: expected 1/s to 1000000/s")]
pub struct CapacityError(String);

impl Capacity {
    /// A capacity of `documents` per second.
    pub fn per_second(documents: u32) -> Result<Self, CapacityError> {
        NonZeroU32::new(documents)
            .filter(|documents| documents.get() <= CAPACITY_MAX)
            .map(Self)
            .ok_or_else(|| CapacityError(documents.to_string()))
    }

    fn time_per_document(self) -> Duration {
        Duration::from_secs(1) / self.0.get()
    }
}

impl Default for Capacity {
    /// 500 documents per second: within easy reach of one agent, so that a demo can find the limit.
    fn default() -> Self {
        Self(const { NonZeroU32::new(500).expect("500 is not zero") })
    }
}

impl FromStr for Capacity {
    type Err = CapacityError;

    fn from_str(text: &str) -> Result<Self, CapacityError> {
        let number = text.strip_suffix("/s").unwrap_or(text).trim();
        let documents = number.parse().map_err(|_| CapacityError(text.to_owned()))?;
        Self::per_second(documents)
    }
}

/// The state of the index. Times are worked time (see `stall`).
pub(crate) struct Indexing {
    time_per_document: Duration,
    queue_limit: u32,
    /// When the last document taken will be done.
    free_at: Duration,
    /// Share of the time that the index was busy, as of `busy_at`: a moving average.
    busy: f64,
    busy_at: Duration,
}

/// What becomes of a document.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is taken and done at this time.
    Done(Duration),
    /// The queue is full.
    Full,
}

impl Indexing {
    /// An idle index; `queue_limit` documents may wait or be worked on.
    pub(crate) fn new(capacity: Capacity, queue_limit: u32) -> Self {
        let time_per_document = capacity.time_per_document();
        Self { time_per_document, queue_limit, free_at: Duration::ZERO, busy: 0.0, busy_at: Duration::ZERO }
    }

    /// Takes a document that arrives at `now`.
    pub(crate) fn admit(&mut self, now: Duration) -> Admission {
        if self.free_at.saturating_sub(now) > self.time_per_document * self.queue_limit.saturating_sub(1) {
            return Admission::Full;
        }
        self.busy = self.busy_share(now) + self.time_per_document.as_secs_f64() / MEMORY.as_secs_f64();
        self.busy_at = self.busy_at.max(now);
        self.free_at = self.free_at.max(now) + self.time_per_document;
        Admission::Done(self.free_at)
    }

    /// How long a query takes: `idle` / (1 − busy), as on a processor that both share; at most 20 × `idle`.
    pub(crate) fn query_time(&self, now: Duration, idle: Duration) -> Duration {
        idle.div_f64(1.0 - self.busy_share(now).min(BUSY_MAX))
    }

    /// The moving average at `now`: at a steady rate it settles at rate / capacity.
    fn busy_share(&self, now: Duration) -> f64 {
        let since = now.saturating_sub(self.busy_at);
        self.busy * (-since.as_secs_f64() / MEMORY.as_secs_f64()).exp()
    }
}

/// Above it a document takes less than a microsecond, and the arithmetic is no longer a model of anything.
const CAPACITY_MAX: u32 = 1_000_000;

/// The time after which the moving average has forgotten 63 %: people see a dashboard recover.
const MEMORY: Duration = Duration::from_secs(1);

/// Queries slow down by a factor of 20 at most, so that a dashboard stays a dashboard.
const BUSY_MAX: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn indexing(capacity: u32, queue_limit: u32) -> Indexing {
        Indexing::new(Capacity::per_second(capacity).unwrap(), queue_limit)
    }

    #[test]
    fn documents_wait_behind_the_backlog_and_a_full_queue_refuses() {
        let mut indexing = indexing(100, 3);
        let rows = [
            ("an idle index works at once", 0, Admission::Done(MS(10))),
            ("the second waits for the first", 0, Admission::Done(MS(20))),
            ("the third for both", 5, Admission::Done(MS(30))),
            ("three are in the queue", 5, Admission::Full),
            ("one is done", 10, Admission::Done(MS(40))),
            ("the queue has run empty", 100, Admission::Done(MS(110))),
        ];
        for (sentence, now, expected) in rows {
            assert_eq!(indexing.admit(MS(now)), expected, "{sentence}");
        }
    }

    #[test]
    fn queries_slow_down_as_indexing_gets_busy_and_recover() {
        let mut indexing = indexing(100, 1_000);
        let idle = MS(5);
        assert_eq!(indexing.query_time(MS(0), idle), idle);
        for arrival in 0..500 {
            let _ = indexing.admit(MS(arrival * 20)); // half of the capacity for ten seconds
        }
        let busy = indexing.query_time(MS(10_000), idle);
        assert!((MS(9)..MS(11)).contains(&busy), "{busy:?} at half of the capacity");
        for _ in 0..500 {
            let _ = indexing.admit(MS(10_000));
        }
        let crowded = indexing.query_time(MS(10_000), idle);
        assert!((MS(99)..=MS(101)).contains(&crowded), "{crowded:?} when overrun");
        assert!(indexing.query_time(MS(30_000), idle) < MS(6));
    }

    #[test]
    fn capacities_are_positive_and_bounded() {
        assert_eq!("500/s".parse(), Capacity::per_second(500));
        assert_eq!("500".parse(), Capacity::per_second(500));
        for text in ["0/s", "-1/s", "1000001/s", "many", ""] {
            assert!(text.parse::<Capacity>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_second_finishes_more_documents_than_the_capacity(
            capacity in 1u32..1_000, gaps in prop::collection::vec(0u64..20, 1..300),
        ) {
            let mut indexing = indexing(capacity, 100);
            let mut now = 0;
            let mut last = Duration::ZERO;
            for gap in gaps {
                now += gap;
                if let Admission::Done(done) = indexing.admit(MS(now)) {
                    prop_assert!(done >= last + Duration::from_secs(1) / capacity);
                    prop_assert!(done <= MS(now) + Duration::from_secs(100) / capacity + MS(1));
                    last = done;
                }
            }
        }
    }
}
