//! Which arrivals a set of lanes holds, in the order in which they are due; of closed loads, whose users.
//!
//! *Even* arrivals: number k is due where the work reaches k. *Poisson* arrivals: every lane has a random stream
//! of its own in work space with mean spacing L; the superposition of the L streams is the Poisson process of the
//! whole scenario, whoever owns the lanes. *Replayed* arrivals are the entries of a log, each in the lane of its client.
//! The j-th arrival of lane l has the number `j·L + l` in all of them.

use crate::curve::Curve;
use crate::lane::{LANES, LaneSet};
use crate::plan::{Arrivals, Load, Pace, RateLoad, ReplayLoad, Scenario};
use crate::random::Random;
use crate::revision::Pauses;
use crate::schedule::{ARRIVAL, RATE_MILLI_MAX, Schedule, ScheduleError, Segment, Work};
use crate::supply::{Supply, Tries};
use crate::time::RunTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

mod planned;
mod reel;
mod revised;

pub use crate::revision::{Revision, Shift};
pub use planned::Planned;
pub use revised::{timetable, timetables};

use reel::{Reel, Replay};

/// An arrival with its due time. It travels with the request until the outcome is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When it is due.
    pub at: RunTime,
    /// Its number.
    pub k: u64,
}

/// A scenario's load, compiled: what everybody computes and nobody sends.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// When the load begins.
    start: RunTime,
    /// Of a closed load: nothing.
    schedule: Arc<Schedule>,
    /// What the schedule would be if the run had never been paused.
    wanted: Arc<Schedule>,
    pauses: Pauses,
    spread: Spread,
    /// Users, where they decide themselves when they begin.
    closed: Option<Supply>,
}

/// How arrivals lie within the schedule.
#[derive(Clone, Debug)]
enum Spread {
    Even,
    Poisson(Random),
    Replay(Replay),
}

/// What a thread has of a scenario.
#[derive(Clone, Debug)]
pub enum Lot {
    /// Arrivals, in due order.
    Arrivals(Cursor),
    /// The users of some lanes.
    Users {
        /// Whose users.
        lanes: Box<LaneSet>,
        /// What they are there for.
        supply: Supply,
        /// When they begin nothing.
        pauses: Pauses,
    },
}

impl Timetable {
    /// Compiles the load of a scenario under the plan's seed.
    pub fn of(scenario: &Scenario, seed: u64) -> Result<Self, ScheduleError> {
        let start = RunTime::ZERO + scenario.start;
        match &scenario.load {
            Load::Rate(load) => Self::open(load, start, Random::new(seed, &scenario.name)),
            Load::Replay(load) => Self::replayed(load, start),
            Load::Users(load) => Self::closed(Supply::Users(Arc::new(Curve::of(&load.swells, start))), start),
            Load::Tries(load) => {
                let tries = Tries { count: load.count, users: load.users, start, end: start + load.within };
                Self::closed(Supply::Tries(tries), start)
            }
        }
    }

    fn open(load: &RateLoad, start: RunTime, random: Random) -> Result<Self, ScheduleError> {
        // A pause holds no arrivals, and what the work reaches at its beginning is due at its end.
        let pause = Segment::new(start.since(RunTime::ZERO), 0, 0);
        let stages = load.stages.iter();
        let stages = stages.map(|stage| Segment::new(stage.duration, stage.from.milli(), stage.to.milli()));
        let schedule = Schedule::new(std::iter::once(pause).chain(stages))?;
        let spread = match load.arrivals {
            Arrivals::Even => Spread::Even,
            Arrivals::Poisson => Spread::Poisson(random),
        };
        Ok(Self::with(start, schedule, spread))
    }

    fn with(start: RunTime, schedule: Schedule, spread: Spread) -> Self {
        let schedule = Arc::new(schedule);
        Self {
            start,
            wanted: Arc::clone(&schedule),
            schedule,
            pauses: Pauses::default(),
            spread,
            closed: None,
        }
    }

    /// Without its tape a replay has no arrivals.
    fn replayed(load: &ReplayLoad, start: RunTime) -> Result<Self, ScheduleError> {
        let pause = Segment::new(start.since(RunTime::ZERO), 0, 0);
        let Some(tape) = load.tape.tape.clone().filter(|tape| tape.entries() > 0) else {
            return Ok(Self::with(start, Schedule::new([pause])?, Spread::Even));
        };
        let milli = match load.pace {
            Pace::Rate(rate) => rate.milli(),
            // The mean rate, for display and for what agents can carry.
            Pace::Original { speed_milli } => {
                let mean = u128::from(tape.entries()) * 1_000_000_000 * u128::from(speed_milli);
                u64::try_from(mean / u128::from(tape.period())).unwrap_or(u64::MAX).clamp(1, RATE_MILLI_MAX)
            }
        };
        let schedule = Schedule::new([pause, Segment::new(load.duration(), milli, milli)])?;
        let spread = Spread::Replay(Replay { tape, pace: load.pace, start });
        Ok(Self::with(start, schedule, spread))
    }

    fn closed(supply: Supply, start: RunTime) -> Result<Self, ScheduleError> {
        Ok(Self { closed: Some(supply), ..Self::with(start, Schedule::new([])?, Spread::Even) })
    }

    /// The users of a closed load.
    #[must_use]
    pub const fn supply(&self) -> Option<&Supply> {
        self.closed.as_ref()
    }

    /// When the schedule ends: nothing is due after it.
    #[must_use]
    pub fn end(&self) -> RunTime {
        self.closed.as_ref().map_or_else(|| self.schedule.end(), Supply::end)
    }

    /// How many arrivals are due before `t`, where they are evenly spaced.
    ///
    /// Poisson arrivals must be walked; for them this is their expected number.
    #[must_use]
    pub fn count(&self, t: RunTime) -> u64 {
        match &self.closed {
            None => self.schedule.count(t),
            Some(Supply::Tries(tries)) if t > tries.start => tries.count,
            Some(_) => 0,
        }
    }

    /// What a thread has that owns these lanes from `from` on.
    #[must_use]
    pub fn lot(&self, lanes: &LaneSet, from: RunTime) -> Lot {
        match &self.closed {
            None => Lot::Arrivals(self.cursor(lanes, from)),
            Some(supply) => {
                let (lanes, supply) = (Box::new(lanes.clone()), supply.clone());
                Lot::Users { lanes, supply, pauses: self.pauses.clone() }
            }
        }
    }

    /// Whether arrivals are evenly spaced.
    #[must_use]
    pub const fn is_even(&self) -> bool {
        matches!(self.spread, Spread::Even)
    }

    /// The asked rate at `t`, in arrivals per second, for display only.
    #[must_use]
    pub fn rate_at(&self, t: RunTime) -> f64 {
        self.schedule.rate_at(t)
    }

    /// The same in thousandths; for a log with its own distances their mean.
    #[must_use]
    pub fn milli_at(&self, t: RunTime) -> u64 {
        (self.rate_at(t) * 1_000.0).round() as u64
    }

    /// The arrivals of `lanes` that are due at `from` or later; none in a closed load.
    #[must_use]
    pub fn cursor(&self, lanes: &LaneSet, from: RunTime) -> Cursor {
        let schedule = Arc::clone(&self.schedule);
        match &self.spread {
            Spread::Even => Cursor::Even(Ring::new(schedule, lanes, from)),
            Spread::Poisson(random) => Cursor::Poisson(Streams::new(schedule, random.clone(), lanes, from)),
            Spread::Replay(replay) => {
                let pauses = self.pauses.clone();
                Cursor::Replay(Reel::new(schedule, (replay.clone(), pauses), lanes, from))
            }
        }
    }

    /// Counts the planned arrivals as run time goes by.
    #[must_use]
    pub fn planned(&self) -> Planned {
        Planned::of(self)
    }

    /// A number that two machines only share if they compute the same due times: the self-test before a run.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let probes = Random::new(0, "schedule self-test");
        if let Some(supply) = &self.closed {
            return supply.fingerprint(&probes);
        }
        let mut folded = self.schedule.total();
        if let Spread::Replay(replay) = &self.spread {
            folded ^= replay.tape.checksum();
        }
        for n in 0..64 {
            let k = probes.draw(0, n) % self.schedule.total().max(1);
            let due = self.schedule.due(k).map_or(u64::MAX, RunTime::nanos);
            folded = probes.draw(folded, due);
        }
        let lanes = [0, 1, 2047, LANES - 1].into_iter().collect();
        let mut cursor = self.cursor(&lanes, RunTime::ZERO);
        for due in std::iter::from_fn(|| cursor.next()).take(64) {
            folded = probes.draw(folded ^ due.k, due.at.nanos());
        }
        folded
    }
}

/// The arrivals of some lanes, in due order. An iterator that can be looked at before it moves.
#[derive(Clone, Debug)]
pub enum Cursor {
    /// Evenly spaced: the lanes of one turn of the ring after the other.
    Even(Ring),
    /// Random: the earliest of the lanes' own streams.
    Poisson(Streams),
    /// A log's: the earliest of the lanes' own entries.
    Replay(Reel),
}

impl Cursor {
    /// The next arrival, without taking it.
    #[must_use]
    pub fn peek(&self) -> Option<Due> {
        match self {
            Self::Even(ring) => ring.next,
            Self::Poisson(streams) => streams.next.peek().map(|Reverse(next)| next.due),
            Self::Replay(reel) => reel.peek(),
        }
    }
}

impl Iterator for Cursor {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        let due = self.peek()?;
        match self {
            Self::Even(ring) => ring.step(),
            Self::Poisson(streams) => streams.step(),
            Self::Replay(reel) => reel.step(),
        }
        Some(due)
    }
}

/// Even arrivals: turn after turn of the ring.
#[derive(Clone, Debug)]
pub struct Ring {
    schedule: Arc<Schedule>,
    lanes: Arc<[u16]>,
    turn: u64,
    place: usize,
    next: Option<Due>,
}

impl Ring {
    fn new(schedule: Arc<Schedule>, lanes: &LaneSet, from: RunTime) -> Self {
        let lanes: Arc<[u16]> = lanes.iter().collect();
        let first = schedule.count(from);
        let (turn, lane) = (first / u64::from(LANES), crate::lane::lane_of(first));
        let place = lanes.partition_point(|own| *own < lane);
        let mut ring = Self { schedule, lanes, turn, place, next: None };
        ring.load();
        ring
    }

    fn step(&mut self) {
        self.place += 1;
        self.load();
    }

    fn load(&mut self) {
        if self.place >= self.lanes.len() {
            (self.place, self.turn) = (0, self.turn + 1);
        }
        self.next = self.lanes.get(self.place).and_then(|lane| {
            let k = self.turn * u64::from(LANES) + u64::from(*lane);
            Some(Due { at: self.schedule.due(k)?, k })
        });
    }
}

/// Poisson arrivals: one random stream a lane, the earliest first.
#[derive(Clone, Debug)]
pub struct Streams {
    schedule: Arc<Schedule>,
    random: Random,
    next: BinaryHeap<Reverse<Pending>>,
}

/// The next arrival of one lane and where its stream stands in work space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    due: Due,
    work: Work,
}

impl Streams {
    fn new(schedule: Arc<Schedule>, random: Random, lanes: &LaneSet, from: RunTime) -> Self {
        let mut streams = Self { schedule, random, next: BinaryHeap::new() };
        let first = lanes.iter().filter_map(|lane| streams.first(lane, from)).map(Reverse).collect();
        streams.next = first;
        streams
    }

    /// The first arrival of a lane at `from` or later: the stream is walked from its beginning.
    fn first(&self, lane: u16, from: RunTime) -> Option<Pending> {
        let mut pending = self.after(u64::from(lane), 0)?;
        while pending.due.at < from {
            pending = self.after(pending.due.k + u64::from(LANES), pending.work)?;
        }
        Some(pending)
    }

    /// Arrival `k`, whose lane's stream stood at `work` before it.
    fn after(&self, k: u64, work: Work) -> Option<Pending> {
        let gap = self.random.exponential(u64::from(crate::lane::lane_of(k)), k / u64::from(LANES));
        // At most 37·L arrivals: far inside 64 bits, and the conversion drops only fractions of a half-unit.
        let work = work + (gap * f64::from(LANES) * ARRIVAL as f64) as Work;
        Some(Pending { due: Due { at: self.schedule.time_at(work)?, k }, work })
    }

    fn step(&mut self) {
        let Some(Reverse(taken)) = self.next.pop() else { return };
        let next = self.after(taken.due.k + u64::from(LANES), taken.work);
        self.next.extend(next.map(Reverse));
    }
}

#[cfg(test)]
mod tests;
