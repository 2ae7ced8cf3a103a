//! What came in since somebody looked last: no part of the books, but what everything live is made of.

use common::histogram::Histogram;
use common::outcome::Outcome;
use common::report::SeriesKind;
use common::series::Place;
use common::timeline::Timeline;
use proto::v1;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What came in since the live view was drawn last, in whole seconds of the pulse.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// Response times in microseconds.
    pub response: Histogram,
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that were errors of the target.
    pub errors: u64,
    /// Requests that were started.
    pub started: u64,
    /// The seconds in which it came in.
    pub seconds: u64,
}

/// What came in since the last beat of the pulse, and what a viewer wants to know of the time before.
#[derive(Debug, Default)]
pub(super) struct News {
    /// By series.
    fresh: Vec<Fresh>,
    /// By series.
    so_far: Vec<SoFar>,
    /// For the live view in lines.
    recent: Recent,
    /// By scenario: the stretches of the timeline that have changed since a viewer took them, by their seconds.
    touched: Vec<BTreeSet<u64>>,
}

/// Of one series, since the last beat.
#[derive(Clone, Debug, Default)]
struct Fresh {
    response: Histogram,
    outcomes: [u64; Outcome::ALL.len()],
    started: u64,
    user_us: u64,
}

/// Of one series, since the start.
#[derive(Clone, Debug, Default)]
struct SoFar {
    response: Histogram,
    /// Seconds and requests of the last beats.
    window: VecDeque<(u64, u64)>,
}

/// What came in during one beat, over all series.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub(super) response: Histogram,
    pub(super) started: u64,
    pub(super) finished: u64,
    pub(super) user_us: u64,
    pub(super) errors: BTreeMap<String, u64>,
}

impl News {
    pub(super) fn new(series: usize, scenarios: usize) -> Self {
        Self {
            fresh: vec![Fresh::default(); series],
            so_far: vec![SoFar::default(); series],
            recent: Recent::default(),
            touched: vec![BTreeSet::new(); scenarios],
        }
    }

    /// Takes for granted what was measured before this controller began.
    pub(super) fn begin_with(&mut self, series: impl Iterator<Item = Histogram>) {
        self.so_far.iter_mut().zip(series).for_each(|(own, response)| own.response = response);
    }

    /// Adds a delta that is in the books. A sum that does not fit leaves the view a little poorer.
    pub(super) fn add(&mut self, places: &[Place], message: &v1::Delta) {
        for one in &message.series {
            let number = one.series as usize;
            let (Some(place), Some(fresh)) = (places.get(number), self.fresh.get_mut(number)) else {
                continue;
            };
            for (own, more) in fresh.outcomes.iter_mut().zip(&one.outcomes) {
                *own = own.saturating_add(*more);
            }
            for bucket in &one.buckets {
                fresh.started = fresh.started.saturating_add(bucket.started);
                fresh.user_us = fresh.user_us.saturating_add(bucket.user_us);
                let response = bucket.response_time.as_ref();
                proto::delta::read_histogram(&mut fresh.response, response).unwrap_or_default();
                if let Some(touched) =
                    self.touched.get_mut(place.scenario).filter(|own| own.len() < TOUCHED_MAX)
                {
                    touched.insert(bucket.start_s);
                }
            }
        }
    }

    /// Ends a beat of so many seconds.
    pub(super) fn beat(&mut self, places: &[Place], seconds: u64) -> Sum {
        let mut sum = Sum::default();
        let parts = places.iter().zip(&mut self.fresh).zip(&mut self.so_far);
        for ((place, fresh), so_far) in parts {
            let fresh = std::mem::take(fresh);
            // Sums that would not fit were refused when they came in.
            so_far.response.add(&fresh.response).unwrap_or_default();
            let ended = fresh.outcomes.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
            so_far.window.push_back((seconds, ended));
            while so_far.window.len() > 1 && so_far.window.iter().map(|(s, _)| s).sum::<u64>() > WINDOW_S {
                so_far.window.pop_front();
            }
            sum.user_us += fresh.user_us;
            if SeriesKind::of(*place) == SeriesKind::Requests {
                sum.response.add(&fresh.response).unwrap_or_default();
                sum.started += fresh.started;
                sum.finished += ended;
                let errors = Outcome::ALL.into_iter().filter(|outcome| outcome.is_error());
                for (outcome, n) in
                    errors.map(|own| (own, fresh.outcomes[own.index()])).filter(|(_, n)| *n > 0)
                {
                    *sum.errors.entry(outcome.name().to_owned()).or_default() += n;
                }
            }
        }
        let recent = &mut self.recent;
        recent.response.add(&sum.response).unwrap_or_default();
        recent.requests += sum.finished;
        recent.errors += sum.errors.values().sum::<u64>();
        recent.started += sum.started;
        recent.seconds += seconds;
        sum
    }

    pub(super) fn take_recent(&mut self) -> Recent {
        std::mem::take(&mut self.recent)
    }

    /// Response times of a series since the start, up to the last beat.
    pub(super) fn response_of(&self, series: usize) -> Option<&Histogram> {
        self.so_far.get(series).map(|own| &own.response)
    }

    /// Requests per second that ended in the last beats.
    pub(super) fn rate_of(&self, series: usize) -> f64 {
        let window = self.so_far.get(series).map(|own| &own.window);
        let (seconds, ended) = window.into_iter().flatten().fold((0, 0), |(s, n), (t, m)| (s + t, n + m));
        if seconds == 0 { 0.0 } else { ended as f64 / seconds as f64 }
    }

    /// The seconds of a scenario's timeline that have changed since they were taken; `None`: too many to tell.
    pub(super) fn take_touched(&mut self, scenario: usize) -> Option<BTreeSet<u64>> {
        let touched = self.touched.get_mut(scenario).map(std::mem::take).unwrap_or_default();
        (touched.len() < TOUCHED_MAX).then_some(touched)
    }
}

/// The widest of some timelines.
pub(super) fn widest<'a>(timelines: impl Iterator<Item = &'a Timeline>) -> u64 {
    timelines.map(Timeline::width_s).max().unwrap_or(1)
}

/// Over so many seconds rates are told.
const WINDOW_S: u64 = 10;
/// Above this a viewer gets everything anew.
const TOUCHED_MAX: usize = 4096;
