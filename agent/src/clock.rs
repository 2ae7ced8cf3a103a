//! The machine's boot-time clock, and run time on it.
//!
//! Boot time counts suspends, so a lease cannot outlive a sleeping machine. No decision uses the wall clock.

use common::clock::Clock;
use common::time::RunTime;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds on this machine's boot-time clock.
#[must_use]
pub fn now() -> u64 {
    nanos(clock_gettime(BOOT))
}

/// The same clock, to be handed in.
#[must_use]
pub fn boot() -> Clock {
    Clock::new(now)
}

/// Nanoseconds of processor time that the calling thread has used.
#[must_use]
pub fn thread_cpu() -> u64 {
    nanos(clock_gettime(ClockId::ThreadCPUTime))
}

/// Run time on the local clock.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    /// Run time zero on the local clock.
    pub zero: u64,
}

impl RunClock {
    /// The run time now; zero before the start.
    #[must_use]
    pub fn now(self) -> RunTime {
        self.at(now())
    }

    /// The run time at a local time; zero before the start.
    #[must_use]
    pub const fn at(self, local: u64) -> RunTime {
        RunTime::from_nanos(local.saturating_sub(self.zero))
    }

    /// The local time of a run time.
    #[must_use]
    pub const fn local(self, at: RunTime) -> u64 {
        self.zero.saturating_add(at.nanos())
    }
}

fn nanos(time: Timespec) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

#[cfg(target_os = "linux")]
pub(crate) const BOOT: ClockId = ClockId::Boottime;
/// Elsewhere the clock may stand still while the machine sleeps.
#[cfg(not(target_os = "linux"))]
pub(crate) const BOOT: ClockId = ClockId::Monotonic;
