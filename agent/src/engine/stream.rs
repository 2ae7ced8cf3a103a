//! One scenario on one engine thread: what begins when, and its slots.

use common::arrivals::{Due, Lot, Timetable};
use common::crowd::{Crowd, Rests, Turn};
use common::pacer::{Gate, Limits, Order, Pacer};
use common::plan::{Plan, Scenario};
use common::random::Random;
use common::share::Share;
use common::time::RunTime;
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// A scenario's part on this thread.
pub struct Stream {
    source: Source,
    slots: u32,
    in_flight: Cell<u32>,
    /// Whether arrivals wait for a slot, so that an answer must look for the next arrival at once.
    queued: Cell<bool>,
    done: Cell<bool>,
    /// From the load's end until what is under way is given up.
    drain: Duration,
}

/// Who decides when something begins.
enum Source {
    /// The schedule: an open load.
    Pacer(RefCell<Pacer>),
    /// Users: a closed load.
    Crowd(Box<RefCell<Crowd>>),
}

impl Stream {
    /// The stream of `scenario` for a share, with this thread's part of the agent's slots.
    pub fn new(plan: &Plan, scenario: &Scenario, share: &Share, slots: u32) -> Result<Self, String> {
        let timetable = Timetable::of(scenario, plan.seed).map_err(|error| error.to_string())?;
        Ok(Self {
            source: Source::of(plan, scenario, &timetable, share),
            slots,
            in_flight: Cell::new(0),
            queued: Cell::new(false),
            done: Cell::new(false),
            drain: plan.drain,
        })
    }

    /// The next order at `now`; `lease` says whether firing is allowed.
    pub fn next(&self, now: RunTime, lease: bool) -> Order {
        let order = match &self.source {
            Source::Pacer(pacer) => {
                let gate = Gate { slot: self.in_flight.get() < self.slots, lease };
                pacer.borrow_mut().next(now, gate)
            }
            Source::Crowd(crowd) => crowd.borrow_mut().next(now, lease),
        };
        match order {
            Order::WaitForSlot => self.queued.set(true),
            Order::Wait(_) | Order::WaitForShare => self.queued.set(false),
            Order::Done => self.done.set(true),
            Order::Fire(_) | Order::Skip(..) => {}
        }
        order
    }

    /// Whose the iteration is that was begun last; `None` in an open load.
    #[must_use]
    pub fn turn(&self) -> Option<Turn> {
        if let Source::Crowd(crowd) = &self.source { crowd.borrow().last() } else { None }
    }

    /// A user's iteration ended; it rests at least for `more`. Returns when the next user is due.
    pub fn rest(&self, turn: Turn, more: Duration, now: RunTime) -> Option<RunTime> {
        let Source::Crowd(crowd) = &self.source else { return None };
        crowd.borrow_mut().done(turn, more, now);
        crowd.borrow().next_due()
    }

    /// Whether the user whose iteration ended goes with it.
    pub fn goes(&self, user: u32, now: RunTime) -> bool {
        if let Source::Crowd(crowd) = &self.source { crowd.borrow_mut().goes(user, now) } else { false }
    }

    /// Users that rest and have left since the last time: see [`Crowd::leavers`].
    pub fn leavers(&self, now: RunTime, tell: impl FnMut(u32)) {
        if let Source::Crowd(crowd) = &self.source {
            crowd.borrow_mut().leavers(now, tell);
        }
    }

    /// Accounts for user time: see [`Crowd::account`].
    pub fn account(&self, now: RunTime, lease: bool, tell: impl FnMut(u64, u64)) {
        if let Source::Crowd(crowd) = &self.source {
            crowd.borrow_mut().account(now, lease, tell);
        }
    }

    /// How late the generator was with what it released at `now`: an arrival since it was due, a user since it was due
    /// and free.
    #[must_use]
    pub fn lag(&self, due: Due, now: RunTime) -> Duration {
        now.since(self.turn().map_or(due.at, |turn| due.at.max(turn.free)))
    }

    /// A request takes a slot.
    pub fn enter(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
    }

    /// A request gives its slot back.
    pub fn leave(&self) {
        self.in_flight.set(self.in_flight.get() - 1);
    }

    /// Iterations under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Whether arrivals wait for a slot.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.queued.get()
    }

    /// Whether everything owned is resolved and nothing is under way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.done.get() && self.in_flight.get() == 0
    }

    /// When waiting and unfinished requests are given up.
    #[must_use]
    pub fn give_up(&self) -> RunTime {
        match &self.source {
            Source::Pacer(pacer) => pacer.borrow().give_up(),
            Source::Crowd(crowd) => crowd.borrow().end() + self.drain,
        }
    }

    /// Every owned arrival due before it is resolved.
    #[must_use]
    pub fn cursor(&self) -> RunTime {
        match &self.source {
            Source::Pacer(pacer) => pacer.borrow().cursor(),
            Source::Crowd(crowd) => crowd.borrow().cursor(),
        }
    }

    /// See [`Pacer::hold`].
    pub fn hold(&self, from: RunTime) -> RunTime {
        match &self.source {
            Source::Pacer(pacer) => pacer.borrow_mut().hold(from),
            Source::Crowd(crowd) => crowd.borrow_mut().hold(from),
        }
    }

    /// See [`Pacer::switch`].
    pub fn switch(&self, from: RunTime, lot: Lot, end: RunTime) {
        match (&self.source, lot) {
            (Source::Pacer(pacer), Lot::Arrivals(cursor)) => pacer.borrow_mut().switch(from, cursor, end),
            (Source::Crowd(crowd), Lot::Users { lanes, supply, pauses }) => {
                let mut crowd = crowd.borrow_mut();
                crowd.revise(supply, pauses);
                crowd.switch(from, &lanes, end);
            }
            // Both come from the same timetable, which has one kind of load.
            _ => {}
        }
        // More may have come.
        self.done.set(false);
    }

    /// Fires nothing more: what waits or is still to come is skipped.
    pub fn abort(&self) {
        match &self.source {
            Source::Pacer(pacer) => pacer.borrow_mut().abort(),
            Source::Crowd(crowd) => crowd.borrow_mut().abort(),
        }
    }

    /// See [`Pacer::set_quantum`].
    pub fn set_quantum(&self, quantum: Duration) {
        match &self.source {
            Source::Pacer(pacer) => pacer.borrow_mut().set_quantum(quantum),
            Source::Crowd(crowd) => crowd.borrow_mut().set_quantum(quantum),
        }
    }
}

impl Source {
    fn of(plan: &Plan, scenario: &Scenario, timetable: &Timetable, share: &Share) -> Self {
        if let Some(supply) = timetable.supply() {
            let random = Random::new(plan.seed, &format!("rests of {}", scenario.name));
            let rests = Rests { think: scenario.think, pacing: scenario.pacing, random };
            return Self::Crowd(Box::new(RefCell::new(Crowd::new(
                supply.clone(),
                rests,
                &share.lanes,
                share.from,
            ))));
        }
        let end = timetable.end();
        let limits = Limits {
            max_lateness: plan.max_lateness,
            overload: scenario.overload,
            give_up: end + plan.drain,
        };
        let cursor = timetable.cursor(&share.lanes, share.from);
        Self::Pacer(RefCell::new(Pacer::new(cursor, limits, end, RunTime::ZERO)))
    }
}

/// Thread `number`'s part of `all` slots: the parts of all threads sum to `all`. There are never more threads than
/// slots, so that nobody has none.
#[must_use]
pub fn slots(all: u32, number: usize, threads: usize) -> u32 {
    let (number, threads) =
        (u32::try_from(number).unwrap_or(u32::MAX), u32::try_from(threads).unwrap_or(u32::MAX));
    let (each, rest) = (all / threads, all % threads);
    each + u32::from(number < rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_all_threads_sum_to_the_agents() {
        for (all, threads) in [(2000, 1), (2000, 3), (7, 4), (4, 4)] {
            assert_eq!((0..threads).map(|number| slots(all, number, threads)).sum::<u32>(), all);
        }
    }
}
