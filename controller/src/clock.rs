//! The controller's clock: boot time, so that suspends count.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Time since the machine started.
#[must_use]
pub fn now() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// [`now`] in nanoseconds, as the wire carries it.
#[must_use]
pub fn now_ns() -> u64 {
    u64::try_from(now().as_nanos()).unwrap_or(u64::MAX)
}
