//! A log, replayed: the target sees what the log says, in the clients' order, and the report compares then and now.

use crate::cluster::{Cluster, turn};
use crate::programs::{Program, SPACE, mounts};
use crate::targets::demo;
use common::report::{ReplayRow, Report};
use demo::Record;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Five clients, two seconds of requests, most of which the demo service answers as the log says; and what a log has
/// besides. With it: how often each path that is sent stands there.
fn write_log(path: &Path) -> BTreeMap<String, u64> {
    let (mut text, mut paths) = (String::new(), BTreeMap::new());
    for n in 0..200_u32 {
        let (client, second) = (n % 5, n / 100);
        let (path, status) = match n % 4 {
            0 => (format!("/bytes/{}?c={client}&n={n}", n % 3), 200),
            1 => (format!("/?c={client}&n={n}"), 200),
            2 => (format!("/none?c={client}&n={n}"), 404),
            _ => (format!("/bytes/64?c={client}&n={n}"), 500),
        };
        let line = format!(
            "10.0.0.{client} [20/Nov/2026:10:00:0{second} +0000] \"GET {path} HTTP/1.1\" {status} 64 0.250"
        );
        writeln!(text, "{line}").unwrap();
        *paths.entry(path).or_default() += 1;
    }
    text += "10.0.0.1 [20/Nov/2026:10:00:01 +0000] \"DELETE /bytes/1 HTTP/1.1\" 204 0 0.1\nrubbish\n";
    std::fs::write(path, text).unwrap();
    paths
}

fn plan(url: &str, log: &Path, keys: &str) -> String {
    format!(
        "name = \"replay\"\nmax_lateness = \"1m\"\n[target]\nbase_url = \"{url}\"\nidentify = true\n[[scenario]]\n\
         name = \"s\"\nmax_in_flight = 1\n[scenario.load.replay]\nlog = \"{}\"\n\
         format = '$remote_addr [$time_local] \"$request\" $status $body_bytes_sent $request_time'\n{keys}\n",
        log.display()
    )
}

fn seen(records: &[Record]) -> BTreeMap<String, u64> {
    let mut paths = BTreeMap::new();
    records.iter().for_each(|record| *paths.entry(record.path.clone()).or_default() += 1);
    paths
}

/// The requests of each client in the order in which they came.
fn by_client(mut records: Vec<Record>) -> BTreeMap<String, Vec<u32>> {
    records.sort_by_key(|record| record.arrival_ns);
    let mut clients = BTreeMap::<String, Vec<u32>>::new();
    for record in records {
        let (client, n) = record.path.split_once("?c=").unwrap().1.split_once("&n=").unwrap();
        clients.entry(client.to_owned()).or_default().push(n.parse().unwrap());
    }
    clients
}

fn row<'r>(report: &'r Report, step: &str) -> &'r ReplayRow {
    report.replay.iter().find(|row| row.step == step).unwrap_or_else(|| panic!("{:?}", report.replay))
}

fn pairs(row: &ReplayRow) -> Vec<(u16, u16, u64)> {
    row.statuses.iter().map(|pair| (pair.then, pair.now, pair.count)).collect()
}

#[test]
fn three_agents_send_a_log_as_it_was_and_tell_then_from_now() {
    let _turn = turn();
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let log = folder.path().join("access.log");
    let paths = write_log(&log);
    let run = Cluster::start(&plan(&demo.url(), &log, "speed = \"2x\""), 3, false).end();
    let report = &run.report;
    assert!(report.imbalances.is_empty(), "{:?}", report.imbalances);
    let entry = &report.ledger["s"];
    assert_eq!([entry.planned, entry.started, entry.finished], [200; 3]);
    assert_eq!(seen(&demo.recorded()), paths, "every entry once, as it stands in the log");
    for (client, numbers) in by_client(demo.recorded()) {
        assert!(numbers.is_sorted() && numbers.len() == 40, "client {client}: {numbers:?}");
    }
    assert!(report.agents.iter().filter(|agent| agent.started > 0).count() > 1, "{:?}", report.agents);
    let names: Vec<&str> = report.series.iter().map(|series| series.step.as_str()).collect();
    assert_eq!(names, ["GET /bytes/{id}", "GET /", "GET /none", "other"]);
    assert_eq!(pairs(row(report, "GET /")), [(200, 200, 50)]);
    assert_eq!(pairs(row(report, "GET /none")), [(404, 404, 50)]);
    let bytes = row(report, "GET /bytes/{id}");
    assert_eq!((pairs(bytes), bytes.same), (vec![(200, 200, 50), (500, 200, 50)], 50));
    // Histograms have three digits.
    assert_eq!((bytes.latency_then.p50 / 1_000, bytes.latency_then.count), (250, 100));
    assert_eq!((bytes.size_then.max, bytes.size_now.max, bytes.size_now.min), (64, 64, 0));
    // Answered as it was then is no error, whatever the status.
    assert_eq!(report.series[2].errors, 0);
    let warnings = report.warnings.join("\n");
    for told in
        ["1 lines rejected: not laid out", "access.log:202: rubbish", "1 entries left out: their method"]
    {
        assert!(warnings.contains(told), "{told}: {warnings}");
    }
    assert!(run.controller.stdout.contains("404 → 404 × 50"), "{}", run.controller.stdout);
}

#[test]
fn agents_that_do_not_see_the_controllers_disk_fetch_the_tape() {
    let _turn = turn();
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let [data, cache] = ["data", "cache"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    std::fs::create_dir(&data).unwrap();
    if !mounts(&data) {
        return println!("not tested: this system lets no user mount a tmpfs");
    }
    let log = folder.path().join("access.log");
    let paths = write_log(&log);
    let shell = format!("mount -t tmpfs none '{data}' && exec timeout 60 \"$0\" \"$@\"");
    let within = [&SPACE[..], &["sh", "-c", &shell]].concat();
    let plan = plan(&demo.url(), &log, "speed = \"2x\"");
    let mut cluster = Cluster::within(&within, &plan, &["a1"], &data, &["--agents", "2"]);
    cluster.join("a2", &["--cache-dir", &cache]);
    let run = cluster.end();
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0, "the controller's disk is its own");
    assert_eq!(seen(&demo.recorded()), paths, "{}", run.controller.stderr);
    assert!(run.report.agents.iter().all(|agent| agent.started > 0), "{:?}", run.report.agents);
    let kept = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert!(kept.len() == 1 && kept[0].extension().is_some_and(|kind| kind == "tape"), "{kept:?}");
}

#[test]
fn at_a_rate_the_log_begins_anew_until_the_time_is_over() {
    let _turn = turn();
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let log = folder.path().join("access.log");
    let mut paths = write_log(&log);
    let run = Cluster::controller(&plan(&demo.url(), &log, "at = \"200/s\"\nfor = \"2s\""), &[]).end();
    assert_eq!(run.report.ledger["s"].finished, 400);
    paths.values_mut().for_each(|count| *count *= 2);
    assert_eq!(seen(&demo.recorded()), paths);
    let first: Vec<u64> =
        run.report.timeline.iter().filter(|row| row.t_s < 2).map(|row| row.planned).collect();
    assert_eq!(first, [200, 200]);
}

#[test]
fn plan_check_tells_what_a_log_is_like() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    write_log(&log);
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, plan("http://127.0.0.1", &log, "paths = [\"!/none\"]")).unwrap();
    let ended = Program::controller(&["plan", "check", path.to_str().unwrap()]).end();
    for told in [
        "log of s:",
        "202 lines, 150 of them replayed",
        "2026-11-20T10:00:00Z to 2026-11-20T10:00:0",
        "1 lines rejected",
        "access.log:202: rubbish",
        "50 entries left out by methods, paths or status",
        "100 GET /bytes/{id}",
        "no problems",
    ] {
        assert!(ended.stdout.contains(told), "{told}: {}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn a_plan_whose_log_cannot_be_read_is_a_bad_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, plan("http://127.0.0.1", Path::new("none.log"), "")).unwrap();
    for command in [&["plan", "check"][..], &["start", "--listen", "127.0.0.1:0", "--plan"]] {
        let ended = Program::controller(&[command, &[path.to_str().unwrap()]].concat()).end();
        assert_eq!(ended.code, Some(104), "{}", ended.stderr);
        assert!(ended.stderr.contains("none.log: there is no such file"), "{}", ended.stderr);
    }
}

#[test]
fn an_imported_log_is_a_plan_that_replays_it() {
    let _turn = turn();
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let [log, plan] =
        ["access.log.gz", "plan.toml"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let (mut text, mut paths) = (String::new(), BTreeMap::new());
    for n in 0..120 {
        let (second, (path, status)) = (n / 60, [("/", 200), ("/none", 404), ("/bytes/7", 200)][n % 3]);
        let (time, path) = (format!("20/Nov/2026:10:00:0{second} +0000"), format!("{path}?n={n}"));
        let line = format!("10.0.0.{} - - [{time}] \"GET {path} HTTP/1.1\" {status} 7 \"-\" \"x\"", n % 9);
        writeln!(text, "{line}").unwrap();
        paths.insert(path, 1);
    }
    text += "10.0.0.1 - - [20/Nov/2026:10:00:01 +0000] \"POST /tests HTTP/1.1\" 201 9 \"-\" \"x\"\n";
    let mut packed = GzEncoder::new(std::fs::File::create(&log).unwrap(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap();
    let import = ["import", "log", &log, "--base-url", &demo.url(), "--out", &plan];
    let imported = Program::controller(&import).end();
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    assert!(imported.stdout.contains("only GET, HEAD and OPTIONS are sent"), "{}", imported.stdout);
    // A busy machine may send late.
    let plan = format!("max_lateness = \"1m\"\n{}", std::fs::read_to_string(&plan).unwrap());
    let run = Cluster::controller(&plan, &[]).end();
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    assert_eq!(seen(&demo.recorded()), paths, "what the log says, and nothing that changes something");
    let report = &run.report;
    assert_eq!(report.ledger.values().map(|entry| entry.finished).sum::<u64>(), 120);
    assert_eq!(report.replay.iter().map(|row| row.same).sum::<u64>(), 120, "{:?}", report.replay);
    assert!(report.run.duration_s >= 1.0, "with the times of the log: {:?}", report.run);
}

#[test]
fn the_example_plan_replays_its_log() {
    let _turn = turn();
    let demo = demo();
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/plans");
    let plan = std::fs::read_to_string(plans.join("log-replay.toml")).unwrap();
    let plan = plan.replace("http://127.0.0.1:8080", &demo.url()).replace("\"10m\"", "\"3s\"");
    let plan = plan.replace("data/access.log", plans.join("data/access.log").to_str().unwrap());
    let run = Cluster::controller(&plan, &[]).end();
    assert_eq!((run.report.ledger["visitors"].finished, demo.stats().total), (300, 300));
    assert!(run.report.replay.iter().map(|row| row.same).sum::<u64>() > 250, "{:?}", run.report.replay);
}
