//! What is sent: the same documents whoever sends them, rows that nobody gets twice, secrets that nobody sees.

use crate::cluster::{Cluster, beside, plan};
use crate::targets::{PLAIN, Raw};
use std::collections::BTreeSet;
use std::path::Path;

const DOCUMENT: &str = r#"
method = "POST"
path = "/api/{{ scenario }}/{{ regex('[a-z]{3}') }}"
query.host = "{{ zipf(hosts, 1.1) }}"
headers = { x-mail = "{{ email() }}" }
json = '''{"id": "{{ unique() }}", "uuid": "{{ uuid() }}", "user": "{{ users.name }}", "by": "{{ name() }}",
 "size": {{ lognormal(9, 1.5) | int }}, "on": "{{ date('2024-01-01', '2024-12-31') }}", "n": [{% for i in range(uniform(1, 3)) %}{{ i }},{% endfor %}0]}'''
"#;

/// A plan of 60 documents to `url` with rows from `users`; `top` are more of its keys.
fn documents(url: &str, users: &Path, step: &str) -> String {
    let data = format!(
        "[[data]]\nname = \"hosts\"\nvalues = [\"a\", \"b\", \"c\"]\n[[data]]\nname = \"users\"\ncsv = \"{}\"\n\
         order = \"unique\"\n",
        users.display()
    );
    let load = "load.rate = [{ at = \"300/s\", for = \"200ms\" }]";
    plan(url, "identify = true", load, &format!("{step}\n{data}"))
        .replace("name = \"t\"", "name = \"t\"\nseed = 77")
}

fn users(folder: &Path, rows: usize) -> std::path::PathBuf {
    let path = folder.join("users.csv");
    // Wide rows, so that the file travels in several pieces.
    let filler = "x".repeat(8_000);
    let rows: String = (0..rows).map(|row| format!("u{row},{filler}\n")).collect();
    std::fs::write(&path, format!("name,filler\n{rows}")).unwrap();
    path
}

/// The requests of a run, by arrival.
fn sent(raw: &Raw) -> Vec<String> {
    let number = |request: &String| -> u64 {
        let line = request.split("\r\n").find_map(|line| line.strip_prefix("x-stampede-arrival: s:"));
        line.unwrap().parse().unwrap()
    };
    let mut requests = raw.requests();
    requests.sort_by_key(number);
    // Each run has a target with a port of its own.
    requests.iter().map(|request| request.replace(&raw.url["http://".len()..], "TARGET")).collect()
}

#[test]
fn one_three_and_seven_agents_send_the_same_documents_byte_for_byte() {
    let _beside = beside();
    let folder = tempfile::tempdir().unwrap();
    let users = users(folder.path(), 100);
    let mut seen: Vec<Vec<String>> = vec![];
    for agents in [1, 3, 7] {
        let raw = Raw::answering(PLAIN);
        let run = Cluster::start(&documents(&raw.url, &users, DOCUMENT), agents, false).end();
        assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
        assert_eq!(run.books().started, 60);
        seen.push(sent(&raw));
    }
    assert_eq!(seen[0].len(), 60);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    let value = |request: &String, key: &str| {
        request
            .split_once(&format!("\"{key}\": \""))
            .and_then(|(_, rest)| rest.split_once('"'))
            .unwrap()
            .0
            .to_owned()
    };
    for key in ["id", "uuid", "user"] {
        let values: BTreeSet<String> = seen[0].iter().map(|request| value(request, key)).collect();
        assert_eq!(values.len(), 60, "{key}");
    }
}

#[test]
fn an_arrival_without_a_row_is_skipped_and_counted() {
    let _beside = beside();
    let folder = tempfile::tempdir().unwrap();
    let users = users(folder.path(), 40);
    let raw = Raw::answering(PLAIN);
    let cluster = Cluster::start(&documents(&raw.url, &users, "path = \"/{{ users.name }}\""), 2, false);
    let run = cluster.end();
    let books = run.books();
    assert_eq!((books.planned, books.started, books.skipped.no_data), (60, 40, 20));
    assert_eq!(run.controller.code, Some(0), "it is no fault of the generator");
    let told = "scenario `s` plans 60 iterations and `users` has 40 rows: 20 will be skipped";
    assert!(run.controller.stderr.contains(told), "{}", run.controller.stderr);
    let paths: BTreeSet<String> =
        sent(&raw).iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(paths.len(), 40, "no row twice");
}

#[test]
fn the_files_of_a_plan_are_checked_before_the_run_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users.csv");
    std::fs::write(&users, "name\na,b\n").unwrap();
    let text = documents("http://127.0.0.1:9", &users, "path = \"/{{ other.x }}\"");
    let text = format!("{text}[[data]]\nname = \"other\"\njsonl = \"not/there.jsonl\"\n");
    let run = Cluster::controller(&text, &[]).end_without_report();
    assert_eq!(run.code, Some(104), "{}", run.stderr);
    assert!(run.stderr.contains("not/there.jsonl: No such file"), "{}", run.stderr);
}

#[test]
fn a_secret_reaches_the_target_and_nothing_else() {
    let _beside = beside();
    let folder = tempfile::tempdir().unwrap();
    let (secret, users) = (folder.path().join("token"), users(folder.path(), 100));
    std::fs::write(&secret, "TOP-s3cret/\"value\"\n").unwrap();
    let raw = Raw::answering(PLAIN);
    let step = format!(
        "path = \"/{{{{ users.name }}}}\"\nquery.t = \"${{file:{0}}}\"\nheaders.authorization = \"Bearer ${{file:{0}}}\"",
        secret.display()
    );
    let text = documents(&raw.url, &users, &step);
    let data = folder.path().join("data");
    let cluster = Cluster::controller(&text, &["--data-dir", data.to_str().unwrap()]);
    let (run, out) = cluster.end_keeping();
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    let first = &sent(&raw)[0];
    assert!(first.contains("authorization: Bearer TOP-s3cret/\"value\"\r\n"), "{first}");
    assert!(first.contains("?t=TOP-s3cret%2F%22value%22 "), "{first}");
    std::fs::remove_file(&secret).unwrap();
    for place in [folder.path(), out.path()] {
        assert_holds_no_secret(place);
    }
    for said in [run.controller.stdout, run.controller.stderr] {
        assert!(!said.contains("s3cret"), "{said}");
    }
}

fn assert_holds_no_secret(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_holds_no_secret(&path);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"s3cret"), "{}", path.display());
        }
    }
}

#[test]
fn an_agent_without_a_secret_refuses_the_run_and_names_it() {
    let _beside = beside();
    let step = "path = \"/\"\nheaders.authorization = \"${env:STAMPEDE_TEST_NOT_SET}\"";
    let text = plan("http://127.0.0.1:9", "", "load.rate = [{ at = \"1/s\", for = \"1s\" }]", step);
    let run = Cluster::controller(&text, &["--wait", "2s"]).end_without_report();
    assert_eq!(run.code, Some(106), "{}", run.stderr);
    let told = "lacks secrets of the plan: ${env:STAMPEDE_TEST_NOT_SET} (environment variable not found)";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}
