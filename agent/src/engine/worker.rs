//! The worker of an engine thread: streams of arrivals, a client that carries them out, a recorder.
//!
//! The clients call back into it when a request ends, so worker and clients know each other.
//!
//! Everything here runs in one thread; the tasks of a thread share it through an `Rc` and never hold a borrow
//! across an await.

use crate::clock::{self, RunClock};
use crate::engine::ended::{Ended, Job, micros};
use crate::engine::full::Full;
use crate::engine::iteration::{Course, Iteration, Iterations, courses};
use crate::engine::judge::{Look, Shelf};
use crate::engine::lean::Lean;
use crate::engine::recorder::Recorder;
use crate::engine::stream::{Stream, slots};
use crate::engine::visitors::{Owner, Visitors, visits};
use crate::engine::{Part, Setup, Snapshot};
use crate::lease::Lease;
use common::arrivals::Due;
use common::histogram::Histogram;
use common::measured::Measured;
use common::outcome::Outcome;
use common::pacer::{Order, SkipReason};
use common::plan::{Client as Which, Load, Pacing, Plan};
use common::script::{Script, Secrets};
use common::share::Share;
use common::time::RunTime;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What one engine thread works with.
pub(super) struct Worker {
    pub(super) plan: Arc<Plan>,
    pub(super) script: Arc<Script>,
    pub(super) secrets: Arc<Secrets>,
    /// What is kept of answers, by [`Job::request`].
    pub(super) looks: Vec<Look>,
    pub(super) shelf: Shelf,
    pub(super) visitors: Visitors,
    /// By scenario: whether each iteration leaves something behind that must go with it.
    pub(super) visits: Vec<bool>,
    pub(super) streams: Vec<Stream>,
    pub(super) courses: Vec<Course>,
    pub(super) iterations: RefCell<Iterations>,
    client: Client,
    pub(super) recorder: RefCell<Recorder>,
    clock: Cell<RunClock>,
    pub(super) lease: Arc<Lease>,
    pub(super) pumping: Cell<bool>,
    /// When the main task looks again by itself.
    pub(super) wakes: Cell<RunTime>,
    pace: Cell<Pace>,
    /// Wakes the thread's main task when what it waits for may have changed.
    pub(super) changed: Notify,
}

/// Two ways to send, chosen by what the steps ask for.
#[expect(clippy::large_enum_variant, reason = "there is one per thread")]
enum Client {
    Lean(Lean),
    Full(Full),
}

/// How the thread paces, and what it has used since the last snapshot.
#[derive(Clone, Copy)]
struct Pace {
    economy: bool,
    changed_by_itself: bool,
    since: u64,
    cpu: u64,
    start_skew: Option<u64>,
}

/// What the thread's main task does next.
pub(super) enum Next {
    /// Come back at this run time.
    At(RunTime),
    /// Come back at once, after answers were looked at.
    Now,
    /// Come back when something changed.
    Idle,
}

impl Worker {
    pub(super) fn new(setup: &Setup, number: usize, share: &Share) -> Result<Rc<Self>, String> {
        let plan = Arc::clone(&setup.plan);
        let part = |all| slots(all, number, setup.threads);
        let stream = |scenario| Stream::new(&plan, scenario, share, part(scenario.max_in_flight));
        let streams = plan.scenarios.iter().map(stream).collect::<Result<Vec<_>, _>>()?;
        let client = match plan.client() {
            Which::Lean => Client::Lean(Lean::new(&plan, &setup.script, &setup.allow)?),
            Which::Full => Client::Full(Full::new(&plan, &setup.script, &setup.allow)?),
        };
        let mut recorder = Recorder::new(Measured::for_plan(&plan));
        if let Some(sink) = &setup.rows {
            recorder.keep_rows(sink.clone());
        }
        let worker = Self {
            recorder: RefCell::new(recorder),
            clock: Cell::new(RunClock { zero: u64::MAX }),
            lease: Arc::clone(&setup.lease),
            pumping: Cell::new(false),
            wakes: Cell::new(RunTime::ZERO),
            courses: courses(&plan),
            iterations: RefCell::default(),
            pace: Cell::new(Pace {
                economy: false,
                changed_by_itself: false,
                since: clock::now(),
                cpu: clock::thread_cpu(),
                start_skew: None,
            }),
            changed: Notify::new(),
            looks: Look::all(&plan),
            shelf: Shelf::default(),
            visits: visits(&plan),
            visitors: Visitors::new(&plan),
            script: Arc::clone(&setup.script),
            secrets: Arc::clone(&setup.secrets),
            plan,
            streams,
            client,
        };
        if worker.plan.agents.pacing == Pacing::Economy {
            worker.economise();
        }
        Ok(Rc::new(worker))
    }

    pub(super) fn as_lean(&self) -> Option<&Lean> {
        if let Client::Lean(lean) = &self.client { Some(lean) } else { None }
    }

    pub(super) fn as_full(&self) -> Option<&Full> {
        if let Client::Full(full) = &self.client { Some(full) } else { None }
    }

    /// Makes connections before the run.
    pub(super) async fn warm(self: &Rc<Self>) -> Result<(), String> {
        match &self.client {
            Client::Lean(lean) => lean.warm(self).await,
            Client::Full(full) => full.reach().await,
        }
    }

    pub(super) fn set_zero(&self, zero: u64) {
        self.clock.set(RunClock { zero });
    }

    pub(super) fn clock(&self) -> RunClock {
        self.clock.get()
    }

    pub(super) fn now(&self) -> RunTime {
        self.clock.get().now()
    }

    pub(super) fn is_precise(&self) -> bool {
        !self.pace.get().economy
    }

    /// The thread runs for the first time after run time zero.
    pub(super) fn begin(&self) {
        let mut pace = self.pace.get();
        pace.start_skew = Some(self.now().nanos());
        (pace.since, pace.cpu) = (clock::now(), clock::thread_cpu());
        self.pace.set(pace);
    }

    /// Fires what is due. A long backlog is cut in pieces, so that answers are looked at in between.
    pub(super) fn pump(self: &Rc<Self>) -> Next {
        self.pumping.set(true);
        let (mut earliest, mut more) = (None::<RunTime>, false);
        let streams = (0..self.streams.len()).map(|scenario| self.pump_one(scenario, self.now()));
        let all = streams.chain(std::iter::once_with(|| self.pump_rests(self.now())));
        for next in all {
            match next {
                Next::At(at) => earliest = Some(earliest.map_or(at, |earliest| earliest.min(at))),
                Next::Now => more = true,
                Next::Idle => {}
            }
        }
        self.pumping.set(false);
        self.wakes.set(if more { RunTime::ZERO } else { earliest.unwrap_or(RunTime::MAX) });
        match (more, earliest) {
            (true, _) => Next::Now,
            (false, Some(at)) => Next::At(at),
            (false, None) => Next::Idle,
        }
    }

    pub(super) fn pump_one(self: &Rc<Self>, scenario: usize, mut now: RunTime) -> Next {
        let stream = &self.streams[scenario];
        for _ in 0..PIECE {
            let queued = stream.is_queued();
            match stream.next(now, self.lease.holds(self.clock.get().local(now))) {
                Order::Fire(due) if !self.script.has_data(scenario, due.k) => {
                    self.recorder.borrow_mut().skipped(scenario, SkipReason::NoData);
                    // The user goes on to its next iteration.
                    let rest = match self.plan.scenarios[scenario].load {
                        Load::Users(_) => NO_DATA_REST,
                        Load::Rate(_) | Load::Replay(_) | Load::Tries(_) => Duration::ZERO,
                    };
                    stream.turn().and_then(|turn| stream.rest(turn, rest, now));
                }
                Order::Fire(due) => {
                    self.fire(scenario, due, now, queued);
                    // What waits for a slot is late anyway: an older time spares a clock read per request.
                    if !queued {
                        now = self.now();
                    }
                }
                Order::Skip(_, reason) => self.recorder.borrow_mut().skipped(scenario, reason),
                Order::Wait(at) => return Next::At(at),
                Order::WaitForSlot | Order::WaitForShare | Order::Done => return Next::Idle,
            }
        }
        Next::Now
    }

    fn fire(self: &Rc<Self>, scenario: usize, due: Due, now: RunTime, queued: bool) {
        let stream = &self.streams[scenario];
        stream.enter();
        let course = &self.courses[scenario];
        let replayed = common::replay::arrival(&self.plan, scenario, due.k);
        let is_unreadable = matches!(replayed, Some(Err(_)));
        let mut job = match replayed {
            Some(Ok(replayed)) => course.replayed(scenario, replayed, due),
            // Counted with the rest: nobody knows what it was.
            Some(Err(_)) => course.job(scenario, course.last(), due),
            None => course.first(scenario, due),
        };
        {
            let mut recorder = self.recorder.borrow_mut();
            if !queued {
                recorder.released(stream.lag(due, now));
            }
            recorder.started(scenario, course.arrivals(&job), due);
        }
        let turn = stream.turn();
        if let Some(turn) = turn {
            (job.user, job.round) = (turn.user, turn.round);
        }
        if turn.is_some() || !job.whole {
            job.iteration = Some(self.iterations.borrow_mut().begin(Iteration::new(scenario, due, turn)));
        }
        if is_unreadable {
            self.settle(&Ended::unsent(job, Outcome::NotRendered, now));
        } else {
            self.send(job, now);
        }
    }

    /// Hands a request to the client.
    pub(super) fn send(self: &Rc<Self>, job: Job, now: RunTime) {
        if !job.whole {
            self.recorder.borrow_mut().requested(&job);
        }
        match &self.client {
            Client::Lean(lean) => lean.fire(self, job, now),
            Client::Full(full) => full.fire(self, job),
        }
    }

    /// Ends what has waited too long for its answer, or for the end of the run.
    pub(super) fn sweep(self: &Rc<Self>) {
        let now = self.now();
        self.account(now);
        if let Client::Lean(lean) = &self.client {
            lean.time_out(self, now);
        }
        for (scenario, stream) in self.streams.iter().enumerate() {
            if stream.in_flight() > 0 && now >= stream.give_up() {
                self.abandon_all(scenario);
            }
            stream.leavers(now, |user| self.farewell(Owner { scenario, number: user.into() }));
        }
    }

    /// Tells how long users were active.
    fn account(&self, now: RunTime) {
        let lease = self.lease.holds(self.clock.get().local(now));
        for (stream, course) in self.streams.iter().zip(&self.courses) {
            stream.account(now, lease, |second, us| {
                self.recorder.borrow_mut().active(course.carrier(), second, us);
            });
        }
    }

    /// Holds what is due at `from` or later, in every scenario; returns from when on that can be kept.
    pub(super) fn hold(&self, from: RunTime) -> RunTime {
        self.streams.iter().map(|stream| stream.hold(from)).max().unwrap_or(from)
    }

    /// From `from` on, these are the arrivals.
    pub(super) fn switch(&self, from: RunTime, parts: Vec<Part>) {
        for (stream, part) in self.streams.iter().zip(parts) {
            stream.switch(from, part.lot, part.end);
        }
    }

    /// Gives up what is left and what is under way.
    pub(super) fn abort(&self) {
        for (scenario, stream) in self.streams.iter().enumerate() {
            stream.abort();
            self.abandon_all(scenario);
        }
    }

    fn abandon_all(&self, scenario: usize) {
        match &self.client {
            Client::Lean(lean) => lean.abandon(self, scenario),
            Client::Full(full) => full.abandon(self, scenario),
        }
        self.abandon_resting(scenario);
    }

    pub(super) fn is_finished(&self) -> bool {
        self.streams.iter().all(Stream::is_finished)
    }

    /// What was measured since the last time. Looks at its own work: a thread that cannot keep up economises.
    pub(super) fn snapshot(&self) -> Snapshot {
        let (now, cpu) = (clock::now(), clock::thread_cpu());
        self.account(self.now());
        let measured = self.recorder.borrow_mut().take();
        let mut pace = self.pace.get();
        let cpu_share = (cpu - pace.cpu) as f64 / (now - pace.since).max(1) as f64;
        (pace.since, pace.cpu) = (now, cpu);
        self.pace.set(pace);
        if !pace.economy && is_overworked(cpu_share, &measured.release_lag) {
            self.economise();
            self.pace.set(Pace { economy: true, changed_by_itself: true, ..pace });
        }
        let finished = self.is_finished();
        Snapshot {
            measured,
            cursors: self.streams.iter().map(Stream::cursor).collect(),
            in_flight: self.streams.iter().map(Stream::in_flight).sum(),
            cpu_share: cpu_share.min(1.0),
            start_skew: pace.start_skew,
            economy: self.pace.get().changed_by_itself,
            finished,
        }
    }

    fn economise(&self) {
        self.streams.iter().for_each(|stream| stream.set_quantum(QUANTUM));
        self.pace.set(Pace { economy: true, ..self.pace.get() });
    }
}

/// A core that is used up while most arrivals go out late gains more from waking less often than it loses.
fn is_overworked(cpu_share: f64, release_lag: &Histogram) -> bool {
    cpu_share > 0.9 && release_lag.quantile(0.5) > micros(QUANTUM / 2)
}

/// Arrivals are released together at most this often in economy pacing.
const QUANTUM: Duration = Duration::from_millis(1);
/// So many requests are fired before answers are looked at.
pub(super) const PIECE: usize = 64;
/// A user whose data is used up looks so seldom for more.
const NO_DATA_REST: Duration = Duration::from_secs(1);
/// While there is no lease, it is looked for so often.
pub(super) const FENCED_POLL: Duration = Duration::from_millis(5);
