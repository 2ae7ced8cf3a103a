//! A whole cluster on loopback: a controller, its agents, their files.

use crate::programs::{Ended, Program};
use crate::rows::{self, Row};
use common::histogram::Histogram;
use common::ledger::Entry;
use common::report::{Report, SeriesRow, Summary};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tempfile::TempDir;

/// One run: a controller and the agents that were started for it.
pub(crate) struct Cluster {
    folder: TempDir,
    pub(crate) controller: Program,
    pub(crate) agents: Vec<Program>,
}

/// Where a controller is started that is killed and started again: no connection of another program takes its port
/// meanwhile, for all of them begin at 127.0.0.1.
const LISTEN: [&str; 2] = ["--listen", "127.0.0.2:0"];

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

    /// Starts a controller that keeps its run, can be steered, and waits for as many agents, which are started.
    pub(crate) fn lasting(plan: &str, agents: &[&str], flags: &[&str]) -> Self {
        Self::start_lasting(&[], plan, agents, None, flags)
    }

    /// The same, where another program starts the controller, which keeps its run in this folder.
    pub(crate) fn within(program: &[&str], plan: &str, agents: &[&str], data: &str, flags: &[&str]) -> Self {
        Self::start_lasting(program, plan, agents, Some(data), flags)
    }

    fn start_lasting(
        within: &[&str],
        plan: &str,
        agents: &[&str],
        data: Option<&str>,
        flags: &[&str],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.toml");
        std::fs::write(&path, plan).unwrap();
        let count = agents.len().to_string();
        let count = if flags.contains(&"--agents") { &[][..] } else { &["--agents", &count] };
        let (path, mut kept) = (text(&path), kept(folder.path()));
        if let Some(data) = data {
            kept[1] = data.to_owned();
        }
        let args = [&["start", "--plan", &path], &LISTEN[..], &strs(&kept), count, flags].concat();
        let controller = Program::controller_within(within, &args);
        let mut cluster = Self { folder, controller, agents: vec![] };
        agents.iter().for_each(|name| cluster.join(name, &[]));
        cluster
    }

    /// Kills the controller; the cluster goes on with what [`Self::resume`] starts.
    pub(crate) fn kill_controller(&mut self) {
        self.controller.kill();
    }

    /// Starts a controller in place of the one that was killed, at the same address.
    pub(crate) fn resume(&mut self, flags: &[&str]) {
        let address = self.address();
        self.resume_at(&address, flags);
    }

    /// The same, at another address.
    pub(crate) fn resume_at(&mut self, address: &str, flags: &[&str]) {
        let kept = kept(self.folder.path());
        let fixed = ["start", "--resume", "--listen", address];
        self.controller = Program::controller(&[&fixed, &strs(&kept)[..], flags].concat());
    }

    /// Starts one more agent, for one run.
    pub(crate) fn join(&mut self, name: &str, flags: &[&str]) {
        let address = self.address();
        self.agents.push(self.agent_of(&address, name, flags));
    }

    fn agent_of(&self, address: &str, name: &str, flags: &[&str]) -> Program {
        let spool = text(self.folder.path());
        let threads = if flags.contains(&"--threads") { &[][..] } else { &["--threads", "1"] };
        agent(address, name, &[&["--once", "--spool-dir", &spool], threads, flags].concat())
    }

    /// Where agent number `number`, counted from 1, is to write its rows.
    pub(crate) fn rows(&self, number: usize) -> String {
        text(&self.folder.path().join(format!("rows-{number}")))
    }

    /// What agents could not deliver.
    pub(crate) fn spooled(&self) -> Vec<String> {
        spooled(self.folder.path())
    }

    /// The folder in which the controller keeps its run.
    pub(crate) fn data(&self) -> String {
        text(&self.folder.path().join("data"))
    }

    /// Runs a command of the operator on the controller: status, stop, rate.
    pub(crate) fn operate(&self, command: &[&str]) -> Ended {
        let admin = self.controller.hears("steer with: ").rsplit(' ').next().unwrap().to_owned();
        Program::controller(&[command, &["--admin", &admin]].concat()).end()
    }

    /// Where agents join.
    pub(crate) fn address(&self) -> String {
        self.controller.hears("agents join with: agent join").rsplit(' ').next().unwrap().to_owned()
    }

    /// Waits until everybody has ended by themselves.
    pub(crate) fn end(self) -> Run {
        self.end_keeping().0
    }

    /// The same; the files are there until the folder is dropped.
    pub(crate) fn end_keeping(self) -> (Run, TempDir) {
        let (controller, agents) = (self.controller.end(), self.agents);
        let agents: Vec<Ended> = agents.into_iter().map(Program::end).collect();
        let rows = (1..=agents.len()).map(|number| self.folder.path().join(format!("rows-{number}")));
        let rows = rows.filter(|folder| folder.exists()).map(|folder| rows::read(&folder)).collect();
        let report = read_report(&self.folder.path().join("out/report.json"))
            .unwrap_or_else(|| panic!("no report:\n{}", controller.stderr));
        (Run { controller, agents, report, rows }, self.folder)
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

/// What agents left in a folder.
pub(crate) fn spooled(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let spools = files.filter(|file| file.extension().is_some_and(|kind| kind == "spool"));
    spools.map(|file| text(&file)).collect()
}

fn kept(folder: &Path) -> [String; 6] {
    let [data, out] = ["data", "out"].map(|name| text(&folder.join(name)));
    ["--data-dir".into(), data, "--out".into(), out, "--admin".into(), "127.0.0.1:0".into()]
}

fn strs(texts: &[String; 6]) -> [&str; 6] {
    texts.each_ref().map(String::as_str)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Starts an agent of this name.
pub(crate) fn agent(address: &str, name: &str, flags: &[&str]) -> Program {
    let elsewhere = text(&std::env::temp_dir());
    let spool = if flags.contains(&"--spool-dir") { &[][..] } else { &["--spool-dir", &elsewhere] };
    Program::agent(&[&["join", address, "--name", name], spool, flags].concat())
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
pub(crate) fn turn() -> RwLockWriteGuard<'static, ()> {
    // A test that failed in its turn has nothing to do with the next.
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Tests with little load that measure no times: several at once, beside none that takes its turn.
pub(crate) fn beside() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

static TURN: RwLock<()> = RwLock::new(());

fn read_report(path: &Path) -> Option<Report> {
    let text = std::fs::read_to_string(PathBuf::from(path)).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}
