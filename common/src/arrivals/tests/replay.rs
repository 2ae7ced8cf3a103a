//! A replayed log: every entry once a pass, where it was or where the rate says, whoever owns the lanes.

use crate::arrivals::{Due, Timetable};
use crate::fixture;
use crate::lane::{LaneSet, deal};
use crate::log::Format;
use crate::plan::{Arrivals, Filter, Load, Pace, Reel, ReplayLoad, Scenario};
use crate::rate::Rate;
use crate::tape::Tape;
use crate::time::RunTime;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// Milliseconds since the first entry, client.
type Entries = Vec<(u64, u8)>;

fn tape(entries: &Entries) -> Arc<Tape> {
    let named: Vec<(u64, String, String)> = entries
        .iter()
        .zip(0..)
        .map(|((at, client), n)| (at * 1_000_000, format!("client {client}"), format!("/{n}")))
        .collect();
    let entries: Vec<_> = named.iter().map(|(at, client, path)| (*at, &client[..], &path[..])).collect();
    Arc::new(fixture::opened(fixture::tape_of(&entries)).unwrap())
}

fn scenario(tape: Arc<Tape>, pace: Pace, seconds: Option<u64>) -> Scenario {
    let load = Load::Replay(Box::new(ReplayLoad {
        log: "log".into(),
        format: Format::preset("common").unwrap(),
        pace,
        duration: seconds.map(Duration::from_secs),
        filter: Filter::default(),
        keep_host: false,
        series: vec![],
        tape: Reel { tape: Some(tape), ..Reel::default() },
    }));
    Scenario { load, ..fixture::scenario(&[(1, 1, 1)], Arrivals::Even) }
}

/// The paths that are sent, with their due times in milliseconds.
fn sent(timetable: &Timetable, tape: &Tape) -> Vec<(u64, String)> {
    let mut bytes = vec![];
    let mut path = |due: Due| tape.record(due.k, &mut bytes).unwrap().path.to_owned();
    let cursor = timetable.cursor(&LaneSet::all(), RunTime::ZERO);
    cursor.map(|due| (due.at.nanos() / 1_000_000, path(due))).collect()
}

#[test]
fn entries_are_due_where_they_were_or_where_the_rate_says() {
    let entries = vec![(0, 1), (30, 2), (30, 1), (100, 3)];
    let original = |speed_milli| Pace::Original { speed_milli };
    let at = |pace, seconds| {
        let tape = tape(&entries);
        let timetable = Timetable::of(&scenario(Arc::clone(&tape), pace, seconds), 0).unwrap();
        let sent = sent(&timetable, &tape);
        assert_eq!(timetable.planned().before(RunTime::MAX), sent.len() as u64);
        sent.iter().map(|(at, path)| format!("{at}{path}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(at(original(1_000), None), "0/0 30/1 30/2 100/3");
    assert_eq!(at(original(2_000), None), "0/0 15/1 15/2 50/3");
    assert_eq!(at(Pace::Rate(Rate::from_milli(100_000)), None), "0/0 10/1 20/2 30/3");
    let looped = at(original(100), Some(2));
    assert_eq!(looped, "0/0 300/1 300/2 1000/3 1333/0 1633/1 1633/2", "its span and one mean distance");
    let looped = at(Pace::Rate(Rate::from_milli(5_000)), Some(1));
    assert_eq!(looped, "0/0 200/1 400/2 600/3 800/0");
}

/// A log with an entry each so many milliseconds, with its own distances.
pub(super) fn spaced(entries: u64, ms: u64) -> Timetable {
    let entries = (0..entries).map(|n| (n * ms, n as u8)).collect();
    let pace = Pace::Original { speed_milli: 1_000 };
    Timetable::of(&scenario(tape(&entries), pace, None), 0).unwrap()
}

fn any_entries() -> impl Strategy<Value = Entries> {
    prop::collection::vec((0_u64..5_000, 0_u8..40), 1..200).prop_map(|mut entries| {
        entries.sort_by_key(|(at, _)| *at);
        let first = entries[0].0;
        entries.iter().map(|(at, client)| (at - first, *client)).collect()
    })
}

fn any_pace() -> impl Strategy<Value = Pace> {
    prop_oneof![
        (100_u64..10_000).prop_map(|speed_milli| Pace::Original { speed_milli }),
        (1_000_u64..1_000_000).prop_map(|milli| Pace::Rate(Rate::from_milli(milli))),
    ]
}

proptest! {
    #[test]
    fn owners_send_together_what_one_alone_would_and_clients_stay_in_order(
        entries in any_entries(), pace in any_pace(), seconds in prop::option::of(1_u64..8), owners in 1_usize..9
    ) {
        let tape = tape(&entries);
        let timetable = Timetable::of(&scenario(Arc::clone(&tape), pace, seconds), 0).unwrap();
        let whole: Vec<Due> = timetable.cursor(&LaneSet::all(), RunTime::ZERO).collect();
        prop_assert!(whole.is_sorted(), "in due order");
        prop_assert!(whole.iter().all(|due| due.at < timetable.end()));
        if seconds.is_none() {
            let mut numbers: Vec<u64> = whole.iter().map(|due| tape.mark(due.k).unwrap().number).collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..entries.len() as u64).collect::<Vec<_>>(), "every entry once");
        }
        let mut parts = vec![];
        for lanes in deal(&vec![1; owners], &LaneSet::all()) {
            let part: Vec<Due> = timetable.cursor(&lanes, RunTime::ZERO).collect();
            // A client's entries come in the order of the log, pass after pass.
            let mut last = std::collections::BTreeMap::new();
            for due in &part {
                let number = tape.mark(due.k).unwrap().number;
                let client = entries[usize::try_from(number).unwrap()].1;
                let (pass, before) = last.entry(client).or_insert((0_u64, None));
                if before.is_some_and(|before| before >= number) {
                    *pass += 1;
                }
                *before = Some(number);
                prop_assert!(*pass <= due.k / 4096, "passes only begin anew");
            }
            parts.extend(part);
        }
        parts.sort();
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn a_cursor_that_begins_later_goes_on_where_the_other_is(
        entries in any_entries(), pace in any_pace(), seconds in prop::option::of(1_u64..8), from_ms in 0_u64..9_000
    ) {
        let timetable = Timetable::of(&scenario(tape(&entries), pace, seconds), 0).unwrap();
        let from = RunTime::from_nanos(from_ms * 1_000_000);
        let lanes: LaneSet = (0..4096).step_by(3).collect();
        let late: Vec<Due> = timetable.cursor(&lanes, from).collect();
        let all = timetable.cursor(&lanes, RunTime::ZERO);
        prop_assert_eq!(late, all.filter(|due| due.at >= from).collect::<Vec<_>>());
    }
}
