//! Several things at once, and the awkward moments: before the start, while the run drains, again and again.

use super::*;
use crate::cluster::beside;
use crate::programs::Program;
use rustix::process::Signal;

#[test]
fn a_controller_that_is_killed_before_the_start_begins_anew() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 1, "", "/"), &["a1"], &["--agents", "2"]);
    // Its welcome says that the run is kept.
    cluster.agents[0].hears("joined");
    cluster.kill_controller();
    cluster.resume(&["--agents", "2"]);
    cluster.join("a2", &[]);
    let run = cluster.end();
    assert_delivered(&run, &demo);
    let names: Vec<_> = run.report.agents.iter().map(|agent| &*agent.name).collect();
    assert_eq!((names.len(), faults(&run).len()), (2, 0), "{names:?} {:?}", run.report.faults);
}

#[test]
fn a_controller_that_is_killed_while_its_run_drains_ends_it() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 60, "", "/delay/2500"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    assert_eq!(cluster.operate(&["stop"]).code, Some(0));
    cluster.controller.hears("draining");
    cluster.kill_controller();
    cluster.resume(&[]);
    let run = cluster.end();
    assert_explained(&run, &demo);
    let books = run.books();
    assert_eq!((books.unknown, books.abandoned), (0, 0), "{books:?}\n{}", run.controller.stderr);
    assert_eq!(run.controller.code, Some(103), "{}", run.controller.stderr);
    assert_eq!(run.report.verdict.result, Judgment::Aborted, "{:?}", run.report.verdict);
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

#[test]
fn an_agent_inside_a_controller_goes_with_it_and_another_takes_over() {
    let _beside = beside();
    let demo = demo();
    let mut cluster =
        Cluster::lasting(&plan(&demo, 6, QUICK, "/"), &[], &["--agents", "1", "--local-agents", "1"]);
    until(&demo, s(1));
    cluster.kill_controller();
    cluster.resume_at("127.0.0.2:0", &[]);
    let run = cluster.end();
    let seen = assert_explained(&run, &demo);
    assert_eq!(run.report.verdict.result, Judgment::Degraded, "{:?}", run.report.verdict);
    assert!(run.books().unknown > 0, "{:?}", run.books());
    assert_eq!(missing(&seen, s(4), s(6)), [0; 0], "{}", run.controller.stderr);
}

#[test]
fn a_controller_that_stood_still_goes_on() {
    let _beside = beside();
    let demo = demo();
    let cluster = Cluster::lasting(&plan(&demo, 8, QUICK, "/"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    cluster.controller.signal(Signal::STOP);
    let stopped = reached(&demo);
    let fenced = until_silent(&demo);
    assert!(fenced < stopped + s(1) + ms(300), "stopped at {stopped:?}, fired until {fenced:?}");
    cluster.controller.signal(Signal::CONT);
    let run = cluster.end();
    let seen = assert_explained(&run, &demo);
    assert_eq!(run.books().unknown, 0, "{:?}\n{}", run.books(), run.controller.stderr);
    assert_eq!(missing(&seen, s(6), s(8)), [0; 0], "{}", run.controller.stderr);
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

#[test]
fn an_agent_that_is_lost_again_and_again_gets_no_more_load() {
    let _beside = beside();
    let demo = demo();
    let cluster = Cluster::lasting(&plan(&demo, 60, QUICK, "/"), &["a1", "a2"], &[]);
    until(&demo, ms(500));
    let flapping = &cluster.agents[1];
    for time in 1..=3 {
        flapping.signal(Signal::STOP);
        cluster.controller.hears_times("agent a2 is lost", time);
        flapping.signal(Signal::CONT);
        cluster.controller.hears_times("agent a2 is back", time);
    }
    cluster.controller.hears("agent a2 was lost too often");
    assert_eq!(cluster.operate(&["stop"]).code, Some(0));
    let run = cluster.end();
    assert_explained(&run, &demo);
    let mut lanes: Vec<_> = run.report.agents.iter().map(|agent| (&*agent.name, agent.lanes)).collect();
    lanes.sort_unstable();
    assert_eq!((lanes, run.books().unknown), (vec![("a1", 4096), ("a2", 0)], 0), "{:?}", run.books());
}

#[test]
fn an_agent_that_may_not_wait_for_its_controller_leaves_a_file() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 60, QUICK, "/"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    cluster.controller.signal(Signal::STOP);
    let leaver = cluster.agents.remove(1);
    leaver.signal(Signal::INT);
    leaver.hears("leaving");
    leaver.signal(Signal::INT);
    let left = leaver.end();
    assert_eq!(left.code, Some(105), "{}", left.stderr);
    cluster.controller.signal(Signal::CONT);
    cluster.controller.hears("agent a2 is lost");
    assert_eq!(cluster.operate(&["stop"]).code, Some(0));
    let files = cluster.spooled();
    assert_eq!(files.len(), 1, "{files:?}");
    let (run, folder) = cluster.end_keeping();
    assert_explained(&run, &demo);
    let data = folder.path().join("data");
    let merge = ["runs", "merge-spool", "--data-dir", data.to_str().unwrap(), &files[0]];
    let merged = Program::controller(&merge).end();
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);
    let report = stampede_controller::runs::show(&data, "").unwrap();
    assert!(report.imbalances.is_empty(), "{:?}", report.imbalances);
    let books = report.ledger["s"];
    assert_eq!((books.unknown, books.started), (0, seen_once(&demo).len() as u64), "{books:?}");
}
