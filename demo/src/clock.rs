//! The service's time: it begins with the first counted request.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};

/// Turns moments into time since the first counted request, and back.
pub(crate) struct Clock {
    started: Instant,
    /// The two clocks meet here, once: later wall-clock times are this plus monotonic time, so that a
    /// step of the wall clock does not reorder the record.
    started_unix: Duration,
    /// From `started` to the first request; `NONE_YET` before it.
    first_ns: AtomicU64,
}

impl Clock {
    pub(crate) fn new(started: Instant, started_unix: SystemTime) -> Self {
        // A machine whose clock is set before 1970 records from 1970 on.
        let started_unix = started_unix.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { started, started_unix, first_ns: AtomicU64::new(NONE_YET) }
    }

    /// When a request came, since the first one; the first one itself comes at zero.
    pub(crate) fn arrive(&self, now: Instant) -> Duration {
        let now = nanos(now.saturating_duration_since(self.started));
        let first = match self.first_ns.load(Relaxed) {
            NONE_YET => self
                .first_ns
                .compare_exchange(NONE_YET, now, Relaxed, Relaxed)
                .map_or_else(|other| other, |_| now),
            first => first,
        };
        // A thread that read its clock first may lose the race for being the first.
        Duration::from_nanos(now.saturating_sub(first))
    }

    /// The moment that lies `elapsed` after the first request.
    pub(crate) fn moment(&self, elapsed: Duration) -> Instant {
        self.started + self.first() + elapsed
    }

    /// The same in nanoseconds since 1970.
    pub(crate) fn unix_ns(&self, elapsed: Duration) -> u64 {
        nanos(self.started_unix + self.first() + elapsed)
    }

    fn first(&self) -> Duration {
        match self.first_ns.load(Relaxed) {
            NONE_YET => Duration::ZERO,
            first => Duration::from_nanos(first),
        }
    }
}

/// Nanoseconds fit for 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Not reachable by a clock.
const NONE_YET: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_begins_with_the_first_request() {
        let started = Instant::now();
        let ms = Duration::from_millis;
        let clock = Clock::new(started, SystemTime::UNIX_EPOCH + ms(1_000));
        assert_eq!(clock.arrive(started + ms(50)), ms(0));
        assert_eq!(clock.arrive(started + ms(70)), ms(20));
        assert_eq!(clock.arrive(started + ms(49)), ms(0));
        assert_eq!(clock.moment(ms(20)), started + ms(70));
        assert_eq!(clock.unix_ns(ms(20)), 1_070_000_000);
    }
}
