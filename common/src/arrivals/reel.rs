//! The arrivals of a replayed log: entry after entry of some lanes' tapes, over and over.
//!
//! The j-th arrival of lane l has the number `j·L + l`, as everywhere; its entry is the j-th of the lane, counted over
//! all repetitions of the log. At a rate, the n-th entry of the whole log is due where the schedule's n-th arrival is;
//! else it is due where it was in the log, divided by the speed.

use super::Due;
use crate::lane::{LANES, LaneSet};
use crate::plan::Pace;
use crate::revision::Pauses;
use crate::schedule::Schedule;
use crate::tape::{MARKS_AT_ONCE, Mark, Tape};
use crate::time::RunTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

/// A log with its timing.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) tape: Arc<Tape>,
    pub(super) pace: Pace,
    /// When the load begins.
    pub(super) start: RunTime,
}

impl Replay {
    /// When an entry is due in the `pass`-th repetition, from 0; `None` behind the end.
    fn due(&self, schedule: &Schedule, mark: &Mark, pass: u64) -> Option<RunTime> {
        match self.pace {
            Pace::Rate(_) => schedule.due(pass.checked_mul(self.tape.entries())?.checked_add(mark.number)?),
            Pace::Original { speed_milli } => {
                let at = u128::from(pass) * u128::from(self.tape.period()) + u128::from(mark.at);
                let at = u64::try_from(at * 1_000 / u128::from(speed_milli.max(1))).ok()?;
                Some(self.start + Duration::from_nanos(at)).filter(|at| *at < schedule.end())
            }
        }
    }
}

/// The arrivals of some lanes of a log, in due order.
#[derive(Clone, Debug)]
pub struct Reel {
    schedule: Arc<Schedule>,
    replay: Replay,
    /// Of what keeps its own distances nothing is sent in them; rates are zero there anyway.
    pauses: Pauses,
    next: BinaryHeap<Reverse<(Due, usize)>>,
    lanes: Vec<Lane>,
}

/// One lane's place on the tape, with the marks that were read ahead.
#[derive(Clone, Debug)]
struct Lane {
    lane: u16,
    /// The arrival that is next, counted in the lane.
    place: u64,
    /// The marks from the place `from` of the lane on.
    marks: Vec<Mark>,
    from: u64,
}

impl Reel {
    pub(super) fn new(
        schedule: Arc<Schedule>,
        (replay, pauses): (Replay, Pauses),
        lanes: &LaneSet,
        from: RunTime,
    ) -> Self {
        let own = lanes.iter().filter(|lane| replay.tape.in_lane(*lane) > 0);
        let own = own.map(|lane| Lane { lane, place: 0, marks: vec![], from: 0 });
        let lanes = own.collect();
        let mut reel = Self { schedule, replay, pauses, next: BinaryHeap::new(), lanes };
        for number in 0..reel.lanes.len() {
            if from > RunTime::ZERO {
                reel.lanes[number].place = reel.first(number, from);
            }
            reel.load(number);
        }
        reel
    }

    pub(super) fn peek(&self) -> Option<Due> {
        self.next.peek().map(|Reverse((due, _))| *due)
    }

    pub(super) fn step(&mut self) {
        let Some(Reverse((_, number))) = self.next.pop() else { return };
        self.lanes[number].place += 1;
        self.load(number);
    }

    /// Puts the next arrival of a lane among the others. A lane whose tape cannot be read ends there; the tape was
    /// checked against its hash when it came.
    fn load(&mut self, number: usize) {
        let Some(mut at) = self.due(number) else { return };
        while let Pace::Original { .. } = self.replay.pace {
            let after = self.pauses.after(at);
            if after == at {
                break;
            }
            // Without an end nothing of the lane is left.
            self.lanes[number].place = self.first(number, after);
            let Some(next) = self.due(number) else { return };
            at = next;
        }
        let lane = &self.lanes[number];
        self.next
            .push(Reverse((Due { at, k: lane.place * u64::from(LANES) + u64::from(lane.lane) }, number)));
    }

    fn due(&mut self, number: usize) -> Option<RunTime> {
        let lane = &mut self.lanes[number];
        let entries = self.replay.tape.in_lane(lane.lane);
        let (pass, place) = (lane.place / entries, lane.place % entries);
        if !(lane.from..lane.from + lane.marks.len() as u64).contains(&place) {
            lane.from = place;
            self.replay.tape.marks(lane.lane, place, &mut lane.marks, MARKS_AT_ONCE).ok()?;
        }
        let mark = lane.marks.get(usize::try_from(place - lane.from).ok()?)?;
        self.replay.due(&self.schedule, mark, pass)
    }

    /// The first place of a lane that is due at `from` or later: due times rise with the places.
    fn first(&mut self, number: usize, from: RunTime) -> u64 {
        let mut is_before = |place: u64| {
            self.lanes[number].place = place;
            self.due(number).is_some_and(|due| due < from)
        };
        let (mut low, mut step) = (0, 1);
        while is_before(low + step - 1) {
            low += step;
            step *= 2;
        }
        let mut high = low + step - 1;
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}
