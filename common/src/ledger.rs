//! The books: what became of every planned arrival of a scenario.
//!
//! ```text
//! planned = started + skipped + unknown
//! started = finished + abandoned          (what an agent took along when it was lost may be missing)
//! ```
//!
//! Only the loss of an agent excuses a gap, and then the gap has a name. More than was planned is never excused:
//! it would be an arrival fired twice.

use crate::measured::Tally;
use serde::{Deserialize, Serialize};

/// Arrivals that were not sent, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The generator was late by more than `max_lateness`.
    pub late: u64,
    /// No free slot.
    pub overload: u64,
    /// No valid lease.
    pub no_lease: u64,
    /// The run was stopped.
    pub stopped: u64,
}

/// What became of a scenario's arrivals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Arrivals of the schedule.
    pub planned: u64,
    /// Those of them whose request was handed to the client.
    pub started: u64,
    /// Started requests that ended with an outcome.
    pub finished: u64,
    /// Started requests that were still under way when the run ended.
    pub abandoned: u64,
    /// Arrivals that were not sent, by reason.
    pub skipped: Skipped,
    /// Arrivals of which nobody knows whether they were sent: lost with an agent.
    pub unknown: u64,
}

/// Which equation is off, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Imbalance {
    /// Not every planned arrival is accounted for, or more than were planned.
    #[error(
        "close the books: planned {planned} is not started {started} + skipped {skipped}: {}",
        gap(*planned, u128::from(*started) + u128::from(*skipped))
    )]
    Planned {
        /// Arrivals of the schedule.
        planned: u64,
        /// Those that were started.
        started: u64,
        /// Those that were skipped, for any reason.
        skipped: u64,
    },
    /// Not every started request ended, or more ended than were started.
    #[error(
        "close the books: started {started} is not finished {finished} + abandoned {abandoned}: {}",
        gap(*started, u128::from(*finished) + u128::from(*abandoned))
    )]
    Started {
        /// Requests handed to the client.
        started: u64,
        /// Those that ended with an outcome.
        finished: u64,
        /// Those that were still under way at the end.
        abandoned: u64,
    },
}

/// Closes the books of one scenario: `planned` arrivals, of which `known` is what the agents told.
///
/// `lost`: whether an agent was lost. Then planned arrivals that nobody accounts for are unknown; otherwise they
/// are an imbalance.
pub fn close(planned: u64, known: &Tally, lost: bool) -> Result<Entry, Imbalance> {
    let entry = Entry::of_known(planned, known);
    let Entry { started, finished, abandoned, .. } = entry;
    let skipped = entry.skipped.total();
    let unknown = planned.checked_sub(started).and_then(|left| left.checked_sub(skipped));
    let unknown = unknown.filter(|unknown| lost || *unknown == 0);
    let unknown = unknown.ok_or(Imbalance::Planned { planned, started, skipped })?;
    let unended = started.checked_sub(finished).and_then(|left| left.checked_sub(abandoned));
    match unended {
        Some(left) if lost || left == 0 => Ok(Entry { unknown, ..entry }),
        _ => Err(Imbalance::Started { started, finished, abandoned }),
    }
}

impl Entry {
    /// The books as the agents told them, not closed: nothing is unknown, and the equations may not hold.
    #[must_use]
    pub const fn of_known(planned: u64, known: &Tally) -> Self {
        let Tally { started, finished, abandoned, late, overload, no_lease, stopped } = *known;
        let skipped = Skipped { late, overload, no_lease, stopped };
        Self { planned, started, finished, abandoned, skipped, unknown: 0 }
    }

    /// Planned arrivals that no stop of the run took away: what the generator had to deliver.
    #[must_use]
    pub const fn asked(&self) -> u64 {
        self.planned.saturating_sub(self.skipped.stopped)
    }
}

impl Skipped {
    /// Skipped for any reason. Saturates: counts come from agents, and no honest ones add up to 2⁶⁴.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let generator = self.late.saturating_add(self.overload);
        generator.saturating_add(self.no_lease).saturating_add(self.stopped)
    }
}

fn gap(whole: u64, parts: u128) -> String {
    let whole = u128::from(whole);
    if parts > whole { format!("{} too many", parts - whole) } else { format!("{} missing", whole - parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(started: u64, finished: u64, abandoned: u64, late: u64) -> Tally {
        Tally { started, finished, abandoned, late, ..Tally::default() }
    }

    #[test]
    fn every_planned_arrival_is_accounted_for() {
        let planned = |skipped| Imbalance::Planned { planned: 100, started: 98, skipped };
        let started = |finished| Imbalance::Started { started: 98, finished, abandoned: 1 };
        for (known, lost, unknown, why) in [
            (tally(98, 97, 1, 2), false, Ok(0), "all known, nobody lost"),
            (tally(98, 97, 1, 2), true, Ok(0), "a lost agent that had nothing open leaves no gap"),
            (tally(98, 97, 1, 0), true, Ok(2), "what is missing went with the agent"),
            (tally(98, 97, 1, 0), false, Err(planned(0)), "nobody was lost, so nothing may be missing"),
            (tally(98, 97, 1, 3), true, Err(planned(3)), "a loss does not excuse an arrival too many"),
            (tally(98, 96, 1, 2), false, Err(started(96)), "a request without an end"),
            (tally(98, 96, 1, 2), true, Ok(0), "the end of a request went with the agent"),
            (tally(98, 98, 1, 2), true, Err(started(98)), "more ends than starts are never right"),
            (tally(0, 0, 0, u64::MAX), false, Err(planned_none()), "absurd counts do not overflow"),
        ] {
            assert_eq!(close(100, &known, lost).map(|entry| entry.unknown), unknown, "{why}");
        }
    }

    fn planned_none() -> Imbalance {
        Imbalance::Planned { planned: 100, started: 0, skipped: u64::MAX }
    }

    #[test]
    fn an_imbalance_says_which_equation_is_off_by_how_much() {
        let text = |known, planned| close(planned, &known, false).unwrap_err().to_string();
        assert_eq!(
            text(tally(98, 98, 0, 1), 100),
            "close the books: planned 100 is not started 98 + skipped 1: 1 missing"
        );
        assert_eq!(
            text(tally(98, 98, 0, 4), 100),
            "close the books: planned 100 is not started 98 + skipped 4: 2 too many"
        );
        assert_eq!(
            text(tally(98, 90, 3, 2), 100),
            "close the books: started 98 is not finished 90 + abandoned 3: 5 missing"
        );
    }
}
