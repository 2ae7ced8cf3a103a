//! The coordinator: one task that owns the run. Events become facts, the run's orders become messages.
//!
//! What leaves it rests on what it has written: every message and every ack waits in the `post` until the journal
//! says that the records before it are durable. Leases are answered elsewhere and wait for nothing.

use crate::books::Books;
use crate::chronicle::Happened;
use crate::collect::Collector;
use crate::files::Files;
use crate::journal::{Journal, Record, Saved};
use crate::rpc::Event;
use crate::sessions::Sessions;
use common::clock::Clock;
use common::report::{FaultKind, RowsKept};
use common::run::{Ending, Fact, Run, State, Timers};
use common::time::RunTime;
use proto::v1::{self, controller_message::Kind as Down};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

mod post;
mod agents;
mod orders;
mod restore;
mod rules;
mod steer;
mod steerable;

use post::Post;
pub use restore::{planned, restore};
pub use steer::{Reply, Steer};

/// The text of a plan and what it means.
#[derive(Clone, Debug)]
pub struct EffectivePlan {
    /// As it goes to the agents.
    pub text: String,
    /// As it is carried out.
    pub plan: common::plan::Plan,
    /// The files that it names.
    pub files: Arc<Files>,
    /// What the report should say of it besides.
    pub notes: Vec<String>,
}

/// One run to be conducted.
#[derive(Debug)]
pub struct Task {
    /// What to do.
    pub plan: EffectivePlan,
    /// How many agents it waits for.
    pub expect: usize,
    /// How long it waits for them.
    pub wait: Duration,
    /// The run's id.
    pub run_id: String,
    /// When it was asked for, in RFC 3339; a label only.
    pub created_at: String,
    /// What agents must show; `None` on loopback.
    pub token: Option<Arc<str>>,
    /// The clock of run time, leases and deadlines.
    pub clock: Clock,
    /// Where its records go.
    pub journal: Box<dyn Journal>,
    /// Who takes the rows of the agents, when they are to keep some.
    pub collector: Option<Collector>,
    /// What is to be gone on with, if it began under another controller.
    pub saved: Option<Saved>,
}

/// Where wishes come from.
#[derive(Debug)]
pub struct Inputs {
    /// What the agents' streams tell.
    pub events: mpsc::Receiver<Event>,
    /// The operator's signals.
    pub interrupts: mpsc::Receiver<()>,
    /// The operator's commands from elsewhere.
    pub steering: mpsc::Receiver<Steer>,
}

/// What the coordinator tells whoever watches.
pub trait Watcher {
    /// The run moved on, or some time went by.
    fn on_progress(&mut self, progress: &mut Progress<'_>);
    /// Something happened that is worth a line.
    fn on_line(&mut self, line: &str);
}

impl<W: Watcher + ?Sized> Watcher for &mut W {
    fn on_progress(&mut self, progress: &mut Progress<'_>) {
        (**self).on_progress(progress);
    }

    fn on_line(&mut self, line: &str) {
        (**self).on_line(line);
    }
}

/// Two who watch.
impl<A: Watcher, B: Watcher> Watcher for (A, B) {
    fn on_progress(&mut self, progress: &mut Progress<'_>) {
        self.0.on_progress(progress);
        self.1.on_progress(progress);
    }

    fn on_line(&mut self, line: &str) {
        self.0.on_line(line);
        self.1.on_line(line);
    }
}

/// How the run stands.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The run's id.
    pub run_id: &'a str,
    /// Where it stands.
    pub run: &'a Run,
    /// The books.
    pub books: &'a mut Books,
    /// Who is joined.
    pub sessions: &'a Sessions,
    /// Run time now; zero before the start.
    pub now: RunTime,
    /// The controller's clock now.
    pub at: Duration,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// Everything that was delivered.
    pub books: Books,
    /// The run, with whose every lane was.
    pub run: Run,
    /// How long the load was on.
    pub duration: Duration,
    /// The run's id.
    pub run_id: String,
    /// Where its report goes.
    pub journal: Box<dyn Journal>,
    /// What came of the agents' rows, if they were asked for.
    pub rows: Option<RowsKept>,
}

/// Owns the run.
#[derive(Debug)]
pub struct Coordinator<W> {
    run_id: String,
    clock: Clock,
    text: String,
    files: Arc<Files>,
    run: Run,
    books: Books,
    sessions: Sessions,
    post: Post,
    watcher: W,
    zero_at: Option<Duration>,
    ended_at: Option<Duration>,
    state: watch::Sender<&'static str>,
    ending: Option<Ending>,
    store_failed: bool,
    steering: steer::Steering,
    collector: Option<Collector>,
}

impl<W: Watcher> Coordinator<W> {
    /// A coordinator of `task`; `state` follows the run in one word. Fails when what was saved cannot be read.
    pub fn new(task: Task, state: watch::Sender<&'static str>, watcher: W) -> Result<Self, String> {
        let Task { plan, expect, wait, run_id, created_at, token: _, clock, journal, collector, saved } =
            task;
        let timers = timers(wait, plan.plan.drain, plan.plan.agents.lease_ttl);
        let sessions = Sessions::new(journal.epoch(), timers.lease_ttl);
        let on_loss = plan.plan.agents.on_loss;
        let name = plan.plan.name.clone();
        let books = Books::new(plan.plan)?;
        let run = Run::new(expect, books.end(), on_loss, timers, clock.now());
        let mut coordinator = Self {
            run_id,
            text: plan.text,
            files: plan.files,
            run,
            clock,
            books,
            sessions,
            post: Post::new(journal),
            watcher,
            zero_at: None,
            ended_at: None,
            state,
            ending: None,
            store_failed: false,
            steering: steer::Steering::default(),
            collector,
        };
        match saved {
            Some(saved) => coordinator.resume(&saved)?,
            None => {
                let (run_id, plan) = (coordinator.run_id.clone(), coordinator.text.clone());
                coordinator.post.append(Record::Run { run_id, name, plan, created_at });
            }
        }
        Ok(coordinator)
    }

    /// Carries the run to its end.
    pub async fn conduct(mut self, mut inputs: Inputs) -> Finished {
        let mut ticks = tokio::time::interval(TICK);
        let mut durable = self.post.durable();
        let mut kept = true;
        while self.ending.is_none() {
            let (before, mut ticked) = (self.run.state(), false);
            tokio::select! {
                biased;
                Some(()) = inputs.interrupts.recv() => {
                    self.watcher.on_line("interrupted: letting requests under way end (once more: give them up)");
                    self.take(Fact::Interrupted);
                }
                changed = durable.changed(), if kept => {
                    kept = changed.is_ok();
                    self.on_durable();
                }
                Some(steer) = inputs.steering.recv() => self.on_steer(steer),
                Some(event) = inputs.events.recv() => self.on_event(event),
                _ = ticks.tick() => {
                    ticked = true;
                    self.take(Fact::Tick);
                    self.judge();
                }
            }
            self.on_durable();
            // Not after every event: what a watcher does with it grows with the fleet.
            if ticked || self.run.state() != before {
                self.show();
            }
        }
        self.finish(inputs.events).await
    }

    /// Lets the watcher see how the run stands.
    fn show(&mut self) {
        let now = self.run_time();
        if matches!(self.run.state(), State::Running | State::Draining) && self.zero_at.is_some() {
            self.books.on_time(now);
        }
        self.watcher.on_progress(&mut Progress {
            run_id: &self.run_id,
            run: &self.run,
            books: &mut self.books,
            sessions: &self.sessions,
            now,
            at: self.clock.now(),
        });
    }

    /// Keeps the last records, tells the agents that the run is over, and waits a moment for them to hear it.
    async fn finish(mut self, mut events: mpsc::Receiver<Event>) -> Finished {
        self.books.on_end();
        self.judge_last();
        let ending = self.ending.clone().unwrap_or(Ending::Completed);
        let duration = self.duration();
        let (how, why) = told_as(&ending);
        let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.write(&Happened::Ended { how: how.into(), why, duration_ns });
        tokio::time::timeout(KEEP_WITHIN, self.post.settle()).await.unwrap_or_default();
        self.on_durable();
        let release = Down::Release(v1::Release { verdict: how.into() });
        let everybody: Vec<_> = self.sessions.iter().map(|(session, _)| session).collect();
        for session in everybody {
            self.send_now(session, release.clone());
        }
        let drained = async {
            while self.sessions.is_anybody_here() {
                match events.recv().await {
                    Some(Event::Gone(session, stream, _)) => drop(self.sessions.detach(session, stream)),
                    Some(_) => {}
                    None => return,
                }
            }
        };
        // Agents that do not hang up are not waited for.
        tokio::time::timeout(RELEASE_WITHIN, drained).await.unwrap_or_default();
        self.show();
        let (books, run, run_id) = (self.books, self.run, self.run_id);
        Finished { ending, books, run, duration, run_id, journal: self.post.into_journal(), rows: None }
    }

    /// Writes down what happened.
    fn write(&mut self, happened: &Happened) {
        let (kind, body) = (happened.kind(), happened.body());
        self.post.append(Record::Event {
            run_id: self.run_id.clone(),
            at_ns: self.clock.now_ns(),
            kind,
            body,
        });
    }

    /// Lets go of what waited for the journal; a journal that failed ends the run.
    fn on_durable(&mut self) {
        let Err(why) = self.post.release(&self.sessions) else { return };
        if !std::mem::replace(&mut self.store_failed, true) {
            self.watcher.on_line(&why);
            self.books.on_fault(FaultKind::StoreFailed, None, (self.run_time(), None), why.clone());
        }
        if !matches!(self.run.state(), State::Draining | State::Over) {
            self.take(Fact::StoreFailed(why));
        }
    }

    /// How long the load was on: what came after it was waiting for the last answers and deltas.
    fn duration(&self) -> Duration {
        let (Some(zero), Some(end)) = (self.zero_at, self.ended_at) else { return Duration::ZERO };
        end.saturating_sub(zero).min(self.books.end().since(RunTime::ZERO))
    }

    fn run_time(&self) -> RunTime {
        self.run.run_time(self.clock.now())
    }
}

/// The ending in one word, and why where there is more to say.
fn told_as(ending: &Ending) -> (&'static str, String) {
    match ending {
        Ending::Completed => ("completed", String::new()),
        Ending::Interrupted => ("interrupted", String::new()),
        Ending::Aborted => ("aborted", String::new()),
        Ending::Stopped => ("stopped", String::new()),
        Ending::AgentLost(why) => ("agent_lost", why.clone()),
        Ending::ThresholdBroken(why) => ("threshold_broken", why.clone()),
        Ending::StoreFailed(why) => ("store_failed", why.clone()),
        Ending::NotStarted(why) => ("not_started", why.clone()),
    }
}

/// The timers of a run whose agents may take `gather` to join and `drain` to end what is under way.
fn timers(gather: Duration, drain: Duration, lease_ttl: Duration) -> Timers {
    Timers {
        gather,
        prepare: Duration::from_secs(30),
        start_lead: Duration::from_millis(500),
        lease_ttl,
        withdraw_early: (lease_ttl / 4).min(Duration::from_millis(400)),
        move_lead: Duration::from_millis(400),
        grace: 2 * lease_ttl,
        finish: drain + Duration::from_secs(15),
        // An agent tells what it gave up with its next delta, at most FLUSH later.
        abort: Duration::from_secs(2),
    }
}

const TICK: Duration = Duration::from_millis(100);
/// How long the last records may take to become durable.
const KEEP_WITHIN: Duration = Duration::from_secs(5);
const RELEASE_WITHIN: Duration = Duration::from_secs(1);
