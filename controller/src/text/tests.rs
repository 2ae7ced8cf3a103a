use super::*;
use common::report::{FaultKind, FaultRow, Lag, RunHead, TimelineRow, Unit, Verdict};
use std::collections::BTreeMap;

fn summary(times: [u64; 6]) -> Summary {
    let [p50, p90, p95, p99, p99_9, max] = times;
    let (mean, mode, mode_width) = (4_321.0, 1_199, 1);
    Summary { count: 11_990, mean, mode, mode_width, p50, p90, p95, p99, p99_9, max, ..Summary::default() }
}

fn rule(metric: &str, limit: &str, unit: Unit, value: f64, holds: bool) -> ThresholdRow {
    ThresholdRow {
        metric: metric.into(),
        limit: limit.into(),
        scope: String::new(),
        unit,
        value: Some(value),
        holds,
        samples: None,
        min_samples: 1,
        abort: false,
        windows: None,
    }
}

fn outcomes() -> BTreeMap<String, u64> {
    BTreeMap::from([("ok".into(), 11_978), ("timeout".into(), 2), ("unexpected_status".into(), 10)])
}

fn head() -> RunHead {
    RunHead {
        id: "0197-ab".into(),
        name: "search-under-load".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        duration_s: 60.4,
        seed: 42,
        client: "lean".into(),
        partial: false,
    }
}

/// A run with a bit of everything.
pub(crate) fn report() -> Report {
    let series = SeriesRow {
        kind: SeriesKind::Requests,
        scenario: "browse".into(),
        step: "GET /search".into(),
        requests: 11_990,
        errors: 12,
        status: BTreeMap::from([(200, 11_978), (503, 10)]),
        outcomes: outcomes(),
        generator_faults: BTreeMap::new(),
        response_time: summary([1_234, 15_200, 48_900, 812_000, 1_900_000, 2_004_000]),
        service_time: summary([987, 1_480, 2_210, 9_010, 12_400, 13_000]),
        send_lag: Summary::default(),
        ttfb: Summary::default(),
        connect_time: Summary::default(),
        size: Summary::default(),
        bytes_in: 1,
        bytes_out: 1,
    };
    let skipped = Skipped { late: 8, ..Skipped::default() };
    let (planned, started, finished, abandoned) = (12_000, 11_992, 11_990, 2);
    let entry = Entry { planned, started, finished, abandoned, skipped, ..Entry::default() };
    let point = |t_s, p50| TimelineRow {
        t_s,
        width_s: 1,
        scenario: "browse".into(),
        planned: 200,
        started: 199,
        errors: 1,
        p50,
        p95: p50.map(|us: u64| us * 5),
        p99: p50.map(|us: u64| us * 9),
        users_asked: None,
        users_active: None,
        fault: t_s == 1,
    };
    Report {
        version: common::report::VERSION,
        run: head(),
        verdict: Verdict {
            result: Judgment::Fail,
            reasons: vec!["browse.response_time.p99 is 812.0 ms, limit < 250 ms".into()],
        },
        story: common::report::Story::default(),
        agents: vec![agent("agent-1", None), agent("agent-2", Some("no heartbeat for 3 s"))],
        ledger: BTreeMap::from([("browse".into(), entry)]),
        imbalances: BTreeMap::new(),
        faults: vec![],
        changes: vec![],
        shortfalls: vec![],
        loads: vec![],
        phases: vec![],
        interference: vec![],
        replay: vec![],
        series: vec![series],
        timeline: vec![point(0, Some(1000)), point(1, None)],
        heat: common::report::Heat::default(),
        thresholds: vec![
            rule("browse.response_time.p99", "< 250ms", Unit::Us, 812_000.0, false),
            rule("error_rate", "< 1%", Unit::Share, 0.001, true),
        ],
        samples: vec![],
        pulse: vec![],
        rows: None,
        warnings: vec![
            "agent agent-1 was too busy for precise pacing and changed to economy by itself".into(),
        ],
    }
}

fn agent(name: &str, lost: Option<&str>) -> AgentRow {
    AgentRow {
        name: name.into(),
        instance: "i".into(),
        lanes: 2048,
        owned: 6_000,
        started: 5_996,
        skipped: 4,
        unknown: 0,
        send_lag: Lag { p50: 9, p99: 41, max: 1_210 },
        release_lag: Lag::default(),
        cpu_share: 0.314,
        clock_bound_us: 48,
        start_skew_us: 112,
        economy: false,
        lost: lost.map(str::to_owned),
    }
}

/// The same run, in which an agent was lost and others had to take over.
fn degraded() -> Report {
    let mut report = report();
    let entry = report.ledger.get_mut("browse").unwrap();
    let skipped = Skipped { late: 8, no_lease: 12, unowned: 100, ..Skipped::default() };
    (entry.started, entry.finished, entry.unended) = (11_260, 11_254, 4);
    (entry.skipped, entry.unknown) = (skipped, 620);
    report.agents[1] =
        AgentRow { started: 5_276, unknown: 620, ..agent("agent-2", Some("no sign of life for 3.5 s")) };
    report.verdict.result = Judgment::Degraded;
    report.verdict.reasons = vec!["browse: nobody knows whether 620 of 12,000 arrivals were sent".into()];
    report.thresholds.clear();
    let fault = |kind, agent: Option<&str>, (from_s, until_s), (missing, unknown), text: &str| FaultRow {
        kind,
        agent: agent.map(str::to_owned),
        from_s,
        until_s,
        text: text.into(),
        missing,
        unknown,
    };
    report.faults = vec![
        fault(
            FaultKind::AgentJoinedLate,
            Some("agent-3"),
            (9.0, Some(9.2)),
            (0, 0),
            "it took lanes from two others",
        ),
        fault(
            FaultKind::AgentLost,
            Some("agent-2"),
            (12.4, Some(15.9)),
            (720, 620),
            "no sign of life for 3.5 s",
        ),
        fault(
            FaultKind::ControllerRestarted,
            None,
            (59.5, None),
            (12, 0),
            "agents went on under their leases",
        ),
    ];
    report
}

fn longest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

#[test]
fn a_report_of_80_columns_looks_like_this() {
    let text = render(&report(), 80, false);
    assert!(longest(&text) <= 80);
    assert_eq!(text, include_str!("golden.txt"));
}

#[test]
fn faults_and_their_cost_look_like_this() {
    let text = render(&degraded(), 80, false);
    assert!(longest(&text) <= 80);
    assert_eq!(text, include_str!("degraded.txt"));
}

#[test]
fn a_pass_of_which_every_request_failed_says_so_at_its_head() {
    let mut report = report();
    report.verdict = Verdict {
        result: Judgment::Pass,
        reasons: vec!["browse: every request failed: connect_refused × 1,000".into()],
    };
    let text = render(&report, 80, false);
    let head: Vec<&str> = text.lines().take(4).collect();
    assert_eq!(head[3], "browse: every request failed: connect_refused × 1,000", "{text}");
    assert!(render(&report, 80, true).contains("\u{1b}[31mbrowse: every"), "in the colour of what is bad");
}

#[test]
fn of_many_faults_the_costly_are_shown_in_the_order_of_time() {
    let mut report = degraded();
    let cheap = report.faults[0].clone();
    report.faults.splice(1..1, std::iter::repeat_n(cheap, 98));
    let text = render(&report, 80, false);
    let (lost, restarted) =
        (text.find("agent-2: agent lost").unwrap(), text.find("controller restarted").unwrap());
    assert!(lost < restarted);
    assert!(text.contains("and 81 more; shown are those that cost most"), "{text}");
}

#[test]
fn no_line_is_longer_than_the_width_whatever_the_names() {
    let long = "a name that goes on and on ".repeat(9);
    let mut report = report();
    report.run.name.clone_from(&long);
    report.series[0].step.clone_from(&long);
    report.agents[0].name.clone_from(&long);
    report.agents[1].started = u64::MAX;
    report.thresholds[0].metric = "x".repeat(200);
    report.verdict.reasons.push("y".repeat(200));
    report.faults = degraded().faults;
    report.faults[0].agent = Some(long);
    for width in [60, 80, 100] {
        assert!(longest(&render(&report, width, false)) <= width, "width {width}");
    }
    assert!(longest(&render(&report, 0, false)) <= 60, "a width of nothing is taken as the narrowest");
}

#[test]
fn names_from_outside_cannot_steer_the_terminal() {
    let mut report = report();
    report.agents[0].name = "\u{1b}[2Jevil\r\n\u{202e}name\u{7}".into();
    report.series[0].step = "GET /\u{9b}31m\n".into();
    report.verdict.reasons.push("lost:\u{1b}]0;title\u{7}".into());
    let text = render(&report, 80, false);
    assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text:?}");
    assert!(text.contains("[2Jevilname"), "what can be read stays");
}

#[test]
fn without_colour_nothing_is_told_by_colour_alone() {
    let mut report = report();
    report.imbalances.insert("browse".into(), "close the books: 1 missing".into());
    let (plain, colored) = (render(&report, 80, false), render(&report, 80, true));
    assert!(plain.contains("OFF") && plain.contains("FAIL") && plain.contains("failed to close the books"));
    assert!(!plain.contains('\u{1b}'));
    assert!(colored.contains("\u{1b}[31m") && colored.contains('✗'));
}

#[test]
fn of_many_agents_the_lost_and_the_late_are_shown() {
    let mut report = report();
    report.agents = (0..100_u64)
        .map(|n| AgentRow {
            send_lag: Lag { p50: 0, p99: n, max: n },
            ..agent(&format!("agent-{n}"), (n == 3).then_some("gone"))
        })
        .collect();
    let text = render(&report, 80, false);
    assert!(text.contains("agent-3 ") && text.contains("agent-99 ") && !text.contains("agent-50 "));
    assert!(text.contains("and 80 more"));
}

#[test]
fn a_run_without_a_request_has_no_times() {
    let mut report = report();
    let row = &mut report.series[0];
    (row.requests, row.errors, row.response_time) = (0, 0, Summary::default());
    report.run.duration_s = 0.0;
    let text = render(&report, 80, false);
    assert!(text.contains("0 requests, 0/s, 0 errors\n"), "{text}");
}
