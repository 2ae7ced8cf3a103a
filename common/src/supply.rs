//! What users are there for: a curve that says how many there are, or a number of tries to be done.

use crate::curve::Curve;
use crate::lane::{LANES, LaneSet, lane_of};
use crate::random::Random;
use crate::time::RunTime;
use std::sync::Arc;

/// What users are there for.
#[derive(Clone, Debug)]
pub enum Supply {
    /// Iterations for as long as the curve says.
    Users(Arc<Curve>),
    /// A number of iterations, together.
    Tries(Tries),
}

/// A number of iterations, done by some users together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// How many iterations.
    pub count: u64,
    /// How many users, all from the start on.
    pub users: u32,
    /// When they begin.
    pub start: RunTime,
    /// What was not begun by then is skipped.
    pub end: RunTime,
}

/// The tries of some lanes that were not given out yet, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    /// The users whose tries they are.
    homes: Vec<u32>,
    given: u64,
    count: u64,
}

impl Supply {
    /// When the load begins.
    #[must_use]
    pub fn start(&self) -> RunTime {
        match self {
            Self::Users(curve) => curve.start(),
            Self::Tries(tries) => tries.start,
        }
    }

    /// When the load ends.
    #[must_use]
    pub fn end(&self) -> RunTime {
        match self {
            Self::Users(curve) => curve.end(),
            Self::Tries(tries) => tries.end,
        }
    }

    /// A number that two machines only share if they compute the same users.
    pub(crate) fn fingerprint(&self, probes: &Random) -> u64 {
        match self {
            Self::Users(curve) => {
                let length = curve.end().nanos().max(1);
                (0..64).fold(length, |folded, n| {
                    let t = RunTime::from_nanos(probes.draw(0, n) % length);
                    let back = curve.active_from(curve.users(t), t).map_or(0, RunTime::nanos);
                    probes.draw(folded ^ back, u64::from(curve.users(t)))
                })
            }
            Self::Tries(Tries { count, users, start, end }) => {
                [*count, u64::from(*users), start.nanos(), end.nanos()]
                    .into_iter()
                    .fold(0, |folded, n| probes.draw(folded, n))
            }
        }
    }

    /// No user has a number as high as this.
    pub(crate) fn users(&self) -> u32 {
        match self {
            Self::Users(curve) => curve.peak(),
            Self::Tries(tries) => tries.users,
        }
    }

    /// The first time at `t` or later at which a user may begin something.
    pub(crate) fn active_from(&self, user: u32, t: RunTime) -> Option<RunTime> {
        match self {
            Self::Users(curve) => curve.active_from(user, t),
            Self::Tries(tries) => Some(t.max(tries.start)).filter(|t| *t < tries.end),
        }
    }
}

impl Tries {
    /// How many of them are at home in each lane.
    #[must_use]
    pub fn by_lane(&self) -> Vec<u64> {
        let mut lanes = vec![0; usize::from(LANES)];
        for user in 0..self.users {
            lanes[usize::from(lane_of(u64::from(user)))] += self.of_user(user);
        }
        lanes
    }

    /// How many of them are at home with a user: `k mod users` is its number.
    fn of_user(&self, user: u32) -> u64 {
        self.count.saturating_sub(u64::from(user)).div_ceil(u64::from(self.users.max(1)))
    }
}

impl Pool {
    /// The tries that are at home in some lanes.
    pub(crate) fn of(supply: &Supply, lanes: &LaneSet) -> Self {
        let Supply::Tries(tries) = supply else { return Self::default() };
        let homes = (0..tries.users).filter(|user| lanes.contains(lane_of(u64::from(*user))));
        let homes: Vec<u32> = homes.collect();
        let count = homes.iter().map(|user| tries.of_user(*user)).sum();
        Self { homes, given: 0, count }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.given >= self.count
    }

    /// The number of the next iteration, which this user begins; `None` when nothing is left.
    pub(crate) fn take(&mut self, supply: &Supply, user: u32, round: u64) -> Option<u64> {
        match supply {
            // 2⁴⁴ iterations of a user: half a year of microseconds.
            Supply::Users(_) => Some((round << USER_BITS) + u64::from(user)),
            Supply::Tries(_) => self.skip(supply),
        }
    }

    /// The number of the next try, given out to nobody.
    pub(crate) fn skip(&mut self, supply: &Supply) -> Option<u64> {
        let Supply::Tries(tries) = supply else { return None };
        if self.is_empty() {
            return None;
        }
        // Turn after turn the homes in their order: only the last turn may be short, and it is so at its end.
        let turn = self.given / self.homes.len() as u64;
        let place = usize::try_from(self.given % self.homes.len() as u64).unwrap_or(usize::MAX);
        self.given += 1;
        Some(turn * u64::from(tries.users) + u64::from(*self.homes.get(place)?))
    }
}

/// The bits of an arrival's number that say which user it is; a multiple of the lanes' number, so that the number lies in
/// the user's lane.
const USER_BITS: u32 = 20;
/// More users are in no load: their numbers would not fit.
pub const USERS_MAX: u32 = 1 << USER_BITS;
