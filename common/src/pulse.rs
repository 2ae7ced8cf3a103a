//! The pulse of a run: second by second as the controller saw it, by when the news came in.
//!
//! The report's timeline goes by due time and is right in the end; the pulse goes by arrival of the news and is right
//! at once. A second that was told never changes. Long runs are coarsened like timelines: neighbours are merged, with
//! their histograms, so that a percentile of a wide row is still that of its answers.

use crate::histogram::Histogram;
use crate::timeline::BUCKETS_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A second of the run as the controller saw it: what came in then, whenever it was due. In a long run a row is wider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pulse {
    /// Where it begins, in seconds since run time zero.
    pub t_s: u64,
    /// How many seconds it covers.
    pub width_s: u64,
    /// Arrivals per second that the plan asked for, over all scenarios; users ask for none.
    pub asked: f64,
    /// Users that the plan asked for; `None` without a curve of users.
    pub users_asked: Option<f64>,
    /// Users that were there, on average, as told then; `None` without a curve of users.
    pub users: Option<f64>,
    /// Requests begun.
    pub started: u64,
    /// Requests that ended.
    pub finished: u64,
    /// Requests under way at its end; the most of any second of a wide row.
    pub in_flight: u64,
    /// Median response time in microseconds of the answers that came in; `None` without one.
    pub p50: Option<u64>,
    /// 95th percentile of it.
    pub p95: Option<u64>,
    /// 99th percentile of it.
    pub p99: Option<u64>,
    /// Requests that were errors of the target, by outcome; zeros left out.
    pub errors: BTreeMap<String, u64>,
    /// 99th percentile, in microseconds, of due until first byte sent, at the agent where it was worst; 0: nothing sent.
    pub send_lag_p99_us: u64,
    /// Every agent.
    pub agents: Vec<PulseAgent>,
}

/// An agent in a [`Pulse`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PulseAgent {
    /// Its name.
    pub name: String,
    /// Iterations begun.
    pub started: u64,
    /// Its engine threads' part of their cores at the end; the most of any second of a wide row.
    pub cpu_share: f64,
    /// 99th percentile, in microseconds, of due until first byte sent; the largest of any second of a wide row.
    pub send_lag_p99_us: u64,
}

/// What came in during some seconds. The percentiles of its row come from `times`.
#[derive(Clone, Debug, Default)]
pub struct Beat {
    /// Everything but the percentiles.
    pub row: Pulse,
    /// Response times in microseconds.
    pub times: Histogram,
}

/// The rows of a run, in bounded memory.
#[derive(Clone, Debug)]
pub struct Pulses {
    width_s: u64,
    rows: Vec<Beat>,
    last: Pulse,
}

impl Default for Pulses {
    fn default() -> Self {
        Self { width_s: 1, rows: Vec::new(), last: Pulse::default() }
    }
}

impl Pulses {
    /// Adds what came in. Rows come in the order of time.
    pub fn add(&mut self, beat: Beat) {
        let beat = beat.told();
        self.last = beat.row.clone();
        self.put(beat);
        if self.rows.len() > BUCKETS_MAX {
            self.coarsen();
        }
    }

    /// The newest row as it came in.
    #[must_use]
    pub const fn last(&self) -> &Pulse {
        &self.last
    }

    /// Every row so far.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Pulse> {
        self.rows.iter().map(|beat| &beat.row)
    }

    /// How many seconds go into a row.
    #[must_use]
    pub const fn width_s(&self) -> u64 {
        self.width_s
    }

    fn coarsen(&mut self) {
        self.width_s *= 2;
        std::mem::take(&mut self.rows).into_iter().for_each(|beat| self.put(beat));
    }

    /// Into the last row, or behind it; nothing comes into the others any more.
    fn put(&mut self, beat: Beat) {
        let place = beat.row.t_s / self.width_s;
        match self.rows.last_mut() {
            Some(last) if last.row.t_s / self.width_s == place => last.merge(&beat),
            last => {
                if let Some(told) = last {
                    told.times.pack();
                }
                self.rows.push(beat);
            }
        }
    }
}

impl Beat {
    fn told(mut self) -> Self {
        let at = |q| (!self.times.is_empty()).then(|| self.times.quantile(q));
        (self.row.p50, self.row.p95, self.row.p99) = (at(0.5), at(0.95), at(0.99));
        self
    }

    fn merge(&mut self, other: &Self) {
        let (own, more) = (&mut self.row, &other.row);
        let (w, v) = (own.width_s as f64, more.width_s as f64);
        let mean = |one: f64, two: f64| (one * w + two * v) / (w + v).max(1.0);
        let both = |one: Option<f64>, two: Option<f64>| match (one, two) {
            (Some(one), Some(two)) => Some(mean(one, two)),
            (one, two) => one.or(two),
        };
        own.asked = mean(own.asked, more.asked);
        (own.users_asked, own.users) = (both(own.users_asked, more.users_asked), both(own.users, more.users));
        own.width_s += more.width_s;
        own.started += more.started;
        own.finished += more.finished;
        own.in_flight = own.in_flight.max(more.in_flight);
        own.send_lag_p99_us = own.send_lag_p99_us.max(more.send_lag_p99_us);
        for (outcome, n) in &more.errors {
            *own.errors.entry(outcome.clone()).or_default() += n;
        }
        for agent in &more.agents {
            match own.agents.iter_mut().find(|known| known.name == agent.name) {
                Some(known) => {
                    known.started += agent.started;
                    known.cpu_share = known.cpu_share.max(agent.cpu_share);
                    known.send_lag_p99_us = known.send_lag_p99_us.max(agent.send_lag_p99_us);
                }
                None => own.agents.push(agent.clone()),
            }
        }
        // Sums that would not fit were refused when they came in.
        self.times.add(&other.times).unwrap_or_default();
        let Self { row, times } = std::mem::take(self).told();
        (self.row, self.times) = (row, times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(t_s: u64, us: &[u64]) -> Beat {
        let mut times = Histogram::new();
        us.iter().for_each(|us| times.record(*us));
        let errors = BTreeMap::from([("timeout".to_owned(), t_s % 2)]);
        let agent = PulseAgent { name: "a".into(), started: 3, cpu_share: 0.1, send_lag_p99_us: t_s };
        let row = Pulse {
            t_s,
            width_s: 1,
            asked: 3.0,
            started: 3,
            finished: us.len() as u64,
            errors,
            ..Pulse::default()
        };
        Beat { row: Pulse { agents: vec![agent], ..row }, times }
    }

    #[test]
    fn a_day_takes_bounded_memory_and_loses_no_count() {
        let mut pulses = Pulses::default();
        (0..86_400).for_each(|t_s| pulses.add(second(t_s, &[1000])));
        assert!(pulses.rows().len() <= BUCKETS_MAX);
        assert_eq!(pulses.rows().map(|row| row.started).sum::<u64>(), 3 * 86_400);
        assert_eq!(pulses.rows().map(|row| row.agents[0].started).sum::<u64>(), 3 * 86_400);
        assert_eq!(pulses.rows().map(|row| row.errors["timeout"]).sum::<u64>(), 86_400 / 2);
        assert_eq!(pulses.rows().map(|row| row.width_s).sum::<u64>(), 86_400);
        assert!(pulses.rows().all(|row| (row.asked - 3.0).abs() < 1e-9));
        assert_eq!(pulses.last().width_s, 1);
    }

    #[test]
    fn the_percentiles_of_a_wide_row_are_those_of_its_answers() {
        let mut one = second(0, &[10; 99]).told();
        one.merge(&second(1, &[1000]));
        assert_eq!((one.row.p50, one.row.p99), (Some(10), Some(10)));
        one.merge(&second(2, &[1000]));
        assert_eq!(one.row.p99, Some(1000));
    }

    #[test]
    fn a_second_without_answers_has_no_percentiles() {
        let mut pulses = Pulses::default();
        pulses.add(second(0, &[]));
        assert_eq!((pulses.last().p50, pulses.last().p99), (None, None));
    }
}
