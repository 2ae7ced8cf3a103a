//! A lab: the programs of one run in their places, and everything that can be done to them.

use crate::clock::{Moment, boot_ns};
use crate::evidence::Resumed;
use crate::faults::{self, What};
use crate::hub::Hub;
use crate::network::{Network, Place};
use crate::programs::{Program, Programs};
use crate::relay::{Conduct, Relay, Way};
use rustix::process::Signal;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// What a lab is made of.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// The programs.
    pub programs: Programs,
    /// Agents.
    pub agents: usize,
    /// Whether everybody shares the loopback instead of having a namespace.
    pub plain: bool,
    /// Whether the controller keeps a store.
    pub store: bool,
    /// Where everything that is written goes; it exists.
    pub folder: PathBuf,
    /// Different for every lab of a process.
    pub round: u64,
}

/// A lab. What it made is gone when it is dropped; what was written stays in its folder.
// Programs end before the relays, and these before the network that they are in.
#[derive(Debug)]
pub struct Lab {
    agents: Vec<Agent>,
    controller: Option<Program>,
    /// Of the operator; they end by themselves.
    commands: Vec<Program>,
    demo: Program,
    /// By agent.
    relays: Vec<Relay>,
    _hub: Hub,
    network: Network,
    blueprint: Blueprint,
    listen: SocketAddr,
    admin: SocketAddr,
    target: SocketAddr,
    began: Moment,
    resumed: Vec<Resumed>,
}

#[derive(Debug)]
struct Agent {
    program: Option<Program>,
    /// Whether it should run.
    wanted: bool,
}

impl Lab {
    /// Builds the network and starts the demo service, but neither controller nor agents.
    ///
    /// # Errors
    /// Says what could not be made.
    pub fn build(blueprint: Blueprint) -> Result<Self, String> {
        let network = if blueprint.plain {
            Network::Loopback
        } else {
            Network::namespaces(blueprint.agents, blueprint.round)?
        };
        let hub = Hub::start(network.hub().as_deref())?;
        let listen = network.address(Place::Controller)?;
        let middle = SocketAddr::new(network.address(Place::Hub)?.ip(), 0);
        let relays = (0..blueprint.agents).map(|_| hub.relay(middle, listen)).collect::<Result<_, _>>()?;
        let target = network.address(Place::Demo)?;
        let admin = SocketAddr::new([127, 0, 0, 1].into(), network.address(Place::Controller)?.port());
        let began = Moment::now();
        let demo = start_demo(&blueprint, &network, target)?;
        token(&blueprint)?;
        let agents = (0..blueprint.agents).map(|_| Agent { program: None, wanted: false }).collect();
        Ok(Self {
            agents,
            controller: None,
            commands: Vec::new(),
            demo,
            relays,
            _hub: hub,
            network,
            blueprint,
            listen,
            admin,
            target,
            began,
            resumed: Vec::new(),
        })
    }

    /// Where the demo service listens.
    #[must_use]
    pub const fn target(&self) -> SocketAddr {
        self.target
    }

    /// A moment just before the demo service was started.
    #[must_use]
    pub const fn began(&self) -> Moment {
        self.began
    }

    /// When stopped agents were let go on.
    #[must_use]
    pub fn resumed(&self) -> &[Resumed] {
        &self.resumed
    }

    /// Starts the controller with the plan `plan.toml` of the folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn start_controller(&mut self, resume: bool) -> Result<(), String> {
        let folder = &self.blueprint.folder;
        let mut command = self.command(Place::Controller, "controller");
        command.arg("start").arg("--plan").arg(folder.join("plan.toml"));
        command.args(["--listen", &self.listen.to_string(), "--agents", &self.agents.len().to_string()]);
        command.arg("--token-file").arg(folder.join("token")).arg("--out").arg(folder.join("out"));
        if self.blueprint.store {
            command.arg("--data-dir").arg(folder.join("data")).arg("--keep-deltas");
            command.args(["--admin", &self.admin.to_string()]);
        }
        if resume {
            command.arg("--resume");
        }
        self.controller = Some(Program::start(command, &folder.join("controller.log"))?);
        Ok(())
    }

    /// Starts every agent.
    ///
    /// # Errors
    /// What the system says.
    pub fn start_agents(&mut self) -> Result<(), String> {
        (0..self.agents.len()).try_for_each(|agent| self.start_agent(agent))
    }

    /// What the controller says of itself in one word, if it answers.
    #[must_use]
    pub fn state(&self) -> Option<String> {
        let mut command = self.command(Place::Controller, "controller");
        let output = command.arg("health").arg(self.listen.to_string()).output().ok()?;
        let word = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| word.trim().to_owned())
    }

    /// How the controller ended, if it did so by itself.
    pub fn controller_ended(&mut self) -> Option<ExitStatus> {
        self.controller.as_mut()?.ended()
    }

    /// Starts every agent again that should run and does not; returns their names.
    ///
    /// # Errors
    /// What the system says.
    pub fn supervise(&mut self) -> Result<Vec<String>, String> {
        let gone =
            |agent: &mut Agent| agent.wanted && agent.program.as_mut().is_none_or(|p| p.ended().is_some());
        let gone: Vec<usize> =
            self.agents.iter_mut().enumerate().filter_map(|(n, agent)| gone(agent).then_some(n)).collect();
        gone.iter().try_for_each(|agent| self.start_agent(*agent))?;
        Ok(gone.into_iter().map(name).collect())
    }

    /// Begins a fault.
    ///
    /// # Errors
    /// Says what could not be done.
    pub fn begin(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Kill(agent) => self.give_up(agent, Signal::KILL),
            What::Leave(agent) => self.give_up(agent, Signal::INT),
            What::Stop(agent) => self.signal(agent, Signal::STOP),
            What::Partition(agent, ways) => {
                if !self.network.part(agent, ways)? {
                    let stalled = |way| Conduct { stalled: ways.contain(way), ..Conduct::default() };
                    Way::BOTH.into_iter().for_each(|way| self.relays[agent].set(way, stalled(way)));
                }
            }
            What::Stall(agent, way) => {
                self.relays[agent].set(way, Conduct { stalled: true, ..Conduct::default() });
            }
            What::Slow(agent) => Way::BOTH.into_iter().for_each(|way| self.relays[agent].set(way, SLOW)),
            What::Cut(agent) => self.relays[agent].cut(),
            What::Reset(agent, way, bytes) => self.relays[agent].reset_after(way, bytes),
            What::ControllerKill => drop(self.controller.take()),
            What::ControllerStop => self.signal_controller(Signal::STOP),
            What::Rate(scenario, rate) => self.steer(&["rate", SCENARIOS[scenario], &format!("{rate}/s")])?,
            What::End => self.steer(&["stop"])?,
        }
        Ok(())
    }

    /// Ends a fault.
    ///
    /// # Errors
    /// Says what could not be done.
    pub fn end(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Kill(agent) => self.start_agent(agent)?,
            // It is started again as soon as it is gone.
            What::Leave(agent) => self.agents[agent].wanted = true,
            What::Stop(agent) => {
                self.resumed.push(Resumed { agent: name(agent), boot_ns: boot_ns() });
                self.signal(agent, Signal::CONT);
            }
            What::Partition(agent, _) => {
                self.network.heal(agent)?;
                self.relays[agent].calm();
            }
            What::Stall(agent, _) | What::Slow(agent) => self.relays[agent].calm(),
            // What was cut stays cut; a fuse that did not burn yet burns on.
            What::Cut(_) | What::Reset(..) | What::Rate(..) | What::End => {}
            What::ControllerKill => self.start_controller(true)?,
            What::ControllerStop => self.signal_controller(Signal::CONT),
        }
        Ok(())
    }

    /// Ends everything but what is written; the demo service has then flushed its record.
    ///
    /// # Errors
    /// Says so when the demo service does not end.
    pub fn close(mut self) -> Result<(), String> {
        self.agents.clear();
        self.commands.clear();
        drop(self.controller.take());
        self.demo.signal(Signal::TERM);
        wait(CLOSE_WITHIN, "the demo service to end", || self.demo.ended().is_some())
    }

    fn start_agent(&mut self, agent: usize) -> Result<(), String> {
        let folder = &self.blueprint.folder;
        let mut command = self.command(Place::Agent(agent), "agent");
        command.arg("join").arg(self.relays[agent].address().to_string());
        command.args(["--name", &name(agent), "--threads", &THREADS.to_string()]);
        command.arg("--token-file").arg(folder.join("token"));
        if self.blueprint.store {
            command.arg("--spool-dir").arg(folder);
        }
        let program = Program::start(command, &folder.join(format!("{}.log", name(agent))))?;
        self.agents[agent] = Agent { program: Some(program), wanted: true };
        Ok(())
    }

    /// A command of the operator, which nobody waits for: the controller may be away.
    fn steer(&mut self, args: &[&str]) -> Result<(), String> {
        let mut command = self.command(Place::Controller, "controller");
        command.args(args).args(["--admin", &self.admin.to_string()]);
        self.commands.push(Program::start(command, &self.blueprint.folder.join("operator.log"))?);
        Ok(())
    }

    fn command(&self, place: Place, program: &str) -> Command {
        let mut command = self.network.command(place, &self.blueprint.programs.path(program));
        command.current_dir(&self.blueprint.folder);
        command
    }

    /// Signals an agent that should not run any more.
    fn give_up(&mut self, agent: usize, signal: Signal) {
        self.agents[agent].wanted = false;
        self.signal(agent, signal);
    }

    fn signal(&mut self, agent: usize, signal: Signal) {
        if let Some(program) = &mut self.agents[agent].program {
            program.signal(signal);
        }
    }

    fn signal_controller(&mut self, signal: Signal) {
        if let Some(program) = &mut self.controller {
            program.signal(signal);
        }
    }
}

fn start_demo(blueprint: &Blueprint, network: &Network, target: SocketAddr) -> Result<Program, String> {
    let mut command = network.command(Place::Demo, &blueprint.programs.path("demo"));
    command.args(["--listen", &target.to_string(), "--record"]).arg(blueprint.folder.join("record.csv"));
    let log = blueprint.folder.join("demo.log");
    let demo = Program::start(command, &log)?;
    wait(START_WITHIN, "the demo service to listen", || said(&log, "listening on"))?;
    Ok(demo)
}

/// Lets the controller make the token that agents show.
fn token(blueprint: &Blueprint) -> Result<(), String> {
    let output = Command::new(blueprint.programs.path("controller")).arg("token").output();
    let output = output.map_err(|error| format!("make a token: {error}"))?;
    let file = blueprint.folder.join("token");
    std::fs::write(&file, output.stdout).map_err(|error| format!("write {}: {error}", file.display()))
}

/// Whether a program has said something.
fn said(log: &Path, what: &str) -> bool {
    std::fs::read_to_string(log).is_ok_and(|text| text.contains(what))
}

/// Waits for an event that shows itself only to those who look.
fn wait(at_most: Duration, what: &str, mut happened: impl FnMut() -> bool) -> Result<(), String> {
    let begin = Instant::now();
    while !happened() {
        if begin.elapsed() > at_most {
            return Err(format!("wait for {what}: not within {at_most:?}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn name(agent: usize) -> String {
    format!("agent-{}", agent + 1)
}

/// The scenarios of a round's plan.
pub const SCENARIOS: [&str; faults::SCENARIOS] = ["even", "poisson", "posts"];
/// Engine threads of every agent.
pub const THREADS: u64 = 2;
/// 10 kbit/s, and a quarter of a second there and back.
const SLOW: Conduct =
    Conduct { delay: Duration::from_millis(125), rate: NonZeroU64::new(1_250), stalled: false };
const START_WITHIN: Duration = Duration::from_secs(30);
const CLOSE_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(20);
