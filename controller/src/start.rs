//! `controller start`: one run from a plan to its report.

use crate::admin::Admin;
use crate::chronicle::Happened;
use crate::collect::Collector;
use crate::conduct::{conduct, report};
use crate::coordinator::{EffectivePlan, Finished, Steer, Task, planned};
use crate::exit::{Exit, Failure};
use crate::files::Files;
use crate::journal::{Journal, Nowhere, Record, Saved, boot_id};
use crate::live::{Lines, say};
use crate::local::{LocalAgents, is_local};
use crate::replay::{self, Shipped};
use crate::store::Store;
use crate::{clock, output, text};
use common::arrivals::Timetable;
use common::plan::{Load, Plan, Scenario};
use common::report::{Judgment, Report};
use common::run::Ending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
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
    /// Where operators steer the run; `None`: [`ADMIN`], if it is free.
    pub admin: Option<SocketAddr>,
    /// Where runs are kept; `None`: nowhere.
    pub data_dir: Option<PathBuf>,
    /// Whether to go on with the unfinished run that is kept there.
    pub resume: bool,
    /// Whether deltas are kept as they came.
    pub keep_deltas: bool,
    /// Whether every agent keeps a row per request and brings it here.
    pub rows: bool,
    /// Whether a plan that was not delivered is a failure: the generator could not keep up, or the fleet had faults.
    pub strict: bool,
}

/// A run to be conducted, and where it is kept.
#[derive(Debug)]
struct Kept {
    plan: EffectivePlan,
    run_id: String,
    created_at: String,
    journal: Box<dyn Journal>,
    saved: Option<Saved>,
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

    /// Of a run that began: agents elsewhere come back by themselves, those inside are started anew.
    fn crew_again(&self, saved: &Saved) -> Result<Crew, Failure> {
        let happened = saved.events.iter().map(Happened::read).collect::<Result<Vec<_>, _>>();
        let happened = happened.map_err(Failure::internal)?;
        let was_inside =
            |happened: &&Happened| matches!(happened, Happened::Opened { name, .. } if is_local(name));
        let local = self.local_agents.unwrap_or_else(|| happened.iter().filter(was_inside).count());
        Ok(Crew { expect: self.agents.unwrap_or(1).max(local), local })
    }

    /// Runs a plan, or goes on with one that another controller began, and prints the report.
    pub async fn run(
        &self,
        plan: Option<EffectivePlan>,
        interrupts: mpsc::Receiver<()>,
    ) -> Result<Exit, Failure> {
        let kept = self.open(plan)?;
        let (effective, created_at) = (kept.plan.plan.clone(), kept.created_at.clone());
        let (plan_text, notes) = (kept.plan.text.clone(), kept.plan.notes.clone());
        let mut finished = self.conduct(kept, interrupts).await?;
        let mut report = report(&effective, &created_at, &finished);
        report.warnings.splice(0..0, notes);
        keep(&mut finished, &report).await;
        if let Some(folder) = &self.out {
            output::write(folder, &report, &plan_text, finished.books.totals()).map_err(Failure::internal)?;
            say(&format!("wrote {}", folder.join("report.html").display()));
        }
        if let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) {
            output::append_summary(Path::new(&file), &report).unwrap_or_else(|why| say(&why));
        }
        if let Ending::NotStarted(why) = &finished.ending {
            return Err(Failure::new(Exit::NotEnoughAgents, format!("the run did not start: {why}")));
        }
        let (width, color) = terminal();
        print(&text::render(&report, width, color));
        Ok(self.exit(report.verdict.result, &finished.ending))
    }

    /// Opens the journal and decides what is to be run.
    fn open(&self, plan: Option<EffectivePlan>) -> Result<Kept, Failure> {
        let (journal, saved): (Box<dyn Journal>, _) = match &self.data_dir {
            None => (Box::new(Nowhere::new()), None),
            Some(folder) => {
                let store = Store::open(folder, self.keep_deltas).map_err(Failure::usage)?;
                let unfinished = store.unfinished().map_err(Failure::internal)?;
                (Box::new(store), unfinished)
            }
        };
        match (saved.filter(|_| self.resume), plan) {
            (Some(saved), _) if saved.boot_id != boot_id() => Err(Failure::usage(format!(
                "run {} cannot be gone on with: the machine was started again since, and with it the clock of the \
                 run; start it anew without --resume",
                saved.run_id
            ))),
            (Some(saved), _) => {
                let mut plan = planned(&saved).map_err(Failure::internal)?;
                if let Some(folder) = &self.data_dir {
                    plan.files = Arc::new(Files::kept(folder, &saved.run_id).map_err(Failure::internal)?);
                }
                let (run_id, created_at) = (saved.run_id.clone(), saved.created_at.clone());
                Ok(Kept { plan, run_id, created_at, journal, saved: Some(saved) })
            }
            (None, Some(mut plan)) => {
                let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second());
                let created_at = now.unwrap_or_default().to_string();
                let run_id = uuid::Uuid::now_v7().to_string();
                if let Some(folder) = &self.data_dir {
                    let files = Files::clone(&plan.files).keep(folder, &run_id).map_err(Failure::internal)?;
                    plan.files = Arc::new(files);
                }
                Ok(Kept { plan, run_id, created_at, journal, saved: None })
            }
            (None, None) => Err(Failure::usage(
                "there is no unfinished run to go on with in --data-dir: start one with --plan FILE",
            )),
        }
    }

    async fn conduct(&self, kept: Kept, interrupts: mpsc::Receiver<()>) -> Result<Finished, Failure> {
        let crew = match &kept.saved {
            Some(saved) if saved.began() => self.crew_again(saved)?,
            _ => self.crew(&kept.plan.plan),
        };
        if crew.expect == 0 {
            return Err(Failure::usage("a run needs at least one agent: --agents 1"));
        }
        let listener = bind(self.listen, "agents", "--listen").await?;
        let address = listener.local_addr().map_err(|error| Failure::internal(error.to_string()))?;
        let (wishes, steering) = mpsc::channel(WISHES);
        let operators = self.admit_operators(wishes).await?;
        if crew.local < crew.expect {
            say(&format!("agents join with: agent join {address}"));
        }
        let tell: crate::local::Tell = Arc::new(say);
        let agents = LocalAgents::start(crew.local, address, self.token.as_deref(), &tell)
            .map_err(Failure::internal)?;
        let Kept { plan, run_id, created_at, journal, saved } = kept;
        let (expect, wait, clock) = (crew.expect, self.wait, clock::boot());
        let token = self.token.as_deref().map(Arc::from);
        let collector = self.rows_folder(&run_id)?.map(|folder| Collector::new(folder, &run_id));
        let task = Task { plan, expect, wait, run_id, created_at, token, clock, journal, collector, saved };
        let incoming = TcpListenerStream::new(listener);
        let finished = conduct(task, incoming, interrupts, steering, &mut Lines::new()).await;
        operators.iter().for_each(JoinHandle::abort);
        tokio::task::spawn_blocking(|| agents.stop()).await.unwrap_or_default();
        finished.map_err(Failure::internal)
    }

    /// Where the rows of a run are kept, if they are wanted.
    fn rows_folder(&self, run_id: &str) -> Result<Option<PathBuf>, Failure> {
        if !self.rows {
            return Ok(None);
        }
        let kept = self.data_dir.as_ref().map(|folder| rows_of(folder, run_id));
        let folder = kept.or_else(|| self.out.as_ref().map(|folder| folder.join("rows")));
        let folder = folder.ok_or_else(|| {
            Failure::usage("--rows needs a place for them: add --data-dir DIR, or --out DIR")
        })?;
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::usage(format!("make {}: {error}", folder.display())))?;
        Ok(Some(folder))
    }

    /// Lets operators steer the run. Without an address that was asked for, a taken port is no reason not to run.
    async fn admit_operators(&self, wishes: mpsc::Sender<Steer>) -> Result<Option<JoinHandle<()>>, Failure> {
        let listener = match (self.admin, bind(self.admin.unwrap_or(ADMIN), "operators", "--admin").await) {
            (_, Ok(listener)) => listener,
            (Some(_), Err(failure)) => return Err(failure),
            (None, Err(_)) => {
                say(&format!("steering is off: another program listens on {ADMIN}; choose another --admin"));
                return Ok(None);
            }
        };
        if let (Some(_), Ok(address)) = (self.admin, listener.local_addr()) {
            say(&format!("steer with: controller status --admin {address}"));
        }
        let serve = async move {
            if let Err(why) = Admin::serve(wishes, listener).await {
                say(&why);
            }
        };
        Ok(Some(tokio::spawn(serve)))
    }

    fn exit(&self, result: Judgment, ending: &Ending) -> Exit {
        match (result, ending) {
            (Judgment::Pass, _) => Exit::Ok,
            (Judgment::GeneratorLimited | Judgment::Degraded, _) if self.strict => Exit::Invalid,
            (Judgment::GeneratorLimited | Judgment::Degraded, _) => Exit::Ok,
            (Judgment::Aborted, Ending::Stopped) => Exit::Stopped,
            (Judgment::Aborted, Ending::StoreFailed(_)) => Exit::Internal,
            (Judgment::Aborted, _) => Exit::Interrupted,
            (Judgment::Fail, _) => Exit::ThresholdFailed,
            (Judgment::Invalid, _) => Exit::Invalid,
        }
    }
}

/// Reads and checks a plan; the failure shows every problem.
pub fn read_plan(path: &Path) -> Result<EffectivePlan, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::BadPlan, format!("read plan {}: {error}", path.display())))?;
    let mut effective = parse_plan(&path.display().to_string(), text)?;
    let bad = |wrong: Vec<String>| {
        let list: Vec<String> = wrong.iter().map(|why| format!("error: {why}\n")).collect();
        Failure::new(Exit::BadPlan, format!("{}{}: {} problems", list.concat(), path.display(), wrong.len()))
    };
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let files = Files::find(&effective.plan, folder).map_err(bad)?;
    let (_, script) = files.script(&effective.plan).map_err(bad)?;
    for shortage in script.shortages(&planned_iterations(&effective.plan)) {
        say(&format!("warning: {shortage}"));
    }
    effective.files = Arc::new(files);
    Ok(effective)
}

/// How many iterations each scenario plans, where its load tells before the run.
fn planned_iterations(plan: &Plan) -> Vec<Option<u64>> {
    let planned = |scenario: &Scenario| match &scenario.load {
        Load::Rate(_) => {
            let timetable = Timetable::of(scenario, plan.seed).ok()?;
            Some(timetable.count(timetable.end()))
        }
        Load::Tries(load) => Some(load.count),
        Load::Users(_) | Load::Replay(_) => None,
    };
    plan.scenarios.iter().map(planned).collect()
}

/// Reads the logs that a plan replays, relative to `folder`, into tapes; a plan that replays nothing stays as it is.
pub fn read_logs(effective: EffectivePlan, folder: &Path, tapes: &Path) -> Result<Shipped, Failure> {
    let EffectivePlan { text, plan, .. } = effective;
    if plan.replays().next().is_some() {
        say("reading the logs that the plan replays");
    }
    replay::ship(text, plan, folder, tapes).map_err(|why| Failure::new(Exit::BadPlan, why))
}

/// Checks the text of a plan; the failure shows every problem.
pub fn parse_plan(name: &str, text: String) -> Result<EffectivePlan, Failure> {
    match Plan::parse(name, &text) {
        Ok(plan) => Ok(EffectivePlan { text, plan, files: Arc::default(), notes: vec![] }),
        Err(problems) => Err(Failure::new(Exit::BadPlan, problems.to_string())),
    }
}

/// Writes the report into the journal; one that failed has told so.
async fn keep(finished: &mut Finished, report: &Report) {
    let Ok(report) = serde_json::to_string(report) else { return };
    let n = finished.journal.append(Record::Report { run_id: finished.run_id.clone(), report });
    let mut durable = finished.journal.durable();
    let kept = durable.wait_for(|durable| durable.as_ref().map_or(true, |durable| *durable >= n));
    tokio::time::timeout(KEEP_WITHIN, kept).await.map(drop).unwrap_or_default();
}

async fn bind(address: SocketAddr, whom: &str, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there: stop it, or",
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address:",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges:",
            _ => "",
        };
        Failure::usage(format!(
            "cannot listen for {whom} on {address}: {error}; {problem} choose another {flag}"
        ))
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

/// The folder with the rows of a run, in a controller's data directory.
pub fn rows_of(data_dir: &Path, run_id: &str) -> PathBuf {
    data_dir.join("runs").join(run_id).join("rows")
}

/// Where operators steer a run when nothing else is said.
pub const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50052);
/// Wishes of operators that wait.
const WISHES: usize = 16;
/// How long the report may take to become durable.
const KEEP_WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
