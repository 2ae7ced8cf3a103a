//! What an operator changes of a load that is on, and when it was paused.

use crate::time::RunTime;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// From `at` on, the load is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The scenario's place in the plan; means nothing to [`Shift::Pause`] and [`Shift::Resume`].
    pub scenario: u32,
    /// The first run time of which it is true.
    pub at: RunTime,
    /// What changes.
    pub shift: Shift,
}

/// How a load changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// The rate of a scenario, until its load ends.
    Rate {
        /// Thousandths of an arrival per second.
        milli: u64,
    },
    /// The users of a scenario, until its load ends.
    Users {
        /// How many.
        users: u32,
        /// Thousandths of a user per second by which they come or go, above zero; `None`: all at once.
        spawn_milli: Option<u64>,
    },
    /// Nothing is begun, in any scenario.
    Pause,
    /// What the plan and the other changes say for that time, in every scenario.
    Resume,
}

impl Revision {
    /// Whether it is about a scenario, and not about the whole run.
    #[must_use]
    pub const fn is_of_one(&self) -> bool {
        matches!(self.shift, Shift::Rate { .. } | Shift::Users { .. })
    }
}

/// Whether a run is paused after these changes.
#[must_use]
pub fn is_paused(revisions: &[Revision]) -> bool {
    revisions
        .iter()
        .rev()
        .find(|revision| !revision.is_of_one())
        .is_some_and(|last| last.shift == Shift::Pause)
}

/// When nothing was begun: stretches in the order of time, of which the last may be without an end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pauses(Arc<[Pause]>);

/// From when on, and the first time at which it is over.
type Pause = (RunTime, RunTime);

impl Pauses {
    /// Those that these changes make, which are in the order of time.
    #[must_use]
    pub fn of(revisions: &[Revision]) -> Self {
        revisions.iter().fold(Self::default(), |pauses, revision| match revision.shift {
            Shift::Pause => pauses.begun(revision.at),
            Shift::Resume => pauses.ended(revision.at),
            Shift::Rate { .. } | Shift::Users { .. } => pauses,
        })
    }

    /// Whether there is one without an end.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.last().is_some_and(|(_, end)| *end == RunTime::MAX)
    }

    /// The same, and one more from `at` on.
    #[must_use]
    pub fn begun(&self, at: RunTime) -> Self {
        let more = (!self.is_open()).then_some((at, RunTime::MAX));
        Self(self.0.iter().copied().chain(more).collect())
    }

    /// The same, the last one over at `at`.
    #[must_use]
    pub fn ended(&self, at: RunTime) -> Self {
        let ended = |(from, end): &Pause| (*from, if *end == RunTime::MAX { at } else { *end });
        Self(self.0.iter().map(ended).filter(|(from, end)| from < end).collect())
    }

    /// The first time at `t` or later that is in no pause; [`RunTime::MAX`] when nobody knows.
    #[must_use]
    pub fn after(&self, t: RunTime) -> RunTime {
        let mut t = t;
        for (from, end) in self.0.iter() {
            if *from <= t && t < *end {
                t = *end;
            }
        }
        t
    }

    /// Whether any time from `from` on and before `to` lies in one.
    #[must_use]
    pub fn touch(&self, from: RunTime, to: RunTime) -> bool {
        self.0.iter().any(|(begin, end)| *begin < to && from < *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_pause_comes_after_it() {
        let at = RunTime::from_nanos;
        let pauses = Pauses::default().begun(at(5)).ended(at(8)).begun(at(9)).begun(at(11));
        assert!(pauses.is_open());
        for (t, after) in [(0, 0), (4, 4), (5, 8), (7, 8), (8, 8), (9, u64::MAX), (70, u64::MAX)] {
            assert_eq!(pauses.after(at(t)), at(after), "{t}");
        }
        assert_eq!(pauses.ended(at(12)).after(at(9)), at(12));
        assert_eq!(pauses.ended(at(9)), Pauses::default().begun(at(5)).ended(at(8)), "none at all");
    }

    #[test]
    fn a_stretch_touches_a_pause_when_they_share_a_moment() {
        let at = RunTime::from_nanos;
        let change = |shift, nanos| Revision { scenario: 0, at: at(nanos), shift };
        let changes = [
            change(Shift::Pause, 5),
            change(Shift::Rate { milli: 1 }, 6),
            change(Shift::Resume, 8),
            change(Shift::Pause, 20),
        ];
        let pauses = Pauses::of(&changes);
        assert_eq!(pauses, Pauses::default().begun(at(5)).ended(at(8)).begun(at(20)));
        for (from, to, touches) in
            [(0, 5, false), (0, 6, true), (6, 7, true), (7, 30, true), (8, 20, false), (90, 91, true)]
        {
            assert_eq!(pauses.touch(at(from), at(to)), touches, "{from} to {to}");
        }
    }

    #[test]
    fn the_last_word_counts() {
        let word = |shift| Revision { scenario: 0, at: RunTime::ZERO, shift };
        let [pause, resume, rate] = [Shift::Pause, Shift::Resume, Shift::Rate { milli: 1 }].map(word);
        assert!(!is_paused(&[]) && !is_paused(&[rate]) && !is_paused(&[pause, resume, rate]));
        assert!(is_paused(&[pause, rate]) && is_paused(&[pause, resume, pause]));
    }
}
