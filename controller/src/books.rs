//! The controller's books of a run: what was planned, what every session delivered, the totals.

use common::arrivals::{Planned, Timetable};
use common::delta::{Delta, Inbox, Receipt};
use common::histogram::Histogram;
use common::lane::{LaneSet, deal};
use common::measured::{Measured, Tally};
use common::plan::Plan;
use common::report::AgentEvidence;
use common::run::SessionId;
use common::share::Share;
use common::time::RunTime;
use proto::v1;
use std::collections::BTreeMap;
use std::time::Duration;

/// The books of one run.
#[derive(Debug)]
pub struct Books {
    plan: Plan,
    timetables: Vec<Timetable>,
    totals: Measured,
    /// What came in since it was looked at last, for the live view.
    recent: Measured,
    sessions: BTreeMap<SessionId, Account>,
    /// Nothing due from here on is fired, when the run was stopped.
    stopped: Option<RunTime>,
}

/// What one session delivered and said of itself.
#[derive(Debug)]
struct Account {
    name: String,
    instance: String,
    lanes: u16,
    inbox: Inbox,
    send_lag: Histogram,
    release_lag: Histogram,
    cpu: Average,
    beat: v1::Heartbeat,
    lost: Option<String>,
}

/// The mean of a share over the heartbeats of the run.
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    sum: f64,
    count: u32,
}

/// What to answer to a delta.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// Everything up to this one is in the books; `fin` says that the session is through.
    Applied {
        /// The last applied delta.
        last: u64,
        /// Whether the session's last delta is applied.
        fin: bool,
    },
    /// Deltas are missing after this one.
    Resend(u64),
    /// The session's deltas cannot be trusted, and why.
    Refused(String),
}

impl Books {
    /// Empty books. Fails when a load cannot be compiled, which a valid plan excludes.
    pub fn new(plan: Plan) -> Result<Self, String> {
        let timetable = |scenario| Timetable::of(scenario, plan.seed).map_err(|error| error.to_string());
        let timetables = plan.scenarios.iter().map(timetable).collect::<Result<Vec<_>, _>>()?;
        let (totals, recent) = (Measured::for_plan(&plan), Measured::for_plan(&plan));
        Ok(Self { plan, timetables, totals, recent, sessions: BTreeMap::new(), stopped: None })
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// When the last arrival is due.
    #[must_use]
    pub fn end(&self) -> RunTime {
        self.timetables.iter().map(Timetable::end).max().unwrap_or_default()
    }

    /// The asked rate of every scenario at `t`, together, for display.
    #[must_use]
    pub fn asked_rate(&self, t: RunTime) -> f64 {
        self.timetables.iter().map(|timetable| timetable.rate_at(t)).sum()
    }

    /// For every scenario a number that only equal schedules share.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<u64> {
        self.timetables.iter().map(Timetable::fingerprint).collect()
    }

    /// Opens an account for every session and deals the lanes over them by weight.
    pub fn deal(&mut self, sessions: &[(SessionId, v1::Hello)]) -> Vec<(SessionId, Share)> {
        let weights: Vec<u32> = sessions.iter().map(|(_, hello)| hello.weight.clamp(1, WEIGHT_MAX)).collect();
        let hands = deal(&weights, &LaneSet::all());
        let scenarios = self.plan.scenarios.len();
        let mut shares = Vec::new();
        for ((session, hello), lanes) in sessions.iter().zip(hands) {
            let account = Account {
                name: hello.agent_name.clone(),
                instance: hello.instance_id.clone(),
                lanes: lanes.len(),
                inbox: Inbox::new(scenarios),
                send_lag: Histogram::new(),
                release_lag: Histogram::new(),
                cpu: Average::default(),
                beat: v1::Heartbeat::default(),
                lost: None,
            };
            self.sessions.insert(*session, account);
            shares.push((*session, Share { epoch: FIRST_EPOCH, from: RunTime::ZERO, lanes }));
        }
        shares
    }

    /// Takes a delta of a session.
    pub fn on_delta(&mut self, session: SessionId, message: &v1::Delta) -> Answer {
        let series = self.totals.series.len();
        let Some(account) = self.sessions.get_mut(&session) else {
            return Answer::Refused("this session takes no part in the run".into());
        };
        let delta = match proto::delta::from_wire(message, self.plan.scenarios.len(), series) {
            Ok((_, delta)) => delta,
            Err(why) => return Answer::Refused(why.to_string()),
        };
        match account.inbox.on_delta(&delta) {
            Receipt::Apply => match account.add(&delta).and_then(|()| self.totals.add(&delta.measured)) {
                Ok(()) => {
                    // The live view is no part of the books: a sum that does not fit there loses nothing.
                    self.recent.add(&delta.measured).unwrap_or_default();
                    Answer::Applied { last: delta.seq, fin: delta.fin }
                }
                Err(error) => Answer::Refused(error.to_string()),
            },
            Receipt::Duplicate => Answer::Applied { last: account.inbox.last_applied(), fin: false },
            Receipt::Missing => Answer::Resend(account.inbox.last_applied()),
            Receipt::Broken(why) => Answer::Refused(why),
        }
    }

    /// Takes what a session says of itself.
    pub fn on_heartbeat(&mut self, session: SessionId, beat: &v1::Heartbeat, running: bool) {
        if let Some(account) = self.sessions.get_mut(&session) {
            account.beat = *beat;
            if running && beat.share_epoch > 0 && beat.cpu_share > 0.0 {
                account.cpu.add(beat.cpu_share);
            }
        }
    }

    /// A session was lost.
    pub fn on_lost(&mut self, session: SessionId, why: &str) {
        if let Some(account) = self.sessions.get_mut(&session) {
            account.lost.get_or_insert_with(|| why.to_owned());
        }
    }

    /// The load was stopped: nothing due at `from` or later is fired.
    ///
    /// Returns what holds: an earlier stop is not moved, as agents may have fired what was due since.
    pub fn on_stop(&mut self, from: RunTime) -> RunTime {
        *self.stopped.get_or_insert(from)
    }

    /// Requests under way, over all sessions.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.sessions.values().map(|account| account.beat.in_flight).sum()
    }

    /// What came in since the last time.
    pub fn take_recent(&mut self) -> Measured {
        self.recent.take()
    }

    /// What came in altogether, with what a stop took away counted as stopped.
    #[must_use]
    pub fn totals(&self) -> Measured {
        let mut totals = self.totals.clone();
        if let Some(from) = self.stopped {
            for (tally, timetable) in totals.tallies.iter_mut().zip(&self.timetables) {
                let mut planned = timetable.planned();
                let before = planned.before(from);
                tally.stopped += planned.before(RunTime::MAX) - before;
            }
        }
        totals
    }

    /// By scenario: all planned arrivals.
    #[must_use]
    pub fn planned(&self) -> Vec<u64> {
        self.timetables.iter().map(|timetable| timetable.planned().before(RunTime::MAX)).collect()
    }

    /// By scenario: planned arrivals in every second of its schedule.
    #[must_use]
    pub fn planned_timeline(&self) -> Vec<Vec<u64>> {
        self.timetables.iter().map(|timetable| by_second(timetable.planned(), timetable.end())).collect()
    }

    /// What the report tells of the agents.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentEvidence> {
        self.sessions.values().map(Account::evidence).collect()
    }
}

impl Account {
    fn add(&mut self, delta: &Delta) -> Result<(), common::histogram::HistogramError> {
        for series in &delta.measured.series {
            self.send_lag.add(&series.send_lag)?;
        }
        self.release_lag.add(&delta.measured.release_lag)
    }

    fn evidence(&self) -> AgentEvidence {
        let tallies: Vec<Tally> = self.inbox.tallies().to_vec();
        AgentEvidence {
            name: self.name.clone(),
            instance: self.instance.clone(),
            lanes: self.lanes,
            tallies,
            send_lag: self.send_lag.clone(),
            release_lag: self.release_lag.clone(),
            cpu_share: self.cpu.mean(),
            clock_bound_us: self.beat.clock_bound_ns.div_ceil(1000),
            start_skew_us: self.beat.start_skew_ns.div_ceil(1000),
            economy: self.beat.economy,
            lost: self.lost.clone(),
        }
    }
}

impl Average {
    fn add(&mut self, value: f64) {
        (self.sum, self.count) = (self.sum + value, self.count + 1);
    }

    fn mean(self) -> f64 {
        self.sum / f64::from(self.count.max(1))
    }
}

fn by_second(mut planned: Planned, end: RunTime) -> Vec<u64> {
    let mut before = 0;
    let mut seconds = Vec::new();
    for second in 1..=end.second() + 1 {
        let now = planned.before(RunTime::ZERO + Duration::from_secs(second));
        seconds.push(now - before);
        before = now;
    }
    while seconds.last() == Some(&0) {
        seconds.pop();
    }
    seconds
}

const FIRST_EPOCH: u32 = 1;
/// No agent counts for more than this many of the smallest.
const WEIGHT_MAX: u32 = 1_000_000;
