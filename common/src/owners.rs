//! Who owns which lane from which due time on, and how lanes move: **shrink before grow**.
//!
//! To move lanes, the present owners are first sent smaller shares that hold from a due time T in the future. An
//! owner adopts a share when it comes in and answers from which due time it really holds, T or later, as it cannot
//! take back what it has fired. Only then, or when the owner's lease is over, do the lanes have a due time from
//! which they are free, and only free lanes are handed out, from that time on. A due time is arithmetic and carries
//! no clock error, so between two owners no arrival is doubled, and the history says whose each one was:
//!
//! ```text
//!   lane 17   ├── session 1 ──┤ nobody ├── session 3 ───────▶ due time
//!             0               E        T
//!                 lease over ─┘        └─ granted
//! ```
//!
//! The planner is level-triggered: [`Owners::plan`] compares what everybody holds with what they should hold and
//! sends at most one share to each holder that has none on its way. Calling it again is always right.

use crate::lane::LaneSet;
use crate::share::{SessionId, Share};
use crate::time::RunTime;
use std::collections::BTreeMap;
use std::time::Duration;

mod account;
mod history;
mod quota;
mod holder;
mod planner;

pub use account::{Account, Accounts};
use history::History;
pub use history::Owned;
use holder::Holder;
use planner::hand_out;
pub use quota::Claim;
use quota::quotas;

/// The lanes of a run and their owners.
#[derive(Clone, Debug)]
pub struct Owners {
    history: History,
    holders: BTreeMap<SessionId, Holder>,
    epoch: u32,
    /// Nobody holds anything from here on, and nothing moves any more.
    stopped: Option<RunTime>,
    revising: Option<Revising>,
    /// The planner found nothing to do, and nothing has changed since.
    settled: bool,
    /// What was written since it was asked for last.
    news: Vec<Owned>,
}

/// Whether a holder takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It gets lanes.
    Active,
    /// It gets none, but nobody else gets its part.
    Missed,
    /// It gets none, and gives up what it has.
    #[default]
    Spare,
    /// It is through with its lanes and keeps them.
    Done,
}

/// The schedule is being changed: nobody holds anything from some due time on, until all have said so.
#[derive(Clone, Debug)]
struct Revising {
    from: RunTime,
    before: BTreeMap<SessionId, LaneSet>,
}

/// What the planner wants to be sent.
pub type Shares = Vec<(SessionId, Share)>;

impl Default for Owners {
    fn default() -> Self {
        Self::new()
    }
}

impl Owners {
    /// Every lane is nobody's.
    #[must_use]
    pub fn new() -> Self {
        Self {
            history: History::new(),
            holders: BTreeMap::new(),
            epoch: 0,
            stopped: None,
            revising: None,
            settled: false,
            news: Vec::new(),
        }
    }

    /// Makes a session known; it holds nothing and gets nothing until it is [`Role::Active`].
    pub fn add(&mut self, session: SessionId, claim: Claim) {
        self.settled = false;
        self.holders.entry(session).or_insert_with(|| Holder::new(claim));
    }

    /// Forgets a session that holds nothing and will hold nothing: nothing is sent to it, no answer is waited for.
    pub fn remove(&mut self, session: SessionId) {
        self.settled = false;
        self.holders.remove(&session);
    }

    /// Says whether a session takes part.
    pub fn set_role(&mut self, session: SessionId, role: Role) {
        self.settled = false;
        if let Some(holder) = self.holders.get_mut(&session) {
            holder.role = role;
        }
    }

    /// Whether a session takes part.
    #[must_use]
    pub fn role(&self, session: SessionId) -> Option<Role> {
        self.holders.get(&session).map(|holder| holder.role)
    }

    /// The first dealing, over everybody known: lanes interleave, so that agents are never in phase.
    pub fn deal(&mut self) -> Shares {
        self.settled = false;
        // Whatever was dealt before is forgotten.
        let (from, to, lanes) = (RunTime::ZERO, RunTime::MAX, LaneSet::all());
        let forgotten = Owned { epoch: 0, owner: None, from, to, lanes };
        self.history.write(&forgotten);
        self.news.push(forgotten);
        let sessions: Vec<SessionId> = self.holders.keys().copied().collect();
        self.holders.values_mut().for_each(|holder| holder.role = Role::Active);
        let hands =
            hand_out(&LaneSet::all(), &self.wanted().into_values().map(u32::from).collect::<Vec<_>>());
        let grow =
            |(session, lanes): (SessionId, LaneSet)| (session, self.grow_one(session, RunTime::ZERO, lanes));
        sessions.into_iter().zip(hands).map(grow).collect()
    }

    /// What must be sent so that everybody comes to hold what they should. `from`: the earliest due time from which
    /// lanes can be taken from somebody who is there; far enough in the future to reach them.
    pub fn plan(&mut self, from: RunTime) -> Shares {
        if self.stopped.is_some() || self.settled {
            return vec![];
        }
        let revising = self.revising.is_some();
        let shares = if revising {
            self.finish_revision()
        } else {
            let wanted = self.wanted();
            let mut shares = self.shrink(&wanted, from);
            shares.extend(self.grow(&wanted, from - TOO_LATE));
            shares
        };
        // What is to be done follows from the state alone; `from` only dates it. A revision that is through is a change.
        self.settled = shares.is_empty() && self.revising.is_some() == revising;
        shares
    }

    /// Takes everything from everybody from `from` on, for good.
    pub fn stop(&mut self, from: RunTime) -> Shares {
        self.settled = false;
        self.stopped = Some(from);
        self.revising = None;
        self.take_all(from)
    }

    /// Takes everything from everybody from `from` on; [`Owners::revised`] says when the schedule may change.
    pub fn revise(&mut self, from: RunTime) -> Shares {
        self.settled = false;
        if self.stopped.is_some() || self.revising.is_some() {
            return vec![];
        }
        let lanes = |(session, holder): (&SessionId, &Holder)| (*session, holder.lanes.clone());
        let before = self.holders.iter().filter(|(_, holder)| holder.is_here()).map(lanes).collect();
        self.revising = Some(Revising { from, before });
        self.take_all(from)
    }

    /// The due time from which another schedule may hold: everybody who is there has said that they hold nothing
    /// from then on, and the leases of the others are over. `None` while that is not known.
    #[must_use]
    pub fn revised(&self) -> Option<RunTime> {
        let revising = self.revising.as_ref()?;
        let open = |holder: &Holder| !holder.pending.is_empty() || (holder.away && !holder.lanes.is_empty());
        if self.holders.values().any(open) {
            return None;
        }
        let held = self.history.changes().last().copied().unwrap_or_default();
        Some(revising.from.max(held))
    }

    /// A session holds share `epoch` from `from` on. Says whether that is as it must be: it is not when a session
    /// whose lease was over comes to hold nothing only later, as then it has fired without a lease.
    ///
    /// [`RunTime::MAX`] means never: the session has sealed its last delta and takes nothing more. What it was granted
    /// is free again from when it was granted.
    pub fn on_ack(&mut self, session: SessionId, epoch: u32, from: RunTime) -> bool {
        self.settled = false;
        let Some(holder) = self.holders.get_mut(&session) else { return true };
        let mut right = true;
        while let Some(pending) = holder.pending.pop_front_if(|pending| pending.share.epoch <= epoch) {
            let asked = pending.share.from;
            let from = if pending.share.epoch == epoch { from.max(asked) } else { asked };
            right &= !pending.strict || from == asked;
            holder.from = if from == RunTime::MAX { holder.from } else { holder.from.max(from) };
            self.history.take(session, &pending.lost, (from, RunTime::MAX), &mut self.news);
        }
        if let Some((_, asked, lanes)) = holder.gained.take_if(|(gained, ..)| *gained == epoch) {
            self.history.take(session, &lanes, (asked, from), &mut self.news);
            if from == RunTime::MAX {
                (holder.role, holder.lanes) = (Role::Done, self.history.held(session));
            }
        }
        holder.acked = holder.acked.max(epoch);
        right
    }

    /// A session has resolved everything that it had under share `epoch`, and takes nothing more: what was granted
    /// later never was its own.
    pub fn finish(&mut self, session: SessionId, epoch: u32) {
        self.settled = false;
        let Some(holder) = self.holders.get_mut(&session) else { return };
        holder.role = Role::Done;
        holder.pending.clear();
        if let Some((_, asked, lanes)) = holder.gained.take_if(|(gained, ..)| *gained > epoch) {
            self.history.take(session, &lanes, (asked, RunTime::MAX), &mut self.news);
        }
        holder.lanes = self.history.held(session);
    }

    /// The lease of a session is over: it fires nothing that is due from `from` on.
    pub fn expire(&mut self, session: SessionId, from: RunTime) {
        self.settled = false;
        let Some(holder) = self.holders.get_mut(&session) else { return };
        holder.lanes = LaneSet::empty();
        holder.pending.clear();
        holder.over = Some(from);
        if let Some(revising) = &mut self.revising {
            revising.before.remove(&session);
            revising.from = revising.from.max(from);
        }
        // Also what it had given up from a later due time on: until then it fires nothing either.
        self.history.take(session, &LaneSet::all(), (from, RunTime::MAX), &mut self.news);
    }

    /// Whether the lease of a session is over and it has not come back.
    #[must_use]
    pub fn is_over(&self, session: SessionId) -> bool {
        self.holders.get(&session).is_some_and(|holder| holder.over.is_some())
    }

    /// A session is back and says which shares it held and from when on it held each, oldest first, as far back as
    /// answers may have been lost. What was on its way to it is settled by that; returns what it must be sent before
    /// its lease counts again.
    pub fn on_return(&mut self, session: SessionId, held: &[Share]) -> Option<Share> {
        self.settled = false;
        let holder = self.holders.get_mut(&session)?;
        let newest = held.last().map_or(0, |share| share.epoch);
        // What it never came to hold says nothing but that it was answered.
        let held: Vec<&Share> = held.iter().filter(|share| share.from < RunTime::MAX).collect();
        let nothing = Share::nothing();
        let holds = held.last().copied().unwrap_or(&nothing);
        self.epoch = self.epoch.max(newest);
        holder.pending.clear();
        let ends = held.iter().skip(1).map(|next| next.from).chain([RunTime::MAX]);
        for (share, end) in held.iter().zip(ends) {
            let others = LaneSet::all().minus(&share.lanes);
            self.history.take(session, &others, (share.from, end), &mut self.news);
        }
        holder.gained = None;
        (holder.acked, holder.fence) = (newest, holder.fence.min(newest));
        holder.lanes = self.history.held(session);
        holder.from = holder.from.max(holds.from);
        holder.away = false;
        let lapsed = holder.over.take().is_some() || !holds.lanes.minus(&holder.lanes).is_empty();
        self.epoch += 1;
        if lapsed {
            // What it lost while it was away, it lost from when its lease was over: the history knows that.
            let lanes = held.iter().fold(LaneSet::empty(), |lanes, share| lanes.plus(&share.lanes));
            let end = self.history.end(session, &lanes.minus(&holder.lanes)).unwrap_or_default();
            return Some(holder.fence(self.epoch, end));
        }
        let cleared =
            self.revising.as_ref().map(|revising| revising.from).filter(|_| !holder.lanes.is_empty());
        let cleared = self.stopped.or(cleared)?;
        Some(holder.shrink(self.epoch, cleared, holder.lanes.clone()))
    }

    /// Tells somebody who holds nothing that nothing more will come.
    pub fn dismiss(&mut self, session: SessionId, from: RunTime) -> Option<Share> {
        self.settled = false;
        self.epoch += 1;
        let holder = self.holders.get_mut(&session)?;
        Some(holder.shrink(self.epoch, from, holder.lanes.clone()))
    }

    /// The share that a session was given first, or nothing.
    #[must_use]
    pub fn first_share(&self, session: SessionId) -> Share {
        let first = self.holders.get(&session).and_then(|holder| holder.pending.front());
        first.map_or_else(Share::nothing, |pending| pending.share.clone())
    }

    /// The newest share that took lanes from a session: without it no lease counts.
    #[must_use]
    pub fn fence(&self, session: SessionId) -> u32 {
        self.holders.get(&session).map_or(0, |holder| holder.fence)
    }

    /// The newest share that a session has answered. What it resolved under a newer one cannot be booked yet.
    #[must_use]
    pub fn acked(&self, session: SessionId) -> u32 {
        self.holders.get(&session).map_or(0, |holder| holder.acked)
    }

    /// Whether everything that was sent to a session is answered.
    #[must_use]
    pub fn is_settled(&self, session: SessionId) -> bool {
        self.holders.get(&session).is_none_or(|holder| holder.pending.is_empty())
    }

    /// How many lanes a session holds once everything that was sent to it holds.
    #[must_use]
    pub fn lanes(&self, session: SessionId) -> u16 {
        self.holders.get(&session).map_or(0, |holder| holder.lanes.len())
    }

    /// Whose arrival `k` is that is due at `due`.
    #[must_use]
    pub fn owner(&self, k: u64, due: RunTime) -> Option<SessionId> {
        self.history.owner(crate::lane::lane_of(k), due)
    }

    /// What was written into the history since the last time, for the journal.
    pub fn take_news(&mut self) -> Vec<Owned> {
        std::mem::take(&mut self.news)
    }

    /// Writes what a journal kept, in its order. Sessions must be known before.
    pub fn restore(&mut self, owned: &Owned) {
        self.settled = false;
        self.epoch = self.epoch.max(owned.epoch);
        self.history.write(owned);
        if let Some(holder) = owned.owner.and_then(|owner| self.holders.get_mut(&owner)) {
            holder.gained = Some((owned.epoch, owned.from, owned.lanes.clone()));
            holder.from = holder.from.max(owned.from);
        }
        for (session, holder) in &mut self.holders {
            holder.lanes = self.history.held(*session);
            holder.away = true;
        }
    }
}

/// Lanes that have been free for long are not granted from so long before the time at which lanes can be taken from
/// somebody: whoever got them would only skip what was due then, and would look late.
const TOO_LATE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
