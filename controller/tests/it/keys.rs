//! Every key of the plan changes something: in what the target saw, or in the report.

use crate::cluster::{Cluster, histogram, turn};
use crate::targets::{COOKIE, MOVED, Raw, demo_with, until_counted};
use common::report::Report;
use demo::{Record, Running, Tls};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use toml::{Table, Value};

mod client;
mod documents;
mod loads;
mod replay;
mod rules;
mod table;

use table::Row;

/// A plan before its change, as TOML; `@URL` is the target's address and `@CA` its CA's certificate.
const BASE: &str = r#"
name = "base"
max_lateness = "1m"
[target]
base_url = "@URL"
[[scenario]]
name = "s"
load.rate = [ { at = "100/s", for = "200ms" } ]
[[scenario.step]]
path = "/"
"#;

/// What is shot at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// The demo service.
    Demo,
    /// The demo service with TLS.
    Secure,
    /// The server that keeps requests as they came.
    Raw,
    /// The same; it redirects every request.
    Moved,
    /// The demo service; the agent is stopped after its first request, for so many milliseconds.
    Stopping(u64),
    /// The demo service; one of two agents is killed after the first requests.
    Losing,
    /// The demo service; only the exit code counts, because the plan may be refused.
    Refused,
}

/// What there is to see after a run.
struct Seen {
    code: i32,
    report: Report,
    records: Vec<Record>,
    raw: Vec<String>,
    /// Where the connections to the raw server came from.
    peers: Vec<String>,
}

#[test]
fn every_key_of_the_plan_changes_something() {
    let keys: BTreeSet<String> = common::plan::keys().into_iter().collect();
    let rows: BTreeSet<String> = all_rows().map(|row| row.key.to_owned()).collect();
    assert_eq!(keys, rows, "each key has a row and each row a key");
    let _turn = turn();
    let (waiting, wrong) = (Mutex::new(all_rows()), Mutex::new(Vec::new()));
    // The runs are tiny and mostly wait for their start.
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = { waiting.lock().unwrap().next() } {
                    let wrongs = check(row);
                    wrong.lock().unwrap().extend(wrongs);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every row of every table.
fn all_rows() -> impl Iterator<Item = &'static Row> {
    table::ROWS
        .iter()
        .chain(client::ROWS)
        .chain(documents::ROWS)
        .chain(loads::ROWS)
        .chain(replay::ROWS)
        .chain(rules::ROWS)
}

/// Runs the plan without and with the row's key; tells what was seen otherwise than the row says.
fn check(row: &Row) -> Vec<String> {
    let sides = [("without", row.before, row.seen_before), ("with", Some(row.after), row.seen_after)];
    let wrong = sides.into_iter().filter_map(|(side, value, expected)| {
        let seen = (row.look)(&run(row, value));
        (seen != expected).then(|| format!("{} {side} {value:?}: {seen:?}, not {expected:?}", row.key))
    });
    let mut wrong: Vec<String> = wrong.collect();
    if row.seen_before == row.seen_after {
        wrong.push(format!("{} changes nothing", row.key));
    }
    wrong
}

fn run(row: &Row, value: Option<&str>) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let ca_out = folder.path().join("ca.pem");
    let secure = row.target == Target::Secure;
    let demo = demo_with(|config| {
        if secure {
            config.tls = Tls::SelfSigned { ca_out: ca_out.clone() };
        }
    });
    let raw = Raw::answering(if row.target == Target::Moved { MOVED } else { COOKIE });
    let is_raw = matches!(row.target, Target::Raw | Target::Moved);
    let url = if is_raw { raw.url.clone() } else { demo.url() };
    let ca = std::fs::read_to_string(&ca_out).unwrap_or_default();
    let mut plan: Table = BASE.parse().unwrap();
    let own = value.map(|value| (row.key, value));
    for (key, value) in row.with.iter().copied().chain(own) {
        set(&mut plan, key, value);
    }
    if plan["scenario"][0]["load"].get("replay").is_some() {
        // A log brings its own requests and times.
        let scenario = plan["scenario"][0].as_table_mut().unwrap();
        scenario.remove("step");
        scenario["load"].as_table_mut().unwrap().remove("rate");
    }
    let logs = folder.path().join("logs");
    write_logs(&logs);
    let own = rcgen::generate_simple_self_signed(["stampede".to_owned()]).unwrap();
    let plan = toml::to_string(&plan).unwrap().replace("@LOGS", logs.to_str().unwrap());
    let plan = plan.replace("@OWN", &own.cert.pem().replace('\n', "\\n"));
    let plan = plan.replace("@KEY", &own.signing_key.serialize_pem().replace('\n', "\\n"));
    let plan = plan
        .replace("@URL", &url)
        .replace("@PORT", url.rsplit(':').next().unwrap_or_default())
        .replace("@CA", &ca.replace('\n', "\\n"));
    let plan = plan.replace("@HERE", &folder.path().display().to_string());
    for name in ["one", "two"] {
        let files = [("csv", format!("name\n{name}\n")), ("jsonl", format!("{{\"name\":\"{name}\"}}\n"))];
        for (kind, text) in files {
            std::fs::write(folder.path().join(format!("{name}.{kind}")), text).unwrap();
        }
    }
    let cluster = match row.target {
        Target::Losing => Cluster::start(&plan, 2, false),
        _ => Cluster::controller(&plan, &["--wait", "1s"]),
    };
    let cluster = match row.target {
        Target::Stopping(millis) => pause(cluster, &demo, millis),
        Target::Losing => lose(cluster, &demo),
        Target::Refused => {
            let code = cluster.end_without_report().code.unwrap_or(-1);
            // A plan that is refused leaves no report: the base plan's stands in.
            let report = Cluster::controller(&BASE.replace("@URL", &url), &[]).end().report;
            return Seen { code, report, records: vec![], raw: vec![], peers: Default::default() };
        }
        Target::Demo | Target::Secure | Target::Raw | Target::Moved => cluster,
    };
    let run = cluster.end();
    let code = run.controller.code.unwrap_or(-1);
    Seen { code, report: run.report, records: demo.recorded(), raw: raw.requests(), peers: raw.peers() }
}

/// Logs to be replayed: one with lines of many formats, one with many kinds of requests over three seconds.
fn write_logs(folder: &Path) {
    let line = |second: u64, request: &str, status: u16| {
        format!("c - - [20/Nov/2026:10:00:0{second} +0000] \"{request} HTTP/1.1\" {status} 5")
    };
    let mut mixed = vec![format!("{} \"-\" \"x\"", line(0, "GET /", 200)); 2];
    mixed.push(line(0, "GET /", 200));
    mixed.extend(vec!["{\"t\":1,\"p\":\"/\"}".to_owned(); 4]);
    mixed.extend(vec!["1,/".to_owned(); 5]);
    let many = [(0, "GET /", 200), (1, "GET /bytes/5", 200), (2, "POST /tests", 201), (3, "HEAD /none", 404)];
    let many = many.map(|(second, request, status)| {
        format!("h.example:80 {} \"-\" \"x\"", line(second, request, status))
    });
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("mixed"), mixed.join("\n")).unwrap();
    std::fs::write(folder.join("many"), many.join("\n")).unwrap();
}

/// Takes the generator's processor away for a while, after its first request.
fn pause(cluster: Cluster, demo: &Running, millis: u64) -> Cluster {
    until_counted(demo, 1);
    cluster.controller.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(millis));
    cluster.controller.signal(Signal::CONT);
    cluster
}

/// Kills one of the agents when both have fired.
fn lose(mut cluster: Cluster, demo: &Running) -> Cluster {
    until_counted(demo, 20);
    cluster.agents.remove(0).signal(Signal::KILL);
    cluster
}

/// Sets a dotted key; of lists of tables it means the first.
fn set(plan: &mut Table, key: &str, value: &str) {
    let value = format!("v = {value}").parse::<Table>().unwrap().remove("v").unwrap();
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap();
    let mut place = plan;
    for part in parts {
        let next = place.entry(part).or_insert_with(|| Value::Table(Table::new()));
        place = match next {
            Value::Array(list) => list[0].as_table_mut().unwrap(),
            next => next.as_table_mut().unwrap(),
        };
    }
    place.insert(last.to_owned(), value);
}

impl Seen {
    /// The part of a scenario's requests that were sent within an eighth of a millisecond after they were due.
    fn punctual(&self) -> f64 {
        let lags = histogram(&self.report.series[0].send_lag);
        let early: u64 = lags.buckets().filter(|(us, _)| *us < 125).map(|(_, n)| n).sum();
        early as f64 / lags.count() as f64
    }
}

const AT_ONCE: usize = 6;
