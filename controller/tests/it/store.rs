//! What was durable survives the controller: killed at any moment, on a disk that is really full.

use prost::Message;
use proto::v1;
use stampede_controller::journal::{Journal, Record, Saved};
use stampede_controller::store::{Archive, Store};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[test]
fn a_killed_store_has_everything_that_it_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut held = 0;
    for kill in 1..=KILLS {
        let mut child = this_program("store::child_appends_until_it_is_killed", folder.path(), &[]);
        let mut lines = told(&mut child);
        // Another moment every time, from the first record on.
        let told = lines.by_ref().take(kill * kill).last().expect("the child tells");
        child.kill().unwrap();
        // What it told between our look and its end counts too.
        let told = lines.last().unwrap_or(told);
        child.wait().unwrap();
        let saved = Archive::open(folder.path()).unwrap().load(RUN).unwrap().unwrap();
        let found = check(&saved);
        assert!(
            found >= told && told > held,
            "{found} records after {told} were told and {held} were there before"
        );
        held = found;
    }
    assert_eq!(Store::open(folder.path(), false).unwrap().epoch(), KILLS as u64 + 1);
}

#[test]
#[ignore = "the program that is killed"]
fn child_appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut store = Store::open(Path::new(&folder), false).unwrap();
    let begin = match store.unfinished().unwrap() {
        Some(saved) => check(&saved),
        None => 0,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut durable = store.durable();
    for number in begin + 1..RECORDS_MAX {
        let appended = store.append(record(number));
        // Now and then somebody waits; in between, batches grow.
        if number % 5 < 2 {
            runtime.block_on(durable.wait_for(|durable| *durable.as_ref().unwrap() >= appended)).unwrap();
        }
        let newest = durable.borrow().clone().unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{TOLD}{}.", begin + newest).and_then(|()| out.flush()).unwrap();
    }
}

#[test]
fn on_a_full_disk_the_report_is_still_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let probe = ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", path];
    let probe = Command::new("unshare").args(probe).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        // Where nobody may make a small disk there is none to fill; a file that may not grow is tested elsewhere.
        return println!("not tested: this system lets no user mount a tmpfs");
    }
    let mount = format!("mount -t tmpfs -o size=12m none '{path}' && exec \"$0\" \"$@\"");
    let shell = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &mount];
    let output =
        this_program("store::child_fills_its_disk", folder.path(), &shell).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("the report is there"), "{said}");
}

#[test]
#[ignore = "the program whose disk is full"]
fn child_fills_its_disk() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut store = Store::open(folder, true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut durable = store.durable();
    let mut last = 0;
    let why = (1..10_000).find_map(|number| {
        let fat = match record(number) {
            Record::Event { run_id, at_ns, kind, .. } => {
                Record::Event { run_id, at_ns, kind, body: "x".repeat(20_000) }
            }
            other => other,
        };
        let appended = store.append(fat);
        let reached = durable.wait_for(|durable| durable.as_ref().map_or(true, |newest| *newest >= appended));
        match runtime.block_on(reached).unwrap().clone() {
            Ok(newest) => {
                last = newest;
                None
            }
            Err(why) => Some(why),
        }
    });
    let why = why.expect("12 MiB do not hold it");
    assert!(why.contains("database or disk is full") && why.contains("free some space"), "{why}");
    let report = format!("\"{}\"", "x".repeat(3 << 20));
    store.append(Record::Report { run_id: RUN.into(), report: report.clone() });
    drop(store);
    let saved = Archive::open(folder).unwrap().load(RUN).unwrap().unwrap();
    assert_eq!((saved.report.as_ref(), check(&saved)), (Some(&report), last));
    println!("the report is there");
}

/// Runs one of the tests here as a program of its own; `within`: the program that runs it.
fn this_program(test: &str, folder: &Path, within: &[&str]) -> Child {
    let own: PathBuf = std::env::current_exe().unwrap();
    let mut command = match within {
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(own);
            command
        }
        [] => Command::new(own),
    };
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(FOLDER, folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

/// The numbers that a child tells.
fn told(child: &mut Child) -> impl Iterator<Item = u64> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // A line that the kill cut off is none.
    lines.filter_map(|line| line.split_once(TOLD)?.1.strip_suffix('.')?.parse().ok())
}

/// Record `number` of a run, counted from 1: first the run, then every tenth an event, else deltas of three sessions.
fn record(number: u64) -> Record {
    let run_id = RUN.to_owned();
    match number {
        1 => {
            let [name, plan, created_at] = ["name", "plan", "now"].map(str::to_owned);
            Record::Run { run_id, name, plan, created_at }
        }
        _ if number.is_multiple_of(10) => {
            Record::Event { run_id, at_ns: number, kind: "fault", body: "{}".into() }
        }
        _ => {
            let session = number % 10 % 3;
            let delta = delta(session, deltas_before(number, session) + 1);
            Record::Delta { run_id, session, seq: delta.seq, body: delta.encode_to_vec() }
        }
    }
}

/// How many deltas of a session are among the records before this one.
fn deltas_before(number: u64, session: u64) -> u64 {
    let is_its = |number: &u64| *number > 1 && !number.is_multiple_of(10) && number % 10 % 3 == session;
    let tens = number / 10;
    // The first record would be of session 1.
    let whole = tens * (1..10).filter(|digit| digit % 3 == session).count() as u64;
    let whole = whole - u64::from(tens > 0 && session == 1);
    whole + (tens * 10..number).filter(is_its).count() as u64
}

fn delta(session: u64, seq: u64) -> v1::Delta {
    let tally = |started| Some(v1::Tally { started, ..v1::Tally::default() });
    let scenario =
        v1::ScenarioDelta { cursor: seq, delta: tally(seq), cumulative: tally(seq * (seq + 1) / 2) };
    v1::Delta {
        session_id: session,
        run_id: RUN.into(),
        seq,
        scenarios: vec![scenario],
        ..v1::Delta::default()
    }
}

/// Checks that what came back is a beginning of the records, and returns how long it is.
fn check(saved: &Saved) -> u64 {
    let deltas: u64 = (0..3).map(|session| saved.last_seq(session)).sum();
    let count = 1 + deltas + saved.events.len() as u64;
    for session in 0..3 {
        let seq = saved.last_seq(session);
        assert_eq!(seq, deltas_before(count + 1, session), "session {session} of {count} records");
        let started = |delta: &v1::Delta| delta.scenarios[0].delta.unwrap_or_default().started;
        let sum: u64 = saved.deltas.get(&session).into_iter().flatten().map(started).sum();
        assert_eq!(sum, seq * (seq + 1) / 2, "merged or not, they add up");
        let last = saved.cumulative(session).first().map_or(0, |tally| tally.started);
        assert_eq!(last, sum, "and say so");
    }
    assert!(saved.events.iter().zip(1..).all(|(event, tens)| event.at_ns == tens * 10));
    count
}

const RUN: &str = "r";
const FOLDER: &str = "STAMPEDE_TEST_FOLDER";
const TOLD: &str = "durable: ";
const KILLS: usize = 24;
/// A child that nobody kills ends.
const RECORDS_MAX: u64 = 1_000_000;
