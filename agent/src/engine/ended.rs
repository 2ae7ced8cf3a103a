//! A request, and how it ended: what a client sends, what the recorder counts and a row tells.

use crate::engine::iteration::Key;
use common::arrivals::Due;
use common::measured::Then;
use common::outcome::Outcome;
use common::script::Identity;
use common::time::RunTime;
use std::time::Duration;

/// A request to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The scenario's number.
    pub scenario: usize,
    /// The step's number in it.
    pub step: usize,
    /// The series under which it is counted.
    pub series: usize,
    /// The step's number among all steps of the plan: what clients prepare lies in this order.
    pub request: usize,
    /// The arrival's number, and when this request was to be sent.
    pub due: Due,
    /// The user who sends it, and how many iterations that one began before; 0 in open loads.
    pub user: u32,
    /// See `user`.
    pub round: u64,
    /// What goes on when it ends; `None`: nothing.
    pub iteration: Option<Key>,
    /// Whether it is a whole iteration, so that there is no series of iterations.
    pub whole: bool,
    /// What was answered then, of a request out of a log.
    pub then: Option<Then>,
}

impl Job {
    /// Who sends it.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { k: self.due.k, user: u64::from(self.user), iteration: self.round }
    }
}

/// A request that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// What it was.
    pub job: Job,
    /// How it ended.
    pub outcome: Outcome,
    /// When the first byte went to the socket; `None` when none did.
    pub sent: Option<RunTime>,
    /// What came back; `None` when no whole answer did.
    pub answer: Option<Answered>,
    /// When it ended.
    pub done: RunTime,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// How long the connection took, where this request had to make one.
    pub connect: Option<Duration>,
}

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// When its first byte came.
    pub first_byte: RunTime,
    /// The size of its body.
    pub body_bytes: u64,
}

impl Ended {
    /// A request that never went out.
    pub(super) const fn unsent(job: Job, outcome: Outcome, done: RunTime) -> Self {
        Self { job, outcome, sent: None, answer: None, done, bytes_in: 0, bytes_out: 0, connect: None }
    }
}

/// Microseconds, rounded to the nearest.
#[must_use]
pub fn micros(time: Duration) -> u64 {
    u64::try_from((time.as_nanos() + 500) / 1000).unwrap_or(u64::MAX)
}
