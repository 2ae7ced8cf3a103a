//! What people come for: the plans of `deploy/plans`, shortened, against the demo service. The replay of a log stands
//! with the other replays.

use crate::cluster::{Cluster, Run, turn};
use crate::targets::demo;
use common::report::{Model, PhaseRow};
use std::path::Path;

/// A plan of `deploy/plans` at this target, with every text on the left replaced.
fn shortened(name: &str, url: &str, cuts: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/plans").join(name);
    let mut plan = std::fs::read_to_string(path).unwrap().replace("http://127.0.0.1:8080", url);
    for (long, short) in cuts {
        assert!(plan.contains(long), "{name} says {long}");
        plan = plan.replace(long, short);
    }
    plan
}

fn phase<'a>(run: &'a Run, name: &str) -> &'a PhaseRow {
    run.report.phases.iter().find(|row| row.name == name).unwrap()
}

fn requests(phase: &PhaseRow, scenario: &str) -> u64 {
    phase.series.iter().filter(|row| row.scenario == scenario).map(|row| row.requests).sum()
}

#[test]
fn unique_documents_are_indexed_while_a_dashboard_asks() {
    let _turn = turn();
    let demo = demo();
    let cuts = [
        ("\"1m\"", "\"2s\""),
        ("\"5m\"", "\"4s\""),
        ("\"10s\" }", "\"1s\" }"),
        ("4m50s", "3s"),
        ("\"6m\"", "\"6s\""),
    ];
    let run = Cluster::start(&shortened("indexing.toml", &demo.url(), &cuts), 2, false).end();
    assert_eq!(run.controller.code, Some(0), "{:?}", run.report.verdict);
    let entry = &run.report.ledger["index"];
    assert_eq!(entry.planned, entry.started);
    assert_eq!(demo.stats().route_total("POST /api/index"), entry.started);
    assert_eq!(run.series("index").status[&201], entry.started, "every one was taken for a document");
    let (idle, stress) = (phase(&run, "idle"), phase(&run, "stress"));
    assert_eq!((requests(idle, "index"), requests(stress, "index")), (0, entry.finished));
    assert!(requests(idle, "dashboard") > 0 && requests(stress, "dashboard") > 0);
    // The second API answered in both, and the report tells what the first one did to it.
    let between = &run.report.interference;
    assert!(between.iter().all(|row| (row.baseline.as_str(), row.phase.as_str()) == ("idle", "stress")));
    let dashboard = between.iter().find(|row| row.scenario == "dashboard").unwrap();
    assert!(
        dashboard.times.iter().all(|time| time.factor.is_some_and(|factor| factor > 0.0)),
        "{dashboard:?}"
    );
    assert!(between.iter().all(|row| row.scenario != "index"), "it was not measured while idle");
}

#[test]
fn clients_are_counted_by_tries_by_time_and_by_number() {
    let _turn = turn();
    let demo = demo();
    let cuts = [
        ("for = \"30s\"", "for = \"2s\""),
        ("within = \"30s\"", "within = \"2s\""),
        ("count = 2000", "count = 200"),
        ("for = \"2m\"", "for = \"2s\""),
        ("for = \"1m\"", "for = \"1s\""),
        ("10000", "300"),
        ("\"10m\"", "\"3s\""),
    ];
    let run = Cluster::start(&shortened("clients.toml", &demo.url(), &cuts), 2, false).end();
    assert_eq!(run.controller.code, Some(0), "{:?}", run.report.verdict);
    assert_eq!(run.report.ledger["tries"].finished, 200);
    assert!(run.report.loads.iter().all(|load| load.model == Model::Closed));
    let users = |name: &str| run.report.loads.iter().find(|load| load.scenario == name).unwrap().users;
    assert_eq!([users("time"), users("stress"), users("endurance")], [Some(10), Some(300), Some(50)]);
    let names: Vec<&str> = run.report.phases.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["tries", "time", "stress", "endurance"]);
    for row in &run.report.phases {
        assert_eq!(requests(row, &row.name), run.report.ledger[&row.name].finished, "{}", row.name);
    }
    // 50 users, each of whom begins every second, for three seconds.
    assert_eq!(run.report.ledger["endurance"].started, 150);
    let size = &run.series("stress").size;
    assert!(size.p50 > 0 && size.mean > 0.0 && size.mode_width > 0, "{size:?}");
}

#[test]
fn users_come_one_after_the_other_and_do_what_they_do_by_weight() {
    let _turn = turn();
    let demo = demo();
    let cuts =
        [("spawn = \"10/s\"", "spawn = \"100/s\""), ("\"2m\"", "\"4s\""), ("\"1s..3s\"", "\"50ms..150ms\"")];
    let run = Cluster::start(&shortened("users.toml", &demo.url(), &cuts), 2, false).end();
    assert_eq!(run.controller.code, Some(0), "{:?}", run.report.verdict);
    let (read, written) = (demo.stats().route_total("GET /tests"), demo.stats().route_total("POST /tests"));
    assert_eq!(read + written, run.report.ledger["visitors"].started);
    let share = read as f64 / (read + written) as f64;
    // Some 3,000 draws: ten standard deviations around three quarters.
    assert!((share - 0.75).abs() < 0.08, "{read} read, {written} written");
    assert_eq!(run.report.loads[0].users, Some(100));
}
