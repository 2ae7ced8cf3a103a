//! Agents that are killed, stopped or started again.

use super::*;
use crate::cluster::beside;
use rustix::process::Signal;

#[test]
fn the_others_fire_a_killed_agents_lanes_when_its_lease_is_over() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 7, "lease_ttl = \"2s\"", "/"), &["a1", "a2", "a3"], &[]);
    until(&demo, s(1));
    cluster.agents.remove(1).signal(Signal::KILL);
    let killed = reached(&demo);
    cluster.controller.hears("agent a2 is lost");
    let run = cluster.end();
    let seen = assert_explained(&run, &demo);
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    let (books, lost) = (run.books(), fault(&run, FaultKind::AgentLost));
    assert_eq!(run.report.verdict.result, Judgment::Degraded, "{:?}", run.report.verdict);
    assert!(books.unknown > 0, "{books:?}");
    assert_eq!((lost.agent.as_deref(), lost.unknown), (Some("a2"), books.unknown));
    assert!(lost.missing >= books.unknown, "{lost:?}");
    assert!((lost.from_s - killed.as_secs_f64()).abs() < 1.0, "{lost:?} at {killed:?}");
    // The first to miss was not sent before the kill, the last is due before the end of the lease and a moment.
    let lost: Vec<u64> = missing(&seen, ms(0), s(7));
    let explained = missing(&seen, killed.saturating_sub(BEHIND), killed + s(2) + ms(500));
    assert_eq!(lost, explained, "killed at {killed:?}\n{}", run.controller.stderr);
    assert!(!lost.is_empty());
}

#[test]
fn a_run_that_may_go_on_with_less_load_does() {
    let _beside = beside();
    let demo = demo();
    let agents = format!("on_loss = \"continue\"\n{QUICK}");
    let mut cluster = Cluster::lasting(&plan(&demo, 4, &agents, "/"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    cluster.agents.remove(0).signal(Signal::KILL);
    let killed = reached(&demo);
    let run = cluster.end();
    let seen = assert_explained(&run, &demo);
    assert_eq!(run.report.verdict.result, Judgment::Degraded, "{:?}", run.report.verdict);
    let rest = (s(4) - killed).as_secs_f64() * RATE as f64;
    let lost = missing(&seen, killed, s(4)).len() as f64;
    assert!((lost - rest / 2.0).abs() < 20.0, "half of {rest} was the lost agent's, {lost} did not come");
    assert!(run.books().skipped.unowned > 0, "{:?}", run.books());
}

#[test]
fn an_agent_that_was_stopped_comes_back_with_its_books() {
    let _beside = beside();
    let demo = demo();
    let cluster = Cluster::lasting(&plan(&demo, 8, QUICK, "/"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    let stopped = &cluster.agents[1];
    stopped.signal(Signal::STOP);
    cluster.controller.hears("agent a2 is lost");
    // The other one has its lanes now.
    let lost = reached(&demo);
    until(&demo, lost + ms(800));
    stopped.signal(Signal::CONT);
    cluster.controller.hears("agent a2 is back");
    let back = reached(&demo);
    let run = cluster.end();
    let seen = assert_explained(&run, &demo);
    assert_eq!(run.books().unknown, 0, "{:?}\n{}", run.books(), run.controller.stderr);
    assert_eq!(missing(&seen, back + ms(1500), s(8)), [0; 0]);
    let [first, second] = &run.report.agents[..] else { panic!("{:?}", run.report.agents) };
    assert_eq!((first.lanes, second.lanes), (2048, 2048), "it has its part again: {:?}", run.report.faults);
    let lost = fault(&run, FaultKind::AgentLost);
    assert!(lost.until_s.is_some_and(|until| until < back.as_secs_f64() + 1.0), "{lost:?}, back at {back:?}");
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

#[test]
fn an_agent_that_is_started_again_takes_part_again() {
    let _beside = beside();
    let demo = demo();
    let mut cluster = Cluster::lasting(&plan(&demo, 6, QUICK, "/"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    cluster.agents.remove(1).signal(Signal::KILL);
    cluster.join("a2", &[]);
    let again = &cluster.agents[1];
    again.hears("ready");
    cluster.join("a2", &[]);
    let third = cluster.agents.remove(2).end();
    assert_eq!(third.code, Some(106), "two of one name: {}", third.stderr);
    assert!(third.stderr.contains("an agent named a2 is joined already"), "{}", third.stderr);
    let run = cluster.end();
    let seen = assert_explained(&run, &demo);
    let mut names: Vec<_> = run.report.agents.iter().map(|agent| (&*agent.name, agent.lanes)).collect();
    names.sort_unstable();
    assert_eq!(names, [("a1", 2048), ("a2", 0), ("a2", 2048)], "{:?}", run.report.faults);
    assert_eq!(missing(&seen, s(4), s(6)), [0; 0]);
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

/// A busy machine may be so much behind.
const BEHIND: Duration = ms(800);
