//! Controllers that are killed in the middle of runs with files: rows and entries go on where they were.

use super::*;
use crate::cluster::beside;
use crate::targets::until_counted;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// How long the load lasts: long enough to kill, go on and join.
const SECONDS: u64 = 10;

/// Kills the controller in the middle of a run, takes away the file that its plan names, and goes on with an agent more,
/// which gets what the others got.
fn gone_on_with(plan: &str, demo: &Running, file: &Path) -> Run {
    let mut cluster = Cluster::lasting(plan, &["a1", "a2"], &[]);
    until_counted(demo, 2 * RATE);
    cluster.kill_controller();
    // What a run needs of it is kept with the run.
    std::fs::remove_file(file).unwrap();
    cluster.resume(&[]);
    cluster.join("a3", &[]);
    let run = cluster.end();
    assert_delivered(&run, demo);
    assert_eq!(faults(&run), [(FaultKind::ControllerRestarted, ""), (FaultKind::AgentJoinedLate, "a3")]);
    assert!(run.report.agents.iter().all(|agent| agent.started > 0), "{:?}", run.report.agents);
    run
}

/// How often each path came.
fn paths(demo: &Running) -> BTreeMap<String, u64> {
    let mut paths = BTreeMap::new();
    demo.recorded().into_iter().for_each(|record| *paths.entry(record.path).or_default() += 1);
    paths
}

#[test]
fn no_row_is_used_twice_by_a_run_that_is_gone_on_with() {
    let _beside = beside();
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let users = folder.path().join("users.csv");
    let mut rows = "name\n".to_owned();
    (0..SECONDS * RATE).for_each(|row| writeln!(rows, "u{row}").unwrap());
    std::fs::write(&users, rows).unwrap();
    let text = plan(&demo, SECONDS, "lease_ttl = \"5s\"", "/?user={{ users.name }}");
    let data = format!("[[data]]\nname = \"users\"\ncsv = \"{}\"\norder = \"unique\"\n", users.display());
    gone_on_with(&(text + &data), &demo, &users);
    let every: BTreeMap<_, _> = (0..SECONDS * RATE).map(|row| (format!("/?user=u{row}"), 1)).collect();
    assert_eq!(paths(&demo), every, "as many rows as arrivals: each is used, and once");
}

#[test]
fn no_entry_is_sent_twice_by_a_replay_that_is_gone_on_with() {
    let _beside = beside();
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let log = folder.path().join("access.log");
    let (mut lines, mut every) = (String::new(), BTreeMap::new());
    for n in 0..SECONDS * RATE {
        let (client, second, path) = (n % 7, n / RATE, format!("/bytes/{}?n={n}", n % 100));
        let time = format!("20/Nov/2026:10:00:{second:02} +0000");
        writeln!(lines, "10.0.0.{client} - - [{time}] \"GET {path} HTTP/1.1\" 200 {}", n % 100).unwrap();
        every.insert(path, 1);
    }
    std::fs::write(&log, lines).unwrap();
    let plan = format!(
        "name = \"robust\"\nmax_lateness = \"5s\"\nagents.lease_ttl = \"5s\"\n[target]\nbase_url = \"{}\"\n\
         identify = true\n[[scenario]]\nname = \"s\"\n[scenario.load.replay]\nlog = \"{}\"\nformat = \"common\"\n",
        demo.url(),
        log.display()
    );
    let run = gone_on_with(&plan, &demo, &log);
    assert_eq!(paths(&demo), every, "every entry is sent, and once");
    assert_eq!(run.report.replay.iter().map(|row| row.same).sum::<u64>(), SECONDS * RATE);
}
