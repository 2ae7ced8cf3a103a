//! The program `chaos`: breaks a running Stampede and checks what is left.

use chaos::checker::{Finding, check};
use chaos::evidence::Evidence;
use chaos::faults::Kind;
use chaos::lab::Blueprint;
use chaos::programs::Programs;
use chaos::runner::Order;
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Breaks a running Stampede in every way a network and a machine can, and checks that nothing was lost or doubled.
#[derive(Debug, Parser)]
#[command(name = "chaos", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run rounds: programs, load, faults, check. Exit code 1 when a rule is broken.
    Run(RunArgs),
    /// Check once more what a round has left in its folder.
    Check {
        /// The folder.
        folder: PathBuf,
    },
    /// Show what a seed does.
    Faults(Faults),
}

#[derive(Clone, Debug, Args)]
struct Faults {
    /// The seed of the first round's plan and faults; the next rounds count on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long the load of a round is on.
    #[arg(long = "for", default_value = "60s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    load: Duration,
    /// Only these kinds of faults, separated by commas; `none` for a calm round.
    #[arg(long = "faults", value_name = "LIST", default_value = "all")]
    kinds: String,
    /// Agents.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=100))]
    agents: u8,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    faults: Faults,
    /// How many rounds, with one seed after the other.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: u64,
    /// Everybody on the loopback, without root: partitions only through the relay.
    #[arg(long)]
    plain: bool,
    /// Where `agent`, `controller` and `demo` are; by default beside this program.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// Keep what every round leaves in a folder below this one; by default only what a broken one leaves.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The controller keeps no store: rules that need it are not checked, and it cannot be killed.
    #[arg(long)]
    no_store: bool,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Check { folder } => recheck(&folder),
        Command::Faults(faults) => show(&faults),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

fn run(args: RunArgs) -> Result<bool, String> {
    let programs = Programs::find(args.programs.clone())?;
    let interrupted = interrupts()?;
    let mut broken = Vec::new();
    for round in 0..args.rounds {
        let seed = args.faults.seed + round;
        let keep = Folder::new(args.keep.as_ref(), seed)?;
        let blueprint = Blueprint {
            programs: programs.clone(),
            agents: args.faults.agents.into(),
            plain: args.plain,
            store: !args.no_store,
            folder: keep.path(),
            round,
        };
        let order = args.faults.order(seed, blueprint)?;
        say(&format!("== seed {seed}: {} faults in {:?}", order.faults()?.len(), order.load));
        let outcome = order.carry_out(&interrupted);
        let holds = outcome.as_ref().is_ok_and(|round| round.holds(!args.no_store));
        if let Ok(round) = &outcome {
            tell(&round.findings);
        }
        if !holds {
            say(&format!("== seed {seed} BROKEN; what it left is in {}", keep.keep().display()));
            broken.push(seed);
        }
        outcome?;
    }
    if !broken.is_empty() {
        say(&format!("== broken seeds: {broken:?}"));
    }
    Ok(broken.is_empty())
}

fn recheck(folder: &std::path::Path) -> Result<bool, String> {
    let evidence = Evidence::read(folder).map_err(|error| error.to_string())?;
    let findings = check(&evidence);
    tell(&findings);
    Ok(findings.iter().all(Finding::holds))
}

fn show(faults: &Faults) -> Result<bool, String> {
    let programs = Programs::in_folder(PathBuf::new());
    let agents = faults.agents.into();
    let blueprint =
        Blueprint { programs, agents, plain: true, store: true, folder: PathBuf::new(), round: 0 };
    faults.order(faults.seed, blueprint)?.faults()?.iter().for_each(|fault| say(&fault.to_string()));
    Ok(true)
}

impl Faults {
    fn order(&self, seed: u64, blueprint: Blueprint) -> Result<Order, String> {
        let kinds = match self.kinds.as_str() {
            "all" => Kind::ALL.map(|(_, kind)| kind).to_vec(),
            "none" => Vec::new(),
            list => list.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>()?,
        };
        // Who keeps nothing cannot go on where it was killed, and has no door for operators.
        let rest = [Kind::ControllerKill, Kind::Rate, Kind::End];
        let lives = |kind: &Kind| blueprint.store || !rest.contains(kind);
        let kinds = kinds.into_iter().filter(lives).collect();
        Ok(Order { seed, load: self.load, kinds, blueprint })
    }
}

/// Where a round writes.
enum Folder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn new(keep: Option<&PathBuf>, seed: u64) -> Result<Self, String> {
        let Some(keep) = keep else {
            let made = tempfile::Builder::new().prefix("chaos-").tempdir();
            return made.map(Self::Temporary).map_err(|error| format!("make a folder: {error}"));
        };
        let folder = keep.join(format!("seed-{seed}"));
        let made = std::fs::create_dir_all(keep).and_then(|()| std::fs::create_dir(&folder));
        made.map_err(|error| {
            format!("make {}: {error}; what an earlier round left is not overwritten", folder.display())
        })?;
        // The programs run in a folder of their own.
        let whole = folder.canonicalize().map_err(|error| format!("find {}: {error}", folder.display()))?;
        Ok(Self::Kept(whole))
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Kept(folder) => folder.clone(),
            Self::Temporary(folder) => folder.path().to_owned(),
        }
    }

    /// Lets it stay.
    fn keep(self) -> PathBuf {
        match self {
            Self::Kept(folder) => folder,
            Self::Temporary(folder) => folder.keep(),
        }
    }
}

/// Becomes true with the first Ctrl-C or SIGTERM: then everything is ended and cleaned up.
fn interrupts() -> Result<Arc<AtomicBool>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let told = |error: std::io::Error| format!("listen for signals: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(told)?;
    let signals =
        || std::io::Result::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?));
    let (mut interrupt, mut terminate) = runtime.block_on(async { signals() }).map_err(told)?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        flag.store(true, Ordering::Relaxed);
    });
    Ok(interrupted)
}

fn tell(findings: &[Finding]) {
    findings.iter().for_each(|finding| say(&finding.to_string()));
}

/// Results go to stdout; a reader that went away is no reason to fail.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").unwrap_or_default();
}

#[expect(clippy::print_stderr, reason = "the one place where the program says why it failed")]
fn complain(error: &str) {
    eprintln!("chaos: failed to {error}");
}
