//! The command line of `controller`.

use crate::exit::{Exit, Failure};
use crate::rows::Rows;
use crate::start::print;
use crate::{demo_command, health, steering};
use clap::{Parser, Subcommand};
use common::rate::Rate;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

mod import;
mod operator;
mod plan;
mod runs;
mod start;
mod submit;

use import::ImportArgs;
use operator::Operator;
use plan::PlanCommand;
use runs::{CompareArgs, RunsCommand};
use start::StartArgs;
use submit::SubmitArgs;

/// Splits the load of a plan over agents, merges what they measured, reports.
#[derive(Debug, Parser)]
#[command(name = "controller", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a plan and report; without a plan stay, and take runs from the page and the API.
    Start(Box<StartArgs>),
    /// Queue a plan at a controller that stays.
    Submit(SubmitArgs),
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
    /// Change the users of a scenario while its load is on.
    Users {
        /// The scenario's name.
        scenario: String,
        /// How many users there are until the end of its load.
        users: u32,
        /// How fast they come or go, for example 10/s; without it all at once.
        #[arg(long, value_name = "RATE")]
        spawn: Option<Rate>,
        #[command(flatten)]
        operator: Operator,
    },
    /// Begin nothing more in any scenario, until `resume`: what is under way ends, and time goes on.
    Pause {
        #[command(flatten)]
        operator: Operator,
    },
    /// Go on with what is asked for at that time; what a pause kept back is not made up for.
    Resume {
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

impl Cli {
    /// Does what the command line says.
    pub async fn run(self, interrupts: mpsc::Receiver<()>) -> Result<Exit, Failure> {
        match self.command {
            Command::Start(args) => args.run(interrupts).await,
            Command::Submit(args) => args.run(interrupts).await,
            Command::Demo { out } => demo_command::run(out, interrupts).await,
            Command::Plan(command) => command.run(),
            Command::Runs(command) => command.run(),
            Command::Compare(args) => args.run(),
            Command::Import(args) => args.run(),
            Command::Rows(rows) => {
                rows.run(&mut std::io::stdout().lock())?;
                Ok(Exit::Ok)
            }
            Command::Status { operator } => said(steering::status(operator.admin).await),
            Command::Stop { operator } => said(steering::stop(operator.admin).await),
            Command::Rate { scenario, rate, operator } => {
                said(steering::rate(operator.admin, scenario, rate).await)
            }
            Command::Users { scenario, users, spawn, operator } => {
                said(steering::users(operator.admin, scenario, users, spawn).await)
            }
            Command::Pause { operator } => said(steering::pause(operator.admin).await),
            Command::Resume { operator } => said(steering::resume(operator.admin).await),
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

/// Where the tapes of a run are that is kept nowhere.
fn scratch() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|error| Failure::internal(format!("make a temporary folder: {error}")))
}

/// What paths in a plan are relative to.
fn folder_of(plan: &Path) -> &Path {
    plan.parent().unwrap_or(Path::new("."))
}
