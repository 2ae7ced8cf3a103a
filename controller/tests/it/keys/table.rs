//! A row for every key: the plan around it, its value, and what is seen without and with it.

use super::{Seen, Target};

/// One key.
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) target: Target,
    /// What the plan has besides, on both sides.
    pub(super) with: &'static [(&'static str, &'static str)],
    /// The key's value before the change; `None`: absent, or as in the base plan.
    pub(super) before: Option<&'static str>,
    pub(super) after: &'static str,
    pub(super) look: fn(&Seen) -> String,
    pub(super) seen_before: &'static str,
    pub(super) seen_after: &'static str,
}

pub(super) const PLAIN: Row = Row {
    key: "",
    target: Target::Demo,
    with: &[],
    before: None,
    after: "",
    look: |_| String::new(),
    seen_before: "",
    seen_after: "",
};

const POISSON: (&str, &str) = ("scenario.load.arrivals", "\"poisson\"");

pub(super) fn planned(seen: &Seen) -> String {
    seen.report.ledger["s"].planned.to_string()
}

pub(super) fn outcomes(seen: &Seen) -> String {
    let outcomes = seen.report.series[0].outcomes.iter().map(|(name, n)| format!("{name} {n}"));
    outcomes.collect::<Vec<_>>().join(", ")
}

pub(super) fn code(seen: &Seen) -> String {
    seen.code.to_string()
}

/// Method, path and arrival of the first request.
pub(super) fn request(seen: &Seen) -> String {
    seen.records
        .first()
        .map_or(String::new(), |first| format!("{} {} {}", first.method, first.path, first.arrival))
}

/// Whether the first request has this line or body.
pub(super) fn raw_holds(seen: &Seen, text: &str) -> String {
    seen.raw.first().is_some_and(|request| request.contains(text)).to_string()
}

fn skipped_or_not(seen: &Seen) -> String {
    let skipped = seen.report.ledger["s"].skipped;
    format!("late {}, overload {}", skipped.late > 0, skipped.overload > 0)
}

pub(super) const ROWS: &[Row] = &[
    Row {
        key: "agents.expect",
        after: "2",
        look: |seen| format!("{} {}", seen.code, seen.report.verdict.reasons.join("")),
        seen_before: "0 ",
        seen_after: "106 the run did not start: 0 of 2 agents joined in time",
        ..PLAIN
    },
    Row {
        // Stopped for longer than a lease of 1 s: what was due meanwhile had none.
        key: "agents.lease_ttl",
        target: Target::Stopping(1200),
        with: &[("max_lateness", "\"20ms\""), ("scenario.load.rate.for", "\"3s\"")],
        after: "\"1s\"",
        look: |seen| (seen.report.ledger["s"].skipped.by_fault() > 0).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "agents.on_loss",
        target: Target::Losing,
        with: &[("agents.lease_ttl", "\"1s\""), ("scenario.load.rate.for", "\"2s\"")],
        after: "\"abort\"",
        look: code,
        seen_before: "0",
        seen_after: "108",
        ..PLAIN
    },
    Row {
        // At 1,600/s one arrival in eight is due at a whole millisecond; economy lets the others wait for the next.
        key: "agents.pacing",
        with: &[("scenario.load.rate.at", "\"1600/s\"")],
        after: "\"economy\"",
        look: |seen| (seen.punctual() > 0.2).to_string(),
        seen_before: "true",
        seen_after: "false",
        ..PLAIN
    },
    Row {
        key: "drain",
        with: &[("scenario.step.path", "\"/delay/1500\"")],
        after: "\"300ms\"",
        look: |seen| (seen.report.ledger["s"].abandoned > 0).to_string(),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "max_lateness",
        target: Target::Stopping(300),
        with: &[("scenario.load.rate.for", "\"500ms\"")],
        after: "\"20ms\"",
        look: skipped_or_not,
        seen_before: "late false, overload false",
        seen_after: "late true, overload false",
        ..PLAIN
    },
    Row {
        key: "name",
        after: "\"other\"",
        look: |seen| seen.report.run.name.clone(),
        seen_before: "base",
        seen_after: "other",
        ..PLAIN
    },
    Row {
        key: "scenario.load.arrivals",
        after: "\"poisson\"",
        look: |seen| (planned(seen) == "20").to_string(),
        seen_before: "true",
        seen_after: "false",
        ..PLAIN
    },
    Row {
        key: "scenario.load.rate.at",
        after: "\"50/s\"",
        look: planned,
        seen_before: "20",
        seen_after: "10",
        ..PLAIN
    },
    Row {
        key: "scenario.load.rate.for",
        after: "\"300ms\"",
        look: planned,
        seen_before: "20",
        seen_after: "30",
        ..PLAIN
    },
    Row {
        key: "scenario.load.rate.from",
        with: &[("scenario.load.rate", "[{ from = \"0/s\", to = \"200/s\", for = \"200ms\" }]")],
        after: "\"100/s\"",
        look: planned,
        seen_before: "20",
        seen_after: "30",
        ..PLAIN
    },
    Row {
        key: "scenario.load.rate.to",
        with: &[("scenario.load.rate", "[{ from = \"0/s\", to = \"200/s\", for = \"200ms\" }]")],
        after: "\"400/s\"",
        look: planned,
        seen_before: "20",
        seen_after: "40",
        ..PLAIN
    },
    Row {
        key: "scenario.max_in_flight",
        with: &[("scenario.step.path", "\"/delay/1000\""), ("scenario.overload", "\"skip\"")],
        after: "4",
        look: |seen| seen.report.ledger["s"].started.to_string(),
        seen_before: "20",
        seen_after: "4",
        ..PLAIN
    },
    Row {
        key: "scenario.name",
        after: "\"other\"",
        look: |seen| seen.report.series[0].scenario.clone(),
        seen_before: "s",
        seen_after: "other",
        ..PLAIN
    },
    Row {
        key: "scenario.overload",
        with: &[("scenario.step.path", "\"/delay/300\""), ("scenario.max_in_flight", "10")],
        after: "\"skip\"",
        look: skipped_or_not,
        seen_before: "late false, overload false",
        seen_after: "late false, overload true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.expect.status",
        after: "[204]",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "unexpected_status 20",
        ..PLAIN
    },
    Row {
        key: "scenario.step.headers",
        target: Target::Raw,
        after: "{ x-step = \"1\" }",
        look: |seen| raw_holds(seen, "\r\nx-step: 1\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "scenario.step.method",
        after: "\"DELETE\"",
        look: request,
        seen_before: "GET / ",
        seen_after: "DELETE / ",
        ..PLAIN
    },
    Row {
        key: "scenario.step.name",
        after: "\"greeting\"",
        look: |seen| seen.report.series[0].step.clone(),
        seen_before: "GET /",
        seen_after: "greeting",
        ..PLAIN
    },
    Row {
        key: "scenario.step.path",
        after: "\"/bytes/7?x=1\"",
        look: request,
        seen_before: "GET / ",
        seen_after: "GET /bytes/7?x=1 ",
        ..PLAIN
    },
    Row {
        key: "scenario.step.timeout",
        with: &[("scenario.step.path", "\"/delay/500\"")],
        after: "\"100ms\"",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "timeout 20",
        ..PLAIN
    },
    Row {
        key: "seed",
        with: &[POISSON, ("scenario.load.rate.at", "\"1000/s\"")],
        before: Some("1"),
        after: "2",
        look: planned,
        seen_before: "199",
        seen_after: "204",
        ..PLAIN
    },
    Row {
        key: "target.base_url",
        after: "\"@URL/prefix\"",
        look: request,
        seen_before: "GET / ",
        seen_after: "GET /prefix/ ",
        ..PLAIN
    },
    Row {
        key: "target.headers",
        target: Target::Raw,
        after: "{ x-target = \"1\" }",
        look: |seen| raw_holds(seen, "\r\nx-target: 1\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "target.http",
        target: Target::Raw,
        after: "\"2\"",
        look: |seen| raw_holds(seen, "PRI * HTTP/2.0\r\n"),
        seen_before: "false",
        seen_after: "true",
        ..PLAIN
    },
    Row {
        key: "target.identify",
        after: "true",
        look: request,
        seen_before: "GET / ",
        seen_after: "GET / s:0",
        ..PLAIN
    },
    Row {
        key: "target.timeout",
        with: &[("scenario.step.path", "\"/delay/500\"")],
        after: "\"100ms\"",
        look: outcomes,
        seen_before: "ok 20",
        seen_after: "timeout 20",
        ..PLAIN
    },
    Row {
        key: "target.tls.ca",
        target: Target::Secure,
        after: "\"@CA\"",
        look: code,
        seen_before: "106",
        seen_after: "0",
        ..PLAIN
    },
    Row {
        key: "target.tls.verify",
        target: Target::Secure,
        after: "false",
        look: code,
        seen_before: "106",
        seen_after: "0",
        ..PLAIN
    },
];
