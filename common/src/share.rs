//! Shares: which lanes an agent owns, from when on.

use crate::lane::LaneSet;
use crate::time::RunTime;

/// A session's number: one agent process's membership in a run, whatever becomes of its connections.
pub type SessionId = u64;

/// From schedule time `from` on, these lanes are yours.
///
/// `from` is compared with due times, which are arithmetic, so no clock error can double or lose an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which dealing this belongs to; every change of ownership has a higher one.
    pub epoch: u32,
    /// The first due time for which it holds.
    pub from: RunTime,
    /// The lanes owned.
    pub lanes: LaneSet,
}

impl Share {
    /// No lanes: what an agent holds that was not given any.
    #[must_use]
    pub fn nothing() -> Self {
        Self { epoch: 0, from: RunTime::ZERO, lanes: LaneSet::empty() }
    }
}
