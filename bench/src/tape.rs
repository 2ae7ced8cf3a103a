//! What the fleet saw, over all its agents.

use common::histogram::Histogram;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Counters that every agent writes and the measurement reads.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    /// Agents with a welcome on both streams.
    pub(crate) here: AtomicUsize,
    /// Agents that know run time zero.
    pub(crate) started: AtomicUsize,
    /// Agents that were released.
    pub(crate) released: AtomicUsize,
    /// Deltas with an ack.
    pub(crate) applied: AtomicU64,
    /// Connections that broke or were refused.
    pub(crate) broken: AtomicU64,
    /// New sessions where the old one should have gone on.
    pub(crate) forgotten: AtomicU64,
    answers: Mutex<Histogram>,
    acks: Mutex<Histogram>,
}

impl Tape {
    /// A heartbeat was answered after so many microseconds.
    pub(crate) fn answered(&self, us: u64) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).record(us);
    }

    /// A delta was acknowledged after so many microseconds.
    pub(crate) fn acked(&self, us: u64) {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner).record(us);
        self.applied.fetch_add(1, Relaxed);
    }

    /// How long answers to heartbeats and acks took since the last time.
    pub(crate) fn take(&self) -> (Histogram, Histogram) {
        let take = |times: &Mutex<Histogram>| {
            std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner))
        };
        (take(&self.answers), take(&self.acks))
    }
}
