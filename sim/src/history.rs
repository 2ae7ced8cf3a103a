//! One simulation from its seed to its end.

use crate::desk::Desk;
use crate::dice::Dice;
use crate::engine::Sabotage;
use crate::record::{Record, name};
use crate::weather::{Change, LATENCY_MAX, Way, Weather, What, forecast};
use crate::{engine, net, plan, target};
use agent::Agent;
use agent::allow::AllowList;
use agent::world::World;
use common::clock::Clock;
use common::plan::Plan;
use controller::coordinator::EffectivePlan;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use turmoil::{Builder, Sim};

/// What a simulation left behind.
#[derive(Debug)]
pub struct History {
    /// The weather it had.
    pub weather: Weather,
    /// How many agents the run waited for.
    pub agents: u32,
    /// The plan that was run.
    pub plan: Plan,
    /// What the weather did.
    pub changes: Vec<Change>,
    /// When agents could not hear the controller, or be heard.
    pub outages: Vec<Outage>,
    /// What happened.
    pub record: Record,
}

/// A time in which an agent cannot get a new lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The agent's number.
    pub agent: u32,
    /// Simulated time at its begin.
    pub from: Duration,
    /// Simulated time at its end.
    pub until: Duration,
}

/// Simulates `seed`, with engines that are broken on purpose if asked. The error says what never ended or ended badly.
pub fn simulate(
    seed: u64,
    weather: Weather,
    sabotage: Option<Sabotage>,
) -> Result<History, (String, Record)> {
    let mut dice = Dice::new(seed, "stage");
    let (text, length) = plan::text(seed);
    let plan = Plan::parse("sim", &text).map_err(|problems| (problems.to_string(), Record::default()))?;
    let agents = u32::try_from(dice.number(2..=5)).unwrap_or(2);
    let changes = forecast(seed, weather, agents, length);
    let task = EffectivePlan { text, plan: plan.clone(), files: Arc::default(), notes: vec![] };
    let mut stage = Stage::new(seed, Record::default());
    stage.sabotage = sabotage;
    stage.target();
    stage.desk = Some(stage.controller(task, agents));
    (0..agents).for_each(|agent| stage.agent(agent));
    let outages = match stage.play(&changes, length) {
        Ok(outages) => outages,
        Err(why) => return Err((why, stage.record)),
    };
    Ok(History { weather, agents, plan, changes, outages, record: stage.record })
}

/// The hosts and the links between them.
struct Stage {
    sim: Sim<'static>,
    dice: Dice,
    seed: u64,
    record: Record,
    /// How to stop an agent that runs, by its number.
    stops: Stops,
    /// Since when an agent has been without the controller, by its number.
    out: BTreeMap<u32, Duration>,
    outages: Vec<Outage>,
    agents: Vec<u32>,
    sabotage: Option<Sabotage>,
    desk: Option<Rc<Desk>>,
}

type Stops = Rc<RefCell<BTreeMap<u32, mpsc::Sender<()>>>>;

impl Stage {
    fn new(seed: u64, record: Record) -> Self {
        let sim = Builder::new()
            .rng_seed(seed)
            .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
            .tick_duration(TICK)
            .simulation_duration(Duration::MAX)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(LATENCY_MAX)
            .tcp_capacity(TCP_CAPACITY)
            .build();
        Self {
            sim,
            dice: Dice::new(seed, "hosts"),
            seed,
            record,
            stops: Stops::default(),
            out: BTreeMap::new(),
            outages: vec![],
            agents: vec![],
            sabotage: None,
            desk: None,
        }
    }

    /// A clock of a host: it began anywhere, and runs nearly like the simulation.
    fn clock(&mut self) -> Clock {
        let boot = self.dice.number(0..=1_000_000_000_000_000);
        let fast = self.dice.number(0..=2 * DRIFT_PPM);
        Clock::new(move || {
            let elapsed = turmoil::sim_elapsed().unwrap_or_default().as_nanos();
            let drifted = elapsed + elapsed * u128::from(fast) / 1_000_000
                - elapsed * u128::from(DRIFT_PPM) / 1_000_000;
            boot + u64::try_from(drifted).unwrap_or(u64::MAX)
        })
    }

    fn target(&mut self) {
        let record = self.record.clone();
        self.sim.host("target", move || target::serve(record.clone()));
    }

    fn controller(&mut self, plan: EffectivePlan, expect: u32) -> Rc<Desk> {
        let desk = Rc::new(Desk::new(plan, expect, self.clock(), self.record.clone(), self.seed));
        let own = Rc::clone(&desk);
        self.sim.host("controller", move || {
            let desk = Rc::clone(&own);
            async move { desk.control().await }
        });
        desk
    }

    fn agent(&mut self, number: u32) {
        let (record, clock, stops) = (self.record.clone(), self.clock(), Rc::clone(&self.stops));
        let (threads, sabotage) = (self.dice.place(3) + 1, self.sabotage);
        let lives = RefCell::new(0_u32);
        self.agents.push(number);
        self.sim.host(name(number), move || {
            *lives.borrow_mut() += 1;
            let (stop, stopped) = mpsc::channel(1);
            stops.borrow_mut().insert(number, stop);
            let world = World {
                clock: clock.clone(),
                dial: net::dial(),
                engine: engine::engine(number, clock.clone(), record.clone(), sabotage),
            };
            let agent = Agent {
                controller: net::CONTROLLER.into(),
                name: name(number),
                instance: format!("{}-{}", name(number), lives.borrow()),
                token: None,
                allow: Arc::new(AllowList::default()),
                threads,
                rows: None,
                once: true,
                wait: None,
                weight: 1,
                max_rate: None,
                spool_dir: None,
                cache_dir: None,
                world,
            };
            live(agent, record.clone(), stopped)
        });
    }

    /// Lets the simulation run under this weather until the controller has reported, and a little longer.
    fn play(&mut self, changes: &[Change], length: Duration) -> Result<Vec<Outage>, String> {
        let mut changes = changes.iter().peekable();
        let mut end = length + PATIENCE;
        let mut reported = false;
        while self.sim.elapsed() < end {
            while let Some(change) = changes.next_if(|change| change.at <= self.sim.elapsed()) {
                self.change(&change.what);
            }
            self.sim.step().map_err(|error| format!("a host failed: {error}"))?;
            if !reported && self.record.pages().report.is_some() {
                (reported, end) = (true, self.sim.elapsed() + AFTERMATH);
            }
        }
        if !reported {
            return Err(format!("no report after {end:?}"));
        }
        let out: Vec<u32> = self.out.keys().copied().collect();
        out.into_iter().for_each(|agent| self.back(agent));
        Ok(std::mem::take(&mut self.outages))
    }

    fn change(&mut self, what: &What) {
        let at = self.sim.elapsed();
        self.record.tell_at(at, "weather", format!("{what:?}"));
        match *what {
            What::Hold(agent) => {
                self.sim.hold(name(agent), "controller");
                self.out.entry(agent).or_insert(at);
            }
            What::Release(agent) => {
                self.sim.release(name(agent), "controller");
                self.back(agent);
            }
            What::Cut(agent, way) => {
                match way {
                    Way::Both => self.sim.partition(name(agent), "controller"),
                    Way::Up => self.sim.partition_oneway(name(agent), "controller"),
                    Way::Down => self.sim.partition_oneway("controller", name(agent)),
                }
                self.out.entry(agent).or_insert(at);
            }
            What::Mend(agent) => {
                self.sim.repair(name(agent), "controller");
                self.back(agent);
            }
            What::Slow(agent, latency) => {
                self.sim.set_link_max_message_latency(name(agent), "controller", latency)
            }
            What::HoldTarget(agent) => self.sim.hold(name(agent), "target"),
            What::ReleaseTarget(agent) => self.sim.release(name(agent), "target"),
            What::Stall(agent, time) => drop(self.record.pages().stalls.insert(agent, at + time)),
            What::Crash(agent) => self.sim.crash(name(agent)),
            What::Restart(agent) => self.sim.bounce(name(agent)),
            What::Leave(agent) => self.leave(agent),
            What::Join(agent) => self.agent(agent),
            What::CrashController => {
                self.sim.crash("controller");
                for agent in &self.agents {
                    self.out.entry(*agent).or_insert(at);
                }
            }
            What::RestartController => {
                self.sim.bounce("controller");
                let agents = self.agents.clone();
                agents.into_iter().for_each(|agent| self.back(agent));
            }
            What::Disk(disk) => self.desk.iter().for_each(|desk| desk.disk(disk)),
            What::Operator(ref wish) => self.desk.iter().for_each(|desk| desk.operate(wish.clone())),
        }
    }

    /// An agent can hear the controller again.
    fn back(&mut self, agent: u32) {
        if let Some(from) = self.out.remove(&agent) {
            self.outages.push(Outage { agent, from, until: self.sim.elapsed() });
        }
    }

    fn leave(&mut self, agent: u32) {
        if let Some(stop) = self.stops.borrow().get(&agent) {
            // An agent that ended already cannot be stopped.
            stop.try_send(()).unwrap_or_default();
        }
    }
}

/// An agent's program.
async fn live(agent: Agent, record: Record, stopped: mpsc::Receiver<()>) -> turmoil::Result {
    let (own, said) = (agent.name.clone(), record.clone());
    let say = Arc::new(move |line: &str| said.tell(&own, line));
    let ended = agent.join(say, stopped).await;
    record.tell(&agent.name, format!("ended: {ended:?}"));
    Ok(())
}

/// Clocks differ from the true rate by at most so many parts in a million: what quartz does on a bad day.
const DRIFT_PPM: u64 = 60;
const TICK: Duration = Duration::from_millis(1);
/// More segments than a link ever holds.
const TCP_CAPACITY: usize = 4096;
/// A run that has not been reported so long after its load ended never will be.
const PATIENCE: Duration = Duration::from_secs(90);
/// What still fires after the report is seen within this time: longer than a lease.
const AFTERMATH: Duration = Duration::from_secs(5);
