//! The agent of Stampede: fires its share of the schedule and streams what it measured.
//!
//! It dials the controller and opens no port. It fires only at allowed addresses, only under a lease, never longer
//! than the plan.

pub mod clock;
pub mod lease;
pub mod allow;
pub mod connect;
pub mod http1;
pub mod decode;
pub mod engine;
pub mod world;
mod dial;
mod secrets;
mod fetch;
mod blobs;
mod tapes;
mod fleet;
mod stopper;
mod membership;
mod session;
pub mod health;

use allow::AllowList;
use blobs::Blobs;
use common::rate::Rate;
use session::{End, Ties};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stopper::{Stopper, Wish};
use tapes::Tapes;
use tokio::sync::mpsc;
use tokio::time::Instant;
use world::World;

/// An agent: who it is, whom it obeys, what it may do.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The controller, as HOST:PORT.
    pub controller: String,
    /// The name in reports.
    pub name: String,
    /// A random identity of this process.
    pub instance: String,
    /// What it shows to the controller.
    pub token: Option<String>,
    /// Where fire may go.
    pub allow: Arc<AllowList>,
    /// Engine threads.
    pub threads: usize,
    /// A folder in which a row per request is kept, whether the controller wants it or not; `None`: only when it does,
    /// and only until it has it.
    pub rows: Option<PathBuf>,
    /// Whether it leaves after one run.
    pub once: bool,
    /// How long it looks for a controller before it gives up; `None`: for ever.
    pub wait: Option<Duration>,
    /// The weight with which lanes are dealt to it.
    pub weight: u32,
    /// No more than this, over all scenarios.
    pub max_rate: Option<Rate>,
    /// Where to keep what could not be delivered; `None`: nowhere.
    pub spool_dir: Option<PathBuf>,
    /// Where fetched tapes of replayed logs are kept for later runs; `None`: in the system's folder for temporary
    /// files, for one run.
    pub cache_dir: Option<PathBuf>,
    /// The machine it runs on.
    pub world: World,
}

/// Tells the operator something, in one line.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Why an agent ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The controller will not have it.
    #[error("the controller refused this agent: {0}")]
    Rejected(String),
    /// It was stopped before everything was delivered; this file has the rest.
    #[error("stopped before everything was delivered: the rest is in {0}")]
    Undelivered(PathBuf),
    /// No controller was found in time.
    #[error("gave up after {waited:?}: {why}")]
    Unreachable {
        /// How long it looked.
        waited: Duration,
        /// What happened the last time.
        why: String,
    },
}

impl Agent {
    /// Joins the controller and does its runs, until `stop` says so, or after one run with `once`. One message on
    /// `stop` asks to hand over and leave, a second one, or a dropped sender, to give up and go.
    pub async fn join(&self, say: Say, stop: mpsc::Receiver<()>) -> Result<(), JoinError> {
        let stopper = Stopper::new(stop);
        let (blobs, tapes) = (Blobs::default(), Tapes::default());
        let mut ties = Ties { agent: self, say: &say, stopper, membership: None, stream_no: 0, blobs, tapes };
        let mut search = Search::new();
        loop {
            let why = match session::serve(&mut ties).await {
                End::Interrupted => return ties.leave().await,
                End::Released(verdict) => {
                    say(&format!("run over: {verdict}"));
                    let rows = ties.take_rows();
                    ties.give_up().await;
                    ties.tapes.forget();
                    if let Some(rows) = rows {
                        session::bring_rows(self, rows, &say).await;
                    }
                    if self.once || ties.stopper.wish() > Wish::Stay {
                        return Ok(());
                    }
                    search = Search { pause: PAUSE_AFTER_RUN, ..Search::new() };
                    format!("waiting for the next run at {}", self.controller)
                }
                End::Forgotten => {
                    ties.give_up().await;
                    continue;
                }
                End::Rejected(why) => {
                    ties.give_up().await;
                    return Err(JoinError::Rejected(why));
                }
                End::Lost(why) => {
                    search = Search { told: search.told, ..Search::new() };
                    format!("lost the controller at {}: {why}; joining again", self.controller)
                }
                End::Unreachable(why) => why,
            };
            if ties.is_done() {
                // Everything of it is in the books: the run may well have ended without telling.
                ties.membership = None;
                if self.once {
                    return Ok(());
                }
            }
            if ties.stopper.wish() == Wish::Quit {
                return ties.leave().await;
            }
            let waited = search.since.elapsed();
            if self.wait.is_some_and(|wait| waited >= wait) {
                ties.give_up().await;
                return Err(JoinError::Unreachable { waited, why });
            }
            if waited >= GIVE_UP_AFTER {
                ties.give_up().await;
            }
            search.tell(&say, why);
            tokio::select! {
                biased;
                _ = ties.stopper.changed() => return ties.leave().await,
                () = tokio::time::sleep(search.next_pause()) => {}
            }
        }
    }
}

impl Ties<'_> {
    /// Ends a run that nobody steers any more and keeps its books in a file.
    pub(crate) async fn give_up(&mut self) -> Option<PathBuf> {
        let membership = self.membership.take()?;
        match membership.spool(self.agent).await {
            Ok(path) => {
                let path = path?;
                (self.say)(&format!(
                    "the controller has not taken everything that was measured: wrote {}; bring it in with \
                     `controller runs merge-spool --data-dir DIR {}`",
                    path.display(),
                    path.display()
                ));
                Some(path)
            }
            Err(why) => {
                (self.say)(&format!("what was measured and not delivered is lost: {why}"));
                None
            }
        }
    }

    /// Whether it did its part of a run to the end and the controller has everything.
    fn is_done(&self) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.fleet.is_delivered())
    }

    async fn leave(&mut self) -> Result<(), JoinError> {
        match self.give_up().await {
            Some(path) => Err(JoinError::Undelivered(path)),
            None => Ok(()),
        }
    }
}

/// Looking for a controller.
struct Search {
    since: Instant,
    pause: Duration,
    told: String,
}

impl Search {
    fn new() -> Self {
        Self { since: Instant::now(), pause: PAUSE_MIN, told: String::new() }
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        pause
    }

    /// The same thing again and again is told once.
    fn tell(&mut self, say: &Say, why: String) {
        if why != self.told {
            say(&why);
            self.told = why;
        }
    }
}

/// Pauses between attempts to reach a controller double from this one …
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// … to this one.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// So long after the controller was lost, an agent stops waiting for it to take its books.
const GIVE_UP_AFTER: Duration = Duration::from_secs(600);
/// A controller that made its report is given time to end before its agents knock again.
const PAUSE_AFTER_RUN: Duration = Duration::from_millis(300);
