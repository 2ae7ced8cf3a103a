//! A tape gives back what was written, and damage anywhere is an error or the same bytes, never a panic.

use super::{MAGIC, Mark, REST, Record, Tail, Tape, TapeError};
use crate::fixture::{opened as open, tape_of};
use crate::lane::LANES;
use proptest::prelude::*;

/// Everything that can be read of it.
fn play(tape: &Tape) -> Result<Vec<(u64, String)>, TapeError> {
    let mut seen = vec![];
    let mut bytes = vec![];
    for lane in 0..LANES {
        for place in 0..tape.in_lane(lane).min(100) {
            let k = place * u64::from(LANES) + u64::from(lane);
            let mark = tape.mark(k)?;
            let record = tape.record(k, &mut bytes)?;
            seen.push((mark.number, format!("{mark:?} {record:?} {:?}", tape.series(record.template))));
        }
    }
    seen.sort();
    Ok(seen)
}

#[test]
fn a_tape_gives_back_what_was_written() {
    let entries = [(0, "a", "/1"), (5, "b", "/2"), (5, "a", "/3"), (9, "a", "/4")];
    let tape = open(tape_of(&entries)).unwrap();
    assert_eq!((tape.entries(), tape.span(), tape.period()), (4, 9, 12));
    let seen = play(&tape).unwrap();
    assert_eq!(seen.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let lane = super::lane_of_client(b"a");
    let mut bytes = vec![];
    let paths: Vec<String> = (0..6)
        .map(|place| tape.record(place * 4096 + u64::from(lane), &mut bytes).unwrap().path.to_owned())
        .collect();
    assert_eq!(paths, ["/1", "/3", "/4", "/1", "/3", "/4"], "a client's own order, over and over");
    assert_eq!((tape.series(0), tape.series(7)), (None, None));
}

#[test]
fn what_is_no_tape_is_refused() {
    for bytes in [vec![], b"STPTAPE1".to_vec(), vec![0; 200], [&MAGIC[..], &[0; 48], MAGIC].concat()] {
        assert!(open(bytes).is_err());
    }
    let tail = Tail { lanes: vec![1], templates: vec![REST], marks_at: 8, span: 0 };
    let mark = Mark { position: 8, length: 100, ..Mark::default() };
    let tape = open([&MAGIC[..], &mark.to_bytes(), &tail.to_bytes()].concat()).unwrap();
    assert_eq!(tape.mark(0), Err(TapeError::Damaged("index")), "a record in the index");
    assert_eq!(tape.mark(1), Err(TapeError::Damaged("index")), "an empty lane");
}

proptest! {
    #[test]
    fn damage_is_an_error_and_never_a_panic(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let entries: Vec<(u64, String, String)> =
            (0..20).map(|n| (n * 7, format!("c{}", n % 5), format!("/{n}"))).collect();
        let whole: Vec<_> = entries.iter().map(|(at, client, path)| (*at, &client[..], &path[..])).collect();
        let mut bytes = tape_of(&whole);
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= byte }
        if let Ok(tape) = open(bytes) {
            prop_assert!(!cut);
            drop((play(&tape), tape.mark(u64::MAX), tape.period()));
        }
    }

    #[test]
    fn no_bytes_are_a_record_that_cannot_be_sent(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(record) = Record::read(&bytes) {
            prop_assert!(record.path.starts_with('/'));
            prop_assert!(record.path.bytes().chain(record.host.bytes()).all(|byte| matches!(byte, 0x21..=0x7e)));
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written(
        head in any::<(u8, u16, u16, Option<u64>, Option<u64>)>(),
        texts in ("/[!-~]{0,300}", "[!-~]{0,20}"),
        body in prop::option::of(prop::collection::vec(any::<u8>(), 0..300))
    ) {
        let (method, template, status, was, latency_us) = head;
        let body = body.as_deref();
        let record =
            Record { method, template, status, bytes: was, latency_us, path: &texts.0, host: &texts.1, body };
        let mut bytes = vec![];
        record.write(&mut bytes);
        prop_assert_eq!(Record::read(&bytes), Ok(record));
    }
}
