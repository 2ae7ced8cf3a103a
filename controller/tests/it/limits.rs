//! Rules of windows, while the target stands still and after it.

use crate::cluster::{Cluster, Run, turn};
use crate::targets::demo_with;
use common::report::{Judgment, WindowsRow};

/// Fifty requests a second against a target that stands still for a while after the first of them.
fn run(stall: &str, length: &str, rule: &str) -> Run {
    let demo = demo_with(|config| config.stall = Some(stall.parse().unwrap()));
    let plan = format!(
        r#"
        name = "limits"
        max_lateness = "1m"
        [target]
        base_url = "{}"
        [[scenario]]
        name = "s"
        load.rate = [ {{ at = "50/s", for = "{length}" }} ]
        step = [ {{ path = "/" }} ]
        [[threshold]]
        {rule}
        "#,
        demo.url()
    );
    Cluster::start(&plan, 2, false).end()
}

fn windows(run: &Run) -> &WindowsRow {
    run.report.thresholds[0].windows.as_ref().unwrap()
}

#[test]
fn a_broken_rule_ends_the_run_while_the_target_stands_still() {
    let _turn = turn();
    let rule = "metric = \"s.response_time.p99\"\nlimit = \"< 500ms\"\nwindow = \"2s\"\nabort = true";
    let run = run("2s..9s", "60s", rule);
    assert_eq!(run.controller.code, Some(99), "{}", run.controller.stderr);
    assert_eq!(run.report.verdict.result, Judgment::Fail);
    let reason = &run.report.verdict.reasons[0];
    assert!(
        reason.starts_with("the run was stopped: s.response_time.p99 (any 2s) < 500ms is broken"),
        "{reason}"
    );
    assert!(run.controller.stderr.contains("threshold: s.response_time.p99"), "{}", run.controller.stderr);
    let books = run.books();
    // What is due when the stall is over was not sent any more.
    assert!(books.started < 9 * 50, "stopped while the stall was on: {books:?}");
    assert_eq!((books.planned, books.started), (3_000, books.finished), "{books:?}");
    assert_eq!(books.skipped.stopped, books.planned - books.started, "{books:?}");
    let windows = windows(&run);
    assert!(windows.broken > 0 && windows.first_broken_s.is_some_and(|at| at <= 2), "{windows:?}");
}

#[test]
fn a_rule_holds_again_after_a_stall_and_the_run_fails_for_what_was() {
    let _turn = turn();
    let rule = "metric = \"s.response_time.p90\"\nlimit = \"< 200ms\"\nwindow = \"1s\"\nevery = \"1s\"\nmin_samples = 40";
    let run = run("2s..3500ms", "8s", rule);
    assert_eq!(run.controller.code, Some(99), "{}", run.controller.stderr);
    let told = &run.controller.stderr;
    assert!(told.contains("is broken: ") && told.contains("holds again: "), "{told}");
    let windows = windows(&run);
    // The stall begins with the target's clock, which is a little behind the run's.
    assert_eq!((windows.judged, windows.too_few), (8, 0), "{windows:?}");
    assert!(windows.first_broken_s.is_some_and(|at| (1..=2).contains(&at)), "{windows:?}");
    assert!((2..=3).contains(&windows.broken), "{windows:?}");
    let worst = run.report.thresholds[0].value.unwrap();
    assert!((1_000_000.0..2_000_000.0).contains(&worst), "{worst}");
}
