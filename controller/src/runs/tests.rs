use super::*;
use crate::chronicle::Happened;
use crate::journal::{Journal, Record};
use crate::store::Store;
use common::delta::Outbox;
use common::lane::LaneSet;
use common::measured::Measured;
use common::outcome::Outcome;
use common::owners::Owned;
use common::plan::Plan;
use common::report::Judgment;
use common::time::RunTime;
use prost::Message;
use proto::delta::{Origin, to_wire};
use std::io::Write;

const RUN: &str = "0198a0de-0000-7000-8000-000000000001";
const SESSION: u64 = 1 << 32 | 1;
/// 100 arrivals.
const PLAN: &str = "name = \"late\"\n[target]\nbase_url = \"http://127.0.0.1\"\n[[scenario]]\nname = \"s\"\n\
                    load.rate = [{ at = \"10/s\", for = \"10s\" }]\n[[scenario.step]]\npath = \"/\"\n";

/// Ten deltas of ten requests each, the last one ends the session.
fn deltas() -> Vec<v1::Delta> {
    let plan = Plan::parse("t", PLAN).unwrap();
    let mut outbox = Outbox::new(Measured::for_plan(&plan), usize::MAX);
    let origin = Origin { session_id: SESSION, controller_epoch: 1, run_id: RUN.into() };
    let delta = |second: u64| {
        let mut measured = Measured::for_plan(&plan);
        (measured.tallies[0].started, measured.tallies[0].finished) = (10, 10);
        let series = &mut measured.series[0];
        series.outcomes[Outcome::Ok.index()] = 10;
        let bucket = series.timeline.at(RunTime::from_nanos(second * 1_000_000_000));
        (bucket.started, bucket.finished) = (10, 10);
        (0..10).for_each(|n| bucket.response_time.record(1000 + second * 10 + n));
        outbox.add(&measured).unwrap();
        to_wire(&origin, &outbox.seal(1, second == 9).unwrap().unwrap())
    };
    (0..10).map(delta).collect()
}

/// A data directory with a run that was over when `delivered` of its deltas were there.
fn data(delivered: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), false).unwrap();
    let [run_id, name, plan, created_at] = [RUN, "late", PLAN, "2026-01-01T00:00:00Z"].map(str::to_owned);
    store.append(Record::Run { run_id: run_id.clone(), name, plan, created_at });
    let event = |happened: Happened| Record::Event {
        run_id: run_id.clone(),
        at_ns: 1,
        kind: happened.kind(),
        body: happened.body(),
    };
    store.append(event(opened()));
    store.append(event(everything_is_its_own()));
    store.append(event(Happened::Started { zero_at_ns: 5 }));
    for delta in &deltas()[..delivered] {
        let body = delta.encode_to_vec();
        store.append(Record::Delta { run_id: run_id.clone(), session: SESSION, seq: delta.seq, body });
    }
    let (how, duration_ns) = ("completed".to_owned(), 10_000_000_000);
    store.append(event(Happened::Ended { how, why: String::new(), duration_ns }));
    drop(store);
    let saved = Archive::open(folder.path()).unwrap().load(RUN).unwrap().unwrap();
    let report = serde_json::to_string(&rebuild(&saved).unwrap()).unwrap();
    let mut store = Store::open(folder.path(), false).unwrap();
    store.append(Record::Report { run_id, report });
    folder
}

fn opened() -> Happened {
    let [name, instance] = ["anna", "i"].map(str::to_owned);
    Happened::Opened { session: SESSION, name, instance, weight: 1, max_rate_milli: 0 }
}

fn everything_is_its_own() -> Happened {
    let (owner, from, to) = (Some(SESSION), RunTime::ZERO, RunTime::MAX);
    Happened::owned(&Owned { epoch: 1, owner, from, to, lanes: LaneSet::all() })
}

fn spool(folder: &Path, name: &str, instance: &str, deltas: &[v1::Delta]) -> PathBuf {
    let path = folder.join(name);
    let mut file = std::fs::File::create(&path).unwrap();
    let hello = v1::Hello { agent_name: "anna".into(), instance_id: instance.into(), ..v1::Hello::default() };
    proto::spool::write_hello(&mut file, &hello).unwrap();
    deltas.iter().for_each(|delta| proto::spool::write_delta(&mut file, delta).unwrap());
    file.flush().unwrap();
    path
}

#[test]
fn what_an_agent_could_not_deliver_makes_the_books_balance() {
    let folder = data(6);
    let before = show(folder.path(), RUN).unwrap();
    assert_eq!((before.verdict.result, before.ledger["s"].unknown), (Judgment::Degraded, 40));
    let listed = list(folder.path()).unwrap();
    assert!(listed.lines().nth(1).is_some_and(|line| line.ends_with("over   degraded")), "{listed}");
    // In two files, named in the wrong order, the second one with what came through after all.
    let files = [
        spool(folder.path(), "b", "i", &deltas()[8..]),
        spool(folder.path(), "a", "i", &deltas()[4..8]),
        spool(folder.path(), "c", "i", &[]),
    ];
    let merged = merge_spool(folder.path(), &files).unwrap();
    let [(said, after)] = merged.as_slice() else { panic!("{merged:?}") };
    assert!(said.contains("4 deltas merged, 2 were there already") && said.contains("revision 2"), "{said}");
    assert_eq!((after.verdict.result, after.ledger["s"].unknown), (Judgment::Pass, 0));
    let whole = show(data(10).path(), RUN).unwrap();
    assert_eq!(after, &whole, "as if it had delivered them");
    assert_eq!(&show(folder.path(), &RUN[..8]).unwrap(), after);
    let (said, again) = merge_spool(folder.path(), &files).unwrap().remove(0);
    assert!(said.contains("0 deltas merged, 6 were there already"), "{said}");
    assert_eq!(&again, after, "once more changes nothing");
}

#[test]
fn a_spool_that_does_not_belong_here_changes_nothing() {
    let folder = data(6);
    let before = show(folder.path(), RUN).unwrap();
    let mut foreign = deltas();
    foreign.iter_mut().for_each(|delta| delta.run_id = "another".into());
    let mut stranger = deltas();
    stranger.iter_mut().for_each(|delta| delta.session_id = 5);
    let mut liar = deltas();
    liar[6].scenarios[0].cumulative.as_mut().unwrap().started += 1;
    let mixed = [deltas()[6..7].to_vec(), stranger[7..8].to_vec()].concat();
    let table = [
        ("a gap", "i", &deltas()[8..], "the deltas up to 6 are there and 9 comes next"),
        ("another process", "k", &deltas()[6..], "another process than agent anna"),
        ("another run", "i", &foreign[6..], "there is no run another"),
        ("another session", "i", &stranger[..], "session 5 had no part in this run"),
        ("wrong sums", "i", &liar[6..], "apply delta 7"),
        ("two sessions", "i", &mixed[..], "of another session than the first one"),
    ];
    for (what, instance, deltas, why) in table {
        let file = spool(folder.path(), "spool", instance, deltas);
        let failure = merge_spool(folder.path(), &[file]).unwrap_err();
        assert!(failure.message.contains(why), "{what}: {}", failure.message);
    }
    assert_eq!(show(folder.path(), RUN).unwrap(), before);
    let missing = merge_spool(folder.path(), &[folder.path().join("none")]).unwrap_err();
    assert!(missing.message.contains("none: failed to open it"), "{}", missing.message);
}

#[test]
fn a_run_that_is_not_over_is_listed_and_neither_shown_nor_corrected() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), false).unwrap();
    let [run_id, name, plan, created_at] = [RUN, "l\u{1b}ate", PLAN, "now"].map(str::to_owned);
    store.append(Record::Run { run_id, name, plan, created_at });
    let mut durable = store.durable();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(durable.wait_for(|durable| *durable == Ok(1))).unwrap();
    let listed = list(folder.path()).unwrap();
    assert!(listed.contains(" running ") && !listed.contains('\u{1b}'), "{listed}");
    drop(store);
    assert!(list(folder.path()).unwrap().contains(" unfinished "));
    assert!(show(folder.path(), RUN).unwrap_err().message.contains("--resume"));
    let file = spool(folder.path(), "spool", "i", &deltas());
    assert!(merge_spool(folder.path(), &[file]).unwrap_err().message.contains("not over"));
    assert!(show(folder.path(), "7").unwrap_err().message.contains("there is no run 7"));
}

#[test]
fn a_run_leaves_in_every_form_and_comes_back_from_its_own() {
    let (folder, out) = (data(10), tempfile::tempdir().unwrap());
    for (name, begin) in [("r.html", "<!doctype html>"), ("r.json", "{"), ("r.md", "## late: ")] {
        let file = out.path().join(name);
        assert_eq!(export(folder.path(), "0198", &file, false).unwrap(), RUN);
        assert!(std::fs::read_to_string(&file).unwrap().starts_with(begin), "{name}");
    }
    assert!(
        export(folder.path(), RUN, &out.path().join("r.xls"), true).unwrap_err().message.contains(".html")
    );
    let file = out.path().join("r.stampede");
    export(folder.path(), RUN, &file, true).unwrap();
    let other = out.path().join("data");
    assert_eq!(import(&other, &file).unwrap(), [RUN]);
    assert_eq!(show(&other, RUN).unwrap(), show(folder.path(), RUN).unwrap());
}

#[test]
fn deleting_a_run_takes_its_files_and_the_tapes_of_nobody_else() {
    let folder = data(10);
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("runs").join(RUN).join("rows")).unwrap();
    std::fs::create_dir_all(path("tapes")).unwrap();
    std::fs::write(path("tapes/ab12.tape"), "").unwrap();
    delete(folder.path(), "0198").unwrap();
    assert!(!path("runs").join(RUN).exists() && !path("tapes/ab12.tape").exists());
    assert!(delete(folder.path(), RUN).is_err());
}

#[test]
fn what_is_too_old_or_too_much_goes() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let day = std::time::Duration::from_secs(86_400);
    for (keep, now, gone) in [
        (Keep { newest: Some(1), ..Keep::default() }, "2030-01-01T00:00:00Z", false),
        (Keep { newest: Some(0), ..Keep::default() }, "2026-01-01T00:00:00Z", true),
        (Keep { younger_than: Some(day), ..Keep::default() }, "2026-01-02T00:00:00Z", false),
        (Keep { younger_than: Some(day), ..Keep::default() }, "2026-01-02T00:00:01Z", true),
        (Keep::default(), "2030-01-01T00:00:00Z", false),
    ] {
        let folder = data(1);
        assert_eq!(prune(folder.path(), keep, at(now)).unwrap().len(), usize::from(gone), "{keep:?}");
    }
}
