//! The keys of a replay.

use super::Target;
use super::table::{PLAIN, Row, planned, raw_holds};

const LOG: (&str, &str) = ("scenario.load.replay.log", "\"@LOGS/mixed\"");
const MANY: (&str, &str) = ("scenario.load.replay.log", "\"@LOGS/many\"");
const VHOST: (&str, &str) = ("scenario.load.replay.format", "\"vhost\"");
const FAST: (&str, &str) = ("scenario.load.replay.at", "\"100/s\"");

const FILTER: Row = Row { with: &[MANY, VHOST, FAST], look: planned, seen_before: "3", ..PLAIN };

pub(super) const ROWS: &[Row] = &[
    Row {
        key: "scenario.load.replay.log",
        with: &[FAST, VHOST],
        before: Some("\"@LOGS/m*\""),
        after: "\"@LOGS/many\"",
        look: |seen| seen.report.warnings.len().min(2).to_string(),
        seen_before: "2",
        seen_after: "1",
        ..PLAIN
    },
    Row {
        key: "scenario.load.replay.format",
        with: &[LOG, FAST],
        after: "\"common\"",
        look: planned,
        seen_before: "2",
        seen_after: "3",
        ..PLAIN
    },
    Row {
        key: "scenario.load.replay.json",
        with: &[LOG, FAST],
        after: "{ time = \"t\", path = \"p\" }",
        look: planned,
        seen_before: "2",
        seen_after: "4",
        ..PLAIN
    },
    Row {
        key: "scenario.load.replay.csv",
        with: &[LOG, FAST],
        after: "{ time = \"1\", path = \"2\" }",
        look: planned,
        seen_before: "2",
        seen_after: "5",
        ..PLAIN
    },
    Row {
        key: "scenario.load.replay.at",
        with: &[MANY, VHOST],
        after: "\"100/s\"",
        look: |seen| (seen.report.run.duration_s > 2.9).to_string(),
        seen_before: "true",
        seen_after: "false",
        ..PLAIN
    },
    Row {
        key: "scenario.load.replay.speed",
        with: &[MANY, VHOST],
        after: "\"10x\"",
        look: |seen| (seen.report.run.duration_s > 2.9).to_string(),
        seen_before: "true",
        seen_after: "false",
        ..PLAIN
    },
    Row { key: "scenario.load.replay.for", after: "\"200ms\"", seen_after: "20", ..FILTER },
    Row { key: "scenario.load.replay.methods", after: "[\"HEAD\"]", seen_after: "1", ..FILTER },
    Row { key: "scenario.load.replay.paths", after: "[\"/*\", \"!/bytes/*\"]", seen_after: "2", ..FILTER },
    Row { key: "scenario.load.replay.status", after: "[\"404\", \"5xx\"]", seen_after: "1", ..FILTER },
    Row { key: "scenario.load.replay.unsafe_methods", after: "true", seen_after: "4", ..FILTER },
    Row {
        key: "scenario.load.replay.keep_host",
        target: Target::Raw,
        with: &[MANY, VHOST, FAST],
        after: "true",
        look: |seen| raw_holds(seen, "host: h.example"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
];
