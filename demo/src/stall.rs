//! A window in which the service stands still, like a long garbage collection or a stopped process.
//!
//! Inside the window no time passes for the service:
//!
//! ```text
//! worked  │        ╱        worked(elapsed) = the time the service has been working;
//!         │   ┌───╱         what takes 5 ms takes 5 ms of worked time,
//!         │  ╱              and so waits when the window lies in between
//!         └─┴────┴──── elapsed
//!         from   to
//! ```

use std::{str::FromStr, time::Duration};
use thiserror::Error;

/// From when to when the service stands still, counted from the first counted request. As text: `4s..6s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    from: Duration,
    to: Duration,
}

/// Why a text or two times are no [`Stall`].
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StallError {
    /// Not two durations.
    #[error("read stall {0:?}: expected FROM..TO, like 4s..6s")]
    Form(String),
    /// The end is not after the beginning.
    #[error("stall from {from:?} to {to:?}: the end must be after the beginning")]
    Empty {
        /// The beginning.
        from: Duration,
        /// The end.
        to: Duration,
    },
}

impl Stall {
    /// A window that begins at `from` and ends at `to`, both after the first counted request.
    pub fn new(from: Duration, to: Duration) -> Result<Self, StallError> {
        if from < to { Ok(Self { from, to }) } else { Err(StallError::Empty { from, to }) }
    }

    pub(crate) fn worked(&self, elapsed: Duration) -> Duration {
        if elapsed < self.to { elapsed.min(self.from) } else { elapsed - (self.to - self.from) }
    }

    /// The inverse of [`Self::worked`]; what falls on the window comes at its end.
    pub(crate) fn elapsed(&self, worked: Duration) -> Duration {
        if worked < self.from { worked } else { worked + (self.to - self.from) }
    }
}

impl FromStr for Stall {
    type Err = StallError;

    fn from_str(text: &str) -> Result<Self, StallError> {
        let malformed = || StallError::Form(text.to_owned());
        let (from, to) = text.split_once("..").ok_or_else(malformed)?;
        let duration = |part: &str| humantime::parse_duration(part).map_err(|_| malformed());
        Self::new(duration(from)?, duration(to)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn work_waits_while_the_window_is_open() {
        let stall = Stall::new(Duration::from_secs(4), Duration::from_secs(6)).unwrap();
        let rows = [
            ("long before", 1.0, 0.5, 1.5),
            ("ends just before", 3.0, 0.9, 3.9),
            ("begins before, would end inside: the rest comes after", 3.0, 2.0, 7.0),
            ("arrives inside: begins at the end", 5.0, 0.5, 6.5),
            ("arrives inside and takes no time", 4.0, 0.0, 6.0),
            ("arrives at the end", 6.0, 0.0, 6.0),
            ("long after", 9.0, 0.5, 9.5),
        ];
        for (sentence, arrived, takes, answered) in rows {
            let worked = stall.worked(Duration::from_secs_f64(arrived)) + Duration::from_secs_f64(takes);
            assert_eq!(stall.elapsed(worked), Duration::from_secs_f64(answered), "{sentence}");
        }
    }

    #[test]
    fn a_window_without_length_is_refused() {
        let empty = |from, to| Err(StallError::Empty { from, to });
        let s = Duration::from_secs;
        assert_eq!("4s..6s".parse(), Stall::new(s(4), s(6)));
        assert_eq!("6s..6s".parse::<Stall>(), empty(s(6), s(6)));
        assert_eq!("6s..4s".parse::<Stall>(), empty(s(6), s(4)));
        assert_eq!("6s".parse::<Stall>(), Err(StallError::Form("6s".to_owned())));
    }

    proptest! {
        #[test]
        fn nothing_is_answered_inside_the_window_or_before_its_time(
            from in 0u64..1_000, length in 1u64..1_000, arrived in 0u64..3_000, takes in 0u64..1_000,
        ) {
            let ns = Duration::from_nanos;
            let stall = Stall::new(ns(from), ns(from + length)).unwrap();
            let answered = stall.elapsed(stall.worked(ns(arrived)) + ns(takes));
            prop_assert!(answered >= ns(arrived + takes));
            prop_assert!(answered <= ns(arrived + takes + length));
            prop_assert!(answered < ns(from) || answered >= ns(from + length));
        }
    }
}
