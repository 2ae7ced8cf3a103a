//! The network of a lab: namespaces of its own, or the loopback that everybody shares.
//!
//! ```text
//!   hub 10.77.0.1 (bridge, relays)
//!    ├── controller 10.77.0.2
//!    ├── demo       10.77.0.3
//!    └── agent-n    10.77.0.10+n      agents reach the demo service directly, the controller through a relay
//! ```
//!
//! Nothing of it is in the machine's own namespace: no address, no bridge, no rule. The namespaces' names begin with
//! the runner's process number, and deleting them takes everything along.

use crate::faults::Ways;
use crate::relay::Way;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the middle: the relays.
    Hub,
    /// The controller.
    Controller,
    /// The demo service.
    Demo,
    /// An agent, numbered from 0.
    Agent(usize),
}

/// The network of a lab. It is taken down when this is dropped.
#[derive(Debug)]
pub enum Network {
    /// Everybody in a namespace of their own; needs root, `ip` and `nft`.
    Namespaces(Namespaces),
    /// Everybody on 127.0.0.1; needs nothing, and has no partitions.
    Loopback,
}

/// The namespaces of a lab.
#[derive(Debug)]
pub struct Namespaces {
    prefix: String,
    made: Vec<String>,
}

impl Network {
    /// A network for so many agents, `round` apart from other rounds of this process.
    ///
    /// # Errors
    /// What the first command that failed said.
    pub fn namespaces(agents: usize, round: u64) -> Result<Self, String> {
        let prefix = format!("chaos-{}-{round}-", std::process::id());
        let mut namespaces = Namespaces { prefix, made: Vec::new() };
        let places = [Place::Controller, Place::Demo].into_iter().chain((0..agents).map(Place::Agent));
        namespaces.add_hub()?;
        places.into_iter().try_for_each(|place| namespaces.add(place))?;
        Ok(Self::Namespaces(namespaces))
    }

    /// A place's address; the port is free there, and nobody else's for the time of a lab.
    ///
    /// # Errors
    /// What the system says when there is no free port.
    pub fn address(&self, place: Place) -> Result<SocketAddr, String> {
        match self {
            Self::Namespaces(_) => Ok(SocketAddr::new(place.address(), PORT)),
            Self::Loopback => {
                let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
                free.map_err(|error| format!("find a free port: {error}"))
            }
        }
    }

    /// A command that runs a program in its place.
    #[must_use]
    pub fn command(&self, place: Place, program: &Path) -> Command {
        match self {
            Self::Loopback => Command::new(program),
            Self::Namespaces(own) => {
                // `ip netns exec` becomes the program: its process number and signals are the program's.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &own.name(place)]).arg(program);
                command
            }
        }
    }

    /// The file by which a thread enters the namespace of the relays; `None` when there is none.
    #[must_use]
    pub fn hub(&self) -> Option<PathBuf> {
        match self {
            Self::Loopback => None,
            Self::Namespaces(own) => Some(Path::new("/run/netns").join(own.name(Place::Hub))),
        }
    }

    /// Drops the packets between an agent and the controller; `false` when this network cannot.
    ///
    /// # Errors
    /// What `nft` said.
    pub fn part(&self, agent: usize, ways: Ways) -> Result<bool, String> {
        let Self::Namespaces(own) = self else { return Ok(false) };
        let hub = Place::Hub.address();
        let rule = |way, hook: &str, field: &str| {
            let verdict = if ways.contain(way) { "drop" } else { "accept" };
            format!("chain {hook} {{ type filter hook {hook} priority 0; ip {field} {hub} {verdict}; }}")
        };
        let (out, back) = (rule(Way::Up, "output", "daddr"), rule(Way::Down, "input", "saddr"));
        own.nft(agent, &format!("table inet {TABLE} {{\n{out}\n{back}\n}}"))?;
        Ok(true)
    }

    /// Ends [`Network::part`].
    ///
    /// # Errors
    /// What `nft` said.
    pub fn heal(&self, agent: usize) -> Result<(), String> {
        match self {
            Self::Loopback => Ok(()),
            Self::Namespaces(own) => own.nft(agent, &format!("delete table inet {TABLE}")),
        }
    }
}

impl Place {
    /// Its address where everybody has one of their own.
    fn address(self) -> IpAddr {
        let host = match self {
            Self::Hub => 1,
            Self::Controller => 2,
            Self::Demo => 3,
            Self::Agent(number) => 10 + u8::try_from(number).unwrap_or(u8::MAX - 10),
        };
        Ipv4Addr::new(10, 77, 0, host).into()
    }

    fn name(self) -> String {
        match self {
            Self::Hub => "hub".into(),
            Self::Controller => "controller".into(),
            Self::Demo => "demo".into(),
            Self::Agent(number) => format!("agent-{}", number + 1),
        }
    }
}

impl Namespaces {
    fn name(&self, place: Place) -> String {
        format!("{}{}", self.prefix, place.name())
    }

    fn add_hub(&mut self) -> Result<(), String> {
        let hub = self.make(Place::Hub)?;
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &hub, "address", "add", &format!("{}/24", Place::Hub.address()), "dev", "bridge"])?;
        ip(&["-n", &hub, "link", "set", "bridge", "up"])
    }

    fn add(&mut self, place: Place) -> Result<(), String> {
        let (own, hub) = (self.make(place)?, self.name(Place::Hub));
        // Its end in the hub; names of interfaces are short.
        let IpAddr::V4(address) = place.address() else { return Ok(()) };
        let plug = format!("plug{}", address.octets()[3]);
        ip(&["-n", &hub, "link", "add", &plug, "type", "veth", "peer", "name", "eth0", "netns", &own])?;
        ip(&["-n", &hub, "link", "set", &plug, "master", "bridge", "up"])?;
        ip(&["-n", &own, "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
        ip(&["-n", &own, "link", "set", "eth0", "up"])
    }

    fn make(&mut self, place: Place) -> Result<String, String> {
        let name = self.name(place);
        ip(&["netns", "add", &name])?;
        self.made.push(name.clone());
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        Ok(name)
    }

    fn nft(&self, agent: usize, rules: &str) -> Result<(), String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(Place::Agent(agent)), "nft", "-f", "-"]);
        run(command, rules)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in self.made.iter().rev() {
            // There is nobody left to tell but the operator, who sees what remains with `ip netns`.
            ip(&["netns", "delete", name]).unwrap_or_default();
        }
    }
}

fn ip(args: &[&str]) -> Result<(), String> {
    let mut command = Command::new("ip");
    command.args(args);
    run(command, "")
}

/// Runs a command to its end; the error is what it said.
fn run(mut command: Command, input: &str) -> Result<(), String> {
    let told = |why: &dyn std::fmt::Display, command: &Command| format!("run {command:?}: {why}");
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| told(&error, &command))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(|error| told(&error, &command))?;
    }
    let output = child.wait_with_output().map_err(|error| told(&error, &command))?;
    if output.status.success() {
        return Ok(());
    }
    Err(told(&String::from_utf8_lossy(&output.stderr).trim(), &command))
}

/// Where everybody listens who listens, in a namespace of their own.
const PORT: u16 = 7000;
const TABLE: &str = "chaos";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failing_command_said_is_told() {
        let mut command = Command::new("sh");
        command.args(["-c", "cat >&2; exit 3"]);
        let error = run(command, "no such thing").unwrap_err();
        assert!(error.contains("no such thing") && error.contains("sh"), "{error}");
    }

    #[test]
    fn ports_on_loopback_differ() {
        let network = Network::Loopback;
        let (one, _held) = {
            let one = network.address(Place::Demo).unwrap();
            (one, TcpListener::bind(one).unwrap())
        };
        assert_ne!(one, network.address(Place::Controller).unwrap());
    }
}
