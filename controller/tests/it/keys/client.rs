//! The keys that say how requests travel and what is asked of their answers.

use super::table::{PLAIN, Row, code, outcomes, raw_holds};
use super::{Seen, Target};

/// Whether any request has this line.
fn raw_ever_holds(seen: &Seen, text: &str) -> String {
    seen.raw.iter().any(|request| request.contains(text)).to_string()
}

pub(super) const ROWS: &[Row] = &[
    Row {
        key: "scenario.cookies",
        target: Target::Raw,
        with: &[("scenario.step", "[{ path = \"/\" }, { path = \"/b\" }]")],
        after: "true",
        look: |seen| raw_ever_holds(seen, "\r\ncookie: sid=7\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.auth.basic.password",
        target: Target::Raw,
        with: &[("scenario.step.auth.basic.user", "\"Aladdin\"")],
        before: Some("\"x\""),
        after: "\"open sesame\"",
        look: |seen| raw_holds(seen, "\r\nauthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
        seen_before: "false",
        seen_after: "true",
    },
    Row {
        key: "scenario.step.auth.basic.user",
        target: Target::Raw,
        with: &[("scenario.step.auth.basic.password", "\"open sesame\"")],
        before: Some("\"x\""),
        after: "\"Aladdin\"",
        look: |seen| raw_holds(seen, "\r\nauthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
        seen_before: "false",
        seen_after: "true",
    },
    Row {
        key: "scenario.step.auth.bearer",
        target: Target::Raw,
        after: "\"t0\"",
        look: |seen| raw_holds(seen, "\r\nauthorization: Bearer t0\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.expect.contains",
        after: "\"no such\"",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.expect.headers",
        after: "{ content-type = \"text/html\" }",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.expect.json",
        with: &[("scenario.step.path", "\"/api/query/dashboard\"")],
        after: "{ \"/documents\" = 7 }",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.expect.matches",
        after: "\"^demo\"",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.expect.max_size",
        after: "3",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.expect.max_time",
        with: &[("scenario.step.path", "\"/delay/30\"")],
        after: "\"20ms\"",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.expect.min_size",
        after: "1000",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.extract",
        after: "{ id = { json = \"/id\" } }",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "extract_failed 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.redirects",
        target: Target::Moved,
        after: "1",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "target.auth.basic.password",
        target: Target::Raw,
        with: &[("target.auth.basic.user", "\"Aladdin\"")],
        before: Some("\"x\""),
        after: "\"open sesame\"",
        look: |seen| raw_holds(seen, "\r\nauthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
        seen_before: "false",
        seen_after: "true",
    },
    Row {
        key: "target.auth.basic.user",
        target: Target::Raw,
        with: &[("target.auth.basic.password", "\"open sesame\"")],
        before: Some("\"x\""),
        after: "\"Aladdin\"",
        look: |seen| raw_holds(seen, "\r\nauthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
        seen_before: "false",
        seen_after: "true",
    },
    Row {
        key: "target.auth.bearer",
        target: Target::Raw,
        after: "\"t0\"",
        look: |seen| raw_holds(seen, "\r\nauthorization: Bearer t0\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "target.compression",
        target: Target::Raw,
        after: "true",
        look: |seen| raw_holds(seen, "\r\naccept-encoding: gzip, br, zstd, deflate\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "target.connection.max_age",
        target: Target::Raw,
        with: &[
            ("scenario.load.rate.at", "\"100/s\""),
            ("scenario.load.rate.for", "\"200ms\""),
            ("scenario.max_in_flight", "1"),
        ],
        after: "\"1ms\"",
        look: |seen| (seen.peers.len() >= 10).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "target.connection.max_requests",
        target: Target::Raw,
        with: &[
            ("scenario.load.rate.at", "\"100/s\""),
            ("scenario.load.rate.for", "\"200ms\""),
            ("scenario.max_in_flight", "1"),
        ],
        after: "1",
        look: |seen| (seen.peers.len() >= 10).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "target.connection.resolve",
        target: Target::Raw,
        with: &[("target.base_url", "\"http://api.invalid:81\"")],
        after: "{ \"api.invalid:81\" = \"127.0.0.1:@PORT\" }",
        look: code,
        seen_before: "106",
        seen_after: "0",
        ..PLAIN
    },
    Row {
        key: "target.connection.source",
        target: Target::Raw,
        after: "[\"127.0.0.9\"]",
        look: |seen| seen.peers.contains(&"127.0.0.9".to_owned()).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "target.connection.unix",
        after: "\"/nowhere/api.sock\"",
        look: code,
        seen_before: "0",
        seen_after: "106",
        ..PLAIN
    },
    Row {
        key: "target.connection.use",
        target: Target::Raw,
        with: &[
            ("scenario.load.rate.at", "\"100/s\""),
            ("scenario.load.rate.for", "\"200ms\""),
            ("scenario.max_in_flight", "1"),
        ],
        after: "\"per-request\"",
        look: |seen| (seen.peers.len() >= 10).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "target.redirects",
        target: Target::Moved,
        after: "1",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "check_failed 20",
        ..PLAIN
    },
    Row {
        key: "target.tls.cert",
        target: Target::Secure,
        with: &[("target.tls.ca", "\"@CA\""), ("target.tls.key", "\"@KEY\"")],
        before: Some("\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\""),
        after: "\"@OWN\"",
        look: code,
        seen_before: "106",
        seen_after: "0",
    },
    Row {
        key: "target.tls.key",
        target: Target::Secure,
        with: &[("target.tls.ca", "\"@CA\""), ("target.tls.cert", "\"@OWN\"")],
        before: Some("\"-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\""),
        after: "\"@KEY\"",
        look: code,
        seen_before: "106",
        seen_after: "0",
    },
];
