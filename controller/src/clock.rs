//! The controller's clock: boot time, so that suspends count.

use common::clock::Clock;
use rustix::time::{ClockId, clock_gettime};

/// Time since the machine started.
#[must_use]
pub fn boot() -> Clock {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    Clock::new(move || {
        let time = clock_gettime(clock);
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    })
}
