//! What viewers cost a controller that has a run of ten scenarios on: processor time and bytes of each that follows the
//! events of the run, and memory for those who never read.
//!
//! The load comes from the agent inside the controller: what viewers cost is the difference to nobody watching.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A controller with a run that is on. It ends with this.
struct Watched {
    child: Child,
    address: String,
    run: String,
    _data: tempfile::TempDir,
}

fn main() {
    let mut service =
        demo::Service::start(demo::Config::default(), TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let watched = Watched::start(&plan(&service.url()));
    std::thread::sleep(SETTLE);
    let mut alone = 0.0;
    for count in [0, 1, 10, 60] {
        let bytes = Arc::new(AtomicU64::new(0));
        let viewers: Vec<TcpStream> = (0..count).map(|_| watched.reader(&bytes)).collect();
        std::thread::sleep(SETTLE);
        let (cpu, began, before) = (watched.cpu(), Instant::now(), bytes.load(Relaxed));
        std::thread::sleep(WINDOW);
        let seconds = began.elapsed().as_secs_f64();
        let cpu = (watched.cpu() - cpu).as_secs_f64() * 1_000.0 / seconds;
        let bytes = (bytes.load(Relaxed) - before) as f64 / 1_000.0 / seconds;
        if count == 0 {
            alone = cpu;
        }
        let each = f64::from(count.max(1));
        println!(
            "{count:>3} viewers: {cpu:>4.0} ms of processor time a second, {:.2} ms and {:.1} kB a viewer",
            (cpu - alone) / each,
            bytes / each
        );
        viewers.iter().for_each(|viewer| viewer.shutdown(Shutdown::Both).unwrap());
    }
    let before = watched.memory();
    let sleepers: Vec<TcpStream> = (0..20).map(|_| watched.connect()).collect();
    for _ in 0..3 {
        std::thread::sleep(WINDOW);
        println!(
            " 20 viewers that never read: {:.1} MiB of memory, {before:.1} without them",
            watched.memory()
        );
    }
    drop(sleepers);
    drop(watched);
    service.stop().unwrap();
}

impl Watched {
    fn start(plan: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let own = [
            "start",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--web",
            "127.0.0.1:0",
            "--data-dir",
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_controller"));
        command.args(own).arg(data.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines
            .find(|line| line.starts_with("page: http://"))
            .expect("a controller says where its page is");
        std::thread::spawn(move || lines.count());
        let address = line.trim_start_matches("page: http://").trim_end_matches('/').to_owned();
        let mut watched = Self { child, address, run: String::new(), _data: data };
        watched.run = watched.created(plan);
        watched
    }

    /// Starts a run and gives its id.
    fn created(&self, plan: &str) -> String {
        let body = serde_json::json!({ "plan": plan }).to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "POST /api/runs HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, rest) = answer.split_once("\"id\":\"").unwrap_or_else(|| panic!("{answer}"));
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    /// Follows the events of the run without reading them.
    fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /api/runs/{}/events HTTP/1.1\r\nhost: {}\r\n\r\n", self.run, self.address)
            .unwrap();
        stream
    }

    /// Follows them and counts their bytes.
    fn reader(&self, bytes: &Arc<AtomicU64>) -> TcpStream {
        let stream = self.connect();
        let (mut own, bytes) = (stream.try_clone().unwrap(), Arc::clone(bytes));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(length @ 1..) = own.read(&mut buffer) {
                bytes.fetch_add(length as u64, Relaxed);
            }
        });
        stream
    }

    /// Processor time so far.
    fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let fields = stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
    }

    /// MiB in use.
    fn memory(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1_024.0
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).unwrap();
    }
}

fn plan(target: &str) -> String {
    let mut plan = format!("name = \"watched\"\n[target]\nbase_url = \"{target}\"\n");
    for number in 0..10 {
        let load = "load.rate = [{ at = \"20/s\", for = \"10m\" }]";
        write!(plan, "[[scenario]]\nname = \"s{number}\"\n{load}\n[[scenario.step]]\npath = \"/random\"\n")
            .unwrap();
    }
    plan
}

const SETTLE: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(10);
