//! Numbers that a seed decides.

use common::random::Random;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A row of throws for one purpose.
#[derive(Clone, Debug)]
pub struct Dice {
    random: Random,
    thrown: u64,
}

impl Dice {
    /// The throws of `seed` for a purpose; other purposes throw independently.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self { random: Random::new(seed, purpose), thrown: 0 }
    }

    /// A number of the range.
    pub fn number(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.thrown += 1;
        let (low, high) = (*range.start(), *range.end());
        low + self.random.draw(0, self.thrown) % (high - low + 1)
    }

    /// A place in a list of this length.
    pub fn place(&mut self, length: usize) -> usize {
        let last = u64::try_from(length.saturating_sub(1)).unwrap_or(u64::MAX);
        usize::try_from(self.number(0..=last)).unwrap_or(0)
    }

    /// A time of the range, in milliseconds.
    pub fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// Whether something with this chance in a hundred happens.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.number(1..=100) <= chance
    }
}
