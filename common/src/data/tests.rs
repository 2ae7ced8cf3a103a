//! Tables are read as they stand, and every order keeps its law.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A table as one line for each row.
fn shown(table: Result<Table, TableError>) -> String {
    let table = match table {
        Ok(table) => table,
        Err(error) => return error.to_string(),
    };
    let cell = |row, column| match table.cell(row, column) {
        (text, Kind::Text) => format!("'{text}'"),
        (text, Kind::Plain) => text.to_owned(),
    };
    let row =
        |row| (0..table.columns().len().max(1)).map(|column| cell(row, column)).collect::<Vec<_>>().join(",");
    format!("{}: {}", table.columns().join(","), (0..table.rows()).map(row).collect::<Vec<_>>().join(" / "))
}

#[test]
fn csv_is_read_as_rfc_4180_says() {
    for (text, expected, why) in [
        ("a,b\n1,2\n3,4\n", "a,b: '1','2' / '3','4'", "rows of texts"),
        ("\u{feff}a\r\nx\r\n", "a: 'x'", "a byte order mark and Windows lines"),
        ("a,b\n\"x,\"\"y\"\"\",\n", "a,b: 'x,\"y\"',''", "quotes and an empty value"),
        ("a\n\n1\n", "a: '1'", "empty lines are none"),
        ("a,b\n1\n", "line 2: 1 values for 2 columns; quote values that hold commas", "too few"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 values for 2 columns; quote values that hold commas", "too many"),
        ("a,a\n1,2\n", "line 1: two columns named `a`; names are unique", "twice the same column"),
        ("a\n", "line 1: no rows; write a row below the names of the columns", "only names"),
        ("", "line 1: no columns; the first line names the columns, like name,email", "nothing"),
    ] {
        assert_eq!(shown(Table::csv(text.as_bytes())), expected, "{why}");
    }
    assert_eq!(shown(Table::csv(b"a\n1\n\xff\n")), "line 3: not UTF-8; save the file as UTF-8");
}

#[test]
fn json_lines_have_the_columns_of_all_their_objects() {
    for (text, expected, why) in [
        ("{\"a\":1}\n{\"b\":\"x\",\"a\":[2]}\n", "a,b: 1,'' / [2],'x'", "a missing key is empty"),
        ("\"x\"\n2\n", ": 'x' / 2", "plain values"),
        ("\n {\"a\":null} \r\n", "a: null", "space around a line"),
        ("{\"a\":1}\n2\n", "line 2: objects and plain values in one table; all objects, or none", "mixed"),
        ("{}\n", "line 1: an object without keys; like {\"name\": \"x\"}", "no keys"),
        ("\n", "line 1: no rows; write a value in each line, like {\"name\": \"x\"}", "nothing"),
    ] {
        assert_eq!(shown(Table::jsonl(text.as_bytes())), expected, "{why}");
    }
    let broken = shown(Table::jsonl(b"{\"a\":1}\n{\"a\"\n"));
    assert!(broken.starts_with("line 2: not JSON: "), "{broken}");
}

fn deal(order: Order, end: End, rows: usize) -> Deal {
    Deal::new((7, "d"), rows, (order, end), &[])
}

fn of(k: u64, user: u64) -> Whose {
    Whose { k, user, dense: k }
}

#[test]
fn every_order_keeps_its_law() {
    let row = |order, k, user| deal(order, End::Stop, 3).row(of(k, user));
    assert_eq!((0..5).map(|k| row(Order::Sequential, k, 9)).collect::<Vec<_>>(), [0, 1, 2, 0, 1].map(Some));
    assert_eq!(
        (0..5).map(|user| row(Order::PerUser, 9, user)).collect::<Vec<_>>(),
        [0, 1, 2, 0, 1].map(Some)
    );
    let random: BTreeSet<_> = (0..100).map(|k| row(Order::Random, k, 0)).collect();
    assert_eq!(random, BTreeSet::from([0, 1, 2].map(Some)));
    assert_eq!(row(Order::Unique, 3, 0), None, "used up");
    let wrapped = deal(Order::Unique, End::Wrap, 3);
    assert_eq!(
        (3..6).map(|k| wrapped.row(of(k, 0))).collect::<Vec<_>>(),
        (0..3).map(|k| wrapped.row(of(k, 0))).collect::<Vec<_>>()
    );
}

#[test]
fn random_rows_are_as_frequent_as_their_weights() {
    let deal = Deal::new((7, "d"), 3, (Order::Random, End::Stop), &[6.0, 0.0, 2.0]);
    let mut seen = [0_u32; 3];
    (0..80_000).for_each(|k| seen[deal.row(of(k, 0)).unwrap()] += 1);
    assert_eq!(seen[1], 0);
    // The standard deviation is 122.
    assert!(seen[0].abs_diff(60_000) < 500, "{seen:?}");
}

proptest! {
    #[test]
    fn a_permutation_is_one(seed: u64, n in 1_u64..3000) {
        let permutation = Permutation::new(seed, "p", n);
        let seen: BTreeSet<u64> = (0..n).map(|i| permutation.at(i)).collect();
        prop_assert_eq!(seen.len() as u64, n);
        prop_assert!(seen.last().is_none_or(|last| *last < n));
    }

    /// Whoever owns which lanes, and from whichever moment on: the rows of all arrivals together are all rows, once.
    #[test]
    fn unique_rows_are_unique_over_agents_and_their_changes(
        rows in 1_usize..2000,
        owners in prop::collection::vec((0_u64..7, 0_u64..2000), 1..6),
    ) {
        // An owner of a lane changes at some arrivals: who fires k is the last one that took its lane before k.
        let mut by_agent = vec![Vec::new(); 7];
        for k in 0..rows as u64 {
            let lane = k % 64;
            let agent = owners.iter().filter(|(_, from)| *from <= k).map(|(agent, _)| (agent + lane) % 7).next_back();
            by_agent[agent.unwrap_or(0) as usize].push(k);
        }
        // Each agent deals for itself, from the plan alone.
        let rows_of = |numbers: Vec<u64>| {
            let deal = deal(Order::Unique, End::Stop, rows);
            numbers.into_iter().filter_map(|k| deal.row(of(k, 0))).collect::<Vec<_>>()
        };
        let dealt: Vec<usize> = by_agent.into_iter().flat_map(rows_of).collect();
        prop_assert_eq!(dealt.len(), rows);
        prop_assert_eq!(dealt.into_iter().collect::<BTreeSet<_>>().len(), rows);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "([a-c{}\\[\\]:\",0-9\n]){0,80}") {
        for bytes in [bytes, text.into_bytes()] {
            for table in [Table::csv(&bytes), Table::jsonl(&bytes)].into_iter().flatten() {
                prop_assert!(table.rows() > 0);
                drop(table.cell(table.rows() - 1, table.columns().len().max(1) - 1).0.to_owned());
            }
        }
    }
}
