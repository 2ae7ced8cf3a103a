//! The schedule: arrival number k has one due time, a pure function of the plan.
//!
//! A rate load is a list of segments in which the rate goes in a straight line from `from` to `to`. The *work*
//! done until time τ of a segment with duration D is the area under that line:
//!
//! ```text
//!   rate                        work(τ) = a·τ + (b − a)·τ² / (2·D)
//!    b ┤        ╱│
//!      │     ╱   │              arrival k is due at the smallest integer nanosecond
//!    a ┤  ╱      │              at which the work since the start reaches k
//!      └──┬──────┴─ τ
//!         0      D
//! ```
//!
//! All of it is integer arithmetic in 128 bits: rates in 1/1000 arrivals per second, time in nanoseconds, work in
//! *half-units* (`2·10¹²` to one arrival), so that the area of a whole segment, `(a + b)·D`, has no remainder and
//! the fraction left at a border is carried into the next segment exactly. A float guesses the root; an exact
//! comparison corrects it. The same plan gives the same bits on every machine, without drift.
//!
//! A stretch at rate zero holds no arrivals: what the work reaches exactly at its beginning is due at its end.
//! So every stage holds the arrivals of `[its start, its end)` and nobody else's.

use crate::time::RunTime;
use std::time::Duration;

/// A stretch of the schedule in which the rate changes in a straight line. Rates in 1/1000 arrivals per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// How long it lasts, in nanoseconds.
    pub duration_ns: u64,
    /// The rate at its beginning.
    pub from_milli: u64,
    /// The rate that it reaches at its end.
    pub to_milli: u64,
}

/// Work in half-units: [`ARRIVAL`] of them are one arrival.
pub type Work = u128;

/// The work of one arrival: 1000 (milli) × 10⁹ (nanoseconds) × 2 (halves).
pub const ARRIVAL: Work = 2_000_000_000_000;

/// Why segments do not make a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// A rate above [`RATE_MILLI_MAX`].
    #[error("rate of segment {segment} is above 10,000,000/s")]
    RateTooHigh {
        /// Its number, from 0.
        segment: usize,
    },
    /// A ramp so long that the arithmetic would not fit into 128 bits.
    #[error("ramp in segment {segment} is longer than 24 h: split it into shorter ramps")]
    RampTooLong {
        /// Its number, from 0.
        segment: usize,
    },
    /// More than a year.
    #[error("the schedule is longer than 366 days")]
    TooLong,
}

/// The compiled load of a scenario: `due(k)` and its inverse `count(t)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pieces: Vec<Piece>,
    /// The number of the first arrival at or after the start of each piece: half as wide as work, and close
    /// together, for the search.
    firsts: Vec<u64>,
    end: RunTime,
    work: Work,
    total: u64,
}

/// A segment with its place on both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start_ns: u64,
    start_work: Work,
    segment: Segment,
    /// How much of the segment is over when it begins to hold, in nanoseconds.
    over_ns: u64,
}

impl Schedule {
    /// Compiles segments in their order. Segments without duration are dropped: they are steps in the rate.
    pub fn new(segments: impl IntoIterator<Item = Segment>) -> Result<Self, ScheduleError> {
        let nothing = Self { pieces: vec![], firsts: vec![], end: RunTime::ZERO, work: 0, total: 0 };
        nothing.with(segments)
    }

    /// The same schedule until `at`, and these segments from then on: arrivals due before `at` stay as they are,
    /// and the fraction of the next one that was reached there is kept.
    pub fn revised(
        &self,
        at: RunTime,
        segments: impl IntoIterator<Item = Segment>,
    ) -> Result<Self, ScheduleError> {
        let mut kept = self.clone();
        if let Some(pause) = at.nanos().checked_sub(self.end.nanos()).filter(|pause| *pause > 0) {
            kept = kept.with([Segment { duration_ns: pause, from_milli: 0, to_milli: 0 }])?;
        }
        kept.cut(at);
        kept.with(segments)
    }

    /// The same schedule until `at`, and what `other` says from then on; fractions are kept as in [`Self::revised`].
    pub fn joined(&self, at: RunTime, other: &Self) -> Result<Self, ScheduleError> {
        let pause = at.nanos().saturating_sub(self.end.nanos());
        let mut kept = self.clone().with([Segment { duration_ns: pause, from_milli: 0, to_milli: 0 }])?;
        kept.cut(at);
        let first = other.pieces.partition_point(|piece| piece.start_ns <= at.nanos()).saturating_sub(1);
        for (place, piece) in other.pieces.iter().enumerate().skip(first) {
            let end = other.pieces.get(place + 1).map_or(other.end.nanos(), |next| next.start_ns);
            if end > kept.end.nanos() {
                let over_ns = piece.over_ns + (kept.end.nanos() - piece.start_ns);
                kept.push(piece.segment, over_ns, end - kept.end.nanos())?;
            }
        }
        Ok(kept)
    }

    /// Forgets what is due at `at` or later, which must not lie behind the end.
    fn cut(&mut self, at: RunTime) {
        let total = self.count(at);
        let pieces = self.pieces.partition_point(|piece| piece.start_ns < at.nanos());
        self.pieces.truncate(pieces);
        self.firsts.truncate(pieces);
        let reached = |piece: &Piece| piece.start_work + piece.work_until(at.nanos() - piece.start_ns);
        self.work = self.pieces.last().map_or(0, reached);
        (self.end, self.total) = (at, total);
    }

    /// These segments behind what there is.
    fn with(mut self, segments: impl IntoIterator<Item = Segment>) -> Result<Self, ScheduleError> {
        for (number, segment) in segments.into_iter().enumerate() {
            segment.check(number)?;
            if segment.duration_ns > 0 {
                self.push(segment, 0, segment.duration_ns)?;
            }
        }
        Ok(self)
    }

    /// The part of a segment that begins after `over_ns` and lasts `length_ns`, behind what there is.
    fn push(&mut self, segment: Segment, over_ns: u64, length_ns: u64) -> Result<(), ScheduleError> {
        let piece = Piece { start_ns: self.end.nanos(), start_work: self.work, segment, over_ns };
        self.firsts.push(self.total);
        self.pieces.push(piece);
        self.work += piece.work_until(length_ns);
        let end = self.end.nanos().checked_add(length_ns);
        let end = end.filter(|end| *end <= DURATION_NS_MAX).ok_or(ScheduleError::TooLong)?;
        self.end = RunTime::from_nanos(end);
        // Rounding may have brought an arrival in front of the work that it needs, but never into a pause.
        if !segment.is_pause() {
            let arrivals = u64::try_from(self.work.div_ceil(ARRIVAL)).map_err(|_| ScheduleError::TooLong)?;
            self.total = self.total.max(arrivals);
        }
        Ok(())
    }

    /// When arrival `k` is due; `None` when the schedule ends before.
    #[must_use]
    pub fn due(&self, k: u64) -> Option<RunTime> {
        if k >= self.total {
            return None;
        }
        let after = self.firsts.partition_point(|first| *first <= k);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        Some(piece.time_at(u128::from(k) * ARRIVAL))
    }

    /// The smallest nanosecond at which the work reaches `work`; `None` when the schedule never exceeds it.
    #[must_use]
    pub fn time_at(&self, work: Work) -> Option<RunTime> {
        if work >= self.work {
            return None;
        }
        let after = self.pieces.partition_point(|piece| piece.start_work <= work);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        Some(piece.time_at(work))
    }

    /// How many arrivals are due before `t`.
    #[must_use]
    pub fn count(&self, t: RunTime) -> u64 {
        let Some(last) = t.nanos().checked_sub(1) else { return 0 };
        if last >= self.end.nanos() {
            return self.total;
        }
        let after = self.pieces.partition_point(|piece| piece.start_ns <= last);
        let Some((piece, first)) =
            after.checked_sub(1).and_then(|at| self.pieces.get(at).zip(self.firsts.get(at)))
        else {
            return 0;
        };
        if piece.segment.is_pause() {
            return *first;
        }
        let reached = (piece.start_work + piece.work_until(last - piece.start_ns)) / ARRIVAL + 1;
        u64::try_from(reached).map_or(self.total, |reached| reached.max(*first).min(self.total))
    }

    /// How many arrivals the schedule holds.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// When the schedule ends.
    #[must_use]
    pub const fn end(&self) -> RunTime {
        self.end
    }

    /// The asked rate at `t`, in arrivals per second, for display only.
    #[must_use]
    pub fn rate_at(&self, t: RunTime) -> f64 {
        let after = self.pieces.partition_point(|piece| piece.start_ns <= t.nanos());
        let Some(piece) = after.checked_sub(1).and_then(|at| self.pieces.get(at)) else { return 0.0 };
        let Segment { duration_ns, from_milli, to_milli } = piece.segment;
        let part = (t.nanos() - piece.start_ns + piece.over_ns) as f64 / duration_ns as f64;
        if t >= self.end {
            return 0.0;
        }
        (from_milli as f64 + (to_milli as f64 - from_milli as f64) * part) / 1000.0
    }
}

impl Piece {
    /// When the work since the start of the schedule reaches `work`, which must not lie behind this piece.
    fn time_at(&self, work: Work) -> RunTime {
        let before = self.segment.work_until(self.over_ns);
        let tau = self.segment.time_at(work.saturating_sub(self.start_work) + before);
        RunTime::from_nanos(self.start_ns + tau.saturating_sub(self.over_ns))
    }

    /// The whole half-units of work done in its first `tau` nanoseconds.
    fn work_until(&self, tau: u64) -> Work {
        self.segment.work_until(self.over_ns + tau) - self.segment.work_until(self.over_ns)
    }
}

impl Segment {
    /// A segment from rates and a duration; durations beyond five centuries saturate and are refused later.
    #[must_use]
    pub fn new(duration: Duration, from_milli: u64, to_milli: u64) -> Self {
        let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self { duration_ns, from_milli, to_milli }
    }

    fn check(&self, segment: usize) -> Result<(), ScheduleError> {
        if self.from_milli.max(self.to_milli) > RATE_MILLI_MAX {
            return Err(ScheduleError::RateTooHigh { segment });
        }
        if !self.is_hold() && self.duration_ns > RAMP_NS_MAX {
            return Err(ScheduleError::RampTooLong { segment });
        }
        if self.duration_ns > DURATION_NS_MAX { Err(ScheduleError::TooLong) } else { Ok(()) }
    }

    const fn is_hold(&self) -> bool {
        self.from_milli == self.to_milli
    }

    const fn is_pause(&self) -> bool {
        self.from_milli == 0 && self.to_milli == 0
    }

    /// The whole half-units of work done in the first `tau` nanoseconds.
    fn work_until(&self, tau: u64) -> Work {
        if self.is_hold() {
            return 2 * u128::from(self.from_milli) * u128::from(tau);
        }
        self.scaled(tau).unsigned_abs() / u128::from(self.duration_ns)
    }

    /// `D · work(τ) = 2·D·a·τ + (b − a)·τ²`: without a division, therefore exact. Never negative for τ ≤ D.
    fn scaled(&self, tau: u64) -> i128 {
        let (d, a, b) =
            (i128::from(self.duration_ns), i128::from(self.from_milli), i128::from(self.to_milli));
        let tau = i128::from(tau);
        2 * d * a * tau + (b - a) * tau * tau
    }

    /// The smallest τ whose work reaches `work`, which must be below the work of the whole segment.
    fn time_at(&self, work: Work) -> u64 {
        if self.is_hold() {
            // Below the work of the whole segment, so the quotient is at most its duration, and its rate is not zero.
            work.div_ceil(2 * u128::from(self.from_milli)) as u64
        } else {
            let goal = i128::try_from(work).unwrap_or(i128::MAX) * i128::from(self.duration_ns);
            smallest(self.guess(work), self.duration_ns, |tau| self.scaled(tau) >= goal)
        }
    }

    /// The root of `(b − a)·τ² + 2·D·a·τ − D·work = 0` in floats, in the form that does not cancel.
    fn guess(&self, work: Work) -> u64 {
        let (d, a, b) = (self.duration_ns as f64, self.from_milli as f64, self.to_milli as f64);
        let (linear, goal) = (d * a, d * work as f64);
        let root = (linear * linear + (b - a) * goal).max(0.0).sqrt();
        (goal / (linear + root)) as u64
    }
}

/// The smallest value in `0..=max` for which `reached` holds, searched outwards from `guess`.
///
/// `reached` must be monotone and hold at `max`. A guess that is right or one off costs two comparisons.
fn smallest(guess: u64, max: u64, reached: impl Fn(u64) -> bool) -> u64 {
    let guess = guess.min(max);
    let (mut low, mut high, mut step) = (guess, guess, 1_u64);
    // Invariant sought: !reached(low - 1) and reached(high).
    while high < max && !reached(high) {
        low = high + 1;
        high = high.saturating_add(step).min(max);
        step = step.saturating_mul(2);
    }
    step = 1;
    while low > 0 && reached(low - 1) {
        high = low - 1;
        low = low.saturating_sub(step);
        step = step.saturating_mul(2);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if reached(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    high
}

/// 10,000,000 arrivals per second: above it the 128-bit arithmetic of a 24 h ramp would not fit.
pub const RATE_MILLI_MAX: u64 = 10_000_000_000;
/// 24 h: `2·D²·rate` must stay below 2¹²⁷.
const RAMP_NS_MAX: u64 = 86_400_000_000_000;
/// 366 days.
const DURATION_NS_MAX: u64 = 31_622_400_000_000_000;

#[cfg(test)]
mod tests;
