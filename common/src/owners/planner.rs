//! From what everybody holds to what they should hold.

use crate::lane::{LaneSet, deal};
use crate::owners::holder::Holder;
use crate::owners::{Claim, Owned, Owners, Role, Shares, quotas};
use crate::share::{SessionId, Share};
use crate::time::RunTime;
use std::collections::BTreeMap;

impl Owners {
    /// How many lanes everybody should hold; only those count who are to get some.
    pub(super) fn wanted(&self) -> BTreeMap<SessionId, u16> {
        let claim = |holder: &Holder| match holder.role {
            Role::Active | Role::Missed => Some(holder.claim),
            // It takes no more than it has.
            Role::Done if !holder.lanes.is_empty() => Some(Claim { cap: holder.lanes.len(), ..holder.claim }),
            Role::Done | Role::Spare => None,
        };
        let claims = self.holders.iter().filter_map(|(session, holder)| Some((*session, claim(holder)?)));
        let (sessions, claims): (Vec<_>, Vec<_>) = claims.unzip();
        sessions.into_iter().zip(quotas(&claims)).collect()
    }

    /// Takes lanes from those who have too many, if somebody is to get them, and from those who get none.
    pub(super) fn shrink(&mut self, wanted: &BTreeMap<SessionId, u16>, from: RunTime) -> Shares {
        let active = |(_, holder): &(&SessionId, &Holder)| holder.role == Role::Active;
        let missing = |(session, holder): (&SessionId, &Holder)| {
            usize::from(wanted[session].saturating_sub(holder.lanes.len()))
        };
        let missing: usize = self.holders.iter().filter(active).map(missing).sum();
        let coming = self.holders.values().flat_map(|holder| &holder.pending);
        let coming: usize = coming.map(|pending| usize::from(pending.lost.len())).sum();
        let free: usize = self.history.free().values().map(|lanes| usize::from(lanes.len())).sum();
        let needed = missing > free + coming;
        let mut shares = vec![];
        for (session, holder) in &mut self.holders {
            let keep = match holder.role {
                Role::Active if needed => wanted[session].min(holder.lanes.len()),
                Role::Spare => 0,
                Role::Active | Role::Missed | Role::Done => continue,
            };
            let excess = holder.lanes.len() - keep;
            if excess > 0 && holder.pending.is_empty() && holder.is_here() {
                let lost = hand_out(&holder.lanes, &[u32::from(excess)]).swap_remove(0);
                self.epoch += 1;
                shares.push((*session, holder.shrink(self.epoch, from, lost)));
            }
        }
        shares
    }

    /// Hands free lanes to those who have too few: to each at most one share, and in one share only lanes that are
    /// free from the same due time on. None from before `earliest`: what was due then is too late for anybody.
    pub(super) fn grow(&mut self, wanted: &BTreeMap<SessionId, u16>, earliest: RunTime) -> Shares {
        let mut shares = vec![];
        for (from, lanes) in self.history.free() {
            let from = from.max(earliest);
            let room = |(session, holder): (&SessionId, &Holder)| {
                let open = holder.role == Role::Active && holder.pending.is_empty() && holder.is_here();
                let room = if open { wanted[session].saturating_sub(holder.lanes.len()) } else { 0 };
                (*session, u32::from(room))
            };
            let (sessions, room): (Vec<_>, Vec<_>) = self.holders.iter().map(room).unzip();
            for (session, gained) in sessions.into_iter().zip(hand_out(&lanes, &room)) {
                if !gained.is_empty() {
                    shares.push((session, self.grow_one(session, from, gained)));
                }
            }
        }
        shares
    }

    /// Grants free lanes to a session.
    pub(super) fn grow_one(&mut self, session: SessionId, from: RunTime, gained: LaneSet) -> Share {
        self.epoch += 1;
        let Some(holder) = self.holders.get_mut(&session) else {
            return Share { epoch: self.epoch, from, lanes: LaneSet::empty() };
        };
        let share = holder.grow(self.epoch, from, &gained);
        let owned = Owned {
            epoch: share.epoch,
            owner: Some(session),
            from: share.from,
            to: RunTime::MAX,
            lanes: gained,
        };
        self.history.write(&owned);
        self.news.push(owned);
        share
    }

    pub(super) fn take_all(&mut self, from: RunTime) -> Shares {
        let mut shares = vec![];
        for (session, holder) in self.holders.iter_mut().filter(|(_, holder)| holder.is_here()) {
            self.epoch += 1;
            let lost = holder.lanes.clone();
            shares.push((*session, holder.shrink(self.epoch, from, lost)));
        }
        shares
    }

    /// Once nobody holds anything, gives everybody back what they had, under the new schedule.
    pub(super) fn finish_revision(&mut self) -> Shares {
        let Some(from) = self.revised() else { return vec![] };
        let before = self.revising.take().map(|revising| revising.before).unwrap_or_default();
        let stays = |session: &SessionId| {
            self.holders.get(session).is_some_and(|own| own.is_here() && own.role == Role::Active)
        };
        let back: Vec<_> =
            before.into_iter().filter(|(session, lanes)| stays(session) && !lanes.is_empty()).collect();
        back.into_iter().map(|(session, lanes)| (session, self.grow_one(session, from, lanes))).collect()
    }
}

/// Deals `lanes` round the ring, at most `room[n]` lanes to owner n; the rest stays nobody's.
pub(super) fn hand_out(lanes: &LaneSet, room: &[u32]) -> Vec<LaneSet> {
    let sum: u32 = room.iter().sum();
    let nobody = u32::from(lanes.len()).saturating_sub(sum);
    let mut hands = deal(&[room, &[nobody]].concat(), lanes);
    hands.pop();
    hands
}
