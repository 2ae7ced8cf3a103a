use super::*;
use crate::journal::SavedEvent;
use common::delta::{Inbox, Outbox, Receipt};
use common::measured::Measured;
use common::time::RunTime;
use prost::Message;
use proto::delta::{Origin, from_wire, to_wire};
use proto::v1;

mod cut;
mod full;
mod late;
mod merged;
mod transfer;

const SCENARIOS: usize = 2;
const SERIES: usize = 3;

/// Deltas of one session, numbered from 1: the n-th tells of `requests[n]`, each a time in µs and a due second.
fn deltas(session: u64, requests: &[Vec<(u64, u64)>]) -> Vec<v1::Delta> {
    let mut outbox = Outbox::new(Measured::sized(SCENARIOS, SERIES), usize::MAX);
    let origin = Origin { session_id: session, controller_epoch: 1, run_id: "r".into() };
    let sealed = requests.iter().enumerate().map(|(place, requests)| {
        outbox.add(&measured(requests)).unwrap();
        outbox.set_cursors(vec![RunTime::from_nanos(place as u64); SCENARIOS]);
        let delta = outbox.seal(1, place + 1 == requests.len()).unwrap();
        delta.map(|delta| to_wire(&origin, &delta))
    });
    sealed.flatten().collect()
}

fn measured(requests: &[(u64, u64)]) -> Measured {
    let mut measured = Measured::sized(SCENARIOS, SERIES);
    for (time, second) in requests {
        let series = &mut measured.series[(time % 3) as usize];
        series.outcomes[(time % 13) as usize] += 1;
        *series.status.entry(200 + (time % 4) as u16).or_default() += 1;
        series.bytes_in += time;
        series.service_time.record(*time);
        series.send_lag.record(time / 9);
        let bucket = series.timeline.at(RunTime::from_nanos(second * 1_000_000_000));
        bucket.started += 1;
        bucket.response_time.record(time + 3);
        measured.release_lag.record(time / 100);
        measured.tallies[(time % 2) as usize].started += 1;
    }
    measured
}

/// A session with so many deltas, a few requests in each.
fn session(number: u64, count: u64) -> Vec<v1::Delta> {
    let requests: Vec<_> = (0..count).map(|n| vec![(n * 7 + number, n), (n + 900, n + 1)]).collect();
    deltas(number, &requests)
}

/// What all these deltas add up to.
fn totals<'a>(deltas: impl IntoIterator<Item = &'a v1::Delta>) -> Measured {
    let mut totals = Measured::sized(SCENARIOS, SERIES);
    for delta in deltas {
        totals.add(&from_wire(delta, SCENARIOS, SERIES).unwrap().1.measured).unwrap();
    }
    totals
}

fn run(id: &str) -> Record {
    let [run_id, name, plan, created_at] = [id, "name", "plan", "2026-01-01T00:00:00Z"].map(str::to_owned);
    Record::Run { run_id, name, plan, created_at }
}

fn event(id: &str, at_ns: u64) -> Record {
    Record::Event { run_id: id.into(), at_ns, kind: "opened", body: format!("{{\"at\":{at_ns}}}") }
}

fn record(id: &str, delta: &v1::Delta) -> Record {
    let (session, seq, body) = (delta.session_id, delta.seq, delta.encode_to_vec());
    Record::Delta { run_id: id.into(), session, seq, body }
}

fn report(id: &str, verdict: &str) -> Record {
    Record::Report { run_id: id.into(), report: format!("{{\"verdict\":{{\"result\":\"{verdict}\"}}}}") }
}

/// Waits until a record is durable, or nothing will be.
fn wait(store: &Store, number: u64) -> Result<u64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut durable = store.durable();
    let reached = durable.wait_for(|durable| durable.as_ref().map_or(true, |newest| *newest >= number));
    runtime.block_on(reached).unwrap().clone()
}

/// Opens the store, appends everything, closes it.
fn keep(folder: &Path, keep_deltas: bool, records: impl IntoIterator<Item = Record>) {
    let mut store = Store::open(folder, keep_deltas).unwrap();
    let last = records.into_iter().map(|record| store.append(record)).last().unwrap_or_default();
    assert_eq!(wait(&store, last), Ok(last));
}

#[test]
fn what_was_appended_comes_back_as_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (session(1, 5), session(1 << 32 | 2, 3));
    let mut records = vec![run("r"), event("r", 5), event("r", u64::MAX >> 1)];
    records.extend(one.iter().chain(&two).map(|delta| record("r", delta)));
    keep(folder.path(), false, records);
    let store = Store::open(folder.path(), false).unwrap();
    let saved = store.unfinished().unwrap().unwrap();
    assert_eq!((saved.run_id.as_str(), saved.name.as_str(), saved.plan.as_str()), ("r", "name", "plan"));
    assert_eq!((saved.created_at.as_str(), saved.report.clone()), ("2026-01-01T00:00:00Z", None));
    assert_eq!(saved.boot_id, crate::journal::boot_id());
    let happened = |at_ns| SavedEvent { at_ns, kind: "opened".into(), body: format!("{{\"at\":{at_ns}}}") };
    assert_eq!(saved.events, [happened(5), happened(u64::MAX >> 1)]);
    assert_eq!(saved.deltas.get(&1), Some(&one));
    assert_eq!(saved.deltas.get(&(1 << 32 | 2)), Some(&two));
    assert_eq!(store.load("q"), Ok(None));
}

#[test]
fn every_opening_is_an_epoch_and_counts_its_records_from_one() {
    let folder = tempfile::tempdir().unwrap();
    for epoch in 1..=4 {
        let mut store = Store::open(&folder.path().join("new/one"), false).unwrap();
        assert_eq!((store.epoch(), store.durable().borrow().clone()), (epoch, Ok(0)));
        assert_eq!(store.append(run(&epoch.to_string())), 1);
        assert_eq!(wait(&store, 1), Ok(1));
    }
}

#[test]
fn the_newest_run_without_a_report_is_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    keep(folder.path(), false, [run("a"), run("b"), report("b", "pass"), event("a", 1)]);
    let store = Store::open(folder.path(), false).unwrap();
    assert_eq!(store.unfinished().unwrap().unwrap().run_id, "a");
    let lines: Vec<_> = store.runs().unwrap();
    let told = |line: &RunLine| (line.run_id.clone(), line.report_revision, line.verdict.clone());
    let expected = [("b".to_owned(), 1, Some("pass".to_owned())), ("a".to_owned(), 0, None)];
    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
}

#[test]
fn a_second_report_is_a_new_revision() {
    let folder = tempfile::tempdir().unwrap();
    keep(folder.path(), false, [run("r"), report("r", "fail"), report("r", "pass")]);
    let mut correction = Correction::open(folder.path()).unwrap();
    let line = correction.archive().runs().unwrap().remove(0);
    assert_eq!((line.report_revision, line.verdict), (2, Some("pass".into())));
    assert_eq!(correction.replace_report("r", "{}"), Ok(3));
    assert_eq!(correction.archive().load("r").unwrap().unwrap().report, Some("{}".into()));
    assert!(correction.replace_report("q", "{}").unwrap_err().contains("there is no run q"));
}

#[test]
fn a_directory_has_one_controller() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!is_in_use(folder.path()));
    let store = Store::open(folder.path(), false).unwrap();
    let refused = Store::open(folder.path(), false).unwrap_err();
    for part in [&folder.path().display().to_string(), &std::process::id().to_string(), "--data-dir"] {
        assert!(refused.contains(part), "{refused}");
    }
    assert!(Correction::open(folder.path()).is_err());
    assert!(is_in_use(folder.path()));
    assert_eq!(Archive::open(folder.path()).unwrap().runs(), Ok(vec![]), "reading is free");
    drop(store);
    assert!(!is_in_use(folder.path()));
    assert_eq!(Store::open(folder.path(), false).unwrap().epoch(), 2, "who was refused is no epoch");
}

#[test]
fn a_delta_is_kept_once_and_a_gap_is_a_defect() {
    let folder = tempfile::tempdir().unwrap();
    let deltas = session(1, 4);
    let mut store = Store::open(folder.path(), false).unwrap();
    for kept in [run("r"), record("r", &deltas[0]), record("r", &deltas[0]), record("r", &deltas[1])] {
        store.append(kept);
    }
    assert_eq!(wait(&store, 4), Ok(4));
    let gap = store.append(record("r", &deltas[3]));
    let why = wait(&store, gap).unwrap_err();
    assert!(why.contains("delta 4 of session 1 does not follow 2"), "{why}");
    store.append(record("r", &deltas[2]));
    drop(store);
    let saved = Archive::open(folder.path()).unwrap().load("r").unwrap().unwrap();
    assert_eq!(saved.deltas[&1], deltas[..2]);
}

#[test]
fn a_file_of_another_kind_is_refused_with_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Archive::open(folder.path()).unwrap_err();
    assert!(
        missing.contains(&*folder.path().to_string_lossy()) && missing.contains("--data-dir"),
        "{missing}"
    );
    assert!(Correction::open(folder.path()).is_err());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "looking leaves nothing behind");
    let path = database::path(folder.path());
    std::fs::write(&path, "name = \"not a database\"\n".repeat(400)).unwrap();
    let foreign = Store::open(folder.path(), false).unwrap_err();
    assert!(foreign.contains("file is damaged"), "{foreign}");
    std::fs::remove_file(&path).unwrap();
    drop(Store::open(folder.path(), false).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'", []).unwrap();
    for newer in [Store::open(folder.path(), false).map(drop), Archive::open(folder.path()).map(drop)] {
        assert!(newer.unwrap_err().contains("its tables have version 99, this build reads 1"));
    }
}
