//! A clock as the control planes see it, and the offset between two of them with a bound on its error.
//!
//! A probe leaves at t1 (local), is answered between t2 and t3 (remote) and is back at t4 (local). Then
//! `offset = ((t2 − t1) + (t3 − t4)) / 2` and the true offset lies within half the round trip of it (Cristian
//! 1989; NTP, RFC 5905 §8). The probe with the smallest round trip of the recent ones has the smallest bound.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A local clock that was handed in: the machine's own, or the one of a simulated host.
///
/// It never goes back and counts the time in which the machine sleeps. Where it starts means nothing.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock that reads `nanoseconds`.
    pub fn new(nanoseconds: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(nanoseconds))
    }

    /// Nanoseconds now.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        (self.0)()
    }

    /// The same as a duration.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.now_ns())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now_ns())
    }
}

/// One answered probe; all four in nanoseconds of the clock that took them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Sent, local clock.
    pub t1: u64,
    /// Received by the other side, its clock.
    pub t2: u64,
    /// Answered by the other side, its clock.
    pub t3: u64,
    /// Answer received, local clock.
    pub t4: u64,
}

/// How far the remote clock is ahead of the local one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Remote minus local, in nanoseconds.
    pub ns: i64,
    /// The true offset lies within this of it, in nanoseconds.
    pub bound_ns: u64,
}

/// Estimates the offset from the recent probes.
#[derive(Clone, Debug, Default)]
pub struct Estimator {
    recent: VecDeque<Probe>,
}

impl Estimator {
    /// Takes a probe; one whose times contradict themselves is dropped.
    pub fn on_probe(&mut self, probe: Probe) {
        if probe.t4 < probe.t1 || probe.t3 < probe.t2 || probe.round_trip().is_none() {
            return;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(probe);
    }

    /// How many probes it rests on.
    #[must_use]
    pub fn probes(&self) -> usize {
        self.recent.len()
    }

    /// The best estimate; `None` before the first probe.
    #[must_use]
    pub fn offset(&self) -> Option<Offset> {
        let best = self.recent.iter().min_by_key(|probe| probe.round_trip())?;
        let ahead = i128::from(best.t2) - i128::from(best.t1) + i128::from(best.t3) - i128::from(best.t4);
        Some(Offset { ns: i64::try_from(ahead / 2).ok()?, bound_ns: best.round_trip()?.div_ceil(2) })
    }

    /// The largest round trip of the recent probes, in nanoseconds.
    #[must_use]
    pub fn worst_round_trip_ns(&self) -> u64 {
        self.recent.iter().filter_map(Probe::round_trip).max().unwrap_or(0)
    }
}

impl Offset {
    /// The local time of a remote one; saturates.
    #[must_use]
    pub fn to_local(self, remote_ns: u64) -> u64 {
        remote_ns.saturating_add_signed(self.ns.saturating_neg())
    }
}

impl Probe {
    /// Time on the way, there and back; `None` when the other side claims to have held it longer than it was away.
    fn round_trip(&self) -> Option<u64> {
        (self.t4.checked_sub(self.t1)?).checked_sub(self.t3.checked_sub(self.t2)?)
    }
}

/// So many probes are remembered: 8 s of heartbeats.
const RECENT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_true_offset_lies_within_the_bound(
            ahead in -1_000_000_000_i64..1_000_000_000, ways in prop::collection::vec((0_u64..5_000_000, 0_u64..5_000_000), 1..40)
        ) {
            let mut estimator = Estimator::default();
            for (number, (there, back)) in ways.iter().enumerate() {
                let t1 = 10_000_000_000 + number as u64 * 500_000_000;
                let t2 = (t1 + there).saturating_add_signed(ahead);
                let t3 = t2 + 1_000;
                let t4 = (t3 + back).saturating_add_signed(-ahead);
                estimator.on_probe(Probe { t1, t2, t3, t4 });
            }
            let offset = estimator.offset().unwrap();
            prop_assert!(offset.ns.abs_diff(ahead) <= offset.bound_ns);
            prop_assert!(estimator.probes() <= RECENT);
        }
    }

    #[test]
    fn probes_that_contradict_themselves_are_dropped() {
        let mut estimator = Estimator::default();
        estimator.on_probe(Probe { t1: 10, t2: 0, t3: 0, t4: 5 });
        estimator.on_probe(Probe { t1: 10, t2: 0, t3: 100, t4: 20 });
        assert_eq!(estimator.offset(), None);
    }

    #[test]
    fn the_smallest_round_trip_wins() {
        let mut estimator = Estimator::default();
        estimator.on_probe(Probe { t1: 0, t2: 900, t3: 900, t4: 1000 });
        estimator.on_probe(Probe { t1: 2000, t2: 2510, t3: 2510, t4: 2020 });
        assert_eq!(estimator.offset(), Some(Offset { ns: 500, bound_ns: 10 }));
        assert_eq!(estimator.worst_round_trip_ns(), 1000);
    }
}
