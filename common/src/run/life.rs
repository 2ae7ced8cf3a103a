//! How a run goes from state to state.

use crate::owners::{Claim, Owners, Role};
use crate::run::member::{Member, Standing};
use crate::run::{Ending, Event, Now, OnLoss, Order, Run, SessionId, State};
use crate::share::Share;
use crate::time::RunTime;
use std::time::Duration;

impl Run {
    /// How it ends, as far as that is known: a run that is drained knows.
    #[must_use]
    pub const fn ending(&self) -> &Ending {
        &self.ending
    }

    pub(super) fn on_joined(
        &mut self,
        session: SessionId,
        name: String,
        claim: Claim,
        now: Now,
    ) -> Vec<Order> {
        match self.state {
            State::Gathering => {
                self.members.insert(session, Member::new(name, claim, Standing::Joined, now));
                self.owners.add(session, claim);
                if self.members.len() < self.expect { vec![] } else { self.assign(now) }
            }
            State::Preparing | State::Running => {
                self.members.insert(session, Member::new(name, claim, Standing::Joined, now));
                self.owners.add(session, claim);
                vec![Order::Assign(session, Share::nothing())]
            }
            State::Draining | State::Over => vec![],
        }
    }

    /// Deals the lanes over everybody who is there.
    pub(super) fn assign(&mut self, now: Now) -> Vec<Order> {
        self.enter(State::Preparing, now + self.timers.prepare);
        // Nobody has fired anything: who was there before and is not now leaves no trace.
        self.owners = Owners::new();
        for (session, member) in &mut self.members {
            (member.standing, member.fetched) = (Standing::Joined, 0);
            self.owners.add(*session, member.claim);
        }
        let shares = self.owners.deal();
        shares.into_iter().map(|(session, share)| Order::Assign(session, share)).collect()
    }

    pub(super) fn on_ready(&mut self, session: SessionId, now: Now) -> Vec<Order> {
        self.heard(session, now);
        let Some(member) = self.members.get_mut(&session) else { return vec![] };
        if member.standing != Standing::Joined {
            return vec![];
        }
        member.standing = Standing::Ready;
        let holds = self.owners.first_share(session);
        self.owners.on_ack(session, holds.epoch, holds.from);
        match (self.state, self.zero_at) {
            (State::Running, Some(zero_at)) => {
                self.owners.set_role(session, Role::Active);
                vec![Order::Start(session, zero_at), Order::Tell(Event::JoinedLate(session))]
            }
            (State::Preparing, _) if self.members.values().all(|m| m.standing == Standing::Ready) => {
                self.start(now)
            }
            _ => vec![],
        }
    }

    /// Who gets on with what is to be fetched is given more time: a big log takes long, but not for ever, as there are
    /// only so many thousandths.
    pub(super) fn on_fetched(&mut self, session: SessionId, permille: u32, now: Now) -> Vec<Order> {
        self.heard(session, now);
        let Some(member) = self.members.get_mut(&session) else { return vec![] };
        if member.standing == Standing::Joined && member.fetched != permille {
            member.fetched = permille;
            if self.state == State::Preparing {
                self.deadline = self.deadline.max(now + self.timers.prepare);
            }
        }
        vec![]
    }

    pub(super) fn start(&mut self, now: Now) -> Vec<Order> {
        let zero_at = now + self.timers.start_lead;
        self.zero_at = Some(zero_at);
        self.enter(State::Running, self.finish_by(zero_at));
        for session in self.members.keys() {
            self.owners.set_role(*session, Role::Active);
        }
        self.members.keys().map(|session| Order::Start(*session, zero_at)).collect()
    }

    pub(super) fn on_refused(&mut self, session: SessionId, why: &str, now: Now) -> Vec<Order> {
        let name = self.name(session);
        match self.state {
            State::Gathering | State::Preparing => {
                self.end(Ending::NotStarted(format!("agent {name} refused the run: {why}")))
            }
            // A latecomer that cannot take part is none; an agent that refuses a share fires what it has.
            _ => self.on_broken(session, format!("it refused: {why}"), now),
        }
    }

    pub(super) fn on_interrupted(&mut self, now: Now) -> Vec<Order> {
        match self.state {
            State::Gathering | State::Preparing => {
                self.end(Ending::NotStarted("it was interrupted while it waited for agents".into()))
            }
            State::Running => self.drain(Ending::Interrupted, now),
            State::Draining => {
                if matches!(self.ending, Ending::Interrupted | Ending::Stopped) {
                    self.ending = Ending::Aborted;
                }
                // The last deltas tell what was sent and given up: without them the books cannot close.
                self.deadline = self.deadline.min(now + self.timers.abort);
                vec![Order::Abort]
            }
            State::Over => vec![],
        }
    }

    /// Takes the load away, for good: who is there drains and sends its last delta.
    pub(super) fn drain(&mut self, ending: Ending, now: Now) -> Vec<Order> {
        match self.state {
            State::Gathering | State::Preparing => {
                let why = match ending {
                    Ending::StoreFailed(why) => why,
                    _ => "it was stopped while it waited for agents".into(),
                };
                self.end(Ending::NotStarted(why))
            }
            State::Running => {
                (self.ending, self.revising) = (ending, false);
                self.enter(State::Draining, now + self.timers.finish);
                let from = self.run_time(now) + self.timers.move_lead;
                self.end = self.end.min(from);
                let mut orders = self.send_away_the_unready();
                let shares = self.owners.stop(from);
                orders.extend(shares.into_iter().map(|(session, share)| Order::Stop(session, share)));
                orders
            }
            State::Draining | State::Over => vec![],
        }
    }

    pub(super) fn on_revise(&mut self, now: Now) -> Vec<Order> {
        let from = self.run_time(now) + self.timers.move_lead;
        if self.state != State::Running || self.revising || from >= self.end {
            return vec![];
        }
        self.revising = true;
        let shares = self.owners.revise(from);
        shares.into_iter().map(|(session, share)| Order::Share(session, share)).collect()
    }

    /// Moves lanes to where they should be.
    pub(super) fn rebalance(&mut self, now: Now) -> Vec<Order> {
        let run_time = self.run_time(now);
        if self.state != State::Running || run_time >= self.end {
            return vec![];
        }
        let mut orders = vec![];
        if let Some(at) = self.owners.revised().filter(|_| self.revising) {
            self.revising = false;
            orders.push(Order::Revised(at));
        }
        let shares = self.owners.plan(run_time + self.timers.move_lead);
        orders.extend(shares.into_iter().map(|(session, share)| Order::Share(session, share)));
        orders.extend(self.stop_leavers(run_time));
        orders
    }

    pub(super) fn on_tick(&mut self, now: Now) -> Vec<Order> {
        let mut orders = self.withdraw_silent(now);
        if now > self.deadline {
            orders.extend(self.on_deadline(now));
        }
        orders
    }

    pub(super) fn on_deadline(&mut self, now: Now) -> Vec<Order> {
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
                let zero = self.zero_at.unwrap_or_default();
                for (session, member) in self.members.iter_mut().filter(|(_, member)| member.is_open()) {
                    member.standing = Standing::Lost;
                    member.missed.get_or_insert(now);
                    self.owners
                        .expire(*session, RunTime::ZERO + now.saturating_sub(zero) + self.timers.lease_ttl);
                }
                vec![]
            }
            State::Over => vec![],
        }
    }

    /// Closes when everybody is through, and who is missing was waited for long enough.
    pub(super) fn close_if_done(&mut self, now: Now) -> Vec<Order> {
        let load_over = match self.state {
            State::Running => {
                let is_due = self.zero_at.is_some_and(|zero| now > zero) && self.run_time(now) >= self.end;
                // Agents are through before the end when nothing can be left for anybody: all tries are done.
                is_due || self.members.values().any(Member::is_through)
            }
            State::Draining => true,
            State::Gathering | State::Preparing | State::Over => false,
        };
        let grace = if self.ending == Ending::Aborted { Duration::ZERO } else { self.timers.grace };
        let settled = |(session, member): (&SessionId, &Member)| match member.standing {
            Standing::Finished => self.owners.is_settled(*session),
            Standing::Lost => true,
            Standing::Joined => true,
            Standing::Ready => member.missed.is_some_and(|since| now >= since + grace),
        };
        if load_over && now >= self.open_until && self.members.iter().all(settled) {
            self.close()
        } else {
            vec![]
        }
    }

    pub(super) fn close(&mut self) -> Vec<Order> {
        self.state = State::Over;
        vec![Order::Close(self.ending.clone())]
    }

    pub(super) fn end(&mut self, ending: Ending) -> Vec<Order> {
        self.ending = ending;
        self.close()
    }

    pub(super) fn role_of_the_lost(&self) -> Role {
        if self.on_loss == OnLoss::Continue { Role::Missed } else { Role::Spare }
    }

    pub(super) fn enter(&mut self, state: State, deadline: Now) {
        (self.state, self.deadline) = (state, deadline);
    }

    pub(super) fn finish_by(&self, zero_at: Now) -> Now {
        zero_at + self.end.since(RunTime::ZERO) + self.timers.finish + self.timers.grace
    }

    pub(super) fn heard(&mut self, session: SessionId, now: Now) {
        if let Some(member) = self.members.get_mut(&session) {
            member.heard = member.heard.max(now);
        }
    }

    pub(super) fn name(&self, session: SessionId) -> String {
        self.members.get(&session).map_or_else(|| format!("#{session}"), |member| member.name.clone())
    }
}
