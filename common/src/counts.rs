//! Counts by due second, in bounded memory.
//!
//! What [`crate::timeline::Timeline`] is to measurements, this is to plain numbers: a place is a pure function of
//! the due time, and a long run is coarsened by merging neighbours, which loses resolution and never a count.

use crate::timeline::{BUCKETS_MAX, WIDTH_S_MAX};

/// How many of something were due in each stretch of the run, from run time zero on.
///
/// Sums saturate: counts come from agents, and no honest ones add up to 2⁶⁴.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Width of every stretch in seconds, a power of two.
    width_s: u64,
    /// By stretch, without gaps; at most [`BUCKETS_MAX`].
    counts: Vec<u64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { width_s: 1, counts: Vec::new() }
    }
}

impl From<&[u64]> for Counts {
    /// What was due in the seconds 0, 1, 2, …
    fn from(seconds: &[u64]) -> Self {
        let mut counts = Self::default();
        for (second, n) in (0..).zip(seconds) {
            counts.add(second, 1, *n);
        }
        counts
    }
}

impl From<Vec<u64>> for Counts {
    /// What was due in the seconds 0, 1, 2, …
    fn from(seconds: Vec<u64>) -> Self {
        Self::from(seconds.as_slice())
    }
}

impl Counts {
    /// Adds `n` that were due in a stretch that begins at `start_s` and is `width_s` wide, a power of two.
    ///
    /// What lies behind everything that can be told apart (more than 600 years) counts into the last stretch.
    pub fn add(&mut self, start_s: u64, width_s: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.coarsen_to(width_s);
        while start_s / self.width_s >= BUCKETS_MAX as u64 && self.width_s < WIDTH_S_MAX {
            self.coarsen_to(self.width_s * 2);
        }
        let place = usize::try_from(start_s / self.width_s).unwrap_or(usize::MAX).min(BUCKETS_MAX - 1);
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] = self.counts[place].saturating_add(n);
    }

    /// The width of the stretches in seconds.
    #[must_use]
    pub const fn width_s(&self) -> u64 {
        self.width_s
    }

    /// How many were due in the stretch number `place`.
    #[must_use]
    pub fn at(&self, place: usize) -> u64 {
        self.counts.get(place).copied().unwrap_or_default()
    }

    /// How many stretches there are, up to the last one that is not empty.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, n| n.saturating_add(sum))
    }

    /// Merges neighbours until the stretches are at least `width_s` wide.
    pub fn coarsen_to(&mut self, width_s: u64) {
        while self.width_s < width_s.min(WIDTH_S_MAX) {
            self.width_s *= 2;
            let pairs = self.counts.chunks(2).map(|pair| pair.iter().fold(0, |sum, n| n.saturating_add(sum)));
            self.counts = pairs.collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_day_takes_bounded_memory_and_loses_no_count() {
        let counts = Counts::from(vec![3; 86_400]);
        assert_eq!((counts.width_s(), counts.len(), counts.total()), (128, 675, 3 * 86_400));
        assert_eq!((counts.at(0), counts.at(674), counts.at(675)), (384, 384, 0));
    }

    #[test]
    fn no_claim_of_a_peer_makes_it_large() {
        let mut counts = Counts::default();
        for (start, width, n) in [(u64::MAX, 1, 2), (0, u64::MAX, 1), (5, 1, u64::MAX)] {
            counts.add(start, width, n);
        }
        assert_eq!((counts.len(), counts.total()), (BUCKETS_MAX, u64::MAX));
    }

    proptest! {
        #[test]
        fn the_order_of_adding_does_not_matter(
            adds in prop::collection::vec((0_u64..5_000, 0_u32..4, 1_u64..9), 1..40)
        ) {
            let of = |adds: &mut dyn Iterator<Item = &(u64, u32, u64)>| {
                let mut counts = Counts::default();
                adds.for_each(|(second, doublings, n)| {
                    let width = 1 << doublings;
                    counts.add(second - second % width, width, *n);
                });
                counts
            };
            let (one, other) = (of(&mut adds.iter()), of(&mut adds.iter().rev()));
            prop_assert_eq!(&one, &other);
            prop_assert_eq!(one.total(), adds.iter().map(|(_, _, n)| n).sum::<u64>());
        }
    }
}
