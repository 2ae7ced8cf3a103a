//! What one session delivered and said of itself.

use common::counts::Counts;
use common::delta::{Delta, Inbox};
use common::histogram::{Histogram, HistogramError};
use common::measured::Tally;
use common::owners::Accounts;
use common::report::AgentEvidence;
use common::run::SessionId;
use common::time::RunTime;
use proto::v1;

/// What one session delivered and said of itself.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) instance: String,
    pub(super) inbox: Inbox,
    /// Arrivals by due second, over all scenarios whose arrivals are planned.
    pub(super) started: Counts,
    /// Everything of its own that is due before is accounted for.
    pub(super) resolved: RunTime,
    /// Whether its last delta is applied.
    pub(super) finished: bool,
    /// Up to the last beat of the pulse.
    pub(super) send_lag: Histogram,
    /// Since then.
    pub(super) fresh_lag: Histogram,
    /// The 99th percentile in the last beat.
    pub(super) lag_p99: u64,
    /// Iterations begun, up to the last beat.
    pub(super) told_started: u64,
    pub(super) release_lag: Histogram,
    pub(super) cpu: Average,
    pub(super) beat: v1::Heartbeat,
    /// Why it is missing.
    pub(super) lost: Option<String>,
    /// Whether its lease was ever over.
    pub(super) expired: bool,
    /// Why nothing of it is taken any more.
    pub(super) broken: Option<String>,
}

/// The mean of a share over the heartbeats of the run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Average {
    sum: f64,
    count: u32,
}

impl Account {
    pub(super) fn new(name: String, instance: String, scenarios: usize) -> Self {
        Self {
            name,
            instance,
            inbox: Inbox::new(scenarios),
            started: Counts::default(),
            resolved: RunTime::ZERO,
            finished: false,
            send_lag: Histogram::new(),
            fresh_lag: Histogram::new(),
            lag_p99: 0,
            told_started: 0,
            release_lag: Histogram::new(),
            cpu: Average::default(),
            beat: v1::Heartbeat::default(),
            lost: None,
            expired: false,
            broken: None,
        }
    }

    /// Enters a delta whose series are in `message`.
    pub(super) fn add(
        &mut self,
        delta: &Delta,
        ahead: &[bool],
        message: &v1::Delta,
    ) -> Result<(), HistogramError> {
        for series in &message.series {
            proto::delta::read_histogram(&mut self.fresh_lag, series.send_lag.as_ref())?;
            let ahead = ahead.get(series.series as usize).copied().unwrap_or(false);
            for bucket in series.buckets.iter().filter(|_| ahead) {
                self.started.add(bucket.start_s, bucket.width_s, bucket.started);
            }
        }
        self.finished |= delta.fin;
        self.resolved = delta.cursors.iter().copied().min().unwrap_or_default();
        self.release_lag.add(&delta.measured.release_lag)
    }

    pub(super) fn evidence(&self, session: SessionId, accounts: &[Accounts], lanes: u16) -> AgentEvidence {
        let own = accounts.iter().map(|scenario| scenario.get(&Some(session)));
        let mut planned = Counts::default();
        for (second, n) in own.clone().flatten().flat_map(|account| (0..).zip(&account.by_second)) {
            planned.add(second, 1, *n);
        }
        let mut send_lag = self.send_lag.clone();
        // Sums that would not fit were refused when they came in.
        send_lag.add(&self.fresh_lag).unwrap_or_default();
        AgentEvidence {
            name: self.name.clone(),
            instance: self.instance.clone(),
            lanes,
            owned: own.map(|account| account.map_or(0, |account| account.total)).collect(),
            tallies: self.inbox.tallies().to_vec(),
            planned_by_second: planned,
            started_by_second: self.started.clone(),
            send_lag,
            release_lag: self.release_lag.clone(),
            cpu_share: self.cpu.mean(),
            clock_bound_us: self.beat.clock_bound_ns.div_ceil(1000),
            start_skew_us: self.beat.start_skew_ns.div_ceil(1000),
            economy: self.beat.economy,
            finished: self.finished,
            lost: self.lost.clone(),
        }
    }

    /// Who was cut off until after the end says with its last delta that it started nothing else: what was its own
    /// beyond that had no lease.
    pub(super) fn explain(&self, evidence: &mut AgentEvidence, totals: &mut [Tally]) {
        if !(self.finished && self.expired) {
            return;
        }
        for ((owned, tally), total) in evidence.owned.iter().zip(&mut evidence.tallies).zip(totals) {
            let left = owned.saturating_sub(tally.resolved());
            tally.no_lease += left;
            total.no_lease += left;
        }
    }
}

impl Average {
    pub(super) fn add(&mut self, value: f64) {
        (self.sum, self.count) = (self.sum + value, self.count + 1);
    }

    fn mean(self) -> f64 {
        self.sum / f64::from(self.count.max(1))
    }
}
