//! The controller under measurement: a process of its own, and what the system says of it.

use crate::say::say;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A controller that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Controller {
    child: Child,
    /// Where agents join.
    pub(crate) address: String,
    /// How many agents it said to be lost.
    pub(crate) lost: Arc<AtomicUsize>,
}

/// The name of the plan's file.
pub(crate) const PLAN: &str = "plan.toml";

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    at: Instant,
    /// User and system time.
    cpu: Duration,
    /// That of the thread that writes the store.
    store: Duration,
    /// Memory in use, in KiB.
    pub(crate) rss_kib: u64,
}

impl Controller {
    /// Starts `controller start` on the [`PLAN`] in `folder` and waits until agents can join.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        agents: usize,
        store: bool,
        verbose: bool,
    ) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.arg("start").arg("--plan").arg(folder.join(PLAN)).arg("--out").arg(folder.join("out"));
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--wait", "120s"]);
        command.args(["--agents", &agents.to_string()]);
        if store {
            command.arg("--data-dir").arg(folder.join("data"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let failed = |error: std::io::Error| format!("start {}: {error}", program.display());
        let mut child = command.spawn().map_err(failed)?;
        let lines = BufReader::new(child.stderr.take().ok_or("the controller has no stderr")?).lines();
        let lost = Arc::new(AtomicUsize::new(0));
        let (tell, told) = mpsc::channel();
        let count = Arc::clone(&lost);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if verbose {
                    say(&format!("  | {line}"));
                }
                count.fetch_add(usize::from(line.contains(" is lost: ")), Relaxed);
                if let Some(address) = line.strip_prefix("agents join with: agent join ") {
                    // Who does not wait any more does not need it.
                    tell.send(address.to_owned()).unwrap_or_default();
                }
            }
        });
        match told.recv_timeout(START_WITHIN) {
            Ok(address) => Ok(Self { child, address, lost }),
            Err(_) => {
                child.kill().unwrap_or_default();
                Err("the controller did not say where agents join: see its lines with --verbose".into())
            }
        }
    }

    pub(crate) fn usage(&self) -> Result<Usage, String> {
        let own = PathBuf::from(format!("/proc/{}", self.child.id()));
        let read = |path: PathBuf| {
            std::fs::read_to_string(&path).map_err(|error| format!("read {}: {error}", path.display()))
        };
        let cpu = ticks(&read(own.join("stat"))?);
        let mut store = Duration::ZERO;
        let tasks = std::fs::read_dir(own.join("task")).map_err(|error| error.to_string())?;
        for task in tasks.flatten() {
            // A thread that ended meanwhile has nothing to say.
            let stat = read(task.path().join("stat")).unwrap_or_default();
            if stat.contains("(store)") {
                store += ticks(&stat);
            }
        }
        let statm = read(own.join("statm"))?;
        let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
        let rss_kib = pages * rustix::param::page_size() as u64 / 1024;
        Ok(Usage { at: Instant::now(), cpu, store, rss_kib })
    }

    /// Asks it to end as Ctrl-C does, and waits for it.
    pub(crate) fn end(&mut self, within: Duration) -> Result<(), String> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).map_err(|error| format!("interrupt the controller: {error}"))?;
        let begin = Instant::now();
        while begin.elapsed() < within {
            if self.child.try_wait().map_err(|error| error.to_string())?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("the controller did not end within {within:?}"))
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // One that ended cannot be killed.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

impl Usage {
    /// Percent of one core since `before`: all, and the store's thread of it.
    pub(crate) fn percent_since(&self, before: &Self) -> (f64, f64) {
        let time = self.at.duration_since(before.at).as_secs_f64();
        let percent = |now: Duration, then: Duration| 100.0 * now.saturating_sub(then).as_secs_f64() / time;
        (percent(self.cpu, before.cpu), percent(self.store, before.store))
    }
}

/// User and system time in a `stat` line. The name in it may contain anything but comes first.
fn ticks(stat: &str) -> Duration {
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

const START_WITHIN: Duration = Duration::from_secs(20);
