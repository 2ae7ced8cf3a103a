//! What becomes of the agents of a run: silence, loss, return, leaving.

use crate::owners::{Claim, Role};
use crate::run::{Ending, Event, Now, OnLoss, Order, Run, State};
use crate::share::{SessionId, Share};
use crate::time::RunTime;
use std::time::Duration;

/// One agent's part in the run.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) claim: Claim,
    pub(super) standing: Standing,
    /// How much it has of what it must have before it is ready, in thousandths.
    pub(super) fetched: u32,
    /// Its last sign of life.
    pub(super) heard: Now,
    /// Since when its lease is withdrawn; `None` while it is here.
    pub(super) missed: Option<Now>,
    /// Why its stream ended, or what else was wrong.
    trouble: Option<String>,
    /// It takes no further part.
    broken: bool,
    leaving: Option<Leaving>,
    /// When it was lost, within the last [`FLAP_WITHIN`].
    losses: Vec<Now>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Joined,
    Ready,
    Finished,
    Lost,
}

/// How far somebody who asked to leave has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Leaving {
    Asked(String),
    /// It holds nothing any more and drains.
    Drains(String),
}

impl Member {
    /// Whether it did all of its part and did not leave before.
    pub(super) fn is_through(&self) -> bool {
        self.standing == Standing::Finished && self.leaving.is_none()
    }

    pub(super) fn new(name: String, claim: Claim, standing: Standing, now: Now) -> Self {
        Self {
            name,
            claim,
            standing,
            fetched: 0,
            heard: now,
            missed: None,
            trouble: None,
            broken: false,
            leaving: None,
            losses: Vec::new(),
        }
    }

    /// Whether something is still expected of it.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Ready)
    }
}

impl Run {
    /// Whether a session has a part in the run.
    #[must_use]
    pub fn knows(&self, session: SessionId) -> bool {
        self.members.contains_key(&session)
    }

    /// How an agent stands, in one word.
    #[must_use]
    pub fn standing(&self, session: SessionId) -> &'static str {
        match self.members.get(&session) {
            None => "gone",
            Some(member) => match member.standing {
                Standing::Finished => "finished",
                Standing::Lost => "lost",
                Standing::Joined => "preparing",
                Standing::Ready if member.missed.is_some() => "lost",
                Standing::Ready if member.leaving.is_some() => "leaving",
                Standing::Ready if member.trouble.is_some() => "away",
                Standing::Ready if self.owners.role(session) == Some(Role::Spare) => "spare",
                Standing::Ready => "here",
            },
        }
    }

    /// Since when nothing was heard of an agent.
    #[must_use]
    pub fn silence(&self, session: SessionId, now: Now) -> Duration {
        self.members.get(&session).map_or(Duration::ZERO, |member| now.saturating_sub(member.heard))
    }

    pub(super) fn on_alive(&mut self, session: SessionId, now: Now) -> Vec<Order> {
        self.heard(session, now);
        vec![]
    }

    pub(super) fn on_away(&mut self, session: SessionId, why: String, now: Now) -> Vec<Order> {
        let Some(member) = self.members.get_mut(&session) else { return vec![] };
        if matches!(self.state, State::Gathering | State::Preparing) {
            return self.drop_out(session, now);
        }
        if member.standing == Standing::Joined {
            return self.forget(session);
        }
        member.trouble = Some(why);
        vec![]
    }

    fn forget(&mut self, session: SessionId) -> Vec<Order> {
        self.members.remove(&session);
        self.owners.remove(session);
        vec![]
    }

    /// Latecomers that are not ready when the run is stopped have no part in it any more.
    pub(super) fn send_away_the_unready(&mut self) -> Vec<Order> {
        let joined = self.members.iter().filter(|(_, member)| member.standing == Standing::Joined);
        let joined: Vec<SessionId> = joined.map(|(session, _)| *session).collect();
        joined.iter().for_each(|session| drop(self.forget(*session)));
        joined.into_iter().map(Order::Dismiss).collect()
    }

    /// Who goes before the start was never there: whoever is left waits for another.
    fn drop_out(&mut self, session: SessionId, now: Now) -> Vec<Order> {
        self.forget(session);
        if self.state == State::Preparing {
            if self.members.len() >= self.expect {
                return self.assign(now);
            }
            self.enter(State::Gathering, self.gather_until.max(now + Duration::from_secs(1)));
            self.members.values_mut().for_each(|member| member.standing = Standing::Joined);
        }
        vec![]
    }

    /// Asks for the leases of those who were silent for nearly as long as a lease lasts.
    pub(super) fn withdraw_silent(&mut self, now: Now) -> Vec<Order> {
        let silence = self.timers.lease_ttl.saturating_sub(self.timers.withdraw_early);
        let silent = |member: &Member| {
            let here =
                member.missed.is_none() && !matches!(member.standing, Standing::Finished | Standing::Lost);
            here && now >= member.heard + silence
        };
        let silent = self.members.iter().filter(|(_, member)| silent(member));
        silent.map(|(session, _)| Order::Withdraw { session: *session, force: false }).collect()
    }

    pub(super) fn on_withdrawn(&mut self, session: SessionId, until: Now, now: Now) -> Vec<Order> {
        if matches!(self.state, State::Gathering | State::Preparing) {
            return self.drop_out(session, now);
        }
        if self.members.get(&session).is_some_and(|member| member.standing == Standing::Joined) {
            // A latecomer that never got ready had nothing.
            return self.forget(session);
        }
        let from = self.run_time(until);
        let on_loss = self.on_loss;
        let Some(member) = self.members.get_mut(&session).filter(|member| member.missed.is_none()) else {
            return vec![];
        };
        member.missed = Some(now);
        member.losses.retain(|lost| now < *lost + FLAP_WITHIN);
        member.losses.push(now);
        if member.broken {
            member.standing = Standing::Lost;
        }
        let silence =
            || format!("no sign of life for {:.1} s", now.saturating_sub(member.heard).as_secs_f64());
        let why = member.trouble.clone().unwrap_or_else(silence);
        let name = member.name.clone();
        self.owners.expire(session, from);
        self.owners.set_role(session, self.role_of_the_lost());
        let mut orders = vec![Order::Tell(Event::Lost(session, from, why.clone()))];
        if on_loss == OnLoss::Abort {
            orders.extend(self.drain(Ending::AgentLost(format!("agent {name} was lost: {why}")), now));
        }
        orders
    }

    /// Whether a session that was cut off may go on where it was.
    #[must_use]
    pub fn may_return(&self, session: SessionId) -> bool {
        let open = |member: &Member| {
            matches!(member.standing, Standing::Ready | Standing::Finished) && !member.broken
        };
        matches!(self.state, State::Running | State::Draining) && self.members.get(&session).is_some_and(open)
    }

    pub(super) fn on_back(&mut self, session: SessionId, held: &[Share], now: Now) -> Vec<Order> {
        self.heard(session, now);
        let Some(member) = self.members.get_mut(&session) else { return vec![] };
        member.trouble = None;
        let missed = member.missed.take().is_some();
        let mut orders = vec![];
        if let Some(share) = self.owners.on_return(session, held) {
            let stopped = self.state == State::Draining;
            orders.push(if stopped { Order::Stop(session, share) } else { Order::Share(session, share) });
        }
        orders.extend(self.zero_at.map(|zero_at| Order::Start(session, zero_at)));
        orders.push(Order::Readmit(session));
        if missed {
            orders.push(Order::Tell(Event::Returned(session)));
        }
        orders
    }

    pub(super) fn on_holds(&mut self, session: SessionId, epoch: u32, from: RunTime) -> Vec<Order> {
        let right = self.owners.on_ack(session, epoch, from);
        let Some(member) = self.members.get(&session) else { return vec![] };
        let mut orders = vec![];
        if !right {
            orders.push(Order::Tell(Event::FiredBeyondLease(session)));
        }
        let idle = matches!(self.owners.role(session), Some(Role::Spare | Role::Missed));
        let here = member.missed.is_none() && member.leaving.is_none() && member.is_open();
        if self.state == State::Running && idle && here && self.owners.is_settled(session) {
            if member.losses.len() < FLAPS {
                self.owners.set_role(session, Role::Active);
            } else {
                orders.push(Order::Tell(Event::Spare(session)));
            }
        }
        orders
    }

    pub(super) fn on_broken(&mut self, session: SessionId, why: String, now: Now) -> Vec<Order> {
        let Some(member) = self.members.get_mut(&session) else { return vec![] };
        if matches!(self.state, State::Gathering | State::Preparing) {
            return self.drop_out(session, now);
        }
        (member.trouble, member.broken) = (Some(why), true);
        if member.missed.is_some() {
            member.standing = Standing::Lost;
            return vec![];
        }
        vec![Order::Withdraw { session, force: true }]
    }

    pub(super) fn on_leaves(&mut self, session: SessionId, why: String, now: Now) -> Vec<Order> {
        match self.state {
            State::Gathering | State::Preparing => {
                let mut orders = self.drop_out(session, now);
                orders.push(Order::Dismiss(session));
                return orders;
            }
            State::Running => {}
            // It drains already and ends by itself.
            State::Draining | State::Over => return vec![],
        }
        let Some(member) = self.members.get_mut(&session) else { return vec![] };
        if member.standing == Standing::Joined {
            self.forget(session);
            return vec![Order::Dismiss(session)];
        }
        if member.standing == Standing::Finished {
            return vec![Order::Dismiss(session)];
        }
        member.leaving.get_or_insert(Leaving::Asked(why));
        self.owners.set_role(session, Role::Spare);
        vec![]
    }

    /// Who asked to leave and holds nothing any more is told to drain.
    pub(super) fn stop_leavers(&mut self, run_time: RunTime) -> Vec<Order> {
        let mut orders = vec![];
        for (session, member) in &mut self.members {
            let Some(Leaving::Asked(why)) = &member.leaving else { continue };
            if self.owners.lanes(*session) == 0 && self.owners.is_settled(*session) && member.missed.is_none()
            {
                member.leaving = Some(Leaving::Drains(why.clone()));
                orders.extend(
                    self.owners.dismiss(*session, run_time).map(|share| Order::Stop(*session, share)),
                );
            }
        }
        orders
    }

    pub(super) fn on_finished(&mut self, session: SessionId, now: Now) -> Vec<Order> {
        self.heard(session, now);
        let Some(member) = self.members.get_mut(&session) else { return vec![] };
        member.standing = Standing::Finished;
        self.owners.finish(session, self.owners.acked(session));
        if let Some(Leaving::Drains(why)) = &member.leaving {
            // It answers nothing any more.
            self.owners.remove(session);
            return vec![Order::Tell(Event::Left(session, why.clone())), Order::Dismiss(session)];
        }
        vec![]
    }
}

/// Who was lost so often …
const FLAPS: usize = 3;
/// … within this time gets no lanes any more.
const FLAP_WITHIN: Duration = Duration::from_secs(60);
