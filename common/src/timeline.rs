//! Time series by due time: what became of the arrivals that were due in each stretch of the run.
//!
//! A bucket's place is a pure function of the due time, so no clock is involved and any two timelines merge
//! exactly. Buckets are one second wide; a long run is coarsened by merging neighbours, which loses resolution and
//! never a count, so that memory is bounded. Histograms of buckets to which nothing is added any more are packed.

use crate::histogram::{Histogram, HistogramError, plus};
use crate::time::RunTime;
use std::collections::{BTreeMap, VecDeque};

/// What became of the arrivals of one stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Requests that were started.
    pub started: u64,
    /// Requests that ended.
    pub finished: u64,
    /// Those of them that were errors of the target.
    pub errors: u64,
    /// Response times in microseconds.
    pub response_time: Histogram,
    /// Answers by status code.
    pub status: BTreeMap<u16, u64>,
    /// How long users of a users load were active, in microseconds of all of them together.
    pub user_us: u64,
}

/// Buckets by due time.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Width of every bucket in seconds, a power of two.
    width_s: u64,
    /// By the second at which they begin, a multiple of the width.
    buckets: BTreeMap<u64, Bucket>,
    /// Where those begin that were added to last, the newest at the back: the others are packed.
    open: VecDeque<u64>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { width_s: 1, buckets: BTreeMap::new(), open: VecDeque::new() }
    }
}

/// Equal when the same was counted, however the memory lies.
impl PartialEq for Timeline {
    fn eq(&self, other: &Self) -> bool {
        self.width_s == other.width_s && self.buckets == other.buckets
    }
}

impl Eq for Timeline {}

impl Timeline {
    /// The bucket in which `due` lies, to record into: it stays as fast to write to as it is.
    pub fn at(&mut self, due: RunTime) -> &mut Bucket {
        let start = self.start_of(due.second());
        self.buckets.entry(start).or_default()
    }

    /// The width of the buckets in seconds.
    #[must_use]
    pub const fn width_s(&self) -> u64 {
        self.width_s
    }

    /// The buckets by the second at which they begin.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Bucket)> {
        self.buckets.iter().map(|(start, bucket)| (*start, bucket))
    }

    /// The buckets that begin in a stretch of seconds.
    pub fn within(&self, from_s: u64, until_s: u64) -> impl Iterator<Item = (u64, &Bucket)> {
        self.buckets.range(from_s..until_s.max(from_s)).map(|(start, bucket)| (*start, bucket))
    }

    /// Adds a bucket that begins at `start_s` and is `width_s` wide.
    pub fn add(&mut self, start_s: u64, width_s: u64, bucket: &Bucket) -> Result<(), HistogramError> {
        self.open(start_s, width_s)?.add(bucket)
    }

    /// The bucket into which one that begins at `start_s` and is `width_s` wide falls. The one that was not opened for
    /// the longest time is packed for it.
    pub fn open(&mut self, start_s: u64, width_s: u64) -> Result<&mut Bucket, HistogramError> {
        self.coarsen_to(width_s)?;
        let start = self.start_of(start_s);
        if self.open.back() != Some(&start) {
            self.open.retain(|other| *other != start);
            self.open.push_back(start);
        }
        let idle = if self.open.len() > OPEN_MAX { self.open.pop_front() } else { None };
        if let Some(bucket) = idle.and_then(|idle| self.buckets.get_mut(&idle)) {
            bucket.response_time.pack();
        }
        Ok(self.buckets.entry(start).or_default())
    }

    /// Adds every bucket of another timeline.
    pub fn merge(&mut self, other: &Self) -> Result<(), HistogramError> {
        self.coarsen_to(other.width_s)?;
        other.iter().try_for_each(|(start, bucket)| self.add(start, other.width_s, bucket))
    }

    /// Takes out the first buckets, as many as fit into about `left` bytes of a message, and counts `left` down. One
    /// is taken in any case, so that the rest gets its turn.
    pub fn take_within(&mut self, left: &mut usize) -> Self {
        let mut taken = Self { width_s: self.width_s, ..Self::default() };
        while let Some((start, bucket)) = self.buckets.pop_first() {
            let cost = 48 + 8 * bucket.status.len() + bucket.response_time.bytes_max();
            if cost > *left && !taken.buckets.is_empty() {
                self.buckets.insert(start, bucket);
                break;
            }
            *left = left.saturating_sub(cost);
            taken.buckets.insert(start, bucket);
        }
        taken
    }

    fn coarsen_to(&mut self, width_s: u64) -> Result<(), HistogramError> {
        while self.width_s < width_s.min(WIDTH_S_MAX) {
            self.coarsen()?;
        }
        Ok(())
    }

    /// Where the bucket begins in which a second lies, with room for it.
    fn start_of(&mut self, second: u64) -> u64 {
        let start = second - second % self.width_s;
        if self.buckets.len() >= BUCKETS_MAX && !self.buckets.contains_key(&start) {
            // Sums that are too large are refused where they come in, and so rarely that a bucket too many does no harm.
            if self.coarsen().is_ok() {
                return self.start_of(second);
            }
        }
        start
    }

    fn coarsen(&mut self) -> Result<(), HistogramError> {
        self.width_s *= 2;
        self.open.clear();
        let fine = std::mem::take(&mut self.buckets);
        for (start, bucket) in fine {
            let whole = self.buckets.entry(start - start % self.width_s).or_default();
            whole.add(&bucket)?;
            whole.response_time.pack();
        }
        Ok(())
    }
}

impl Bucket {
    fn add(&mut self, other: &Self) -> Result<(), HistogramError> {
        self.response_time.add(&other.response_time)?;
        for (status, more) in &other.status {
            let own = self.status.entry(*status).or_default();
            *own = plus(*own, *more)?;
        }
        for (own, more) in [
            (&mut self.started, other.started),
            (&mut self.finished, other.finished),
            (&mut self.errors, other.errors),
            (&mut self.user_us, other.user_us),
        ] {
            *own = plus(*own, more)?;
        }
        Ok(())
    }
}

/// More buckets than this are merged in pairs: 20 minutes at one second, a day at 128 s.
pub const BUCKETS_MAX: usize = 1200;
/// Buckets that are not packed: requests that are answered together were due within so many seconds of each other, or it
/// takes some microseconds longer to merge them.
const OPEN_MAX: usize = 64;
/// No bucket is wider than this (194 days): a wider claim of a peer is taken as this.
pub const WIDTH_S_MAX: u64 = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(s: u64) -> RunTime {
        RunTime::from_nanos(s * 1_000_000_000)
    }

    #[test]
    fn a_day_takes_bounded_memory_and_loses_no_count() {
        let mut timeline = Timeline::default();
        for second in 0..86_400 {
            timeline.at(seconds(second)).started += 3;
        }
        assert!(timeline.iter().count() <= BUCKETS_MAX);
        assert_eq!(timeline.width_s(), 128);
        assert_eq!(timeline.iter().map(|(_, bucket)| bucket.started).sum::<u64>(), 3 * 86_400);
    }

    #[test]
    fn histograms_to_which_nothing_is_added_are_packed() {
        let mut timeline = Timeline::default();
        let dense =
            |timeline: &Timeline| timeline.iter().filter(|(_, one)| !one.response_time.is_packed()).count();
        for second in 0..10_000 {
            timeline.open(second, 1).unwrap().response_time.record(second);
            // Late news from long ago.
            timeline.open(second / 3, 1).unwrap().response_time.record(second);
            assert!(dense(&timeline) <= OPEN_MAX);
        }
        assert_eq!(timeline.iter().map(|(_, one)| one.response_time.count()).sum::<u64>(), 20_000);
        let mut sum = timeline.clone();
        sum.merge(&timeline).unwrap();
        assert!(dense(&sum) <= OPEN_MAX);
    }

    proptest! {
        #[test]
        fn merging_is_order_free_whatever_the_widths(
            dues in prop::collection::vec(0_u64..5_000, 1..60), split in 0_usize..60, doublings in 0_u32..5
        ) {
            let of = |dues: &[u64]| {
                let mut timeline = Timeline::default();
                for due in dues {
                    let bucket = timeline.at(seconds(*due));
                    bucket.started += 1;
                    bucket.response_time.record(*due);
                }
                timeline
            };
            let (left, right) = dues.split_at(split.min(dues.len()));
            let mut coarse = of(right);
            (0..doublings).for_each(|_| coarse.coarsen().unwrap());
            let (mut one, mut two) = (of(left), coarse.clone());
            one.merge(&coarse).unwrap();
            two.merge(&of(left)).unwrap();
            prop_assert_eq!(&one, &two);
            prop_assert_eq!(one.iter().map(|(_, b)| b.response_time.count()).sum::<u64>(), dues.len() as u64);
        }
    }
}
