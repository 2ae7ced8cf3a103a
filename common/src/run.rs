//! The life of a run, as the controller sees it: facts in, orders out, time as an argument.
//!
//! ```text
//!   Gathering ──all joined──▶ Preparing ──all ready──▶ Running ──all finished──▶ Over
//!       │ deadline                │ deadline, refusal     │ agent lost, stop,
//!       ▼                         ▼                       ▼ deadline
//!      Over(NotStarted)          Over(NotStarted)        Draining ──▶ Over
//! ```
//!
//! Every state has a deadline, so nothing waits for ever. An agent that is lost while the run is under way ends it:
//! its arrivals are unknown, the others drain, the verdict says so.

use std::collections::BTreeMap;
use std::time::Duration;

pub use crate::share::SessionId;

/// A point on the controller's clock.
pub type Now = Duration;

/// How long the states may last.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Waiting for agents to join.
    pub gather: Duration,
    /// From the assignment until an agent is ready.
    pub prepare: Duration,
    /// From "all ready" to run time zero: long enough for the order to reach everybody.
    pub start_lead: Duration,
    /// An agent silent for this long is lost.
    pub silence: Duration,
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
    },
    /// It is ready to start.
    Ready(SessionId),
    /// It cannot carry out what was assigned, and why.
    Refused(SessionId, String),
    /// It gave a sign of life.
    Alive(SessionId),
    /// Its last delta is applied.
    Finished(SessionId),
    /// Its stream ended or its books are broken, and why.
    Gone(SessionId, String),
    /// The operator asks to stop.
    Interrupted,
    /// Time went by.
    Tick,
}

/// What the controller shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Order {
    /// Deal the lanes over these sessions and send each its assignment.
    Assign(Vec<SessionId>),
    /// Tell everybody when run time zero is.
    Start {
        /// On the controller's clock.
        zero_at: Now,
    },
    /// Tell everybody to fire nothing due after now; `abort` gives up what is under way too.
    Stop {
        /// Whether to wait for requests under way.
        abort: bool,
    },
    /// Make the report: nothing will change any more.
    Close(Ending),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The whole schedule was carried out.
    Completed,
    /// Stopped by the operator, what was under way ended.
    Interrupted,
    /// Stopped by the operator, what was under way was given up.
    Aborted,
    /// An agent was lost on the way, and why.
    AgentLost(String),
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

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    timers: Timers,
    expect: usize,
    /// How long the load lasts from run time zero.
    load: Duration,
    state: State,
    deadline: Now,
    members: BTreeMap<SessionId, Member>,
    ending: Ending,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    heard: Now,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Joined,
    Ready,
    Finished,
    Lost,
}

impl Run {
    /// A run that waits for `expect` agents and whose load lasts `load`.
    #[must_use]
    pub fn new(expect: usize, load: Duration, timers: Timers, now: Now) -> Self {
        Self {
            timers,
            expect,
            load,
            state: State::Gathering,
            deadline: now + timers.gather,
            members: BTreeMap::new(),
            ending: Ending::Completed,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How many agents it runs with.
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

    /// Takes a fact and says what to do about it.
    pub fn on(&mut self, fact: Fact, now: Now) -> Vec<Order> {
        if self.state == State::Over {
            return vec![];
        }
        match fact {
            Fact::Joined { session, name } => self.on_joined(session, name, now),
            Fact::Ready(session) => self.on_standing(session, Standing::Ready, now),
            Fact::Finished(session) => self.on_standing(session, Standing::Finished, now),
            Fact::Refused(session, why) => self.on_refused(session, &why),
            Fact::Gone(session, why) => self.on_gone(session, &why, now),
            Fact::Interrupted => self.on_interrupted(now),
            Fact::Alive(session) => {
                self.heard(session, now);
                vec![]
            }
            Fact::Tick => self.on_tick(now),
        }
    }

    fn on_joined(&mut self, session: SessionId, name: String, now: Now) -> Vec<Order> {
        if self.state != State::Gathering {
            return vec![];
        }
        self.members.insert(session, Member { name, heard: now, standing: Standing::Joined });
        if self.members.len() < self.expect {
            return vec![];
        }
        self.enter(State::Preparing, now + self.timers.prepare);
        vec![Order::Assign(self.members.keys().copied().collect())]
    }

    fn on_standing(&mut self, session: SessionId, standing: Standing, now: Now) -> Vec<Order> {
        self.heard(session, now);
        match self.members.get_mut(&session) {
            Some(member) if member.standing != Standing::Lost => member.standing = standing,
            _ => return vec![],
        }
        match self.state {
            State::Preparing if self.all(|standing| standing == Standing::Ready) => self.start(now),
            State::Running | State::Draining if self.all(is_settled) => self.close(),
            _ => vec![],
        }
    }

    fn on_refused(&mut self, session: SessionId, why: &str) -> Vec<Order> {
        let name = self.name(session);
        self.end(Ending::NotStarted(format!("agent {name} refused the run: {why}")))
    }

    fn on_gone(&mut self, session: SessionId, why: &str, now: Now) -> Vec<Order> {
        match self.state {
            State::Gathering => {
                self.members.remove(&session);
                vec![]
            }
            State::Preparing if self.members.contains_key(&session) => {
                let name = self.name(session);
                self.end(Ending::NotStarted(format!("agent {name} was lost before the start: {why}")))
            }
            _ => self.lose(session, why, now),
        }
    }

    fn on_interrupted(&mut self, now: Now) -> Vec<Order> {
        match self.state {
            State::Gathering | State::Preparing => {
                self.end(Ending::NotStarted("it was interrupted while it waited for agents".into()))
            }
            State::Running => {
                self.ending = Ending::Interrupted;
                self.enter(State::Draining, now + self.timers.finish);
                vec![Order::Stop { abort: false }]
            }
            State::Draining => {
                if self.ending == Ending::Interrupted {
                    self.ending = Ending::Aborted;
                }
                // The last deltas tell what was sent and given up: without them the books cannot close.
                self.deadline = self.deadline.min(now + self.timers.abort);
                vec![Order::Stop { abort: true }]
            }
            State::Over => vec![],
        }
    }

    fn on_tick(&mut self, now: Now) -> Vec<Order> {
        let silent: Vec<SessionId> = self
            .members
            .iter()
            .filter(|(_, member)| !is_settled(member.standing) && now > member.heard + self.timers.silence)
            .map(|(session, _)| *session)
            .collect();
        let mut orders = vec![];
        for session in silent {
            let why = format!("no sign of life for {:.1} s", self.timers.silence.as_secs_f64());
            orders.extend(self.on(Fact::Gone(session, why), now));
        }
        if now > self.deadline && self.state != State::Over {
            orders.extend(self.on_deadline(now));
        }
        orders
    }

    fn on_deadline(&mut self, now: Now) -> Vec<Order> {
        match self.state {
            State::Gathering => {
                let (have, expect) = (self.members.len(), self.expect);
                self.end(Ending::NotStarted(format!("{have} of {expect} agents joined in time")))
            }
            State::Preparing => {
                let slow = self.waiting_for().join(", ");
                self.end(Ending::NotStarted(format!("not ready in time: {slow}")))
            }
            State::Running | State::Draining => {
                let unfinished: Vec<SessionId> =
                    self.members.iter().filter(|(_, m)| !is_settled(m.standing)).map(|(s, _)| *s).collect();
                let lose = |session| self.lose(session, "its last delta did not come in time", now);
                unfinished.into_iter().flat_map(lose).collect()
            }
            State::Over => vec![],
        }
    }

    fn start(&mut self, now: Now) -> Vec<Order> {
        let zero_at = now + self.timers.start_lead;
        self.enter(State::Running, zero_at + self.load + self.timers.finish);
        vec![Order::Start { zero_at }]
    }

    /// Gives an agent up while the run is under way.
    fn lose(&mut self, session: SessionId, why: &str, now: Now) -> Vec<Order> {
        let Some(member) = self.members.get_mut(&session).filter(|member| !is_settled(member.standing))
        else {
            return vec![];
        };
        member.standing = Standing::Lost;
        if !matches!(self.ending, Ending::AgentLost(_) | Ending::Aborted) {
            self.ending = Ending::AgentLost(format!("agent {} was lost: {why}", member.name));
        }
        let mut orders = vec![];
        if self.state == State::Running {
            self.enter(State::Draining, now + self.timers.finish);
            orders.push(Order::Stop { abort: false });
        }
        if self.all(is_settled) {
            orders.extend(self.close());
        }
        orders
    }

    fn close(&mut self) -> Vec<Order> {
        self.state = State::Over;
        vec![Order::Close(self.ending.clone())]
    }

    fn end(&mut self, ending: Ending) -> Vec<Order> {
        self.ending = ending;
        self.close()
    }

    fn enter(&mut self, state: State, deadline: Now) {
        (self.state, self.deadline) = (state, deadline);
    }

    fn heard(&mut self, session: SessionId, now: Now) {
        if let Some(member) = self.members.get_mut(&session) {
            member.heard = member.heard.max(now);
        }
    }

    fn all(&self, is: impl Fn(Standing) -> bool) -> bool {
        self.members.values().all(|member| is(member.standing))
    }

    fn name(&self, session: SessionId) -> String {
        self.members.get(&session).map_or_else(|| format!("#{session}"), |member| member.name.clone())
    }
}

fn is_settled(standing: Standing) -> bool {
    matches!(standing, Standing::Finished | Standing::Lost)
}

#[cfg(test)]
mod tests;
