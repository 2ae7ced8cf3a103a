//! Which users are here, and who of them has left.

use super::Crowd;
use crate::lane::lane_of;
use crate::supply::Supply;
use crate::time::RunTime;

/// Who has an iteration under way, and who left something behind that must go when it goes: cookies, a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Presence {
    /// By user: since when its lane was owned as its iteration was begun; [`RunTime::MAX`]: it has none.
    busy: Vec<RunTime>,
    /// By user: whether it began anything since it was last seen off.
    met: Vec<bool>,
    /// When this was looked at last: the users there, and since when its lanes are owned.
    looked: Option<(u32, RunTime)>,
}

impl Presence {
    pub(super) fn began(&mut self, user: u32, since: RunTime) {
        let place = user as usize;
        if self.busy.len() <= place {
            self.busy.resize(place + 1, RunTime::MAX);
            self.met.resize(place + 1, false);
        }
        (self.busy[place], self.met[place]) = (since, true);
    }

    pub(super) fn ended(&mut self, user: u32, since: RunTime) {
        // Of a user that was lost and is back another iteration may be under way.
        if let Some(busy) = self.busy.get_mut(user as usize).filter(|busy| **busy == since) {
            *busy = RunTime::MAX;
        }
    }

    pub(super) fn is_busy(&self, user: u32, since: RunTime) -> bool {
        since < RunTime::MAX && self.busy.get(user as usize) == Some(&since)
    }
}

impl Crowd {
    /// Whether a user belongs here at `now`: its lane is owned and the load lets it in.
    #[must_use]
    pub fn is_here(&self, user: u32, now: RunTime) -> bool {
        let part = self.parts.iter().rev().find(|part| part.from <= now);
        let is_own = part.is_some_and(|part| part.ranks.lanes().contains(lane_of(u64::from(user))));
        is_own && user < self.there(now)
    }

    /// A user's iteration ended: whether it goes with it.
    pub fn goes(&mut self, user: u32, now: RunTime) -> bool {
        let goes = !self.is_here(user, now);
        if let Some(met) = self.presence.met.get_mut(user as usize).filter(|_| goes) {
            *met = false;
        }
        goes
    }

    /// Tells who of those that rest has left since the last time.
    pub fn leavers(&mut self, now: RunTime, mut tell: impl FnMut(u32)) {
        let since =
            self.parts.iter().rev().find(|part| part.from <= now).map_or(RunTime::ZERO, |part| part.from);
        let looked = Some((self.there(now), since));
        if std::mem::replace(&mut self.presence.looked, looked) == looked {
            return;
        }
        for user in 0..u32::try_from(self.presence.met.len()).unwrap_or(u32::MAX) {
            let place = user as usize;
            let rests = self.presence.met[place] && self.presence.busy[place] == RunTime::MAX;
            if rests && !self.is_here(user, now) {
                self.presence.met[place] = false;
                tell(user);
            }
        }
    }

    /// Users with numbers below this are let in at `now`.
    fn there(&self, now: RunTime) -> u32 {
        match &self.supply {
            _ if now >= self.end => 0,
            Supply::Users(curve) => curve.users(now),
            Supply::Tries(tries) => {
                if self.pool.is_empty() {
                    0
                } else {
                    tries.users
                }
            }
        }
    }
}
