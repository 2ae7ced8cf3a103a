//! How one series changed, and how sure that is.

use crate::histogram::Histogram;
use crate::random::Random;
use crate::timeline::Timeline;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is compared of a series. Times count from the due time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The median response time.
    P50,
    /// Its 90th percentile.
    P90,
    /// Its 95th percentile.
    P95,
    /// Its 99th percentile.
    P99,
    /// Its 99.9th percentile.
    #[serde(rename = "p99_9")]
    P999,
    /// Its mean.
    Mean,
    /// Errors of the target ÷ requests that ended, from 0 to 1.
    ErrorRate,
}

/// How one statistic of one series changed from one run to the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Which one.
    pub statistic: Statistic,
    /// In the first run: microseconds, or a share.
    pub before: f64,
    /// In the second run.
    pub after: f64,
    /// `after` ÷ `before` − 1; for a share `after` − `before`. `None` where nothing can be compared.
    pub change: Option<f64>,
    /// In which `change` lies with a confidence of 95 %; `None` when a run is too short to tell.
    pub interval: Option<(f64, f64)>,
    /// The largest change between runs that ought to be equal; 0 when no such runs were given.
    pub noise: f64,
}

impl Statistic {
    /// Every one of them, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::P50, Self::P90, Self::P95, Self::P99, Self::P999, Self::Mean, Self::ErrorRate];

    /// Its name in rules and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p99_9",
            Self::Mean => "mean",
            Self::ErrorRate => "error_rate",
        }
    }

    /// Whether it is a share, whose change is a difference and not a ratio.
    #[must_use]
    pub const fn is_share(self) -> bool {
        matches!(self, Self::ErrorRate)
    }

    fn of(self, block: &Block) -> f64 {
        let quantile = |q| block.response_time.quantile(q) as f64;
        match self {
            Self::P50 => quantile(0.5),
            Self::P90 => quantile(0.9),
            Self::P95 => quantile(0.95),
            Self::P99 => quantile(0.99),
            Self::P999 => quantile(0.999),
            Self::Mean => block.response_time.mean(),
            Self::ErrorRate => block.errors as f64 / block.finished.max(1) as f64,
        }
    }

    fn change(self, before: f64, after: f64) -> Option<f64> {
        if self.is_share() {
            return Some(after - before);
        }
        (before > 0.0 && after > 0.0).then(|| after / before - 1.0)
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Statistic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|statistic| statistic.name() == text);
        found.ok_or_else(|| format!("one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl Change {
    /// Whether it is a change at all: surely not zero, and more than what equal runs differ by.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let beyond_noise = self.change.is_some_and(|change| change.abs() > self.noise);
        beyond_noise && self.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

/// How the response times and errors of a series changed from `before` to `after`, by [`Statistic::ALL`].
///
/// The same runs and `seed` give the same intervals.
#[must_use]
pub fn changes(before: &Timeline, after: &Timeline, seed: u64) -> Vec<Change> {
    let (old, new) = (blocks(before), blocks(after));
    let (all_old, all_new) = (merged(&old), merged(&new));
    let draws = resampled(&old, &new, seed);
    let change = |statistic: Statistic| {
        let (before, after) = (statistic.of(&all_old), statistic.of(&all_new));
        let measured = all_old.finished > 0 && all_new.finished > 0;
        let drawn = draws.as_ref().map(|draws| {
            let both =
                draws.iter().filter_map(|(old, new)| statistic.change(statistic.of(old), statistic.of(new)));
            both.collect::<Vec<f64>>()
        });
        Change {
            statistic,
            before,
            after,
            change: statistic.change(before, after).filter(|_| measured),
            interval: drawn.and_then(middle),
            noise: 0.0,
        }
    };
    Statistic::ALL.into_iter().map(change).collect()
}

/// What happened in some neighbouring seconds.
#[derive(Clone, Debug, Default)]
struct Block {
    response_time: Histogram,
    finished: u64,
    errors: u64,
}

impl Block {
    /// Sums of counts that were summed before cannot be too large; a block that is would be left out.
    fn add(&mut self, other: &Self) {
        if self.response_time.add(&other.response_time).is_ok() {
            self.finished += other.finished;
            self.errors += other.errors;
        }
    }
}

/// The run in blocks of neighbouring buckets, about the cube root of all of them in each (Hall, Horowitz and Jing 1995).
fn blocks(timeline: &Timeline) -> Vec<Block> {
    let starts: Vec<u64> = timeline.iter().map(|(start, _)| start / timeline.width_s()).collect();
    let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Vec::new() };
    let length = ((last - first + 1) as f64).cbrt().ceil() as u64;
    let mut blocks = vec![Block::default(); usize::try_from((last - first) / length + 1).unwrap_or_default()];
    for (start, (_, bucket)) in starts.iter().zip(timeline.iter()) {
        let place = usize::try_from((start - first) / length).unwrap_or(usize::MAX);
        let block = Block {
            response_time: bucket.response_time.clone(),
            finished: bucket.finished,
            errors: bucket.errors,
        };
        if let Some(own) = blocks.get_mut(place) {
            own.add(&block);
        }
    }
    blocks
}

fn merged<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Block {
    let mut sum = Block::default();
    blocks.into_iter().for_each(|block| sum.add(block));
    sum
}

/// Pairs of runs as they might have been; `None` when one of the runs has too few blocks to say.
fn resampled(old: &[Block], new: &[Block], seed: u64) -> Option<Vec<(Block, Block)>> {
    if old.len() < BLOCKS_MIN || new.len() < BLOCKS_MIN {
        return None;
    }
    let random = Random::new(seed, "compare");
    let draw = |blocks: &[Block], stream: u64| {
        let place = |n| usize::try_from(random.draw(stream, n) % blocks.len() as u64).unwrap_or_default();
        merged((0..blocks.len() as u64).map(|n| &blocks[place(n)]))
    };
    Some((0..RESAMPLES).map(|n| (draw(old, 2 * n), draw(new, 2 * n + 1))).collect())
}

/// The range that holds the middle 95 % of these; `None` when there are hardly any.
fn middle(mut values: Vec<f64>) -> Option<(f64, f64)> {
    if (values.len() as u64) < RESAMPLES / 2 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * (values.len() - 1) as f64).round() as usize).copied();
    at(0.025).zip(at(0.975))
}

/// With fewer blocks the draws are too much alike to tell anything.
const BLOCKS_MIN: usize = 5;
const RESAMPLES: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::RunTime;

    /// A run of `seconds` with `rate` requests a second, whose times are `scale` × a heavy-tailed draw.
    fn run(seed: u64, seconds: u64, rate: u64, scale: f64) -> Timeline {
        let random = Random::new(seed, "test");
        let mut timeline = Timeline::default();
        for second in 0..seconds {
            // What one second has in common: a busy second is slow as a whole.
            let busy = 1.0 + 0.2 * random.exponential(second, rate);
            let bucket = timeline.at(RunTime::from_nanos(second * 1_000_000_000));
            for n in 0..rate {
                let time = 1_000.0 * scale * busy * (1.0 + random.exponential(second, n));
                bucket.response_time.record(time as u64);
                bucket.errors += u64::from(random.draw(second, n).is_multiple_of(100));
                bucket.finished += 1;
            }
        }
        timeline
    }

    fn of(changes: &[Change], statistic: Statistic) -> Change {
        *changes.iter().find(|change| change.statistic == statistic).unwrap()
    }

    #[test]
    fn a_run_against_itself_has_not_changed() {
        let same = run(1, 60, 50, 1.0);
        for change in changes(&same, &same, 7) {
            assert_eq!(change.change, Some(0.0));
            assert!(!change.is_clear(), "{change:?}");
        }
    }

    #[test]
    fn a_slower_service_is_told_with_its_size() {
        let changes = changes(&run(1, 120, 50, 1.0), &run(2, 120, 50, 1.25), 7);
        for statistic in [Statistic::P50, Statistic::P90, Statistic::P95, Statistic::Mean] {
            let change = of(&changes, statistic);
            let (low, high) = change.interval.unwrap();
            assert!(change.is_clear() && low < 0.25 && 0.25 < high, "{change:?}");
        }
        assert!(!of(&changes, Statistic::ErrorRate).is_clear());
    }

    #[test]
    fn equal_runs_are_seldom_taken_for_different_ones() {
        // 5 % by construction; with few blocks somewhat more. A broken interval would take a third of them.
        let is_taken = |n: &u64| {
            let changes = changes(&run(1_000 + n, 40, 10, 1.0), &run(2_000 + n, 40, 10, 1.0), *n);
            of(&changes, Statistic::P50).is_clear()
        };
        let taken = (0..20).filter(is_taken).count();
        assert!(taken <= 4, "{taken} of 20");
    }

    #[test]
    fn noise_between_equal_runs_hides_a_change() {
        let change = of(&changes(&run(1, 60, 50, 1.0), &run(2, 60, 50, 1.25), 7), Statistic::P50);
        assert!(change.is_clear());
        assert!(!Change { noise: 0.4, ..change }.is_clear());
    }

    #[test]
    fn short_or_empty_runs_have_no_interval() {
        let (short, none) = (run(1, 4, 50, 1.0), Timeline::default());
        let change = of(&changes(&short, &run(2, 60, 50, 1.5), 7), Statistic::P50);
        assert!(change.change.is_some() && change.interval.is_none() && !change.is_clear());
        assert!(changes(&none, &short, 7).iter().all(|change| change.change.is_none()));
    }

    #[test]
    fn names_are_read_back() {
        for statistic in Statistic::ALL {
            assert_eq!(statistic.name().parse(), Ok(statistic));
        }
        assert!("p42".parse::<Statistic>().unwrap_err().contains("p99_9"));
    }
}
