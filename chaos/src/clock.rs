//! The two clocks that meet in the evidence: the programs decide on boot time, the demo service records unix time.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// One moment on both clocks, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Since the machine started, suspends included: the clock of leases, events and run time.
    pub boot_ns: u64,
    /// Since 1970.
    pub unix_ns: u64,
}

impl Moment {
    /// This moment: the wall clock is read between two readings of the other, and the middle is taken.
    #[must_use]
    pub fn now() -> Self {
        let before = read(BOOT);
        let unix_ns = read(ClockId::Realtime);
        let boot_ns = before + (read(BOOT) - before) / 2;
        Self { boot_ns, unix_ns }
    }

    /// The boot time of another moment that is known by its unix time; saturates.
    ///
    /// Right for clocks that count on from one reading of the wall clock, as the demo service's does.
    #[must_use]
    pub const fn boot_of(self, unix_ns: u64) -> u64 {
        if unix_ns >= self.unix_ns {
            self.boot_ns.saturating_add(unix_ns - self.unix_ns)
        } else {
            self.boot_ns.saturating_sub(self.unix_ns - unix_ns)
        }
    }
}

/// The boot-time clock in nanoseconds.
#[must_use]
pub fn boot_ns() -> u64 {
    read(BOOT)
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

#[cfg(target_os = "linux")]
const BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const BOOT: ClockId = ClockId::Monotonic;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_times_before_and_after_the_moment_fall_on_their_boot_time() {
        let moment = Moment { boot_ns: 500, unix_ns: 10_000 };
        for (unix_ns, boot_ns) in [(10_000, 500), (10_250, 750), (9_900, 400), (0, 0)] {
            assert_eq!(moment.boot_of(unix_ns), boot_ns);
        }
    }
}
