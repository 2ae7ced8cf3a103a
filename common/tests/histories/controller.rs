//! The controller's shell, modelled: streams, heartbeats, orders, a journal before everything that leaves.

use crate::chance::Chance;
use crate::check::{Check, Promise};
use crate::clock::{MS, Real};
use crate::journal::{Journal, Record};
use crate::script::{Sabotage, Script};
use crate::wire::{Conn, Packet, Resume, Revision};
use common::delta::{Delta, Inbox, Receipt};
use common::run::{Ending, Event, Fact, Now, Order, Run, SessionId, State};
use common::session::LeaseReply;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What waits in the coordinator's queue.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Fact(Fact),
    Hello {
        agent: usize,
        conn: Conn,
        resume: Option<Resume>,
    },
    Delta {
        conn: Conn,
        session: SessionId,
        delta: Arc<Delta>,
    },
    Closed(Conn),
    /// The operator asks for another rate.
    Revise(u64),
}

#[derive(Clone, Debug)]
pub(crate) enum Timer {
    Tick,
    Commit,
    Feed(Note),
    /// A message that sabotage holds back.
    Late(Conn, Packet),
}

#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) sends: Vec<(Conn, Packet)>,
    pub(crate) timers: Vec<(Real, Timer)>,
}

/// Everything that is handed to the controller besides the fact.
pub(crate) struct At<'a> {
    pub(crate) now: Real,
    pub(crate) script: &'a Script,
    pub(crate) check: &'a mut Check,
    pub(crate) journal: &'a mut Journal,
    pub(crate) out: &'a mut Out,
}

impl At<'_> {
    fn local(&self) -> Now {
        Duration::from_nanos(self.script.controller.at(self.now))
    }
}

/// Whether heartbeats renew a session's lease, and until when it lasts at most, on the controller's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Grant {
    pub(crate) on: bool,
    pub(crate) until: Now,
}

#[derive(Debug)]
pub(crate) struct Controller {
    pub(crate) run: Run,
    epoch: u64,
    sessions: u64,
    commands: u64,
    chance: Chance,
    grants: BTreeMap<SessionId, Grant>,
    /// The stream of every session that is here.
    pub(crate) conns: BTreeMap<SessionId, Conn>,
    session_of: BTreeMap<Conn, SessionId>,
    agent_of: BTreeMap<SessionId, usize>,
    assigned: BTreeMap<SessionId, u64>,
    inboxes: BTreeMap<SessionId, Inbox>,
    revisions: Vec<Revision>,
    wish: u64,
    /// Leases that were withdrawn, with their ends.
    pub(crate) ended: BTreeMap<SessionId, Now>,
    volatile: VecDeque<Record>,
    appended: u64,
    durable: u64,
    /// How far the commit that is under way reaches.
    committing: Option<u64>,
    waiting: VecDeque<(u64, Conn, Packet)>,
    /// Deltas that came before the answer to the share under which they were sealed.
    early: VecDeque<(Conn, SessionId, Arc<Delta>)>,
    fed: Real,
    pub(crate) closed: bool,
}

impl Controller {
    /// A controller on an empty journal, or on that of one which ended before the load began.
    pub(crate) fn new(at: &mut At<'_>) -> Self {
        at.journal.epoch += 1;
        let run =
            Run::new(at.script.expect, at.script.end(), at.script.on_loss, at.script.timers, at.local());
        let mut controller = Self {
            run,
            epoch: at.journal.epoch,
            sessions: 0,
            commands: 0,
            chance: Chance::new(at.script.seed ^ at.journal.epoch << 32),
            grants: BTreeMap::new(),
            conns: BTreeMap::new(),
            session_of: BTreeMap::new(),
            agent_of: BTreeMap::new(),
            assigned: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            revisions: vec![],
            wish: 0,
            ended: BTreeMap::new(),
            volatile: VecDeque::new(),
            appended: 0,
            durable: 0,
            committing: None,
            waiting: VecDeque::new(),
            early: VecDeque::new(),
            fed: 0,
            closed: false,
        };
        if let Some(zero_at) = at.journal.started() {
            controller.restore(zero_at, at);
        }
        at.out.timers.push((at.now, Timer::Tick));
        controller
    }

    fn restore(&mut self, zero_at: u64, at: &mut At<'_>) {
        let restored = crate::restore::Restored::of(at.journal);
        // Whatever was granted was granted before now.
        let until = at.local() + at.script.timers.lease_ttl + at.script.margin;
        for (session, agent, _) in at.journal.sessions() {
            self.grants.insert(session, Grant { on: false, until });
            self.agent_of.insert(session, agent);
            let mut inbox = Inbox::new(at.script.scenarios.len());
            for delta in at.journal.deltas(session) {
                if inbox.on_delta(delta) != Receipt::Apply {
                    at.check.fail(Promise::Deltas, at.now, || format!("{session:x}: {} restored", delta.seq));
                }
            }
            self.inboxes.insert(session, inbox);
        }
        self.revisions = restored.revisions;
        self.run.resume(Duration::from_nanos(zero_at), restored.members, restored.owners, at.local());
        if restored.draining {
            self.feed(Note::Fact(Fact::Stopped), at);
        }
    }

    pub(crate) fn on_timer(&mut self, timer: Timer, at: &mut At<'_>) {
        match timer {
            Timer::Tick => {
                self.obey(Fact::Tick, at);
                at.out.timers.push((at.now + 100 * MS, Timer::Tick));
            }
            Timer::Commit => self.on_commit(at),
            Timer::Late(conn, packet) => at.out.sends.push((conn, packet)),
            Timer::Feed(note) => self.on_note(note, at),
        }
    }

    /// What comes over a stream; heartbeats are answered here and now, everything else goes to the coordinator.
    pub(crate) fn on_packet(&mut self, agent: usize, conn: Conn, packet: Packet, at: &mut At<'_>) {
        if let Packet::Hello(resume) = packet {
            return self.feed(Note::Hello { agent, conn, resume }, at);
        }
        let Some(session) = self.session_of.get(&conn).copied() else {
            // Another controller's stream, or one whose Hello waits in the queue.
            if packet.is_dead_letter() {
                at.out.sends.push((conn, Packet::Hangup));
            }
            return;
        };
        let current = self.conns.get(&session) == Some(&conn);
        match packet {
            Packet::Hangup => self.feed(Note::Closed(conn), at),
            // What a stream brings that was given up is said again on the next.
            _ if !current => {}
            Packet::Delta(delta) => self.feed(Note::Delta { conn, session, delta }, at),
            Packet::Heartbeat { sent_at, share_epoch } => {
                self.on_heartbeat(session, conn, (sent_at, share_epoch), at)
            }
            Packet::Ready(command) if self.assigned.get(&session) == Some(&command) => {
                self.feed(Note::Fact(Fact::Ready(session)), at);
            }
            Packet::Ack { epoch, from } => self.feed(Note::Fact(Fact::Holds { session, epoch, from }), at),
            Packet::Leave => self.feed(Note::Fact(Fact::Leaves(session, "asked".into())), at),
            _ => {}
        }
    }

    fn on_heartbeat(
        &mut self,
        session: SessionId,
        conn: Conn,
        (sent_at, share_epoch): (u64, u32),
        at: &mut At<'_>,
    ) {
        let fence = self.run.owners().fence(session);
        let grant = self.grants.entry(session).or_default();
        let granted = grant.on && (share_epoch >= fence || at.script.sabotage == Sabotage::NoFence);
        if granted {
            grant.until = grant.until.max(at.local() + at.script.timers.lease_ttl + at.script.margin);
        }
        at.out.sends.push((conn, Packet::Lease(LeaseReply { sent_at, granted, share_epoch: fence })));
        self.feed(Note::Fact(Fact::Alive(session)), at);
    }

    /// The coordinator comes to it in a moment, in order.
    pub(crate) fn feed(&mut self, note: Note, at: &mut At<'_>) {
        let moment = if self.chance.one_in(4) { self.chance.below(8 * MS) } else { 0 };
        self.fed = self.fed.max(at.now + moment);
        at.out.timers.push((self.fed, Timer::Feed(note)));
    }

    fn on_note(&mut self, note: Note, at: &mut At<'_>) {
        match note {
            Note::Fact(fact) => {
                let answered = matches!(fact, Fact::Holds { .. });
                self.obey(fact, at);
                for (conn, session, delta) in
                    if answered { std::mem::take(&mut self.early) } else { VecDeque::new() }
                {
                    self.on_delta(conn, session, &delta, at);
                }
            }
            Note::Hello { agent, conn, resume } => self.on_hello(agent, conn, resume, at),
            Note::Delta { conn, session, delta } => self.on_delta(conn, session, &delta, at),
            Note::Closed(conn) => {
                let Some(session) = self.session_of.get(&conn).copied() else { return };
                if self.conns.get(&session) == Some(&conn) {
                    self.conns.remove(&session);
                    self.obey(Fact::Away(session, "the stream ended".into()), at);
                }
            }
            Note::Revise(milli) => {
                self.wish = milli;
                self.obey(Fact::Revise, at);
            }
        }
    }

    fn on_hello(&mut self, agent: usize, conn: Conn, resume: Option<Resume>, at: &mut At<'_>) {
        if self.session_of.range(conn..).any(|(own, _)| own >> 40 == conn >> 40) {
            // A newer stream of this agent came faster than this one.
            return at.out.sends.push((conn, Packet::Hangup));
        }
        if self.closed {
            at.out.sends.push((conn, Packet::Release));
            return;
        }
        let back = resume.filter(|resume| self.run.may_return(resume.session));
        if let Some(Resume { session, held }) = back {
            self.conns.insert(session, conn);
            self.session_of.insert(conn, session);
            let last_applied = self.inboxes.get(&session).map_or(0, Inbox::last_applied);
            self.post(
                session,
                Packet::Welcome { epoch: self.epoch, session, resumed: true, last_applied },
                at,
            );
            return self.obey(Fact::Back(session, held), at);
        }
        // Whatever it was before, it is no longer.
        let mine = self.agent_of.iter().filter(|(_, own)| **own == agent).map(|(session, _)| *session);
        for old in mine.collect::<Vec<_>>() {
            if self.conns.remove(&old).is_some() {
                self.obey(Fact::Away(old, "it came anew".into()), at);
            }
        }
        if matches!(self.run.state(), State::Draining | State::Over) {
            at.out.sends.push((conn, Packet::Release));
            return;
        }
        self.sessions += 1;
        let (session, claim) = (self.epoch << 32 | self.sessions, at.script.agents[agent].1);
        self.append(Record::Opened { session, agent, claim }, at);
        self.conns.insert(session, conn);
        self.session_of.insert(conn, session);
        self.agent_of.insert(session, agent);
        self.inboxes.insert(session, Inbox::new(at.script.scenarios.len()));
        self.post(
            session,
            Packet::Welcome { epoch: self.epoch, session, resumed: false, last_applied: 0 },
            at,
        );
        self.obey(Fact::Joined { session, name: format!("a{agent}"), claim }, at);
    }

    fn on_delta(&mut self, conn: Conn, session: SessionId, delta: &Arc<Delta>, at: &mut At<'_>) {
        let Some(inbox) = self.inboxes.get_mut(&session) else { return };
        if self.conns.get(&session) != Some(&conn) {
            return;
        }
        if delta.share_epoch > self.run.owners().acked(session) {
            // Two streams: the answer to the share under which it was sealed must come first.
            return self.early.push_back((conn, session, Arc::clone(delta)));
        }
        let receipt = inbox.on_delta(delta);
        let last = inbox.last_applied();
        match receipt {
            Receipt::Apply => self.append(Record::Delta(session, Arc::clone(delta)), at),
            Receipt::Duplicate => {}
            Receipt::Missing => return,
            Receipt::Broken(why) => {
                at.check.fail(Promise::Deltas, at.now, || format!("{session:x}: {why}"));
                return self.obey(Fact::Broken(session, why), at);
            }
        }
        self.post_to(conn, Packet::DeltaAck(last), at);
        if delta.fin && receipt == Receipt::Apply {
            self.obey(Fact::Finished(session), at);
        }
    }

    /// Takes a fact and carries out what is ordered, and what follows from that.
    pub(crate) fn obey(&mut self, fact: Fact, at: &mut At<'_>) {
        let mut facts = VecDeque::from([fact]);
        while let Some(fact) = facts.pop_front() {
            if !matches!(fact, Fact::Tick | Fact::Alive(_)) {
                at.check.note(at.now, || format!("controller: {fact:x?}"));
            }
            match fact {
                Fact::Ready(session) => self.append(Record::Ready(session), at),
                Fact::Back(session, _) => self.append(Record::Returned(session), at),
                _ => {}
            }
            let before = self.run.state();
            let orders = self.run.on(fact, at.local());
            if orders.iter().any(|order| matches!(order, Order::Assign(_, share) if share.epoch > 0)) {
                self.append(Record::Dealt, at);
            }
            let news = self.run.owners_mut().take_news();
            if !news.is_empty() {
                self.append(Record::Owned(news), at);
            }
            if before == State::Running && self.run.state() == State::Draining {
                self.append(Record::Draining, at);
            }
            for order in orders {
                at.check.saw(order_name(&order));
                at.check.note(at.now, || format!("controller:     {order:x?}"));
                self.carry_out(order, &mut facts, at);
            }
        }
    }

    fn carry_out(&mut self, order: Order, facts: &mut VecDeque<Fact>, at: &mut At<'_>) {
        match order {
            Order::Assign(session, share) => {
                self.grants.entry(session).or_default().on = true;
                self.commands += 1;
                self.assigned.insert(session, self.commands);
                self.post(session, Packet::Assign { command: self.commands, share }, at);
            }
            Order::Start(session, zero_at) => {
                let zero_at = u64::try_from(zero_at.as_nanos()).expect("a clock");
                self.append(Record::Started(zero_at), at);
                self.post(session, Packet::Start(zero_at), at);
            }
            Order::Share(session, share) | Order::Stop(session, share)
                if at.script.sabotage == Sabotage::GrowEarly
                    && self.run.owners().fence(session) == share.epoch =>
            {
                facts.push_back(Fact::Holds { session, epoch: share.epoch, from: share.from });
                let last = self.run.state() == State::Draining;
                let packet = Packet::Share { share, revisions: self.revisions.clone(), last };
                let late = at.now + self.chance.between(700, 1_500) * MS;
                at.out.timers.extend(self.conns.get(&session).map(|conn| (late, Timer::Late(*conn, packet))));
            }
            Order::Share(session, share) => {
                let packet = Packet::Share { share, revisions: self.revisions.clone(), last: false };
                self.post(session, packet, at);
            }
            Order::Stop(session, share) => {
                let packet = Packet::Share { share, revisions: self.revisions.clone(), last: true };
                self.post(session, packet, at);
            }
            Order::Abort => {
                for session in self.conns.keys().copied().collect::<Vec<_>>() {
                    self.post(session, Packet::Abort, at);
                }
            }
            Order::Withdraw { session, force } => facts.push_back(self.withdraw(session, force, at)),
            Order::Readmit(session) => {
                self.grants.entry(session).or_default().on = true;
                self.ended.remove(&session);
            }
            Order::Dismiss(session) => self.post(session, Packet::Release, at),
            Order::Revised(from) => {
                let revision = Revision { at: from, milli: self.wish };
                self.revisions.push(revision);
                self.append(Record::Revised(revision), at);
            }
            Order::Tell(Event::Lost(session, from, _)) => self.append(Record::Expired(session, from), at),
            Order::Tell(Event::FiredBeyondLease(session)) => {
                at.check.fail(Promise::Accused, at.now, || format!("{session:x} fired beyond its lease"));
            }
            Order::Tell(_) => {}
            Order::Close(ending) => {
                self.append(Record::Closed(ending), at);
                for session in self.conns.keys().copied().collect::<Vec<_>>() {
                    self.post(session, Packet::Release, at);
                }
            }
        }
    }

    /// Ends a lease unless it was renewed lately, and then also the stream: its agent has to come back.
    fn withdraw(&mut self, session: SessionId, force: bool, at: &mut At<'_>) -> Fact {
        let now = at.local();
        let grant = self.grants.entry(session).or_default();
        if !force && grant.until > now + at.script.timers.withdraw_early + at.script.margin {
            return Fact::Alive(session);
        }
        grant.on = false;
        let until = if at.script.sabotage == Sabotage::NoWait { now } else { grant.until };
        self.ended.insert(session, until);
        if let Some(conn) = self.conns.remove(&session) {
            at.out.sends.push((conn, Packet::Hangup));
        }
        Fact::Withdrawn(session, until)
    }

    fn append(&mut self, record: Record, at: &mut At<'_>) {
        self.volatile.push_back(record);
        self.appended += 1;
        self.commit_soon(at);
    }

    fn commit_soon(&mut self, at: &mut At<'_>) {
        if self.committing.is_none() && self.durable < self.appended {
            self.committing = Some(self.appended);
            at.out.timers.push((at.now + 1 + self.chance.below(at.script.commit), Timer::Commit));
        }
    }

    fn on_commit(&mut self, at: &mut At<'_>) {
        let upto = self.committing.take().unwrap_or(self.durable);
        while self.durable < upto {
            let record = self.volatile.pop_front().expect("what was appended");
            self.closed |= matches!(record, Record::Closed(_));
            at.journal.records.push(record);
            self.durable += 1;
        }
        while let Some((_, conn, packet)) = self.waiting.pop_front_if(|(number, ..)| *number <= self.durable)
        {
            at.out.sends.push((conn, packet));
        }
        self.commit_soon(at);
    }

    fn post(&mut self, session: SessionId, packet: Packet, at: &mut At<'_>) {
        if let Some(conn) = self.conns.get(&session).copied() {
            self.post_to(conn, packet, at);
        }
    }

    /// Sends when everything that was written so far is durable.
    fn post_to(&mut self, conn: Conn, packet: Packet, at: &mut At<'_>) {
        if self.durable < self.appended && at.script.sabotage != Sabotage::NotDurable {
            self.waiting.push_back((self.appended, conn, packet));
        } else {
            at.out.sends.push((conn, packet));
        }
    }

    /// The tallies that were applied, by session, and whether the session's last delta is among them.
    pub(crate) fn applied(&self, session: SessionId) -> u64 {
        let tallies = self.inboxes.get(&session).map(Inbox::tallies).unwrap_or_default();
        tallies.iter().map(common::measured::Tally::resolved).sum()
    }

    pub(crate) fn revisions(&self) -> &[Revision] {
        &self.revisions
    }
}

/// What a history saw, for the count of what the histories cover.
fn order_name(order: &Order) -> &'static str {
    match order {
        Order::Assign(..) => "assign",
        Order::Start(..) => "start",
        Order::Share(..) => "share",
        Order::Stop(..) => "stop",
        Order::Abort => "abort",
        Order::Withdraw { .. } => "withdraw",
        Order::Readmit(_) => "readmit",
        Order::Dismiss(_) => "dismiss",
        Order::Revised(_) => "revised",
        Order::Tell(Event::Lost(..)) => "lost",
        Order::Tell(Event::Returned(_)) => "returned",
        Order::Tell(Event::JoinedLate(_)) => "joined late",
        Order::Tell(Event::Left(..)) => "left",
        Order::Tell(Event::FiredBeyondLease(_)) => "fired beyond lease",
        Order::Tell(Event::Spare(_)) => "spare",
        Order::Close(Ending::Completed) => "completed",
        Order::Close(Ending::Interrupted) => "interrupted",
        Order::Close(Ending::Aborted) => "aborted",
        Order::Close(Ending::Stopped) => "stopped",
        Order::Close(Ending::AgentLost(_)) => "agent lost",
        Order::Close(Ending::StoreFailed(_)) => "store failed",
        Order::Close(Ending::NotStarted(_)) => "not started",
    }
}
