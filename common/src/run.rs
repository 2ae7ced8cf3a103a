//! The life of a run, as the controller sees it: facts in, orders out, time as an argument.
//!
//! ```text
//!   Gathering ──enough joined──▶ Preparing ──all ready──▶ Running ──all finished──▶ Over
//!       │  ▲────one is lost───────┘  │ deadline, refusal     │ stop, interrupt,
//!       ▼ deadline                   ▼                       ▼ failing store
//!      Over(NotStarted)             Over(NotStarted)        Draining ──▶ Over
//! ```
//!
//! Every state has a deadline, so nothing waits for ever.
//!
//! While the load is on, agents come and go. A member is **here** as long as its lease can hold. One that was silent
//! for nearly the length of a lease is withdrawn: from then on no heartbeat renews its lease, so its end is known,
//! and from that due time on its lanes go to others ([`OnLoss`]). It may come back with its books at any time: it is
//! first told what it lost, and then gets lanes again, unless it has been lost too often.

use crate::owners::{Claim, Owners, Role};
pub use crate::plan::OnLoss;
pub use crate::share::SessionId;
use crate::share::Share;
use crate::time::RunTime;
use std::collections::BTreeMap;
use std::time::Duration;

mod member;
mod life;

use member::{Member, Standing};

/// A point on the controller's clock.
pub type Now = Duration;

/// How long things may last.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Waiting for agents to join.
    pub gather: Duration,
    /// From the assignment, or the last news of what was fetched for it, until an agent is ready.
    pub prepare: Duration,
    /// From "all ready" to run time zero: long enough for the order to reach everybody.
    pub start_lead: Duration,
    /// A heartbeat's answer allows firing for so long.
    pub lease_ttl: Duration,
    /// A silent agent's lease is withdrawn so long before it would end, so that its lanes can be handed over in time.
    pub withdraw_early: Duration,
    /// How far in the future lanes change hands: long enough to reach those who lose them.
    pub move_lead: Duration,
    /// A missing agent is waited for so long after the load has ended, counted from its loss.
    pub grace: Duration,
    /// From the end of the load until the last delta, what is under way included.
    pub finish: Duration,
    /// The same when the operator gives up what is under way.
    pub abort: Duration,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An agent joined and was welcomed.
    Joined {
        /// Its session.
        session: SessionId,
        /// Its name, for messages.
        name: String,
        /// What it counts for when lanes are dealt.
        claim: Claim,
    },
    /// It is ready to start.
    Ready(SessionId),
    /// It has got so much of what it must have before it is ready, in thousandths.
    Fetched(SessionId, u32),
    /// It cannot carry out what was assigned, and why.
    Refused(SessionId, String),
    /// It holds a share.
    Holds {
        /// Who.
        session: SessionId,
        /// Which.
        epoch: u32,
        /// From which due time on.
        from: RunTime,
    },
    /// It gave a sign of life.
    Alive(SessionId),
    /// Its stream ended, and why. Its lease goes on.
    Away(SessionId, String),
    /// It is back on a new stream, and these are the newest shares that it held, oldest first, each from when on it
    /// held it ([`crate::session::Session::held`]).
    Back(SessionId, Vec<Share>),
    /// The answer to [`Order::Withdraw`]: it has no lease from here on.
    Withdrawn(SessionId, Now),
    /// Its books cannot be trusted, and why: it takes no further part.
    Broken(SessionId, String),
    /// It asks to leave.
    Leaves(SessionId, String),
    /// Its last delta is applied.
    Finished(SessionId),
    /// The operator asks to stop, at the terminal.
    Interrupted,
    /// The operator asks to stop, from elsewhere.
    Stopped,
    /// A rule of the plan that ends the run is broken, and by what.
    ThresholdBroken(String),
    /// Nothing can be kept any more, and why.
    StoreFailed(String),
    /// The schedule is to be changed as soon as that is safe.
    Revise,
    /// Time went by.
    Tick,
}

/// What the controller shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Order {
    /// Send the plan and a first share; let heartbeats renew the lease.
    Assign(SessionId, Share),
    /// Tell when run time zero is.
    Start(SessionId, Now),
    /// Send a share. Heartbeats of who holds an older one than [`Owners::fence`] renew nothing.
    Share(SessionId, Share),
    /// Send a share without lanes, after which the session drains and sends its last delta.
    Stop(SessionId, Share),
    /// Give up what is under way, everybody.
    Abort,
    /// Let no heartbeat renew its lease any more, and say until when it lasts ([`Fact::Withdrawn`]). Without
    /// `force` only if it was silent indeed: a heartbeat may be on its way to this machine ([`Fact::Alive`]).
    Withdraw {
        /// Whose.
        session: SessionId,
        /// Whatever its heartbeats say.
        force: bool,
    },
    /// Let heartbeats renew the lease again.
    Readmit(SessionId),
    /// Its part is done: it may go.
    Dismiss(SessionId),
    /// From this run time on the changed schedule holds; nobody holds anything from there yet.
    Revised(RunTime),
    /// Something for the report happened.
    Tell(Event),
    /// Make the report: nothing will change any more.
    Close(Ending),
}

/// What the report should tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An agent's lease was over at this due time, and why.
    Lost(SessionId, RunTime, String),
    /// A lost agent is back.
    Returned(SessionId),
    /// An agent joined while the load was on.
    JoinedLate(SessionId),
    /// An agent left and handed over its lanes.
    Left(SessionId, String),
    /// An agent fired after its lease was over.
    FiredBeyondLease(SessionId),
    /// An agent was lost too often and gets no lanes any more.
    Spare(SessionId),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The whole schedule was carried out.
    Completed,
    /// Stopped by the operator at the terminal, what was under way ended.
    Interrupted,
    /// Stopped by the operator, what was under way was given up.
    Aborted,
    /// Stopped by `controller stop`, what was under way ended.
    Stopped,
    /// An agent was lost, the plan says to end then, and why.
    AgentLost(String),
    /// Stopped by a rule of the plan that was broken, what was under way ended; which one, and by what.
    ThresholdBroken(String),
    /// Nothing could be kept any more, and why.
    StoreFailed(String),
    /// It never began, and why.
    NotStarted(String),
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting for agents.
    Gathering,
    /// Waiting until all are ready.
    Preparing,
    /// Load is on, or about to be.
    Running,
    /// Waiting for the last deltas after a stop.
    Draining,
    /// Nothing will change any more.
    Over,
}

impl State {
    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gathering => "gathering",
            Self::Preparing => "preparing",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Over => "over",
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    timers: Timers,
    on_loss: OnLoss,
    expect: usize,
    /// When the load ends, on the run's axis.
    end: RunTime,
    state: State,
    gather_until: Now,
    deadline: Now,
    zero_at: Option<Now>,
    members: BTreeMap<SessionId, Member>,
    owners: Owners,
    revising: bool,
    /// It is not over before, so that agents can come back after a restart.
    open_until: Now,
    ending: Ending,
}

impl Run {
    /// A run that waits for `expect` agents and whose load ends at `end`.
    #[must_use]
    pub fn new(expect: usize, end: RunTime, on_loss: OnLoss, timers: Timers, now: Now) -> Self {
        Self {
            timers,
            on_loss,
            expect,
            end,
            state: State::Gathering,
            gather_until: now + timers.gather,
            deadline: now + timers.gather,
            zero_at: None,
            members: BTreeMap::new(),
            owners: Owners::new(),
            revising: false,
            open_until: Now::ZERO,
            ending: Ending::Completed,
        }
    }

    /// A run that was under way when its controller ended: every member is away, and its lease may last as long as
    /// one that was granted just now. `members`: session, name, claim, whether its last delta is applied; `owners`
    /// as the journal kept them.
    pub fn resume(
        &mut self,
        zero_at: Now,
        members: impl IntoIterator<Item = (SessionId, String, Claim, bool)>,
        owners: Owners,
        now: Now,
    ) {
        self.zero_at = Some(zero_at);
        self.enter(State::Running, self.finish_by(zero_at));
        // Whoever told everything just before may not know that it was kept.
        self.open_until = now + self.timers.lease_ttl;
        self.owners = owners;
        for (session, name, claim, finished) in members {
            let standing = if finished { Standing::Finished } else { Standing::Ready };
            let mut member = Member::new(name, claim, standing, now);
            let over = self.owners.is_over(session);
            member.missed = over.then_some(now);
            // Nobody loses anything because the controller was away.
            let here = if over { self.role_of_the_lost() } else { Role::Active };
            self.owners.set_role(session, if finished { Role::Done } else { here });
            self.members.insert(session, member);
        }
    }

    /// How long things may last.
    #[must_use]
    pub const fn timers(&self) -> Timers {
        self.timers
    }

    /// When the load ends.
    #[must_use]
    pub const fn load_end(&self) -> RunTime {
        self.end
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How many agents it waits for.
    #[must_use]
    pub const fn expect(&self) -> usize {
        self.expect
    }

    /// How many more agents it waits for.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.expect.saturating_sub(self.members.len())
    }

    /// The names of the agents that take part.
    #[must_use]
    pub fn joined(&self) -> Vec<&str> {
        self.members.values().map(|member| member.name.as_str()).collect()
    }

    /// The names of the agents that the present state waits for.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<&str> {
        let awaited = |member: &&Member| match self.state {
            State::Preparing => member.standing == Standing::Joined,
            State::Running | State::Draining => member.standing == Standing::Ready,
            State::Gathering | State::Over => false,
        };
        self.members.values().filter(awaited).map(|member| member.name.as_str()).collect()
    }

    /// How much an agent has of what it must have before it is ready, in thousandths.
    #[must_use]
    pub fn fetched(&self, session: SessionId) -> u32 {
        self.members.get(&session).map_or(0, |member| member.fetched)
    }

    /// Who owns what.
    #[must_use]
    pub const fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Who owns what, for the journal.
    pub fn owners_mut(&mut self) -> &mut Owners {
        &mut self.owners
    }

    /// The load ends elsewhere than it did: its schedule was changed.
    pub fn set_end(&mut self, end: RunTime) {
        self.end = end;
        if let (Some(zero_at), State::Running) = (self.zero_at, self.state) {
            self.deadline = self.finish_by(zero_at);
        }
    }

    /// Run time at `now`; zero before the start.
    #[must_use]
    pub fn run_time(&self, now: Now) -> RunTime {
        RunTime::ZERO + self.zero_at.map_or(Duration::ZERO, |zero| now.saturating_sub(zero))
    }

    /// Takes a fact and says what to do about it.
    pub fn on(&mut self, fact: Fact, now: Now) -> Vec<Order> {
        if self.state == State::Over {
            return vec![];
        }
        if let Fact::Alive(session) = fact {
            // By far the most frequent one, and nothing follows from it.
            return self.on_alive(session, now);
        }
        let mut orders = match fact {
            Fact::Joined { session, name, claim } => self.on_joined(session, name, claim, now),
            Fact::Ready(session) => self.on_ready(session, now),
            Fact::Fetched(session, permille) => self.on_fetched(session, permille, now),
            Fact::Refused(session, why) => self.on_refused(session, &why, now),
            Fact::Holds { session, epoch, from } => self.on_holds(session, epoch, from),
            Fact::Alive(session) => self.on_alive(session, now),
            Fact::Away(session, why) => self.on_away(session, why, now),
            Fact::Back(session, held) => self.on_back(session, &held, now),
            Fact::Withdrawn(session, until) => self.on_withdrawn(session, until, now),
            Fact::Broken(session, why) => self.on_broken(session, why, now),
            Fact::Leaves(session, why) => self.on_leaves(session, why, now),
            Fact::Finished(session) => self.on_finished(session, now),
            Fact::Interrupted => self.on_interrupted(now),
            Fact::Stopped => self.drain(Ending::Stopped, now),
            Fact::ThresholdBroken(why) => self.drain(Ending::ThresholdBroken(why), now),
            Fact::StoreFailed(why) => self.drain(Ending::StoreFailed(why), now),
            Fact::Revise => self.on_revise(now),
            Fact::Tick => self.on_tick(now),
        };
        orders.extend(self.rebalance(now));
        orders.extend(self.close_if_done(now));
        orders
    }
}

#[cfg(test)]
mod tests;
