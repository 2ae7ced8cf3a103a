//! Times in exponential buckets: what Prometheus calls a native histogram, and OpenTelemetry an exponential one.
//!
//! Bucket `i` holds the times t with 2^((i−1)/8) < t ≤ 2^(i/8) seconds, so every bucket is 9 % wider than the one
//! before; times of 0 are counted apart. Both name that resolution 3: eight, or 2³, buckets to every doubling.
//! Prometheus numbers the buckets as we do, OpenTelemetry by where they begin: its numbers are lower by one.
//!
//! Buckets are made from the counts of a [`Histogram`], never from other buckets. All values of one of its buckets
//! count as the highest of them, as in percentiles, so a percentile of the report and the same one of these buckets
//! lie in the same bucket. Values above the shape count as its highest one.

use crate::histogram::{HIGHEST, Histogram, highest_of};

/// Times in exponential buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exponential {
    zeros: u64,
    first: i32,
    /// `counts[n]` belongs to bucket `first + n`; neither end is empty.
    counts: Vec<u64>,
}

impl Exponential {
    /// The times of a histogram of microseconds.
    #[must_use]
    pub fn of(times_us: &Histogram) -> Self {
        let mut all = [0_u64; ENDS_US.len()];
        let (mut zeros, mut place) = (0, 0);
        for (bucket, n) in times_us.buckets() {
            let us = highest_of(bucket);
            if us == 0 {
                zeros = n;
                continue;
            }
            // Buckets of both come in rising order. The last end lies above the shape.
            while ENDS_US[place] < us && place + 1 < ENDS_US.len() {
                place += 1;
            }
            all[place] = all[place].saturating_add(n);
        }
        let above = &mut all[ENDS_US.partition_point(|end| *end < HIGHEST)];
        *above = above.saturating_add(times_us.overflow());
        let begin = all.iter().position(|n| *n > 0);
        let Some(begin) = begin else { return Self { zeros, ..Self::default() } };
        let end = all.iter().rposition(|n| *n > 0).map_or(begin, |last| last + 1);
        Self { zeros, first: FIRST + begin as i32, counts: all[begin..end].to_vec() }
    }

    /// How many times there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(self.zeros, |sum, n| sum.saturating_add(*n))
    }

    /// How many times were 0.
    #[must_use]
    pub const fn zeros(&self) -> u64 {
        self.zeros
    }

    /// The number of the first bucket that holds something; 0 when none does.
    #[must_use]
    pub const fn first(&self) -> i32 {
        self.first
    }

    /// The counts from the first bucket that holds something to the last one.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The buckets that hold something, in rising order, as (number, count).
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        (self.first..).zip(self.counts.iter().copied()).filter(|(_, n)| *n > 0)
    }
}

/// The resolution: 2³ buckets to every doubling.
pub const SCALE: i32 = 3;

/// The bucket of one microsecond: log₂ 10⁻⁶ = −19.93…, times 8, rounded up.
const FIRST: i32 = -159;

/// The largest whole microsecond in each bucket, from [`FIRST`] up to above every value with a bucket in a histogram.
/// A test compares each with integers.
const ENDS_US: [u64; 257] = {
    let mut ends = [0; 257];
    let mut place = 0;
    while place < ends.len() {
        let number = FIRST + place as i32;
        let part = EIGHTHS[number.rem_euclid(8) as usize] * 1e6;
        let doublings = number.div_euclid(8);
        // Powers of two lose nothing.
        let us = if doublings < 0 {
            part / (1_u64 << doublings.unsigned_abs()) as f64
        } else {
            part * (1_u64 << doublings) as f64
        };
        ends[place] = us as u64;
        place += 1;
    }
    ends
};

/// 2^(n/8).
const EIGHTHS: [f64; 8] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    std::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
];

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigUint;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        values.iter().for_each(|us| histogram.record(*us));
        histogram
    }

    /// Whether a time lies at or below 2^(number/8) seconds: t⁸ ≤ 2^number · 10⁴⁸, in integers.
    fn is_within(us: u64, number: i32) -> bool {
        let (mut time, mut end) = (BigUint::from(us).pow(8), BigUint::from(10_u8).pow(48));
        let side = if number < 0 { &mut time } else { &mut end };
        *side <<= number.unsigned_abs();
        time <= end
    }

    fn holds(number: i32, us: u64) -> bool {
        is_within(us, number) && !is_within(us, number - 1)
    }

    #[test]
    fn every_bucket_ends_where_its_formula_says() {
        for (number, end) in (FIRST..).zip(ENDS_US) {
            assert!(is_within(end, number) && !is_within(end + 1, number), "{number}: {end}");
        }
        assert!(ENDS_US[ENDS_US.len() - 1] >= highest_of(crate::histogram::BUCKETS - 1));
    }

    #[test]
    fn times_are_where_they_belong() {
        for (values, zeros, first, counts, why) in [
            (&[][..], 0, 0, &[][..], "nothing"),
            (&[0, 0], 2, 0, &[], "0 is apart"),
            (&[1], 0, -159, &[1], "the least time there is"),
            (&[976], 0, -80, &[1], "a little less than 2^-10 s"),
            (&[977], 0, -79, &[1], "a little more"),
            (&[0, 1000, 1000, 1100], 1, -79, &[2, 1], "2^-9.875 s is 1064.9 us"),
            (&[1000, 1300], 0, -79, &[1, 0, 0, 1], "what is empty in between is there"),
            (&[999_935], 0, 0, &[1], "a bucket below one of 1 s"),
            (&[1_000_000], 0, 1, &[1], "1 s counts as the highest value of its bucket, 1.000447 s"),
            (&[HIGHEST], 0, 95, &[1], "an hour"),
            (&[HIGHEST + 1, u64::MAX], 0, 95, &[2], "what lies above it"),
        ] {
            let times = Exponential::of(&of(values));
            assert_eq!((times.zeros(), times.first(), times.counts()), (zeros, first, counts), "{why}");
        }
    }

    fn any_values() -> impl Strategy<Value = Vec<u64>> {
        let value = prop_oneof![0..3_000_u64, 0..100_000_u64, 0..=HIGHEST, HIGHEST..u64::MAX];
        prop::collection::vec(value, 0..200)
    }

    proptest! {
        #[test]
        fn every_time_lies_in_the_bucket_that_holds_it(values in any_values()) {
            let mut expected = BTreeMap::new();
            for value in values.iter().filter(|value| **value > 0) {
                // What a percentile would say of it.
                let us = of(&[*value]).max();
                let number = ((us as f64 / 1e6).log2() * 8.0).ceil() as i32;
                prop_assert!(holds(number, us), "{} us are not in bucket {}", us, number);
                *expected.entry(number).or_insert(0) += 1;
            }
            prop_assert_eq!(Exponential::of(&of(&values)).buckets().collect::<BTreeMap<_, _>>(), expected);
        }

        #[test]
        fn no_time_is_lost(values in any_values()) {
            let (histogram, times) = (of(&values), Exponential::of(&of(&values)));
            prop_assert_eq!(times.count(), histogram.count() + histogram.overflow());
            prop_assert_eq!(times.buckets().map(|(_, n)| n).sum::<u64>() + times.zeros(), times.count());
            prop_assert!(times.counts().first().is_none_or(|n| *n > 0));
            prop_assert!(times.counts().last().is_none_or(|n| *n > 0));
        }

        #[test]
        fn merged_is_the_union(one in any_values(), other in any_values()) {
            let mut merged = of(&one);
            merged.add(&of(&other)).unwrap();
            let (one, other) = (Exponential::of(&of(&one)), Exponential::of(&of(&other)));
            let mut sums = BTreeMap::new();
            one.buckets().chain(other.buckets()).for_each(|(number, n)| *sums.entry(number).or_default() += n);
            let merged = Exponential::of(&merged);
            prop_assert_eq!(merged.zeros(), one.zeros() + other.zeros());
            prop_assert_eq!(merged.buckets().collect::<BTreeMap<i32, u64>>(), sums);
        }

        #[test]
        fn a_percentile_lies_in_the_bucket_of_its_rank(values in prop::collection::vec(1..=HIGHEST, 1..200)) {
            let (histogram, times) = (of(&values), Exponential::of(&of(&values)));
            for q in [0.5, 0.9, 0.99, 1.0] {
                let rank = (q * values.len() as f64).ceil() as u64;
                let mut seen = 0;
                let bucket = times.buckets().find(|(_, n)| { seen += n; seen >= rank });
                prop_assert!(bucket.is_some_and(|(number, _)| holds(number, histogram.quantile(q))), "{q}");
            }
        }
    }
}
