//! What an agent of the fleet has to tell: the arrivals of its lanes, and templates of what was measured of them.
//!
//! Nothing is fired, but the numbers are those of an agent that fires everything in time: the books must balance.

use common::arrivals::{Timetable, timetables};
use common::histogram::Histogram;
use common::lane::LANES;
use common::outcome::Outcome;
use common::plan::Plan;
use common::random::Random;
use common::share::Share;
use common::time::RunTime;
use proto::v1;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The plan of a measurement, compiled once for all agents.
#[derive(Debug)]
pub(crate) struct Load {
    timetables: Vec<Timetable>,
    random: Random,
    series: Mutex<HashMap<u64, v1::SeriesDelta>>,
    buckets: Mutex<HashMap<u64, v1::Bucket>>,
}

/// The lanes of one agent from some due time on.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    from: RunTime,
    /// How many lanes below each lane, and all of them behind the last.
    ranks: Vec<u16>,
}

impl Load {
    pub(crate) fn of(plan: &Plan) -> Result<Self, String> {
        let timetables = timetables(plan, &[]).map_err(|error| error.to_string())?;
        let random = Random::new(plan.seed, "fleet");
        Ok(Self { timetables, random, series: Mutex::default(), buckets: Mutex::default() })
    }

    pub(crate) fn scenarios(&self) -> usize {
        self.timetables.len()
    }

    pub(crate) fn end(&self) -> RunTime {
        self.timetables.iter().map(Timetable::end).max().unwrap_or_default()
    }

    /// The arrivals of a scenario that are due from `from` on and before `to`, and whose lanes are in `held`.
    pub(crate) fn owned(&self, scenario: usize, held: &[Held], from: RunTime, to: RunTime) -> u64 {
        let timetable = &self.timetables[scenario];
        let ends = held.iter().skip(1).map(|next| next.from).chain([RunTime::MAX]);
        let piece = |(own, end): (&Held, RunTime)| {
            let (from, to) = (from.max(own.from), to.min(end));
            if from < to { own.before(timetable.count(to)) - own.before(timetable.count(from)) } else { 0 }
        };
        held.iter().zip(ends).map(piece).sum()
    }

    /// What one series measured of the arrivals due from `from` on and before `to`; `None`: there were none.
    pub(crate) fn series(
        &self,
        scenario: usize,
        held: &[Held],
        (from, to): (RunTime, RunTime),
    ) -> Option<v1::SeriesDelta> {
        let all = self.owned(scenario, held, from, to);
        if all == 0 {
            return None;
        }
        let mut buckets = vec![];
        let mut at = from;
        while at < to {
            let second = at.second();
            let end = (RunTime::ZERO + Duration::from_secs(second + 1)).min(to);
            match self.owned(scenario, held, at, end) {
                0 => {}
                n => buckets.push(v1::Bucket { start_s: second, ..self.bucket(n) }),
            }
            at = end;
        }
        Some(v1::SeriesDelta { series: u32::try_from(scenario).ok()?, buckets, ..self.measured(all) })
    }

    fn measured(&self, n: u64) -> v1::SeriesDelta {
        let mut made = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(n).or_insert_with(|| self.make_series(n)).clone()
    }

    fn bucket(&self, n: u64) -> v1::Bucket {
        let mut made = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let response_time = || self.times(n, 3, 6_000.0);
        let make = || {
            let (started, finished, width_s) = (n, n, 1);
            v1::Bucket {
                start_s: 0,
                width_s,
                started,
                finished,
                errors: 0,
                response_time: response_time(),
                user_us: 0,
                status: vec![v1::StatusCount { status: 200, count: n }],
            }
        };
        made.entry(n).or_insert_with(make).clone()
    }

    fn make_series(&self, n: u64) -> v1::SeriesDelta {
        let mut outcomes = vec![0; Outcome::ALL.len()];
        outcomes[Outcome::Ok.index()] = n;
        v1::SeriesDelta {
            series: 0,
            outcomes,
            status: vec![v1::StatusCount { status: 200, count: n }],
            bytes_in: n * 1200,
            bytes_out: n * 120,
            service_time: self.times(n, 0, 6_000.0),
            send_lag: self.times(n, 1, 12.0),
            ttfb: self.times(n, 2, 5_000.0),
            connect_time: None,
            size: self.times(n, 4, 1_100.0),
            buckets: vec![],
            samples: vec![],
            ..v1::SeriesDelta::default()
        }
    }

    /// `n` values round `middle`, with a tail of about twelve times that.
    fn times(&self, n: u64, stream: u64, middle: f64) -> Option<v1::Histogram> {
        let mut histogram = Histogram::new();
        for i in 0..n {
            let spread = self.random.exponential(stream, n << 16 | i);
            histogram.record((middle * (0.4 + 0.9 * spread)) as u64 + 1);
        }
        Some(v1::Histogram { v2: histogram.to_v2(), count: n, overflow: 0 })
    }
}

impl Held {
    pub(crate) fn of(share: &Share, from: RunTime) -> Self {
        let mut ranks = Vec::with_capacity(usize::from(LANES) + 1);
        let mut below = 0;
        for lane in 0..LANES {
            ranks.push(below);
            below += u16::from(share.lanes.contains(lane));
        }
        ranks.push(below);
        Self { from, ranks }
    }

    pub(crate) const fn from(&self) -> RunTime {
        self.from
    }

    /// How many arrivals below number `k` are in these lanes.
    fn before(&self, k: u64) -> u64 {
        let (turns, lane) = (k / u64::from(LANES), (k % u64::from(LANES)) as usize);
        turns * u64::from(self.ranks[usize::from(LANES)]) + u64::from(self.ranks[lane])
    }
}
