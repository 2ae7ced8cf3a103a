//! Agents that join late, leave, are limited or count for more.

use super::*;
use crate::cluster::beside;
use rustix::process::Signal;

#[test]
fn a_late_joiner_gets_its_part() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 4, "", "/"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    cluster.join("a3", &[]);
    let run = cluster.end();
    assert_delivered(&run, &demo);
    assert_eq!(faults(&run), [(FaultKind::AgentJoinedLate, "a3")]);
    let lanes: Vec<u16> = run.report.agents.iter().map(|agent| agent.lanes).collect();
    assert_eq!(lanes, [1366, 1365, 1365]);
    let joined = fault(&run, FaultKind::AgentJoinedLate).from_s;
    let own = run.report.agents[2].started as f64;
    let within_a_second = (4.0 - joined - 1.0) * RATE as f64 / 3.0;
    assert!(own > within_a_second - 10.0, "it started {own} from {joined} s on");
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

#[test]
fn an_agent_that_is_interrupted_once_hands_over_without_a_gap() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 4, "", "/delay/100"), &["a1", "a2", "a3"], &[]);
    until(&demo, s(1));
    let leaver = cluster.agents.remove(1);
    leaver.signal(Signal::INT);
    let left = leaver.end();
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    assert!(reached(&demo) < ms(3500), "it does not stay until the end");
    let run = cluster.end();
    assert_delivered(&run, &demo);
    assert_eq!(run.books().finished, 4 * RATE, "what was under way ended: {:?}", run.books());
    assert_eq!(faults(&run), [(FaultKind::AgentLeft, "a2")]);
}

#[test]
fn an_agent_that_is_interrupted_twice_gives_up_what_is_under_way() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 3, "", "/delay/800"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    let leaver = cluster.agents.remove(1);
    leaver.signal(Signal::TERM);
    leaver.hears("leaving");
    leaver.signal(Signal::INT);
    let left = leaver.end();
    assert_eq!(left.code, Some(0), "everything was delivered: {}", left.stderr);
    let run = cluster.end();
    assert_explained(&run, &demo);
    let books = run.books();
    assert!(books.abandoned > 0 && books.unknown == 0, "{books:?}\n{}", run.controller.stderr);
}

#[test]
fn weights_and_limits_of_agents_are_honoured() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 3, "expect = 3", "/"), &[], &["--agents", "3"]);
    cluster.join("a1", &[]);
    cluster.join("a2", &["--weight", "3"]);
    cluster.join("a3", &["--max-rate", "20/s"]);
    let run = cluster.end();
    assert_delivered(&run, &demo);
    let parts: Vec<_> = run.report.agents.iter().map(|agent| (&*agent.name, agent.lanes)).collect();
    let mut parts = parts.clone();
    parts.sort_unstable();
    // 20 of 200/s are a tenth of the ring; the rest goes 1 : 3.
    assert_eq!(parts, [("a1", 922), ("a2", 2765), ("a3", 409)]);
    let limited = run.report.agents.iter().find(|agent| agent.name == "a3").unwrap();
    assert!(limited.started <= 60, "{limited:?}");
}

#[test]
fn what_nobody_can_carry_is_not_pushed_on_anybody() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 3, QUICK, "/"), &[], &["--agents", "2"]);
    cluster.join("a1", &["--max-rate", "100/s"]);
    cluster.join("a2", &["--max-rate", "60/s"]);
    until(&demo, s(1));
    let run = cluster.end();
    assert_explained(&run, &demo);
    assert_eq!(run.report.verdict.result, Judgment::Degraded, "{:?}", run.report.verdict);
    let books = run.books();
    // 160 of 200/s: a fifth has no owner, give or take a lane.
    assert!(books.skipped.unowned.abs_diff(120) < 5, "{books:?}");
}
