//! The books: what became of every planned arrival of a scenario.
//!
//! ```text
//! an agent's part:   owned   = started  + skipped + unknown
//!                    started = finished + abandoned + unended
//! the scenario:      planned = started  + skipped + unowned + unknown        (sums over the agents)
//! ```
//!
//! Only an agent that did not tell everything may leave something `unknown` or `unended`, and then it is exactly
//! what was its own and is not accounted for. More than was its own is never excused: it would be an arrival fired
//! twice.

use crate::measured::Tally;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arrivals that were not sent, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// The generator was late by more than `max_lateness`.
    pub late: u64,
    /// No free slot.
    pub overload: u64,
    /// No valid lease.
    pub no_lease: u64,
    /// The run was stopped.
    pub stopped: u64,
    /// There was no more data for them.
    #[serde(default)]
    pub no_data: u64,
    /// The time for them was over.
    #[serde(default)]
    pub time_up: u64,
    /// Nobody owned them: due while lanes moved, or more than the agents could carry.
    #[serde(default)]
    pub unowned: u64,
}

/// What became of a scenario's arrivals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Arrivals of the schedule.
    pub planned: u64,
    /// Those of them whose request was handed to the client.
    pub started: u64,
    /// Started requests that ended with an outcome.
    pub finished: u64,
    /// Started requests that were still under way when the run ended.
    pub abandoned: u64,
    /// Started requests of which nobody knows how they ended: lost with an agent.
    #[serde(default)]
    pub unended: u64,
    /// Arrivals that were not sent, by reason.
    pub skipped: Skipped,
    /// Arrivals of which nobody knows whether they were sent: lost with an agent.
    pub unknown: u64,
}

/// What agents took along that were lost or did not tell everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Arrivals of which nobody knows whether they were sent.
    pub unknown: u64,
    /// Started requests of which nobody knows how they ended.
    pub unended: u64,
}

/// The equation that is off, and by how much. Whoever tells it says whose books they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Imbalance {
    /// Not every planned arrival of a scenario is accounted for, or more than were planned.
    #[error(
        "planned {planned} is not started {started} + skipped {skipped} + unknown {unknown}: {}",
        gap(*planned, &[*started, *skipped, *unknown])
    )]
    Planned {
        /// Arrivals of the schedule.
        planned: u64,
        /// Those that were started.
        started: u64,
        /// Those that were skipped, for any reason.
        skipped: u64,
        /// Those that were lost with agents.
        unknown: u64,
    },
    /// Not every arrival that an agent owned is accounted for, or more than it owned.
    #[error("owned {owned} is not started {started} + skipped {skipped}: {}", gap(*owned, &[*started, *skipped]))]
    Owned {
        /// Arrivals that were its own.
        owned: u64,
        /// Those that it started.
        started: u64,
        /// Those that it skipped, for any reason.
        skipped: u64,
    },
    /// Not every started request ended, or more ended than were started.
    #[error(
        "started {started} is not finished {finished} + abandoned {abandoned}: {}",
        gap(*started, &[*finished, *abandoned])
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

/// Closes one agent's part of a scenario: it owned `owned` arrivals, of which `known` is what it told.
///
/// `told_all`: whether it told everything, so that nothing may be missing.
pub fn close_part(owned: u64, known: &Tally, told_all: bool) -> Result<Gap, Imbalance> {
    let Entry { started, finished, abandoned, skipped, .. } = Entry::of_known(owned, known);
    let skipped = skipped.total();
    let unknown = owned.checked_sub(started).and_then(|left| left.checked_sub(skipped));
    let unknown = unknown.filter(|unknown| !told_all || *unknown == 0);
    let unended = started.checked_sub(finished).and_then(|left| left.checked_sub(abandoned));
    let unended = unended.filter(|unended| !told_all || *unended == 0);
    Ok(Gap {
        unknown: unknown.ok_or(Imbalance::Owned { owned, started, skipped })?,
        unended: unended.ok_or(Imbalance::Started { started, finished, abandoned })?,
    })
}

/// Closes the books of one scenario: of `planned` arrivals nobody owned `unowned`; `known` is what all agents told
/// together, and `gap` what they did not tell: the sum of their parts'.
pub fn close(planned: u64, known: &Tally, unowned: u64, gap: Gap) -> Result<Entry, Imbalance> {
    let entry = Entry::open(planned, known, unowned, gap);
    let Entry { started, finished, abandoned, unended, unknown, .. } = entry;
    let skipped = entry.skipped.total();
    if sum(&[started, skipped, unknown]) != u128::from(planned) {
        return Err(Imbalance::Planned { planned, started, skipped, unknown });
    }
    if sum(&[finished, abandoned, unended]) != u128::from(started) {
        return Err(Imbalance::Started { started, finished, abandoned });
    }
    Ok(entry)
}

impl Entry {
    /// The books as they were told, not closed: the equations may not hold.
    #[must_use]
    pub const fn open(planned: u64, known: &Tally, unowned: u64, gap: Gap) -> Self {
        let mut entry = Self::of_known(planned, known);
        entry.skipped.unowned = unowned;
        (entry.unknown, entry.unended) = (gap.unknown, gap.unended);
        entry
    }

    const fn of_known(planned: u64, known: &Tally) -> Self {
        let Tally { started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up } =
            *known;
        let skipped = Skipped { late, overload, no_lease, stopped, no_data, time_up, unowned: 0 };
        Self { planned, started, finished, abandoned, unended: 0, skipped, unknown: 0 }
    }

    /// Planned arrivals that neither a stop of the run nor the end of its data took away: what the generator had to deliver.
    #[must_use]
    pub const fn asked(&self) -> u64 {
        self.planned.saturating_sub(self.skipped.stopped).saturating_sub(self.skipped.no_data)
    }
}

impl Skipped {
    /// Skipped for any reason. Saturates: counts come from agents, and no honest ones add up to 2⁶⁴.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.stopped
            .saturating_add(self.no_data)
            .saturating_add(self.by_generator())
            .saturating_add(self.by_fault())
    }

    /// Skipped because the generator, or the target for a load with an end, could not keep up.
    #[must_use]
    pub const fn by_generator(&self) -> u64 {
        self.late.saturating_add(self.overload).saturating_add(self.time_up)
    }

    /// Skipped because the fleet was not whole: nobody was there to send them, or nobody was allowed to.
    #[must_use]
    pub const fn by_fault(&self) -> u64 {
        self.no_lease.saturating_add(self.unowned)
    }
}

impl Gap {
    /// Both together, for another agent or scenario.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            unknown: self.unknown.saturating_add(other.unknown),
            unended: self.unended.saturating_add(other.unended),
        }
    }
}

fn sum(parts: &[u64]) -> u128 {
    parts.iter().copied().map(u128::from).sum()
}

fn gap(whole: u64, parts: &[u64]) -> String {
    let (whole, parts) = (u128::from(whole), sum(parts));
    if parts > whole { format!("{} too many", parts - whole) } else { format!("{} missing", whole - parts) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally(started: u64, finished: u64, abandoned: u64, late: u64) -> Tally {
        Tally { started, finished, abandoned, late, ..Tally::default() }
    }

    #[test]
    fn what_an_agent_owned_and_did_not_tell_is_unknown() {
        let owned = |skipped| Imbalance::Owned { owned: 100, started: 98, skipped };
        let started = |finished| Imbalance::Started { started: 98, finished, abandoned: 1 };
        let gap = |unknown, unended| Ok(Gap { unknown, unended });
        for (known, told_all, result, why) in [
            (tally(98, 97, 1, 2), true, gap(0, 0), "all known, nothing lost"),
            (tally(98, 97, 1, 2), false, gap(0, 0), "a lost agent that had nothing open leaves no gap"),
            (tally(98, 97, 1, 0), false, gap(2, 0), "what is missing went with the agent"),
            (tally(98, 97, 1, 0), true, Err(owned(0)), "it told everything, so nothing may be missing"),
            (tally(98, 97, 1, 3), false, Err(owned(3)), "a loss does not excuse an arrival too many"),
            (tally(98, 96, 1, 2), true, Err(started(96)), "a request without an end"),
            (tally(98, 96, 1, 2), false, gap(0, 1), "the end of a request went with the agent"),
            (tally(98, 98, 1, 2), false, Err(started(98)), "more ends than starts are never right"),
            (
                tally(0, 0, 0, u64::MAX),
                true,
                Err(Imbalance::Owned { owned: 100, started: 0, skipped: u64::MAX }),
                "absurd counts do not overflow",
            ),
        ] {
            assert_eq!(close_part(100, &known, told_all), result, "{why}");
        }
    }

    #[test]
    fn every_planned_arrival_is_accounted_for() {
        let gap = |unknown, unended| Gap { unknown, unended };
        for (known, unowned, gap, holds, why) in [
            (tally(98, 97, 1, 2), 0, gap(0, 0), true, "all known"),
            (tally(90, 89, 1, 2), 5, gap(3, 0), true, "nobody owned five, three went with an agent"),
            (tally(90, 80, 1, 2), 5, gap(3, 9), true, "so did the ends of nine requests"),
            (tally(90, 89, 1, 2), 5, gap(4, 0), false, "an arrival too many"),
            (tally(90, 89, 1, 2), 5, gap(2, 0), false, "an arrival is missing"),
            (tally(98, 97, 0, 2), 0, gap(0, 0), false, "a request without an end"),
            (tally(98, 97, 1, 2), 0, gap(0, 1), false, "an end too many"),
            (tally(1, 1, 0, u64::MAX), u64::MAX, gap(u64::MAX, 0), false, "absurd counts do not overflow"),
        ] {
            assert_eq!(close(100, &known, unowned, gap).is_ok(), holds, "{why}");
        }
    }

    #[test]
    fn an_imbalance_says_which_equation_is_off_by_how_much() {
        let scenario = |known| close(100, &known, 0, Gap::default()).unwrap_err().to_string();
        let missing = "planned 100 is not started 98 + skipped 1 + unknown 0: 1 missing";
        assert_eq!(scenario(tally(98, 98, 0, 1)), missing);
        let agent = |known| close_part(100, &known, true).unwrap_err().to_string();
        assert_eq!(agent(tally(98, 98, 0, 4)), "owned 100 is not started 98 + skipped 4: 2 too many");
        assert_eq!(agent(tally(98, 90, 3, 2)), "started 98 is not finished 90 + abandoned 3: 5 missing");
    }

    proptest! {
        /// The agents' books close one by one, so the scenario's close too, and nothing but the parts decides.
        #[test]
        fn parts_that_close_make_a_whole_that_closes(
            parts in prop::collection::vec((0_u64..50, 0_u64..50, 0_u64..50, 0_u64..50, any::<bool>()), 0..6),
            unowned in 0_u64..50,
        ) {
            let (mut planned, mut known, mut gap) = (unowned, Tally::default(), Gap::default());
            for (finished, abandoned, late, missing, told_all) in parts {
                let tally = tally(finished + abandoned, finished, abandoned, late);
                let owned = tally.resolved() + if told_all { 0 } else { missing };
                gap = gap.plus(close_part(owned, &tally, told_all).unwrap());
                known = known.plus(&tally).unwrap();
                planned += owned;
            }
            prop_assert!(close(planned, &known, unowned, gap).is_ok());
            prop_assert!(close(planned + 1, &known, unowned, gap).is_err());
        }
    }
}
