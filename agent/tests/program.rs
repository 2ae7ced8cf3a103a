//! The agent's program where no controller is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, helpers outside #[test] included")]

use std::net::TcpListener;
use std::process::Command;

/// Asserts the exit code of `agent ARGS`, and the words of one line on stderr.
fn told(args: &[&str], code: i32, words: &[&str]) {
    let ended = Command::new(env!("CARGO_BIN_EXE_agent")).args(args).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(code), "{said}");
    let complete = |line: &str| words.iter().all(|word| line.contains(word));
    assert!(said.lines().any(complete), "no line with {words:?}:\n{said}");
}

#[test]
fn an_agent_that_finds_no_controller_names_the_address_and_the_remedy() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let words = ["gave up", &nobody, "refused", "controller start --listen"];
    told(&["join", &nobody, "--name", "lonely", "--wait", "1s"], 106, &words);
}

#[test]
fn a_token_file_that_is_not_there_is_named() {
    let args = ["join", "127.0.0.1:1", "--token-file", "/nowhere/token"];
    told(&args, 2, &["/nowhere/token"]);
}

#[test]
fn what_is_no_allowed_target_is_told_before_anything_is_joined() {
    told(&["join", "127.0.0.1:1", "--allow-target", "10.0.0.0/33"], 2, &["10.0.0.0/33"]);
}

#[test]
fn an_agent_that_does_not_run_is_not_healthy() {
    told(&["health", "--name", "nobody-is-called-so"], 1, &["nobody-is-called-so"]);
}
