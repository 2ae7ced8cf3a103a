//! The programs: started, listened to, ended; killed when a test gives up.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running program. It does not outlive this.
pub(crate) struct Program {
    child: Child,
    stderr: Arc<Stderr>,
    stdout: Option<JoinHandle<String>>,
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What a program said so far.
#[derive(Default)]
struct Stderr {
    said: Mutex<Said>,
    news: Condvar,
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
}

/// A name space in which everybody may mount: what is mounted there nobody else sees.
pub(crate) const SPACE: [&str; 4] = ["unshare", "--user", "--map-root-user", "--mount"];

/// Whether a disk of its own can be mounted there in such a [`SPACE`].
pub(crate) fn mounts(path: &str) -> bool {
    let probe = [&SPACE[1..], &["mount", "-t", "tmpfs", "none", path]].concat();
    let probe = Command::new(SPACE[0]).args(probe).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

impl Program {
    /// Starts `controller ARGS`.
    pub(crate) fn controller(args: &[&str]) -> Self {
        Self::start(Path::new(CONTROLLER), args)
    }

    /// Starts `controller ARGS` by another program, which is given its path and arguments behind its own.
    pub(crate) fn controller_within(within: &[&str], args: &[&str]) -> Self {
        match within {
            [] => Self::controller(args),
            [program, own @ ..] => Self::start(Path::new(program), &[own, &[CONTROLLER], args].concat()),
        }
    }

    /// Starts `agent ARGS`.
    pub(crate) fn agent(args: &[&str]) -> Self {
        static AGENT: OnceLock<PathBuf> = OnceLock::new();
        Self::start(AGENT.get_or_init(build_agent), args)
    }

    fn start(program: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let stderr = Arc::new(Stderr::default());
        let listener = Arc::clone(&stderr);
        std::thread::spawn(move || {
            BufReader::new(err).lines().map_while(Result::ok).for_each(|line| listener.hear(line));
            listener.end();
        });
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, stderr, stdout: Some(stdout) }
    }

    /// Waits until the program says something that contains `text`, and returns the line.
    pub(crate) fn hears(&self, text: &str) -> String {
        self.hears_times(text, 1)
    }

    /// Waits until the program says so for the `times`-th time, and returns the line.
    pub(crate) fn hears_times(&self, text: &str, times: usize) -> String {
        let found =
            |said: &Said| said.lines.iter().filter(|line| line.contains(text)).nth(times - 1).cloned();
        let said = self.stderr.wait(|said| said.ended || found(said).is_some());
        found(&said).unwrap_or_else(|| panic!("ended or slept without {text:?}:\n{}", said.lines.join("\n")))
    }

    /// How many sockets it has open.
    pub(crate) fn sockets(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let target = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        target.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills the program and waits until it is gone, with all that it held.
    pub(crate) fn kill(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).unwrap();
    }

    /// Waits until the program has ended by itself.
    pub(crate) fn end(mut self) -> Ended {
        let said = self.stderr.wait(|said| said.ended);
        let stderr = said.lines.join("\n");
        assert!(said.ended, "still runs:\n{stderr}");
        drop(said);
        let code = self.child.wait().unwrap().code();
        let stdout = self.stdout.take().map(|reader| reader.join().unwrap()).unwrap_or_default();
        Ended { code, stdout, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A program that has ended is already where it should be.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

impl Stderr {
    fn hear(&self, line: String) {
        self.said.lock().unwrap().lines.push(line);
        self.news.notify_all();
    }

    fn end(&self) {
        self.said.lock().unwrap().ended = true;
        self.news.notify_all();
    }

    /// Waits for an event in what is said; gives up after [`PATIENCE`].
    fn wait(&self, event: impl Fn(&Said) -> bool) -> std::sync::MutexGuard<'_, Said> {
        let said = self.said.lock().unwrap();
        self.news.wait_timeout_while(said, PATIENCE, |said| !event(said)).unwrap().0
    }
}

/// Cargo builds a package's own programs before its tests, but not those of another package.
///
/// Asked for as whoever runs all tests has built it: then it is there already, and nothing is built again with other
/// features.
fn build_agent() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--workspace", "--no-run", "--message-format", "json"]);
    cargo.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    // What cargo tells this test about its package would make build scripts run again, here and in the next build.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "OUT_DIR"].iter().any(|own| name.starts_with(own))
        {
            cargo.env_remove(&*name);
        }
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    let messages = String::from_utf8(output.stdout).unwrap();
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let programs = artifacts
        .filter(|artifact| artifact["target"]["name"] == "agent" && artifact["profile"]["test"] == false);
    let mut paths = programs.filter_map(|agent| agent["executable"].as_str().map(PathBuf::from));
    paths.next().expect("cargo builds the agent")
}

const CONTROLLER: &str = env!("CARGO_BIN_EXE_controller");

/// No event of these tests takes so long on any machine; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(90);
