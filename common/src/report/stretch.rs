//! A stretch of the run while it is on: the rows that the timeline and the heat map would have of it now.

use crate::curve::Curve;
use crate::histogram::Histogram;
use crate::measured::Series;
use crate::report::load::UserTime;
use crate::report::{FaultEvidence, HeatRow, TimelineRow, heat, timeline};
use crate::series::Place;
use crate::timeline::{Bucket, Timeline};

/// A stretch of one scenario, by due time.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// Where it begins, in seconds since run time zero: a multiple of the width.
    pub t_s: u64,
    /// How wide it is, in seconds: a power of two, no less than that of any series.
    pub width_s: u64,
    /// Arrivals that are due in it; `None`: what was begun is what there was to do.
    pub planned: Option<u64>,
    /// The curve of its users, if it has one.
    pub curve: Option<&'a Curve>,
}

/// What is to be shown of a stretch.
#[derive(Clone, Debug, PartialEq)]
pub struct StretchRows {
    /// Its row of the timeline.
    pub timeline: TimelineRow,
    /// Its row of the heat map, if anything was answered.
    pub heat: Option<HeatRow>,
}

impl Stretch<'_> {
    /// The rows, with what the scenario's series measured so far, under these faults; `None` without a width.
    #[must_use]
    pub fn rows<'a>(
        &self,
        series: impl Iterator<Item = (Place, &'a Series)>,
        faults: &[FaultEvidence],
    ) -> Option<StretchRows> {
        let mut all = Timeline::default();
        let mut requests = Timeline::default();
        for (place, own) in series {
            for (_, bucket) in own.timeline.within(self.t_s, self.t_s.saturating_add(self.width_s)) {
                let mut part = if place.counts_requests() { bucket.clone() } else { Bucket::default() };
                part.user_us = bucket.user_us;
                part.started = if place.counts_arrivals { bucket.started } else { 0 };
                // Sums that would not fit were refused when they came in.
                all.add(self.t_s, self.width_s, &part).unwrap_or_default();
                if place.counts_requests() {
                    requests.add(self.t_s, self.width_s, &part).unwrap_or_default();
                }
            }
        }
        all.add(self.t_s, self.width_s, &Bucket::default()).unwrap_or_default();
        // The last row is the one that was measured, or else the empty one.
        let mut row = timeline::of_scenario(self.scenario, &[0], &all).pop()?;
        row.t_s = self.t_s;
        row.planned = self.planned.unwrap_or(row.started);
        row.users_asked = self.curve.map(|curve| UserTime::asked_by(curve, self.t_s, self.width_s));
        row.users_active = self.curve.map(|_| row.users_active.unwrap_or_default());
        row.fault = faults.iter().any(|fault| fault.touches(&row));
        Some(StretchRows { timeline: row, heat: heat::of_scenario(self.scenario, &requests).pop() })
    }

    /// Where the cells of a heat map begin, in microseconds.
    #[must_use]
    pub fn heat_edges_us() -> Vec<u64> {
        heat::EDGES_US.to_vec()
    }

    /// How many times lie in each of these cells.
    #[must_use]
    pub fn cells(times: &Histogram) -> Vec<u64> {
        heat::all_cells(times).to_vec()
    }
}
