//! Randomness as a function: everything random in a run is computed from the plan's seed and a number.
//!
//! There is no generator with a state. `draw(stream, n)` is the n-th value of a stream, whoever asks, in whatever
//! order, on whatever machine; so a run can be split over any number of agents and gives the same load.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// A family of random streams under one key.
#[derive(Clone, Debug)]
pub struct Random {
    keyed: SipHasher13,
}

impl Random {
    /// The streams of one purpose (`domain`) under the plan's seed. Different domains share nothing.
    #[must_use]
    pub fn new(seed: u64, domain: &str) -> Self {
        let mut keyed = SipHasher13::new_with_keys(seed, DOMAIN_KEY);
        keyed.write(domain.as_bytes());
        keyed.write_u8(0xff);
        Self { keyed }
    }

    /// The `n`-th value of a stream: 64 bits that look uniform (SipHash-1-3 as a pseudo-random function).
    #[must_use]
    pub fn draw(&self, stream: u64, n: u64) -> u64 {
        let mut hasher = self.keyed;
        hasher.write_u64(stream);
        hasher.write_u64(n);
        hasher.finish()
    }

    /// The `n`-th value of a stream, exponentially distributed with mean 1.
    ///
    /// `−ln(u)` for u uniform in (0, 1), by a logarithm in software: the same bits on every machine.
    #[must_use]
    pub fn exponential(&self, stream: u64, n: u64) -> f64 {
        // The top 53 bits, shifted to the middle of their cell: never 0, never 1.
        let uniform = ((self.draw(stream, n) >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0;
        -libm::log(uniform)
    }
}

/// Keeps Stampede's draws apart from any other use of the same hash and seed.
const DOMAIN_KEY: u64 = 0x7374_616d_7065_6465;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_seed_domain_stream_and_number_alone() {
        let draw = |seed, domain, stream, n| Random::new(seed, domain).draw(stream, n);
        let base = draw(1, "a", 2, 3);
        assert_eq!(base, draw(1, "a", 2, 3));
        for other in [draw(2, "a", 2, 3), draw(1, "b", 2, 3), draw(1, "a", 3, 3), draw(1, "a", 2, 4)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn exponential_has_mean_one_and_its_tail() {
        let random = Random::new(7, "test");
        let values: Vec<f64> = (0..100_000).map(|n| random.exponential(0, n)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let beyond_two = values.iter().filter(|v| **v > 2.0).count() as f64 / values.len() as f64;
        assert!((mean - 1.0).abs() < 0.01, "mean {mean}");
        assert!((beyond_two - (-2.0_f64).exp()).abs() < 0.005, "P(x > 2) = {beyond_two}");
    }
}
