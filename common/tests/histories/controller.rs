//! The controller's shell, modelled: streams, heartbeats, orders, a journal before everything that leaves.

use crate::chance::Chance;
use crate::check::{Check, Promise};
use crate::clock::{MS, Real};
use crate::journal::{Journal, Record};
use crate::script::{Sabotage, Script};
use crate::wire::{Conn, Packet, Resume, Revision};
use common::delta::{Delta, Inbox, Receipt};
use common::run::{Fact, Now, Run, SessionId, State};
use common::session::LeaseReply;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

mod desk;
mod orders;

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
    /// What this order asked for is prepared.
    Ready(SessionId, u64),
    /// The operator asks for another rate.
    Revise(u64),
}

#[derive(Clone, Debug)]
pub(crate) enum Timer {
    Tick,
    Commit,
    Feed(Note),
    /// A message that sabotage holds back.
    Late(Conn, Box<Packet>),
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
        at.check.saw("controller restarted");
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
            Timer::Late(conn, packet) => at.out.sends.push((conn, *packet)),
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
            Packet::Ready(command) => self.feed(Note::Ready(session, command), at),
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
            // An older order may have been answered while a newer one was on its way.
            Note::Ready(session, command) if self.assigned.get(&session) == Some(&command) => {
                self.obey(Fact::Ready(session), at);
            }
            Note::Ready(..) => {}
            Note::Revise(milli) => {
                self.wish = milli;
                self.obey(Fact::Revise, at);
            }
        }
    }

    fn on_hello(&mut self, agent: usize, conn: Conn, resume: Option<Resume>, at: &mut At<'_>) {
        let newer = self.session_of.range(conn..).any(|(own, _)| own >> 40 == conn >> 40);
        if newer && at.script.sabotage != Sabotage::OlderStream {
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
        let answered = delta.share_epoch <= self.run.owners().acked(session);
        if !answered && at.script.sabotage != Sabotage::BooksBeforeAnswer {
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

    /// The tallies that were applied, by session, and whether the session's last delta is among them.
    pub(crate) fn applied(&self, session: SessionId) -> u64 {
        let tallies = self.inboxes.get(&session).map(Inbox::tallies).unwrap_or_default();
        tallies.iter().map(common::measured::Tally::resolved).sum()
    }

    pub(crate) fn revisions(&self) -> &[Revision] {
        &self.revisions
    }
}
