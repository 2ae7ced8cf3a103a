//! What the run orders.

use crate::chronicle::Happened;
use crate::coordinator::post::Mail;
use crate::coordinator::{Coordinator, Watcher, told_as};
use crate::sessions::{Asked, Session};
use common::plan::hash;
use common::report::FaultKind;
use common::run::{Event, Fact, Order, SessionId, State};
use common::share::Share;
use common::time::RunTime;
use proto::v1::{self, controller_message::Kind as Down, stop::Mode};
use std::collections::VecDeque;
use std::time::Duration;

impl<W: Watcher> Coordinator<W> {
    /// Gives a fact to the run and carries out its orders, and what follows from them.
    pub(super) fn take(&mut self, fact: Fact) {
        let mut facts = VecDeque::from([fact]);
        while let Some(fact) = facts.pop_front() {
            let stopped = self.run.state() == State::Draining;
            let orders = self.run.on(fact, self.clock.now());
            if !stopped && self.run.state() == State::Draining {
                self.on_stopped();
            }
            self.write_news();
            for order in orders {
                facts.extend(self.obey(order));
            }
        }
        let state = self.run.state().name();
        self.state.send_if_modified(|told| std::mem::replace(told, state) != state);
    }

    /// Carries out an order; what is learnt by that is the run's next fact.
    fn obey(&mut self, order: Order) -> Option<Fact> {
        match order {
            Order::Assign(session, share) => self.assign(session, &share),
            Order::Start(session, zero_at) => self.start(session, zero_at),
            Order::Share(session, share) => self.send_share(session, &share),
            Order::Stop(session, share) => self.send_stop(session, &share),
            Order::Abort => {
                let stop = Down::Stop(v1::Stop { mode: Mode::Abort.into(), ..v1::Stop::default() });
                let all: Vec<SessionId> = self.sessions.iter().map(|(session, _)| session).collect();
                all.into_iter().for_each(|session| self.send_now(session, stop.clone()));
            }
            Order::Withdraw { session, force } => return self.withdraw(session, force),
            Order::Readmit(session) => {
                let fence = self.run.owners().fence(session);
                self.sessions.get(session).iter().for_each(|own| own.grant.allow(fence));
            }
            Order::Dismiss(session) => {
                self.send(session, Down::Release(v1::Release { verdict: "it left".into() }));
            }
            Order::Revised(at) => self.on_revised(at),
            Order::Tell(event) => self.tell(event),
            Order::Close(ending) => {
                self.ended_at = Some(self.clock.now());
                self.ending = Some(ending);
            }
        }
        None
    }

    /// What the lanes' history has gained goes into the journal before anything that rests on it is sent.
    fn write_news(&mut self) {
        let news: Vec<Happened> = self.run.owners_mut().take_news().iter().map(Happened::owned).collect();
        news.iter().for_each(|happened| self.write(happened));
    }

    fn assign(&mut self, session: SessionId, share: &Share) {
        let assignment = v1::Assignment {
            plan: self.text.clone(),
            plan_hash: hash(&self.text).to_vec(),
            schedule_fingerprints: self.steering.fingerprints(&self.books),
            share: Some(proto::share::to_wire(share, &[])),
            files: self.files.to_wire(),
            tapes: self.books.plan().replays().map(|(_, load)| load.tape.path.clone()).collect(),
            tape_bytes: self.books.plan().replays().map(|(_, load)| load.tape.bytes()).collect(),
            rows: self.collector.is_some(),
        };
        self.expect_rows(session);
        let Some(own) = self.sessions.get_mut(session) else { return };
        own.grant.allow(0);
        let command = own.ask(Asked::Ready);
        self.send_command(session, command, Down::Assignment(assignment));
    }

    /// Who takes part has rows to bring.
    pub(super) fn expect_rows(&self, session: SessionId) {
        if let Some(collector) = &self.collector {
            collector.expect(session, &self.sessions.name(session));
        }
    }

    fn start(&mut self, session: SessionId, zero_at: Duration) {
        let zero_at_ns = u64::try_from(zero_at.as_nanos()).unwrap_or(u64::MAX);
        if self.zero_at.is_none() {
            self.zero_at = Some(zero_at);
            self.write(&Happened::Started { zero_at_ns });
        }
        self.send(session, Down::Start(v1::Start { zero_at: zero_at_ns }));
    }

    fn send_share(&mut self, session: SessionId, share: &Share) {
        let message = Down::Share(proto::share::to_wire(share, self.books.revisions()));
        self.send_hold(session, share.epoch, message);
    }

    fn send_stop(&mut self, session: SessionId, share: &Share) {
        let (mode, from) = (Mode::Drain.into(), share.from.nanos());
        self.send_hold(session, share.epoch, Down::Stop(v1::Stop { mode, from, share_epoch: share.epoch }));
    }

    /// Sends a share that must be answered. Who is to lose lanes by it gets no more time until it holds it.
    fn send_hold(&mut self, session: SessionId, epoch: u32, message: Down) {
        let fence = self.run.owners().fence(session);
        let Some(own) = self.sessions.get_mut(session) else { return };
        own.grant.set_fence(fence);
        let command = own.ask(Asked::Hold(epoch));
        self.send_command(session, command, message);
    }

    fn withdraw(&mut self, session: SessionId, force: bool) -> Option<Fact> {
        let timers = self.run.timers();
        let own = self.sessions.get(session)?;
        let before = self.clock.now() + timers.withdraw_early;
        let Some(until) = own.grant.withdraw(before, force) else { return Some(Fact::Alive(session)) };
        let until = until + margin(timers.lease_ttl, own.clock_bound);
        // Should it still be there it has to say on a new stream what it holds.
        self.sessions.get_mut(session).into_iter().for_each(Session::hang_up);
        Some(Fact::Withdrawn(session, until))
    }

    /// The load ends: what is due from then on was stopped.
    fn on_stopped(&mut self) {
        self.steering.refuse();
        let from = self.run.load_end();
        self.books.on_stop(from);
        let (why, text) = told_as(self.run.ending());
        self.write(&Happened::Stopped { from_ns: from.nanos(), why: why.into(), text });
    }

    fn on_revised(&mut self, at: RunTime) {
        for (revision, reply) in self.steering.revised(at) {
            if let Err(why) = self.books.revise(revision) {
                self.watcher.on_line(&format!("the load cannot be changed: {why}"));
                // Who does not wait for the answer does not need it.
                drop(reply.send(Err(why)));
                continue;
            }
            self.write(&Happened::revised(&revision));
            self.post.send(Mail::Revised(reply, at));
        }
        self.run.set_end(self.books.end());
    }

    fn tell(&mut self, event: Event) {
        let at = self.run_time();
        let at_ns = at.nanos();
        match event {
            Event::Lost(session, from, why) => {
                let name = self.sessions.name(session);
                self.watcher.on_line(&format!("agent {name} is lost: {why}"));
                // Who had no lanes is through with the whole plan.
                let since = self.books.resolved(session).min(at);
                self.books.on_lost(session, since, &why);
                self.write(&Happened::Expired {
                    session,
                    from_ns: from.nanos(),
                    since_ns: since.nanos(),
                    why,
                });
            }
            Event::Returned(session) => {
                self.books.on_returned(session, at);
                self.write(&Happened::Returned { session, at_ns });
            }
            Event::JoinedLate(session) => {
                let name = self.sessions.name(session);
                let text = "it joined while the load was on".to_owned();
                self.books.on_fault(FaultKind::AgentJoinedLate, Some(name), (at, Some(at)), text);
                self.write(&Happened::JoinedLate { session, at_ns });
            }
            Event::Left(session, why) => {
                let name = self.sessions.name(session);
                let text = format!("it handed over its lanes and left ({why})");
                self.books.on_fault(FaultKind::AgentLeft, Some(name), (at, Some(at)), text);
                self.write(&Happened::Left { session, at_ns, why });
            }
            Event::FiredBeyondLease(session) => self.on_broken(session, "it fired after its lease was over"),
            Event::Spare(session) => {
                let name = self.sessions.name(session);
                self.watcher.on_line(&format!("agent {name} was lost too often: it gets no more load"));
            }
        }
    }

    pub(super) fn on_broken(&mut self, session: SessionId, why: &str) {
        let at = self.run_time();
        self.books.on_broken(session, at, why);
        self.write(&Happened::Broken { session, at_ns: at.nanos(), why: why.to_owned() });
    }

    /// Sends something that wants no answer, once what it rests on is durable.
    pub(super) fn send(&mut self, session: SessionId, kind: Down) {
        self.send_command(session, 0, kind);
    }

    fn send_command(&mut self, session: SessionId, command: u64, kind: Down) {
        let Some(stream) = self.sessions.get(session).and_then(crate::sessions::Session::stream) else {
            return;
        };
        let message = Box::new(self.message(command, kind));
        self.post.send(Mail::Message(session, stream, message));
    }

    /// Sends something that must go out whatever becomes of the journal: it only takes load away.
    pub(super) fn send_now(&mut self, session: SessionId, kind: Down) {
        let message = self.message(0, kind);
        self.sessions.get(session).iter().for_each(|own| own.send(message.clone()));
    }

    fn message(&self, command: u64, kind: Down) -> v1::ControllerMessage {
        let (controller_epoch, run_id) = (self.post.epoch(), self.run_id.clone());
        v1::ControllerMessage { controller_epoch, run_id, command, kind: Some(kind) }
    }
}

/// How much later than the agent the controller takes a lease for ended: the error of the agent's run time, clocks
/// that run apart by 500 ppm each, and what a timer may be late.
fn margin(ttl: Duration, clock_bound: Duration) -> Duration {
    Duration::from_millis(50) + 2 * clock_bound + ttl / 1000
}
