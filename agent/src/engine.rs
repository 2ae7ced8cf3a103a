//! The engine: one thread per core, each with its own runtime, lanes, connections and recorder.
//!
//! No lock, no channel and no wake of another thread lies on the path of a request. The control thread talks to an
//! engine thread a few times a second, through [`Thread`]; it never waits for load, and load never waits for it.

mod alarm;
pub mod ended;
pub mod iteration;
pub mod rows;
pub mod recorder;
pub mod stream;
mod full;
mod lean;
mod visitors;
pub mod judge;
mod worker;
mod sampler;
mod answers;
mod progress;
mod thread;

use crate::allow::AllowList;
use crate::lease::Lease;
use common::arrivals::Lot;
use common::lane::{LaneSet, deal};
use common::measured::Measured;
use common::plan::Plan;
use common::script::{Script, Secrets};
use common::share::Share;
use common::time::RunTime;
use rows::Sink;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What every engine thread of a run shares.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What to do.
    pub plan: Arc<Plan>,
    /// Its requests.
    pub script: Arc<Script>,
    /// What must not be shown of them.
    pub secrets: Arc<Secrets>,
    /// The lanes of this agent.
    pub share: Share,
    /// Permission to fire.
    pub lease: Arc<Lease>,
    /// Where fire may go.
    pub allow: Arc<AllowList>,
    /// How many engine threads.
    pub threads: usize,
    /// Where a row per request goes; `None` for nowhere.
    pub rows: Option<Sink>,
}

/// A running engine thread, as the control thread sees it.
#[derive(Debug)]
pub struct Thread {
    commands: mpsc::UnboundedSender<Command>,
}

/// What a thread has of a scenario, under a new share.
#[derive(Debug)]
pub struct Part {
    /// The arrivals, or whose users.
    pub lot: Lot,
    /// When the scenario's load ends.
    pub end: RunTime,
}

/// What the control thread may ask of an engine thread.
#[derive(Debug)]
pub enum Command {
    /// Make connections; tell whether the target can be reached.
    Warm(oneshot::Sender<Result<(), String>>),
    /// Run time zero is at this local time.
    Start(u64),
    /// Resolve nothing due at this run time or later, or later than what is resolved; tell from when on that holds.
    Hold(RunTime, oneshot::Sender<RunTime>),
    /// Let go of what is held: from this run time on, these are the arrivals, by scenario.
    Switch(RunTime, Vec<Part>),
    /// Give up what is left and what is under way.
    Abort,
    /// Hand out what was measured since the last time.
    Take(oneshot::Sender<Snapshot>),
}

/// What an engine thread measured since the last time, and how it stands.
#[derive(Debug)]
pub struct Snapshot {
    /// New counts and times.
    pub measured: Measured,
    /// By scenario: every owned arrival due before it is resolved.
    pub cursors: Vec<RunTime>,
    /// Requests under way.
    pub in_flight: u32,
    /// Processor time over wall time since the last snapshot.
    pub cpu_share: f64,
    /// By how much the thread missed run time zero, in nanoseconds; `None` before the start.
    pub start_skew: Option<u64>,
    /// Whether it changed from precise to economy pacing because it was too busy.
    pub economy: bool,
    /// Whether every owned arrival is resolved and nothing is under way.
    pub finished: bool,
}

impl Setup {
    /// Starts the engine threads, each with its part of the agent's lanes.
    pub fn spawn(&self) -> Result<Vec<Thread>, String> {
        let hands = deal(&vec![1; self.threads], &self.share.lanes);
        let thread = |(number, lanes): (usize, LaneSet)| {
            let (own, orders) = Thread::new();
            let (setup, share) = (self.clone(), Share { lanes, ..self.share.clone() });
            std::thread::Builder::new()
                .name(format!("engine-{number}"))
                .spawn(move || thread::run(&setup, number, &share, orders))
                .map_err(|error| format!("start engine thread {number}: {error}"))?;
            Ok(own)
        };
        hands.into_iter().enumerate().map(thread).collect()
    }
}

impl Thread {
    /// A thread as its control thread sees it, and the orders that whoever fires must carry out.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, orders) = mpsc::unbounded_channel();
        (Self { commands }, orders)
    }

    /// Makes connections to the target before the run; tells why it cannot.
    pub async fn warm(&self) -> Result<(), String> {
        self.ask(Command::Warm).await.unwrap_or_else(|| Err(GONE.into()))
    }

    /// Says when run time zero is on the local clock.
    pub fn start(&self, zero: u64) {
        self.tell(Command::Start(zero));
    }

    /// See [`Command::Hold`]; `None` when the thread is gone.
    pub async fn hold(&self, from: RunTime) -> Option<RunTime> {
        self.ask(|reply| Command::Hold(from, reply)).await
    }

    /// See [`Command::Switch`].
    pub fn switch(&self, from: RunTime, parts: Vec<Part>) {
        self.tell(Command::Switch(from, parts));
    }

    /// See [`Command::Abort`].
    pub fn abort(&self) {
        self.tell(Command::Abort);
    }

    /// What was measured since the last time; `None` when the thread is gone.
    pub async fn take(&self) -> Option<Snapshot> {
        self.ask(Command::Take).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.tell(command(reply));
        answer.await.ok()
    }

    /// A thread that is gone hears nothing; whoever asks it for something learns that.
    fn tell(&self, command: Command) {
        self.commands.send(command).unwrap_or_default();
    }
}

const GONE: &str = "an engine thread ended by itself";
