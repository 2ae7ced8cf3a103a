//! The simulator's program.

use clap::builder::PossibleValue;
use clap::{Parser, ValueEnum};
use stampede_sim::engine::Sabotage;
use stampede_sim::history::{History, simulate};
use stampede_sim::record::Record;
use stampede_sim::weather::Weather;
use stampede_sim::{check, crowd};
use std::io::Write;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs the real controller and agents on a simulated network and checks that nothing is lost or doubled.
#[derive(Debug, Parser)]
#[command(name = "sim", version, arg_required_else_help = true)]
struct Cli {
    /// Simulate this seed.
    #[arg(long, conflicts_with = "seeds", required_unless_present = "seeds")]
    seed: Option<u64>,
    /// Simulate so many seeds, each in a process of its own.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many at a time.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// How bad it gets.
    #[arg(long, value_enum, default_value_t = Weather::Calm)]
    weather: Weather,
    /// Break the engines on purpose, to see that the checks find it.
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
    /// Print everything that happened.
    #[arg(long)]
    events: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let good = match (cli.seed, cli.seeds) {
        (Some(seed), _) => one(seed, &cli),
        (None, seeds) => many(&cli, seeds.unwrap_or(0)),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Simulates one seed here; tells whether every rule held.
fn one(seed: u64, cli: &Cli) -> bool {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        usual(info);
    }));
    let history = match simulate(seed, cli.weather, cli.sabotage) {
        Ok(history) => history,
        Err((why, record)) => {
            if cli.events {
                events(&record);
            }
            print(&format!("seed {seed}: {why}\n"));
            return false;
        }
    };
    if cli.events {
        events(&history.record);
    }
    let mut broken = check::broken(&history);
    let panics = PANICS.load(Ordering::Relaxed);
    if panics > 0 {
        broken.push(format!("{panics} tasks panicked"));
    }
    print(&summary(seed, &history));
    broken.iter().for_each(|sentence| print(&format!("seed {seed}: BROKEN: {sentence}\n")));
    broken.is_empty()
}

fn events(record: &Record) {
    for (at, who, what) in &record.pages().events {
        print(&format!("{:>10.3} {who}: {what}\n", at.as_secs_f64()));
    }
}

fn summary(seed: u64, history: &History) -> String {
    let pages = history.record.pages();
    let verdict = pages.report.as_ref().map_or("none", |report| report.verdict.result.name());
    format!(
        "seed {seed} {:?}: {} agents, {} fired, {} arrived, {verdict}, digest {:016x}\n",
        history.weather,
        history.agents,
        pages.fired.len(),
        pages.arrived.len(),
        pages.digest()
    )
}

/// Simulates many seeds; tells whether every rule held in all of them.
fn many(cli: &Cli, seeds: u64) -> bool {
    let Ok(program) = std::env::current_exe() else {
        print("this program cannot find itself\n");
        return false;
    };
    // The children are told what this process was told.
    let told = |flag: &str, value: Option<PossibleValue>| {
        value.map(|value| format!("--{flag}={}", value.get_name()))
    };
    let weather = told("weather", cli.weather.to_possible_value());
    let sabotage = told("sabotage", cli.sabotage.and_then(|sabotage| sabotage.to_possible_value()));
    let one = |seed: u64| {
        let mut command = Command::new(&program);
        command.arg(format!("--seed={seed}")).args(&weather).args(&sabotage);
        command
    };
    let failed = crowd::run(cli.from, seeds, cli.jobs.max(1), one, |ended| print(&ended.output));
    let list: Vec<String> = failed.iter().map(|ended| ended.seed.to_string()).collect();
    print(&format!("{} of {seeds} seeds failed {}\n", failed.len(), list.join(" ")));
    failed.is_empty()
}

/// A reader that went away is no reason to stop.
fn print(text: &str) {
    std::io::stdout().lock().write_all(text.as_bytes()).unwrap_or_default();
}

/// Tasks that panicked: turmoil tells only of those that are a host's first.
static PANICS: AtomicU64 = AtomicU64::new(0);
