//! How many users there are at a time: a curve in integers, the same on every machine.
//!
//! User *v* is active while `users(t) > v`, so users come in the order of their numbers and go in the opposite one. On a
//! line from `a` to `b` users in the time D the i-th change, counted from 0, is where the line passes the middle between
//! two whole numbers:
//!
//! ```text
//!   b ┤         ┌──      t_i = (2i + 1)·D / (2·|b − a|), rounded up to a whole nanosecond
//!     │     ┌─╱─┘
//!     │ ┌─╱─┘            so the area under the stairs is the area under the line
//!   a ┤╱┘
//!     └──────────
//! ```
//!
//! Users that are spawned at a rate come at once, and then one every 1/rate.

use crate::lane::{LANES, LaneSet, lane_of};
use crate::plan::{Change, Swell};
use crate::time::RunTime;
use std::time::Duration;

/// The compiled curve of a users load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    pieces: Vec<Piece>,
    start: RunTime,
    end: RunTime,
    peak: u32,
}

/// A stretch in which the number of users goes from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: u64,
    end: u64,
    from: u32,
    to: u32,
    /// Thousandths of a user per second; `None`: on a line.
    spawn: Option<u64>,
    /// How long the line is: a change may have cut the stretch off before its end.
    line: u64,
}

/// Some lanes, ready to count the users in them.
#[derive(Clone, Debug)]
pub struct Ranks {
    lanes: LaneSet,
    /// By lane: how many lanes of the set lie below it.
    below: Vec<u32>,
}

impl Curve {
    /// Compiles a curve that begins at `start`.
    #[must_use]
    pub fn of(swells: &[Swell], start: RunTime) -> Self {
        let (mut pieces, mut at, mut users) = (Vec::new(), start, 0);
        for swell in swells {
            let end = at + swell.duration;
            let (from, spawn) = match swell.change {
                Change::AtOnce => (swell.users, None),
                Change::Line => (users, None),
                Change::Spawn(rate) => (users, Some(rate.milli())),
            };
            let (start, end, to) = (at.nanos(), end.nanos(), swell.users);
            pieces.push(Piece { start, end, from, to, spawn, line: end - start });
            (at, users) = (at + swell.duration, swell.users);
        }
        Self { peak: peak(&pieces), pieces, start, end: at }
    }

    /// The same curve until `at`, and from then on it goes to `users`, by so many thousandths of a user per second or
    /// at once, and stays there until its end. Who changes it before its start finds nobody there.
    #[must_use]
    pub fn revised(&self, at: RunTime, users: u32, spawn: Option<u64>) -> Self {
        if at >= self.end {
            return self.clone();
        }
        let before = if at <= self.start { 0 } else { self.users(at) };
        let (start, end) = (at.max(self.start).nanos(), self.end.nanos());
        let mut pieces = self.pieces.clone();
        pieces.retain(|piece| piece.start < start);
        pieces.last_mut().into_iter().for_each(|last| last.end = start);
        let from = if spawn.is_some() { before } else { users };
        pieces.push(Piece { start, end, from, to: users, spawn, line: end - start });
        Self { peak: peak(&pieces), pieces, ..*self }
    }

    /// When it begins.
    #[must_use]
    pub const fn start(&self) -> RunTime {
        self.start
    }

    /// When it ends: nobody is active from here on.
    #[must_use]
    pub const fn end(&self) -> RunTime {
        self.end
    }

    /// No user has a number as high as this.
    #[must_use]
    pub const fn peak(&self) -> u32 {
        self.peak
    }

    /// How many users are active at `t`.
    #[must_use]
    pub fn users(&self, t: RunTime) -> u32 {
        self.piece_at(t).map_or(0, |piece| piece.users(t.nanos()))
    }

    /// The first time at `t` or later at which user `v` is active; `None`: never again.
    #[must_use]
    pub fn active_from(&self, v: u32, t: RunTime) -> Option<RunTime> {
        let t = t.max(self.start).nanos();
        let later = self.pieces.partition_point(|piece| piece.end <= t);
        let found = self.pieces.get(later..)?.iter().find_map(|piece| piece.active_from(v, t));
        found.map(RunTime::from_nanos)
    }

    /// The time that users of some lanes are active in `from..to`, in nanoseconds: exact.
    #[must_use]
    pub fn user_time(&self, ranks: &Ranks, from: RunTime, to: RunTime) -> u128 {
        let first = self.pieces.partition_point(|piece| piece.end <= from.nanos());
        let within = self.pieces.get(first..).unwrap_or_default().iter();
        let within = within.take_while(|piece| piece.start < to.nanos());
        within.map(|piece| piece.user_time(ranks, from.nanos(), to.nanos())).sum()
    }

    fn piece_at(&self, t: RunTime) -> Option<&Piece> {
        let later = self.pieces.partition_point(|piece| piece.end <= t.nanos());
        self.pieces.get(later).filter(|piece| piece.start <= t.nanos())
    }
}

impl Piece {
    const fn changes(&self) -> u64 {
        self.from.abs_diff(self.to) as u64
    }

    /// When change `i` is, after the start of the piece.
    fn change_at(&self, i: u64) -> u64 {
        let at = match self.spawn {
            None => {
                let length = u128::from(self.line);
                ((2 * u128::from(i) + 1) * length).div_ceil(2 * u128::from(self.changes()))
            }
            Some(milli) => (u128::from(i) * MILLI_NS).div_ceil(u128::from(milli.max(1))),
        };
        u64::try_from(at).unwrap_or(u64::MAX)
    }

    /// How many changes were until `tau` after the start of the piece, that moment included.
    fn changed(&self, tau: u64) -> u64 {
        let (n, tau) = (u128::from(self.changes()), u128::from(tau));
        if n == 0 {
            return 0;
        }
        let changed = match self.spawn {
            None => {
                let length = u128::from(self.line);
                (2 * n * tau + length) / (2 * length)
            }
            Some(milli) => tau * u128::from(milli) / MILLI_NS + 1,
        };
        changed.min(n) as u64
    }

    fn users(&self, t: u64) -> u32 {
        let changed = self.changed(t - self.start) as u32;
        if self.from <= self.to { self.from + changed } else { self.from - changed }
    }

    /// Whose change `i` is.
    const fn user(&self, i: u64) -> u32 {
        if self.from <= self.to { self.from + i as u32 } else { self.from - 1 - i as u32 }
    }

    fn active_from(&self, v: u32, t: u64) -> Option<u64> {
        let at = t.max(self.start);
        if v < self.users(at) {
            return Some(at);
        }
        let comes = self.from < self.to && (self.from..self.to).contains(&v);
        // Before `at` it came already, and would be active.
        comes.then(|| self.start + self.change_at(u64::from(v - self.from))).filter(|on| *on < self.end)
    }

    fn user_time(&self, ranks: &Ranks, from: u64, to: u64) -> u128 {
        let (from, to) = (from.max(self.start), to.min(self.end));
        if from >= to {
            return 0;
        }
        let mut time = u128::from(ranks.below(self.users(from))) * u128::from(to - from);
        for i in self.changed(from - self.start)..self.changed(to - 1 - self.start) {
            if ranks.contains(self.user(i)) {
                let rest = u128::from(to - self.start - self.change_at(i));
                time = if self.from < self.to { time + rest } else { time - rest };
            }
        }
        time
    }
}

fn peak(pieces: &[Piece]) -> u32 {
    pieces.iter().map(|piece| piece.from.max(piece.to)).max().unwrap_or(0)
}

impl Ranks {
    /// Ready to count.
    #[must_use]
    pub fn of(lanes: &LaneSet) -> Self {
        let mut count = 0;
        let below = (0..LANES).map(|lane| {
            let before = count;
            count += u32::from(lanes.contains(lane));
            before
        });
        let below = below.collect();
        Self { below, lanes: lanes.clone() }
    }

    /// The lanes.
    #[must_use]
    pub const fn lanes(&self) -> &LaneSet {
        &self.lanes
    }

    /// Whether user `v` lies in the lanes.
    #[must_use]
    pub fn contains(&self, v: u32) -> bool {
        self.lanes.contains(lane_of(u64::from(v)))
    }

    /// How many users with a number below `n` lie in the lanes.
    #[must_use]
    pub fn below(&self, n: u32) -> u32 {
        let (turns, rest) = (n / u32::from(LANES), n % u32::from(LANES));
        turns * u32::from(self.lanes.len()) + self.below[rest as usize]
    }
}

impl Swell {
    /// How long it takes to spawn this many users at a rate of so many thousandths per second.
    #[must_use]
    pub fn spawning(users: u32, milli: u64) -> Duration {
        let last = u128::from(users.saturating_sub(1)) * MILLI_NS;
        Duration::from_nanos(u64::try_from(last.div_ceil(u128::from(milli.max(1)))).unwrap_or(u64::MAX))
    }
}

/// Nanoseconds in a thousand seconds: one user at a thousandth per second.
const MILLI_NS: u128 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Rate;
    use proptest::prelude::*;

    fn swell(users: u32, ms: u64, change: Change) -> Swell {
        Swell { users, duration: Duration::from_millis(ms), change }
    }

    fn at(ms: u64) -> RunTime {
        RunTime::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn users_come_and_go_where_the_line_passes_the_middle() {
        let spawn = Change::Spawn(Rate::from_milli(2_000));
        let swells = [
            swell(4, 8_000, Change::Line),
            swell(4, 2_000, Change::AtOnce),
            swell(0, 4_000, Change::Line),
            swell(3, 5_000, spawn),
            swell(7, 1_000, Change::AtOnce),
        ];
        let curve = Curve::of(&swells, at(1_000));
        for (ms, users, why) in [
            (0, 0, "before its start"),
            (1_000, 0, "the first comes when the line is half way to one"),
            (2_000, 1, "there it is"),
            (7_999, 3, "just before the last"),
            (8_000, 4, "all are here"),
            (10_999, 4, "a hold"),
            (11_500, 3, "the last one leaves first"),
            (14_999, 0, "nobody"),
            (15_000, 1, "the first one spawned comes at once"),
            (15_500, 2, "and one each half second"),
            (19_999, 3, "until all are there"),
            (20_000, 7, "a step"),
            (21_000, 0, "the end"),
        ] {
            assert_eq!(curve.users(at(ms)), users, "{why}");
        }
        assert_eq!((curve.end(), curve.peak()), (at(21_000), 7));
        assert_eq!(curve.active_from(2, at(0)), Some(at(6_000)));
        assert_eq!(curve.active_from(2, at(13_000)), Some(at(16_000)), "it comes back");
        assert_eq!(curve.active_from(6, at(0)), Some(at(20_000)));
        assert_eq!(curve.active_from(7, at(0)), None);
        // 4 users on a line of 8 s have 16 s, and so on.
        let whole = curve.user_time(&Ranks::of(&LaneSet::all()), RunTime::ZERO, RunTime::MAX);
        assert_eq!(whole, (16_000 + 8_000 + 8_000 + (5_000 + 4_500 + 4_000) + 7_000) * 1_000_000);
    }

    fn any_curve() -> impl Strategy<Value = Curve> {
        let change = prop_oneof![
            Just(Change::AtOnce),
            Just(Change::Line),
            (20_000_u64..9_000_000).prop_map(|milli| Change::Spawn(Rate::from_milli(milli))),
        ];
        let swell =
            (0_u32..9_000, 1_u64..5_000, change).prop_map(|(users, ms, change)| swell(users, ms, change));
        (prop::collection::vec(swell, 1..6), 0_u64..3_000)
            .prop_map(|(swells, start)| Curve::of(&swells, at(start)))
    }

    proptest! {
        #[test]
        fn the_lanes_of_any_split_have_all_users_at_every_time(
            curve in any_curve(), owners in prop::collection::vec(0_u8..4, usize::from(LANES)), t in 0_u64..30_000_000_000
        ) {
            let hands = (0..4).map(|own| Ranks::of(&(0..LANES).filter(|lane| owners[usize::from(*lane)] == own).collect()));
            let hands: Vec<Ranks> = hands.collect();
            let users = curve.users(RunTime::from_nanos(t));
            prop_assert_eq!(hands.iter().map(|hand| hand.below(users)).sum::<u32>(), users);
            let (from, to) = (RunTime::from_nanos(t / 3), RunTime::from_nanos(t));
            let parts: u128 = hands.iter().map(|hand| curve.user_time(hand, from, to)).sum();
            prop_assert_eq!(parts, curve.user_time(&Ranks::of(&LaneSet::all()), from, to));
        }

        #[test]
        fn a_user_is_active_from_when_the_curve_says_so(curve in any_curve(), v in 0_u32..9_000, t in 0_u64..25_000) {
            let found = curve.active_from(v, at(t));
            if let Some(on) = found {
                prop_assert!(on >= at(t) && curve.users(on) > v);
                let before = RunTime::from_nanos(on.nanos() - 1);
                prop_assert!(on == at(t) || on == curve.start() || curve.users(before) <= v);
            }
            for later in (t..25_000).step_by(97) {
                let active = curve.users(at(later)) > v;
                prop_assert!(!active || found.is_some_and(|on| on <= at(later)));
            }
        }

        #[test]
        fn user_time_is_the_area_under_the_curve(curve in any_curve(), a in 0_u64..20_000, b in 0_u64..20_000) {
            let all = Ranks::of(&LaneSet::all());
            let (a, b, middle) = (a.min(b), a.max(b), u64::midpoint(a, b));
            let time = |from, to| curve.user_time(&all, at(from), at(to));
            prop_assert_eq!(time(a, b), time(a, middle) + time(middle, b), "parts add up");
            // Sampled, with at most as much error as there are changes.
            let steps = (a..b).map(|ms| u128::from(curve.users(at(ms))) * 1_000_000).sum::<u128>();
            prop_assert!(time(a, b).abs_diff(steps) <= 60_000 * 1_000_000, "{} and {}", time(a, b), steps);
        }
    }
}
