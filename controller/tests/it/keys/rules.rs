//! A row for every key of a rule.

use super::Seen;
use super::table::{PLAIN, Row, code};

/// Whether the run was stopped before its end.
fn stopped(seen: &Seen) -> String {
    (seen.report.ledger["s"].skipped.stopped > 0).to_string()
}

/// How many windows were judged.
fn windows(seen: &Seen) -> String {
    let windows = seen.report.thresholds[0].windows.as_ref();
    windows.map_or_else(|| "none".to_owned(), |windows| windows.judged.to_string())
}

const THREE_SECONDS: &str = "[{ at = \"100/s\", for = \"3s\" }]";

pub(super) const ROWS: &[Row] = &[
    Row {
        key: "threshold.abort",
        with: &[
            ("threshold", "[{ metric = \"rate\", limit = \"> 900/s\" }]"),
            ("scenario.load.rate", THREE_SECONDS),
        ],
        after: "true",
        look: stopped,
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "threshold.every",
        with: &[
            ("threshold", "[{ metric = \"rate\", limit = \"> 1/s\", window = \"2s\" }]"),
            ("scenario.load.rate", THREE_SECONDS),
        ],
        after: "\"2s\"",
        look: windows,
        seen_before: "2",
        seen_after: "1",
        ..PLAIN
    },
    Row {
        key: "threshold.grace",
        with: &[
            ("threshold", "[{ metric = \"rate\", limit = \"> 900/s\", abort = true }]"),
            ("scenario.load.rate", THREE_SECONDS),
        ],
        after: "\"10m\"",
        look: stopped,
        seen_before: "true",
        seen_after: "false",
        ..PLAIN
    },
    Row {
        key: "threshold.limit",
        with: &[("threshold", "[{ metric = \"error_rate\", limit = \"< 1%\" }]")],
        after: "\"> 50%\"",
        look: code,
        seen_before: "0",
        seen_after: "99",
        ..PLAIN
    },
    Row {
        key: "threshold.metric",
        with: &[("threshold", "[{ metric = \"error_rate\", limit = \"< 1%\" }]")],
        after: "\"s.delivered\"",
        look: code,
        seen_before: "0",
        seen_after: "99",
        ..PLAIN
    },
    Row {
        key: "threshold.min_samples",
        with: &[("threshold", "[{ metric = \"error_rate\", limit = \"< 1%\" }]")],
        after: "1000",
        look: code,
        seen_before: "0",
        seen_after: "99",
        ..PLAIN
    },
    Row {
        key: "threshold.phase",
        with: &[
            ("threshold", "[{ metric = \"requests\", limit = \"> 150\" }]"),
            ("scenario.load.rate", THREE_SECONDS),
            ("phase", "[{ name = \"first\", for = \"1s\" }]"),
        ],
        after: "\"first\"",
        look: code,
        seen_before: "0",
        seen_after: "99",
        ..PLAIN
    },
    Row {
        key: "threshold.status",
        with: &[("threshold", "[{ metric = \"requests\", limit = \">= 1\" }]")],
        after: "\"404\"",
        look: code,
        seen_before: "0",
        seen_after: "99",
        ..PLAIN
    },
    Row {
        key: "threshold.step",
        with: &[
            ("threshold", "[{ metric = \"requests\", limit = \"> 30\" }]"),
            ("scenario.step", "[{ path = \"/\" }, { path = \"/b\", expect.status = [200, 404] }]"),
        ],
        after: "\"GET /b\"",
        look: code,
        seen_before: "0",
        seen_after: "99",
        ..PLAIN
    },
    Row {
        key: "threshold.window",
        with: &[
            ("threshold", "[{ metric = \"rate\", limit = \"> 1/s\" }]"),
            ("scenario.load.rate", THREE_SECONDS),
        ],
        after: "\"1s\"",
        look: windows,
        seen_before: "none",
        seen_after: "3",
        ..PLAIN
    },
];
