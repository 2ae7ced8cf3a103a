//! An agent's engine, modelled: two threads, a pacer for each scenario on each, slots, a lease.

use crate::agent::{At, Timer};
use crate::chance::Chance;
use crate::check::Promise;
use crate::clock::{Clock, MS};
use crate::script::{Sabotage, Script};
use common::arrivals::Timetable;
use common::lane::{LaneSet, deal};
use common::measured::Measured;
use common::pacer::{Gate, Limits, Order, Pacer};
use common::run::SessionId;
use common::share::Share;
use common::time::RunTime;
use std::time::Duration;

pub(crate) const THREADS: usize = 2;

#[derive(Debug)]
pub(crate) struct Engine {
    session: SessionId,
    clock: Clock,
    chance: Chance,
    threads: Vec<Thread>,
    /// Run time zero on the agent's clock.
    pub(crate) zero: Option<u64>,
    /// On the agent's clock.
    pub(crate) lease_end: u64,
    measured: Measured,
}

#[derive(Debug)]
struct Thread {
    streams: Vec<Stream>,
    /// The number of the wake that counts.
    wakes: u64,
}

#[derive(Debug)]
struct Stream {
    pacer: Pacer,
    in_flight: u32,
    done: bool,
}

impl Engine {
    pub(crate) fn new(
        session: SessionId,
        clock: Clock,
        chance: Chance,
        tables: &[Timetable],
        share: (&Share, &Script),
    ) -> Self {
        let (share, script) = share;
        let stream = |(table, lanes, number): (&Timetable, &LaneSet, usize)| {
            let overload = script.scenarios[number].overload;
            let give_up = table.end() + Duration::from_millis(500);
            let limits = Limits { max_lateness: Duration::from_millis(300), overload, give_up };
            let cursor = table.cursor(lanes, share.from);
            Stream {
                pacer: Pacer::new(cursor, limits, table.end(), RunTime::ZERO),
                in_flight: 0,
                done: false,
            }
        };
        let thread = |lanes: &LaneSet| Thread {
            streams: tables.iter().enumerate().map(|(n, table)| stream((table, lanes, n))).collect(),
            wakes: 0,
        };
        let threads = deal(&[1; THREADS], &share.lanes).iter().map(thread).collect();
        let measured = Measured::sized(tables.len(), 0);
        Self { session, clock, chance, threads, zero: None, lease_end: 0, measured }
    }

    pub(crate) fn start(&mut self, zero: u64, at: &mut At<'_>) {
        self.zero = Some(zero);
        (0..THREADS).for_each(|thread| self.pump(thread, at));
    }

    /// Follows the controller's clock slowly, where this one certainly differs.
    pub(crate) fn follow(&mut self, wanted: u64, bound: u64) {
        let Some(zero) = self.zero else { return };
        let step = wanted.abs_diff(zero).saturating_sub(bound).min(MS / 4);
        self.zero = Some(if wanted > zero { zero + step } else { zero - step });
    }

    pub(crate) fn has_begun(&self, now: u64) -> bool {
        self.zero.is_some_and(|zero| self.clock.at(now) >= zero)
    }

    /// All threads hold, then all switch; returns from when on.
    pub(crate) fn adopt(
        &mut self,
        (from, lanes): (RunTime, &LaneSet),
        tables: &[Timetable],
        last: bool,
        at: &mut At<'_>,
    ) -> RunTime {
        let streams = self.threads.iter_mut().flat_map(|thread| &mut thread.streams);
        let from = streams.map(|stream| stream.pacer.hold(from)).max().unwrap_or(from);
        for (thread, lanes) in self.threads.iter_mut().zip(deal(&[1; THREADS], lanes)) {
            for (stream, table) in thread.streams.iter_mut().zip(tables) {
                let end = if last { from.min(table.end()) } else { table.end() };
                stream.pacer.switch(from, table.cursor(&lanes, from), end);
                stream.done = false;
            }
        }
        (0..THREADS).for_each(|thread| self.pump(thread, at));
        from
    }

    pub(crate) fn abort(&mut self, at: &mut At<'_>) {
        self.threads
            .iter_mut()
            .flat_map(|thread| &mut thread.streams)
            .for_each(|stream| stream.pacer.abort());
        (0..THREADS).for_each(|thread| self.pump(thread, at));
    }

    pub(crate) fn on_wake(&mut self, thread: usize, number: u64, at: &mut At<'_>) {
        if self.threads[thread].wakes == number {
            self.pump(thread, at);
        }
    }

    pub(crate) fn on_answered(&mut self, thread: usize, scenario: usize, at: &mut At<'_>) {
        self.threads[thread].streams[scenario].in_flight -= 1;
        self.measured.tallies[scenario].finished += 1;
        self.pump(thread, at);
    }

    /// Does everything that can be done now and sets the alarm for the rest.
    fn pump(&mut self, thread: usize, at: &mut At<'_>) {
        let Some(zero) = self.zero else { return };
        self.threads[thread].wakes += 1;
        let local = self.clock.at(at.now);
        let next = if local < zero {
            Some(RunTime::ZERO)
        } else {
            let streams = 0..self.threads[thread].streams.len();
            streams.filter_map(|scenario| self.pump_stream(thread, scenario, local - zero, at)).min()
        };
        if let Some(next) = next {
            // A scheduler that is a little late, and now and then very late.
            let late =
                if self.chance.one_in(200) { self.chance.below(20 * MS) } else { self.chance.below(MS / 10) };
            let real = self.clock.when(zero + next.nanos()).max(at.now) + late;
            at.out.timers.push((real, Timer::Wake { thread, number: self.threads[thread].wakes }));
        }
    }

    /// Until when there is nothing to do; `None` if something else wakes.
    fn pump_stream(&mut self, thread: usize, scenario: usize, run: u64, at: &mut At<'_>) -> Option<RunTime> {
        let now = RunTime::from_nanos(run);
        let local = self.clock.at(at.now);
        let lease = local < self.lease_end || at.script.sabotage == Sabotage::NoLeaseGate;
        let scenarios = self.measured.tallies.len();
        let stream = &mut self.threads[thread].streams[scenario];
        loop {
            let gate = Gate { slot: stream.in_flight < at.script.slots, lease };
            match stream.pacer.next(now, gate) {
                Order::Fire(due) => {
                    stream.in_flight += 1;
                    self.measured.tallies[scenario].started += 1;
                    let answered = at.now + self.chance.below(2 * at.script.service);
                    at.out.timers.push((answered, Timer::Answered { thread, scenario }));
                    at.check.on_resolved((self.session, scenario, due), None, at.now, scenarios);
                    if due.at > now {
                        at.check.fail(Promise::Due, at.now, || format!("{due:?} fired at {now:?}"));
                    }
                    if local >= self.lease_end {
                        at.check.fail(Promise::Lease, at.now, || format!("{due:?} fired at {now:?}"));
                    }
                }
                Order::Skip(due, reason) => {
                    self.measured.tallies[scenario].skip(reason);
                    at.check.on_resolved((self.session, scenario, due), Some(reason), at.now, scenarios);
                }
                Order::Wait(until) => return Some(until),
                Order::WaitForSlot | Order::WaitForShare => return None,
                Order::Done => {
                    stream.done = true;
                    return None;
                }
            }
        }
    }

    pub(crate) fn take(&mut self) -> Measured {
        self.measured.take()
    }

    /// By scenario, up to which due time everything is resolved.
    pub(crate) fn cursors(&self) -> Vec<RunTime> {
        let cursor = |scenario: usize| {
            self.threads
                .iter()
                .map(|thread| thread.streams[scenario].pacer.cursor())
                .min()
                .unwrap_or_default()
        };
        (0..self.measured.tallies.len()).map(cursor).collect()
    }

    pub(crate) fn is_finished(&self) -> bool {
        let through = |stream: &Stream| stream.done && stream.in_flight == 0 && stream.pacer.peek().is_none();
        self.threads.iter().flat_map(|thread| &thread.streams).all(through)
    }
}
