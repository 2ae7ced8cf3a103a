//! The agent's part of one run: its engine threads, its outbox, its place on the run's clock.

use crate::blobs::Blobs;
use crate::engine::rows::Writer;
use crate::engine::{Part, Setup, Snapshot, Thread};
use crate::fetch::Meter;
use crate::lease::Lease;
use crate::tapes::Tapes;
use crate::{Agent, secrets};
use common::arrivals::{Revision, Timetable, timetables};
use common::clock::{Clock, Offset};
use common::delta::{Delta, Outbox};
use common::histogram::Histogram;
use common::lane::deal;
use common::measured::Measured;
use common::plan::{Plan, hash};
use common::script::{Script, Secrets, resources};
use common::share::Share;
use common::time::RunTime;
use proto::v1;
use std::sync::Arc;

/// What an agent brings to every run.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) agent: Agent,
    pub(crate) blobs: Blobs,
    pub(crate) tapes: Tapes,
    pub(crate) meter: Meter,
}

/// One run, on one agent.
pub(crate) struct Fleet {
    pub(crate) run_id: String,
    /// The first share.
    pub(crate) share: Share,
    plan: Arc<Plan>,
    threads: Vec<Thread>,
    clock: Clock,
    lease: Arc<Lease>,
    outbox: Outbox,
    stands: Stands,
    zero: Option<u64>,
    /// Run time zero on the controller's clock.
    zero_at: u64,
    fin_sealed: bool,
    /// Who writes the rows, and whether the controller wants them.
    rows: Option<(Writer, bool)>,
}

/// How the engine stands, for the heartbeat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stands {
    pub(crate) in_flight: u32,
    pub(crate) cpu_share: f64,
    pub(crate) start_skew: u64,
    pub(crate) economy: bool,
    pub(crate) release_lag_p99: u64,
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
        means.meter.begin(needed(assignment));
        let plan = check(assignment, means).await?;
        let share = assignment.share.as_ref().and_then(proto::share::from_wire);
        let (share, _) = share.ok_or(NO_SHARE)?;
        let (script, secrets) = script(&plan, assignment, means).await?;
        let lease = Arc::new(Lease::default());
        let agent = &means.agent;
        let threads = threads(&plan, agent.threads);
        let rows = rows(&run_id, &plan, assignment.rows, agent)?;
        let setup = Setup {
            plan: Arc::new(plan),
            script: Arc::new(script),
            secrets: Arc::new(secrets),
            share: share.clone(),
            lease: Arc::clone(&lease),
            allow: Arc::clone(&agent.allow),
            threads,
            rows: rows.as_ref().map(Writer::sink),
        };
        let outbox = Outbox::new(Measured::for_plan(&setup.plan), window as usize);
        let threads = (agent.world.engine)(&setup)?;
        for thread in &threads {
            thread.warm().await?;
        }
        Ok(Self {
            run_id,
            share,
            plan: setup.plan,
            threads,
            clock: agent.world.clock.clone(),
            lease,
            outbox,
            stands: Stands::default(),
            zero: None,
            zero_at: 0,
            fin_sealed: false,
            rows: rows.map(|writer| (writer, assignment.rows)),
        })
    }

    /// Run time zero is at `zero_at` on the controller's clock.
    pub(crate) fn start(&mut self, zero_at: u64, offset: Offset) {
        if self.zero.is_none() {
            self.zero_at = zero_at;
            self.set_zero(offset.to_local(zero_at));
        }
    }

    /// Follows the controller's clock, where this one certainly differs: slowly, so that nothing is out of step.
    pub(crate) fn follow(&mut self, offset: Offset) {
        let Some(zero) = self.zero else { return };
        let (wanted, certain) = (offset.to_local(self.zero_at), offset.bound_ns);
        let step = wanted.abs_diff(zero).saturating_sub(certain).min(SLEW_NS);
        if step > 0 {
            self.set_zero(if wanted > zero { zero + step } else { zero - step });
        }
    }

    fn set_zero(&mut self, zero: u64) {
        self.zero = Some(zero);
        self.threads.iter().for_each(|thread| thread.start(zero));
    }

    /// Who writes the rows, if somebody does, and whether the controller wants them; to be asked for once.
    pub(crate) const fn take_rows(&mut self) -> Option<(Writer, bool)> {
        self.rows.take()
    }

    pub(crate) const fn is_started(&self) -> bool {
        self.zero.is_some()
    }

    /// Takes a share that holds from `share.from` on, or from where the threads can let go; returns from when on.
    /// `last`: nothing comes after it, the load ends there.
    ///
    /// First all threads hold, then all switch: lanes may move between them, and no arrival is fired by two.
    pub(crate) async fn adopt(
        &mut self,
        share: &Share,
        revisions: &[Revision],
        last: bool,
    ) -> Result<RunTime, String> {
        if self.fin_sealed {
            // Everything is resolved and told: what it is granted never comes to be its own.
            return Ok(if share.lanes.is_empty() { share.from } else { RunTime::MAX });
        }
        let timetables = timetables(&self.plan, revisions).map_err(|error| error.to_string())?;
        let mut from = share.from;
        for thread in &self.threads {
            from = from.max(thread.hold(share.from).await.ok_or(THREAD_ENDED)?);
        }
        let hands = deal(&vec![1; self.threads.len()], &share.lanes);
        for (thread, lanes) in self.threads.iter().zip(&hands) {
            let part = |timetable: &Timetable| Part {
                lot: timetable.lot(lanes, from),
                end: if last { from.min(timetable.end()) } else { timetable.end() },
            };
            thread.switch(from, timetables.iter().map(part).collect());
        }
        Ok(from)
    }

    /// Gives up what is under way. What is left is not resolved: without a lease it is somebody else's.
    pub(crate) fn give_up(&self) {
        self.lease.revoke();
        self.abort();
    }

    /// Gives up what is left and what is under way.
    pub(crate) fn abort(&self) {
        self.threads.iter().for_each(Thread::abort);
    }

    /// Extends the lease to `until` (local clock).
    pub(crate) fn renew(&self, until: u64) {
        self.lease.renew(until);
    }

    /// Gathers what the threads measured; returns a delta to send, if there is something to say and room for it.
    pub(crate) async fn flush(&mut self, share_epoch: u32) -> Result<Option<Arc<Delta>>, String> {
        if self.zero.is_none_or(|zero| self.clock.now_ns() < zero) || self.fin_sealed {
            return Ok(None);
        }
        let gathered = self.zero.map_or(0, |zero| self.clock.now_ns().saturating_sub(zero));
        let mut snapshots = Vec::with_capacity(self.threads.len());
        for thread in &self.threads {
            snapshots.push(thread.take().await.ok_or(THREAD_ENDED)?);
        }
        self.gather(&snapshots)?;
        self.outbox.set_gathered(RunTime::from_nanos(gathered));
        let finished = snapshots.iter().all(|snapshot| snapshot.finished);
        let sealed = self.outbox.seal(share_epoch, finished).map_err(|error| error.to_string())?;
        self.fin_sealed = sealed.as_ref().is_some_and(|delta| delta.fin);
        Ok(sealed)
    }

    fn gather(&mut self, snapshots: &[Snapshot]) -> Result<(), String> {
        let mut lag = Histogram::new();
        for snapshot in snapshots {
            self.outbox.add(&snapshot.measured).map_err(|error| error.to_string())?;
            lag.add(&snapshot.measured.release_lag).map_err(|error| error.to_string())?;
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

    /// The controller has everything up to `last_applied`; returns what must be sent again.
    pub(crate) fn on_ack(&mut self, last_applied: u64, resend: bool) -> Vec<Arc<Delta>> {
        self.outbox.on_ack(last_applied);
        if resend { self.unacked() } else { vec![] }
    }

    /// What was sealed and is not acknowledged, oldest first.
    pub(crate) fn unacked(&self) -> Vec<Arc<Delta>> {
        self.outbox.unacked().cloned().collect()
    }

    /// No window any more: what is sealed now goes into a file.
    pub(crate) fn unbound(&mut self) {
        self.outbox.unbound();
    }

    pub(crate) const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether the last delta is sealed and everything is acknowledged.
    pub(crate) fn is_delivered(&self) -> bool {
        self.fin_sealed && self.outbox.unacked().next().is_none()
    }
}

/// What the plan sends, with its data and the secrets of this agent.
async fn script(
    plan: &Plan,
    assignment: &v1::Assignment,
    means: &Means,
) -> Result<(Script, Secrets), String> {
    let secrets = secrets::resolve(&means.agent.name, plan.secrets())?;
    let files = means.blobs.fetch(&means.agent, &assignment.files, &means.meter).await?;
    let redactor = Secrets::new(secrets.values());
    // The messages may quote what the plan says, never what a secret is.
    let told = |wrong: Vec<String>| redactor.redact(&wrong.join("; "));
    let resources = resources(plan, files, secrets).map_err(told)?;
    let script = Script::compile(plan, &resources).map_err(told)?;
    let mut redactor = redactor;
    // A password goes out in another form: together with its user's name, in base64.
    let basic = plan.steps().filter(|(scenario, step)| plan.scenarios[*scenario].steps[*step].basic);
    for message in basic.filter_map(|(scenario, step)| script.fixed(scenario, step)) {
        let authorization = message.headers.iter().find(|(name, _)| name == "authorization");
        authorization.iter().for_each(|(_, value)| redactor.add(value.trim_start_matches("Basic ")));
    }
    Ok((script, redactor))
}

/// As many engine threads as every scenario has slots for: a thread without a slot would never fire its lanes, and
/// one that took a slot nonetheless would exceed the plan's `max_in_flight`.
fn threads(plan: &Plan, have: usize) -> usize {
    let open = plan.scenarios.iter().filter(|scenario| !scenario.load.is_closed());
    let slots = open.map(|scenario| scenario.max_in_flight as usize).min();
    slots.map_or(have.max(1), |slots| have.clamp(1, slots.max(1)))
}

/// Writes the rows of a run, if the controller or the agent's operator wants them.
fn rows(run_id: &str, plan: &Plan, asked: bool, agent: &Agent) -> Result<Option<Writer>, String> {
    if !asked && agent.rows.is_none() {
        return Ok(None);
    }
    let folder = agent.rows.clone().unwrap_or_else(std::env::temp_dir);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let plain = |text: &str| text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect::<String>();
    // Agents of one machine and runs of one agent do not meet.
    let name = format!("rows-{}-{}-{}.csv.zst", plain(run_id), plain(&agent.name), std::process::id());
    Writer::start(folder.join(name), plan, &agent.name)
        .map(Some)
        .map_err(|why| format!("keep rows: {why}; choose another folder with --rows DIR"))
}

/// Bytes of files and tapes that an assignment needs.
fn needed(assignment: &v1::Assignment) -> u64 {
    let sizes = assignment.files.iter().map(|file| file.size);
    sizes.chain(assignment.tape_bytes.iter().copied()).fold(0, u64::saturating_add)
}

/// The plan of an assignment, if this agent reads it as the controller does.
async fn check(assignment: &v1::Assignment, means: &Means) -> Result<Plan, String> {
    if assignment.plan_hash != hash(&assignment.plan) {
        return Err("the plan does not have the hash that came with it: it was damaged on the way".into());
    }
    let plan =
        Plan::parse("the controller's plan", &assignment.plan).map_err(|problems| problems.to_string())?;
    let plan = means.tapes.attach(plan, assignment, &means.agent, &means.meter).await?;
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

const NO_SHARE: &str = "the share of lanes cannot be read: are both sides of the same version?";
const THREAD_ENDED: &str = "an engine thread ended by itself";
/// The most by which run time is moved at a heartbeat: 500 ppm of half a second.
const SLEW_NS: u64 = 250_000;
