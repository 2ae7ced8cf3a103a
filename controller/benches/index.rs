//! What reading a log into its tape costs: a gigabyte of the combined format, made here and removed afterwards.
//!
//! It tells megabytes of log per second of wall time and of processor time (one thread does it all), and the most
//! memory that the process had, after a tenth of the log and after the whole: it is flat when the two are the same.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use common::plan::{Load, Plan, ReplayLoad};
use common::random::Random;
use rustix::time::{ClockId, clock_gettime};
use stampede_controller::replay::index;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

mod memory;

fn main() {
    // Without `--bench` it is run as a test: that it works is all that is asked.
    let whole = if std::env::args().any(|arg| arg == "--bench") { GIGABYTE } else { GIGABYTE / 1_000 };
    for bytes in [whole / 10, whole] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the log");
        let lines = write_log(&folder.path().join(LOG), bytes).expect("room for the log");
        measure(folder.path(), bytes, lines);
    }
}

fn measure(folder: &Path, bytes: u64, lines: u64) {
    let load = load();
    let (began, busy) = (Instant::now(), processor_time());
    let indexed = index(&load, folder, &folder.join("tapes")).expect("the log can be read");
    let (took, busy) = (began.elapsed(), processor_time() - busy);
    let summary = &indexed.summary;
    assert_eq!((summary.lines, summary.rejected.len()), (lines, 0), "every line is read");
    assert_eq!(summary.kept + summary.left_out_unsafe, lines, "and kept, unless it changes something");
    let per_second = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    println!(
        "{:>6} MB, {lines} lines: {:>4.0} MB/s, {:>4.0} MB/s of one core, {:>4.0} ns a line; at most {:.0} MiB of memory",
        bytes / 1_000_000,
        per_second(took),
        per_second(busy),
        busy.as_nanos() as f64 / lines as f64,
        memory::at_most(),
    );
}

/// A log of so many bytes as a shop has it: many clients, pages that come often, ids that come once, few errors.
/// Returns its lines.
fn write_log(path: &Path, bytes: u64) -> std::io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let random = Random::new(1, "access log");
    let (mut written, mut lines) = (0, 0_u64);
    while written < bytes {
        let second = lines / 500;
        let (hour, minute, second) = (second / 3_600 % 24, second / 60 % 60, second % 60);
        let client = random.draw(0, lines) % 50_000;
        let id = random.draw(1, lines) % 10_000_000;
        let request = match random.draw(2, lines) % 20 {
            0..6 => format!("GET /static/app-{}.js", id % 300),
            6..12 => format!("GET /products/{id}?ref=list&page={}", id % 40),
            12..17 => format!("GET /search?q=item+{}&sort=price", id % 100_000),
            17..19 => format!("GET /account/orders/{id}/items/{}", id % 9),
            _ => format!("POST /cart/{id}"),
        };
        let (status, size) = if id.is_multiple_of(50) { (404, 162) } else { (200, 500 + id % 40_000) };
        let line = format!(
            "10.{}.{}.{} - - [20/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] \"{request} HTTP/1.1\" {status} \
             {size} \"https://shop.example/products?page={}\" \"{BROWSER}\"\n",
            client / 65_536,
            client / 256 % 256,
            client % 256,
            id % 40,
        );
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
        lines += 1;
    }
    out.flush()?;
    Ok(lines)
}

fn load() -> ReplayLoad {
    let plan = format!(
        "name = \"x\"\n[target]\nbase_url = \"http://a\"\n[[scenario]]\nname = \"s\"\n[scenario.load.replay]\n\
         log = \"{LOG}\"\nformat = \"combined\"\n"
    );
    let plan = Plan::parse("plan.toml", &plan).unwrap_or_else(|problems| panic!("{problems}"));
    let Load::Replay(load) = &plan.scenarios[0].load else { panic!("a replay") };
    *load.clone()
}

/// Of all threads.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

const LOG: &str = "access.log";
const GIGABYTE: u64 = 1_000_000_000;
const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
