//! Controllers that are killed and started again.

use super::*;
use crate::cluster::beside;
use crate::programs::Program;
use common::report::Report;
use rustix::process::Signal;

#[test]
fn a_controller_that_is_back_within_the_lease_costs_nothing() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 6, "lease_ttl = \"5s\"", "/"), &["a1", "a2"], &[]);
    until(&demo, s(2));
    cluster.kill_controller();
    cluster.resume(&[]);
    let run = cluster.end();
    assert_delivered(&run, &demo);
    assert_eq!(run.books().finished, 6 * RATE, "{:?}", run.books());
    assert_eq!(faults(&run), [(FaultKind::ControllerRestarted, "")]);
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
    assert_eq!(run.report.series[0].requests, 6 * RATE);
}

#[test]
fn a_controller_that_is_back_too_late_finds_agents_that_stopped_by_themselves() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 8, QUICK, "/"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    cluster.kill_controller();
    let killed = reached(&demo);
    let fenced = until_silent(&demo);
    assert!(fenced < killed + s(1) + ms(300), "killed at {killed:?}, fired until {fenced:?}");
    cluster.resume(&[]);
    cluster.controller.hears("agent a1 is back");
    let run = cluster.end();
    let seen = assert_explained(&run, &demo);
    let books = run.books();
    assert_eq!(books.unknown, 0, "{books:?}\n{}", run.controller.stderr);
    assert!(books.skipped.by_fault() > 0, "{books:?}");
    assert_eq!(run.report.verdict.result, Judgment::Degraded, "{:?}", run.report.verdict);
    assert_eq!(missing(&seen, s(6), s(8)), [0; 0], "{}", run.controller.stderr);
    fault(&run, FaultKind::ControllerRestarted);
}

#[test]
fn nothing_to_resume_needs_a_plan() {
    let _beside = beside();
    let demo = demo();
    let cluster = Cluster::lasting(&plan(&demo, 1, "", "/"), &["a1"], &[]);
    let data = cluster.data();
    let other = ["start", "--listen", "127.0.0.1:0", "--data-dir", &data, "--resume"];
    let refused = Program::controller(&other).end();
    assert_eq!(refused.code, Some(2), "two controllers on one directory: {}", refused.stderr);
    assert!(refused.stderr.contains("another controller (process"), "{}", refused.stderr);
    let (run, folder) = cluster.end_keeping();
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    let nothing = Program::controller(&other).end();
    assert_eq!(nothing.code, Some(2), "{}", nothing.stderr);
    assert!(
        nothing.stderr.contains("no unfinished run") && nothing.stderr.contains("--plan"),
        "{}",
        nothing.stderr
    );
    let path = folder.path().join("plan.toml");
    let fallback = Program::controller(&[&other[..], &["--plan", path.to_str().unwrap()]].concat()).end();
    assert_eq!(fallback.code, Some(0), "{}", fallback.stderr);
    assert_eq!(demo.stats().total, 2 * RATE, "once in the first run, once in the second");
}

#[test]
fn what_agents_could_not_deliver_is_merged_later() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 60, QUICK, "/"), &["a1", "a3"], &["--agents", "3"]);
    cluster.join("a2", &["--wait", "1s"]);
    until(&demo, s(1));
    cluster.kill_controller();
    // One gives up by itself, one is told to, one waits.
    let [told, alone] = [1, 1].map(|place| cluster.agents.remove(place));
    told.hears("lost the controller");
    told.signal(Signal::INT);
    let (told, alone) = (told.end(), alone.end());
    assert_eq!((told.code, alone.code), (Some(105), Some(106)), "{}\n{}", told.stderr, alone.stderr);
    let files = cluster.spooled();
    assert_eq!(files.len(), 2, "{files:?}");
    for (agent, place) in [(&told, 0), (&alone, 1)] {
        let named =
            files.iter().any(|file| agent.stderr.contains(&format!("merge-spool --data-dir DIR {file}")));
        assert!(named, "{place}: {}", agent.stderr);
    }
    cluster.resume(&[]);
    cluster.controller.hears("agent a2 is lost");
    let stop = cluster.operate(&["stop"]);
    assert_eq!(stop.code, Some(0), "{}", stop.stderr);
    let (run, folder) = cluster.end_keeping();
    assert_eq!(run.controller.code, Some(103), "{}", run.controller.stderr);
    assert_explained(&run, &demo);
    assert!(run.books().unknown > 0, "{:?}", run.books());
    let data = folder.path().join("data");
    let merge = ["runs", "merge-spool", "--data-dir", data.to_str().unwrap(), &files[0], &files[1]];
    let merged = Program::controller(&merge).end();
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);
    let report: Report = stampede_controller::runs::show(&data, "").unwrap();
    let books = report.ledger["s"];
    assert!(report.imbalances.is_empty(), "{:?}", report.imbalances);
    assert_eq!((books.unknown, books.started), (0, seen_once(&demo).len() as u64), "{books:?}");
}
