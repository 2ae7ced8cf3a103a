//! Where the response times of each stretch of the run lay: the cells of a heat map.

use crate::histogram::{Histogram, highest_of};
use crate::report::Evidence;
use crate::series::series_of;
use crate::timeline::{BUCKETS_MAX, Timeline};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Response times by due time and size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heat {
    /// Where the cells of a row begin, in microseconds: five to a decade, the first at 0. The last one has no end.
    pub edges_us: Vec<u64>,
    /// The rows that have something in them, scenario after scenario.
    pub rows: Vec<HeatRow>,
}

/// The response times of the requests of one scenario that were due in a stretch of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeatRow {
    /// Where it begins, in seconds since run time zero.
    pub t_s: u64,
    /// How wide it is, in seconds.
    pub width_s: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The cell with which `counts` begins.
    pub first: usize,
    /// Requests by cell, without the empty ones at both ends.
    pub counts: Vec<u64>,
}

impl Heat {
    /// All scenarios as one without a name, in the order of time: rows are as wide as the widest.
    #[must_use]
    pub fn together(&self) -> Self {
        let width_s = self.rows.iter().map(|row| row.width_s).max().unwrap_or(1).max(1);
        let mut places: BTreeMap<u64, [u64; EDGES_US.len()]> = BTreeMap::new();
        for row in &self.rows {
            let cells = places.entry(row.t_s - row.t_s % width_s).or_default();
            for (cell, n) in cells.iter_mut().skip(row.first).zip(&row.counts) {
                *cell = cell.saturating_add(*n);
            }
        }
        let row = |(t_s, cells): (u64, [u64; EDGES_US.len()])| {
            let (first, counts) = trimmed(&cells)?;
            Some(HeatRow { t_s, width_s, scenario: String::new(), first, counts })
        };
        Self { edges_us: self.edges_us.clone(), rows: places.into_iter().filter_map(row).collect() }
    }
}

/// The whole map: no more rows per scenario than the timeline has.
pub(super) fn map(evidence: &Evidence<'_>) -> Heat {
    let places: Vec<_> = series_of(evidence.plan).into_iter().zip(&evidence.totals.series).collect();
    let scenarios = evidence.plan.scenarios.iter().enumerate();
    let rows = scenarios.flat_map(|(number, scenario)| {
        let own = places.iter().filter(|(place, _)| place.scenario == number && place.counts_requests());
        let mut times = Timeline::default();
        for (_, series) in own {
            // Sums that would not fit were refused when they came in.
            times.merge(&series.timeline).unwrap_or_default();
        }
        of_scenario(&scenario.name, &times)
    });
    Heat { edges_us: EDGES_US.to_vec(), rows: rows.collect() }
}

pub(super) fn of_scenario(name: &str, times: &Timeline) -> Vec<HeatRow> {
    debug_assert!(times.iter().count() <= BUCKETS_MAX, "timelines are bounded");
    let row = |(t_s, bucket): (u64, &crate::timeline::Bucket)| {
        let (first, counts) = cells(&bucket.response_time)?;
        Some(HeatRow { t_s, width_s: times.width_s(), scenario: name.to_owned(), first, counts })
    };
    times.iter().filter_map(row).collect()
}

/// The counts of the cells from the first to the last that is not empty, and which one is the first.
fn cells(times: &Histogram) -> Option<(usize, Vec<u64>)> {
    trimmed(&all_cells(times))
}

fn trimmed(counts: &[u64]) -> Option<(usize, Vec<u64>)> {
    let first = counts.iter().position(|n| *n > 0)?;
    let end = counts.iter().rposition(|n| *n > 0)? + 1;
    Some((first, counts[first..end].to_vec()))
}

/// The counts of all cells. Times count as the highest value of their bucket, as percentiles do.
pub(super) fn all_cells(times: &Histogram) -> [u64; EDGES_US.len()] {
    let mut counts = [0_u64; EDGES_US.len()];
    for (bucket, n) in times.buckets() {
        let cell = EDGES_US.partition_point(|edge| *edge <= highest_of(bucket)) - 1;
        counts[cell] = counts[cell].saturating_add(n);
    }
    let last = &mut counts[EDGES_US.len() - 1];
    *last = last.saturating_add(times.overflow());
    counts
}

/// Preferred numbers (ISO 3, R5): every cell is 1.6 times as wide as the one before.
pub(super) const EDGES_US: [u64; 32] = [
    0,
    100,
    160,
    250,
    400,
    630,
    1_000,
    1_600,
    2_500,
    4_000,
    6_300,
    10_000,
    16_000,
    25_000,
    40_000,
    63_000,
    100_000,
    160_000,
    250_000,
    400_000,
    630_000,
    1_000_000,
    1_600_000,
    2_500_000,
    4_000_000,
    6_300_000,
    10_000_000,
    16_000_000,
    25_000_000,
    40_000_000,
    63_000_000,
    100_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::HIGHEST;

    fn of(times: &[u64]) -> Option<(usize, Vec<u64>)> {
        let mut histogram = Histogram::new();
        times.iter().for_each(|us| histogram.record(*us));
        cells(&histogram)
    }

    #[test]
    fn every_time_is_in_one_cell() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[0, 99]), Some((0, vec![2])));
        assert_eq!(of(&[100, 159, 400]), Some((1, vec![2, 0, 0, 1])));
        // An hour, and what lies above it.
        assert_eq!(of(&[100_000_000, HIGHEST, HIGHEST + 1]), Some((31, vec![3])));
    }

    #[test]
    fn scenarios_together_lose_no_request() {
        let row = |scenario: &str, t_s, width_s, first, counts: &[u64]| HeatRow {
            t_s,
            width_s,
            scenario: scenario.into(),
            first,
            counts: counts.to_vec(),
        };
        let rows = vec![
            row("a", 0, 2, 3, &[1, 0, 2]),
            row("a", 2, 2, 3, &[7]),
            row("b", 1, 1, 1, &[5]),
            row("b", 3, 1, 3, &[1, 4]),
            row("c", 4, 2, 31, &[1]),
        ];
        let all = Heat { edges_us: EDGES_US.to_vec(), rows }.together();
        let expected =
            [row("", 0, 2, 1, &[5, 0, 1, 0, 2]), row("", 2, 2, 3, &[8, 4]), row("", 4, 2, 31, &[1])];
        assert_eq!(all.rows, expected);
        assert_eq!(Heat::default().together(), Heat::default());
    }

    #[test]
    fn edges_rise() {
        assert!(EDGES_US.is_sorted_by(|one, next| one < next));
    }
}
