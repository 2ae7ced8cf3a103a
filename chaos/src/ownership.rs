//! Whose an arrival was, told again from what the controller wrote down.
//!
//! Written apart from the owners' machine in `common`: a checker that shared its code would share its mistakes.

use crate::evidence::store::{Event, Kind, Owned};
use common::lane::{LANES, lane_of};
use common::time::RunTime;

/// By lane: stretches of due time in the order in which they were written; the last one that covers a time holds.
#[derive(Clone, Debug)]
pub struct Ownership {
    lanes: Vec<Vec<Stretch>>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: RunTime,
    to: RunTime,
    session: Option<u64>,
}

impl Ownership {
    /// Takes the owned stretches out of what happened.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let mut lanes = vec![Vec::new(); usize::from(LANES)];
        for event in events {
            if let Kind::Owned(owned) = &event.kind {
                owned.lanes.iter().for_each(|lane| lanes[usize::from(lane)].push(Stretch::of(owned)));
            }
        }
        Self { lanes }
    }

    /// Whose arrival `k` is, that is due at `due`; `None`: nobody's.
    #[must_use]
    pub fn owner(&self, k: u64, due: RunTime) -> Option<u64> {
        let stretches = &self.lanes[usize::from(lane_of(k))];
        stretches.iter().rev().find(|stretch| stretch.from <= due && due < stretch.to)?.session
    }
}

impl Stretch {
    const fn of(owned: &Owned) -> Self {
        Self { from: owned.from, to: owned.to, session: owned.session }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::lane::LaneSet;

    fn owned(session: u64, from: u64, to: u64, lanes: &[u16]) -> Event {
        let (from, to) = (RunTime::from_nanos(from), RunTime::from_nanos(to));
        let session = Some(session).filter(|session| *session > 0);
        let lanes: LaneSet = lanes.iter().copied().collect();
        Event { at_ns: 0, kind: Kind::Owned(Box::new(Owned { session, from, to, lanes })) }
    }

    #[test]
    fn what_was_written_last_about_a_due_time_holds() {
        let max = u64::MAX;
        let ownership =
            Ownership::of(&[owned(1, 0, max, &[3, 4]), owned(0, 10, max, &[3]), owned(2, 15, 20, &[3])]);
        for (k, due, owner) in [
            (3, 9, Some(1)),
            (3, 10, None),
            (3, 15, Some(2)),
            (3 + u64::from(LANES), 19, Some(2)),
            (3, 20, None),
            (4, 100, Some(1)),
            (5, 0, None),
        ] {
            assert_eq!(ownership.owner(k, RunTime::from_nanos(due)), owner, "arrival {k} at {due}");
        }
    }
}
