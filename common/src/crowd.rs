//! The crowd: which user begins an iteration now, and until when there is nothing to do.
//!
//! What [`crate::pacer`] is to arrivals that come by themselves, this is to users who wait for their answers: a pure
//! machine that is asked `next(now, …)`, holds and switches as shares change, and gives the same orders.
//!
//! - A user begins its first iteration when the curve lets it in, and the next one after its think time, or at the next
//!   tick of its pacing. A late one begins at once and counts from its tick.
//! - Users are owned by lane. Iteration *i* of user *v* is arrival `i·2²⁰ + v`. Whoever takes a user over at `T` begins at
//!   T rounded up to whole microseconds and goes on from that number; as an iteration takes at least one microsecond,
//!   no number comes twice, and nobody needs to tell how far the last owner came.
//! - A user whose lane is lost begins nothing more; what it has under way ends where it was begun.
//! - *Tries* are given out in their order to the users of the thread that owned their lanes at the start; they never
//!   move. What is left when their time is over is skipped.
//! - Without a lease nobody begins anything; afterwards everybody goes on at the present time. So it is with a pause.
//! - A changed curve lets users in and out from its time on: who is there and stays goes on as if nothing had happened.

use crate::arrivals::Due;
use crate::curve::Ranks;
use crate::lane::{LaneSet, lane_of};
use crate::pacer::{Order, SkipReason};
use crate::random::Random;
use crate::revision::Pauses;
use crate::supply::{Pool, Supply};
use crate::think::Think;
use crate::time::{NANOS_PER_SECOND, RunTime};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

mod handover;
mod presence;

use presence::Presence;

/// A user with an iteration under way: given out with it, and given back when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The user's number.
    pub user: u32,
    /// How many iterations the user began before; of a user that was taken over a higher number.
    pub round: u64,
    /// When it was free to begin: a tick before that was missed because the iteration before took long.
    pub free: RunTime,
    due: RunTime,
    since: RunTime,
}

/// How long users rest.
#[derive(Clone, Debug)]
pub struct Rests {
    /// Between two iterations.
    pub think: Option<Think>,
    /// From the beginning of an iteration to that of the next.
    pub pacing: Option<Duration>,
    /// Where think times are drawn from.
    pub random: Random,
}

/// The users of one thread in one scenario.
#[derive(Clone, Debug)]
pub struct Crowd {
    supply: Supply,
    pool: Pool,
    rests: Rests,
    pauses: Pauses,
    parts: VecDeque<Part>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Who was to begin something in a pause of which nobody knows the end.
    parked: Vec<Waiting>,
    /// Who was to begin something while their lanes were nobody's: a share may bring them back.
    adrift: Vec<Waiting>,
    presence: Presence,
    last: Option<Turn>,
    quantum: Duration,
    end: RunTime,
    /// Whether the load ends before its time.
    stopped: bool,
    held: RunTime,
    aborted: bool,
    /// Nothing due here or later was begun.
    resolved: RunTime,
    /// The last time at which there was no lease though somebody was due.
    fenced: Option<RunTime>,
    seen: RunTime,
    /// User time is accounted for until here, and so many nanoseconds were less than a microsecond.
    counted: RunTime,
    fraction: u64,
}

/// From `from` on, these lanes are owned.
#[derive(Clone, Debug)]
struct Part {
    from: RunTime,
    ranks: Ranks,
    /// By lane of the set: since when it is owned without a break.
    since: Arc<[RunTime]>,
}

/// A user that waits for its next iteration; the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: RunTime,
    user: u32,
    round: u64,
    free: RunTime,
    since: RunTime,
    /// Whether it waits to be let in, not for the end of its rest.
    coming: bool,
}

impl Crowd {
    /// The users of these lanes from `from` on.
    #[must_use]
    pub fn new(supply: Supply, rests: Rests, lanes: &LaneSet, from: RunTime) -> Self {
        let end = supply.end();
        let mut crowd = Self {
            supply,
            pool: Pool::default(),
            rests,
            pauses: Pauses::default(),
            parts: VecDeque::new(),
            waiting: BinaryHeap::new(),
            parked: Vec::new(),
            adrift: Vec::new(),
            presence: Presence::default(),
            last: None,
            quantum: Duration::ZERO,
            end,
            stopped: false,
            held: RunTime::MAX,
            aborted: false,
            resolved: RunTime::ZERO,
            fenced: None,
            seen: RunTime::ZERO,
            counted: RunTime::ZERO,
            fraction: 0,
        };
        crowd.take_over(from, lanes);
        crowd
    }

    /// Begins iterations only at multiples of `quantum` of run time (zero: whenever they are due).
    pub fn set_quantum(&mut self, quantum: Duration) {
        self.quantum = quantum;
    }

    /// Begins nothing due at `from` or later, or later than what was begun; returns from when on.
    pub fn hold(&mut self, from: RunTime) -> RunTime {
        self.held = from.max(self.resolved);
        self.held
    }

    /// Lets go of what is held: from `from` on, these lanes are owned. `end`: when the load ends now.
    pub fn switch(&mut self, from: RunTime, lanes: &LaneSet, end: RunTime) {
        (self.held, self.end, self.stopped) = (RunTime::MAX, end, end < self.supply.end());
        self.take_over(from, lanes);
    }

    /// The load was changed, from a time on that is not behind the next [`Crowd::switch`].
    pub fn revise(&mut self, supply: Supply, pauses: Pauses) {
        (self.supply, self.pauses) = (supply, pauses);
    }

    /// Nothing is begun any more; tries that are left are skipped.
    pub fn abort(&mut self) {
        self.aborted = true;
    }

    /// When the load ends.
    #[must_use]
    pub const fn end(&self) -> RunTime {
        self.end
    }

    /// Nothing due before it is still to come: the time at which it was asked last.
    #[must_use]
    pub fn cursor(&self) -> RunTime {
        self.seen.min(self.end)
    }

    /// Whose the iteration is that was begun last.
    #[must_use]
    pub const fn last(&self) -> Option<Turn> {
        self.last
    }

    /// When the next user is due.
    #[must_use]
    pub fn next_due(&self) -> Option<RunTime> {
        self.waiting.peek().map(|Reverse(next)| next.due)
    }

    /// What to do at `now`; `lease` says whether anything may be begun.
    pub fn next(&mut self, now: RunTime, lease: bool) -> Order {
        let now = now.max(self.seen);
        self.seen = now;
        if self.aborted || now >= self.end {
            return self.finish(now, lease);
        }
        while let Some(Reverse(next)) = self.waiting.peek().copied() {
            if next.due >= self.held || self.end <= next.due {
                break;
            }
            if !self.is_own(&next, next.due.max(now)) {
                self.waiting.pop();
                self.adrift.push(next);
                continue;
            }
            if next.due > now {
                return Order::Wait(self.round_up(next.due).min(self.end));
            }
            if !lease {
                self.fenced = Some(now);
                return Order::Wait(now + FENCED_POLL);
            }
            self.waiting.pop();
            let open = self.open_from(next.user, now);
            if self.fenced.is_some_and(|until| next.due <= until) {
                // What was due without a lease is not made up for.
                self.wait(Waiting { due: now + NANO, free: now + NANO, ..next });
            } else if open != Some(now) {
                self.wait_until(open, Waiting { coming: true, ..next });
            } else if let Some(due) = self.begin(next) {
                return Order::Fire(due);
            }
        }
        self.rest(now)
    }

    /// An iteration ended at `now`; `more` is the think time of its last step.
    pub fn done(&mut self, turn: Turn, more: Duration, now: RunTime) {
        let Turn { user, round, due, since, .. } = turn;
        self.presence.ended(user, since);
        let free = now.max(due + MICRO);
        let next = match (self.rests.pacing, &self.rests.think) {
            (Some(pacing), _) => (due + pacing).max(due + MICRO),
            (None, Some(think)) => {
                let draw = |n| self.rests.random.draw(u64::from(user), 2 * round + n);
                free + more + think.time([draw(0), draw(1)])
            }
            (None, None) => free + more,
        };
        // Rests of steps come on top of a pacing only where they reach beyond its tick.
        let next = if more > Duration::ZERO { next.max(free + more) } else { next };
        self.wait(Waiting { due: next, user, round: round + 1, free, since, coming: false });
    }

    /// Accounts for user time until `now`: tells how many microseconds own users were active in which second. Time
    /// without a lease, or in which nobody asked for long, was none of them.
    pub fn account(&mut self, now: RunTime, lease: bool, mut tell: impl FnMut(u64, u64)) {
        let Supply::Users(curve) = &self.supply else { return };
        let (from, until) = (self.counted, now.min(self.end));
        if until <= from {
            return;
        }
        self.counted = until;
        if !lease || until.since(from) > STALL {
            return;
        }
        for (place, part) in self.parts.iter().enumerate() {
            let next = self.parts.get(place + 1).map_or(RunTime::MAX, |next| next.from);
            let (mut at, end) = (from.max(part.from), until.min(next));
            while at < end {
                let second = RunTime::from_nanos((at.second() + 1) * NANOS_PER_SECOND).min(end);
                let time = curve.user_time(&part.ranks, at, second) + u128::from(self.fraction);
                self.fraction = (time % 1000) as u64;
                // A million users in a second have far less than 64 bits.
                tell(at.second(), (time / 1000) as u64);
                at = second;
            }
        }
    }

    fn begin(&mut self, next: Waiting) -> Option<Due> {
        let Waiting { due, user, round, free, since, .. } = next;
        let k = self.pool.take(&self.supply, user, round)?;
        self.presence.began(user, since);
        self.resolved = self.resolved.max(due + NANO);
        self.last = Some(Turn { user, round, free, due, since });
        Some(Due { at: due, k })
    }

    fn wait(&mut self, next: Waiting) {
        if !self.aborted && next.due < self.end {
            self.waiting.push(Reverse(next));
        }
    }

    /// Waits for the time at which it may begin; for ever, if there is none.
    fn wait_until(&mut self, open: Option<RunTime>, next: Waiting) {
        match open {
            Some(RunTime::MAX) => self.parked.push(next),
            Some(due) => self.wait(Waiting { due, free: due, ..next }),
            None => {}
        }
    }

    /// The first time at `t` or later at which a user may begin something; [`RunTime::MAX`]: when a pause is over of
    /// which nobody knows the end. `None`: never again.
    fn open_from(&self, user: u32, t: RunTime) -> Option<RunTime> {
        let mut t = t;
        loop {
            let active = self.supply.active_from(user, t)?;
            t = self.pauses.after(active);
            if t == active || t == RunTime::MAX {
                return Some(t);
            }
        }
    }

    /// Nobody waits for anything that can come before the end.
    fn rest(&mut self, now: RunTime) -> Order {
        let is_held = self.waiting.peek().is_some_and(|Reverse(next)| next.due >= self.held);
        if is_held || (self.held < RunTime::MAX && now < self.end) {
            return Order::WaitForShare;
        }
        if self.is_through(now) {
            self.waiting.clear();
            return Order::Done;
        }
        Order::Wait(self.end)
    }

    /// Whether every try was given out; of users there are always more to come.
    fn is_through(&self, now: RunTime) -> bool {
        matches!(self.supply, Supply::Tries(_)) && now >= self.supply.start() && self.pool.is_empty()
    }

    /// The load is over.
    fn finish(&mut self, now: RunTime, lease: bool) -> Order {
        if self.held < RunTime::MAX && !self.aborted {
            return Order::WaitForShare;
        }
        self.waiting.clear();
        // Without a lease an agent gives nothing up either, unless it will never have one again.
        if !lease && !self.aborted && !self.pool.is_empty() {
            return Order::Wait(now + FENCED_POLL);
        }
        let reason = if self.stopped || self.aborted { SkipReason::Stopped } else { SkipReason::TimeUp };
        match lease.then(|| self.pool.skip(&self.supply)).flatten() {
            Some(k) => Order::Skip(Due { at: self.supply.start().min(now), k }, reason),
            None => Order::Done,
        }
    }

    /// Whether the user may begin something at `t`.
    fn is_own(&self, next: &Waiting, t: RunTime) -> bool {
        let lane = lane_of(u64::from(next.user));
        let part = self.parts.iter().rev().find(|part| part.from <= t);
        part.is_some_and(|part| {
            part.ranks.lanes().contains(lane) && part.since[usize::from(lane)] == next.since
        })
    }

    fn round_up(&self, t: RunTime) -> RunTime {
        match u64::try_from(self.quantum.as_nanos()) {
            Ok(quantum) if quantum > 0 => {
                RunTime::from_nanos(t.nanos().div_ceil(quantum).saturating_mul(quantum))
            }
            _ => t,
        }
    }
}

const NANO: Duration = Duration::from_nanos(1);
/// No iteration is shorter, so that a user's iterations have numbers that a later owner's never have.
const MICRO: Duration = Duration::from_micros(1);
/// While there is no lease, it is looked for so often.
const FENCED_POLL: Duration = Duration::from_millis(5);
/// Who was not asked for so long did not run: the sweep of an engine thread asks ten times a second.
const STALL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
