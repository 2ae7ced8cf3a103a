//! A simulated engine thread: a task with the real streams (pacer, slots) and the real recorder.

use crate::record::{Record, Shot, now};
use crate::target::{Frame, frame, parts};
use crate::wire::{News, Wire};
use agent::clock::RunClock;
use agent::engine::ended::{Answered, Ended, Job};
use agent::engine::recorder::Recorder;
use agent::engine::stream::{Stream, slots};
use agent::engine::{Command, Part, Setup, Snapshot, Thread};
use agent::lease::Lease;
use agent::world::Engine;
use common::arrivals::Due;
use common::clock::Clock;
use common::lane::deal;
use common::measured::Measured;
use common::outcome::Outcome;
use common::pacer::Order;
use common::plan::Plan;
use common::series::{Route, routes};
use common::share::Share;
use common::time::RunTime;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What an engine does wrong on purpose, to see that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// It fires without a lease.
    NoLease,
    /// It sends every hundredth arrival twice.
    Twice,
    /// It does not count every hundredth arrival.
    Uncounted,
}

/// The engine of one simulated agent.
#[must_use]
pub fn engine(agent: u32, clock: Clock, record: Record, sabotage: Option<Sabotage>) -> Engine {
    Arc::new(move |setup: &Setup| {
        let hands = deal(&vec![1; setup.threads], &setup.share.lanes);
        let start = |(number, lanes)| {
            let (thread, orders) = Thread::new();
            let share = Share { lanes, ..setup.share.clone() };
            let host = Host { agent, clock: clock.clone(), record: record.clone(), sabotage };
            tokio::spawn(run(Hand::new(setup, number, &share, host)?, orders));
            Ok(thread)
        };
        hands.into_iter().enumerate().map(start).collect()
    })
}

/// Where an engine runs.
#[derive(Clone, Debug)]
struct Host {
    agent: u32,
    clock: Clock,
    record: Record,
    sabotage: Option<Sabotage>,
}

/// One engine thread.
struct Hand {
    host: Host,
    plan: Arc<Plan>,
    routes: Vec<Route>,
    streams: Vec<Stream>,
    recorder: Recorder,
    lease: Arc<Lease>,
    zero: Option<RunClock>,
    skew: Option<u64>,
    wire: Option<Wire>,
    wires: u64,
    warming: Option<oneshot::Sender<Result<(), String>>>,
    /// Requests under way, by scenario and arrival: when they were due and sent.
    open: BTreeMap<(u32, u64), (Due, RunTime)>,
}

/// When the hand looks again.
enum Rest {
    At(RunTime),
    Now,
    Idle,
}

async fn run(mut hand: Hand, mut orders: mpsc::UnboundedReceiver<Command>) {
    let (tell, mut news) = mpsc::unbounded_channel();
    loop {
        let rest = hand.pump(&tell).map(|at| hand.until(at));
        let rest = async {
            match rest {
                Some(Duration::ZERO) => tokio::task::yield_now().await,
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(order) => hand.obey(order, &tell),
                None => return,
            },
            Some(news) = news.recv() => hand.hear(news),
            () = rest => {}
        }
    }
}

impl Hand {
    fn new(setup: &Setup, number: usize, share: &Share, host: Host) -> Result<Self, String> {
        let plan = Arc::clone(&setup.plan);
        let part = |all| slots(all, number, setup.threads);
        let streams = plan
            .scenarios
            .iter()
            .map(|scenario| Stream::new(&plan, scenario, share, part(scenario.max_in_flight)));
        Ok(Self {
            host,
            streams: streams.collect::<Result<_, _>>()?,
            recorder: Recorder::new(Measured::for_plan(&plan)),
            lease: Arc::clone(&setup.lease),
            routes: routes(&plan),
            plan,
            zero: None,
            skew: None,
            wire: None,
            wires: 0,
            warming: None,
            open: BTreeMap::new(),
        })
    }

    fn now(&self) -> RunTime {
        self.zero.map_or(RunTime::ZERO, |zero| zero.at(self.host.clock.now_ns()))
    }

    /// How long it is until a run time; at least what a timer can wait.
    fn until(&self, at: RunTime) -> Duration {
        let local = self.zero.map_or(0, |zero| zero.local(at));
        Duration::from_nanos(local.saturating_sub(self.host.clock.now_ns()))
    }

    fn obey(&mut self, order: Command, tell: &mpsc::UnboundedSender<News>) {
        match order {
            Command::Warm(reply) => {
                self.warming = Some(reply);
                self.connect(tell);
            }
            Command::Start(zero) => self.zero = Some(RunClock { zero }),
            // Whoever asked and did not wait for the answer does not need it.
            Command::Hold(from, reply) => reply.send(self.hold(from)).unwrap_or_default(),
            Command::Switch(from, parts) => self.switch(from, parts),
            Command::Abort => self.abort(),
            Command::Take(reply) => drop(reply.send(self.snapshot())),
        }
    }

    fn connect(&mut self, tell: &mpsc::UnboundedSender<News>) -> &Wire {
        let wires = &mut self.wires;
        self.wire.get_or_insert_with(|| {
            *wires += 1;
            Wire::open(*wires, tell.clone())
        })
    }

    /// Fires what is due; says when to look again.
    fn pump(&mut self, tell: &mpsc::UnboundedSender<News>) -> Option<RunTime> {
        let zero = self.zero?;
        let local = self.host.clock.now_ns();
        if local < zero.zero {
            return Some(RunTime::ZERO);
        }
        self.skew.get_or_insert(local - zero.zero);
        if let Some(until) = self.host.record.stalled(self.host.agent) {
            return Some(zero.at(local + u64::try_from(until.as_nanos()).unwrap_or(0)));
        }
        self.sweep();
        let sweep = (!self.open.is_empty()).then(|| self.now() + SWEEP);
        (0..self.streams.len()).fold(sweep, |earliest, scenario| {
            let at = match self.pump_one(scenario, tell) {
                Rest::At(at) => at,
                Rest::Now => self.now(),
                Rest::Idle => return earliest,
            };
            Some(earliest.map_or(at, |earliest| earliest.min(at)))
        })
    }

    fn pump_one(&mut self, scenario: usize, tell: &mpsc::UnboundedSender<News>) -> Rest {
        for _ in 0..PIECE {
            let now = self.now();
            let lease = self.lease.holds(self.host.clock.now_ns());
            let lease = lease || self.host.sabotage == Some(Sabotage::NoLease);
            let queued = self.streams[scenario].is_queued();
            match self.streams[scenario].next(now, lease) {
                Order::Fire(due) => {
                    if !queued {
                        self.recorder.released(now.since(due.at));
                    }
                    self.fire(scenario, due, tell);
                }
                Order::Skip(_, reason) => self.recorder.skipped(scenario, reason),
                Order::Wait(at) => return Rest::At(at),
                Order::WaitForSlot | Order::WaitForShare | Order::Done => return Rest::Idle,
            }
        }
        Rest::Now
    }

    fn fire(&mut self, scenario: usize, due: Due, tell: &mpsc::UnboundedSender<News>) {
        self.streams[scenario].enter();
        let spoiled = self.host.sabotage.filter(|_| due.k % 100 == 99);
        if spoiled != Some(Sabotage::Uncounted) {
            self.recorder.started(scenario, self.job(scenario, due).series, due);
        }
        let (agent, number) = (self.host.agent, u32::try_from(scenario).unwrap_or(u32::MAX));
        self.host.record.pages().fired.push(Shot {
            scenario: number,
            k: due.k,
            due: due.at,
            agent,
            at: now(),
        });
        self.open.insert((number, due.k), (due, self.now()));
        let wire = self.connect(tell);
        wire.send(frame(number, agent, due.k));
        if spoiled == Some(Sabotage::Twice) {
            wire.send(frame(number, agent, due.k));
        }
    }

    /// The only step of a scenario: more of them are not simulated.
    fn job(&self, scenario: usize, due: Due) -> Job {
        let series = self.routes[scenario].steps[0];
        Job {
            scenario,
            step: 0,
            series,
            request: scenario,
            due,
            user: 0,
            round: 0,
            iteration: None,
            then: None,
            whole: true,
        }
    }

    fn hear(&mut self, news: News) {
        let own = self.wire.as_ref().map(|wire| wire.number);
        match news {
            News::Connected(number) if Some(number) == own => self.warmed(Ok(())),
            News::Answered(number, answer) if Some(number) == own => self.answered(answer),
            News::Broken(number) if Some(number) == own => {
                self.warmed(Err("the target cannot be reached".into()));
                self.broken(Outcome::Reset);
            }
            // An old connection's words.
            News::Connected(_) | News::Answered(..) | News::Broken(_) => {}
        }
    }

    fn warmed(&mut self, result: Result<(), String>) {
        if let Some(reply) = self.warming.take() {
            reply.send(result).unwrap_or_default();
        }
    }

    fn answered(&mut self, answer: Frame) {
        let (scenario, _, k) = parts(answer);
        let now = self.now();
        let whole = Answered { status: 200, first_byte: now, body_bytes: 0 };
        self.end((scenario, k), Outcome::Ok, Some(whole));
    }

    /// The connection is gone, and with it every request on it.
    fn broken(&mut self, outcome: Outcome) {
        self.wire = None;
        while let Some((&key, _)) = self.open.first_key_value() {
            self.end(key, outcome, None);
        }
    }

    fn end(&mut self, key: (u32, u64), outcome: Outcome, answer: Option<Answered>) {
        let Some((due, sent)) = self.open.remove(&key) else { return };
        let scenario = key.0 as usize;
        let (bytes, done) = (u64::from(answer.is_some()) * 16, self.now());
        let job = self.job(scenario, due);
        self.recorder.ended(&Ended {
            job,
            outcome,
            sent: Some(sent),
            answer,
            done,
            bytes_in: bytes,
            bytes_out: 16,
            connect: None,
        });
        self.streams[scenario].leave();
    }

    /// Ends what has waited too long for its answer, or for the end of the run.
    fn sweep(&mut self) {
        let now = self.now();
        for scenario in 0..self.streams.len() {
            if self.streams[scenario].in_flight() > 0 && now >= self.streams[scenario].give_up() {
                self.abandon(scenario);
            }
        }
        let timeout = |scenario: u32| self.plan.scenarios[scenario as usize].steps[0].timeout;
        let late = self.open.iter().find(|((scenario, _), (_, sent))| now.since(*sent) > timeout(*scenario));
        if let Some((&key, _)) = late {
            self.end(key, Outcome::Timeout, None);
            self.broken(Outcome::Reset);
        }
    }

    fn hold(&self, from: RunTime) -> RunTime {
        self.streams.iter().map(|stream| stream.hold(from)).max().unwrap_or(from)
    }

    fn switch(&self, from: RunTime, parts: Vec<Part>) {
        for (stream, part) in self.streams.iter().zip(parts) {
            stream.switch(from, part.lot, part.end);
        }
    }

    fn abort(&mut self) {
        for scenario in 0..self.streams.len() {
            self.streams[scenario].abort();
            self.abandon(scenario);
        }
    }

    fn abandon(&mut self, scenario: usize) {
        let number = u32::try_from(scenario).unwrap_or(u32::MAX);
        let keys: Vec<(u32, u64)> =
            self.open.range((number, 0)..=(number, u64::MAX)).map(|(key, _)| *key).collect();
        for key in keys {
            self.open.remove(&key);
            self.recorder.abandoned(scenario);
            self.streams[scenario].leave();
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            measured: self.recorder.take(),
            cursors: self.streams.iter().map(Stream::cursor).collect(),
            in_flight: self.streams.iter().map(Stream::in_flight).sum(),
            cpu_share: 0.1,
            start_skew: self.skew,
            economy: false,
            finished: self.streams.iter().all(Stream::is_finished),
        }
    }
}

/// So many arrivals are fired before answers are looked at.
const PIECE: usize = 64;
/// A time-out is noticed at most so late.
const SWEEP: Duration = Duration::from_millis(50);
