//! A request that ended: what the recorder counts and a row tells.

use common::arrivals::Due;
use common::outcome::Outcome;
use common::time::RunTime;
use std::time::Duration;

/// A request that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// The scenario's number; with one step each it is also the series'.
    pub(super) scenario: usize,
    pub(super) due: Due,
    pub(super) outcome: Outcome,
    /// When the first byte went to the socket; `None` when none did.
    pub(super) sent: Option<RunTime>,
    /// What came back; `None` when no whole answer did.
    pub(super) answer: Option<Answered>,
    /// When it ended.
    pub(super) done: RunTime,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// How long the connection took, where this request had to make one.
    pub(super) connect: Option<Duration>,
}

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) first_byte: RunTime,
    pub(super) body_bytes: u64,
}

/// Microseconds, rounded to the nearest.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from((time.as_nanos() + 500) / 1000).unwrap_or(u64::MAX)
}
