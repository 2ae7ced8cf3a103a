//! The agent inside the controller: the same code, over real gRPC on loopback. The only file that knows `agent`.

use agent::Agent;
pub use agent::Say as Tell;
use agent::allow::AllowList;
use agent::world::World;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Agents that run inside this process, each on threads of its own.
#[derive(Debug)]
pub struct LocalAgents {
    agents: Vec<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl LocalAgents {
    /// Starts `count` agents that join the controller at `address` for one run.
    ///
    /// `report` hears of an agent that ended with an error.
    pub fn start(
        count: usize,
        address: SocketAddr,
        token: Option<&str>,
        report: &Tell,
    ) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = (cores / count.max(1)).max(1);
        let start = |number: usize| {
            let agent = Agent {
                controller: address.to_string(),
                name: if count == 1 { LOCAL.into() } else { format!("{LOCAL}-{}", number + 1) },
                instance: uuid::Uuid::new_v4().to_string(),
                token: token.map(str::to_owned),
                allow: Arc::new(AllowList::default()),
                threads,
                rows: None,
                once: true,
                wait: None,
                weight: 1,
                max_rate: None,
                spool_dir: None,
                cache_dir: None,
                world: World::real(),
            };
            spawn(agent, Arc::clone(report))
        };
        Ok(Self { agents: (0..count).map(start).collect::<Result<_, String>>()? })
    }

    /// Stops the agents and waits until their threads have ended.
    pub fn stop(self) {
        for (stop, thread) in self.agents {
            drop(stop);
            // A thread that panicked has told so itself; the run has counted its agent as lost.
            thread.join().unwrap_or_default();
        }
    }
}

/// Whether an agent of this name is one of those inside a controller.
#[must_use]
pub fn is_local(name: &str) -> bool {
    name.strip_prefix(LOCAL).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn spawn(agent: Agent, report: Tell) -> Result<(mpsc::Sender<()>, JoinHandle<()>), String> {
    let (stop, stopped) = mpsc::channel(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("start the agent inside the controller: {error}"))?;
    let quiet: Tell = Arc::new(|_| {});
    let run = move || {
        if let Err(error) = runtime.block_on(agent.join(quiet, stopped)) {
            report(&format!("agent {}: {error}", agent.name));
        }
    };
    let thread = std::thread::Builder::new().name("local-agent".into()).spawn(run);
    Ok((stop, thread.map_err(|error| format!("start the agent inside the controller: {error}"))?))
}

const LOCAL: &str = "local";
