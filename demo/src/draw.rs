//! Seeded random numbers: the n-th draw of a stream is a pure function of (seed, stream, n).
//!
//! So the n-th answer is the same in every run, however many threads give the answers.

/// What is drawn; streams of one seed do not influence each other.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    /// Status and latency of `/random`.
    Random = 1,
    /// Body sizes of `/test-get/{n}`.
    TestGet = 2,
}

/// A short sequence of random numbers that belongs to one answer (SplitMix64).
pub(crate) struct Draw {
    state: u64,
}

impl Draw {
    /// The numbers of answer `n` in `stream`.
    pub(crate) fn new(seed: u64, stream: Stream, n: u64) -> Self {
        Self { state: mix(mix(seed ^ ((stream as u64) << 56)).wrapping_add(n.wrapping_mul(GOLDEN))) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// An integer in `0..limit`; 0 when `limit` is 0. The bias is below `limit` / 2⁶⁴.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// A number in (0, 1): never 0, so that its logarithm is finite.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// A number of the standard normal distribution (Box–Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The increment of SplitMix64: odd, near 2⁶⁴ / φ.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_seed_stream_and_number_alone() {
        let first = |seed, stream, n| Draw::new(seed, stream, n).next();
        let known = first(7, Stream::Random, 3);
        assert_eq!(known, first(7, Stream::Random, 3));
        assert_ne!(known, first(8, Stream::Random, 3));
        assert_ne!(known, first(7, Stream::TestGet, 3));
        assert_ne!(known, first(7, Stream::Random, 4));
    }

    #[test]
    fn integers_stay_below_their_limit_and_reach_every_value() {
        let mut seen = [0u32; 5];
        for n in 0..5_000 {
            seen[Draw::new(1, Stream::Random, n).below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&times| (900..1_100).contains(&times)), "{seen:?}");
        assert_eq!(Draw::new(1, Stream::Random, 0).below(0), 0);
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let draws: Vec<f64> = (0..20_000).map(|n| Draw::new(1, Stream::Random, n).normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
    }
}
