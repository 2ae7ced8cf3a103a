//! What the controller knows of one session's lanes.

use crate::lane::LaneSet;
use crate::owners::{Claim, Role};
use crate::share::Share;
use crate::time::RunTime;
use std::collections::VecDeque;

/// One session's part.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) claim: Claim,
    pub(super) role: Role,
    /// What it holds once everything that was sent to it holds.
    pub(super) lanes: LaneSet,
    /// Shares without an answer, oldest first.
    pub(super) pending: VecDeque<Pending>,
    /// From when on its newest share holds.
    pub(super) from: RunTime,
    /// The newest share that took lanes: without it no lease counts.
    pub(super) fence: u32,
    /// The newest share that it has answered.
    pub(super) acked: u32,
    /// The controller was started anew and has not heard from it: it may hold more than is known.
    pub(super) away: bool,
    /// Its lease is over: nothing due from here on is fired by it.
    pub(super) over: Option<RunTime>,
    /// What it was granted last: epoch, from, lanes.
    pub(super) gained: Option<(u32, RunTime, LaneSet)>,
}

/// A share without an answer.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) share: Share,
    pub(super) lost: LaneSet,
    /// It tells a session whose lease was over so: holding it only later means to have fired without a lease.
    pub(super) strict: bool,
}

impl Holder {
    pub(super) fn new(claim: Claim) -> Self {
        Self {
            claim,
            role: Role::Spare,
            lanes: LaneSet::empty(),
            pending: VecDeque::new(),
            from: RunTime::ZERO,
            fence: 0,
            acked: 0,
            away: false,
            over: None,
            gained: None,
        }
    }

    /// Whether it may hold a lease and listens.
    pub(super) fn is_here(&self) -> bool {
        self.over.is_none() && !self.away && self.role != Role::Done
    }

    pub(super) fn shrink(&mut self, epoch: u32, from: RunTime, lost: LaneSet) -> Share {
        self.lanes.part(&lost);
        self.fence = epoch;
        let share = Share { epoch, from: from.max(self.from), lanes: self.lanes.clone() };
        self.from = share.from;
        self.pending.push_back(Pending { share: share.clone(), lost, strict: false });
        share
    }

    /// Tells who was away from when on it has nothing. That may be before its newest share holds: it had that share
    /// before its lease was over, and came to fire nothing under it.
    pub(super) fn fence(&mut self, epoch: u32, from: RunTime) -> Share {
        self.from = from;
        let lost = self.lanes.clone();
        let share = self.shrink(epoch, from, lost);
        self.pending.iter_mut().for_each(|pending| pending.strict = true);
        share
    }

    pub(super) fn grow(&mut self, epoch: u32, from: RunTime, gained: &LaneSet) -> Share {
        self.lanes.join(gained);
        // A share replaces all from its time on, so it must not reach behind an earlier one.
        let share = Share { epoch, from: from.max(self.from), lanes: self.lanes.clone() };
        self.from = share.from;
        self.gained = Some((epoch, share.from, gained.clone()));
        let lost = LaneSet::empty();
        self.pending.push_back(Pending { share: share.clone(), lost, strict: false });
        share
    }
}
