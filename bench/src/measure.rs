//! Measures a controller under a fleet: N agents in one process that talk as real ones do, on two connections each,
//! and fire nothing.
//!
//! ```text
//!   start ── all join ── load on ──[ window: CPU, memory, answers ]── all connections drop ── all back ── end
//! ```

use crate::controller::{Controller, PLAN};
use crate::load::Load;
use crate::pretender::{self, Fleet};
use crate::say::say;
use crate::tape::Tape;
use clap::Parser;
use common::plan::Plan;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Measures a controller under a fleet of agents that only talk, on loopback.
#[derive(Debug, Parser)]
pub struct Cli {
    /// How many agents.
    #[arg(long, default_value_t = 1000)]
    pub agents: usize,
    /// Scenarios in the plan, one series each.
    #[arg(long, default_value_t = 10)]
    pub series: usize,
    /// Arrivals per second of one agent in one series: the values in its histograms.
    #[arg(long, default_value_t = 200)]
    pub rate: u64,
    /// How often an agent sends a delta.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub delta_every: Duration,
    /// How long is measured.
    #[arg(long, default_value = "20s", value_parser = humantime::parse_duration)]
    pub window: Duration,
    /// Only with the store, or only without it.
    #[arg(long, value_parser = ["with", "without"])]
    pub store: Option<String>,
    /// The controller's program; without it the one beside this one.
    #[arg(long, value_name = "FILE")]
    pub controller: Option<PathBuf>,
    /// Show what the controller says.
    #[arg(long)]
    pub verbose: bool,
}

/// Measures, without the store and with it, and prints rows.
///
/// # Errors
/// The controller did not start or end, or the fleet did not get where it should in time.
pub fn run(cli: &Cli) -> Result<(), String> {
    raise_open_files()?;
    let beside = || {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        Ok::<_, String>(own.with_file_name("controller"))
    };
    let program = cli.controller.clone().map_or_else(beside, Ok)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    for store in [false, true] {
        let word = if store { "with" } else { "without" };
        if cli.store.as_deref().is_none_or(|only| only == word) {
            runtime.block_on(measure(cli, &program, store))?;
        }
    }
    Ok(())
}

async fn measure(cli: &Cli, program: &Path, store: bool) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let text = plan(cli);
    std::fs::write(folder.path().join(PLAN), &text).map_err(|error| error.to_string())?;
    let plan = Plan::parse(PLAN, &text).map_err(|problems| problems.to_string())?;
    let load = Load::of(&plan)?;
    let mut controller = Controller::start(program, folder.path(), cli.agents, store, cli.verbose)?;
    let (size, address) = (cli.agents, controller.address.clone());
    let fleet = Arc::new(Fleet { size, address, delta_every: cli.delta_every, load, tape: Tape::default() });
    say(&format!(
        "{} agents, a delta every {:?}, {} series of {} values/s, {} store",
        cli.agents,
        cli.delta_every,
        cli.series,
        cli.rate,
        if store { "with" } else { "without" }
    ));
    let (storm, stormed) = watch::channel(0);
    gather(&controller, &fleet, &stormed).await?;
    tokio::time::sleep(SETTLE).await;
    steady(cli.window, &controller, &fleet).await?;
    reconnect(&controller, &fleet, &storm).await?;
    tokio::time::sleep(SETTLE).await;
    let (broken, forgotten) = (fleet.tape.broken.load(Relaxed), fleet.tape.forgotten.load(Relaxed));
    row("lost by the controller", &controller.lost.load(Relaxed).to_string());
    row("connections broken", &format!("{broken} (sessions that could not go on: {forgotten})"));
    let begin = Instant::now();
    tokio::task::block_in_place(|| controller.end(END_WITHIN))?;
    row("end, report included", &seconds(begin.elapsed()));
    row("books", &books(folder.path())?);
    Ok(())
}

/// Everybody joins at once.
async fn gather(
    controller: &Controller,
    fleet: &Arc<Fleet>,
    storm: &watch::Receiver<u32>,
) -> Result<(), String> {
    let (before, begin) = (controller.usage()?, Instant::now());
    for number in 0..fleet.size {
        tokio::spawn(pretender::live(Arc::clone(fleet), number, storm.clone()));
    }
    until(JOIN_WITHIN, "join", || fleet.tape.here.load(Relaxed) >= fleet.size).await?;
    row("all joined after", &seconds(begin.elapsed()));
    until(JOIN_WITHIN, "start", || fleet.tape.started.load(Relaxed) >= fleet.size).await?;
    let after = controller.usage()?;
    let cpu = after.percent_since(&before).0 / 100.0 * begin.elapsed().as_secs_f64();
    row("all started after", &format!("{} ({cpu:.2} s of CPU)", seconds(begin.elapsed())));
    row("memory before anybody joined", &format!("{} MiB", before.rss_kib / 1024));
    Ok(())
}

async fn steady(window: Duration, controller: &Controller, fleet: &Fleet) -> Result<(), String> {
    let (before, applied) = (controller.usage()?, fleet.tape.applied.load(Relaxed));
    fleet.tape.take();
    tokio::time::sleep(window).await;
    let (after, applied) = (controller.usage()?, fleet.tape.applied.load(Relaxed) - applied);
    let (answers, acks) = fleet.tape.take();
    let (cpu, store) = after.percent_since(&before);
    row("controller CPU", &format!("{cpu:.1} % of a core (the store's thread {store:.1} %)"));
    row(
        "memory",
        &format!("{} MiB, {} KiB an agent", after.rss_kib / 1024, after.rss_kib / fleet.size as u64),
    );
    row("deltas applied", &format!("{:.0}/s", applied as f64 / window.as_secs_f64()));
    let times = |times: &common::histogram::Histogram| {
        let ms = |q| times.quantile(q) as f64 / 1000.0;
        format!("p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", ms(0.5), ms(0.99), ms(1.0))
    };
    row("answers to heartbeats", &times(&answers));
    row("acks of deltas", &times(&acks));
    Ok(())
}

/// All connections are dropped at once.
async fn reconnect(controller: &Controller, fleet: &Fleet, storm: &watch::Sender<u32>) -> Result<(), String> {
    let (before, begin) = (controller.usage()?, Instant::now());
    storm.send_modify(|n| *n += 1);
    until(JOIN_WITHIN, "hang up", || fleet.tape.here.load(Relaxed) == 0).await.unwrap_or_default();
    until(JOIN_WITHIN, "come back", || fleet.tape.here.load(Relaxed) >= fleet.size).await?;
    let cpu = controller.usage()?.percent_since(&before).0 / 100.0 * begin.elapsed().as_secs_f64();
    row("all back after a drop", &format!("{} ({cpu:.2} s of CPU)", seconds(begin.elapsed())));
    Ok(())
}

async fn until(within: Duration, what: &str, is_true: impl Fn() -> bool) -> Result<(), String> {
    let begin = Instant::now();
    while !is_true() {
        if begin.elapsed() > within {
            return Err(format!("the fleet did not {what} within {within:?}"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// One scenario for each series; every agent has the same part of each. With more agents than lanes some have none.
fn plan(cli: &Cli) -> String {
    let rate = cli.rate * cli.agents as u64;
    let mut text =
        String::from("name = \"fleet\"\ndrain = \"2s\"\n[target]\nbase_url = \"http://127.0.0.1:9\"\n");
    for number in 0..cli.series {
        text += &format!(
            "[[scenario]]\nname = \"s{number}\"\nload.rate = [{{ at = \"{rate}/s\", for = \"2h\" }}]\n\
             [[scenario.step]]\npath = \"/\"\n"
        );
    }
    text
}

/// Whether the report's books balance.
fn books(folder: &Path) -> Result<String, String> {
    let path = folder.join("out/report.json");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("read {}: {error}", path.display()))?;
    let report: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let verdict = &report["verdict"];
    Ok(format!("{} {}", verdict["result"], verdict["reasons"]))
}

/// Two sockets for each agent, here and in the controller, which inherits the limit.
fn raise_open_files() -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|error| format!("raise the limit of open files: {error}"))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn row(name: &str, value: &str) {
    say(&format!("  {name:<30} {value}"));
}

const JOIN_WITHIN: Duration = Duration::from_secs(90);
const SETTLE: Duration = Duration::from_secs(5);
const END_WITHIN: Duration = Duration::from_secs(60);
