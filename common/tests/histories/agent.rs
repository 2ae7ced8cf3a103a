//! An agent's shell, modelled: connects, prepares, holds and switches its threads, beats, flushes, comes back.

use crate::chance::Chance;
use crate::check::{Check, Promise};
use crate::clock::{Clock, MS, Real};
use crate::engine::Engine;
use crate::script::{Sabotage, Script};
use crate::wire::{Conn, Packet, Resume, Revision, revised};
use common::arrivals::Timetable;
use common::delta::{Delta, Outbox};
use common::measured::Measured;
use common::run::SessionId;
use common::session::{LeaseReply, Session};
use common::share::Share;
use common::time::RunTime;
use std::sync::Arc;

/// What an agent waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timer {
    Connect,
    /// A connection attempt took too long.
    GiveUp(Conn),
    Beat(Conn),
    Flush,
    Prepared(u64),
    Wake {
        thread: usize,
        number: u64,
    },
    Answered {
        thread: usize,
        scenario: usize,
    },
}

/// What an agent does to the world.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) sends: Vec<(Conn, Packet)>,
    pub(crate) timers: Vec<(Real, Timer)>,
}

/// Everything that is handed to an agent besides the fact.
pub(crate) struct At<'a> {
    pub(crate) now: Real,
    pub(crate) script: &'a Script,
    pub(crate) check: &'a mut Check,
    pub(crate) out: &'a mut Out,
}

/// One agent; what a process knows is lost with it.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) clock: Clock,
    chance: Chance,
    pub(crate) conn: Option<Conn>,
    conns: u64,
    welcomed: Option<SessionId>,
    heard: u64,
    assigned: Option<(u64, Share)>,
    pub(crate) member: Option<Member>,
    pub(crate) leaving: bool,
    /// The controller let it go.
    pub(crate) released: bool,
}

/// A membership in the run.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) session: Session,
    pub(crate) engine: Engine,
    tables: Vec<Timetable>,
    /// Run time zero on the controller's clock, and when that is here.
    zero_at: u64,
    outbox: Outbox,
    fin: bool,
}

impl Agent {
    pub(crate) fn new(number: usize, life: u64, script: &Script) -> Self {
        let (clock, _) = script.agents[number];
        let chance = Chance::new(script.seed ^ (number as u64 + 1) << 40 ^ (life + 1) << 50);
        Self {
            clock,
            chance,
            conn: None,
            conns: (number as u64) << 40 | life << 20,
            welcomed: None,
            heard: 0,
            assigned: None,
            member: None,
            leaving: false,
            released: false,
        }
    }

    pub(crate) fn begin(&mut self, at: &mut At<'_>) {
        at.out.timers.push((at.now, Timer::Connect));
        at.out.timers.push((at.now + self.chance.below(500 * MS), Timer::Flush));
    }

    pub(crate) fn leave(&mut self, at: &mut At<'_>) {
        self.leaving = true;
        if self.welcomed.is_some() {
            self.send(at, Packet::Leave);
        }
    }

    pub(crate) fn on_timer(&mut self, timer: Timer, at: &mut At<'_>) {
        match timer {
            Timer::Connect if self.conn.is_none() && !self.released => self.connect(at),
            Timer::GiveUp(conn) if self.conn == Some(conn) && self.welcomed.is_none() => self.hang_up(at),
            Timer::Beat(conn) if self.conn == Some(conn) => self.beat(conn, at),
            Timer::Flush => self.flush(at),
            Timer::Prepared(command) => self.on_prepared(command, at),
            Timer::Wake { thread, number } => {
                self.member.iter_mut().for_each(|member| member.engine.on_wake(thread, number, at));
            }
            Timer::Answered { thread, scenario } => {
                self.member.iter_mut().for_each(|member| member.engine.on_answered(thread, scenario, at));
            }
            Timer::Connect | Timer::GiveUp(_) | Timer::Beat(_) => {}
        }
    }

    fn connect(&mut self, at: &mut At<'_>) {
        self.conns += 1;
        (self.conn, self.welcomed) = (Some(self.conns), None);
        let resume = |Member { session, .. }: &Member| Resume {
            session: session.id,
            held: session.held().cloned().collect(),
        };
        let resume = self.member.as_ref().map(resume);
        self.send(at, Packet::Hello(resume));
        at.out.timers.push((at.now + 1_000 * MS, Timer::GiveUp(self.conns)));
    }

    /// Gives the connection up and tries another soon.
    fn hang_up(&mut self, at: &mut At<'_>) {
        self.send(at, Packet::Hangup);
        self.lost(at);
    }

    fn lost(&mut self, at: &mut At<'_>) {
        (self.conn, self.welcomed) = (None, None);
        at.out.timers.push((at.now + self.chance.between(30, 500) * MS, Timer::Connect));
    }

    fn beat(&mut self, conn: Conn, at: &mut At<'_>) {
        let now = self.clock.at(at.now);
        if now > self.heard + 2_000 * MS {
            return self.hang_up(at);
        }
        self.heartbeat(at);
        at.out.timers.push((self.clock.when(now + 500 * MS), Timer::Beat(conn)));
    }

    fn heartbeat(&mut self, at: &mut At<'_>) {
        let share_epoch = self.member.as_ref().map_or(0, |member| member.session.holds().epoch);
        self.send(at, Packet::Heartbeat { sent_at: self.clock.at(at.now), share_epoch });
    }

    pub(crate) fn on_packet(&mut self, conn: Conn, packet: Packet, at: &mut At<'_>) {
        if self.conn != Some(conn) || self.released {
            return;
        }
        self.heard = self.clock.at(at.now);
        match packet {
            Packet::Welcome { epoch, session, resumed, last_applied } => {
                self.on_welcome((epoch, session), resumed, last_applied, at);
            }
            Packet::Assign { command, share } => {
                (self.member, self.assigned) = (None, Some((command, share)));
                let ready = at.now + self.chance.between(5, 250) * MS;
                at.out.timers.push((ready, Timer::Prepared(command)));
            }
            Packet::Start(zero_at) => self.start(zero_at, at),
            Packet::Share { share, revisions, last } => self.on_share(share, &revisions, last, at),
            Packet::Abort => self.member.iter_mut().for_each(|member| member.engine.abort(at)),
            Packet::Lease(reply) => self.on_lease(reply, at),
            Packet::DeltaAck(last) => self.member.iter_mut().for_each(|member| member.outbox.on_ack(last)),
            Packet::Release => {
                (self.released, self.member) = (true, None);
                self.hang_up(at);
            }
            Packet::Hangup => self.lost(at),
            _ => {}
        }
    }

    fn on_welcome(&mut self, (epoch, session): (u64, SessionId), resumed: bool, last: u64, at: &mut At<'_>) {
        let mut unacked: Vec<Arc<Delta>> = vec![];
        if let Some(member) = &mut self.member {
            if !member.session.obeys(epoch) {
                return self.hang_up(at);
            }
            member.outbox.on_ack(last);
            unacked = member.outbox.unacked().cloned().collect();
        }
        if !resumed {
            // The session is given up with what nobody took of its books.
            (self.member, self.assigned) = (None, None);
            unacked.clear();
        }
        self.welcomed = Some(session);
        unacked.into_iter().for_each(|delta| self.send(at, Packet::Delta(delta)));
        if self.leaving {
            self.send(at, Packet::Leave);
        }
        let conn = self.conn.unwrap_or_default();
        self.beat(conn, at);
    }

    fn on_prepared(&mut self, command: u64, at: &mut At<'_>) {
        let (Some(id), Some((_, share))) = (self.welcomed, self.assigned.take_if(|own| own.0 == command))
        else {
            return;
        };
        let tables = at.script.timetables();
        let mut session = Session::new(id, 0);
        session.take(share.clone(), share.from);
        let outbox = Outbox::new(Measured::sized(tables.len(), 0), WINDOW);
        let engine = Engine::new(id, self.clock, self.chance.fork(), &tables, (&share, at.script));
        self.member = Some(Member { session, engine, tables, zero_at: 0, outbox, fin: false });
        self.send(at, Packet::Ready(command));
        self.heartbeat(at);
    }

    /// An estimate of run time zero on this clock, as far off as it may be.
    fn estimate(&mut self, zero_at: u64, at: &At<'_>) -> u64 {
        let off =
            i128::from(self.chance.between(0, 2 * at.script.zero_bound)) - i128::from(at.script.zero_bound);
        let ahead = i128::from(zero_at) - i128::from(at.script.controller.at(at.now));
        (i128::from(self.clock.at(at.now)) + ahead + off) as u64
    }

    fn start(&mut self, zero_at: u64, at: &mut At<'_>) {
        let zero = self.estimate(zero_at, at);
        let Some(member) = self.member.as_mut().filter(|member| member.engine.zero.is_none()) else { return };
        member.zero_at = zero_at;
        member.engine.start(zero, at);
    }

    /// Takes a share from where all threads can let go.
    fn on_share(&mut self, share: Share, revisions: &[Revision], last: bool, at: &mut At<'_>) {
        let Some(member) = &mut self.member else { return };
        if member.session.is_news(&share) {
            let tables = revised(&member.tables, revisions);
            // Whoever has sealed the last delta never takes anything any more.
            let never =
                member.fin && !share.lanes.is_empty() && at.script.sabotage != Sabotage::TakesAfterLast;
            let earliest = if never { RunTime::MAX } else { share.from };
            let from = member.engine.adopt((earliest, &share.lanes), &tables, last, at);
            member.session.take(share, from);
        }
        let Share { epoch, from, .. } = *member.session.holds();
        self.send(at, Packet::Ack { epoch, from });
        self.heartbeat(at);
    }

    fn on_lease(&mut self, reply: LeaseReply, at: &mut At<'_>) {
        let zero_at = self.member.as_ref().map_or(0, |member| member.zero_at);
        let zero = self.estimate(zero_at, at);
        let ttl = at.script.timers.lease_ttl.as_nanos() as u64;
        let Some(member) = &mut self.member else { return };
        let lease = match at.script.sabotage {
            Sabotage::NoFence | Sabotage::NoFenceAtAgent => reply.granted.then_some(reply.sent_at + ttl),
            _ => member.session.lease(reply, ttl),
        };
        member.engine.lease_end = member.engine.lease_end.max(lease.unwrap_or_default());
        member.engine.follow(zero, at.script.zero_bound);
    }

    fn flush(&mut self, at: &mut At<'_>) {
        at.out.timers.push((self.clock.when(self.clock.at(at.now) + 500 * MS), Timer::Flush));
        let Some(member) = &mut self.member else { return };
        if member.fin || !member.engine.has_begun(at.now) {
            return;
        }
        let measured = member.engine.take();
        member.outbox.add(&measured).expect("counts fit");
        member.outbox.set_cursors(member.engine.cursors());
        let fin = member.engine.is_finished();
        let sealed = member.outbox.seal(member.session.holds().epoch, fin).expect("counts fit");
        let waiting = member.outbox.unacked().count();
        // The last one always has room.
        if waiting > WINDOW + usize::from(fin) {
            at.check.fail(Promise::Memory, at.now, || format!("{waiting} deltas wait for their ack"));
        }
        at.check.note(at.now, || {
            format!(
                "agent of {:x} seals {:?} fin {fin}",
                member.session.id,
                sealed.as_ref().map(|delta| (delta.seq, delta.share_epoch))
            )
        });
        if let Some(delta) = sealed {
            member.fin = delta.fin;
            if self.welcomed.is_some() {
                self.send(at, Packet::Delta(delta));
            }
        }
    }

    fn send(&self, at: &mut At<'_>, packet: Packet) {
        if let Some(conn) = self.conn {
            at.out.sends.push((conn, packet));
        }
    }

    /// When its lease ends, in real time.
    pub(crate) fn lease_end(&self) -> Option<(SessionId, Real)> {
        let member = self.member.as_ref()?;
        Some((member.session.id, self.clock.when(member.engine.lease_end)))
    }
}

/// Deltas that may wait for their ack.
const WINDOW: usize = 8;
