//! A run whose disk is full.

use super::*;
use crate::cluster::{beside, spooled};
use crate::programs::{Program, SPACE, mounts};
use proto::spool::Spool;
use stampede_controller::store::Archive;

#[test]
fn on_a_full_disk_a_run_drains_and_nothing_acknowledged_is_lost() {
    let _beside = beside();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    if !mounts(path) {
        return println!("not tested: this system lets no user mount a tmpfs");
    }
    let demo = demo();
    // The disk is gone with the controller's name space, so what is on it is copied before.
    let shell = format!(
        "mount -t tmpfs -o size={SIZE} none '{path}' && timeout 60 \"$0\" \"$@\"; code=$?; \
         mkdir '{path}-kept' && cp '{path}'/* '{path}-kept'; exit $code"
    );
    let within = [&SPACE[..], &["sh", "-c", &shell]].concat();
    let cluster = Cluster::within(&within, &plan(&demo, 60, "", "/"), &["a1", "a2"], path, &[]);
    let (run, cluster) = cluster.end_keeping();
    let kept = format!("{path}-kept");
    let told = &run.controller.stderr;
    assert_eq!(run.controller.code, Some(1), "{told}");
    assert!(told.contains("database or disk is full; free some space there"), "{told}");
    let seen = assert_explained(&run, &demo);
    let books = run.books();
    assert_eq!((books.unknown, books.started), (0, seen.len() as u64), "it drained: {books:?}\n{told}");
    assert!(books.skipped.stopped > 0, "{books:?}");
    let archive = Archive::open(kept.as_ref()).unwrap();
    let saved = archive.load(&run.report.run.id).unwrap().unwrap();
    let files = spooled(cluster.path());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    assert_eq!(files.len(), 2, "what was not acknowledged is in files: {:?}", run.agents);
    for file in &files {
        let (hello, _) = Spool::open(std::fs::File::open(file).unwrap()).unwrap();
        let resume = hello.resume.unwrap();
        let durable = saved.last_seq(resume.session_id);
        assert!(resume.last_acked_seq <= durable, "{} acknowledged, {durable} kept", resume.last_acked_seq);
    }
    let merge = [&["runs", "merge-spool", "--data-dir", &kept][..], &files].concat();
    let merged = Program::controller(&merge).end();
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);
    let books = stampede_controller::runs::show(kept.as_ref(), "").unwrap().ledger["s"];
    assert_eq!((books.unknown, books.started), (0, seen.len() as u64), "{books:?}");
    std::fs::remove_dir_all(&kept).unwrap();
}

/// The space that the store keeps for the report, and what a few seconds need.
const SIZE: &str = "8800k";
