//! What was measured: counters and histograms per series, tallies per scenario.
//!
//! One type from the engine's recorder to the report. Adding is exact, commutative and associative, so threads,
//! intervals and agents may be merged in any order.

use crate::histogram::{Histogram, HistogramError, plus};
use crate::outcome::Outcome;
use crate::pacer::SkipReason;
use crate::plan::Plan;
use crate::sample::Samples;
use crate::series::series_of;
use crate::timeline::Timeline;
use std::collections::BTreeMap;

mod replayed;

pub use replayed::{Replayed, Then};

/// What became of a scenario's arrivals, each of which begins an iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Iterations begun. Counted before the first byte goes out.
    pub started: u64,
    /// Those of them whose last request ended with an outcome.
    pub finished: u64,
    /// Those of them that were still under way when the run ended.
    pub abandoned: u64,
    /// Skipped: the generator was late by more than `max_lateness`.
    pub late: u64,
    /// Skipped: no free slot.
    pub overload: u64,
    /// Skipped: no valid lease.
    pub no_lease: u64,
    /// Skipped: the run was stopped.
    pub stopped: u64,
    /// Skipped: there was no more data.
    pub no_data: u64,
    /// Skipped: the time for it was over.
    pub time_up: u64,
}

/// What one series measured: the requests of a step, or a scenario's iterations. Times in microseconds, sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Requests by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Responses by status code.
    pub status: BTreeMap<u16, u64>,
    /// Bytes received, heads included.
    pub bytes_in: u64,
    /// Bytes sent, heads included.
    pub bytes_out: u64,
    /// First byte handed to the socket until last byte of the answer.
    pub service_time: Histogram,
    /// Due until first byte handed to the socket.
    pub send_lag: Histogram,
    /// First byte handed to the socket until first byte of the answer.
    pub ttfb: Histogram,
    /// Making a connection, where a request had to.
    pub connect_time: Histogram,
    /// Sizes of response bodies in bytes.
    pub size: Histogram,
    /// What was answered then and now, where a log is replayed.
    pub replayed: Option<Box<Replayed>>,
    /// By due time; carries the response times (due until last byte of the answer).
    pub timeline: Timeline,
    /// Failing exchanges to be looked at.
    pub samples: Samples,
}

/// Everything that was measured, over all scenarios.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// By the scenario's number in the plan.
    pub tallies: Vec<Tally>,
    /// By the series' number: see [`mod@crate::series`].
    pub series: Vec<Series>,
    /// Due until released, in microseconds, of the arrivals that found a slot at once: the generator's own
    /// lateness, with nothing of the target in it.
    pub release_lag: Histogram,
}

impl Measured {
    /// Nothing measured yet, with room for every scenario and series of the plan.
    #[must_use]
    pub fn for_plan(plan: &Plan) -> Self {
        Self::sized(plan.scenarios.len(), series_of(plan).len())
    }

    /// Nothing measured yet, for this many scenarios and series.
    #[must_use]
    pub fn sized(scenarios: usize, series: usize) -> Self {
        Self {
            tallies: vec![Tally::default(); scenarios],
            series: vec![Series::default(); series],
            release_lag: Histogram::new(),
        }
    }

    /// Adds what another part measured under the same plan. On an error a part of it may have been added, and the sums
    /// are worth nothing any more: no honest counts come near it.
    pub fn add(&mut self, other: &Self) -> Result<(), HistogramError> {
        for (own, more) in self.tallies.iter_mut().zip(&other.tallies) {
            *own = own.plus(more)?;
        }
        for (own, more) in self.series.iter_mut().zip(&other.series) {
            own.add(more)?;
        }
        self.release_lag.add(&other.release_lag)
    }

    /// Takes everything out and leaves nothing, with the same room.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = Self::sized(self.tallies.len(), self.series.len());
        std::mem::replace(self, empty)
    }

    /// Takes out as much as fits into about `budget` bytes of a message, the rest stays: what a long silence gathers
    /// goes out in several pieces. At least something is taken.
    #[must_use]
    pub fn take_within(&mut self, budget: usize) -> Self {
        let mut part = Self::sized(self.tallies.len(), self.series.len());
        std::mem::swap(&mut part.tallies, &mut self.tallies);
        std::mem::swap(&mut part.release_lag, &mut self.release_lag);
        let mut left = budget.saturating_sub(part.release_lag.bytes_max());
        for (own, taken) in self.series.iter_mut().zip(&mut part.series) {
            let cost = own.bytes_max();
            if cost > left && left < budget / 2 {
                break;
            }
            left = left.saturating_sub(cost);
            let (timeline, samples) = (std::mem::take(&mut own.timeline), std::mem::take(&mut own.samples));
            let empty = Series { timeline, samples, ..Series::default() };
            *taken = std::mem::replace(own, empty);
            taken.timeline = own.timeline.take_within(&mut left);
            let mut room = left.min(SAMPLES_BYTES);
            taken.samples = own.samples.take_within(&mut room);
            left -= left.min(SAMPLES_BYTES) - room;
        }
        part
    }

    /// Whether there is anything to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::sized(self.tallies.len(), self.series.len())
    }
}

impl Tally {
    /// Counts a skipped arrival.
    pub fn skip(&mut self, reason: SkipReason) {
        *match reason {
            SkipReason::Late => &mut self.late,
            SkipReason::Overload => &mut self.overload,
            SkipReason::NoLease => &mut self.no_lease,
            SkipReason::Stopped => &mut self.stopped,
            SkipReason::NoData => &mut self.no_data,
            SkipReason::TimeUp => &mut self.time_up,
        } += 1;
    }

    /// Skipped for any reason.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.late + self.overload + self.no_lease + self.stopped + self.no_data + self.time_up
    }

    /// Arrivals of which it is known what became of them: started or skipped.
    #[must_use]
    pub const fn resolved(&self) -> u64 {
        self.started + self.skipped()
    }

    /// The sum, checked.
    pub fn plus(&self, other: &Self) -> Result<Self, HistogramError> {
        let mut sum = self.counters();
        for (own, more) in sum.iter_mut().zip(other.counters()) {
            *own = plus(*own, more)?;
        }
        Ok(Self::from_counters(sum))
    }

    /// The counters in a fixed order, for the wire.
    #[must_use]
    pub const fn counters(&self) -> [u64; 9] {
        let Self { started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up } =
            *self;
        [started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up]
    }

    /// The inverse of [`Tally::counters`].
    #[must_use]
    pub const fn from_counters(counters: [u64; 9]) -> Self {
        let [started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up] = counters;
        Self { started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up }
    }
}

impl Series {
    /// Adds what the same series measured elsewhere.
    pub fn add(&mut self, other: &Self) -> Result<(), HistogramError> {
        for (own, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *own = plus(*own, more)?;
        }
        for (status, more) in &other.status {
            let own = self.status.entry(*status).or_default();
            *own = plus(*own, *more)?;
        }
        self.bytes_in = plus(self.bytes_in, other.bytes_in)?;
        self.bytes_out = plus(self.bytes_out, other.bytes_out)?;
        self.service_time.add(&other.service_time)?;
        self.send_lag.add(&other.send_lag)?;
        self.ttfb.add(&other.ttfb)?;
        self.connect_time.add(&other.connect_time)?;
        self.size.add(&other.size)?;
        self.samples.add(&other.samples);
        if let Some(other) = &other.replayed {
            self.replayed.get_or_insert_default().add(other)?;
        }
        self.timeline.merge(&other.timeline)
    }

    /// No message carries this, without its timeline, in more bytes.
    fn bytes_max(&self) -> usize {
        let histograms = [&self.service_time, &self.send_lag, &self.ttfb, &self.connect_time, &self.size];
        let replayed = self.replayed.as_ref().map_or(0, |own| own.bytes_max());
        256 + 8 * self.status.len() + replayed + histograms.iter().map(|one| one.bytes_max()).sum::<usize>()
    }

    /// Requests that ended.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Those of them that were errors of the target.
    #[must_use]
    pub fn errors(&self) -> u64 {
        let error = |outcome: &Outcome| outcome.is_error();
        Outcome::ALL.into_iter().filter(error).map(|outcome| self.outcomes[outcome.index()]).sum()
    }

    /// Response times over the whole run. Sums that would not fit were refused when they came in.
    #[must_use]
    pub fn response_time(&self) -> Histogram {
        let mut whole = Histogram::new();
        for (_, bucket) in self.timeline.iter() {
            whole.add(&bucket.response_time).unwrap_or_default();
        }
        whole
    }
}

/// Samples of a series that go with one message: failures are looked at later, and heartbeats must pass.
const SAMPLES_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::RunTime;
    use proptest::prelude::*;

    fn any_measured() -> impl Strategy<Value = Measured> {
        let request = (0..13_usize, 100_u16..600, 0_u64..5_000_000, 0_u64..100);
        prop::collection::vec(request, 0..40).prop_map(|requests| {
            let mut measured = Measured::sized(1, 1);
            for (outcome, status, time, second) in requests {
                let series = &mut measured.series[0];
                series.outcomes[outcome] += 1;
                *series.status.entry(status).or_default() += 1;
                series.service_time.record(time);
                series.timeline.at(RunTime::from_nanos(second * 1_000_000_000)).response_time.record(time);
                measured.release_lag.record(time / 1000);
                measured.tallies[0].started += 1;
            }
            measured
        })
    }

    proptest! {
        #[test]
        fn what_is_taken_in_pieces_adds_up(whole in any_measured(), budget in 1_usize..3000) {
            let (mut rest, mut sum, mut pieces) = (whole.clone(), Measured::sized(1, 1), 0);
            while !rest.is_empty() {
                sum.add(&rest.take_within(budget)).unwrap();
                pieces += 1;
                prop_assert!(pieces <= 200, "every piece takes something");
            }
            prop_assert_eq!(sum, whole);
        }

        #[test]
        fn merging_commutes_and_associates(a in any_measured(), b in any_measured(), c in any_measured()) {
            let sum = |parts: [&Measured; 3]| {
                let mut sum = Measured::sized(1, 1);
                parts.into_iter().for_each(|part| sum.add(part).unwrap());
                sum
            };
            prop_assert_eq!(sum([&a, &b, &c]), sum([&c, &a, &b]));
            let mut right = b.clone();
            right.add(&c).unwrap();
            let mut nested = a.clone();
            nested.add(&right).unwrap();
            prop_assert_eq!(nested, sum([&a, &b, &c]));
        }
    }
}
