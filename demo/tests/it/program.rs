//! The program: what it prints, how it stops, and with which code it ends.

use demo::{Record, Stats};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_demo");

/// A running program and the URL that it printed; killed when a test gives up on it.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, url }
    }

    fn stop(mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails when the program has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn health(url: &str) -> Option<i32> {
    Command::new(PROGRAM).args(["health", url]).stderr(Stdio::null()).status().unwrap().code()
}

#[test]
fn health_tells_a_running_program_from_a_stopped_one() {
    let program = Program::start(&[]);
    let url = program.url.clone();
    assert_eq!(health(&url), Some(0));
    assert_eq!(program.stop(Signal::INT), Some(0));
    assert_eq!(health(&url), Some(1));
}

#[test]
fn stats_prints_the_counts_alone_or_one_line_of_complaint() {
    let program = Program::start(&[]);
    let stats = |url: &str| Command::new(PROGRAM).args(["stats", url]).output().unwrap();
    let output = stats(&program.url);
    let counts: Stats = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), counts), (Some(0), Stats::default()));
    let url = program.url.clone();
    assert_eq!(program.stop(Signal::INT), Some(0));
    let output = stats(&url);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}

#[tokio::test]
async fn the_record_is_complete_after_sigterm() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let program = Program::start(&["--record", file.path().to_str().unwrap(), "--threads", "2"]);
    let address = program.url.strip_prefix("http://").unwrap();
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut client = crate::client::Client::http1(socket).await;
    for _ in 0..10 {
        client.get("/").await;
    }
    assert_eq!(program.stop(Signal::TERM), Some(0));
    let rows: Vec<Record> =
        csv::Reader::from_path(file.path()).unwrap().deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 10);
}

#[test]
fn wrong_flags_are_refused() {
    for flags in [["--stall", "6s..4s"], ["--tls-cert", "cert.pem"], ["--index-capacity", "0/s"]] {
        let output = Command::new(PROGRAM).args(flags).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
    }
}
