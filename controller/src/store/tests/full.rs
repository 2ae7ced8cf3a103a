//! A disk without room.

use super::*;

#[test]
fn a_full_disk_ends_the_journal_and_keeps_what_was_durable() {
    let folder = tempfile::tempdir().unwrap();
    let setting = Setting { keep_deltas: true, pages_max: Some(60) };
    let mut store = Store::open_as(folder.path(), setting).unwrap();
    let deltas = session(1, 500);
    let mut durable = wait_for(&mut store, run("r")).unwrap();
    let why = deltas.iter().find_map(|delta| match wait_for(&mut store, record("r", delta)) {
        Ok(newest) => {
            durable = newest;
            None
        }
        Err(why) => Some(why),
    });
    let why = why.expect("60 pages do not hold 500 deltas");
    let path = database::path(folder.path()).display().to_string();
    for part in [
        &*path,
        "database or disk is full",
        "free some space",
        &format!("after record {durable} "),
        "--resume",
    ] {
        assert!(why.contains(part), "no {part:?} in {why}");
    }
    // It does not come back, even where there would be room for something small.
    let number = store.append(event("r", 1));
    assert_eq!((wait(&store, number), number), (Err(why), durable + 2));
    let kept = usize::try_from(durable).unwrap() - 1;
    assert_eq!(store.load("r").unwrap().unwrap().deltas[&1], deltas[..kept], "readable while it is full");
    drop(store);
    let store = Store::open(folder.path(), true).unwrap();
    let saved = store.unfinished().unwrap().unwrap();
    assert_eq!((&saved.deltas[&1][..], saved.events.len()), (&deltas[..kept], 0));
}

#[test]
fn after_a_failure_the_report_is_still_written_if_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let deltas = session(1, 3);
    let mut store = Store::open(folder.path(), false).unwrap();
    // A gap stands for any failure; the report comes in one batch with it or later.
    wait_for(&mut store, run("r")).unwrap();
    for kept in [record("r", &deltas[0]), record("r", &deltas[2]), report("r", "invalid")] {
        store.append(kept);
    }
    assert!(wait(&store, 4).is_err());
    drop(store);
    assert!(!folder.path().join("stampede.reserve").exists(), "its space is given up");
    let store = Store::open(folder.path(), false).unwrap();
    assert_eq!(
        (store.runs().unwrap()[0].verdict.as_deref(), store.unfinished()),
        (Some("invalid"), Ok(None))
    );
    assert!(folder.path().join("stampede.reserve").exists(), "the next one keeps space again");
}

fn wait_for(store: &mut Store, record: Record) -> Result<u64, String> {
    let number = store.append(record);
    wait(store, number)
}
