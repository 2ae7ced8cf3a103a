//! The one histogram shape of the whole system, and merging that is exact.
//!
//! HdrHistogram's layout with 3 significant digits: values (microseconds, or bytes) up to 3.6·10⁹ fall into
//! buckets at most 0.1 % wide; larger ones are counted in an overflow counter of their own, never clamped.
//! On the wire a histogram is HdrHistogram's V2 form without deflate, so that other tools read it; it is added
//! *straight from those bytes* by a bounded walker. Foreign bytes are never given to a general decoder, which can
//! be made to allocate hundreds of megabytes by a message of 40 bytes.
//!
//! The reference crate is not used at run time because its additions saturate silently, its decoder trusts its
//! input and its counts are always 184 KiB; it is the witness in the tests.

use std::fmt;

/// Counts by bucket. While it is written to, the stretch between the smallest and the largest value seen takes memory;
/// once it is packed, the values that were seen.
#[derive(Clone, Default)]
pub struct Histogram {
    /// `counts[i]` belongs to bucket `first + i`. Empty when packed, so that writing finds no bucket and unpacks.
    counts: Vec<u64>,
    first: usize,
    /// In V2 form; empty unless packed.
    packed: Vec<u8>,
    count: u64,
    overflow: u64,
}

/// Why bytes or a sum were refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// Not V2 or another shape than ours.
    #[error("read histogram: the header is not that of a V2 histogram from 1 to 3,600,000,000 with 3 digits")]
    Header,
    /// The bytes end in the middle or go on after the end.
    #[error("read histogram: the payload has another length than it says")]
    Length,
    /// A bucket beyond the shape.
    #[error("read histogram: a bucket lies outside the shape")]
    OutOfShape,
    /// The counts do not add up to the total declared beside them.
    #[error("read histogram: the counts add up to another total than declared")]
    Total,
    /// A sum above [`COUNT_MAX`].
    #[error("add up: a count is above 2^53")]
    TooMany,
}

/// The sum of two counts, if it is no larger than [`COUNT_MAX`].
pub fn plus(one: u64, other: u64) -> Result<u64, HistogramError> {
    one.checked_add(other).filter(|sum| *sum <= COUNT_MAX).ok_or(HistogramError::TooMany)
}

impl Histogram {
    /// No values.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: Vec::new(), first: 0, packed: Vec::new(), count: 0, overflow: 0 }
    }

    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        if value > HIGHEST {
            self.overflow += 1;
            return;
        }
        *self.slot(index_of(value)) += 1;
        self.count += 1;
    }

    /// Counts a value `n` times.
    pub fn record_many(&mut self, value: u64, n: u64) {
        if n == 0 {
            return;
        }
        let sum = if value > HIGHEST { &mut self.overflow } else { &mut self.count };
        *sum = sum.saturating_add(n);
        if value <= HIGHEST {
            let slot = self.slot(index_of(value));
            *slot = slot.saturating_add(n);
        }
    }

    /// How many values were counted, overflow apart.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many values lay above the shape.
    #[must_use]
    pub const fn overflow(&self) -> u64 {
        self.overflow
    }

    /// No message carries it in more bytes: every value that occurs costs at most five.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        let values = usize::try_from(self.count).map_or(BUCKETS, |count| count.min(BUCKETS));
        if self.is_empty() { 0 } else { 64 + 5 * values }
    }

    /// Whether nothing at all was counted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0 && self.overflow == 0
    }

    /// Adds another histogram. On an error nothing has changed.
    pub fn add(&mut self, other: &Self) -> Result<(), HistogramError> {
        let (count, overflow) = (plus(self.count, other.count)?, plus(self.overflow, other.overflow)?);
        if self.count == 0 {
            self.first = other.first;
            self.counts.clone_from(&other.counts);
            self.packed.clone_from(&other.packed);
        } else if !other.packed.is_empty() {
            other.buckets().for_each(|(bucket, n)| self.put(bucket, n));
        } else if let Some(last) = other.counts.len().checked_sub(1) {
            self.grow_to(other.first);
            self.grow_to(other.first + last);
            let own = &mut self.counts[other.first - self.first..];
            // No single count exceeds its histogram's total, so these sums cannot overflow once the total fits.
            own.iter_mut().zip(&other.counts).for_each(|(own, n)| *own += n);
        }
        (self.count, self.overflow) = (count, overflow);
        Ok(())
    }

    /// Adds the histogram that `bytes` hold in V2 form and `overflow` values above the shape.
    ///
    /// `total` is the number of values that the sender declared beside the bytes. On an error nothing has
    /// changed. Memory grows by what the shape allows (184 KiB), whatever the bytes claim.
    pub fn add_v2(&mut self, bytes: &[u8], total: u64, overflow: u64) -> Result<(), HistogramError> {
        let payload = v2::payload(bytes)?;
        let (count, all_overflow) = (plus(self.count, total)?, plus(self.overflow, overflow)?);
        let mut sum = 0_u64;
        let walked = v2::walk(payload, |bucket, n| {
            // Bounding the running sum by the declared total bounds every count, so nothing overflows below.
            if n > total - sum {
                return Err(HistogramError::Total);
            }
            sum += n;
            self.put(bucket, n);
            Ok(())
        });
        let outcome = walked.and(if sum == total { Ok(()) } else { Err(HistogramError::Total) });
        match outcome {
            Ok(()) => (self.count, self.overflow) = (count, all_overflow),
            Err(_) => self.take_back(payload, sum),
        }
        outcome
    }

    /// Whether [`Histogram::add_v2`] would take these bytes with this total, sums that do not fit apart.
    pub fn check_v2(bytes: &[u8], total: u64) -> Result<(), HistogramError> {
        let mut left = total;
        v2::walk(v2::payload(bytes)?, |_, n| {
            left = left.checked_sub(n).ok_or(HistogramError::Total)?;
            Ok(())
        })?;
        if left == 0 { Ok(()) } else { Err(HistogramError::Total) }
    }

    /// Undoes the first `sum` values of a walk that failed.
    fn take_back(&mut self, payload: &[u8], sum: u64) {
        let mut left = sum;
        let again = v2::walk(payload, |bucket, n| {
            if left > 0 && n > 0 {
                *self.slot(bucket) -= n;
                left -= n;
            }
            Ok(())
        });
        // Why the walk ended was told the first time.
        again.unwrap_or_default();
    }

    /// The histogram in V2 form, without its overflow count.
    #[must_use]
    pub fn to_v2(&self) -> Vec<u8> {
        if self.packed.is_empty() { v2::encode(self.first, &self.counts) } else { self.packed.clone() }
    }

    /// Takes as little memory as the values allow, until the next one is counted: about two bytes for every value
    /// that occurs, instead of eight for every one that could.
    pub fn pack(&mut self) {
        if !self.counts.is_empty() {
            self.packed = v2::encode(self.first, &self.counts);
            self.packed.shrink_to_fit();
            self.counts = Vec::new();
        }
    }

    /// Whether nothing was counted since it was packed.
    #[cfg(test)]
    pub(crate) const fn is_packed(&self) -> bool {
        self.counts.is_empty()
    }

    /// The buckets that hold something, in rising order, as (index, count).
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let dense = (self.first..).zip(self.counts.iter().copied()).filter(|(_, n)| *n > 0);
        dense.chain(v2::counts(&self.packed))
    }

    /// The value at quantile `q` (0 to 1): the highest value of the bucket in which the rank `⌈q·count⌉` lies.
    /// Values above the shape take the last ranks and are reported as [`HIGHEST`]. Zero when empty.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        let all = self.count.saturating_add(self.overflow);
        let rank = ((q.clamp(0.0, 1.0) * all as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, n) in self.buckets() {
            seen += n;
            if seen >= rank {
                return highest_of(bucket);
            }
        }
        if self.overflow > 0 { HIGHEST } else { 0 }
    }

    /// The lowest value of the first bucket that holds something.
    #[must_use]
    pub fn min(&self) -> u64 {
        self.buckets().next().map_or(0, |(bucket, _)| lowest_of(bucket))
    }

    /// The highest value of the last bucket that holds something; [`HIGHEST`] when values lay above the shape.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.quantile(1.0)
    }

    /// The mean over the middles of the buckets, overflow left out.
    #[must_use]
    pub fn mean(&self) -> f64 {
        // From 0.0 on: the empty sum of floats is −0.0, and a report would show its sign.
        let sum = self.buckets().fold(0.0, |sum, (bucket, n)| sum + middle_of(bucket) * n as f64);
        sum / self.count.max(1) as f64
    }

    /// The standard deviation over the middles of the buckets, overflow left out.
    #[must_use]
    pub fn stddev(&self) -> f64 {
        let mean = self.mean();
        let squares = self.buckets().fold(0.0, |sum, (b, n)| sum + (middle_of(b) - mean).powi(2) * n as f64);
        (squares / self.count.max(1) as f64).sqrt()
    }

    /// The mode: the lowest and the highest value of the fullest bucket. `None` when empty.
    #[must_use]
    pub fn mode(&self) -> Option<(u64, u64)> {
        let fullest = self.buckets().max_by_key(|(bucket, n)| (*n, std::cmp::Reverse(*bucket)))?;
        Some((lowest_of(fullest.0), highest_of(fullest.0)))
    }

    /// Adds to a bucket. Memory grows for what is there, not for nothing.
    fn put(&mut self, bucket: usize, n: u64) {
        match self.counts.get_mut(bucket.wrapping_sub(self.first)) {
            Some(count) => *count += n,
            None if n > 0 => *self.slot(bucket) += n,
            None => {}
        }
    }

    /// The count of a bucket, for adding to; grows the stretch when the bucket lies outside.
    fn slot(&mut self, bucket: usize) -> &mut u64 {
        let at = bucket.wrapping_sub(self.first);
        if at >= self.counts.len() {
            self.grow_to(bucket);
        }
        &mut self.counts[bucket - self.first]
    }

    #[cold]
    fn grow_to(&mut self, bucket: usize) {
        if self.counts.is_empty() {
            self.first = bucket - bucket % GROWTH;
            self.unpack();
        }
        if bucket < self.first {
            let first = bucket - bucket % GROWTH;
            let missing = self.first - first;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = first;
        } else if bucket - self.first >= self.counts.len() {
            let length = (bucket - self.first + 1).next_multiple_of(GROWTH).min(BUCKETS - self.first);
            self.counts.resize(length, 0);
        }
    }

    /// The inverse of [`Histogram::pack`].
    fn unpack(&mut self) {
        let packed = std::mem::take(&mut self.packed);
        let mut seen = v2::counts(&packed).map(|(bucket, _)| bucket);
        let Some(first) = seen.next() else { return };
        let last = seen.last().unwrap_or(first);
        self.first = first - first % GROWTH;
        self.counts = vec![0; (last - self.first + 1).next_multiple_of(GROWTH).min(BUCKETS - self.first)];
        v2::counts(&packed).for_each(|(bucket, n)| self.counts[bucket - self.first] = n);
    }
}

/// Equal when the same values were counted, however the memory lies.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.overflow == other.overflow && self.buckets().eq(other.buckets())
    }
}

impl Eq for Histogram {}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, overflow, .. } = self;
        write!(
            f,
            "Histogram({count} values, {overflow} above, p50 {}, max {})",
            self.quantile(0.5),
            self.max()
        )
    }
}

/// The bucket of a value: linear below 2048, then 1024 buckets to every doubling.
const fn index_of(value: u64) -> usize {
    let doubling = (u64::BITS - (value | (2 * HALF - 1)).leading_zeros() - HALF.ilog2() - 1) as u64;
    ((doubling * HALF) + (value >> doubling)) as usize
}

/// The lowest value that falls into a bucket.
#[must_use]
pub const fn lowest_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * HALF {
        return bucket;
    }
    let doubling = bucket / HALF - 1;
    (bucket % HALF + HALF) << doubling
}

/// The highest value that falls into a bucket.
#[must_use]
pub const fn highest_of(bucket: usize) -> u64 {
    lowest_of(bucket + 1) - 1
}

const fn middle_of(bucket: usize) -> f64 {
    let (low, high) = (lowest_of(bucket), highest_of(bucket));
    if low == high { low as f64 } else { (low + (high - low).div_ceil(2)) as f64 }
}

mod v2;

/// No count grows beyond this, of histograms or of anything else that is added up: so it can be written in V2 form
/// (2⁶³), is exact for every reader of JSON (2⁵³), and sums over different counters fit into 64 bits.
pub const COUNT_MAX: u64 = 1 << 53;
/// The largest value with a bucket: one hour in microseconds.
pub const HIGHEST: u64 = 3_600_000_000;
/// Buckets to every doubling: half of the smallest power of two above 2·10³ (3 significant digits).
const HALF: u64 = 1024;
/// How many buckets the shape has, as the reference counts them.
pub const BUCKETS: usize = 23 * HALF as usize;
/// Memory grows in steps of this many buckets.
const GROWTH: usize = 128;

#[cfg(test)]
mod tests;
