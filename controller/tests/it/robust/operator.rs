//! What the operator does to a run: commands and signals.

use super::*;
use crate::cluster::beside;
use crate::rows::Row;
use common::arrivals::{Due, timetables};
use common::lane::LaneSet;
use common::plan::Plan;
use common::time::RunTime;
use rustix::process::Signal;
use stampede_controller::chronicle::Happened;
use stampede_controller::store::Archive;
use std::path::Path;

#[test]
fn a_changed_rate_is_the_changed_schedule_on_every_agent() {
    let _beside = beside();
    let demo = demo();
    let random = "[[scenario]]\nname = \"p\"\nload = { rate = [ { from = \"0/s\", to = \"100/s\", for = \"5s\" } ], \
                  arrivals = \"poisson\" }\n[[scenario.step]]\npath = \"/\"\n";
    let text = plan(&demo, 5, "", "/") + random;
    let mut cluster = Cluster::lasting(&text, &[], &["--agents", "2"]);
    for number in 1..=2 {
        let rows = cluster.rows(number);
        cluster.join(&format!("a{number}"), &["--threads", "2", "--rows", &rows]);
    }
    until(&demo, s(1));
    let wrong = cluster.operate(&["rate", "nobody", "5/s"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("there is no scenario \"nobody\"; there are: s, p"), "{}", wrong.stderr);
    for (scenario, rate) in [("s", "400/s"), ("p", "250/s"), ("s", "33.3/s")] {
        let changed = cluster.operate(&["rate", scenario, rate]);
        assert_eq!(changed.code, Some(0), "{}", changed.stderr);
        assert!(changed.stdout.contains(&format!("{scenario}: {rate} from ")), "{}", changed.stdout);
    }
    let status = std::iter::repeat_with(|| cluster.operate(&["status"]).stdout);
    let status =
        status.take(100).find(|status| status.contains("33.3/s")).expect("the last one comes to hold");
    for part in ["running", "scenario s ", "scenario p ", "250/s", "agent    a1 ", "agent    a2 ", "here"] {
        assert!(status.contains(part), "no {part:?}:\n{status}");
    }
    let (run, folder) = cluster.end_keeping();
    assert_delivered(&run, &demo);
    assert_as_changed(&run, &text, folder.path(), (3, &["s", "p"]));
}

#[test]
fn a_changed_rate_outlives_its_controller_and_reaches_who_joins_late() {
    let _beside = beside();
    let demo = demo();
    let text = plan(&demo, 6, "lease_ttl = \"5s\"", "/");
    let mut cluster = Cluster::lasting(&text, &[], &["--agents", "2"]);
    let [first, second, third] = [1, 2, 3].map(|number| cluster.rows(number));
    cluster.join("a1", &["--rows", &first]);
    cluster.join("a2", &["--rows", &second]);
    until(&demo, s(1));
    assert_eq!(cluster.operate(&["rate", "s", "500/s"]).code, Some(0));
    cluster.kill_controller();
    cluster.resume(&[]);
    cluster.controller.hears("agent a1 is back");
    cluster.join("a3", &["--rows", &third]);
    cluster.agents[2].hears("ready");
    assert_eq!(cluster.operate(&["rate", "s", "150/s"]).code, Some(0));
    let (run, folder) = cluster.end_keeping();
    assert_delivered(&run, &demo);
    assert_as_changed(&run, &text, folder.path(), (2, &["s"]));
    assert!(run.report.agents.iter().all(|agent| agent.started > 100), "{:?}", run.report.agents);
}

/// The agents' rows are the schedule of this plan with the changes that the store tells of, arrival by arrival.
pub(super) fn assert_as_changed(run: &Run, plan: &str, folder: &Path, (changes, which): (usize, &[&str])) {
    let scenarios = Plan::parse("plan", plan).unwrap().scenarios;
    let all = scenarios.iter().zip(schedule(plan, &folder.join("data"), changes));
    for (scenario, planned) in all.filter(|(scenario, _)| which.contains(&&*scenario.name)) {
        let number = &scenario.name;
        let rows = run.rows.iter().flatten().filter(|row| row.scenario == *number);
        let mut fired: Vec<Due> = rows.map(due).collect();
        fired.sort_unstable();
        let differs = fired.iter().zip(&planned).find(|(fired, planned)| fired != planned);
        assert_eq!(differs, None, "scenario {number}: each arrival once, when it is due");
        assert_eq!(fired.len(), planned.len(), "scenario {number}: {}", run.controller.stderr);
    }
}

const fn due(row: &Row) -> Due {
    Due { at: RunTime::from_nanos(row.due_ns), k: row.arrival }
}

/// By scenario: every arrival of the schedule with the changes that the store tells of.
fn schedule(plan: &str, data: &Path, changes: usize) -> Vec<Vec<Due>> {
    let archive = Archive::open(data).unwrap();
    let run = archive.runs().unwrap().remove(0).run_id;
    let events = archive.load(&run).unwrap().unwrap().events;
    let revisions: Vec<_> =
        events.iter().filter_map(|event| Happened::read(event).unwrap().as_revision()).collect();
    assert_eq!(revisions.len(), changes, "{revisions:?}");
    let timetables = timetables(&Plan::parse("plan", plan).unwrap(), &revisions).unwrap();
    let arrivals = |timetable: &common::arrivals::Timetable| {
        let mut all: Vec<Due> = timetable.cursor(&LaneSet::all(), RunTime::ZERO).collect();
        all.sort_unstable();
        all
    };
    timetables.iter().map(arrivals).collect()
}

#[test]
fn a_stopped_run_drains_and_reports_in_full() {
    let _beside = beside();
    let demo = demo();
    let cluster = Cluster::lasting(&plan(&demo, 60, "", "/delay/100"), &["a1", "a2"], &[]);
    until(&demo, s(1));
    let stop = cluster.operate(&["stop"]);
    assert_eq!(stop.code, Some(0), "{}", stop.stderr);
    let run = cluster.end();
    assert_eq!(run.controller.code, Some(103), "{}", run.controller.stderr);
    assert_explained(&run, &demo);
    assert_eq!(run.report.verdict.result, Judgment::Aborted, "{:?}", run.report.verdict);
    let books = run.books();
    assert!(books.skipped.stopped > 0, "{books:?}");
    assert_eq!((books.unknown, books.abandoned, books.skipped.by_fault()), (0, 0, 0), "{books:?}");
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

#[test]
fn a_controller_that_is_terminated_drains_like_one_that_is_interrupted() {
    let _beside = beside();
    let demo = demo();
    let cluster = Cluster::lasting(&plan(&demo, 60, "", "/delay/100"), &["a1"], &[]);
    until(&demo, s(1));
    cluster.controller.signal(Signal::TERM);
    let run = cluster.end();
    assert_eq!(run.controller.code, Some(105), "{}", run.controller.stderr);
    assert_explained(&run, &demo);
    assert_eq!((run.books().abandoned, run.report.run.partial), (0, false), "{:?}", run.books());
    assert!(run.agents.iter().all(|agent| agent.code == Some(0)), "{:?}", run.agents);
}

#[test]
fn whom_nobody_answers_is_told_what_to_do() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for command in
        [&["status"][..], &["stop"], &["rate", "s", "1/s"], &["users", "s", "1"], &["pause"], &["resume"]]
    {
        let ended = crate::programs::Program::controller(&[command, &["--admin", &nobody]].concat()).end();
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(&nobody) && ended.stderr.contains("--admin"), "{}", ended.stderr);
    }
}
