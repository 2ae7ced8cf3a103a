use super::*;
use crate::fixture;
use crate::histogram::Histogram;
use crate::measured::{Series, Tally};
use crate::outcome::Outcome;
use crate::plan::{Agents, Arrivals, BaseUrl, HttpVersion, Target, Tls};
use crate::revision::{Revision, Shift};
use crate::threshold::{Status, Terms, Threshold, Window};
use crate::time::NANOS_PER_SECOND;
use crate::watch::WindowTally;

mod contract;
mod faults;
mod fits;
mod story;
mod verdict;

/// Everything a report is made of; sound until a test breaks it.
struct World {
    plan: Plan,
    totals: Measured,
    planned: Vec<u64>,
    planned_timeline: Vec<Vec<u64>>,
    unowned: Vec<u64>,
    stopped: Option<RunTime>,
    agents: Vec<AgentEvidence>,
    faults: Vec<FaultEvidence>,
    revisions: Vec<Revision>,
    windows: Vec<Option<WindowTally>>,
    ending: Ending,
}

/// Ten arrivals a second for ten seconds by two agents; answers take 20 ms, 15 of them service.
fn sound() -> World {
    let mut totals = Measured::sized(1, 1);
    for k in 0..100 {
        answer(&mut totals.series[0], k / 10, 20_000);
    }
    totals.tallies[0] = Tally { started: 100, finished: 100, ..Tally::default() };
    World {
        plan: plan(&[]),
        totals,
        planned: vec![100],
        planned_timeline: vec![vec![10; 10]],
        unowned: vec![0],
        stopped: None,
        agents: vec![agent("a1"), agent("a2")],
        faults: vec![],
        revisions: vec![],
        windows: vec![],
        ending: Ending::Completed,
    }
}

fn answer(series: &mut Series, second: u64, us: u64) {
    series.outcomes[Outcome::Ok.index()] += 1;
    *series.status.entry(200).or_default() += 1;
    series.service_time.record(us * 3 / 4);
    series.send_lag.record(us / 4);
    let bucket = series.timeline.at(RunTime::from_nanos(second * NANOS_PER_SECOND));
    bucket.started += 1;
    bucket.finished += 1;
    bucket.response_time.record(us);
}

fn agent(name: &str) -> AgentEvidence {
    let mut release_lag = Histogram::new();
    (0..50).for_each(|_| release_lag.record(40));
    AgentEvidence {
        name: name.into(),
        lanes: 2048,
        owned: vec![50],
        tallies: vec![Tally { started: 50, finished: 50, ..Tally::default() }],
        planned_by_second: vec![5; 10].into(),
        started_by_second: vec![5; 10].into(),
        release_lag,
        finished: true,
        ..AgentEvidence::default()
    }
}

/// Run time `s` seconds.
fn at(s: f64) -> RunTime {
    RunTime::ZERO + Duration::from_secs_f64(s)
}

fn fault(kind: FaultKind, agent: Option<&str>, from: f64, until: Option<f64>) -> FaultEvidence {
    let agent = agent.map(str::to_owned);
    FaultEvidence { kind, agent, from: at(from), until: until.map(at), text: "it happened".into() }
}

/// Changes what both the agent and the totals tell of the only scenario.
fn retell(world: &mut World, agent: usize, change: impl Fn(&mut Tally)) {
    change(&mut world.agents[agent].tallies[0]);
    change(&mut world.totals.tallies[0]);
}

/// From `from` on, nothing that the agent owned was sent, and nobody knows whether it was.
fn lose(world: &mut World, agent: usize, from: u64) {
    let gone = (10 - from) * 5;
    retell(world, agent, |tally| {
        tally.started -= gone;
        tally.finished -= gone;
    });
    let own = &mut world.agents[agent];
    (own.finished, own.lost) = (false, Some("no sign of life for 3.0 s".into()));
    own.started_by_second = vec![5; from as usize].into();
    for second in from..10 {
        let bucket = world.totals.series[0].timeline.at(RunTime::from_nanos(second * NANOS_PER_SECOND));
        (bucket.started, bucket.finished) = (bucket.started - 5, bucket.finished - 5);
    }
}

fn plan(thresholds: &[(&str, &str)]) -> Plan {
    let rule = |(metric, limit): &(&str, &str)| {
        Threshold::new(metric.parse().unwrap(), limit.parse().unwrap()).unwrap()
    };
    let second = Duration::from_secs(1);
    let mut scenario = fixture::scenario(&[(10, 10, 10)], Arrivals::Even);
    scenario.name = "browse".into();
    Plan {
        phases: vec![],
        name: "shop".into(),
        seed: 42,
        drain: second,
        max_lateness: second,
        target: Target {
            base_url: "http://127.0.0.1:8080".parse::<BaseUrl>().unwrap(),
            timeout: second,
            headers: vec![],
            http: HttpVersion::Http1,
            identify: false,
            tls: Tls { ca: None, verify: true, identity: None },
            connection: crate::plan::Connection::default(),
        },
        agents: Agents::default(),
        scenarios: vec![scenario],
        data: vec![],
        thresholds: thresholds.iter().map(rule).collect(),
    }
}

/// The first rule is one of windows, and this came of them.
fn in_windows(world: &mut World, tally: WindowTally) {
    let terms = Terms { window: Some(Window { length_s: 5, every_s: 1 }), ..Terms::default() };
    let rule = world.plan.thresholds.remove(0).under(terms);
    world.plan.thresholds.insert(0, rule);
    world.windows = vec![Some(tally)];
}

fn report(world: &World) -> Report {
    Report::of(Evidence {
        plan: &world.plan,
        run_id: "r1",
        started_at: "2026-01-01T00:00:00Z",
        duration: Duration::from_secs(10),
        totals: &world.totals,
        planned: &world.planned,
        planned_timeline: &world.planned_timeline,
        unowned: &world.unowned,
        stopped: world.stopped,
        agents: &world.agents,
        faults: &world.faults,
        revisions: &world.revisions,
        windows: &world.windows,
        ending: world.ending.clone(),
        warnings: vec![],
    })
}

fn report_after(change: impl FnOnce(&mut World)) -> Report {
    let mut world = sound();
    change(&mut world);
    report(&world)
}

#[test]
fn merged_percentiles_are_never_averaged() {
    let (mut fast, mut slow) = (Measured::sized(1, 1), Measured::sized(1, 1));
    (0..990).for_each(|_| answer(&mut fast.series[0], 0, 1000));
    (0..10).for_each(|_| answer(&mut slow.series[0], 1, 1_000_000));
    let report = report_after(|w| {
        fast.add(&slow).unwrap();
        w.totals.series = fast.series;
        w.plan = plan(&[("response_time.p99", "< 2ms"), ("response_time.p99_9", "> 900ms")]);
    });
    assert!(report.thresholds.iter().all(|row| row.holds), "{:?}", report.thresholds);
    assert_eq!(report.series[0].response_time.p99, 1000, "and not the 500 ms between 1 ms and 1 s");
}

#[test]
fn a_generators_fault_is_no_error_of_the_target() {
    let report = report_after(|w| {
        let outcomes = &mut w.totals.series[0].outcomes;
        outcomes[Outcome::NoDescriptor.index()] = 3;
        outcomes[Outcome::Reset.index()] = 2;
    });
    let row = &report.series[0];
    assert_eq!((row.requests, row.errors), (105, 2));
    assert_eq!(row.outcomes, BTreeMap::from([("ok".into(), 100), ("reset".into(), 2)]));
    assert_eq!(row.generator_faults, BTreeMap::from([("no_descriptor".into(), 3)]));
}

#[test]
fn a_coarse_timeline_loses_no_planned_arrival() {
    let report = report_after(|w| w.planned_timeline = vec![vec![7; 3001]]);
    assert_eq!(report.timeline.len(), 751);
    assert!(report.timeline.iter().all(|row| row.width_s == 4));
    let sum = |of: fn(&TimelineRow) -> u64| report.timeline.iter().map(of).sum::<u64>();
    assert_eq!((sum(|row| row.planned), sum(|row| row.started)), (7 * 3001, 100));
    let last = report.timeline.last().unwrap();
    assert_eq!((last.t_s, last.planned, last.p99), (3000, 7, None), "the last row holds what is left");
}

#[test]
fn what_was_due_outside_the_plan_is_shown() {
    let report = report_after(|w| answer(&mut w.totals.series[0], 77, 5));
    let last = report.timeline.last().unwrap();
    assert_eq!((report.timeline.len(), last.t_s, last.planned, last.started), (11, 77, 0, 1));
}

#[test]
fn an_agent_that_changed_its_pacing_is_a_warning() {
    let report = report_after(|w| w.agents[0].economy = true);
    assert_eq!(
        report.warnings,
        ["agent a1 was too busy for precise pacing and changed to economy by itself"]
    );
}

#[test]
fn a_rule_of_windows_is_told_with_what_became_of_them() {
    let told = |tally: WindowTally| {
        let report = report_after(|w| {
            w.plan = plan(&[("response_time.p99", "< 15ms")]);
            in_windows(w, tally);
        });
        let row = report.thresholds[0].clone();
        (row.holds, row.name(), row.measured().unwrap_or_default(), row.note())
    };
    let tally = WindowTally { judged: 6, worst: Some(9_000.0), worst_s: Some(3), ..WindowTally::default() };
    let name = "response_time.p99 (any 5s)".to_owned();
    assert_eq!(
        told(tally.clone()),
        (true, name.clone(), "9.000 ms".into(), "6 windows, worst from 3.0 s".into())
    );
    let broken =
        WindowTally { broken: 2, first_broken_s: Some(1), worst: Some(20_000.0), too_few: 1, ..tally };
    let note = "broken in 2 of 6 windows, first from 1.0 s, worst from 3.0 s, 1 with too few requests";
    assert_eq!(told(broken), (false, name.clone(), "20.00 ms".into(), note.into()));
    let nothing = WindowTally { too_few: 6, ..WindowTally::default() };
    let note = "no window could be judged, 6 with too few requests";
    assert_eq!(told(nothing), (false, name, String::new(), note.into()));
}

#[test]
fn counts_rates_and_statuses_of_the_whole_run_are_judged() {
    let of = |status: u16| Terms { status: Some(Status::Code(status)), ..Terms::default() };
    for (metric, limit, terms, value, holds) in [
        ("requests", ">= 100", Terms::default(), Some(100.0), true),
        ("requests", "< 100", of(404), Some(0.0), true),
        ("rate", ">= 10/s", Terms::default(), Some(10.0), true),
        ("rate", "> 10/s", of(200), Some(10.0), false),
        ("errors", "<= 0", Terms::default(), Some(0.0), true),
        ("share", ">= 99%", of(200), Some(1.0), true),
        ("share", "> 0%", of(503), Some(0.0), false),
        ("error_rate", "< 1%", Terms { min_samples: 101, ..Terms::default() }, Some(0.0), false),
        ("error_rate", "< 1%", Terms { min_samples: 100, ..Terms::default() }, Some(0.0), true),
        ("error_rate", "< 1%", Terms { step: Some("nobody".into()), ..Terms::default() }, None, false),
    ] {
        let report = report_after(|w| {
            w.plan = plan(&[(metric, limit)]);
            w.plan.thresholds[0] = w.plan.thresholds[0].clone().under(terms.clone());
        });
        let row = &report.thresholds[0];
        assert_eq!((row.value, row.holds), (value, holds), "{metric} {limit} {terms}");
    }
}

#[test]
fn a_report_survives_its_json() {
    let report = report_after(|w| {
        w.plan = plan(&[("response_time.p99", "< 15ms"), ("browse.delivered", ">= 0.5")]);
        lose(w, 0, 7);
        w.faults = vec![
            fault(FaultKind::AgentLost, Some("a1"), 7.25, None),
            fault(FaultKind::ControllerRestarted, None, 1.0, Some(1.0)),
        ];
        w.agents[1].cpu_share = f64::NAN;
    });
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}
