//! Runs that end otherwise than planned: the books tell what became of every arrival.

use crate::cluster::{Cluster, Run, agent, plan, run_alone, turn};
use crate::programs::Program;
use crate::targets::{demo, until_counted};
use common::report::Judgment;
use rustix::process::Signal;

const STEP: &str = r#"path = "/""#;
/// Long enough that no test sees its end.
const LONG: &str = r#"load.rate = [ { at = "300/s", for = "10m" } ]"#;
const SHORT: &str = r#"load.rate = [ { at = "50/s", for = "200ms" } ]"#;

fn assert_every_arrival_is_accounted_for(run: &Run) {
    let books = run.books();
    assert_eq!(books.planned, books.started + books.skipped.total() + books.unknown, "{books:?}");
    assert!(run.report.imbalances.is_empty(), "{:?}", run.report.imbalances);
}

#[test]
fn a_killed_agent_ends_a_run_that_cannot_do_without_and_its_arrivals_are_unknown() {
    let _turn = turn();
    let demo = demo();
    let agents = "[agents]\non_loss = \"abort\"\nlease_ttl = \"1s\"";
    let mut cluster = Cluster::start(&plan(&demo.url(), agents, LONG, STEP), 3, false);
    until_counted(&demo, 200);
    let victim = cluster.agents.remove(1);
    victim.signal(Signal::KILL);
    assert_eq!(victim.end().code, None, "ended by the signal");
    let run = cluster.end();
    assert_eq!(run.controller.code, Some(108), "{}", run.controller.stderr);
    assert_eq!(run.report.verdict.result, Judgment::Invalid);
    let reason = &run.report.verdict.reasons[0];
    assert!(reason.contains("agent a2 was lost"), "{reason}");
    assert_every_arrival_is_accounted_for(&run);
    let books = run.books();
    assert!(books.unknown > 0 && books.skipped.stopped > 0, "{books:?}");
    let counted = demo.stats().total;
    assert!(books.started <= counted && counted <= books.started + books.unknown, "{counted}: {books:?}");
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "the others drain: {:?}", run.agents);
}

#[test]
fn an_interrupted_run_drains_and_reports_in_full() {
    let _turn = turn();
    let demo = demo();
    let cluster = Cluster::start(&plan(&demo.url(), "", LONG, STEP), 2, false);
    until_counted(&demo, 100);
    cluster.controller.signal(Signal::INT);
    let run = cluster.end();
    assert_eq!(run.controller.code, Some(105), "{}", run.controller.stderr);
    assert_eq!(run.report.verdict.result, Judgment::Aborted);
    assert_every_arrival_is_accounted_for(&run);
    let books = run.books();
    assert!(books.skipped.stopped > 0, "{books:?}");
    assert_eq!((books.unknown, books.abandoned), (0, 0), "{books:?}");
    assert_eq!([books.started, books.finished], [demo.stats().total; 2]);
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

#[test]
fn a_second_interrupt_gives_up_what_is_under_way() {
    let _turn = turn();
    let demo = demo();
    let cluster =
        Cluster::start(&plan(&demo.url(), "timeout = \"1m\"", LONG, r#"path = "/delay/60000""#), 2, false);
    until_counted(&demo, 50);
    cluster.controller.signal(Signal::INT);
    cluster.controller.hears("draining");
    cluster.controller.signal(Signal::INT);
    let run = cluster.end();
    assert_eq!(run.controller.code, Some(105), "{}", run.controller.stderr);
    let verdict = &run.report.verdict;
    assert_eq!(verdict.result, Judgment::Aborted);
    assert!(verdict.reasons[0].contains("given up"), "{verdict:?}");
    assert!(run.report.run.partial, "the report says that it is not whole");
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
    assert_every_arrival_is_accounted_for(&run);
}

#[test]
fn a_threshold_that_does_not_hold_fails_the_run() {
    let _turn = turn();
    let demo = demo();
    let rule = "[[threshold]]\nmetric = \"s.response_time.p50\"\nlimit = \"< 10ms\"\n";
    let run = run_alone(&(plan(&demo.url(), "", SHORT, r#"path = "/delay/20""#) + rule));
    assert_eq!(run.controller.code, Some(99), "{}", run.controller.stderr);
    assert_eq!(run.report.verdict.result, Judgment::Fail);
    assert!(run.report.verdict.reasons[0].contains("s.response_time.p50"), "{:?}", run.report.verdict);
    assert!(!run.report.thresholds[0].holds);
}

#[test]
fn an_agent_serves_one_controller_after_the_other() {
    let _turn = turn();
    let demo = demo();
    let plan = plan(&demo.url(), "", SHORT, STEP);
    let first = Cluster::controller(&plan, &["--agents", "2"]);
    let address = first.address();
    let loyal: Vec<Program> = ["l1", "l2"].map(|name| agent(&address, name, &["--threads", "1"])).into();
    let instances = |run: &Run| {
        let mut instances: Vec<_> = run.report.agents.iter().map(|agent| agent.instance.clone()).collect();
        instances.sort();
        instances
    };
    let first = first.end();
    let second = Cluster::controller(&plan, &["--agents", "2", "--listen", &address]).end();
    assert_eq!((first.controller.code, second.controller.code), (Some(0), Some(0)));
    assert_eq!(instances(&first), instances(&second), "the same processes");
    assert_eq!((first.books().finished, second.books().finished, demo.stats().total), (10, 10, 20));
    for agent in loyal {
        agent.signal(Signal::INT);
        assert_eq!(agent.end().code, Some(0));
    }
}
