//! The life of a session, as the agent sees it: whom it obeys, what it holds, how long it may fire.
//!
//! ```text
//!   joined ──share──▶ holds lanes ──lease──▶ may fire until the lease ends
//!     ▲                                          │ stream lost: fires on until then
//!     └───────────── resumes ◀───────────────────┘ lease over: fenced, keeps its books
//! ```
//!
//! A lease only counts together with the newest share that took lanes away: who has not heard of that share holds
//! too much and gets no more time. Orders of a controller that was replaced are ignored.

use crate::share::{SessionId, Share};
use crate::time::RunTime;
use std::collections::VecDeque;

/// What an agent knows of its membership in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The controller's number for it.
    pub id: SessionId,
    /// The highest controller epoch seen.
    controller_epoch: u64,
    /// The newest shares that it took, oldest first, each from when on it held it; never empty.
    held: VecDeque<Share>,
}

/// The answer to a heartbeat, as far as firing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseReply {
    /// When the heartbeat was sent, on the agent's clock, in nanoseconds.
    pub sent_at: u64,
    /// Whether firing is allowed.
    pub granted: bool,
    /// The newest share that took lanes from the agent.
    pub share_epoch: u32,
}

impl Session {
    /// A session that holds nothing.
    #[must_use]
    pub fn new(id: SessionId, controller_epoch: u64) -> Self {
        Self { id, controller_epoch, held: [Share::nothing()].into() }
    }

    /// The highest controller epoch seen.
    #[must_use]
    pub const fn controller_epoch(&self) -> u64 {
        self.controller_epoch
    }

    /// What it holds.
    #[must_use]
    pub fn holds(&self) -> &Share {
        &self.held[self.held.len() - 1]
    }

    /// The newest shares that it took, oldest first, each from when on it held it. They are said on every new stream,
    /// as the answers to them may have been lost with the old one.
    pub fn held(&self) -> impl Iterator<Item = &Share> {
        self.held.iter()
    }

    /// Whether a controller of this epoch is to be obeyed: not when a newer one was seen.
    pub fn obeys(&mut self, controller_epoch: u64) -> bool {
        let newest = controller_epoch >= self.controller_epoch;
        self.controller_epoch = self.controller_epoch.max(controller_epoch);
        newest
    }

    /// Whether a share is news: not when it was taken already, or a newer one was.
    #[must_use]
    pub fn is_news(&self, share: &Share) -> bool {
        share.epoch > self.holds().epoch
    }

    /// Takes a share from `from` on, which is later than it says when the engine had fired beyond that.
    pub fn take(&mut self, share: Share, from: RunTime) {
        let share = Share { from: from.max(share.from), ..share };
        // It replaces all from its time on.
        self.held.retain(|held| held.from < share.from);
        self.held.push_back(share);
        if self.held.len() > HELD {
            self.held.pop_front();
        }
    }

    /// Until when an answered heartbeat allows firing, on the agent's clock: `ttl` after it was *sent*.
    #[must_use]
    pub fn lease(&self, reply: LeaseReply, ttl: u64) -> Option<u64> {
        if reply.granted && reply.share_epoch <= self.holds().epoch {
            Some(reply.sent_at.saturating_add(ttl))
        } else {
            None
        }
    }
}

/// More than are ever on their way to a session without an answer: one move, a revision, a stop, and one to spare for
/// each. The controller takes no more than this.
pub const HELD: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn share(epoch: u32) -> Share {
        Share { epoch, ..Share::nothing() }
    }

    #[test]
    fn a_lease_counts_from_when_the_heartbeat_was_sent_and_only_with_the_newest_share() {
        let mut session = Session::new(1, 1);
        session.take(share(4), RunTime::ZERO);
        for (granted, share_epoch, until) in
            [(true, 4, Some(13)), (true, 3, Some(13)), (true, 5, None), (false, 4, None)]
        {
            let reply = LeaseReply { sent_at: 10, granted, share_epoch };
            assert_eq!(session.lease(reply, 3), until, "{reply:?}");
        }
    }

    #[test]
    fn a_replaced_controller_is_not_obeyed() {
        let mut session = Session::new(1, 2);
        assert!(session.obeys(2) && session.obeys(3) && !session.obeys(2) && session.obeys(3));
    }

    #[test]
    fn a_share_is_taken_once_and_from_where_the_engine_holds() {
        let mut session = Session::new(1, 1);
        assert!(session.is_news(&share(2)));
        session.take(share(2), RunTime::from_nanos(7));
        assert!(!session.is_news(&share(2)) && !session.is_news(&share(1)) && session.is_news(&share(3)));
        assert_eq!(session.holds().from, RunTime::from_nanos(7));
    }
}
