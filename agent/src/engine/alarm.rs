//! The alarm: wakes the engine at a point in time, in the thread's own reactor.
//!
//! An absolute `timerfd`, armed once per deadline. It rings a little early, and the rest is spent polling for
//! answers, because a sleeping core wakes late: an async timer is 20 to 60 times less exact.

use crate::clock;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::unix::AsyncFd;

/// Wakes one task.
pub(super) struct Alarm {
    timer: AsyncFd<OwnedFd>,
    armed: u64,
}

impl Alarm {
    /// A silent alarm. Must be made inside the thread's runtime.
    pub(super) fn new() -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that may change their fd; an OwnedFd cannot"
        )]
        let register = AsyncFd::new;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Boottime, flags)?;
        Ok(Self { timer: register(timer)?, armed: 0 })
    }

    /// Returns at `at` (local clock) or after; precisely: polls through the last microseconds. Cancel-safe.
    pub(super) async fn until(&mut self, at: u64, precise: bool) -> io::Result<()> {
        loop {
            let now = clock::now();
            let early = if precise { early_ns(at.saturating_sub(now)) } else { 0 };
            if now + early >= at {
                break;
            }
            self.ring(at - early).await?;
        }
        while clock::now() < at {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn ring(&mut self, at: u64) -> io::Result<()> {
        if self.armed != at {
            let time = Timespec {
                tv_sec: (at / 1_000_000_000).cast_signed(),
                tv_nsec: (at % 1_000_000_000).cast_signed(),
            };
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: time };
            rustix::time::timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
            self.armed = at;
        }
        // The timer is not read: the reactor is edge-triggered, and every ring is an edge.
        self.timer.readable().await?.clear_ready();
        self.armed = 0;
        Ok(())
    }
}

/// How much before a precise deadline the alarm rings: a halted core takes 20 to 40 µs to wake, and longer the
/// longer it has slept. Ringing earlier for short sleeps would leave no sleep at all at high rates.
const fn early_ns(sleep_ns: u64) -> u64 {
    if sleep_ns > 300_000 { 45_000 } else { 20_000 }
}
