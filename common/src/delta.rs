//! Exactly once: deltas are numbered, kept until acknowledged, applied in order and checked against running sums.
//!
//! The agent's [`Outbox`] gives a delta its number when it seals it; at most `window` sealed ones wait for their
//! ack, and everything newer gathers in one open delta, so that a long silence costs resolution and never a count.
//! Counters are cleared only by sealing, and a sealed delta is dropped only by its ack. The controller's [`Inbox`]
//! applies a delta iff its number follows the last one; a smaller number is a duplicate, a larger one a gap.

use crate::histogram::HistogramError;
use crate::measured::{Measured, Tally};
use crate::time::RunTime;
use std::collections::VecDeque;
use std::sync::Arc;

/// What one agent saw since its last delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Contiguous from 1 in a session.
    pub seq: u64,
    /// The share in force when it was sealed.
    pub share_epoch: u32,
    /// By scenario: every owned arrival due before it is resolved.
    pub cursors: Vec<RunTime>,
    /// What is new.
    pub measured: Measured,
    /// By scenario: everything since the session began.
    pub cumulative: Vec<Tally>,
    /// Whether every owned arrival is resolved and nothing will follow.
    pub fin: bool,
    /// Everything that happened before is in this delta or in one before it.
    pub told: RunTime,
}

/// The agent's side.
#[derive(Debug)]
pub struct Outbox {
    open: Measured,
    cursors: Vec<RunTime>,
    cumulative: Vec<Tally>,
    sealed: VecDeque<Arc<Delta>>,
    last_seq: u64,
    window: usize,
    /// When what is open was gathered, and up to when everything is sealed.
    gathered: RunTime,
    told: RunTime,
}

/// The controller's side, one for a session.
#[derive(Clone, Debug)]
pub struct Inbox {
    last: u64,
    cumulative: Vec<Tally>,
}

/// What the controller does with a delta.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Receipt {
    /// Add it to the totals, then acknowledge.
    Apply,
    /// It was applied before: acknowledge again.
    Duplicate,
    /// Deltas are missing before it: ask for everything after the last applied one.
    Missing,
    /// Its running sums contradict what was applied: the session's books are broken.
    Broken(String),
}

impl Outbox {
    /// An empty outbox; at most `window` sealed deltas wait for their ack.
    #[must_use]
    pub fn new(empty: Measured, window: usize) -> Self {
        let scenarios = empty.tallies.len();
        Self {
            open: empty,
            cursors: vec![RunTime::ZERO; scenarios],
            cumulative: vec![Tally::default(); scenarios],
            sealed: VecDeque::new(),
            last_seq: 0,
            window: window.max(1),
            gathered: RunTime::ZERO,
            told: RunTime::ZERO,
        }
    }

    /// Adds what an engine thread measured.
    pub fn add(&mut self, measured: &Measured) -> Result<(), HistogramError> {
        self.open.add(measured)
    }

    /// Says up to which due time every owned arrival is resolved, by scenario.
    pub fn set_cursors(&mut self, cursors: Vec<RunTime>) {
        self.cursors = cursors;
    }

    /// Says up to when everything that happened was added.
    pub const fn set_gathered(&mut self, until: RunTime) {
        self.gathered = until;
    }

    /// Everything that happened before is in the deltas up to [`Outbox::last_seq`].
    #[must_use]
    pub const fn told(&self) -> RunTime {
        self.told
    }

    /// Any number of sealed deltas may wait from now on: they go into a file.
    pub const fn unbound(&mut self) {
        self.window = usize::MAX;
    }

    /// Whether a delta could be sealed now: the window has room.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.sealed.len() < self.window
    }

    /// Seals what is open into a numbered delta, unless the window is full or there is nothing to say; the last one
    /// always has room, so that books close whose acks do not come. What is too much for one message stays open:
    /// seal again. Only when nothing is left, the delta can be the last (`fin`).
    pub fn seal(&mut self, share_epoch: u32, fin: bool) -> Result<Option<Arc<Delta>>, HistogramError> {
        if self.open.is_empty() {
            self.told = self.gathered;
        }
        if (!self.has_room() || self.open.is_empty()) && !fin {
            return Ok(None);
        }
        let sums = self.cumulative.iter().zip(&self.open.tallies).map(|(sum, new)| sum.plus(new));
        let cumulative: Vec<Tally> = sums.collect::<Result<_, _>>()?;
        self.last_seq += 1;
        let measured = self.open.take_within(MEASURED_BYTES_MAX);
        if self.open.is_empty() {
            self.told = self.gathered;
        }
        let delta = Arc::new(Delta {
            seq: self.last_seq,
            share_epoch,
            cursors: self.cursors.clone(),
            measured,
            cumulative: cumulative.clone(),
            fin: fin && self.open.is_empty(),
            told: self.told,
        });
        self.cumulative = cumulative;
        self.sealed.push_back(Arc::clone(&delta));
        Ok(Some(delta))
    }

    /// Drops every sealed delta up to `last_applied`.
    pub fn on_ack(&mut self, last_applied: u64) {
        while self.sealed.front().is_some_and(|delta| delta.seq <= last_applied) {
            self.sealed.pop_front();
        }
    }

    /// Sealed deltas without an ack, oldest first.
    pub fn unacked(&self) -> impl Iterator<Item = &Arc<Delta>> {
        self.sealed.iter()
    }

    /// The number of the newest delta that was acknowledged; 0 for none.
    #[must_use]
    pub fn last_acked(&self) -> u64 {
        self.sealed.front().map_or(self.last_seq, |oldest| oldest.seq - 1)
    }

    /// The number of the newest sealed delta; 0 for none.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }
}

impl Inbox {
    /// Nothing applied yet.
    #[must_use]
    pub fn new(scenarios: usize) -> Self {
        Self { last: 0, cumulative: vec![Tally::default(); scenarios] }
    }

    /// Everything up to delta `last` is applied, and these are the sums.
    #[must_use]
    pub const fn restored(last: u64, cumulative: Vec<Tally>) -> Self {
        Self { last, cumulative }
    }

    /// The newest applied delta; 0 for none.
    #[must_use]
    pub const fn last_applied(&self) -> u64 {
        self.last
    }

    /// By scenario: the sums of everything applied.
    #[must_use]
    pub fn tallies(&self) -> &[Tally] {
        &self.cumulative
    }

    /// Decides about a delta and, if it is to be applied, moves on.
    pub fn on_delta(&mut self, delta: &Delta) -> Receipt {
        if delta.seq <= self.last {
            return Receipt::Duplicate;
        }
        if delta.seq > self.last + 1 {
            return Receipt::Missing;
        }
        let sums = self.cumulative.iter().zip(&delta.measured.tallies).map(|(sum, new)| sum.plus(new));
        match sums.collect::<Result<Vec<_>, _>>() {
            Ok(sums) if sums == delta.cumulative => {
                (self.last, self.cumulative) = (delta.seq, sums);
                Receipt::Apply
            }
            Ok(sums) => Receipt::Broken(format!(
                "delta {} says its sums are {:?}, the deltas applied add up to {sums:?}",
                delta.seq, delta.cumulative
            )),
            Err(error) => Receipt::Broken(format!("delta {}: {error}", delta.seq)),
        }
    }
}

/// About half of what a message may hold: the estimates are upper bounds, but tallies and cursors come on top.
const MEASURED_BYTES_MAX: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some(started: u64) -> Measured {
        let mut measured = Measured::sized(1, 1);
        measured.tallies[0].started = started;
        (0..started).for_each(|n| measured.series[0].service_time.record(n));
        measured
    }

    fn outbox(window: usize) -> Outbox {
        Outbox::new(Measured::sized(1, 1), window)
    }

    #[test]
    fn a_full_window_gathers_and_loses_nothing() {
        let mut outbox = outbox(2);
        let mut sent = vec![];
        for _ in 0..10 {
            outbox.add(&some(3)).unwrap();
            sent.extend(outbox.seal(1, false).unwrap());
        }
        assert_eq!(sent.len(), 2);
        outbox.on_ack(2);
        let rest = outbox.seal(1, true).unwrap().unwrap();
        assert_eq!((rest.seq, rest.measured.tallies[0].started, rest.fin), (3, 24, true));
        assert_eq!(rest.cumulative[0].started, 30);
    }

    #[test]
    fn the_last_one_always_has_room() {
        let mut outbox = outbox(1);
        outbox.add(&some(3)).unwrap();
        assert!(outbox.seal(1, false).unwrap().is_some());
        outbox.add(&some(4)).unwrap();
        assert_eq!(outbox.seal(1, false).unwrap(), None);
        assert!(outbox.seal(1, true).unwrap().is_some_and(|delta| delta.fin && delta.seq == 2));
    }

    #[test]
    fn nothing_new_is_not_sealed_unless_it_is_the_last() {
        let mut outbox = outbox(8);
        assert_eq!(outbox.seal(1, false).unwrap(), None);
        assert!(outbox.seal(1, true).unwrap().is_some_and(|delta| delta.fin));
    }

    #[test]
    fn sums_that_contradict_break_the_books() {
        let (mut outbox, mut inbox) = (outbox(8), Inbox::new(1));
        outbox.add(&some(3)).unwrap();
        let mut delta = Delta::clone(&outbox.seal(1, false).unwrap().unwrap());
        delta.cumulative[0].started = 4;
        assert!(matches!(inbox.on_delta(&delta), Receipt::Broken(_)));
        assert_eq!(inbox.last_applied(), 0);
    }

    proptest! {
        #[test]
        fn resent_delta_counts_once_and_a_gap_is_asked_for(
            arrivals in prop::collection::vec(0_usize..8, 1..60), parts in prop::collection::vec(1_u64..20, 8)
        ) {
            let mut outbox = outbox(8);
            let sealed: Vec<Arc<Delta>> = parts.iter().filter_map(|part| {
                outbox.add(&some(*part)).unwrap();
                outbox.seal(1, false).unwrap()
            }).collect();
            let (mut inbox, mut total) = (Inbox::new(1), Measured::sized(1, 1));
            let mut next = 0;
            // Whatever comes in whatever order, then everything once more from the start.
            for place in arrivals.into_iter().chain(0..sealed.len()) {
                let receipt = inbox.on_delta(&sealed[place]);
                let expected = match place {
                    place if place < next => Receipt::Duplicate,
                    place if place == next => Receipt::Apply,
                    _ => Receipt::Missing,
                };
                prop_assert_eq!(&receipt, &expected);
                if receipt == Receipt::Apply {
                    next += 1;
                    total.add(&sealed[place].measured).unwrap();
                }
            }
            prop_assert_eq!(&total, &some(0).tap(&parts));
            prop_assert_eq!(inbox.tallies()[0].started, parts.iter().sum::<u64>());
        }
    }

    impl Measured {
        fn tap(mut self, parts: &[u64]) -> Self {
            parts.iter().for_each(|part| self.add(&some(*part)).unwrap());
            self
        }
    }
}
