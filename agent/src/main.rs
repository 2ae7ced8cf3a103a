//! The agent's program.

use clap::{Args, Parser, Subcommand};
use common::rate::Rate;
use stampede_agent::allow::{AllowEntry, AllowList};
use stampede_agent::world::World;
use stampede_agent::{Agent, JoinError, Say, health};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Fires its share of the load that a controller commands.
#[derive(Debug, Parser)]
#[command(name = "agent", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join a controller and do its runs.
    Join(JoinArgs),
    /// Ask whether an agent runs on this host; exit code 0 if it does.
    Health {
        /// Its name.
        #[arg(long, default_value_t = host_name())]
        name: String,
    },
}

#[derive(Debug, Args)]
struct JoinArgs {
    /// Where the controller listens.
    #[arg(value_name = "HOST:PORT")]
    controller: String,
    /// The name of this agent in reports.
    #[arg(long, default_value_t = host_name())]
    name: String,
    /// A file with the controller's token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Where fire may go, beside loopback and private addresses: an address, a network, `unix:/PATH`, or `any`.
    /// May be repeated.
    #[arg(long, value_name = "NETWORK")]
    allow_target: Vec<AllowEntry>,
    /// Engine threads; one per core by default.
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
    /// Leave after one run.
    #[arg(long)]
    once: bool,
    /// Give up when no controller is found for so long. Without it: look for ever.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
    /// The weight with which load is dealt to this agent, relative to the others'.
    #[arg(long, default_value = "1", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    weight: u32,
    /// Never fire more than this, over all scenarios of a plan: for example 500/s.
    #[arg(long, value_name = "RATE")]
    max_rate: Option<Rate>,
    /// A folder for what was measured and could not be delivered.
    #[arg(long, default_value = ".", value_name = "DIR")]
    spool_dir: PathBuf,
    /// Keep fetched tapes of replayed logs in this folder, for later runs. Without it they are fetched anew for every run,
    /// into the folder for temporary files (TMPDIR), and gone after it.
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Keep a row per request in this folder, whether the controller asks for rows or not.
    #[arg(long, value_name = "DIR")]
    rows: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Health { name } => {
            health::check(&name).map_err(|error| (1, format!("no agent named {name} runs here: {error}")))
        }
        Command::Join(args) => join(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            say(&format!("error: {message}"));
            ExitCode::from(code)
        }
    }
}

/// Joins; the error is an exit code (1: the machine, 2: usage, 105: stopped before all was delivered,
/// 106: no controller or not wanted) and a message.
fn join(args: JoinArgs) -> Result<(), (u8, String)> {
    let token = args.token_file.as_ref().map(|path| common::token::read(path, std::fs::read_to_string(path)));
    let token = token.transpose().map_err(|message| (2, message))?;
    if let Some(folder) = &args.rows {
        std::fs::create_dir_all(folder)
            .map_err(|error| (2, format!("make {}: {error}", folder.display())))?;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let agent = Agent {
        controller: args.controller,
        name: args.name,
        instance: uuid::Uuid::new_v4().to_string(),
        token,
        allow: Arc::new(AllowList::new(args.allow_target)),
        threads: args.threads.map_or(cores, std::num::NonZero::get),
        rows: args.rows,
        once: args.once,
        wait: args.wait,
        weight: args.weight,
        max_rate: args.max_rate,
        spool_dir: Some(args.spool_dir),
        cache_dir: args.cache_dir,
        world: World::real(),
    };
    if let Err(error) = health::answer(&agent.name) {
        say(&format!(
            "health checks are off: another agent named {} runs on this host ({error})",
            agent.name
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| (1, format!("failed to start: {error}")))?;
    let tell: Say = Arc::new(say);
    runtime.block_on(async {
        let (stop, stopped) = mpsc::channel(1);
        tokio::spawn(signals(stop));
        let code = |error: &JoinError| if matches!(error, JoinError::Undelivered(_)) { 105 } else { 106 };
        agent.join(tell, stopped).await.map_err(|error| (code(&error), error.to_string()))
    })
}

/// Turns Ctrl-C and SIGTERM into a stop.
async fn signals(stop: mpsc::Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut ctrl_c), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return say("signals cannot be handled on this system: Ctrl-C ends the agent at once");
    };
    loop {
        tokio::select! {
            biased;
            _ = ctrl_c.recv() => {}
            _ = term.recv() => {}
        }
        if stop.send(()).await.is_err() {
            return;
        }
    }
}

/// Tells the operator something; a closed stderr is no reason to stop.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap_or_default();
}

/// The host's name, cut to what a report can show.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    if name.is_empty() { "agent".into() } else { name }
}
