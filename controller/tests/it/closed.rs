//! Users, tries and steps against a target that counts for itself.

use crate::cluster::{Cluster, turn};
use crate::targets::{arrivals_of, demo};
use common::report::{Judgment, Model, SeriesKind};
use demo::Running;
use std::collections::{BTreeMap, BTreeSet};

/// A plan with these scenarios.
fn plan(demo: &Running, scenarios: &str) -> String {
    format!(
        "name = \"closed\"\nseed = 4\nmax_lateness = \"1m\"\n[target]\nbase_url = \"{}\"\nidentify = true\n{scenarios}",
        demo.url()
    )
}

const USERS: &str = r#"
[[scenario]]
name = "users"
load.users = [ { to = 12, for = "500ms" }, { at = 12, for = "2s" } ]
think = "20ms..60ms"
[[scenario.step]]
path = "/"
"#;

#[test]
fn users_of_three_agents_are_the_curves_and_no_iteration_comes_twice() {
    let _turn = turn();
    let demo = demo();
    let run = Cluster::start(&plan(&demo, USERS), 3, false).end();
    let numbers = arrivals_of(&demo.recorded(), "users");
    let different: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!(different.len(), numbers.len(), "no number twice");
    let mut rounds = BTreeMap::<u64, u64>::new();
    numbers.iter().for_each(|k| *rounds.entry(k % (1 << 20)).or_default() += 1);
    assert_eq!(rounds.len(), 12, "every user was there");
    for (user, rounds) in &rounds {
        let highest = numbers.iter().filter(|k| *k % (1 << 20) == *user).max().unwrap() >> 20;
        assert_eq!(highest + 1, *rounds, "user {user} left no iteration out");
        assert!(*rounds >= 10, "user {user} came to {rounds} iterations only");
    }
    let entry = &run.report.ledger["users"];
    let counts = [entry.planned, entry.started, entry.finished, demo.stats().total];
    assert_eq!(counts, [numbers.len() as u64; 4], "told, started, finished, counted by the target");
    assert!(run.report.imbalances.is_empty(), "{:?}", run.report.imbalances);
    let load = &run.report.loads[0];
    assert_eq!((load.model, load.users), (Model::Closed, Some(12)));
    let (asked, active) = (load.user_time_asked_s.unwrap(), load.user_time_active_s.unwrap());
    // 3 s under the line and 24 s under the hold; changes are rounded up to whole nanoseconds.
    assert!((asked - 27.0).abs() < 1e-6, "{asked}");
    assert!(active <= 27.0 && active > 26.5, "{active} s of 27 s");
    assert!(run.report.agents.iter().all(|agent| agent.started > 0), "each agent had users");
}

#[test]
fn tries_are_done_exactly_once_and_end_the_run() {
    let _turn = turn();
    let demo = demo();
    let tries = r#"
[[scenario]]
name = "tries"
load.tries = { count = 203, users = 10, within = "5m" }
[[scenario.step]]
path = "/delay/5"
"#;
    let run = Cluster::start(&plan(&demo, tries), 3, false).end();
    let every: Vec<u64> = (0..203).collect();
    assert_eq!(arrivals_of(&demo.recorded(), "tries"), every);
    let entry = &run.report.ledger["tries"];
    assert_eq!([entry.planned, entry.started, entry.finished, entry.unknown], [203, 203, 203, 0]);
    assert!(run.report.imbalances.is_empty(), "{:?}", run.report.imbalances);
    assert!(run.report.run.duration_s < 60.0, "it ended when all were done, not after 5 minutes");
    let verdict = &run.report.verdict;
    assert!(verdict.result <= Judgment::GeneratorLimited, "{verdict:?}");
}

#[test]
fn weighted_steps_have_their_shares_and_sequences_their_order() {
    let _turn = turn();
    let demo = demo();
    let steps = r#"
[[scenario]]
name = "weighted"
pick = "weighted"
load.rate = [ { at = "2000/s", for = "1s" } ]
step = [ { path = "/bytes/1", weight = 3 }, { path = "/tests", weight = 1 } ]
[[scenario]]
name = "sequence"
load.rate = [ { at = "100/s", for = "1s" } ]
step = [ { path = "/random", think = "5ms" }, { path = "/bytes/2", name = "two" }, { path = "/delay/1" } ]
"#;
    let run = Cluster::start(&plan(&demo, steps), 2, false).end();
    let records = demo.recorded();
    let of = |scenario: &str, step: &str| {
        run.report.series.iter().find(|row| row.scenario == scenario && row.step == step).unwrap()
    };
    let (bytes, tests) = (of("weighted", "GET /bytes/{id}").requests, of("weighted", "GET /tests").requests);
    assert_eq!(bytes + tests, 2000);
    // Five standard deviations of 2,000 draws of 3/4.
    assert!(bytes.abs_diff(1500) < 97, "{bytes} of 2,000");
    assert_eq!(demo.stats().route_total("GET /tests"), tests, "the target counts the same");
    let rows: Vec<(&str, u64, SeriesKind)> =
        run.report.series[2..].iter().map(|row| (row.step.as_str(), row.requests, row.kind)).collect();
    let requests = |step| (step, 100, SeriesKind::Requests);
    let expected = [
        requests("GET /random"),
        requests("two"),
        requests("GET /delay/{id}"),
        ("iteration", 100, SeriesKind::Iterations),
    ];
    assert_eq!(rows, expected);
    assert!(of("sequence", "iteration").response_time.min >= 6_000, "5 ms of think time and 1 ms of delay");
    for k in 0..100 {
        let own = format!("sequence:{k}");
        let paths = records.iter().filter(|record| record.arrival == own).map(|record| record.path.as_str());
        assert_eq!(paths.collect::<Vec<_>>(), ["/random", "/bytes/2", "/delay/1"], "iteration {k}");
    }
    let entry = &run.report.ledger["sequence"];
    assert_eq!([entry.planned, entry.started, entry.finished], [100; 3], "iterations, not requests");
}

#[test]
fn loads_of_all_kinds_run_side_by_side_each_from_its_own_start() {
    let _turn = turn();
    let demo = demo();
    let mixed = r#"
[[phase]]
name = "idle"
for = "1s"
[[phase]]
name = "stress"
for = "2s"
[[scenario]]
name = "rate"
phases = ["stress"]
load.rate = [ { at = "100/s", for = "2s" } ]
step = [ { path = "/" } ]
[[scenario]]
name = "users"
load.users = [ { at = 4, for = "3s" } ]
pacing = "100ms"
step = [ { path = "/" } ]
[[scenario]]
name = "tries"
start = "500ms"
load.tries = { count = 40, users = 4 }
step = [ { path = "/" } ]
"#;
    let run = Cluster::start(&plan(&demo, mixed), 3, false).end();
    let report = &run.report;
    let started = |name: &str| report.ledger[name].started;
    assert_eq!([started("rate"), started("users"), started("tries")], [200, 120, 40]);
    assert_eq!(demo.stats().total, 360);
    let second = |name: &str| {
        report.timeline.iter().filter(|row| row.scenario == name).map(|row| row.started).collect::<Vec<_>>()
    };
    assert_eq!(second("rate"), [0, 100, 100], "nothing before its phase");
    assert_eq!(second("users"), [40, 40, 40]);
    let phases: Vec<_> =
        report.phases.iter().map(|phase| (phase.name.as_str(), phase.series.len())).collect();
    assert_eq!(phases, [("idle", 2), ("stress", 2)]);
    let rates: Vec<u64> = report.phases[1].series.iter().map(|series| series.requests).collect();
    assert_eq!(rates, [200, 80]);
    assert!(report.imbalances.is_empty(), "{:?}", report.imbalances);
    assert!(run.controller.stdout.contains("phase stress ("), "{}", run.controller.stdout);
    assert!(
        run.controller.stdout.contains("users: 4 users at most, an iteration each 100"),
        "{}",
        run.controller.stdout
    );
}
