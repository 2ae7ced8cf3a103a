use super::line::Lines;
use super::*;
use crate::engine::ended::{Answered, Job};
use common::arrivals::Due;
use common::outcome::Outcome;
use common::plan::Plan;
use common::time::RunTime;
use sha2::Digest;
use std::io::{Error, Write};
use std::path::PathBuf;
use std::sync::mpsc;

fn lines() -> Lines {
    let plan = "name = \"t\"\n[target]\nbase_url = \"http://127.0.0.1\"\n[[scenario]]\nname = \"s\"\n\
                load.rate = [{ at = \"1/s\", for = \"1s\" }]\n[[scenario.step]]\nname = 'a, \"b\"'\npath = \"/\"\n";
    Lines::new(&Plan::parse("t", plan).unwrap(), "a1")
}

fn ended(k: u64) -> Ended {
    Ended {
        job: Job {
            scenario: 0,
            step: 0,
            series: 0,
            request: 0,
            due: Due { k, at: RunTime::from_nanos(1_000_000) },
            user: 0,
            round: 0,
            iteration: None,
            then: None,
            whole: true,
        },
        outcome: Outcome::Ok,
        sent: Some(RunTime::from_nanos(1_500_000)),
        answer: Some(Answered { status: 200, first_byte: RunTime::from_nanos(2_000_000), body_bytes: 7 }),
        done: RunTime::from_nanos(3_000_000),
        bytes_in: 100,
        bytes_out: 50,
        connect: None,
    }
}

fn read(compressed: &[u8]) -> String {
    String::from_utf8(zstd::stream::decode_all(compressed).unwrap()).unwrap()
}

/// A disk that takes bytes when it is told to.
struct Disk {
    permits: mpsc::Receiver<()>,
    bytes: mpsc::Sender<Vec<u8>>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.permits.recv().map_err(Error::other)?;
        self.bytes.send(bytes.to_vec()).map_err(Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_row_tells_what_a_request_did_and_nothing_where_nothing_is() {
    let mut text = String::new();
    lines().push(&ended(7), &mut text);
    lines()
        .push(&Ended { outcome: Outcome::ConnectRefused, sent: None, answer: None, ..ended(8) }, &mut text);
    assert_eq!(
        text,
        "s,\"a, \"\"b\"\"\",7,,a1,1000000,1500000,3000000,200,ok,50,100,7,2000,1500,500,\n\
         s,\"a, \"\"b\"\"\",8,,a1,1000000,,3000000,,connect_refused,50,100,,2000,,,\n"
    );
    let columns = HEADER.trim().split(',').count();
    assert!(text.lines().all(|line| line.replace("a, ", "").split(',').count() == columns));
}

#[test]
fn what_was_handed_over_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a1.csv.zst");
    let writer = Writer::start_on(std::fs::File::create(&path).unwrap(), path.clone(), lines(), 100).unwrap();
    let mut rows = Rows::new(writer.sink());
    for k in 0..1_000 {
        rows.write(&ended(k));
    }
    rows.flush();
    let kept = writer.finish();
    assert_eq!((kept.rows, kept.dropped, &kept.failed), (1_000, 0, &None));
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(kept.bytes, bytes.len() as u64);
    assert_eq!(kept.sha256, <[u8; 32]>::from(sha2::Sha256::digest(&bytes)));
    let text = read(&bytes);
    assert!(text.starts_with(HEADER));
    assert_eq!(text.lines().count(), 1_001);
}

#[test]
fn a_disk_that_hangs_costs_rows_that_are_counted_and_nobody_waits() {
    let (permit, permits) = mpsc::channel();
    let (bytes, written) = mpsc::channel();
    let writer = Writer::start_on(Disk { permits, bytes }, PathBuf::new(), lines(), 4).unwrap();
    let mut rows = Rows::new(writer.sink());
    // The disk takes nothing at all: this would never end if anybody waited for it.
    for k in 0..100 * BATCH as u64 {
        rows.write(&ended(k));
    }
    for _ in 0..1_000 {
        permit.send(()).unwrap();
    }
    let kept = writer.finish();
    assert!(kept.dropped > 0, "four batches fit in");
    assert_eq!(kept.rows + kept.dropped, 100 * BATCH as u64);
    let text = read(&written.try_iter().flatten().collect::<Vec<u8>>());
    assert_eq!(text.lines().count() as u64, 1 + kept.rows, "what was not dropped is in the file");
}

#[test]
fn a_disk_that_fails_is_told_and_costs_nothing_else() {
    let (permit, permits) = mpsc::channel();
    let (bytes, written) = mpsc::channel();
    drop((permit, written));
    let writer = Writer::start_on(Disk { permits, bytes }, PathBuf::new(), lines(), 4).unwrap();
    let mut rows = Rows::new(writer.sink());
    (0..1_000).for_each(|k| rows.write(&ended(k)));
    rows.flush();
    let kept = writer.finish();
    assert!(kept.failed.is_some());
    assert_eq!(kept.rows, 0);
}
