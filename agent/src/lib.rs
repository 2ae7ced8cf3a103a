//! The agent of Stampede: fires its share of the schedule and streams what it measured.
//!
//! It dials the controller and opens no port. It fires only at allowed addresses, only under a lease, never longer
//! than the plan.

pub mod clock;
pub mod lease;
pub mod allow;
pub mod connect;
pub mod http1;
pub mod engine;
pub mod world;
mod fleet;
mod session;
pub mod health;

use allow::AllowList;
use session::End;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
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
    /// A folder for one row per request, for checking.
    pub rows: Option<PathBuf>,
    /// Whether it leaves after one run.
    pub once: bool,
    /// How long it looks for a controller before it gives up; `None`: for ever.
    pub wait: Option<Duration>,
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
    /// Joins the controller and does its runs, until `stop` says so, or after one run with `once`.
    pub async fn join(&self, say: Say, mut stop: mpsc::Receiver<()>) -> Result<(), JoinError> {
        let (mut looking_since, mut pause, mut stream_no) = (Instant::now(), PAUSE_MIN, 0);
        let mut told = String::new();
        loop {
            stream_no += 1;
            let why = match session::serve(self, &say, stream_no, &mut stop).await {
                End::Interrupted => return Ok(()),
                End::Released(verdict) => {
                    say(&format!("run over: {verdict}"));
                    if self.once {
                        return Ok(());
                    }
                    (looking_since, pause) = (Instant::now(), PAUSE_AFTER_RUN);
                    format!("waiting for the next run at {}", self.controller)
                }
                End::Rejected(why) => return Err(JoinError::Rejected(why)),
                End::Lost(why) => {
                    (looking_since, pause) = (Instant::now(), PAUSE_MIN);
                    format!("lost the controller at {}: {why}; joining again", self.controller)
                }
                End::Unreachable(why) => why,
            };
            let waited = looking_since.elapsed();
            if self.wait.is_some_and(|wait| waited >= wait) {
                return Err(JoinError::Unreachable { waited, why });
            }
            // The same thing again and again is told once.
            if why != told {
                say(&why);
                told = why;
            }
            tokio::select! {
                biased;
                _ = stop.recv() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// Pauses between attempts to reach a controller double from this one …
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// … to this one.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A controller that made its report is given time to end before its agents knock again.
const PAUSE_AFTER_RUN: Duration = Duration::from_millis(300);
