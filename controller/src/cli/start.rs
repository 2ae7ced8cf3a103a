//! `controller start`.

use super::{folder_of, scratch};
use crate::coordinator::EffectivePlan;
use crate::exit::{Exit, Failure};
use crate::journal::TAPES;
use crate::otlp::Collector;
use crate::read::{read_logs, read_plan};
use crate::runs::Keep;
use crate::start::{ADMIN, Start, WEB};
use crate::watch::Ui;
use clap::Args;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(Debug, Args)]
pub(super) struct StartArgs {
    /// The plan to run. Without it the controller stays, agents stay joined, and runs come from the page or with
    /// `controller submit`; with --resume it goes on with the unfinished run, if there is one.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// A folder in which runs are kept: a controller that was killed goes on with its run there (--resume).
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Go on with the unfinished run in --data-dir.
    #[arg(long, requires = "data_dir")]
    resume: bool,
    /// Keep the newest N runs in --data-dir, and delete the others that are over: at the start and after every run.
    #[arg(long, value_name = "N", requires = "data_dir")]
    keep_runs: Option<NonZeroUsize>,
    /// Keep runs for so long in --data-dir, for example 90d, and delete older ones in the same way.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, requires = "data_dir")]
    keep_for: Option<Duration>,
    /// Keep every delta as it came, for checking; otherwise old ones are merged.
    #[arg(long, requires = "data_dir")]
    keep_deltas: bool,
    /// Where `controller status`, `stop` and `rate` reach this run; loopback only. Default: 127.0.0.1:50052.
    #[arg(long, value_name = "IP:PORT")]
    admin: Option<SocketAddr>,
    /// Where the page and the API are. Other than loopback needs --web-token-file. Default: 127.0.0.1:8080.
    #[arg(long, value_name = "IP:PORT")]
    web: Option<SocketAddr>,
    /// A file with the token that browsers must show (make one with `controller token`).
    #[arg(long, value_name = "FILE")]
    web_token_file: Option<PathBuf>,
    /// The folder in which plans from the page and the API may read files; without it they may read none.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// A collector of OpenTelemetry that is pushed how runs stand, every 5 s and at the end (OTLP over HTTP), for example
    /// http://127.0.0.1:4318.
    #[arg(long, value_name = "URL")]
    otlp: Option<Collector>,
    /// Where agents join. Other than loopback needs --token-file.
    #[arg(long, default_value = "127.0.0.1:50051", value_name = "IP:PORT")]
    listen: SocketAddr,
    /// How many agents to wait for. Without it, and without `[agents] expect` in the plan, one agent inside the
    /// controller does the run.
    #[arg(long, value_name = "N")]
    agents: Option<usize>,
    /// How many of them run inside the controller.
    #[arg(long, value_name = "N")]
    local_agents: Option<usize>,
    /// How long to wait for agents.
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// A file with the token that agents must show (make one with `controller token`).
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A folder for the report: as a page, JSON, Markdown, JUnit, CSV and histogram log.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep a row per request: below --data-dir if there is one, else in --out. See `controller rows`.
    #[arg(long)]
    rows: bool,
    /// Fail (exit code 108) when the plan was not delivered (the generator could not keep up, or the fleet had faults), or
    /// every request of a scenario failed.
    #[arg(long)]
    strict: bool,
    /// What is shown on stderr while a run is on.
    #[arg(long, value_enum, default_value_t)]
    ui: Ui,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

impl StartArgs {
    pub(super) async fn run(self, interrupts: mpsc::Receiver<()>) -> Result<Exit, Failure> {
        let scratch = scratch()?;
        if self.plan.is_none() && !self.resume {
            let folder = scratch.path().to_owned();
            return self.start()?.stay(folder, interrupts).await;
        }
        let tapes = self.data_dir.as_ref().map_or_else(|| scratch.path().into(), |dir| dir.join(TAPES));
        let plan = self.plan.as_deref().map(|path| {
            let effective = read_plan(path)?;
            let files = effective.files.clone();
            let shipped = read_logs(effective, folder_of(path), &tapes)?;
            let notes = shipped.notes();
            Ok(EffectivePlan { text: shipped.text, plan: shipped.plan, files, notes })
        });
        self.start()?.run(plan.transpose()?, interrupts).await
    }

    fn start(self) -> Result<Start, Failure> {
        if !self.listen.ip().is_loopback() && self.token_file.is_none() {
            return Err(Failure::usage(format!(
                "--listen {} lets anybody on the network command load: add --token-file FILE (make one with \
                 `controller token > FILE`), or listen on 127.0.0.1",
                self.listen
            )));
        }
        if let Some(admin) = self.admin.filter(|admin| !admin.ip().is_loopback()) {
            return Err(Failure::usage(format!(
                "--admin {admin} would let anybody on the network steer the run: choose an address of this machine \
                 alone, for example {ADMIN}"
            )));
        }
        if let Some(web) = self.web.filter(|web| !web.ip().is_loopback() && self.web_token_file.is_none()) {
            return Err(Failure::usage(format!(
                "--web {web} lets anybody on the network command load: add --web-token-file FILE (make one with \
                 `controller token > FILE`), or choose an address of this machine alone, for example {WEB}"
            )));
        }
        if let Some(files) = self.files.as_ref().filter(|files| !files.is_dir()) {
            return Err(Failure::usage(format!("--files {}: there is no such folder", files.display())));
        }
        let (token, web_token) =
            (read_token(self.token_file.as_deref())?, read_token(self.web_token_file.as_deref())?);
        Ok(Start {
            listen: self.listen,
            agents: self.agents,
            local_agents: self.local_agents,
            wait: self.wait,
            token,
            out: self.out,
            admin: self.admin,
            web: self.web,
            web_token,
            files: self.files,
            otlp: self.otlp,
            data_dir: self.data_dir,
            resume: self.resume,
            keep: Keep { newest: self.keep_runs.map(NonZeroUsize::get), younger_than: self.keep_for },
            keep_deltas: self.keep_deltas,
            rows: self.rows,
            strict: self.strict,
            ui: self.ui,
            json: self.json,
        })
    }
}

pub(super) fn read_token(path: Option<&Path>) -> Result<Option<String>, Failure> {
    path.map(|path| common::token::read(path, std::fs::read_to_string(path)).map_err(Failure::usage))
        .transpose()
}
