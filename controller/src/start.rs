//! `controller start`: one run from a plan to its report, or a controller that stays and takes runs.

use crate::coordinator::{EffectivePlan, planned};
use crate::desk::Desk;
use crate::exit::{Exit, Failure};
use crate::files::Files;
use crate::host::Host;
use crate::journal::{Journal, Nowhere, boot_id};
use crate::live::say;
use crate::otlp::{Collector, Pushes};
use crate::read::{new_id, now};
use crate::runs::Keep;
use crate::store::Store;
use crate::watch::Ui;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

mod carry;
mod doors;
mod stay;
mod tidy;

use carry::Kept;
use doors::bind;

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
    /// Where the page is; `None`: [`WEB`], if it is free.
    pub web: Option<SocketAddr>,
    /// What browsers must show; `None` on loopback.
    pub web_token: Option<String>,
    /// Where plans from the page and the API may read files; `None`: nowhere.
    pub files: Option<PathBuf>,
    /// Who is pushed how runs stand.
    pub otlp: Option<Collector>,
    /// Where runs are kept; `None`: nowhere.
    pub data_dir: Option<PathBuf>,
    /// Whether to go on with the unfinished run that is kept there.
    pub resume: bool,
    /// Which runs that are over stay there; the others are deleted at the start and after every run.
    pub keep: Keep,
    /// Whether deltas are kept as they came.
    pub keep_deltas: bool,
    /// Whether every agent keeps a row per request and brings it here.
    pub rows: bool,
    /// Whether doubts are a failure: the generator could not keep up, the fleet had faults, every request of a scenario
    /// failed.
    pub strict: bool,
    /// What is shown on stderr while a run is on.
    pub ui: Ui,
    /// Whether the report is printed as JSON.
    pub json: bool,
}

impl Start {
    /// Runs a plan, or goes on with one that another controller began, and prints the report.
    pub async fn run(
        &self,
        plan: Option<EffectivePlan>,
        interrupts: mpsc::Receiver<()>,
    ) -> Result<Exit, Failure> {
        let kept = self.open(plan)?;
        let crew = match &kept.saved {
            Some(saved) if saved.began() => self.crew_again(saved)?,
            _ => self.crew(&kept.plan.plan),
        };
        if crew.expect == 0 {
            return Err(Failure::usage("a run needs at least one agent: --agents 1"));
        }
        let mut pushes = Pushes::to(self.otlp.as_ref(), say).map_err(Failure::internal)?;
        let listener = bind(self.listen, "agents", "--listen").await?;
        let mut host = Host::new(listener, self.token.as_deref().map(Arc::from))?;
        let desk = Arc::new(Desk::new(self.data_dir.clone(), false));
        self.tidy(&desk, None).await;
        let entry = desk.add(kept.entry()).map_err(Failure::internal)?;
        let operators = self.admit_operators(&desk).await?;
        let server = self.serve_page(&desk, &host.lobby, PathBuf::new()).await?;
        if crew.local < crew.expect {
            say(&format!("agents join with: agent join {}", host.address));
        }
        pushes.begin(Arc::clone(&entry.board));
        let carried = self.carry((kept, crew), (&mut host, &entry), interrupts, self.out.as_deref()).await;
        operators.iter().for_each(JoinHandle::abort);
        if let Some(server) = server {
            server.stop().await;
        }
        host.close().await;
        self.tidy(&desk, Some(&entry.id)).await;
        pushes.end().await;
        carried
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
                let (run_id, created_at) = (new_id(), now());
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
/// Where the page is when nothing else is said.
pub const WEB: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

#[cfg(test)]
mod tests;
