//! Timetables under what the operator changed while they were carried out.

use super::{Revision, Shift, Timetable};
use crate::plan::Plan;
use crate::schedule::{ScheduleError, Segment};
use crate::supply::Supply;
use crate::time::RunTime;
use std::sync::Arc;

/// The timetables of a plan, by scenario, under these changes in their order. A change of a scenario that does not
/// exist or lies behind its end changes nothing.
pub fn timetables(plan: &Plan, revisions: &[Revision]) -> Result<Vec<Timetable>, ScheduleError> {
    (0..plan.scenarios.len()).map(|scenario| timetable(plan, scenario, revisions)).collect()
}

/// The timetable of one scenario, which must be in the plan, under these changes in their order.
pub fn timetable(plan: &Plan, scenario: usize, revisions: &[Revision]) -> Result<Timetable, ScheduleError> {
    let mut timetable = Timetable::of(&plan.scenarios[scenario], plan.seed)?;
    let own = |revision: &&Revision| !revision.is_of_one() || revision.scenario as usize == scenario;
    for Revision { at, shift, .. } in revisions.iter().filter(own) {
        if *at < timetable.end() {
            timetable = timetable.revised(*at, *shift)?;
        }
    }
    Ok(timetable)
}

impl Timetable {
    /// The same timetable until `at`, which lies before its end, and changed from then on until its end. What does
    /// not fit its kind of load changes nothing.
    pub fn revised(&self, at: RunTime, shift: Shift) -> Result<Self, ScheduleError> {
        match shift {
            Shift::Rate { milli } if self.closed.is_none() => self.at_rate(at, milli),
            Shift::Users { users, spawn_milli } => Ok(self.with_users(at, users, spawn_milli)),
            Shift::Pause if !self.pauses.is_open() => self.paused(at),
            Shift::Resume if self.pauses.is_open() => self.resumed(at),
            Shift::Rate { .. } | Shift::Pause | Shift::Resume => Ok(self.clone()),
        }
    }

    fn at_rate(&self, at: RunTime, milli: u64) -> Result<Self, ScheduleError> {
        let at = at.max(self.start);
        let hold = Segment::new(self.end().since(at), milli, milli);
        let wanted = self.wanted.revised(at, [hold])?;
        let schedule = match self.pauses.is_open() {
            // It is what it will be.
            true => Arc::clone(&self.schedule),
            false => Arc::new(self.schedule.joined(at, &wanted)?),
        };
        Ok(Self { schedule, wanted: Arc::new(wanted), ..self.clone() })
    }

    fn with_users(&self, at: RunTime, users: u32, spawn_milli: Option<u64>) -> Self {
        let Some(Supply::Users(curve)) = &self.closed else { return self.clone() };
        let curve = curve.revised(at, users, spawn_milli);
        Self { closed: Some(Supply::Users(Arc::new(curve))), ..self.clone() }
    }

    fn paused(&self, at: RunTime) -> Result<Self, ScheduleError> {
        let pauses = self.pauses.begun(at);
        if self.closed.is_some() {
            return Ok(Self { pauses, ..self.clone() });
        }
        let nothing = Segment::new(self.end().since(at), 0, 0);
        Ok(Self { schedule: Arc::new(self.schedule.revised(at, [nothing])?), pauses, ..self.clone() })
    }

    fn resumed(&self, at: RunTime) -> Result<Self, ScheduleError> {
        let pauses = self.pauses.ended(at);
        if self.closed.is_some() {
            return Ok(Self { pauses, ..self.clone() });
        }
        Ok(Self { schedule: Arc::new(self.schedule.joined(at, &self.wanted)?), pauses, ..self.clone() })
    }
}
