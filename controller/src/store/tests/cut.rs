//! The end of the log is cut off anywhere, as a power cut may do it: what is left is a beginning of what was
//! written, never something else.

use super::*;

#[test]
fn a_log_that_is_cut_anywhere_holds_a_beginning_of_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), true).unwrap();
    let deltas = session(1, 16);
    let mut records = vec![run("r")];
    for (at_ns, delta) in (1..).zip(&deltas) {
        records.extend([record("r", delta), event("r", at_ns)]);
    }
    // One commit each.
    for kept in &records {
        let number = store.append(kept.clone());
        assert_eq!(wait(&store, number), Ok(number));
    }
    let path = database::path(folder.path());
    let (main, log) = (std::fs::read(&path).unwrap(), std::fs::read(with_suffix(&path, "-wal")).unwrap());
    drop(store);
    let mut found = Vec::new();
    for cut in cuts(log.len()) {
        let number = records_in(&main, &log[..cut], &records);
        assert!(found.last() <= Some(&number), "cut at {cut}: fewer records in a longer log");
        found.push(number);
    }
    found.dedup();
    assert_eq!(found, (0..=records.len()).collect::<Vec<_>>(), "every beginning was seen");
}

/// Before, at, and after the borders of the log's frames and of their headers, and in between.
fn cuts(length: usize) -> Vec<usize> {
    let frames = (HEADER..=length).step_by(FRAME_HEADER + PAGE);
    let near = [0, 1, FRAME_HEADER - 1, FRAME_HEADER, FRAME_HEADER + 1, PAGE / 2, FRAME_HEADER + PAGE - 1];
    let cuts = frames.flat_map(|frame| near.map(|more| frame + more));
    (0..=HEADER).step_by(8).chain(cuts).filter(|cut| *cut <= length).collect()
}

/// How many records a file with this log holds; panics when they are no beginning of `records`.
fn records_in(main: &[u8], log: &[u8], records: &[Record]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = database::path(folder.path());
    std::fs::write(&path, main).unwrap();
    std::fs::write(with_suffix(&path, "-wal"), log).unwrap();
    // What a controller does when it starts, but for the epoch.
    drop(database::create(&path, None).unwrap());
    let Some(saved) = Archive::open(folder.path()).unwrap().load("r").unwrap() else { return 0 };
    let deltas = saved.deltas.get(&1).cloned().unwrap_or_default();
    let number = 1 + deltas.len() + saved.events.len();
    let mut expected = Saved { events: vec![], deltas: [(1, vec![])].into(), ..saved.clone() };
    for record in &records[1..number] {
        match record {
            Record::Event { at_ns, kind, body, .. } => expected.events.push(SavedEvent {
                at_ns: *at_ns,
                kind: (*kind).to_owned(),
                body: body.clone(),
            }),
            Record::Delta { session, body, .. } => {
                let delta = v1::Delta::decode(body.as_slice()).unwrap();
                expected.deltas.get_mut(session).unwrap().push(delta);
            }
            _ => panic!("{record:?}"),
        }
    }
    if deltas.is_empty() {
        expected.deltas.clear();
    }
    assert_eq!(saved, expected);
    number
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// As SQLite documents its log: a header, then frames of a header and a page.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const PAGE: usize = 4096;
