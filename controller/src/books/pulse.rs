//! The pulse: what came in, second by second.

use super::recent::Recent;
use super::{Account, Books};
use common::measured::Tally;
use common::pulse::{Beat, Pulse, PulseAgent, Pulses};
use common::time::{NANOS_PER_SECOND, RunTime};

impl Books {
    /// Time goes by while the load is on or draining: every whole second ends a beat.
    pub fn on_time(&mut self, now: RunTime) {
        let from = *self.beat_s.get_or_insert(now.second());
        if now.second() > from {
            self.beat(from, now.second());
        }
    }

    /// Nothing more comes in: what did since the last whole second is told too.
    pub fn on_end(&mut self) {
        if let Some(from) = self.beat_s {
            self.beat(from, from + 1);
        }
    }

    /// What was measured before this controller began belongs to everything since the start.
    pub fn on_restored(&mut self) {
        let before = self.totals.series.iter().map(common::measured::Series::response_time);
        self.news.begin_with(before);
    }

    /// The run second by second.
    #[must_use]
    pub const fn pulses(&self) -> &Pulses {
        &self.pulses
    }

    /// What came in since the last time, in whole seconds of the pulse.
    pub fn take_recent(&mut self) -> Recent {
        self.news.take_recent()
    }

    fn beat(&mut self, from: u64, until: u64) {
        let width_s = until - from;
        let sum = self.news.beat(&self.places, width_s);
        let middle = RunTime::from_nanos((from + until).saturating_mul(NANOS_PER_SECOND / 2));
        let users_asked = self.asked_users(middle).map(|users| users as f64);
        let agents: Vec<PulseAgent> = self.sessions.values_mut().map(Account::beat).collect();
        let row = Pulse {
            t_s: from,
            width_s,
            asked: self.asked_rate(middle),
            users: users_asked.map(|_| sum.user_us as f64 / 1e6 / width_s as f64),
            users_asked,
            started: sum.started,
            finished: sum.finished,
            in_flight: u64::from(self.in_flight()),
            errors: sum.errors,
            send_lag_p99_us: agents.iter().map(|agent| agent.send_lag_p99_us).max().unwrap_or_default(),
            agents,
            ..Pulse::default()
        };
        self.pulses.add(Beat { row, times: sum.response });
        self.beat_s = Some(until);
    }
}

impl Account {
    /// Ends a beat of this session.
    fn beat(&mut self) -> PulseAgent {
        let lag = std::mem::take(&mut self.fresh_lag);
        // Sums that would not fit were refused when they came in.
        self.send_lag.add(&lag).unwrap_or_default();
        self.lag_p99 = lag.quantile(0.99);
        let started = self.started_so_far();
        let before = std::mem::replace(&mut self.told_started, started);
        PulseAgent {
            name: self.name.clone(),
            started: started.saturating_sub(before),
            cpu_share: self.beat.cpu_share,
            send_lag_p99_us: self.lag_p99,
        }
    }

    /// Iterations begun, as far as it was told.
    pub(super) fn started_so_far(&self) -> u64 {
        self.inbox.tallies().iter().map(|tally: &Tally| tally.started).fold(0, u64::saturating_add)
    }
}
