//! The keys of data, bodies and forms.

use super::table::{PLAIN, Row, code, raw_holds, request};
use super::{Seen, Target};
use std::collections::BTreeSet;

/// Data of two rows, and a step that asks for them.
const DATA: [(&str, &str); 2] =
    [("data", "[{ name = \"d\", values = [\"a\", \"b\"] }]"), ("scenario.step.path", "\"/{{ d }}\"")];

/// The different paths that were asked for.
fn paths(seen: &Seen) -> String {
    let paths: BTreeSet<&str> = seen.records.iter().map(|record| record.path.as_str()).collect();
    paths.into_iter().collect::<Vec<_>>().join(" ")
}

pub(super) const ROWS: &[Row] = &[
    Row {
        // The file's rows in place of the plan's.
        key: "data.csv",
        with: &[("data", "[{ name = \"d\" }]"), ("scenario.step.path", "\"/{{ d.name }}\"")],
        before: Some("\"@HERE/one.csv\""),
        after: "\"@HERE/two.csv\"",
        look: paths,
        seen_before: "/one",
        seen_after: "/two",
        ..PLAIN
    },
    Row {
        key: "data.end",
        with: &[DATA[0], DATA[1], ("data.order", "\"unique\"")],
        after: "\"wrap\"",
        look: |seen| seen.report.ledger["s"].started.to_string(),
        seen_before: "2",
        seen_after: "20",
        ..PLAIN
    },
    Row {
        key: "data.jsonl",
        with: &[("data", "[{ name = \"d\" }]"), ("scenario.step.path", "\"/{{ d.name }}\"")],
        before: Some("\"@HERE/one.jsonl\""),
        after: "\"@HERE/two.jsonl\"",
        look: paths,
        seen_before: "/one",
        seen_after: "/two",
        ..PLAIN
    },
    Row {
        // A step that asks for it under its old name is no step.
        key: "data.name",
        target: Target::Refused,
        with: &DATA,
        before: Some("\"d\""),
        after: "\"e\"",
        look: code,
        seen_before: "0",
        seen_after: "104",
    },
    Row {
        // Arrivals that come by themselves are no users.
        key: "data.order",
        target: Target::Refused,
        with: &DATA,
        after: "\"per-user\"",
        look: code,
        seen_before: "0",
        seen_after: "104",
        ..PLAIN
    },
    Row {
        key: "data.values",
        with: &DATA,
        before: Some("[\"x\"]"),
        after: "[\"y\"]",
        look: paths,
        seen_before: "/x",
        seen_after: "/y",
        ..PLAIN
    },
    Row {
        key: "data.weights",
        with: &[DATA[0], DATA[1], ("data.order", "\"random\"")],
        after: "[0, 1]",
        look: paths,
        seen_before: "/a /b",
        seen_after: "/b",
        ..PLAIN
    },
    Row {
        key: "scenario.step.body",
        target: Target::Raw,
        after: "\"cargo\"",
        look: |seen| raw_holds(seen, "content-length: 5\r\n\r\ncargo"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.file",
        target: Target::Raw,
        with: &[],
        after: "\"@HERE/one.csv\"",
        look: |seen| raw_holds(seen, "content-length: 9\r\n\r\nname\none\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.form",
        target: Target::Raw,
        after: "{ a = \"1 2\" }",
        look: |seen| raw_holds(seen, "content-length: 7\r\n\r\na=1%202"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.json",
        target: Target::Raw,
        after: "\"[1]\"",
        look: |seen| raw_holds(seen, "content-type: application/json\r\ncontent-length: 3\r\n\r\n[1]"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.multipart.file",
        target: Target::Raw,
        with: &[("scenario.step.multipart", "[{ name = \"n\", file = \"@HERE/one.csv\" }]")],
        after: "\"@HERE/two.csv\"",
        look: |seen| {
            raw_holds(
                seen,
                "name=\"n\"; filename=\"two.csv\"\r\ncontent-type: application/octet-stream\r\n\r\nname\ntwo\n",
            )
        },
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.multipart.filename",
        target: Target::Raw,
        with: &[("scenario.step.multipart", "[{ name = \"n\", value = \"v\" }]")],
        after: "\"x.txt\"",
        look: |seen| raw_holds(seen, "name=\"n\"; filename=\"x.txt\""),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.multipart.name",
        target: Target::Raw,
        with: &[("scenario.step.multipart", "[{ name = \"n\", value = \"v\" }]")],
        after: "\"other\"",
        look: |seen| raw_holds(seen, "form-data; name=\"other\"\r\n\r\nv\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.multipart.type",
        target: Target::Raw,
        with: &[("scenario.step.multipart", "[{ name = \"n\", value = \"v\" }]")],
        after: "\"a/b\"",
        look: |seen| raw_holds(seen, "name=\"n\"\r\ncontent-type: a/b\r\n\r\nv\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.multipart.value",
        target: Target::Raw,
        with: &[("scenario.step.multipart", "[{ name = \"n\", value = \"v\" }]")],
        after: "\"w\"",
        look: |seen| raw_holds(seen, "name=\"n\"\r\n\r\nw\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.query",
        after: "{ q = \"a b\" }",
        look: request,
        seen_before: "GET / ",
        seen_after: "GET /?q=a%20b ",
        ..PLAIN
    },
];
