//! What the report of a long run costs: 24 hours of ten scenarios, made here, as JSON and as a page.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use common::measured::{Measured, Tally};
use common::outcome::Outcome;
use common::plan::Plan;
use common::random::Random;
use common::report::{Evidence, Report};
use common::run::Ending;
use common::time::{NANOS_PER_SECOND, RunTime};
use stampede_controller::output;
use stampede_controller::pages::Pages;
use std::fmt::Write;
use std::time::{Duration, Instant};

mod memory;

fn main() {
    // Without `--bench` it is run as a test: that it works is all that is asked.
    let seconds = if std::env::args().any(|arg| arg == "--bench") { DAY } else { DAY / 100 };
    let plan = Plan::parse("plan.toml", &plan(seconds)).unwrap_or_else(|problems| panic!("{problems}"));
    let totals = measured(&plan, seconds);
    let before = memory::at_most();
    let began = Instant::now();
    let timeline: Vec<u64> = vec![RATE; usize::try_from(seconds).expect("a day")];
    let report = Report::of(Evidence {
        plan: &plan,
        run_id: "bench",
        started_at: "2026-01-01T00:00:00Z",
        duration: Duration::from_secs(seconds),
        totals: &totals,
        planned: &[RATE * seconds; SCENARIOS],
        planned_timeline: &vec![timeline; SCENARIOS],
        unowned: &[0; SCENARIOS],
        stopped: None,
        agents: &[],
        faults: &[],
        revisions: &[],
        windows: &[],
        ending: Ending::Completed,
        warnings: vec![],
    });
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

fn plan(seconds: u64) -> String {
    let mut plan = "name = \"day\"\n[target]\nbase_url = \"http://127.0.0.1:1\"\n".to_owned();
    for number in 0..SCENARIOS {
        let load = format!("load.rate = [{{ at = \"{RATE}/s\", for = \"{seconds}s\" }}]");
        write!(plan, "[[scenario]]\nname = \"s{number}\"\n{load}\n[[scenario.step]]\npath = \"/\"\n")
            .expect("a string takes everything");
    }
    plan
}

/// Every second of every scenario has requests, with times over four decades.
fn measured(plan: &Plan, seconds: u64) -> Measured {
    let mut totals = Measured::for_plan(plan);
    let random = Random::new(1, "times");
    for (number, series) in totals.series.iter_mut().enumerate() {
        for second in 0..seconds {
            let bucket = series.timeline.at(RunTime::from_nanos(second * NANOS_PER_SECOND));
            (bucket.started, bucket.finished) = (bucket.started + RATE, bucket.finished + RATE);
            for n in 0..RATE {
                let draw = random.draw(number as u64, second * RATE + n);
                let time = 100 << (draw % 14) | draw >> 40 & 0x3ff;
                bucket.response_time.record(time);
                series.service_time.record(time);
            }
        }
        series.outcomes[Outcome::Ok.index()] = RATE * seconds;
    }
    let all = RATE * seconds;
    totals.tallies.fill(Tally { started: all, finished: all, ..Tally::default() });
    totals
}

const SCENARIOS: usize = 10;
const RATE: u64 = 20;
const DAY: u64 = 86_400;
