//! Run time: where a thing lies on the run's own axis.
//!
//! Zero is the run's start. Due times are arithmetic on this axis and carry no clock error; an agent's clock
//! enters only when it asks "is this due yet?".

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the run's axis, in nanoseconds since run time zero.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct RunTime(u64);

impl RunTime {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than anything that is ever due.
    pub const MAX: Self = Self(u64::MAX);

    /// The point `ns` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since the start: the bucket of a time series with width 1 s.
    #[must_use]
    pub const fn second(self) -> u64 {
        self.0 / NANOS_PER_SECOND
    }

    /// How much later this is than `earlier`; zero when it is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for RunTime {
    type Output = Self;
    /// Saturates at [`RunTime::MAX`]: a duration of centuries means "never".
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for RunTime {
    type Output = Self;
    /// Saturates at zero: nothing lies before the run.
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for RunTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / NANOS_PER_SECOND, self.0 % NANOS_PER_SECOND)
    }
}

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;
