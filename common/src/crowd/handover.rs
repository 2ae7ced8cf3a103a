//! From one share to the next: who goes on, who comes, who is gone.

use super::{Crowd, Part, Waiting};
use crate::curve::Ranks;
use crate::lane::{LANES, LaneSet, lane_of};
use crate::supply::{Pool, Supply};
use crate::time::RunTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

impl Crowd {
    /// From `from` on these lanes are owned, and the load may be another: makes those users wait that do not yet.
    pub(super) fn take_over(&mut self, from: RunTime, lanes: &LaneSet) {
        if matches!(self.supply, Supply::Tries(_)) {
            // Tries belong to who owned them at the start.
            if from > self.supply.start() || self.resolved > RunTime::ZERO {
                return self.unpark(from);
            }
            (self.pool, self.parts) = (Pool::of(&self.supply, lanes), VecDeque::new());
            self.waiting.clear();
            self.parked.clear();
        }
        self.parts.retain(|part| part.from < from);
        // Who was to come with a part that is no more does not come.
        self.waiting.retain(|Reverse(waiting)| waiting.since < from);
        let last = self.parts.back();
        let since = |lane: u16| match last.filter(|last| last.ranks.lanes().contains(lane)) {
            Some(last) => last.since[usize::from(lane)],
            None => from,
        };
        let since: Arc<[RunTime]> = (0..LANES).map(since).collect();
        self.parts.push_back(Part { from, ranks: Ranks::of(lanes), since: Arc::clone(&since) });
        let old = self.parts.iter().rev().position(|part| part.from <= self.counted);
        let keep = old.map_or(self.parts.len(), |place| place + 1);
        self.parts.drain(..self.parts.len() - keep);
        self.gather(from, lanes, &since);
    }

    /// Whoever waited for the end of a pause begins when it is over.
    fn unpark(&mut self, from: RunTime) {
        for one in std::mem::take(&mut self.parked) {
            self.wait(Waiting { due: from, free: from, ..one });
        }
    }

    /// Lets go on who is there, and lets in who is not.
    fn gather(&mut self, from: RunTime, lanes: &LaneSet, since: &[RunTime]) {
        let (base, start) = match from {
            RunTime::ZERO => (0, RunTime::ZERO),
            _ => (from.nanos().div_ceil(1000), RunTime::from_nanos(from.nanos().div_ceil(1000) * 1000)),
        };
        let users = self.supply.users();
        let mut there = vec![false; users as usize];
        // The next number of who was to be let in later.
        let mut rounds = BTreeMap::new();
        let lane = |user: u32| lane_of(u64::from(user));
        let goes_on = |one: &Waiting| since[usize::from(lane(one.user))] == one.since;
        let (before, mut later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|Reverse(one)| one)
            .partition(|one| one.due < from);
        for one in &before {
            if let Some(there) = there.get_mut(one.user as usize).filter(|_| goes_on(one)) {
                *there = true;
            }
        }
        self.waiting = before.into_iter().map(Reverse).collect();
        let late = std::mem::take(&mut self.parked).into_iter().chain(std::mem::take(&mut self.adrift));
        later.extend(late.map(|one| Waiting { due: one.due.max(start), free: one.free.max(start), ..one }));
        for one in later {
            if !lanes.contains(lane(one.user)) {
                self.adrift.push(one);
            } else if goes_on(&one) && one.coming {
                rounds.insert(one.user, one.round);
            } else if goes_on(&one) {
                there.get_mut(one.user as usize).into_iter().for_each(|there| *there = true);
                self.wait(one);
            }
        }
        for user in (0..users).filter(|user| lanes.contains(lane(*user)) && !there[*user as usize]) {
            let since = since[usize::from(lane(user))];
            if !self.presence.is_busy(user, since) {
                let fresh = if self.pool.is_empty() { base } else { 0 };
                let round = rounds.get(&user).copied().unwrap_or(fresh);
                let open = self.open_from(user, start);
                let due = start;
                self.wait_until(open, Waiting { due, user, round, free: due, since, coming: true });
            }
        }
    }
}
