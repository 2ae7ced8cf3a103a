//! The controller's books of a run: what was planned, what every session delivered, the totals, the faults.

use common::arrivals::{Revision, Timetable, timetables};
use common::delta::{Delta, Inbox, Receipt};
use common::measured::Measured;
use common::owners::Owners;
use common::plan::{Load, Plan, Scenario};
use common::pulse::Pulses;
use common::report::{AgentEvidence, FaultEvidence};
use common::run::SessionId;
use common::series::{Place, series_of};
use common::supply::Supply;
use common::time::RunTime;
use common::watch::Watch;
use proto::delta::Refused;
use proto::v1;
use std::collections::BTreeMap;

mod account;
mod closed;
mod pulse;
mod recent;
mod rules;
mod standing;
mod trouble;

use account::Account;
use closed::{by_second, is_ahead};
use recent::News;
pub use recent::Recent;
pub use standing::Stands;

/// The books of one run.
#[derive(Debug)]
pub struct Books {
    plan: Plan,
    revisions: Vec<Revision>,
    timetables: Vec<Timetable>,
    totals: Measured,
    /// What each series of the totals counts.
    places: Vec<Place>,
    /// By series: whether it counts arrivals whose due times are planned.
    ahead: Vec<bool>,
    /// For everything live.
    news: News,
    /// Up to which second of run time the pulse was told; `None`: the load was never on under this controller.
    beat_s: Option<u64>,
    pulses: Pulses,
    sessions: BTreeMap<SessionId, Account>,
    /// Nothing due from here on is asked for, when the run was stopped.
    stopped: Option<RunTime>,
    faults: Vec<FaultEvidence>,
    /// The plan's rules.
    watch: Watch,
}

/// What to answer to a delta.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// It is in the books now; `fin` says that the session is through.
    Applied {
        /// Its number.
        last: u64,
        /// Whether it is the session's last.
        fin: bool,
    },
    /// It was in the books before.
    Known(u64),
    /// Deltas are missing after this one.
    Resend(u64),
    /// The session's deltas cannot be trusted, and why.
    Refused(String),
}

/// The books of a run that is over, as its report wants them.
#[derive(Debug)]
pub struct Closed {
    /// Everything that was delivered; what a stop took away counts as stopped.
    pub totals: Measured,
    /// By scenario: all planned arrivals.
    pub planned: Vec<u64>,
    /// By scenario: planned arrivals in every second.
    pub planned_timeline: Vec<Vec<u64>>,
    /// By scenario: arrivals that were nobody's.
    pub unowned: Vec<u64>,
    /// Every session.
    pub agents: Vec<AgentEvidence>,
}

impl Books {
    /// Empty books. Fails when a load cannot be compiled, which a valid plan excludes.
    pub fn new(plan: Plan) -> Result<Self, String> {
        let timetables = timetables(&plan, &[]).map_err(|error| error.to_string())?;
        let (totals, places) = (Measured::for_plan(&plan), series_of(&plan));
        let news = News::new(places.len(), plan.scenarios.len());
        let ahead = places.iter().map(|place| is_ahead(&plan, *place)).collect();
        Ok(Self {
            watch: Watch::new(&plan),
            plan,
            revisions: Vec::new(),
            timetables,
            totals,
            ahead,
            places,
            news,
            beat_s: None,
            pulses: Pulses::default(),
            sessions: BTreeMap::new(),
            stopped: None,
            faults: Vec::new(),
        })
    }

    /// Everything that was delivered.
    #[must_use]
    pub const fn totals(&self) -> &Measured {
        &self.totals
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The changes of the schedule since the plan.
    #[must_use]
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// Changes the schedule.
    pub fn revise(&mut self, revision: Revision) -> Result<(), String> {
        let revisions = [&self.revisions[..], &[revision]].concat();
        self.timetables = timetables(&self.plan, &revisions).map_err(|error| error.to_string())?;
        self.revisions = revisions;
        Ok(())
    }

    /// When the last arrival is due.
    #[must_use]
    pub fn end(&self) -> RunTime {
        self.timetables.iter().map(Timetable::end).max().unwrap_or_default()
    }

    /// When the load of a scenario ends.
    #[must_use]
    pub fn end_of(&self, scenario: usize) -> RunTime {
        self.timetables.get(scenario).map(Timetable::end).unwrap_or_default()
    }

    /// The asked rate of a scenario at `t`, for display.
    #[must_use]
    pub fn rate_of(&self, scenario: usize, t: RunTime) -> f64 {
        self.timetables.get(scenario).map_or(0.0, |timetable| timetable.rate_at(t))
    }

    /// For every scenario a number that only equal schedules of the plan, as it is written, share.
    #[must_use]
    pub fn plan_fingerprints(&self) -> Vec<u64> {
        // The plan compiled when the books were opened.
        timetables(&self.plan, &[])
            .map(|all| all.iter().map(Timetable::fingerprint).collect())
            .unwrap_or_default()
    }

    /// The highest rate that the plan asks for, over all scenarios, in thousandths of an arrival per second.
    #[must_use]
    pub fn peak_milli(&self) -> u64 {
        let peak = |scenario: &Scenario| match &scenario.load {
            Load::Rate(load) => {
                load.stages.iter().map(|stage| stage.from.milli().max(stage.to.milli())).max().unwrap_or(0)
            }
            Load::Users(_) | Load::Tries(_) => 0,
            Load::Replay(_) => {
                Timetable::of(scenario, 0).map_or(0, |own| own.milli_at(RunTime::ZERO + scenario.start))
            }
        };
        self.plan.scenarios.iter().map(peak).sum()
    }

    /// Opens an account.
    pub fn open(&mut self, session: SessionId, name: String, instance: String) {
        let account = Account::new(name, instance, self.plan.scenarios.len());
        self.sessions.entry(session).or_insert(account);
        self.watch.open(session);
    }

    /// Closes an account that nothing was ever written into.
    pub fn forget(&mut self, session: SessionId) {
        self.sessions.retain(|own, account| *own != session || account.inbox.last_applied() > 0);
        if !self.sessions.contains_key(&session) {
            self.watch.forget(session);
        }
    }

    /// Takes a delta of a session.
    pub fn on_delta(&mut self, session: SessionId, message: &v1::Delta) -> Answer {
        let Some(account) = self.sessions.get_mut(&session) else {
            return Answer::Refused("this session takes no part in the run".into());
        };
        if let Some(why) = &account.broken {
            return Answer::Refused(why.clone());
        }
        let delta = match read(message, &self.totals) {
            Ok(delta) => delta,
            Err(why) => return Answer::Refused(why.to_string()),
        };
        match account.inbox.on_delta(&delta) {
            Receipt::Apply => match apply(account, (&mut self.totals, &self.ahead), &delta, message) {
                Ok(()) => {
                    self.news.add(&self.places, message);
                    rules::tell(&mut self.watch, session, message);
                    Answer::Applied { last: delta.seq, fin: delta.fin }
                }
                Err(error) => Answer::Refused(error.to_string()),
            },
            Receipt::Duplicate => Answer::Known(account.inbox.last_applied()),
            Receipt::Missing => Answer::Resend(account.inbox.last_applied()),
            Receipt::Broken(why) => Answer::Refused(why),
        }
    }

    /// Takes a delta that a journal kept; the first one of a session may stand for many.
    pub fn restore(&mut self, session: SessionId, message: &v1::Delta) -> Result<(), String> {
        let account = self
            .sessions
            .get_mut(&session)
            .ok_or("the journal has deltas of a session that it does not know")?;
        let delta = read(message, &self.totals).map_err(|why| why.to_string())?;
        let whole = account.inbox.last_applied() == 0 && delta.cumulative == delta.measured.tallies;
        if whole {
            account.inbox = Inbox::restored(delta.seq, delta.cumulative.clone());
        } else if let Receipt::Broken(why) = account.inbox.on_delta(&delta) {
            return Err(format!("apply delta {}: {why}", delta.seq));
        } else if account.inbox.last_applied() != delta.seq {
            let last = account.inbox.last_applied();
            return Err(format!("apply delta {}: it does not follow delta {last}", delta.seq));
        }
        apply(account, (&mut self.totals, &self.ahead), &delta, message)
            .map_err(|error| error.to_string())?;
        rules::tell(&mut self.watch, session, message);
        Ok(())
    }

    /// The last applied delta of a session.
    #[must_use]
    pub fn last_applied(&self, session: SessionId) -> u64 {
        self.sessions.get(&session).map_or(0, |account| account.inbox.last_applied())
    }

    /// Whether a session's last delta is applied.
    #[must_use]
    pub fn is_finished(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|account| account.finished)
    }

    /// Takes what a session says of itself.
    pub fn on_heartbeat(&mut self, session: SessionId, beat: &v1::Heartbeat, running: bool) {
        if let Some(account) = self.sessions.get_mut(&session) {
            // An agent may send any number, and JSON knows no infinities.
            let cpu_share = if beat.cpu_share.is_finite() { beat.cpu_share.clamp(0.0, 1.0) } else { 0.0 };
            account.beat = v1::Heartbeat { cpu_share, ..*beat };
            if beat.told_seq <= account.inbox.last_applied() {
                self.watch.on_told(session, RunTime::from_nanos(beat.told));
            }
            if running && beat.share_epoch > 0 && cpu_share > 0.0 {
                account.cpu.add(cpu_share);
            }
        }
    }

    /// Everything that was a session's own and due before this is accounted for.
    #[must_use]
    pub fn resolved(&self, session: SessionId) -> RunTime {
        self.sessions.get(&session).map_or(RunTime::ZERO, |account| account.resolved)
    }

    /// Up to where anything was told.
    #[must_use]
    pub fn last_told(&self) -> RunTime {
        self.sessions.values().map(|account| account.resolved).max().unwrap_or_default()
    }

    /// The load was stopped: nothing due at `from` or later is asked for. Only the first stop counts.
    pub fn on_stop(&mut self, from: RunTime) {
        self.stopped.get_or_insert(from);
    }

    /// Nothing due from here on was asked for, when the run was stopped.
    #[must_use]
    pub const fn stopped(&self) -> Option<RunTime> {
        self.stopped
    }

    /// The books, closed: with whose every arrival was; nothing due at `stopped` or later was asked for.
    #[must_use]
    pub fn close(&self, owners: &Owners, stopped: Option<RunTime>) -> Closed {
        let stop = stopped.unwrap_or(RunTime::MAX);
        let mut totals = self.totals.clone();
        let (mut unowned, mut accounts) = (vec![], vec![]);
        for (tally, timetable) in totals.tallies.iter_mut().zip(&self.timetables) {
            let nobodys =
                |until| owners.account(timetable, until).get(&None).map_or(0, |account| account.total);
            let all = owners.account(timetable, RunTime::MAX);
            let before = nobodys(stop);
            tally.stopped += all.get(&None).map_or(0, |account| account.total) - before;
            unowned.push(before);
            accounts.push(all);
        }
        self.own_what_was_begun(&mut accounts);
        let last = RunTime::from_nanos(stop.min(self.end()).nanos().saturating_sub(1));
        let lanes = owners.lanes_at(last);
        let mut agents = vec![];
        for (session, account) in &self.sessions {
            let mut evidence =
                account.evidence(*session, &accounts, lanes.get(session).copied().unwrap_or(0));
            account.explain(&mut evidence, &mut totals.tallies);
            agents.push(evidence);
        }
        let begun = |scenario: usize| accounts[scenario].values().map(|own| own.total).sum();
        let planned = |(scenario, timetable): (usize, &Timetable)| match timetable.supply() {
            Some(Supply::Users(_)) => begun(scenario),
            _ => timetable.planned().before(RunTime::MAX),
        };
        let seconds = |(scenario, timetable): (usize, &Timetable)| match timetable.supply() {
            Some(_) => self.started_by_second(scenario),
            None => by_second(timetable.planned(), timetable.end()),
        };
        Closed {
            planned: self.timetables.iter().enumerate().map(planned).collect(),
            planned_timeline: self.timetables.iter().enumerate().map(seconds).collect(),
            totals,
            unowned,
            agents,
        }
    }
}

/// The delta in a message that is right as a whole; its series stay in the message, to be added straight from there.
fn read(message: &v1::Delta, totals: &Measured) -> Result<Delta, Refused> {
    let delta = proto::delta::head(message, totals.tallies.len())?;
    proto::delta::check(message, totals.series.len())?;
    Ok(delta)
}

/// Enters a delta into the account and the totals.
fn apply(
    account: &mut Account,
    (totals, ahead): (&mut Measured, &[bool]),
    delta: &Delta,
    message: &v1::Delta,
) -> Result<(), Refused> {
    account.add(delta, ahead, message)?;
    totals.add(&delta.measured)?;
    proto::delta::add_signed(totals, message, &account.name)
}
