//! The keys that say how much is sent, when, and in which order.

use super::Seen;
use super::table::{PLAIN, Row, planned};

/// The most users at a time.
fn users(seen: &Seen) -> String {
    seen.report.loads[0].users.unwrap_or(0).to_string()
}

/// User time that was asked for, in seconds.
fn asked(seen: &Seen) -> String {
    format!("{:?}", seen.report.loads[0].user_time_asked_s.unwrap_or(0.0))
}

/// The second in which the load began.
fn begins(seen: &Seen) -> String {
    seen.report.timeline.iter().find(|row| row.started > 0).map_or(String::new(), |row| row.t_s.to_string())
}

pub(super) const ROWS: &[Row] = &[
    Row {
        key: "phase.for",
        with: &[("phase", "[{ name = \"p\", for = \"1s\" }]")],
        after: "\"2s\"",
        look: |seen| format!("{:?}", seen.report.phases[0].end_s),
        seen_before: "1.0",
        seen_after: "2.0",
        ..PLAIN
    },
    Row {
        key: "phase.name",
        with: &[("phase", "[{ name = \"p\", for = \"1s\" }]")],
        after: "\"other\"",
        look: |seen| format!("{} {}", seen.report.phases[0].name, seen.report.phases[0].series[0].requests),
        seen_before: "p 20",
        seen_after: "other 20",
        ..PLAIN
    },
    Row {
        key: "scenario.load.tries.count",
        with: &[("scenario.load", "{ tries = { count = 20, users = 2 } }")],
        after: "30",
        look: planned,
        seen_before: "20",
        seen_after: "30",
        ..PLAIN
    },
    Row {
        key: "scenario.load.tries.users",
        with: &[("scenario.load", "{ tries = { count = 20, users = 2 } }")],
        after: "4",
        look: users,
        seen_before: "2",
        seen_after: "4",
        ..PLAIN
    },
    Row {
        key: "scenario.load.tries.within",
        with: &[
            ("scenario.load", "{ tries = { count = 10, users = 1 } }"),
            ("scenario.step.path", "\"/delay/100\""),
        ],
        after: "\"300ms\"",
        look: |seen| (seen.report.ledger["s"].skipped.time_up > 0).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.load.users.at",
        with: &[
            ("scenario.load", "{ users = [{ at = 1, for = \"200ms\" }] }"),
            ("scenario.think", "\"20ms\""),
        ],
        after: "3",
        look: users,
        seen_before: "1",
        seen_after: "3",
        ..PLAIN
    },
    Row {
        key: "scenario.load.users.for",
        with: &[
            ("scenario.load", "{ users = [{ at = 1, for = \"200ms\" }] }"),
            ("scenario.think", "\"20ms\""),
        ],
        after: "\"400ms\"",
        look: asked,
        seen_before: "0.2",
        seen_after: "0.4",
        ..PLAIN
    },
    Row {
        key: "scenario.load.users.spawn",
        with: &[
            ("scenario.load", "{ users = [{ at = 2, for = \"500ms\" }] }"),
            ("scenario.think", "\"20ms\""),
        ],
        after: "\"4/s\"",
        look: asked,
        seen_before: "1.0",
        seen_after: "0.75",
        ..PLAIN
    },
    Row {
        key: "scenario.load.users.to",
        with: &[
            ("scenario.load", "{ users = [{ to = 1, for = \"200ms\" }] }"),
            ("scenario.think", "\"20ms\""),
        ],
        after: "4",
        look: users,
        seen_before: "1",
        seen_after: "4",
        ..PLAIN
    },
    Row {
        key: "scenario.on_error",
        with: &[("scenario.step", "[{ path = \"/none\" }, { path = \"/\" }]")],
        after: "\"stop\"",
        look: |seen| seen.records.len().to_string(),
        seen_before: "40",
        seen_after: "20",
        ..PLAIN
    },
    Row {
        key: "scenario.pacing",
        with: &[("scenario.load", "{ users = [{ at = 1, for = \"1s\" }] }")],
        after: "\"300ms\"",
        look: |seen| (seen.report.ledger["s"].started == 4).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.phases",
        with: &[("phase", "[{ name = \"a\", for = \"1s\" }, { name = \"b\", for = \"1s\" }]")],
        after: "[\"b\"]",
        look: begins,
        seen_before: "0",
        seen_after: "1",
        ..PLAIN
    },
    Row {
        key: "scenario.step.think",
        with: &[("scenario.step", "[{ path = \"/\" }, { path = \"/tests\" }]")],
        after: "\"300ms\"",
        look: |seen| (seen.report.series[2].response_time.p50 > 300_000).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.think",
        with: &[("scenario.load", "{ users = [{ at = 1, for = \"1s\" }] }")],
        after: "\"300ms\"",
        look: |seen| (seen.report.ledger["s"].started < 6).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.pick",
        with: &[("scenario.step", "[{ path = \"/\" }, { path = \"/tests\" }]")],
        after: "\"weighted\"",
        look: |seen| seen.records.len().to_string(),
        seen_before: "40",
        seen_after: "20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.weight",
        with: &[
            ("scenario.pick", "\"weighted\""),
            ("scenario.step", "[{ path = \"/\", name = \"a\" }, { path = \"/\", name = \"b\", weight = 1 }]"),
        ],
        after: "1000000",
        look: |seen| seen.report.series[0].requests.to_string(),
        seen_before: "12",
        seen_after: "20",
        ..PLAIN
    },
    Row { key: "scenario.start", after: "\"1s\"", look: begins, seen_before: "0", seen_after: "1", ..PLAIN },
];
