//! What happens to real fleets: the load goes on, and the books tell what became of every arrival.
//!
//! The target is the witness: it keeps the number of every arrival that it saw.

use crate::cluster::{Cluster, Run};
use crate::targets::{arrivals_of, demo};
use common::report::{FaultKind, FaultRow, Judgment};
use demo::Running;
use std::time::Duration;

mod disk;
mod files;
mod loss;
mod members;
mod operator;
mod restart;
mod steering;
mod trouble;

/// A plan of one scenario, "s", at [`RATE`] for so many seconds; `agents` is TOML. However busy the machine is, nothing
/// is skipped for being late: exactness is not speed.
fn plan(demo: &Running, seconds: u64, agents: &str, step: &str) -> String {
    format!(
        "name = \"robust\"\nmax_lateness = \"5s\"\n[agents]\n{agents}\n[target]\nbase_url = \"{}\"\nidentify = true\n\
         [[scenario]]\nname = \"s\"\nload.rate = [ {{ at = \"{RATE}/s\", for = \"{seconds}s\" }} ]\n\
         [[scenario.step]]\npath = \"{step}\"\n",
        demo.url()
    )
}

/// The numbers of the arrivals that the target saw, in order; panics when one came twice.
fn seen_once(demo: &Running) -> Vec<u64> {
    let seen = arrivals_of(&demo.recorded(), "s");
    if let Some(twice) = seen.windows(2).find(|two| two[0] == two[1]) {
        panic!("arrival {} came twice", twice[0]);
    }
    seen
}

/// The books close, no arrival came twice, and what the report claims to have sent is what the target saw, as far as
/// anybody knows.
fn assert_explained(run: &Run, demo: &Running) -> Vec<u64> {
    let (books, seen) = (run.books(), seen_once(demo));
    let told = || format!("{}\n{books:?}\n{:?}", run.controller.stderr, run.report.faults);
    assert!(run.report.imbalances.is_empty(), "{:?}\n{}", run.report.imbalances, told());
    assert_eq!(books.planned, books.started + books.skipped.total() + books.unknown, "{}", told());
    let (seen_n, surely) = (seen.len() as u64, books.started);
    assert!(surely <= seen_n && seen_n <= surely + books.unknown, "{seen_n} came: {}", told());
    seen
}

/// Nothing was lost and nothing kept from being sent; a busy machine may have sent it late.
fn assert_delivered(run: &Run, demo: &Running) {
    let (seen, books) = (assert_explained(run, demo), run.books());
    assert_eq!(
        [books.started, seen.len() as u64],
        [books.planned; 2],
        "{books:?}\n{}",
        run.controller.stderr
    );
    assert!(run.report.verdict.result <= Judgment::GeneratorLimited, "{:?}", run.report.verdict);
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

/// Those of the arrivals due in `from..to` that never came.
fn missing(seen: &[u64], from: Duration, to: Duration) -> Vec<u64> {
    // Arrival k is due at k / RATE.
    let number = |time: Duration| (time.as_secs_f64() * RATE as f64).ceil() as u64;
    (number(from)..number(to)).filter(|k| seen.binary_search(k).is_err()).collect()
}

/// The run time that the target has reached: the due time of the newest arrival that it saw.
fn reached(demo: &Running) -> Duration {
    let newest = arrivals_of(&demo.recorded(), "s").last().copied().unwrap_or_default();
    Duration::from_secs_f64(newest as f64 / RATE as f64)
}

/// Waits until the target has reached this run time.
fn until(demo: &Running, time: Duration) {
    for _ in 0..20_000 {
        if reached(demo) >= time {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the target has reached {:?} only", reached(demo));
}

/// Waits until the target gets nothing more for a while, and returns the run time that it has reached.
fn until_silent(demo: &Running) -> Duration {
    let mut before = demo.stats().total;
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(300));
        let now = demo.stats().total;
        if now == before {
            return reached(demo);
        }
        before = now;
    }
    panic!("the load never ended");
}

fn fault(run: &Run, kind: FaultKind) -> &FaultRow {
    let found = run.report.faults.iter().find(|fault| fault.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind:?}: {:?}\n{}", run.report.faults, run.controller.stderr))
}

fn faults(run: &Run) -> Vec<(FaultKind, &str)> {
    run.report.faults.iter().map(|fault| (fault.kind, fault.agent.as_deref().unwrap_or_default())).collect()
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Arrivals per second: enough to see everything, little enough for a busy machine.
const RATE: u64 = 200;
/// A lease that ends soon.
const QUICK: &str = "lease_ttl = \"1s\"";
