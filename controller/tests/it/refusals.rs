//! What cannot begin says why, what would help, and ends with its exit code.

use crate::cluster::{Cluster, agent, plan, turn};
use crate::programs::{Ended, Program};
use crate::targets::demo;
use common::report::Judgment;
use proto::v1::agent_service_client::AgentServiceClient;
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down, reject::Code};
use std::net::TcpListener;

const LOAD: &str = r#"load.rate = [ { at = "50/s", for = "200ms" } ]"#;
const STEP: &str = r#"path = "/""#;

/// Asserts the exit code and the words of one line on stderr.
fn told(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    let complete = |line: &str| words.iter().all(|word| line.contains(word));
    assert!(ended.stderr.lines().any(complete), "no line with {words:?}:\n{}", ended.stderr);
}

/// An address at which nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn an_agent_without_the_controllers_token_is_refused() {
    let _turn = turn();
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let file = |name: &str, token: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, token).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (file("right", "0123456789abcdef\n"), file("wrong", "fedcba9876543210\n"));
    let plan = plan(&demo.url(), "", LOAD, STEP);
    let cluster = Cluster::controller(&plan, &["--agents", "1", "--token-file", &right]);
    let address = cluster.address();
    let none = agent(&address, "none", &[]).end();
    told(&none, 106, &["refused", "no token", "--token-file"]);
    let other = agent(&address, "other", &["--token-file", &wrong]).end();
    told(&other, 106, &["refused", "another token", "--token-file"]);
    let known = agent(&address, "known", &["--token-file", &right, "--once"]);
    assert_eq!(cluster.end().controller.code, Some(0));
    assert_eq!(known.end().code, Some(0));
}

#[test]
fn an_agent_of_another_protocol_is_refused_with_the_remedy() {
    let plan = plan("http://127.0.0.1:1", "", LOAD, STEP);
    let cluster = Cluster::controller(&plan, &["--agents", "1"]);
    let address = cluster.address();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reject = runtime.block_on(async {
        let mut client = AgentServiceClient::connect(format!("http://{address}")).await.unwrap();
        let hello = v1::Hello {
            protocol_min: 99,
            protocol_max: 99,
            agent_name: "future".into(),
            build: "99.0.0".into(),
            ..v1::Hello::default()
        };
        let hello = v1::AgentMessage { kind: Some(Up::Hello(hello)), ..v1::AgentMessage::default() };
        let down = client.session(tokio_stream::iter([hello])).await.unwrap();
        down.into_inner().message().await.unwrap().unwrap().kind
    });
    let Some(Down::Reject(reject)) = reject else { panic!("not refused: {reject:?}") };
    assert_eq!(reject.code(), Code::Version);
    assert!(reject.remedy.contains("99..99") && reject.remedy.contains("same version"), "{}", reject.remedy);
    cluster.controller.hears("refused agent future");
}

#[test]
fn a_name_is_taken_once() {
    let _turn = turn();
    let demo = demo();
    let plan = plan(&demo.url(), "", LOAD, STEP);
    let cluster = Cluster::controller(&plan, &["--agents", "2"]);
    let address = cluster.address();
    let first = agent(&address, "twin", &["--once"]);
    cluster.controller.hears("agent twin joined");
    told(&agent(&address, "twin", &["--once"]).end(), 106, &["refused", "twin", "--name"]);
    let second = agent(&address, "other", &["--once"]);
    let run = cluster.end();
    assert_eq!((run.controller.code, first.end().code, second.end().code), (Some(0), Some(0), Some(0)));
    assert_eq!(run.report.agents.iter().map(|agent| &*agent.name).collect::<Vec<_>>(), ["twin", "other"]);
}

#[test]
fn a_controller_that_may_not_listen_says_so() {
    let plan = plan("http://127.0.0.1:1", "", LOAD, STEP);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Cluster::controller(&plan, &["--listen", &address]).end_without_report();
    told(&ended, 2, &[&address, "another program listens there", "another --listen"]);
    let ended = Cluster::controller(&plan, &["--listen", "0.0.0.0:0"]).end_without_report();
    told(&ended, 2, &["0.0.0.0:0", "--token-file"]);
}

#[test]
fn a_bad_plan_shows_every_problem_at_once() {
    let plan = plan("ftp://x", "timeout = \"soon\"", "load.rate = [ { at = \"50/s\" } ]", "path = \"x\"");
    let ended = Cluster::controller(&plan, &[]).end_without_report();
    for problem in ["base_url", "timeout", "`for`", "`path`"] {
        told(&ended, 104, &["error: ", problem]);
    }
    told(&ended, 104, &["plan.toml: 4 problems"]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn plans_can_be_checked_and_their_schema_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Program::controller(&["plan", "check", path.to_str().unwrap()]).end()
    };
    let good = check(&plan("http://127.0.0.1:1", "", LOAD, STEP));
    assert_eq!((good.code, good.stdout.contains("no problems")), (Some(0), true), "{good:?}");
    told(&check("nam = 1"), 104, &["error", "nam"]);
    told(&Program::controller(&["plan", "check", "/nowhere.toml"]).end(), 104, &["/nowhere.toml"]);
    let schema = Program::controller(&["plan", "schema"]).end();
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
    assert_eq!(schema, common::plan::schema());
}

#[test]
fn a_target_that_cannot_be_shot_at_stops_the_run_before_it_begins() {
    let _turn = turn();
    let closed = nobody();
    for (url, words) in [
        ("http://192.0.2.1", ["agent a1 refused", "192.0.2.1", "--allow-target 192.0.2.1/32"]),
        (&format!("http://{closed}"), ["agent a1 refused", &closed, "refused"]),
    ] {
        let run = Cluster::start(&plan(url, "", LOAD, STEP), 1, false).end();
        assert_eq!(run.controller.code, Some(106), "{}", run.controller.stderr);
        let [reason] = &run.report.verdict.reasons[..] else { panic!("{:?}", run.report.verdict) };
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
        assert!(!reason.contains('\n'), "{reason:?}");
        assert!(run.agents[0].stderr.contains(words[1]), "{}", run.agents[0].stderr);
        assert_eq!((run.report.verdict.result, run.books().started), (Judgment::Invalid, 0));
        assert_eq!(run.books().skipped.stopped, run.books().planned);
    }
}

#[test]
fn too_few_agents_are_counted() {
    let plan = plan("http://127.0.0.1:1", "", LOAD, STEP);
    let cluster = Cluster::controller(&plan, &["--agents", "2", "--wait", "1s"]);
    let lonely = agent(&cluster.address(), "lonely", &["--once"]);
    let run = cluster.end();
    assert_eq!(run.controller.code, Some(106));
    assert_eq!(run.report.verdict.reasons, ["the run did not start: 1 of 2 agents joined in time"]);
    assert_eq!(lonely.end().code, Some(0));
}
