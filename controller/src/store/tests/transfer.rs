//! Runs that leave a directory or come into it.

use super::*;
use crate::store::{Archive, delete, export, import};

/// A directory with two runs, `a` over and `b` not.
fn two() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut records = vec![run("a"), event("a", 1), event("a", 2)];
    records.extend(session(5, 40).iter().map(|delta| record("a", delta)));
    records.extend([report("a", "pass"), run("b"), event("b", 3)]);
    records.extend(session(6, 10).iter().map(|delta| record("b", delta)));
    fill(folder.path(), records);
    folder
}

fn fill(folder: &Path, records: Vec<Record>) {
    let mut store = Store::open(folder, false).unwrap();
    for record in records {
        store.append(record);
    }
}

fn ids(folder: &Path) -> Vec<String> {
    Archive::open(folder).unwrap().runs().unwrap().into_iter().map(|run| run.run_id).collect()
}

#[test]
fn an_exported_run_is_the_same_wherever_it_is_imported() {
    let (from, into) = (two(), tempfile::tempdir().unwrap());
    let file = from.path().join("a.stampede");
    export(from.path(), "a", &file).unwrap();
    fill(into.path(), vec![run("c"), report("c", "fail")]);
    assert_eq!(import(into.path(), &file).unwrap(), ["a"]);
    assert_eq!(ids(into.path()), ["a", "c"]);
    let load = |folder: &Path| Archive::open(folder).unwrap().load("a").unwrap().unwrap();
    let (before, after) = (load(from.path()), load(into.path()));
    assert_eq!((before.events, before.deltas, before.report), (after.events, after.deltas, after.report));
    // One file and nothing beside it.
    let left = std::fs::read_dir(from.path())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    assert_eq!(left.filter(|name| name.starts_with("a.stampede")).count(), 1);
}

#[test]
fn nothing_is_taken_or_written_twice() {
    let from = two();
    let file = from.path().join("a.stampede");
    export(from.path(), "a", &file).unwrap();
    assert!(export(from.path(), "a", &file).unwrap_err().contains("already"));
    assert!(import(from.path(), &file).unwrap_err().contains("run a is there already"));
    assert_eq!(ids(from.path()), ["b", "a"]);
}

#[test]
fn what_is_no_run_or_not_over_is_not_exported_and_leaves_no_file() {
    let from = two();
    for (id, why) in [("b", "not over"), ("x", "no run x")] {
        let file = from.path().join("x.stampede");
        assert!(export(from.path(), id, &file).unwrap_err().contains(why), "{id}");
        assert!(!file.exists());
    }
    let text = from.path().join("text");
    std::fs::write(&text, "no database").unwrap();
    assert!(import(from.path(), &text).unwrap_err().contains("text"));
}

#[test]
fn a_deleted_run_is_gone_and_the_others_stay() {
    let folder = two();
    assert!(delete(folder.path(), "a").unwrap());
    assert!(!delete(folder.path(), "a").unwrap());
    assert_eq!(ids(folder.path()), ["b"]);
    let saved = Archive::open(folder.path()).unwrap().load("b").unwrap().unwrap();
    assert_eq!((saved.events.len(), saved.deltas[&6].is_empty()), (1, false));
}

#[test]
fn what_is_not_over_is_deleted_only_when_nobody_may_be_at_it() {
    let folder = two();
    let store = Store::open(folder.path(), false).unwrap();
    assert!(delete(folder.path(), "b").unwrap_err().contains("not over"));
    drop(store);
    assert!(delete(folder.path(), "b").unwrap());
}
