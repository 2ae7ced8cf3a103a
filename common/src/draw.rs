//! Random values of many distributions, all from one stream of bits under a key.
//!
//! Inversions and transforms by functions in software (`libm`): the same bits on every machine.

use crate::random::Random;

/// Bits that look uniform: SplitMix64 (Steele, Lea, Flood 2014), begun at a draw of a keyed function.
#[derive(Clone, Debug)]
pub struct Draws {
    state: u64,
}

/// Draws numbers by weight in constant time: Walker's alias method, built as Vose (1991) says.
#[derive(Clone, Debug)]
pub struct Alias {
    /// By number: the part of its cell that is its own, of 2^32, and whose the rest is.
    cells: Vec<(u32, u32)>,
}

impl Draws {
    /// The bits of number `n` of a stream.
    #[must_use]
    pub fn new(random: &Random, stream: u64, n: u64) -> Self {
        Self { state: random.draw(stream, n) }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..n, for n above zero; off by less than n / 2^64.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform in (0, 1): never 0, never 1.
    pub fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    /// Uniform in the integers from `a` to `b`, both included.
    pub fn integer(&mut self, a: i64, b: i64) -> i64 {
        let width = (i128::from(b) - i128::from(a)) as u64;
        let offset = if width == u64::MAX { self.bits() } else { self.below(width + 1) };
        (i128::from(a) + i128::from(offset)) as i64
    }

    /// Uniform in [a, b).
    pub fn uniform(&mut self, a: f64, b: f64) -> f64 {
        a + (b - a) * self.unit()
    }

    /// Normal with mean `m` and standard deviation `s` (Box and Muller 1958).
    pub fn normal(&mut self, m: f64, s: f64) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.unit()));
        m + s * radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// The exponential of a normal value with mean `m` and standard deviation `s`.
    pub fn lognormal(&mut self, m: f64, s: f64) -> f64 {
        libm::exp(self.normal(m, s))
    }

    /// Pareto with the least value `x` and the shape `a`: P(X > v) = (x / v)^a.
    pub fn pareto(&mut self, x: f64, a: f64) -> f64 {
        x * libm::pow(self.unit(), -1.0 / a)
    }

    /// Exponential with mean `m`.
    pub fn exponential(&mut self, m: f64) -> f64 {
        -m * libm::log(self.unit())
    }
}

impl Alias {
    /// For 1 to 2^32 weights, none below zero, at least one above.
    #[must_use]
    pub fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mut parts: Vec<f64> =
            weights.iter().map(|weight| weight / total * weights.len() as f64).collect();
        let mut cells = vec![(u32::MAX, 0); weights.len()];
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..parts.len()).partition(|at| parts[*at] < 1.0);
        while let (Some(&less), Some(&more)) = (small.last(), large.last()) {
            small.pop();
            cells[less] = ((parts[less] * TWO_32) as u32, more as u32);
            parts[more] -= 1.0 - parts[less];
            if parts[more] < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        // What rounding left over keeps its cell.
        for rest in small.into_iter().chain(large) {
            cells[rest] = (u32::MAX, rest as u32);
        }
        Self { cells }
    }

    /// Zipf's law over `n` numbers: the weight of number i is (i + 1)^-s.
    #[must_use]
    pub fn zipf(n: usize, s: f64) -> Self {
        Self::new(&(0..n).map(|i| libm::pow((i + 1) as f64, -s)).collect::<Vec<_>>())
    }

    /// A number, by weight; off by less than 2^-32 of a cell.
    pub fn draw(&self, draws: &mut Draws) -> usize {
        let bits = draws.bits();
        let cell = (((bits >> 32) * self.cells.len() as u64) >> 32) as usize;
        let (own, other) = self.cells[cell];
        if (bits as u32) < own || own == u32::MAX { cell } else { other as usize }
    }
}

const TWO_32: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(purpose: &str) -> Draws {
        Draws::new(&Random::new(11, purpose), 0, 0)
    }

    /// Kolmogorov and Smirnov: the greatest distance between what was drawn and the declared distribution. It is
    /// above 1.95 / √n once in a thousand seeds, and the seed is fixed.
    fn distance(purpose: &str, draw: impl Fn(&mut Draws) -> f64, below: impl Fn(f64) -> f64) {
        let (n, mut draws) = (50_000, draws(purpose));
        let mut values: Vec<f64> = (0..n).map(|_| draw(&mut draws)).collect();
        values.sort_by(f64::total_cmp);
        let gap = |(at, value): (usize, &f64)| {
            let expected = below(*value);
            (expected - at as f64 / f64::from(n)).abs().max((expected - (at + 1) as f64 / f64::from(n)).abs())
        };
        let greatest = values.iter().enumerate().map(gap).fold(0.0, f64::max);
        assert!(greatest < 1.95 / f64::from(n).sqrt(), "{purpose}: {greatest}");
    }

    /// Chi-square against expected parts: above its mean by more than five deviations once in a million seeds.
    fn chi_square(purpose: &str, expected: &[f64], draw: impl Fn(&mut Draws) -> usize) {
        let (n, mut draws) = (200_000, draws(purpose));
        let mut seen = vec![0.0; expected.len()];
        (0..n).for_each(|_| seen[draw(&mut draws)] += 1.0);
        let total: f64 = expected.iter().sum();
        let term = |(seen, part): (&f64, &f64)| {
            let expected = part / total * f64::from(n);
            if expected == 0.0 {
                assert!(*seen == 0.0, "{purpose}: what has no weight was drawn");
                return 0.0;
            }
            (seen - expected).powi(2) / expected
        };
        let sum: f64 = seen.iter().zip(expected).map(term).sum();
        let free = expected.len() as f64 - 1.0;
        assert!(sum < free + 5.0 * (2.0 * free).sqrt(), "{purpose}: {sum} with {free} degrees of freedom");
    }

    fn normal_below(z: f64) -> f64 {
        0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
    }

    #[test]
    fn every_distribution_is_the_declared_one() {
        distance("uniform", |draws| draws.uniform(-2.0, 6.0), |v| (v + 2.0) / 8.0);
        distance("normal", |draws| draws.normal(100.0, 15.0), |v| normal_below((v - 100.0) / 15.0));
        distance("lognormal", |draws| draws.lognormal(9.0, 1.5), |v| normal_below((v.ln() - 9.0) / 1.5));
        distance("pareto", |draws| draws.pareto(500.0, 1.5), |v| 1.0 - (500.0 / v).powf(1.5));
        distance("exponential", |draws| draws.exponential(2.5), |v| 1.0 - (-v / 2.5).exp());
    }

    #[test]
    fn whole_numbers_and_weights_are_as_frequent_as_declared() {
        chi_square("die", &[1.0; 6], |draws| (draws.integer(1, 6) - 1) as usize);
        chi_square("below", &[1.0; 1000], |draws| draws.below(1000) as usize);
        let weights = [3.0, 0.0, 1.0, 0.5, 100.0];
        let alias = Alias::new(&weights);
        chi_square("weights", &weights, |draws| alias.draw(draws));
        for s in [0.0, 0.5, 1.1, 3.0] {
            let (zipf, parts) =
                (Alias::zipf(100, s), (1..=100).map(|i| f64::from(i).powf(-s)).collect::<Vec<_>>());
            chi_square(&format!("zipf {s}"), &parts, |draws| zipf.draw(draws));
        }
        assert_eq!(Alias::new(&[2.0]).draw(&mut draws("one")), 0);
    }

    #[test]
    fn extreme_bounds_hold() {
        let mut draws = draws("extremes");
        for _ in 0..1000 {
            assert_eq!(draws.integer(5, 5), 5);
            draws.integer(i64::MIN, i64::MAX);
            assert!((i64::MAX - 1..=i64::MAX).contains(&draws.integer(i64::MAX - 1, i64::MAX)));
            assert!((0.0..1.0).contains(&draws.unit()));
        }
    }
}
