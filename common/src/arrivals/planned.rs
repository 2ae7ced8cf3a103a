//! How many arrivals are planned.

use super::{Cursor, Timetable};
use crate::lane::LaneSet;
use crate::schedule::Schedule;
use crate::supply::Supply;
use crate::time::RunTime;
use std::sync::Arc;

/// Counts planned arrivals up to a time that only moves forward.
#[derive(Clone, Debug)]
pub struct Planned {
    cursor: Cursor,
    schedule: Arc<Schedule>,
    walked: u64,
    /// When all tries are due, and how many.
    tries: Option<(RunTime, u64)>,
}

impl Planned {
    pub(super) fn of(timetable: &Timetable) -> Self {
        Self {
            cursor: timetable.cursor(&LaneSet::all(), RunTime::ZERO),
            schedule: Arc::clone(&timetable.schedule),
            walked: 0,
            tries: match &timetable.closed {
                Some(Supply::Tries(tries)) => Some((tries.start, tries.count)),
                _ => None,
            },
        }
    }

    /// How many arrivals are due before `t`. Times must not go back.
    pub fn before(&mut self, t: RunTime) -> u64 {
        if let Some((start, count)) = self.tries {
            return if t > start { count } else { 0 };
        }
        if let Cursor::Even(_) = self.cursor {
            return self.schedule.count(t);
        }
        while self.cursor.peek().is_some_and(|due| due.at < t) {
            self.cursor.next();
            self.walked += 1;
        }
        self.walked
    }
}
