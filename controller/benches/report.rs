//! What a long run costs at its end: the books of 24 hours of ten scenarios, and their report as JSON and as a page.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use long::{Long, SCENARIOS};
use stampede_controller::output;
use stampede_controller::pages::Pages;
use std::time::Instant;

mod long;
mod memory;

fn main() {
    // Without `--bench` it is run as a test: that it works is all that is asked.
    let seconds = if std::env::args().any(|arg| arg == "--bench") { DAY } else { DAY / 100 };
    let books = Long::of(seconds);
    let before = memory::at_most();
    let began = Instant::now();
    let report = books.report();
    let made = began.elapsed();
    let json = output::json(&report).expect("a report is JSON");
    let page =
        Pages::new().and_then(|pages| pages.report_file(&report, "", true)).expect("a report is a page");
    println!(
        "{} h, {SCENARIOS} scenarios: report {made:.1?}, with JSON ({} kB) and page ({} kB) {:.1?}; at most {:.0} MiB of memory, \
         {before:.0} of them before",
        seconds / 3_600,
        json.len() / 1_000,
        page.len() / 1_000,
        began.elapsed(),
        memory::at_most(),
    );
}

const DAY: u64 = 86_400;
