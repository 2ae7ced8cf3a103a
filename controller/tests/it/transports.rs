//! Every way in which a request can travel and end.

use crate::cluster::{Cluster, Run, plan, run_alone, turn};
use crate::targets::{PLAIN, Raw, arrivals_of, demo, demo_with};
use common::report::Judgment;
use demo::{Running, Tls};
use std::collections::BTreeSet;

const LOAD: &str = r#"load.rate = [ { at = "50/s", for = "400ms" } ]"#;
const REQUESTS: u64 = 20;

/// All requests ended well, and the target knows of each arrival.
fn assert_all_answered(run: &Run, demo: &Running) {
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stdout);
    let (row, books) = (run.series("s"), run.books());
    assert_eq!([books.planned, books.finished, row.outcomes["ok"]], [REQUESTS; 3], "{:?}", row.outcomes);
    assert_eq!(arrivals_of(&demo.recorded(), "s"), (0..REQUESTS).collect::<Vec<_>>());
}

/// A demo service with a certificate of its own CA, and that CA as a line of a plan's target.
fn secure_demo() -> (Running, String) {
    let folder = tempfile::tempdir().unwrap();
    let ca_out = folder.path().join("ca.pem");
    let demo = demo_with(|config| config.tls = Tls::SelfSigned { ca_out: ca_out.clone() });
    let ca = std::fs::read_to_string(ca_out).unwrap();
    (demo, format!("identify = true\ntls = {{ ca = \"\"\"\n{ca}\"\"\" }}"))
}

#[test]
fn https_with_the_plans_own_ca() {
    let _turn = turn();
    let (demo, target) = secure_demo();
    let run = run_alone(&plan(&demo.url(), &target, LOAD, r#"path = "/random""#));
    // `/random` answers 404 and 500 now and then.
    assert_eq!(run.series("s").requests, REQUESTS);
    let run = run_alone(&plan(&demo.url(), &target, LOAD, r#"path = "/bytes/100000""#));
    assert_eq!(run.series("s").outcomes["ok"], REQUESTS);
    let without = run_alone(&plan(&demo.url(), "", LOAD, r#"path = "/""#));
    assert_eq!(without.controller.code, Some(106), "a CA that nobody trusts: {:?}", without.report.verdict);
}

#[test]
fn http2_in_the_clear_and_over_tls() {
    let _turn = turn();
    let clear = demo();
    let target = "identify = true\nhttp = \"2\"";
    assert_all_answered(&run_alone(&plan(&clear.url(), target, LOAD, r#"path = "/bytes/5000""#)), &clear);
    let (secure, target) = secure_demo();
    let target = format!("http = \"2\"\n{target}");
    let step = "method = \"POST\"\npath = \"/tests\"\nbody = '{\"a\": 1}'\nexpect.status = [201]";
    let run = run_alone(&plan(&secure.url(), &target, LOAD, step));
    assert_all_answered(&run, &secure);
    assert_eq!(secure.stats().count("POST /tests", 201), REQUESTS);
}

#[test]
fn a_request_goes_over_the_wire_as_it_is_written() {
    let _turn = turn();
    let raw = Raw::answering(PLAIN);
    let step = r#"
        method = "PUT"
        path = "/a/b?c=d%20e"
        headers = { content-type = "text/plain", X-Own = "1, 2" }
        body = "tschüss\n"
        "#;
    let run = run_alone(&plan(&raw.url, "headers = { x-all = \"yes\" }", LOAD, step));
    assert_eq!(run.series("s").outcomes["ok"], REQUESTS);
    let requests = raw.requests();
    assert_eq!(requests.len() as u64, REQUESTS);
    let host = raw.url.strip_prefix("http://").unwrap();
    for request in requests {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<&str> = head.split("\r\n").collect();
        assert_eq!(lines.remove(0), "PUT /a/b?c=d%20e HTTP/1.1");
        lines.sort_unstable();
        let (host, agent) =
            (format!("host: {host}"), concat!("user-agent: stampede/", env!("CARGO_PKG_VERSION")));
        let own =
            ["content-length: 9", "content-type: text/plain", &host, agent, "x-all: yes", "x-own: 1, 2"];
        assert_eq!(lines, own);
        assert_eq!(body, "tschüss\n");
    }
}

#[test]
fn bodies_of_every_framing_are_read_to_their_end() {
    let _turn = turn();
    let demo = demo();
    let large = run_alone(&plan(&demo.url(), "identify = true", LOAD, r#"path = "/bytes/1000000""#));
    assert_all_answered(&large, &demo);
    let row = large.series("s");
    assert!(row.size.min <= 1_000_000 && 1_000_000 <= row.size.max, "{:?}", row.size);
    assert!(row.bytes_in >= REQUESTS * 1_000_000, "heads count too: {}", row.bytes_in);

    let head = run_alone(&plan(&demo.url(), "", LOAD, "method = \"HEAD\"\npath = \"/bytes/1000\""));
    let row = head.series("s");
    assert_eq!((row.outcomes["ok"], row.size.max), (REQUESTS, 0), "an answer to HEAD has no body");
    assert_eq!(demo.stats().count("HEAD /bytes/{n}", 200), REQUESTS);

    let chunks = Raw::answering(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nt: 1\r\n\r\n",
    );
    let chunked = run_alone(&plan(&chunks.url, "", LOAD, r#"path = "/""#));
    let row = chunked.series("s");
    assert_eq!((row.outcomes["ok"], row.size.min, row.size.max), (REQUESTS, 13, 13));
}

#[test]
fn an_answer_that_does_not_come_in_time_is_a_timeout() {
    let _turn = turn();
    let demo = demo();
    let run = run_alone(&plan(&demo.url(), "timeout = \"200ms\"", LOAD, r#"path = "/delay/2000""#));
    let row = run.series("s");
    assert_eq!((row.outcomes["timeout"], row.errors, row.response_time.count), (REQUESTS, REQUESTS, 0));
    assert_eq!((run.books().finished, demo.stats().total), (REQUESTS, REQUESTS));
}

#[test]
fn what_finds_no_slot_is_skipped_where_the_plan_says_so() {
    let _turn = turn();
    let demo = demo();
    let scenario = format!("max_in_flight = 4\noverload = \"skip\"\n{LOAD}");
    let run = run_alone(&plan(&demo.url(), "", &scenario, r#"path = "/delay/5000""#));
    let books = run.books();
    assert_eq!((books.started, books.skipped.overload, books.planned), (4, REQUESTS - 4, REQUESTS));
    assert_eq!(demo.stats().total, 4);
    let verdict = &run.report.verdict;
    assert_eq!(verdict.result, Judgment::GeneratorLimited);
    assert!(verdict.reasons[0].contains("max_in_flight"), "{verdict:?}");
}

#[test]
fn a_seed_gives_the_same_arrivals_on_one_agent_and_on_three() {
    let _turn = turn();
    let demo = demo();
    let scenario =
        "load = { rate = [ { from = \"100/s\", to = \"600/s\", for = \"1s\" } ], arrivals = \"poisson\" }";
    let plan = format!("seed = 7\n{}", plan(&demo.url(), "", scenario, r#"path = "/""#));
    let [one, three] = [1, 3].map(|agents| {
        let run = Cluster::start(&plan, agents, true).end();
        run.rows.iter().flatten().map(|row| (row.arrival, row.due_ns)).collect::<BTreeSet<_>>()
    });
    assert!(one.len() > 200, "{}", one.len());
    assert_eq!(one, three);
    assert_eq!(demo.stats().total, 2 * one.len() as u64);
}
