//! `controller start`: one run from a plan to its report.

use crate::conduct::{conduct, report};
use crate::coordinator::{EffectivePlan, Finished, Task};
use crate::exit::{Exit, Failure};
use crate::live::{Lines, say};
use crate::local::LocalAgents;
use crate::{clock, output, text};
use common::plan::Plan;
use common::report::Judgment;
use common::run::Ending;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;

/// What `controller start` was asked to do.
#[derive(Clone, Debug)]
pub struct Start {
    /// Where agents join.
    pub listen: SocketAddr,
    /// How many agents the run waits for; `None`: what the plan says, or one inside the controller.
    pub agents: Option<usize>,
    /// How many of them run inside the controller.
    pub local_agents: Option<usize>,
    /// How long it waits for agents.
    pub wait: Duration,
    /// What agents must show.
    pub token: Option<String>,
    /// A folder for the files of the run.
    pub out: Option<PathBuf>,
    /// Whether a generator that could not keep up is a failure.
    pub strict: bool,
}

/// How many agents take part, and how many of them inside the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Crew {
    expect: usize,
    local: usize,
}

impl Start {
    fn crew(&self, plan: &Plan) -> Crew {
        let asked = self.agents.or_else(|| plan.agents.expect.map(|expect| expect as usize));
        match (asked, self.local_agents) {
            (None, None) => Crew { expect: 1, local: 1 },
            (None, Some(local)) => Crew { expect: local, local },
            (Some(expect), local) => Crew { expect, local: local.unwrap_or(0).min(expect) },
        }
    }

    /// Runs the plan and prints its report.
    pub async fn run(&self, plan: EffectivePlan, interrupts: mpsc::Receiver<()>) -> Result<Exit, Failure> {
        let started_at =
            jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap_or_default().to_string();
        let effective = plan.plan.clone();
        let finished = self.conduct(plan, interrupts).await?;
        let report = report(&effective, &started_at, &finished);
        if let Some(folder) = &self.out {
            output::write(folder, &report).map_err(Failure::internal)?;
            say(&format!("wrote {}", folder.join("report.json").display()));
        }
        if let Ending::NotStarted(why) = &finished.ending {
            return Err(Failure::new(Exit::NotEnoughAgents, format!("the run did not start: {why}")));
        }
        let (width, color) = terminal();
        print(&text::render(&report, width, color));
        Ok(self.exit(report.verdict.result))
    }

    async fn conduct(
        &self,
        plan: EffectivePlan,
        interrupts: mpsc::Receiver<()>,
    ) -> Result<Finished, Failure> {
        let crew = self.crew(&plan.plan);
        if crew.expect == 0 {
            return Err(Failure::usage("a run needs at least one agent: --agents 1"));
        }
        let listener = bind(self.listen).await?;
        let address = listener.local_addr().map_err(|error| Failure::internal(error.to_string()))?;
        if crew.local < crew.expect {
            say(&format!("agents join with: agent join {address}"));
        }
        let tell: crate::local::Tell = Arc::new(say);
        let agents = LocalAgents::start(crew.local, address, self.token.as_deref(), &tell)
            .map_err(Failure::internal)?;
        let task = Task {
            plan,
            expect: crew.expect,
            wait: self.wait,
            run_id: uuid::Uuid::now_v7().to_string(),
            clock: clock::boot(),
        };
        let token = self.token.as_deref().map(Arc::from);
        let incoming = TcpListenerStream::new(listener);
        let finished = conduct(task, token, incoming, interrupts, &mut Lines::new()).await;
        tokio::task::spawn_blocking(|| agents.stop()).await.unwrap_or_default();
        finished.map_err(Failure::internal)
    }

    fn exit(&self, result: Judgment) -> Exit {
        match result {
            Judgment::Pass => Exit::Ok,
            Judgment::Fail => Exit::ThresholdFailed,
            Judgment::Aborted => Exit::Interrupted,
            Judgment::Invalid => Exit::Invalid,
            Judgment::GeneratorLimited if self.strict => Exit::Invalid,
            Judgment::GeneratorLimited => Exit::Ok,
        }
    }
}

/// Reads and checks a plan; the failure shows every problem.
pub fn read_plan(path: &Path) -> Result<EffectivePlan, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::BadPlan, format!("read plan {}: {error}", path.display())))?;
    parse_plan(&path.display().to_string(), text)
}

/// Checks the text of a plan; the failure shows every problem.
pub fn parse_plan(name: &str, text: String) -> Result<EffectivePlan, Failure> {
    match Plan::parse(name, &text) {
        Ok(plan) => Ok(EffectivePlan { text, plan }),
        Err(problems) => Err(Failure::new(Exit::BadPlan, problems.to_string())),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: stop it, or choose another --listen"
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address: choose another --listen"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need privileges: choose another --listen"
            }
            _ => "choose another --listen",
        };
        Failure::usage(format!("cannot listen for agents on {address}: {error}; {remedy}"))
    })
}

/// Width and colour of the terminal behind stdout; plain 80 columns elsewhere.
pub fn terminal() -> (usize, bool) {
    let out = std::io::stdout();
    let color = std::io::IsTerminal::is_terminal(&out) && std::env::var_os("NO_COLOR").is_none();
    let width = rustix::termios::tcgetwinsize(&out).map_or(80, |size| usize::from(size.ws_col));
    (if width == 0 { 80 } else { width.min(100) }, color)
}

/// Results go to stdout; a reader that went away is no reason to fail.
pub fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crew(agents: Option<usize>, local_agents: Option<usize>, expect: &str) -> Crew {
        let plan = format!(
            "name = \"t\"\n{expect}\n[target]\nbase_url = \"http://127.0.0.1\"\n[[scenario]]\nname = \"s\"\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\npath = \"/\"\n"
        );
        let start = Start {
            listen: ([127, 0, 0, 1], 0).into(),
            agents,
            local_agents,
            wait: Duration::ZERO,
            token: None,
            out: None,
            strict: false,
        };
        start.crew(&Plan::parse("t", &plan).unwrap())
    }

    #[test]
    fn the_command_line_wins_over_the_plan_and_nobody_asked_means_one_inside() {
        let plan = "[agents]\nexpect = 3";
        let table = [
            ("nobody asked", crew(None, None, ""), (1, 1)),
            ("the plan asks", crew(None, None, plan), (3, 0)),
            ("the command line asks", crew(Some(2), None, plan), (2, 0)),
            ("some inside", crew(Some(3), Some(1), ""), (3, 1)),
            ("all inside", crew(None, Some(2), ""), (2, 2)),
        ];
        for (what, Crew { expect, local }, expected) in table {
            assert_eq!((expect, local), expected, "{what}");
        }
    }
}
