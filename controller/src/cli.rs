//! The command line of `controller`.

use crate::coordinator::EffectivePlan;
use crate::exit::Failure;
use crate::import::{Import, Kind};
use crate::journal::TAPES;
use crate::live::say;
use crate::plan_show::{self, Arrival};
use crate::rows::Rows;
use crate::start::{ADMIN, Start, print, read_logs, read_plan, terminal};
use crate::{compare, demo_command, exit::Exit, health, runs, steering, text};
use clap::{Args, Parser, Subcommand};
use common::compare::Rule;
use common::rate::Rate;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// Splits the load of a plan over agents, merges what they measured, reports.
#[derive(Debug, Parser)]
#[command(name = "controller", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a plan and report.
    Start(StartArgs),
    /// Show it all in one process: a service to shoot at, two agents, a plan of 20 s.
    Demo {
        /// A folder for the report: as JSON, Markdown, JUnit, CSV and histogram log.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Look at plans.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Look at the runs that were kept.
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Compare two runs that were kept: what changed, and how sure that is.
    Compare(CompareArgs),
    /// Make a plan from curl commands, a browser's recording, an API's description or a collection.
    Import(ImportArgs),
    /// Print the rows of a run that was started with --rows: some of them, the slowest, or counts.
    Rows(Rows),
    /// Show how the run of a controller stands.
    Status {
        #[command(flatten)]
        operator: Operator,
    },
    /// End the run of a controller: what is under way ends, then it reports.
    Stop {
        #[command(flatten)]
        operator: Operator,
    },
    /// Change the rate of a scenario while its load is on.
    Rate {
        /// The scenario's name.
        scenario: String,
        /// The rate until the end of its load, for example 500/s.
        rate: Rate,
        #[command(flatten)]
        operator: Operator,
    },
    /// Print a fresh token for --token-file.
    Token,
    /// Ask whether a controller is alive; exit code 0 if it is.
    Health {
        /// Where it listens for agents.
        #[arg(default_value = "127.0.0.1:50051", value_name = "IP:PORT")]
        address: SocketAddr,
    },
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    /// Check a plan and show every problem.
    Check {
        /// The plan.
        plan: PathBuf,
    },
    /// Print a plan as it goes to agents, or the requests of one of its arrivals.
    Show {
        /// The plan.
        plan: PathBuf,
        /// The arrival whose requests are printed, for example index:123456; secrets are shown as ***.
        #[arg(long, value_name = "SCENARIO:NUMBER")]
        arrival: Option<Arrival>,
    },
    /// Print the JSON Schema of plan files, for editors.
    Schema,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List the runs, the newest first.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Print the report of a run.
    Show {
        /// The run's id, or its beginning.
        run: String,
        #[command(flatten)]
        data: Data,
    },
    /// Add what agents could not deliver, from the files they left, and print the report anew.
    MergeSpool {
        /// The agents' spool files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// The run that is the measure: its id, or the beginning of it.
    before: String,
    /// The run that is measured by it.
    after: String,
    /// A run that ought to be equal to the first one: what the two differ by is noise. May be repeated.
    #[arg(long, value_name = "RUN")]
    noise: Vec<String>,
    /// Fail (exit code 99) when a clear change is beyond this, for example "p95 > +10%" or "checkout.error_rate > +1%".
    /// May be repeated.
    #[arg(long, value_name = "RULE")]
    fail_if: Vec<Rule>,
    /// Print the comparison as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// What kind of file it is.
    #[arg(value_enum)]
    kind: Kind,
    /// The file.
    file: PathBuf,
    /// The plan to be written, or a folder for plan.toml; `-` prints it.
    #[arg(short, long, default_value = "plan.toml", value_name = "PATH")]
    out: PathBuf,
    /// The target, when it is another than the file's.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Write over a plan that is there already.
    #[arg(long)]
    force: bool,
}

impl ImportArgs {
    fn import(self) -> Import {
        let Self { kind, file, out, base_url, force } = self;
        Import { kind, file, out, base_url, force }
    }
}

#[derive(Debug, Args)]
struct Operator {
    /// The --admin address of the controller.
    #[arg(long, default_value_t = ADMIN, value_name = "IP:PORT")]
    admin: SocketAddr,
}

#[derive(Debug, Args)]
struct Data {
    /// Where the controller kept its runs.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

#[derive(Debug, Args)]
struct StartArgs {
    /// The plan to run. With --resume it is only needed when there is no unfinished run.
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    plan: Option<PathBuf>,
    /// A folder in which runs are kept: a controller that was killed goes on with its run there (--resume).
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Go on with the unfinished run in --data-dir.
    #[arg(long, requires = "data_dir")]
    resume: bool,
    /// Keep every delta as it came, for checking; otherwise old ones are merged.
    #[arg(long, requires = "data_dir")]
    keep_deltas: bool,
    /// Where `controller status`, `stop` and `rate` reach this run; loopback only. Default: 127.0.0.1:50052.
    #[arg(long, value_name = "IP:PORT")]
    admin: Option<SocketAddr>,
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
    /// A folder for the report: as JSON, Markdown, JUnit, CSV and histogram log.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep a row per request: below --data-dir if there is one, else in --out. See `controller rows`.
    #[arg(long)]
    rows: bool,
    /// Fail (exit code 108) when the plan was not delivered: the generator could not keep up, or the fleet had faults.
    #[arg(long)]
    strict: bool,
}

/// Where the tapes of a run are that is kept nowhere.
fn scratch() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|error| Failure::internal(format!("make a temporary folder: {error}")))
}

/// What paths in a plan are relative to.
fn folder_of(plan: &Path) -> &Path {
    plan.parent().unwrap_or(Path::new("."))
}

impl Cli {
    /// Does what the command line says.
    pub async fn run(self, interrupts: mpsc::Receiver<()>) -> Result<Exit, Failure> {
        match self.command {
            Command::Start(args) => {
                let scratch = scratch()?;
                let tapes =
                    args.data_dir.as_ref().map_or_else(|| scratch.path().into(), |dir| dir.join(TAPES));
                let plan = args.plan.as_deref().map(|path| {
                    let effective = read_plan(path)?;
                    let files = effective.files.clone();
                    let shipped = read_logs(effective, folder_of(path), &tapes)?;
                    let notes = shipped.notes();
                    Ok(EffectivePlan { text: shipped.text, plan: shipped.plan, files, notes })
                });
                args.start()?.run(plan.transpose()?, interrupts).await
            }
            Command::Demo { out } => demo_command::run(out, interrupts).await,
            Command::Plan(PlanCommand::Check { plan }) => {
                let effective = read_plan(&plan)?;
                let logs = read_logs(effective.clone(), folder_of(&plan), scratch()?.path())?.logs;
                for (scenario, log) in &logs {
                    print(&format!("log of {scenario}:\n  {}\n", log.tell().join("\n  ")));
                }
                print(&format!("{}: no problems\n", plan.display()));
                let secrets: Vec<String> = effective.plan.secrets().iter().map(ToString::to_string).collect();
                if !secrets.is_empty() {
                    print(&format!("every agent needs these secrets: {}\n", secrets.join(", ")));
                }
                Ok(Exit::Ok)
            }
            Command::Plan(PlanCommand::Show { plan, arrival }) => {
                print(&plan_show::show(&plan, arrival.as_ref())?);
                Ok(Exit::Ok)
            }
            Command::Plan(PlanCommand::Schema) => {
                print(&format!("{:#}\n", common::plan::schema()));
                Ok(Exit::Ok)
            }
            Command::Runs(command) => command.run(),
            Command::Compare(args) => args.run(),
            Command::Import(args) => {
                let (printed, told) = args.import().run()?;
                print(&printed);
                told.lines().for_each(say);
                Ok(Exit::Ok)
            }
            Command::Rows(rows) => {
                rows.run(&mut std::io::stdout().lock())?;
                Ok(Exit::Ok)
            }
            Command::Status { operator } => said(steering::status(operator.admin).await),
            Command::Stop { operator } => said(steering::stop(operator.admin).await),
            Command::Rate { scenario, rate, operator } => {
                said(steering::rate(operator.admin, scenario, rate).await)
            }
            Command::Token => {
                let fresh = || uuid::Uuid::new_v4().simple().to_string();
                print(&format!("{}{}\n", fresh(), fresh()));
                Ok(Exit::Ok)
            }
            Command::Health { address } => {
                print(&format!("{}\n", health::check(address).await?));
                Ok(Exit::Ok)
            }
        }
    }
}

fn said(text: Result<String, Failure>) -> Result<Exit, Failure> {
    print(&text?);
    Ok(Exit::Ok)
}

impl RunsCommand {
    fn run(self) -> Result<Exit, Failure> {
        let (width, color) = terminal();
        match self {
            Self::List { data } => print(&runs::list(&data.data_dir)?),
            Self::Show { run, data } => {
                print(&text::render(&runs::show(&data.data_dir, &run)?, width, color));
            }
            Self::MergeSpool { files, data } => {
                let merged = runs::merge_spool(&data.data_dir, &files)?;
                if merged.is_empty() {
                    say("there are no deltas in these files");
                }
                for (said, report) in merged {
                    say(&said);
                    print(&text::render(&report, width, color));
                }
            }
        }
        Ok(Exit::Ok)
    }
}

impl CompareArgs {
    fn run(self) -> Result<Exit, Failure> {
        let runs = compare::Runs { before: &self.before, after: &self.after, noise: &self.noise };
        let comparison = compare::compare(&self.data.data_dir, &runs)?;
        if self.json {
            let text = serde_json::to_string_pretty(&comparison);
            let text = text.map_err(|error| Failure::internal(format!("encode the comparison: {error}")))?;
            print(&format!("{text}\n"));
        } else {
            let (width, color) = terminal();
            print(&text::compared::render(&comparison, width, color));
        }
        let breaches = compare::breaches(&comparison, &self.fail_if);
        for breach in &breaches {
            say(&format!("fail: {breach}"));
        }
        Ok(if breaches.is_empty() { Exit::Ok } else { Exit::ThresholdFailed })
    }
}

impl StartArgs {
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
        let token = match &self.token_file {
            Some(path) => {
                Some(common::token::read(path, std::fs::read_to_string(path)).map_err(Failure::usage)?)
            }
            None => None,
        };
        Ok(Start {
            listen: self.listen,
            agents: self.agents,
            local_agents: self.local_agents,
            wait: self.wait,
            token,
            out: self.out,
            admin: self.admin,
            data_dir: self.data_dir,
            resume: self.resume,
            keep_deltas: self.keep_deltas,
            rows: self.rows,
            strict: self.strict,
        })
    }
}
