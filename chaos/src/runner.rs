//! A round: a lab, a plan, the faults of a seed, the evidence, the verdict.

use crate::checker::{Finding, check};
use crate::clock::boot_ns;
use crate::evidence::{Evidence, Notes};
use crate::faults::{Fault, Kind, What, faults};
use crate::lab::{Blueprint, Lab, THREADS};
use crate::log::Log;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a round is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The seed of plan and faults.
    pub seed: u64,
    /// How long the load is on.
    pub load: Duration,
    /// The kinds of faults; none: a calm round.
    pub kinds: Vec<Kind>,
    /// What the lab is made of.
    pub blueprint: Blueprint,
}

/// How a round went.
#[derive(Clone, Debug)]
pub struct Round {
    /// How many faults there were.
    pub faults: usize,
    /// What every rule found.
    pub findings: Vec<Finding>,
}

/// Something that is done to the lab at a time.
#[derive(Clone, Copy, Debug)]
struct Action {
    at: Duration,
    begins: bool,
    what: What,
}

impl Order {
    /// The faults that the seed gives; they leave a calm end of the load.
    ///
    /// # Errors
    /// Says so when the load is too short for that.
    pub fn faults(&self) -> Result<Vec<Fault>, String> {
        if self.kinds.is_empty() {
            return Ok(Vec::new());
        }
        let until = self.load.checked_sub(CALM_END).filter(|until| *until > CALM_BEGIN);
        let least = CALM_BEGIN + CALM_END;
        let until = until.ok_or_else(|| format!("faults need a load longer than {least:?}: --for 1m"))?;
        let mut faults = faults(self.seed, self.blueprint.agents, &self.kinds, CALM_BEGIN, until);
        faults.extend(self.end());
        Ok(faults)
    }

    /// The operator's end, in every other round, when everything has settled and some load is left.
    fn end(&self) -> Option<Fault> {
        let ends = self.kinds.contains(&Kind::End) && self.seed.is_multiple_of(2);
        ends.then(|| Fault { at: self.load - END_EARLY, lasts: Duration::ZERO, what: What::End })
    }

    /// Carries the round out.
    ///
    /// # Errors
    /// Says what could not be made or read, or that it was interrupted. What is wrong with the run is no error, but
    /// among the findings.
    pub fn carry_out(&self, interrupted: &AtomicBool) -> Result<Round, String> {
        let faults = self.faults()?;
        let folder = &self.blueprint.folder;
        let mut log = Log::create(&folder.join("faults.jsonl"))?;
        let mut lab = Lab::build(self.blueprint.clone())?;
        let plan = plan(self, lab.target());
        write(&folder.join("plan.toml"), &plan)?;
        lab.start_controller(false)?;
        lab.start_agents()?;
        let mut session = Session { order: self, lab, log: &mut log, interrupted, settled_ns: None };
        session.wait_for_load()?;
        let ended = session.break_things(actions(&faults))?;
        let notes = Notes {
            clock: session.lab.began(),
            threads: THREADS,
            resumed: session.lab.resumed().to_vec(),
            settled_ns: session.settled_ns,
        };
        session.lab.close()?;
        let spooled = spooled(&self.blueprint)?;
        let notes = serde_json::to_string(&notes).map_err(|error| format!("encode the notes: {error}"))?;
        write(&folder.join("notes.json"), &notes)?;
        let evidence = Evidence::read(folder).map_err(|error| error.to_string())?;
        let mut findings = vec![ended, sound(folder), spooled];
        findings.extend(check(&evidence));
        Ok(Round { faults: faults.len(), findings })
    }
}

impl Round {
    /// Whether everything is right. Without a store some rules cannot be checked.
    #[must_use]
    pub fn holds(&self, store: bool) -> bool {
        self.findings.iter().all(|finding| finding.wrong == 0 && (finding.missing.is_none() || !store))
    }
}

/// The life of a lab under one order.
struct Session<'a> {
    order: &'a Order,
    lab: Lab,
    log: &'a mut Log,
    interrupted: &'a AtomicBool,
    settled_ns: Option<u64>,
}

impl Session<'_> {
    fn wait_for_load(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        while self.lab.state().as_deref() != Some("running") {
            self.heed_interrupts()?;
            if self.lab.controller_ended().is_some() || begin.elapsed() > START_WITHIN {
                let folder = self.order.blueprint.folder.display();
                return Err(format!("wait for the load: it does not begin; see the logs in {folder}"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.log.set_zero(boot_ns());
        self.log.note("the load is on")
    }

    /// Does everything when it is due, until the controller has ended by itself.
    fn break_things(&mut self, actions: Vec<Action>) -> Result<Finding, String> {
        let begin = Instant::now();
        let mut actions = actions.into_iter().peekable();
        let mut finding = Finding::of("ended");
        let mut calm_since = None;
        loop {
            self.heed_interrupts()?;
            while let Some(action) = actions.next_if(|action| action.at <= begin.elapsed()) {
                self.carry_out(action)?;
            }
            let calm = actions.peek().is_none_or(|action| action.what == What::End);
            if calm && calm_since.is_none() {
                calm_since = Some(boot_ns());
                self.settled_ns = calm_since.map(|since| since + SETTLE_NS);
                self.log.note("calm")?;
            }
            if let Some(status) = self.lab.controller_ended() {
                self.log.note(&format!("the controller ended: {status}"))?;
                let expected = if self.order.end().is_some() { STOPPED } else { 0 };
                finding.look(status.code() == Some(expected), || {
                    format!("the controller ended with {status}, expected {expected}")
                });
                let at = begin.elapsed();
                finding.look(actions.peek().is_none(), || {
                    format!("the run was over after {at:?}, before the last fault")
                });
                return Ok(finding);
            }
            if begin.elapsed() > self.order.load + END_WITHIN {
                finding.look(false, || format!("the run was not over {END_WITHIN:?} after its load"));
                return Ok(finding);
            }
            for agent in self.lab.supervise()? {
                self.log.note(&format!("{agent} had ended and was started again"))?;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn carry_out(&mut self, action: Action) -> Result<(), String> {
        let verb = if action.begins { "begin" } else { "end" };
        self.log.note(&format!("{verb} {}", action.what))?;
        if action.begins { self.lab.begin(action.what) } else { self.lab.end(action.what) }
    }

    fn heed_interrupts(&self) -> Result<(), String> {
        if self.interrupted.load(Ordering::Relaxed) { Err("interrupted".into()) } else { Ok(()) }
    }
}

/// What is to be done when, in order.
fn actions(faults: &[Fault]) -> Vec<Action> {
    let both = |fault: &Fault| {
        let Fault { at, lasts, what } = *fault;
        let end = (!what.is_instant()).then_some(Action { at: at + lasts, begins: false, what });
        std::iter::once(Action { at, begins: true, what }).chain(end)
    };
    let mut actions: Vec<Action> = faults.iter().flat_map(both).collect();
    // What ends at the moment at which something begins, ends first.
    actions.sort_by_key(|action| (action.at, action.begins));
    actions
}

/// Books that agents had to leave in files are brought in, as an operator would.
fn spooled(blueprint: &Blueprint) -> Result<Finding, String> {
    let (mut finding, folder) = (Finding::of("spooled"), &blueprint.folder);
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "spool"));
    if !folder.join("out/report.json").exists() {
        return Ok(finding);
    }
    for file in files {
        let mut command = Command::new(blueprint.programs.path("controller"));
        command.args(["runs", "merge-spool", "--data-dir"]).arg(folder.join("data")).arg(&file);
        let output = command.output().map_err(|error| format!("run {command:?}: {error}"))?;
        finding.look(output.status.success(), || {
            format!("{}: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim())
        });
    }
    Ok(finding)
}

/// No program has panicked, whatever became of the run.
fn sound(folder: &Path) -> Finding {
    let mut finding = Finding::of("sound");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let logs = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "log"));
    for log in logs {
        let text = std::fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let panic = text.lines().find(|line| line.contains("panicked at"));
        finding.look(panic.is_none(), || format!("{}: {}", log.display(), panic.unwrap_or_default()));
    }
    finding
}

/// The plan of a round: three streams, even and Poisson, a ramp, every request with the name of its arrival.
fn plan(order: &Order, target: SocketAddr) -> String {
    let (seed, agents) = (order.seed, order.blueprint.agents);
    let load = order.load.as_millis();
    let (ramp, hold) = (load / 5, load - load / 5);
    // Without a store it is a controller that knows of nothing else.
    let on_loss = if order.blueprint.store { "on_loss = \"rebalance\"\n" } else { "" };
    format!(
        r#"name = "chaos"
seed = {seed}
drain = "4s"

[target]
base_url = "http://{target}"
timeout = "2s"
identify = true

[agents]
expect = {agents}
{on_loss}
[[scenario]]
name = "even"
load.rate = [ {{ from = "0/s", to = "200/s", for = "{ramp}ms" }}, {{ at = "200/s", for = "{hold}ms" }} ]
[[scenario.step]]
path = "/"

[[scenario]]
name = "poisson"
load.rate = [ {{ at = "150/s", for = "{load}ms" }} ]
load.arrivals = "poisson"
[[scenario.step]]
path = "/random"

[[scenario]]
name = "posts"
load.rate = [ {{ at = "40/s", for = "{load}ms" }} ]
[[scenario.step]]
method = "POST"
path = "/api/index"
headers = {{ content-type = "application/json" }}
body = '{{"name": "report.pdf", "directory": "/srv/docs", "host": "FileServer1", "file_size": 18234}}'
expect = {{ status = [201] }}
"#
    )
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("write {}: {error}", file.display()))
}

/// Nothing is broken while the load is young.
const CALM_BEGIN: Duration = Duration::from_secs(3);
/// At the end nothing is broken: 8 s in which everything settles, and 8 s in which the plan must be delivered.
const CALM_END: Duration = Duration::from_secs(16);
const SETTLE_NS: u64 = 8_000_000_000;
/// The operator's end comes so long before the load's.
const END_EARLY: Duration = Duration::from_secs(3);
/// The controller's exit code after `controller stop`.
const STOPPED: i32 = 103;
/// Agents join, prepare, compare clocks.
const START_WITHIN: Duration = Duration::from_secs(60);
/// Drain, last books, report.
const END_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::SCENARIOS;
    use crate::programs::Programs;
    use common::plan::Plan;

    fn order(load_s: u64, store: bool) -> Order {
        let own = std::env::temp_dir();
        let blueprint = Blueprint {
            programs: Programs::in_folder(own.clone()),
            agents: 4,
            plain: true,
            store,
            folder: own,
            round: 0,
        };
        let kinds = Kind::ALL.map(|(_, kind)| kind).to_vec();
        Order { seed: 1, load: Duration::from_secs(load_s), kinds, blueprint }
    }

    #[test]
    fn the_plan_of_a_round_is_a_plan() {
        let plan = plan(&order(60, false), "127.0.0.1:1".parse().unwrap());
        let plan = Plan::parse("plan", &plan).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(plan.scenarios.iter().map(|own| &*own.name).collect::<Vec<_>>(), SCENARIOS);
        assert_eq!((plan.duration(), plan.target.identify), (Duration::from_secs(60), true));
    }

    #[test]
    fn a_load_too_short_for_a_calm_end_is_refused() {
        assert!(order(19, true).faults().unwrap_err().contains("--for 1m"));
        assert!(!order(60, true).faults().unwrap().is_empty());
        assert_eq!(Order { kinds: vec![], ..order(5, true) }.faults(), Ok(vec![]));
    }

    #[test]
    fn what_ends_at_a_moment_ends_before_something_begins() {
        let second = Duration::from_secs(1);
        let faults = [
            Fault { at: second, lasts: second, what: What::Stop(0) },
            Fault { at: second * 2, lasts: second, what: What::Kill(0) },
            Fault { at: second * 3, lasts: Duration::ZERO, what: What::Cut(0) },
        ];
        let told = actions(&faults).into_iter().map(|action| (action.begins, action.what));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (true, What::Stop(0)),
                (false, What::Stop(0)),
                (true, What::Kill(0)),
                (false, What::Kill(0)),
                (true, What::Cut(0))
            ]
        );
    }

    #[test]
    fn a_panic_in_a_log_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("agent-1.log"), "all is well\n").unwrap();
        assert!(sound(folder.path()).holds());
        std::fs::write(folder.path().join("controller.log"), "thread 'main' panicked at x.rs:1\n").unwrap();
        assert_eq!(sound(folder.path()).wrong, 1);
    }
}
