//! The agent's part of one run: its engine threads, its outbox, its place on the run's clock.

use crate::allow::AllowList;
use crate::engine::{Setup, Snapshot, Thread};
use crate::lease::Lease;
use crate::world::World;
use common::arrivals::Timetable;
use common::clock::{Clock, Offset};
use common::delta::{Delta, Outbox};
use common::histogram::Histogram;
use common::measured::Measured;
use common::plan::{Plan, hash};
use common::time::RunTime;
use proto::v1;
use std::path::PathBuf;
use std::sync::Arc;

/// What an agent brings to every run.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) allow: Arc<AllowList>,
    pub(crate) threads: usize,
    pub(crate) rows: Option<PathBuf>,
    pub(crate) world: World,
}

/// One run, on one agent.
pub(crate) struct Fleet {
    pub(crate) run_id: String,
    pub(crate) share_epoch: u32,
    pub(crate) lanes: u16,
    threads: Vec<Thread>,
    clock: Clock,
    lease: Arc<Lease>,
    outbox: Outbox,
    stands: Stands,
    zero: Option<u64>,
    fin_sealed: bool,
}

/// How the engine stands, for the heartbeat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stands {
    pub(crate) in_flight: u32,
    pub(crate) cpu_share: f64,
    pub(crate) start_skew: u64,
    pub(crate) economy: bool,
    pub(crate) release_lag_p99: u64,
    pub(crate) warnings: Vec<String>,
}

impl Fleet {
    /// Checks the assignment, starts the engine threads and makes connections. The error is for the operator: what
    /// is wrong and what helps.
    pub(crate) async fn prepare(
        run_id: String,
        assignment: &v1::Assignment,
        means: &Means,
        window: u32,
    ) -> Result<Self, String> {
        let plan = check(assignment)?;
        let share = assignment.share.as_ref().and_then(proto::share::from_wire);
        let share = share.ok_or("the share of lanes cannot be read: are both sides of the same version?")?;
        let lease = Arc::new(Lease::default());
        let threads = threads(&plan, means.threads);
        let setup = Setup {
            plan: Arc::new(plan),
            share: share.clone(),
            lease: Arc::clone(&lease),
            allow: Arc::clone(&means.allow),
            threads,
            rows: means.rows.clone(),
        };
        let outbox = Outbox::new(Measured::for_plan(&setup.plan), window as usize);
        let threads = (means.world.engine)(&setup)?;
        for thread in &threads {
            thread.warm().await?;
        }
        Ok(Self {
            run_id,
            share_epoch: share.epoch,
            lanes: share.lanes.len(),
            threads,
            clock: means.world.clock.clone(),
            lease,
            outbox,
            stands: Stands::default(),
            zero: None,
            fin_sealed: false,
        })
    }

    /// Run time zero is at `zero_at` on the controller's clock.
    pub(crate) fn start(&mut self, zero_at: u64, offset: Offset) {
        let zero = offset.to_local(zero_at);
        self.zero = Some(zero);
        self.threads.iter().for_each(|thread| thread.start(zero));
    }

    pub(crate) fn stop(&self, stop: &v1::Stop) {
        let (from, abort) = (RunTime::from_nanos(stop.from), stop.mode() == v1::stop::Mode::Abort);
        self.threads.iter().for_each(|thread| thread.stop(from, abort));
    }

    /// The lease of a heartbeat that was sent at `sent` (local clock).
    pub(crate) fn renew(&self, sent: u64, ttl_ns: u64, share_epoch: u32) {
        // A lease only counts together with the newest share that took lanes away.
        if share_epoch <= self.share_epoch {
            self.lease.renew(sent.saturating_add(ttl_ns));
        }
    }

    /// Gathers what the threads measured; returns a delta to send, if there is something to say and room for it.
    pub(crate) async fn flush(&mut self) -> Result<Option<Arc<Delta>>, String> {
        if self.zero.is_none_or(|zero| self.clock.now_ns() < zero) || self.fin_sealed {
            return Ok(None);
        }
        let mut snapshots = Vec::with_capacity(self.threads.len());
        for thread in &self.threads {
            snapshots.push(thread.take().await.ok_or("an engine thread ended by itself")?);
        }
        self.gather(&snapshots)?;
        let finished = snapshots.iter().all(|snapshot| snapshot.finished);
        let sealed = self.outbox.seal(self.share_epoch, finished).map_err(|error| error.to_string())?;
        self.fin_sealed = sealed.as_ref().is_some_and(|delta| delta.fin);
        Ok(sealed)
    }

    fn gather(&mut self, snapshots: &[Snapshot]) -> Result<(), String> {
        let mut lag = Histogram::new();
        for snapshot in snapshots {
            self.outbox.add(&snapshot.measured).map_err(|error| error.to_string())?;
            lag.add(&snapshot.measured.release_lag).map_err(|error| error.to_string())?;
            self.stands.warnings.extend(snapshot.warnings.iter().cloned());
        }
        let scenarios = snapshots.iter().map(|snapshot| snapshot.cursors.len()).min().unwrap_or(0);
        let earliest = |scenario| snapshots.iter().map(|s| s.cursors[scenario]).min().unwrap_or_default();
        self.outbox.set_cursors((0..scenarios).map(earliest).collect());
        self.stands.in_flight = snapshots.iter().map(|snapshot| snapshot.in_flight).sum();
        self.stands.cpu_share =
            snapshots.iter().map(|s| s.cpu_share).sum::<f64>() / snapshots.len().max(1) as f64;
        self.stands.start_skew = snapshots.iter().filter_map(|s| s.start_skew).min().unwrap_or(0);
        self.stands.economy = snapshots.iter().any(|snapshot| snapshot.economy);
        self.stands.release_lag_p99 = lag.quantile(0.99);
        Ok(())
    }

    /// How the engine stood at the last flush.
    pub(crate) fn stands(&self) -> &Stands {
        &self.stands
    }

    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.stands.warnings)
    }

    /// The controller has everything up to `last_applied`; returns what must be sent again.
    pub(crate) fn on_ack(&mut self, last_applied: u64, resend: bool) -> Vec<Arc<Delta>> {
        self.outbox.on_ack(last_applied);
        if resend { self.outbox.unacked().cloned().collect() } else { vec![] }
    }
}

/// As many engine threads as every scenario has slots for: a thread without a slot would never fire its lanes, and
/// one that took a slot nonetheless would exceed the plan's `max_in_flight`.
fn threads(plan: &Plan, have: usize) -> usize {
    let slots = plan.scenarios.iter().map(|scenario| scenario.max_in_flight as usize).min().unwrap_or(1);
    have.clamp(1, slots.max(1))
}

/// The plan of an assignment, if this agent reads it as the controller does.
fn check(assignment: &v1::Assignment) -> Result<Plan, String> {
    if assignment.plan_hash != hash(&assignment.plan) {
        return Err("the plan does not have the hash that came with it: it was damaged on the way".into());
    }
    let plan =
        Plan::parse("the controller's plan", &assignment.plan).map_err(|problems| problems.to_string())?;
    let fingerprints: Result<Vec<u64>, _> = plan
        .scenarios
        .iter()
        .map(|scenario| Timetable::of(scenario, plan.seed).map(|timetable| timetable.fingerprint()))
        .collect();
    if fingerprints.map_err(|error| error.to_string())? != assignment.schedule_fingerprints {
        return Err(
            "this agent computes other due times than the controller: run the same version on both".into()
        );
    }
    Ok(plan)
}
