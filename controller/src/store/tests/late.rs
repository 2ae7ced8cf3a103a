//! Deltas that come after the run: all of them and the new report, or nothing.

use super::*;

/// A finished run whose session delivered `kept` of its deltas.
fn finished(kept: &[v1::Delta], keep_deltas: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let records = [run("r")].into_iter().chain(kept.iter().map(|delta| record("r", delta)));
    keep(folder.path(), keep_deltas, records.chain([report("r", "invalid")]));
    folder
}

#[test]
fn late_deltas_count_once_and_make_a_new_report() {
    let deltas = session(1, 40);
    for keep_deltas in [false, true] {
        let folder = finished(&deltas[..30], keep_deltas);
        let mut correction = Correction::open(folder.path()).unwrap();
        for (applied, duplicates, revision) in [(10, 15, 2), (0, 25, 3)] {
            let merged = correction.merge("r", &deltas[15..], |saved| {
                assert_eq!(totals(&saved.deltas[&1]), totals(&deltas));
                Ok("{}".into())
            });
            assert_eq!(merged, Ok(Merged { applied, duplicates, report: "{}".into(), revision }));
        }
        let saved = correction.archive().load("r").unwrap().unwrap();
        assert_eq!((totals(&saved.deltas[&1]), saved.report), (totals(&deltas), Some("{}".into())));
        assert_eq!(saved.deltas[&1].len(), if keep_deltas { 40 } else { 1 });
    }
}

#[test]
fn a_gap_or_a_report_that_cannot_be_made_changes_nothing() {
    let deltas = session(1, 40);
    let folder = finished(&deltas[..30], true);
    let mut correction = Correction::open(folder.path()).unwrap();
    let before = correction.archive().load("r").unwrap();
    let gap = correction.merge("r", &deltas[31..], |_| Ok("{}".into())).unwrap_err();
    assert!(gap.contains("the deltas up to 30 are there and 32 comes next"), "{gap}");
    let failed = correction.merge("r", &deltas[30..], |_| Err("balance".into())).unwrap_err();
    assert!(failed.ends_with("balance"), "{failed}");
    let stranger = correction.merge("q", &deltas, |_| Ok("{}".into())).unwrap_err();
    assert!(stranger.contains("there is no run q"), "{stranger}");
    assert_eq!(correction.archive().load("r").unwrap(), before);
}

#[test]
fn a_session_that_delivered_nothing_begins_with_its_first_delta() {
    let deltas = session(5, 3);
    let folder = finished(&[], false);
    let mut correction = Correction::open(folder.path()).unwrap();
    let merged = correction.merge("r", &deltas, |saved| Ok(saved.last_seq(5).to_string())).unwrap();
    assert_eq!((merged.applied, merged.report.as_str()), (3, "3"));
}
