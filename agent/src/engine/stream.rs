//! One scenario on one engine thread: its pacer and its slots.

use common::arrivals::{Cursor, Timetable};
use common::pacer::{Gate, Limits, Order, Pacer};
use common::plan::{Plan, Scenario};
use common::share::Share;
use common::time::RunTime;
use std::cell::{Cell, RefCell};

/// A scenario's part on this thread.
pub struct Stream {
    pacer: RefCell<Pacer>,
    slots: u32,
    in_flight: Cell<u32>,
    /// Whether arrivals wait for a slot, so that an answer must look for the next arrival at once.
    queued: Cell<bool>,
    done: Cell<bool>,
}

impl Stream {
    /// The stream of `scenario` for a share, with this thread's part of the agent's slots.
    pub fn new(plan: &Plan, scenario: &Scenario, share: &Share, slots: u32) -> Result<Self, String> {
        let timetable = Timetable::of(scenario, plan.seed).map_err(|error| error.to_string())?;
        let end = timetable.end();
        let limits = Limits {
            max_lateness: plan.max_lateness,
            overload: scenario.overload,
            give_up: end + plan.drain,
        };
        let pacer = Pacer::new(timetable.cursor(&share.lanes, share.from), limits, end, RunTime::ZERO);
        Ok(Self {
            pacer: RefCell::new(pacer),
            slots,
            in_flight: Cell::new(0),
            queued: Cell::new(false),
            done: Cell::new(false),
        })
    }

    /// The next order at `now`; `lease` says whether firing is allowed.
    pub fn next(&self, now: RunTime, lease: bool) -> Order {
        let gate = Gate { slot: self.in_flight.get() < self.slots, lease };
        let order = self.pacer.borrow_mut().next(now, gate);
        match order {
            Order::WaitForSlot => self.queued.set(true),
            Order::Wait(_) | Order::WaitForShare => self.queued.set(false),
            Order::Done => self.done.set(true),
            Order::Fire(_) | Order::Skip(..) => {}
        }
        order
    }

    /// A request takes a slot.
    pub fn enter(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
    }

    /// A request gives its slot back.
    pub fn leave(&self) {
        self.in_flight.set(self.in_flight.get() - 1);
    }

    /// Requests under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Whether arrivals wait for a slot.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.queued.get()
    }

    /// Whether every owned arrival is resolved and nothing is under way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.done.get() && self.in_flight.get() == 0
    }

    /// When waiting and unfinished requests are given up.
    #[must_use]
    pub fn give_up(&self) -> RunTime {
        self.pacer.borrow().give_up()
    }

    /// Every owned arrival due before it is resolved.
    #[must_use]
    pub fn cursor(&self) -> RunTime {
        self.pacer.borrow().cursor()
    }

    /// See [`Pacer::hold`].
    pub fn hold(&self, from: RunTime) -> RunTime {
        self.pacer.borrow_mut().hold(from)
    }

    /// See [`Pacer::switch`].
    pub fn switch(&self, from: RunTime, cursor: Cursor, end: RunTime) {
        self.pacer.borrow_mut().switch(from, cursor, end);
        // More may have come.
        self.done.set(false);
    }

    /// Fires nothing more: what waits or is still to come is skipped.
    pub fn abort(&self) {
        self.pacer.borrow_mut().abort();
    }

    /// See [`Pacer::set_quantum`].
    pub fn set_quantum(&self, quantum: std::time::Duration) {
        self.pacer.borrow_mut().set_quantum(quantum);
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
