//! A keyed permutation of 0..n that takes no memory.
//!
//! A Feistel network over the smallest even number of bits that holds n, with SipHash as its round function; what
//! falls outside of 0..n is put through again until it falls inside ("cycle walking", Black and Rogaway 2002), which
//! keeps it a bijection. The network covers less than 4 n numbers, so that fewer than 4 passes are expected.

use crate::random::Random;

/// A permutation of `0..n` under a key.
#[derive(Clone, Debug)]
pub struct Permutation {
    n: u64,
    half_bits: u32,
    random: Random,
}

impl Permutation {
    /// The permutation of `0..n` for a seed and a name.
    #[must_use]
    pub fn new(seed: u64, name: &str, n: u64) -> Self {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        Self {
            n,
            half_bits: bits.div_ceil(2).max(1),
            random: Random::new(seed, &format!("permutation {name}")),
        }
    }

    /// Where `i` goes; `i` must be below n.
    #[must_use]
    pub fn at(&self, i: u64) -> u64 {
        assert!(i < self.n, "{i} is not below {}", self.n);
        let mut at = self.pass(i);
        while at >= self.n {
            at = self.pass(at);
        }
        at
    }

    fn pass(&self, i: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (i >> self.half_bits, i & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (self.random.draw(round, right) & mask));
        }
        left << self.half_bits | right
    }
}

/// Four are enough against who may choose numbers (Luby and Rackoff 1988); more, because small halves mix little.
const ROUNDS: u64 = 8;
