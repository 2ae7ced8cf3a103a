//! The world of a history: time, processes that stop and die, a network that delays, holds back and breaks.

use crate::agent::{self, Agent};
use crate::chance::Chance;
use crate::check::{Check, Promise};
use crate::clock::{MS, Real, SECOND};
use crate::controller::{self, Controller, Note};
use crate::journal::Journal;
use crate::script::{Fault, Script};
use crate::wire::{Conn, Packet, Way};
use common::run::Fact;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Clone, Debug)]
enum Event {
    Arrive { agent: usize, conn: Conn, way: Way, packet: Box<Packet> },
    Agent { agent: usize, life: u64, timer: agent::Timer },
    Controller { boot: u64, timer: controller::Timer },
    Fault(Fault),
    Heal { agent: usize, up: bool, down: bool },
    Hurry(usize),
    Resume(usize),
    Restart(usize),
    RestartController,
}

/// The way between one agent and the controller.
#[derive(Debug, Default)]
struct Link {
    /// How many partitions block it now, up and down.
    blocked: [u32; 2],
    held: [Vec<(Conn, Packet)>; 2],
    slow: Real,
}

/// A process that may be stopped: what comes to it meanwhile waits.
#[derive(Debug, Default)]
struct Process {
    stopped_until: Real,
    backlog: VecDeque<Event>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) now: Real,
    queue: BTreeMap<(Real, u64), Event>,
    number: u64,
    chance: Chance,
    pub(crate) agents: Vec<Option<Agent>>,
    lives: Vec<u64>,
    pub(crate) controller: Option<Controller>,
    boot: u64,
    pub(crate) journal: Journal,
    links: Vec<Link>,
    /// The newest arrival of every channel: what is sent later arrives later.
    last: BTreeMap<(Conn, usize, Way), Real>,
    severed: BTreeSet<Conn>,
    /// The agents', and the controller's behind them.
    processes: Vec<Process>,
    pub(crate) check: Check,
    /// Since when the run is closed, durably.
    pub(crate) closed: Option<Real>,
}

impl World {
    pub(crate) fn new(script: Script) -> Self {
        let n = script.agents.len();
        let mut world = Self {
            chance: Chance::new(script.seed ^ 0x00e7),
            now: SECOND / 2,
            queue: BTreeMap::new(),
            number: 0,
            agents: (0..n).map(|_| None).collect(),
            lives: vec![0; n],
            controller: None,
            boot: 0,
            journal: Journal::default(),
            links: (0..n).map(|_| Link::default()).collect(),
            last: BTreeMap::new(),
            severed: BTreeSet::new(),
            processes: (0..=n).map(|_| Process::default()).collect(),
            check: Check::default(),
            closed: None,
            script,
        };
        world.schedule(world.now, Event::RestartController);
        for (at, fault) in world.script.faults.clone() {
            world.schedule(at, Event::Fault(fault));
        }
        world
    }

    /// Lives the history to its end, and a lease longer; then everything is looked at once more.
    pub(crate) fn run(&mut self) {
        let afterwards = 2 * SECOND + self.script.timers.lease_ttl.as_nanos() as u64;
        while let Some(((at, _), event)) = self.queue.pop_first() {
            self.now = at;
            if self.closed.is_some_and(|closed| at > closed + afterwards) {
                break;
            }
            if at > LONGEST {
                self.check.fail(Promise::End, at, || "the run does not end".into());
                break;
            }
            self.happen(event);
        }
        crate::books::close(self);
    }

    fn schedule(&mut self, at: Real, event: Event) {
        self.number += 1;
        self.queue.insert((at.max(self.now), self.number), event);
    }

    fn happen(&mut self, event: Event) {
        let process = match &event {
            Event::Arrive { agent, way: Way::Down, .. } | Event::Agent { agent, .. } => Some(*agent),
            Event::Arrive { way: Way::Up, .. } | Event::Controller { .. } => Some(self.agents.len()),
            _ => None,
        };
        if let Some(process) = process.filter(|process| self.processes[*process].stopped_until > self.now) {
            return self.processes[process].backlog.push_back(event);
        }
        match event {
            Event::Arrive { agent, conn, way: Way::Up, packet } => self.arrive_up(agent, conn, *packet),
            Event::Arrive { agent, conn, way: Way::Down, packet } => {
                self.check.note(self.now, || format!("agent {agent}: {packet:x?}"));
                self.with_agent(agent, |own, at| own.on_packet(conn, *packet, at));
            }
            Event::Agent { agent, life, timer } if life == self.lives[agent] => {
                self.with_agent(agent, |own, at| own.on_timer(timer, at));
            }
            Event::Controller { boot, timer } if boot == self.boot => {
                self.with_controller(|own, at| own.on_timer(timer, at));
            }
            Event::Fault(fault) => self.strike(fault),
            Event::Heal { agent, up, down } => self.heal(agent, [up, down]),
            Event::Hurry(agent) => self.links[agent].slow = 0,
            Event::Resume(process) => self.resume(process),
            Event::Restart(agent) => self.restart(agent),
            Event::RestartController => self.restart_controller(),
            Event::Agent { .. } | Event::Controller { .. } => {}
        }
    }

    fn with_agent(&mut self, agent: usize, act: impl FnOnce(&mut Agent, &mut agent::At<'_>)) {
        let Some(own) = &mut self.agents[agent] else { return };
        let mut out = agent::Out::default();
        let before = own.lease_end();
        let (script, check) = (&self.script, &mut self.check);
        act(own, &mut agent::At { now: self.now, script, check, out: &mut out });
        if own.lease_end() != before {
            self.check_lease(agent);
        }
        for (conn, packet) in out.sends {
            self.send(agent, conn, Way::Up, packet);
        }
        for (at, timer) in out.timers {
            self.schedule(at, Event::Agent { agent, life: self.lives[agent], timer });
        }
    }

    fn with_controller(&mut self, act: impl FnOnce(&mut Controller, &mut controller::At<'_>)) {
        let Some(own) = &mut self.controller else { return };
        let mut out = controller::Out::default();
        let (script, check, journal) = (&self.script, &mut self.check, &mut self.journal);
        let ended = own.ended.len();
        act(own, &mut controller::At { now: self.now, script, check, journal, out: &mut out });
        let (more, closed) = (own.ended.len() > ended, own.closed);
        for (conn, packet) in out.sends {
            self.send((conn >> 40) as usize, conn, Way::Down, packet);
        }
        for (at, timer) in out.timers {
            self.schedule(at, Event::Controller { boot: self.boot, timer });
        }
        if more {
            (0..self.agents.len()).for_each(|agent| self.check_lease(agent));
        }
        if closed && self.closed.is_none() {
            self.closed = Some(self.now);
        }
    }

    /// The controller must not think that a lease is over before the agent does.
    fn check_lease(&mut self, agent: usize) {
        let Some((session, until)) = self.agents[agent].as_ref().and_then(Agent::lease_end) else { return };
        let ended = self.controller.as_ref().and_then(|controller| controller.ended.get(&session));
        let Some(ended) = ended.map(|ended| self.script.controller.when(ended.as_nanos() as u64)) else {
            return;
        };
        if until > ended {
            self.check
                .fail(Promise::LeaseEnd, self.now, || format!("{session:x} until {until}, thought {ended}"));
        }
    }

    fn arrive_up(&mut self, agent: usize, conn: Conn, packet: Packet) {
        if !matches!(packet, Packet::Heartbeat { .. } | Packet::Delta(_)) {
            self.check.note(self.now, || format!("from agent {agent}: {packet:x?}"));
        }
        if self.controller.is_some() {
            self.with_controller(|own, at| own.on_packet(agent, conn, packet, at));
        } else if packet.is_dead_letter() {
            self.send(agent, conn, Way::Down, Packet::Hangup);
        }
    }

    fn send(&mut self, agent: usize, conn: Conn, way: Way, packet: Packet) {
        if self.severed.contains(&conn) {
            return;
        }
        if self.links[agent].blocked[way as usize] > 0 {
            return self.links[agent].held[way as usize].push((conn, packet));
        }
        let stutter = if self.chance.one_in(self.script.stutter) { 10 } else { 1 };
        let delay = 100_000 + self.chance.below(self.script.delay * stutter) + self.links[agent].slow;
        let last = self.last.entry((conn, packet.channel(), way)).or_default();
        *last = (self.now + delay).max(*last + 1);
        let at = *last;
        self.schedule(at, Event::Arrive { agent, conn, way, packet: Box::new(packet) });
    }

    fn strike(&mut self, fault: Fault) {
        self.check.note(self.now, || format!("FAULT {fault:?}"));
        let end = self.script.agents.len();
        match fault {
            Fault::Join(agent) => self.restart(agent),
            Fault::Leave(agent) => self.with_agent(agent, Agent::leave),
            Fault::Crash(agent, back) => {
                self.crash(agent);
                if let Some(back) = back {
                    self.schedule(self.now + back, Event::Restart(agent));
                }
            }
            Fault::Pause(agent, lasts) => self.stop(agent, lasts),
            Fault::PauseController(lasts) => self.stop(end, lasts),
            Fault::Partition { agent, up, down, lasts } => {
                self.links[agent].blocked[0] += u32::from(up);
                self.links[agent].blocked[1] += u32::from(down);
                self.schedule(self.now + lasts, Event::Heal { agent, up, down });
            }
            Fault::Cut(agent) => self.cut(agent),
            Fault::Slow(agent, by) => {
                self.links[agent].slow = by;
                self.schedule(self.now + 3 * by, Event::Hurry(agent));
            }
            Fault::CrashController(lasts) => {
                self.crash_controller();
                self.schedule(self.now + lasts, Event::RestartController);
            }
            Fault::Revise(milli) => self.with_controller(|own, at| own.feed(Note::Revise(milli), at)),
            Fault::Stop => self.with_controller(|own, at| own.feed(Note::Fact(Fact::Stopped), at)),
            Fault::Interrupt => self.with_controller(|own, at| own.feed(Note::Fact(Fact::Interrupted), at)),
        }
    }

    fn stop(&mut self, process: usize, lasts: Real) {
        let until = &mut self.processes[process].stopped_until;
        *until = (*until).max(self.now + lasts);
        let until = *until;
        self.schedule(until, Event::Resume(process));
    }

    /// What came in meanwhile is there at once; timers come in a moment.
    fn resume(&mut self, process: usize) {
        if self.processes[process].stopped_until > self.now {
            return;
        }
        let moment = self.chance.below(3 * MS);
        for event in std::mem::take(&mut self.processes[process].backlog) {
            // What waited in a queue stays in front of what comes now.
            let is_message = matches!(
                event,
                Event::Arrive { .. } | Event::Controller { timer: controller::Timer::Feed(_), .. }
            );
            let at = self.now + if is_message { 0 } else { moment };
            self.schedule(at, event);
        }
    }

    fn heal(&mut self, agent: usize, ways: [bool; 2]) {
        for way in [Way::Up, Way::Down] {
            let link = &mut self.links[agent];
            link.blocked[way as usize] -= u32::from(ways[way as usize]);
            if link.blocked[way as usize] == 0 {
                for (conn, packet) in std::mem::take(&mut link.held[way as usize]) {
                    self.send(agent, conn, way, packet);
                }
            }
        }
    }

    fn cut(&mut self, agent: usize) {
        let Some(conn) = self.agents[agent].as_ref().and_then(|own| own.conn) else { return };
        self.severed.insert(conn);
        let is_cut = |event: &Event| matches!(event, Event::Arrive { conn: own, .. } if *own == conn);
        self.queue.retain(|_, event| !is_cut(event));
        for way in [Way::Up, Way::Down] {
            let at = self.now + self.chance.below(400 * MS);
            self.schedule(at, Event::Arrive { agent, conn, way, packet: Box::new(Packet::Hangup) });
        }
    }

    fn crash(&mut self, agent: usize) {
        let Some(own) = self.agents[agent].take() else { return };
        self.lives[agent] += 1;
        self.processes[agent] = Process::default();
        // A machine that dies says nothing; a process that dies is hung up by its kernel.
        if let Some(conn) = own.conn.filter(|_| !self.chance.one_in(3)) {
            self.send(agent, conn, Way::Up, Packet::Hangup);
        }
    }

    fn restart(&mut self, agent: usize) {
        if self.agents[agent].is_some() || self.closed.is_some() {
            return;
        }
        self.lives[agent] += 1;
        self.agents[agent] = Some(Agent::new(agent, self.lives[agent], &self.script));
        self.with_agent(agent, Agent::begin);
    }

    fn crash_controller(&mut self) {
        if self.closed.is_some() || self.controller.take().is_none() {
            return;
        }
        let end = self.agents.len();
        self.processes[end] = Process::default();
        for agent in 0..end {
            if let Some(conn) = self.agents[agent].as_ref().and_then(|own| own.conn) {
                self.send(agent, conn, Way::Down, Packet::Hangup);
            }
        }
    }

    fn restart_controller(&mut self) {
        if self.controller.is_some() {
            return;
        }
        self.boot += 1;
        let mut out = controller::Out::default();
        let (script, check, journal) = (&self.script, &mut self.check, &mut self.journal);
        check.note(self.now, || "the controller starts".into());
        let own =
            Controller::new(&mut controller::At { now: self.now, script, check, journal, out: &mut out });
        self.controller = Some(own);
        for (at, timer) in out.timers {
            self.schedule(at, Event::Controller { boot: self.boot, timer });
        }
    }
}

/// By then every run is over.
const LONGEST: Real = 90 * SECOND;
