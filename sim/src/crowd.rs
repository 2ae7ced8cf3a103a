//! Many seeds: each in a process of its own, a few at a time.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How one seed ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The seed.
    pub seed: u64,
    /// Whether every rule held.
    pub good: bool,
    /// What its process printed.
    pub output: String,
}

/// Runs the seeds `from..from + count` through `one`, `jobs` at a time; `tell` hears of each as it ends. Returns
/// those that failed, in order.
pub fn run(
    from: u64,
    count: u64,
    jobs: u64,
    one: impl Fn(u64) -> Command + Sync,
    tell: impl Fn(&Ended) + Sync,
) -> Vec<Ended> {
    let (next, failed) = (AtomicU64::new(from), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        return;
                    }
                    let ended = watch(seed, one(seed));
                    tell(&ended);
                    if !ended.good {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|ended| ended.seed);
    failed
}

/// Runs one process to its end, or to the end of its time.
#[must_use]
pub fn watch(seed: u64, mut command: Command) -> Ended {
    let bad = |output: String| Ended { seed, good: false, output };
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return bad(format!("start seed {seed}: {error}")),
    };
    let pipes = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ];
    let readers = pipes.map(|pipe| std::thread::spawn(move || pipe.map(drain).unwrap_or_default()));
    let begun = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status.success()),
            Ok(None) if begun.elapsed() < LIMIT => std::thread::sleep(LOOK),
            Ok(None) => {
                // One that ended meanwhile needs no signal.
                child.kill().and_then(|()| child.wait().map(drop)).unwrap_or_default();
                break Err(format!("seed {seed} took longer than {LIMIT:?}"));
            }
            Err(error) => break Err(format!("wait for seed {seed}: {error}")),
        }
    };
    let output: String = readers.into_iter().map(|reader| reader.join().unwrap_or_default()).collect();
    match status {
        Ok(good) => Ended { seed, good, output },
        Err(why) => bad(format!("{output}{why}\n")),
    }
}

fn drain(mut pipe: Box<dyn Read + Send>) -> String {
    let mut bytes = vec![];
    // What was read before an error is what there is to show.
    pipe.read_to_end(&mut bytes).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A simulation takes seconds; one that takes this long hangs.
const LIMIT: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(5);
