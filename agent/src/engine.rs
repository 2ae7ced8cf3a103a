//! The engine: one thread per core, each with its own runtime, lanes, connections and recorder.
//!
//! No lock, no channel and no wake of another thread lies on the path of a request. The control thread talks to an
//! engine thread a few times a second, through [`Thread`]; it never waits for load, and load never waits for it.

mod alarm;
pub mod ended;
mod rows;
pub mod recorder;
pub mod stream;
mod full;
mod lean;
mod worker;
mod thread;

use crate::allow::AllowList;
use crate::lease::Lease;
use common::lane::{LaneSet, deal};
use common::measured::Measured;
use common::plan::Plan;
use common::share::Share;
use common::time::RunTime;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What every engine thread of a run shares.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What to do.
    pub plan: Arc<Plan>,
    /// The lanes of this agent.
    pub share: Share,
    /// Permission to fire.
    pub lease: Arc<Lease>,
    /// Where fire may go.
    pub allow: Arc<AllowList>,
    /// How many engine threads.
    pub threads: usize,
    /// A folder for one row per request, for checking; `None` for none.
    pub rows: Option<PathBuf>,
}

/// A running engine thread, as the control thread sees it.
#[derive(Debug)]
pub struct Thread {
    commands: mpsc::UnboundedSender<Command>,
}

/// What the control thread may ask of an engine thread.
#[derive(Debug)]
pub enum Command {
    /// Make connections; tell whether the target can be reached.
    Warm(oneshot::Sender<Result<(), String>>),
    /// Run time zero is at this local time.
    Start(u64),
    /// Fire nothing due at some run time or later.
    Stop {
        /// The first run time at which nothing is fired.
        from: RunTime,
        /// Whether what is under way is given up too.
        abort: bool,
    },
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
    /// What went wrong beside the load: rows that could not be written.
    pub warnings: Vec<String>,
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

    /// Stops the load; see [`common::pacer::Pacer::stop`].
    pub fn stop(&self, from: RunTime, abort: bool) {
        self.tell(Command::Stop { from, abort });
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
