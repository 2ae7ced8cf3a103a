//! What was due in the last seconds, of the requests that some rules mean.

use super::sums::{Pending, Sums};
use crate::threshold::Status;
use crate::time::RunTime;
use crate::timeline::Bucket;
use std::collections::{BTreeMap, BTreeSet};

/// The same of several rules: which requests they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// By the series' number.
    pub(super) series: Vec<bool>,
    pub(super) status: Option<Status>,
    /// Seconds of run time: the first, and the first that is not meant.
    pub(super) within: (u64, u64),
}

/// What was measured of the requests that a key means.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) key: Key,
    /// Since the run began.
    pub(super) whole: Sums,
    /// By the second in which requests were due; only those that a window may need.
    pub(super) seconds: BTreeMap<u64, Sums>,
    /// How many of them: 0 without a window.
    pub(super) keep_s: u64,
    /// What has changed since the windows were looked at.
    pub(super) touched: BTreeSet<u64>,
    /// What is due before is not known second by second: an agent was silent for too long.
    pub(super) blurred_until: u64,
}

/// What one session has told.
#[derive(Clone, Debug, Default)]
pub(super) struct Teller {
    /// Everything that happened before is told.
    pub(super) told: RunTime,
    /// Nobody knows what became of what it has under way.
    pub(super) lost: bool,
    /// It has told everything.
    pub(super) finished: bool,
    /// By pool and second: requests that were started and have not ended.
    pub(super) pending: Vec<BTreeMap<u64, i64>>,
}

impl Pool {
    pub(super) fn new(key: Key) -> Self {
        let (whole, seconds, touched) = (Sums::default(), BTreeMap::new(), BTreeSet::new());
        Self { key, whole, seconds, keep_s: 0, touched, blurred_until: 0 }
    }

    /// Whether it counts what is due at `second` in a series.
    pub(super) fn wants(&self, series: usize, second: u64) -> bool {
        let (from, to) = self.key.within;
        self.key.series.get(series).copied().unwrap_or(false) && (from..to).contains(&second)
    }

    /// Adds what was due from `second` on. Sums that would not fit were refused when they came in.
    pub(super) fn add(&mut self, (second, width_s): (u64, u64), bucket: &Bucket) {
        self.whole.add_bucket(bucket, self.key.status).unwrap_or_default();
        if self.keep_s == 0 {
            return;
        }
        if width_s > 1 {
            self.blurred_until = self.blurred_until.max(second + width_s);
        }
        let own = self.seconds.entry(second).or_default();
        own.add_bucket(bucket, self.key.status).unwrap_or_default();
        self.touched.insert(second);
    }

    /// What was due from `from` to `to`.
    pub(super) fn between(&self, from: u64, to: u64) -> Sums {
        let mut sums = Sums::default();
        self.seconds.range(from..to).for_each(|(_, second)| sums.add(second));
        sums
    }

    /// Whether anything due from `from` to `to` has changed.
    pub(super) fn is_touched(&self, from: u64, to: u64) -> bool {
        self.touched.range(from..to).next().is_some()
    }

    /// Forgets what no window needs at `second` any more.
    pub(super) fn forget(&mut self, second: u64) {
        let first = self.first_kept(second);
        self.seconds = self.seconds.split_off(&first);
        self.touched.clear();
    }

    /// The first second that is kept at `second`.
    pub(super) const fn first_kept(&self, second: u64) -> u64 {
        second.saturating_sub(self.keep_s)
    }
}

impl Teller {
    /// Counts what was started and what ended.
    pub(super) fn count(&mut self, pool: usize, second: u64, bucket: &Bucket) {
        if self.pending.len() <= pool {
            self.pending.resize_with(pool + 1, BTreeMap::new);
        }
        let (started, ended) = (bucket.started.cast_signed(), bucket.finished.cast_signed());
        let own = self.pending[pool].entry(second).or_default();
        *own = own.saturating_add(started).saturating_sub(ended);
        if *own == 0 {
            self.pending[pool].remove(&second);
        }
    }

    /// Adds what it has under way of what was due from `from` to `to`, with its age at `now` as far as it was told.
    pub(super) fn add_pending(
        &self,
        (pool, now): (usize, RunTime),
        (from, to): (u64, u64),
        sum: &mut Pending,
    ) {
        if self.lost || self.finished {
            return;
        }
        for (second, n) in self.pending.get(pool).into_iter().flat_map(|own| own.range(from..to)) {
            let Ok(n) = u64::try_from(*n) else { continue };
            let age = self.told.min(now).since(super::at_second(second + 1));
            sum.requests = sum.requests.saturating_add(n);
            sum.ages.record_many(u64::try_from(age.as_micros()).unwrap_or(u64::MAX), n);
        }
    }
}
