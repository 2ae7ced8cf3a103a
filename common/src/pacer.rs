//! The pacer: which arrival may be fired now, and until when there is nothing to do.
//!
//! A pure machine. The engine asks `next(now, …)` and does what it is told:
//!
//! - Nothing is released before it is due.
//! - After a stall of the generator the backlog is released at 1.2 × the plan's pace, so a stall never becomes a
//!   burst; an arrival that is released more than `max_lateness` after its due time is skipped as late.
//! - Without a lease nothing is fired *or given up*: what was due meanwhile may be somebody else's by the time the
//!   lease is back. Then what is left of it is skipped for want of a lease, and the load goes on at the present time.
//! - Arrivals come from one cursor after the other, as shares change. [`Pacer::hold`] keeps everything from a due
//!   time on until [`Pacer::switch`] says what holds from there: between the two, all threads of an agent agree.
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
use std::collections::VecDeque;
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
    /// What comes next is held: ask again after [`Pacer::switch`].
    WaitForShare,
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
    /// There was no more data for it.
    NoData,
    /// The time for it was over.
    TimeUp,
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

/// Paces the arrivals of one cursor after the other.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// What is to be fired, in due order; each part ends where the next begins.
    parts: VecDeque<Part>,
    limits: Limits,
    /// Wakes are rounded up to a multiple of this; zero for none.
    quantum: Duration,
    /// The load ends here: more may come until then.
    end: RunTime,
    /// Nothing due here or later is resolved for now.
    held: RunTime,
    /// What is left is skipped.
    aborted: bool,
    /// Nothing due here or later is resolved.
    resolved: RunTime,
    /// The last time at which there was no lease though something was due.
    fenced: Option<RunTime>,
    released: RunTime,
    seen: RunTime,
    rest: Rest,
}

/// The arrivals of a cursor that are due before `until`.
#[derive(Clone, Debug)]
struct Part {
    from: RunTime,
    until: RunTime,
    cursor: Cursor,
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
    /// To come back at any time: there was no lease.
    Fenced,
}

impl Pacer {
    /// A pacer over `cursor` until the load ends at `end`, asked for the first time at `now` or before its first
    /// arrival.
    #[must_use]
    pub fn new(cursor: Cursor, limits: Limits, end: RunTime, now: RunTime) -> Self {
        Self {
            parts: [Part { from: RunTime::ZERO, until: RunTime::MAX, cursor }].into(),
            limits,
            quantum: Duration::ZERO,
            end,
            held: RunTime::MAX,
            aborted: false,
            resolved: RunTime::ZERO,
            fenced: None,
            released: now,
            seen: now,
            rest: Rest::None,
        }
    }

    /// Releases only at multiples of `quantum` of run time (zero: at every due time).
    pub fn set_quantum(&mut self, quantum: Duration) {
        self.quantum = quantum;
    }

    /// Holds everything that is due at `from` or later, or later than what was resolved; returns from when on.
    pub fn hold(&mut self, from: RunTime) -> RunTime {
        self.held = from.max(self.resolved);
        self.held
    }

    /// Lets go of what is held: from `from` on, `cursor` holds. `end`: when the load ends now.
    pub fn switch(&mut self, from: RunTime, cursor: Cursor, end: RunTime) {
        self.parts.retain(|part| part.from < from);
        if let Some(last) = self.parts.back_mut() {
            last.until = last.until.min(from);
        }
        self.parts.push_back(Part { from, until: RunTime::MAX, cursor });
        self.limits.give_up = end + self.limits.give_up.since(self.end);
        (self.held, self.end) = (RunTime::MAX, end);
    }

    /// Arrivals that still wait for a slot at `at` are given up.
    pub fn give_up_at(&mut self, at: RunTime) {
        self.limits.give_up = self.limits.give_up.min(at);
    }

    /// When waiting arrivals are given up.
    #[must_use]
    pub const fn give_up(&self) -> RunTime {
        self.limits.give_up
    }

    /// Nothing is fired any more; what is left is skipped, so that the books close at once.
    pub fn abort(&mut self) {
        self.aborted = true;
    }

    /// Every arrival due before it is resolved.
    #[must_use]
    pub fn cursor(&self) -> RunTime {
        self.peek().map_or(self.end, |due| due.at)
    }

    /// The next arrival that is not resolved yet.
    #[must_use]
    pub fn peek(&self) -> Option<Due> {
        let next = |part: &Part| part.cursor.peek().filter(|due| due.at < part.until);
        self.parts.iter().find_map(next)
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: RunTime, gate: Gate) -> Order {
        let due = self.peek();
        self.advance(now, due);
        let Some(due) = due else { return self.at_rest(now) };
        if due.at >= self.held {
            return Order::WaitForShare;
        }
        if self.aborted && gate.lease {
            return self.skip(due, SkipReason::Stopped);
        }
        if self.aborted || (!gate.lease && now >= self.limits.give_up) {
            return Order::Done;
        }
        if due.at > now {
            return self.wait(self.round_up(due.at));
        }
        if !gate.lease {
            self.fenced = Some(now);
            self.rest = Rest::Fenced;
            return Order::Wait(now + FENCED_POLL);
        }
        if self.fenced.is_some_and(|until| due.at <= until) {
            return self.skip(due, SkipReason::NoLease);
        }
        if due.at > self.released {
            return self.hold_back(due, now);
        }
        if now >= self.limits.give_up {
            return self.skip(due, SkipReason::Overload);
        }
        match (gate.slot, self.limits.overload) {
            (true, _) => {
                self.resolve(due);
                Order::Fire(due)
            }
            (false, Overload::Skip) => self.skip(due, SkipReason::Overload),
            (false, Overload::Queue) => {
                self.rest = Rest::Slot;
                Order::WaitForSlot
            }
        }
    }

    /// Nothing is left of what is known; a share may bring more until the load ends.
    fn at_rest(&mut self, now: RunTime) -> Order {
        if self.held < RunTime::MAX {
            Order::WaitForShare
        } else if now < self.end && !self.aborted {
            self.wait(self.end)
        } else {
            Order::Done
        }
    }

    /// An arrival of a backlog: it waits for its turn, or is too late.
    fn hold_back(&mut self, due: Due, now: RunTime) -> Order {
        if now.since(due.at) > self.limits.max_lateness {
            return self.skip(due, SkipReason::Late);
        }
        // The inverse of `catch_up`, rounded up: the wake must not come before the release.
        let behind = due.at.nanos() - self.released.nanos();
        self.wait(RunTime::from_nanos(now.nanos() + (behind * 5).div_ceil(6)))
    }

    fn resolve(&mut self, due: Due) {
        while let Some(part) = self.parts.front_mut() {
            if part.cursor.peek().is_some_and(|next| next.at < part.until) {
                part.cursor.next();
                break;
            }
            self.parts.pop_front();
        }
        self.resolved = due.at + Duration::from_nanos(1);
    }

    fn wait(&mut self, until: RunTime) -> Order {
        self.rest = Rest::Until(until);
        Order::Wait(until)
    }

    fn skip(&mut self, due: Due, reason: SkipReason) -> Order {
        self.resolve(due);
        // What is given up need not be caught up.
        self.released = self.released.max(due.at);
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
    fn advance(&mut self, now: RunTime, next: Option<Due>) {
        let now = now.max(self.seen);
        let caught_up = self.released >= self.seen;
        let asked = match self.rest {
            Rest::None => self.seen,
            Rest::Until(t) => t.clamp(self.seen, now),
            Rest::Slot => now,
            Rest::Fenced => self.seen,
        };
        // Before something is due, nobody is late: a latecomer begins when the run is long under way.
        let asked = asked.max(self.peek().map_or(now, |due| due.at.min(now)));
        let at_asked = match self.rest {
            Rest::Slot => now,
            _ if caught_up => asked,
            _ => catch_up(self.released, asked.nanos() - self.seen.nanos()),
        };
        let grace = if self.rest == Rest::Fenced { 0 } else { GRACE_NS };
        let stall = (now.nanos() - asked.nanos()).min(grace);
        // Without a backlog there is nothing to catch up.
        let backlog = next.is_some_and(|due| due.at <= now);
        self.released = if backlog { catch_up(at_asked, stall).min(now) } else { now };
        self.seen = now;
        self.rest = Rest::None;
    }
}

/// Where the release of a backlog stands `passed` nanoseconds after it stood at `released`: 1.2 × the plan's pace.
fn catch_up(released: RunTime, passed: u64) -> RunTime {
    RunTime::from_nanos(released.nanos().saturating_add(passed + passed / 5))
}

/// While there is no lease, it is looked for so often.
const FENCED_POLL: Duration = Duration::from_millis(5);
/// A wake-up late by no more than this is no stall: hosts take cores away for a few milliseconds all the time.
const GRACE_NS: u64 = 5_000_000;

#[cfg(test)]
mod tests;
