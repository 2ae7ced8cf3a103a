//! The pacer: which arrival may be fired now, and until when there is nothing to do.
//!
//! A pure machine. The engine asks `next(now, …)` and does what it is told:
//!
//! - Nothing is released before it is due.
//! - After a stall of the generator the backlog is released at 1.2 × the plan's pace, so a stall never becomes a
//!   burst; an arrival that is released more than `max_lateness` after its due time is skipped as late.
//! - Waiting for a free slot is not lateness: the cursor waits (no memory), nothing is skipped or slowed, and the
//!   wait counts in the response time. Under [`Overload::Skip`] what finds no slot is skipped instead.
//!
//! `released` is the point of the schedule up to which arrivals may go out; it equals `now` unless the generator
//! stalled, and then catches up:
//!
//! ```text
//!   released ┤            ╱╱   slope 1 again once it has caught up with now
//!            │         ╱╱      slope 1.2 after the stall
//!            │ ╱──────╱        the engine did not run
//!            └─────────── now
//! ```

use crate::arrivals::{Cursor, Due};
use crate::plan::Overload;
use crate::time::RunTime;
use std::time::Duration;

/// What the engine shall do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Order {
    /// Send it now.
    Fire(Due),
    /// Count it as skipped.
    Skip(Due, SkipReason),
    /// Nothing is due before this time.
    Wait(RunTime),
    /// Something is due but has no slot: ask again when one is free.
    WaitForSlot,
    /// Nothing is left.
    Done,
}

/// Why an arrival was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The generator was too late for it by more than `max_lateness`.
    Late,
    /// It found no free slot.
    Overload,
    /// The agent had no valid lease when it was due.
    NoLease,
    /// The run was stopped.
    Stopped,
}

/// The limits of a pacer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Arrivals released later than this after their due time are skipped.
    pub max_lateness: Duration,
    /// What happens to arrivals without a free slot.
    pub overload: Overload,
    /// Arrivals that still wait for a slot at this time are given up as overload.
    pub give_up: RunTime,
}

/// What holds at the moment of asking.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// Whether a slot is free.
    pub slot: bool,
    /// Whether the lease is valid.
    pub lease: bool,
}

/// Paces the arrivals of one cursor.
#[derive(Clone, Debug)]
pub struct Pacer {
    cursor: Cursor,
    limits: Limits,
    /// Wakes are rounded up to a multiple of this; zero for none.
    quantum: Duration,
    stop: RunTime,
    /// What is left before `stop` is skipped.
    aborted: bool,
    released: RunTime,
    seen: RunTime,
    rest: Rest,
}

/// What the engine was told to do the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// To ask again at once.
    None,
    /// To come back at this time.
    Until(RunTime),
    /// To come back when a slot is free.
    Slot,
}

impl Pacer {
    /// A pacer over `cursor`, asked for the first time at `now` or before its first arrival.
    #[must_use]
    pub fn new(cursor: Cursor, limits: Limits, now: RunTime) -> Self {
        let (released, seen) = (now, now);
        let (quantum, stop, aborted, rest) = (Duration::ZERO, RunTime::MAX, false, Rest::None);
        Self { cursor, limits, quantum, stop, aborted, released, seen, rest }
    }

    /// Releases only at multiples of `quantum` of run time (zero: at every due time).
    pub fn set_quantum(&mut self, quantum: Duration) {
        self.quantum = quantum;
    }

    /// Nothing due at `from` or later is fired any more.
    pub fn stop(&mut self, from: RunTime) {
        self.stop = self.stop.min(from);
    }

    /// Nothing is fired any more; what is left before the stop is skipped, so that the books close at once.
    pub fn abort(&mut self) {
        self.aborted = true;
    }

    /// The next arrival that is not resolved yet.
    #[must_use]
    pub fn peek(&self) -> Option<Due> {
        self.cursor.peek().filter(|due| due.at < self.stop)
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: RunTime, gate: Gate) -> Order {
        self.advance(now);
        let Some(due) = self.peek() else { return Order::Done };
        if self.aborted {
            return self.skip(due, SkipReason::Stopped);
        }
        if due.at > now {
            return self.wait(self.round_up(due.at));
        }
        if !gate.lease {
            return self.skip(due, SkipReason::NoLease);
        }
        if due.at > self.released {
            if now.since(due.at) > self.limits.max_lateness {
                return self.skip(due, SkipReason::Late);
            }
            // The inverse of `catch_up`, rounded up: the wake must not come before the release.
            let behind = due.at.nanos() - self.released.nanos();
            return self.wait(RunTime::from_nanos(now.nanos() + (behind * 5).div_ceil(6)));
        }
        if now >= self.limits.give_up {
            return self.skip(due, SkipReason::Overload);
        }
        match (gate.slot, self.limits.overload) {
            (true, _) => {
                self.cursor.next();
                Order::Fire(due)
            }
            (false, Overload::Skip) => self.skip(due, SkipReason::Overload),
            (false, Overload::Queue) => {
                self.rest = Rest::Slot;
                Order::WaitForSlot
            }
        }
    }

    fn wait(&mut self, until: RunTime) -> Order {
        self.rest = Rest::Until(until);
        Order::Wait(until)
    }

    fn skip(&mut self, due: Due, reason: SkipReason) -> Order {
        self.cursor.next();
        Order::Skip(due, reason)
    }

    fn round_up(&self, t: RunTime) -> RunTime {
        match u64::try_from(self.quantum.as_nanos()) {
            Ok(quantum) if quantum > 0 => {
                RunTime::from_nanos(t.nanos().div_ceil(quantum).saturating_mul(quantum))
            }
            _ => t,
        }
    }

    /// Moves `released` to where it may be at `now`. Time in which the engine had nothing to do is free; time in
    /// which it should have run and did not is a stall, of which all but [`GRACE_NS`] must be caught up.
    fn advance(&mut self, now: RunTime) {
        let now = now.max(self.seen);
        let caught_up = self.released >= self.seen;
        let asked = match self.rest {
            Rest::None => self.seen,
            Rest::Until(t) => t.clamp(self.seen, now),
            Rest::Slot => now,
        };
        let at_asked = match self.rest {
            Rest::Slot => now,
            _ if caught_up => asked,
            _ => catch_up(self.released, asked.nanos() - self.seen.nanos()),
        };
        let stall = (now.nanos() - asked.nanos()).min(GRACE_NS);
        self.released = catch_up(at_asked, stall).min(now);
        self.seen = now;
        self.rest = Rest::None;
    }
}

/// Where the release of a backlog stands `passed` nanoseconds after it stood at `released`: 1.2 × the plan's pace.
fn catch_up(released: RunTime, passed: u64) -> RunTime {
    RunTime::from_nanos(released.nanos().saturating_add(passed + passed / 5))
}

/// A wake-up late by no more than this is no stall: hosts take cores away for a few milliseconds all the time.
const GRACE_NS: u64 = 5_000_000;

#[cfg(test)]
mod tests;
