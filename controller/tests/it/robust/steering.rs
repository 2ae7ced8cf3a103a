//! The operator changes users, and pauses whole runs.

use super::operator::assert_as_changed;
use super::*;
use crate::cluster::beside;
use crate::rows::Row;
use common::report::{ChangeKind, ChangeRow};
use std::collections::BTreeSet;

/// A plan with these scenarios; each sends `path`.
fn load(demo: &Running, head: &str, scenarios: &[(&str, &str)], path: &str) -> String {
    let scenario = |(name, keys): &(&str, &str)| {
        format!("[[scenario]]\nname = \"{name}\"\n{keys}\n[[scenario.step]]\npath = \"{path}\"\n")
    };
    let scenarios: String = scenarios.iter().map(scenario).collect();
    let url = demo.url();
    format!(
        "name = \"steered\"\nmax_lateness = \"5s\"\n{head}\n[target]\nbase_url = \"{url}\"\nidentify = true\n{scenarios}"
    )
}

fn operate(cluster: &Cluster, command: &[&str]) -> String {
    let ended = cluster.operate(command);
    assert_eq!(ended.code, Some(0), "{command:?}: {}", ended.stderr);
    ended.stdout
}

fn refused(cluster: &Cluster, command: &[&str]) -> String {
    let ended = cluster.operate(command);
    assert_eq!(ended.code, Some(2), "{command:?}: {}", ended.stdout);
    ended.stderr
}

fn until_seen(demo: &Running, scenario: &str, is_enough: impl Fn(&[u64]) -> bool) {
    for _ in 0..4_000 {
        if is_enough(&arrivals_of(&demo.recorded(), scenario)) {
            return;
        }
        std::thread::sleep(ms(5));
    }
    panic!("that never came");
}

const fn user(arrival: u64) -> u64 {
    arrival % (1 << 20)
}

fn users(arrivals: &[u64]) -> usize {
    arrivals.iter().map(|arrival| user(*arrival)).collect::<BTreeSet<_>>().len()
}

fn of<'a>(run: &'a Run, scenario: &'a str) -> impl Iterator<Item = &'a Row> {
    run.rows.iter().flatten().filter(move |row| row.scenario == scenario)
}

fn nanos(change: &ChangeRow) -> u64 {
    (change.at_s * 1e9).round() as u64
}

/// Every book closes, no arrival came twice, and the target saw what was begun as far as that is known.
fn assert_books(run: &Run, demo: &Running) {
    assert!(run.report.imbalances.is_empty(), "{:?}", run.report.imbalances);
    for (scenario, books) in &run.report.ledger {
        let seen = arrivals_of(&demo.recorded(), scenario);
        let different: BTreeSet<u64> = seen.iter().copied().collect();
        assert_eq!(different.len(), seen.len(), "{scenario}: an arrival came twice");
        let (surely, perhaps) = (books.started, books.started + books.unknown);
        assert!(
            (surely..=perhaps).contains(&(seen.len() as u64)),
            "{scenario}: {} came: {books:?}",
            seen.len()
        );
    }
}

#[test]
fn changed_users_come_and_go_on_every_agent() {
    let _beside = beside();
    let demo = demo();
    let keys = "load.users = [ { at = 4, for = \"7s\" } ]\nthink = \"10ms..40ms\"";
    let other = "load.rate = [ { at = \"20/s\", for = \"7s\" } ]";
    let text = load(&demo, "", &[("s", keys), ("r", other)], "/delay/2");
    let mut cluster = Cluster::lasting(&text, &[], &["--agents", "3"]);
    for number in 1..=3 {
        let rows = cluster.rows(number);
        cluster.join(&format!("a{number}"), &["--threads", "2", "--rows", &rows]);
    }
    until_seen(&demo, "s", |seen| users(seen) == 4 && seen.len() > 100);
    for (command, why) in [
        (&["users", "r", "5"][..], "r has a rate, not users"),
        (&["rate", "s", "5/s"], "s has users, not a rate"),
        (&["users", "s", "2000000"], "more than the 1048576"),
        (&["users", "s", "500", "--spawn", "1/s"], "choose a higher spawn rate"),
        (&["users", "s", "5", "--spawn", "0/s"], "above zero"),
        (&["users", "nobody", "5"], "there are: s, r"),
        (&["resume"], "not paused"),
    ] {
        let said = refused(&cluster, command);
        assert!(said.contains(why), "{command:?}: {said}");
    }
    let said = operate(&cluster, &["users", "s", "30", "--spawn", "40/s"]);
    assert!(said.contains("s: to 30 users at 40/s, from "), "{said}");
    until_seen(&demo, "s", |seen| users(seen) == 30);
    assert!(operate(&cluster, &["status"]).contains("30 users"));
    operate(&cluster, &["users", "s", "3"]);
    let run = cluster.end();
    assert_books(&run, &demo);
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    let [more, fewer] = &run.report.changes[..] else { panic!("{:?}", run.report.changes) };
    assert_eq!((more.kind, more.users, more.spawn), (ChangeKind::Users, Some(30), Some(40.0)));
    assert_eq!((&*fewer.text, fewer.scenario.as_deref()), ("s: to 3 users at once", Some("s")));
    let highest = |from: u64, to: u64| {
        let due = of(&run, "s").filter(|row| (from..to).contains(&row.due_ns));
        due.map(|row| user(row.arrival)).max().unwrap()
    };
    assert_eq!(highest(0, nanos(more)), 3, "nobody comes before the change");
    assert_eq!(highest(nanos(more), nanos(fewer)), 29);
    assert_eq!(highest(nanos(fewer), u64::MAX), 2, "nobody above the curve begins anything");
    assert!(of(&run, "s").filter(|row| row.due_ns > nanos(fewer)).count() > 50, "the others go on");
    let row = &run.report.loads[0];
    let (asked, active) = (row.user_time_asked_s.unwrap(), row.user_time_active_s.unwrap());
    // 26 users more, of which the n-th comes n/40 s after the change, until 27 go.
    let held = fewer.at_s - more.at_s;
    let curve = 4.0 * fewer.at_s + 26.0 * held - (0..26).map(f64::from).sum::<f64>() / 40.0
        + 3.0 * (7.0 - fewer.at_s);
    assert!((asked - curve).abs() < 1e-3, "{asked} and {curve}");
    assert!(active <= asked + 1e-3 && active > 0.95 * asked, "{active} of {asked}");
    assert_eq!(row.users, Some(30));
    assert_eq!(run.report.ledger["r"].started, 140, "the rate is as it was");
}

#[test]
fn a_paused_run_begins_nothing_and_goes_on_where_its_plan_is() {
    let _beside = beside();
    let demo = demo();
    let ramp = "load.rate = [ { from = \"100/s\", to = \"300/s\", for = \"9s\" } ]";
    let closed = "load.users = [ { at = 5, for = \"9s\" } ]\nthink = \"20ms\"";
    let tries = "load.tries = { count = 60, users = 2, within = \"9s\" }";
    let scenarios = [("s", ramp), ("u", closed), ("t", &format!("{tries}\nthink = \"50ms\""))];
    let text = load(&demo, "", &scenarios, "/delay/1");
    let mut cluster = Cluster::lasting(&text, &[], &["--agents", "2"]);
    for number in 1..=2 {
        let rows = cluster.rows(number);
        cluster.join(&format!("a{number}"), &["--threads", "2", "--rows", &rows]);
    }
    until_seen(&demo, "s", |seen| seen.len() > 80);
    assert!(operate(&cluster, &["pause"]).contains("paused from "));
    assert!(refused(&cluster, &["pause"]).contains("paused already"));
    until_silent(&demo);
    assert!(operate(&cluster, &["status"]).contains(", paused\n"));
    operate(&cluster, &["users", "u", "9"]);
    operate(&cluster, &["rate", "s", "250/s"]);
    let silent = demo.stats().total;
    std::thread::sleep(ms(300));
    assert_eq!(demo.stats().total, silent, "what is changed in a pause comes after it");
    assert!(operate(&cluster, &["resume"]).contains("going on from "));
    until_seen(&demo, "u", |seen| users(seen) == 9);
    let (run, folder) = cluster.end_keeping();
    assert_books(&run, &demo);
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    assert_as_changed(&run, &text, folder.path(), (4, &["s"]));
    let changes = &run.report.changes;
    let kinds: Vec<ChangeKind> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Pause, ChangeKind::Users, ChangeKind::Rate, ChangeKind::Resume]);
    let paused = nanos(&changes[0])..nanos(&changes[3]);
    for row in run.rows.iter().flatten() {
        // Users tell when they were free; they begin when the pause is over.
        assert!(row.scenario != "s" || !paused.contains(&row.due_ns), "{}:{}", row.scenario, row.arrival);
    }
    let books = &run.report.ledger["s"];
    assert_eq!([books.started, books.skipped.total()], [books.planned, 0], "nothing is owed: {books:?}");
    assert_eq!(run.report.ledger["t"].started, 60, "tries are done after the pause");
    let share =
        run.report.loads[1].user_time_active_s.unwrap() / run.report.loads[1].user_time_asked_s.unwrap();
    assert!(share > 0.98, "users stay in a pause: {share}");
    assert!(run.report.verdict.result <= Judgment::GeneratorLimited, "{:?}", run.report.verdict);
    assert!(run.controller.stdout.contains("changed by the operator"), "{}", run.controller.stdout);
}

#[test]
fn changes_outlive_the_controller_and_reach_who_joins_and_hold_when_somebody_leaves() {
    let _beside = beside();
    let demo = demo();
    let closed = "load.users = [ { at = 6, for = \"9s\" } ]\nthink = \"20ms\"";
    let open = "load.rate = [ { at = \"100/s\", for = \"9s\" } ]";
    let text = load(&demo, "[agents]\nlease_ttl = \"5s\"", &[("s", open), ("u", closed)], "/");
    let mut cluster = Cluster::lasting(&text, &[], &["--agents", "2"]);
    let [first, second, third] = [1, 2, 3].map(|number| cluster.rows(number));
    cluster.join("a1", &["--rows", &first]);
    cluster.join("a2", &["--rows", &second]);
    until_seen(&demo, "u", |seen| users(seen) == 6);
    operate(&cluster, &["users", "u", "20"]);
    operate(&cluster, &["pause"]);
    cluster.kill_controller();
    cluster.resume(&[]);
    cluster.controller.hears("agent a1 is back");
    assert!(operate(&cluster, &["status"]).contains(", paused\n"));
    cluster.join("a3", &["--rows", &third]);
    cluster.agents[2].hears("ready");
    operate(&cluster, &["resume"]);
    until_seen(&demo, "u", |seen| users(seen) == 20);
    cluster.agents[0].signal(rustix::process::Signal::INT);
    operate(&cluster, &["users", "u", "25"]);
    until_seen(&demo, "u", |seen| users(seen) == 25);
    let (run, folder) = cluster.end_keeping();
    assert_books(&run, &demo);
    assert_as_changed(&run, &text, folder.path(), (4, &["s"]));
    assert_eq!(run.report.changes.len(), 4, "{:?}", run.report.changes);
    assert!(run.report.agents.iter().all(|agent| agent.started > 10), "{:?}", run.report.agents);
}

#[test]
fn users_that_go_take_their_connections_along() {
    let _beside = beside();
    let demo = demo();
    let keys = "load.users = [ { at = 1, for = \"8s\" } ]\nthink = \"400ms\"\ncookies = true";
    let text = load(&demo, "", &[("s", keys)], "/");
    let text = text.replace("identify = true", "identify = true\nconnection.use = \"per-user\"");
    let mut cluster = Cluster::lasting(&text, &[], &["--agents", "1"]);
    cluster.join("a1", &["--threads", "2"]);
    until_seen(&demo, "s", |seen| users(seen) == 1);
    let before = cluster.agents[0].sockets();
    operate(&cluster, &["users", "s", "500"]);
    until_seen(&demo, "s", |seen| users(seen) == 500);
    assert!(cluster.agents[0].sockets() >= before + 400, "everybody has a connection");
    operate(&cluster, &["users", "s", "10"]);
    let sockets = std::iter::repeat_with(|| {
        std::thread::sleep(ms(50));
        cluster.agents[0].sockets()
    });
    let left = sockets.take(100).find(|now| *now <= before + 12);
    assert!(left.is_some(), "{} before, {} now", before, cluster.agents[0].sockets());
    let run = cluster.end();
    assert_books(&run, &demo);
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
}
