//! A whole cluster on loopback: a controller, its agents, their files.

use crate::programs::{Ended, Program};
use crate::rows::{self, Row};
use common::histogram::Histogram;
use common::ledger::Entry;
use common::report::{Report, SeriesRow, Summary};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// One run: a controller and the agents that were started for it.
pub(crate) struct Cluster {
    folder: TempDir,
    pub(crate) controller: Program,
    pub(crate) agents: Vec<Program>,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) controller: Ended,
    pub(crate) agents: Vec<Ended>,
    pub(crate) report: Report,
    /// By agent; empty without `--rows`.
    pub(crate) rows: Vec<Vec<Row>>,
}

/// A plan with one scenario, "s": its load, its step and the keys of its target are TOML.
pub(crate) fn plan(url: &str, target: &str, scenario: &str, step: &str) -> String {
    format!(
        "name = \"t\"\nmax_lateness = \"1m\"\n[target]\nbase_url = \"{url}\"\n{target}\n[[scenario]]\n\
         name = \"s\"\n{scenario}\n[[scenario.step]]\n{step}\n"
    )
}

impl Cluster {
    /// Starts a controller and `agents` agents for one run; `rows`: each agent writes its rows.
    pub(crate) fn start(plan: &str, agents: usize, rows: bool) -> Self {
        let count = agents.to_string();
        let mut cluster = Self::controller(plan, &["--agents", &count]);
        let address = cluster.address();
        for number in 1..=agents {
            let (name, folder) = (format!("a{number}"), cluster.folder.path().join(format!("rows-{number}")));
            let mut flags = vec!["--once", "--threads", "1"];
            if rows {
                flags.extend(["--rows", folder.to_str().unwrap()]);
            }
            cluster.agents.push(agent(&address, &name, &flags));
        }
        cluster
    }

    /// Starts a controller alone, with these flags, on a free port.
    pub(crate) fn controller(plan: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.toml");
        std::fs::write(&path, plan).unwrap();
        let out = folder.path().join("out");
        let fixed = ["start", "--plan", path.to_str().unwrap(), "--out", out.to_str().unwrap()];
        let listen = ["--listen", "127.0.0.1:0"];
        let listen = if flags.contains(&"--listen") { &[][..] } else { &listen };
        let controller = Program::controller(&[&fixed, listen, flags].concat());
        Self { folder, controller, agents: vec![] }
    }

    /// Where agents join.
    pub(crate) fn address(&self) -> String {
        self.controller.hears("agents join with: agent join").rsplit(' ').next().unwrap().to_owned()
    }

    /// Waits until everybody has ended by themselves.
    pub(crate) fn end(self) -> Run {
        let (controller, agents) = (self.controller.end(), self.agents);
        let agents: Vec<Ended> = agents.into_iter().map(Program::end).collect();
        let rows = (1..=agents.len()).map(|number| self.folder.path().join(format!("rows-{number}")));
        let rows = rows.filter(|folder| folder.exists()).map(|folder| rows::read(&folder)).collect();
        let report = read_report(&self.folder.path().join("out/report.json"))
            .unwrap_or_else(|| panic!("no report:\n{}", controller.stderr));
        Run { controller, agents, report, rows }
    }

    /// Waits until the controller has ended, where no report is expected.
    pub(crate) fn end_without_report(self) -> Ended {
        self.controller.end()
    }
}

/// Runs a plan with one agent inside the controller.
pub(crate) fn run_alone(plan: &str) -> Run {
    Cluster::controller(plan, &[]).end()
}

impl Run {
    /// The books of the scenario of [`plan`].
    pub(crate) fn books(&self) -> &Entry {
        &self.report.ledger["s"]
    }

    /// What a scenario measured.
    pub(crate) fn series(&self, scenario: &str) -> &SeriesRow {
        self.report.series.iter().find(|row| row.scenario == scenario).unwrap()
    }
}

/// Starts an agent of this name.
pub(crate) fn agent(address: &str, name: &str, flags: &[&str]) -> Program {
    Program::agent(&[&["join", address, "--name", name], flags].concat())
}

/// The whole histogram behind a summary.
pub(crate) fn histogram(summary: &Summary) -> Histogram {
    use base64::Engine;
    let mut histogram = Histogram::new();
    if !summary.hdr.is_empty() {
        let bytes = base64::engine::general_purpose::STANDARD.decode(&summary.hdr).unwrap();
        histogram.add_v2(&bytes, summary.count, summary.overflow).unwrap();
    }
    histogram
}

/// Tests that make load take turns: two clusters at once would measure each other.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed in its turn has nothing to do with the next.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_report(path: &Path) -> Option<Report> {
    let text = std::fs::read_to_string(PathBuf::from(path)).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}
