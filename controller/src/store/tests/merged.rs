//! Merging deltas: nothing is lost, nothing is rounded, a session goes on where it was.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn any_session() -> impl Strategy<Value = Vec<v1::Delta>> {
    let request = (0_u64..5_000_000_000, prop_oneof![0_u64..40, 0_u64..40_000]);
    let requests = prop::collection::vec(prop::collection::vec(request, 1..6), 2..40);
    requests.prop_map(|requests| deltas(9, &requests))
}

proptest! {
    #[test]
    fn merged_deltas_add_up_to_the_same(deltas in any_session(), at in any::<prop::sample::Index>()) {
        let (old, new) = deltas.split_at(1 + at.index(deltas.len() - 1));
        let merged = compact::merge(old.iter()).unwrap();
        prop_assert_eq!(totals(std::iter::once(&merged).chain(new)), totals(&deltas));
        // Once more, what was merged before included.
        let again = compact::merge(std::iter::once(&merged).chain(new)).unwrap();
        prop_assert_eq!(totals([&again]), totals(&deltas));
        prop_assert_eq!(&again, &compact::merge(deltas.iter()).unwrap(), "in one step or in two");
    }

    #[test]
    fn a_merged_session_goes_on_where_it_was(deltas in any_session(), at in any::<prop::sample::Index>()) {
        let (old, new) = deltas.split_at(1 + at.index(deltas.len() - 1));
        let merged = compact::merge(old.iter()).unwrap();
        let last = old.last().unwrap();
        prop_assert_eq!((merged.seq, merged.share_epoch, merged.fin), (last.seq, last.share_epoch, last.fin));
        let sums = |delta: &v1::Delta| -> Vec<_> {
            delta.scenarios.iter().map(|scenario| (scenario.cursor, scenario.cumulative)).collect()
        };
        prop_assert_eq!(sums(&merged), sums(last));
        // As if it were the first delta of a session: what it says is what it says it adds up to, and the next
        // ones continue the sums.
        let mut inbox = Inbox::new(SCENARIOS);
        for (seq, delta) in (1..).zip(std::iter::once(&merged).chain(new)) {
            let (_, mut delta) = from_wire(delta, SCENARIOS, SERIES).unwrap();
            delta.seq = seq;
            prop_assert_eq!(inbox.on_delta(&delta), Receipt::Apply);
        }
    }
}

/// The rows of a session in the file: the last number and how many it stands for.
fn rows(folder: &Path, session: u64) -> Vec<(u64, u64)> {
    let connection = rusqlite::Connection::open(database::path(folder)).unwrap();
    let mut rows =
        connection.prepare("SELECT seq, merged FROM deltas WHERE session = ?1 ORDER BY seq").unwrap();
    let rows = rows.query_map([session], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn loaded(folder: &Path) -> BTreeMap<u64, Vec<v1::Delta>> {
    Archive::open(folder).unwrap().load("r").unwrap().unwrap().deltas
}

#[test]
fn a_long_session_takes_few_rows_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (long, short) = (session(1, 1000), session(2, compact::RAW_MAX));
    keep(folder.path(), false, [run("r")].into_iter().chain(long.iter().map(|delta| record("r", delta))));
    keep(folder.path(), false, short.iter().map(|delta| record("r", delta)));
    let kept = rows(folder.path(), 1);
    assert!(kept.len() as u64 <= compact::RAW_MAX * 2, "{} rows", kept.len());
    assert_eq!(rows(folder.path(), 2).len() as u64, compact::RAW_MAX, "a short session stays as it came");
    let deltas = loaded(folder.path());
    assert_eq!(totals(&deltas[&1]), totals(&long));
    let saved = Archive::open(folder.path()).unwrap().load("r").unwrap().unwrap();
    assert_eq!((saved.last_seq(1), saved.last_seq(2)), (1000, compact::RAW_MAX));
    let sums: Vec<_> = long[999].scenarios.iter().filter_map(|scenario| scenario.cumulative).collect();
    assert_eq!(saved.cumulative(1), sums);
    // The next controller goes on with it.
    let more = session(1, 1001);
    keep(folder.path(), false, [record("r", &more[1000])]);
    assert_eq!(totals(&loaded(folder.path())[&1]), totals(&more));
}

#[test]
fn with_its_report_a_run_has_one_row_for_each_session() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (session(1, 30), session(2, 1));
    let all = one.iter().chain(&two);
    let records = [run("r")].into_iter().chain(all.map(|delta| record("r", delta)));
    keep(folder.path(), false, records.chain([report("r", "pass")]));
    assert_eq!((rows(folder.path(), 1), rows(folder.path(), 2)), (vec![(30, 30)], vec![(1, 1)]));
    assert_eq!(totals(&loaded(folder.path())[&1]), totals(&one));
}

#[test]
fn deltas_are_kept_when_the_run_began_so() {
    let folder = tempfile::tempdir().unwrap();
    let deltas = session(1, compact::RAW_MAX * 3);
    keep(folder.path(), true, [run("r")].into_iter().chain(deltas.iter().map(|delta| record("r", delta))));
    // How the store is opened later does not matter.
    keep(folder.path(), false, [report("r", "pass")]);
    keep(folder.path(), false, [run("q")]);
    assert_eq!(loaded(folder.path())[&1], deltas);
}

#[test]
fn what_was_left_to_merge_is_merged_by_the_next_controller() {
    let folder = tempfile::tempdir().unwrap();
    let deltas = session(1, 9);
    keep(folder.path(), true, [run("r")].into_iter().chain(deltas.iter().map(|delta| record("r", delta))));
    keep(folder.path(), true, [report("r", "pass")]);
    // As if the controller had been killed right after the report.
    let connection = rusqlite::Connection::open(database::path(folder.path())).unwrap();
    connection.execute("UPDATE runs SET keep_deltas = 0", []).unwrap();
    drop(connection);
    drop(Store::open(folder.path(), false).unwrap());
    assert_eq!(rows(folder.path(), 1), [(9, 9)]);
}

#[test]
fn deltas_that_cannot_be_merged_stay_and_a_note_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut deltas = session(1, 9);
    deltas[4].series[0].series = 1 << 20;
    let records: Vec<_> = deltas.iter().map(|delta| record("r", delta)).collect();
    keep(folder.path(), false, [run("r")].into_iter().chain(records).chain([report("r", "pass")]));
    drop(Store::open(folder.path(), false).unwrap());
    let saved = Archive::open(folder.path()).unwrap().load("r").unwrap().unwrap();
    assert_eq!(saved.deltas[&1], deltas);
    let [note] = saved.events.as_slice() else { panic!("{:?}", saved.events) };
    assert_eq!(note.kind, "unmerged");
    assert!(note.body.contains("1048577 series are more than any plan has"), "{}", note.body);
}

#[test]
fn a_missing_delta_is_told_and_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let deltas = session(1, 9);
    keep(folder.path(), true, [run("r")].into_iter().chain(deltas.iter().map(|delta| record("r", delta))));
    let connection = rusqlite::Connection::open(database::path(folder.path())).unwrap();
    connection.execute("DELETE FROM deltas WHERE seq = 4", []).unwrap();
    let why = Archive::open(folder.path()).unwrap().load("r").unwrap_err();
    assert!(why.contains("delta 4 of session 1 is missing; the next one is 5"), "{why}");
}
