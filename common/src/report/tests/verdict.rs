//! What makes a run aborted, invalid, failed or limited by the generator.

use super::*;
use crate::pacer::SkipReason;

/// `n` arrivals that the first agent skipped instead of starting them.
fn skip(world: &mut World, n: u64, reason: SkipReason) {
    retell(world, 0, |tally| {
        (tally.started, tally.finished) = (tally.started - n, tally.finished - n);
        (0..n).for_each(|_| tally.skip(reason));
    });
}

type Row = (&'static str, fn(&mut World), Judgment, &'static str);

fn check(rows: &[Row]) {
    for (why, change, result, reason) in rows {
        let verdict = report_after(change).verdict;
        assert_eq!(verdict.result, *result, "{why}: {verdict:?}");
        let first = verdict.reasons.first().map_or("", String::as_str);
        assert_eq!(first, *reason, "{why}");
    }
}

#[test]
fn a_run_as_planned_passes() {
    let rows: &[Row] = &[
        ("all as planned", |_| (), Judgment::Pass, ""),
        ("a threshold holds", |w| w.plan = plan(&[("error_rate", "< 1%")]), Judgment::Pass, ""),
        (
            "a request that was still under way is accounted for",
            |w| retell(w, 1, |tally| (tally.finished, tally.abandoned) = (tally.finished - 1, 1)),
            Judgment::Pass,
            "",
        ),
    ];
    check(rows);
}

#[test]
fn a_run_that_was_cut_short_is_aborted() {
    let rows: &[Row] = &[
        (
            "by the operator",
            |w| w.ending = Ending::Stopped,
            Judgment::Aborted,
            "the operator stopped the run",
        ),
        ("by a signal", |w| w.ending = Ending::Interrupted, Judgment::Aborted, "the run was interrupted"),
        (
            "by two signals",
            |w| w.ending = Ending::Aborted,
            Judgment::Aborted,
            "the run was interrupted twice: what was under way was given up",
        ),
        (
            "by a disk",
            |w| w.ending = Ending::StoreFailed("no space left on device".into()),
            Judgment::Aborted,
            "the run was stopped: no space left on device",
        ),
    ];
    check(rows);
    let stopped = report_after(|w| {
        w.ending = Ending::Interrupted;
        skip(w, 40, SkipReason::Stopped);
    });
    assert_eq!(stopped.verdict.reasons.len(), 1, "what a stop takes away is no fault of the generator");
    assert!(!stopped.run.partial);
    let aborted = report_after(|w| {
        (w.ending, w.agents[1].finished) = (Ending::Aborted, false);
        retell(w, 1, |tally| (tally.started, tally.finished) = (tally.started - 3, tally.finished - 9));
    });
    assert!(
        aborted.run.partial && aborted.imbalances.is_empty(),
        "who aborts does not wait for every last delta"
    );
    assert_eq!((aborted.ledger["browse"].unknown, aborted.ledger["browse"].unended), (3, 6));
}

#[test]
fn books_that_do_not_balance_make_the_run_invalid() {
    let rows: &[Row] = &[
        (
            "an arrival that was planned and nobody owned or missed",
            |w| w.planned = vec![101],
            Judgment::Invalid,
            "browse: failed to close the books: planned 101 is not started 100 + skipped 0 + unknown 0: 1 missing",
        ),
        (
            "an arrival too many, although an agent was lost",
            |w| {
                lose(w, 1, 9);
                w.totals.tallies[0].late = 1;
            },
            Judgment::Invalid,
            "browse: failed to close the books: planned 100 is not started 95 + skipped 1 + unknown 5: 1 too many",
        ),
        (
            "two agents' books that are off, although the scenario's are not",
            |w| w.agents.iter_mut().zip([51, 49]).for_each(|(agent, owned)| agent.owned = vec![owned]),
            Judgment::Invalid,
            "browse: failed to close the books of agent a1: owned 51 is not started 50 + skipped 0: 1 missing",
        ),
        (
            "more than was its own, although it was lost",
            |w| {
                lose(w, 1, 9);
                w.agents[1].owned = vec![44];
            },
            Judgment::Invalid,
            "browse: failed to close the books: planned 100 is not started 95 + skipped 0 + unknown 0: 5 missing",
        ),
        (
            "an agent whose deltas contradict each other",
            |w| w.faults = vec![fault(FaultKind::BooksBroken, Some("a1"), 3.0, None)],
            Judgment::Invalid,
            "books broken (a1): it happened",
        ),
    ];
    check(rows);
    let open = report_after(|w| retell(w, 1, |tally| tally.finished -= 10));
    let imbalance = "close the books: started 100 is not finished 90 + abandoned 0: 10 missing; \
                     close the books of agent a2: started 50 is not finished 40 + abandoned 0: 10 missing";
    assert_eq!(open.imbalances, BTreeMap::from([("browse".into(), imbalance.into())]));
    assert_eq!(
        (open.ledger["browse"].started, open.ledger["browse"].finished),
        (100, 90),
        "the books as told"
    );
}

#[test]
fn of_a_thousand_broken_books_ten_are_named() {
    let report = report_after(|w| {
        let broken = AgentEvidence { owned: vec![1], finished: true, ..AgentEvidence::default() };
        w.agents = vec![broken; 1000];
    });
    let told = &report.imbalances["browse"];
    assert_eq!(told.matches("close the books of agent").count(), 10);
    assert!(told.ends_with("; close the books of 990 more agents"), "{told}");
}

#[test]
fn an_agent_that_the_plan_cannot_do_without_makes_the_run_invalid() {
    let lost = report_after(|w| {
        lose(w, 1, 2);
        w.ending = Ending::AgentLost("agent a2 was lost: no sign of life for 3.0 s".into());
    });
    assert_eq!(lost.verdict.result, Judgment::Invalid);
    assert_eq!(
        lost.verdict.reasons,
        [
            "agent a2 was lost: no sign of life for 3.0 s",
            "browse: nobody knows whether 40 of 100 arrivals were sent",
            "only 60 % of the asked load was started; 40 were lost with an agent",
        ]
    );
    assert_eq!((lost.ledger["browse"].unknown, lost.imbalances.len()), (40, 0), "what is missing has a name");
}

#[test]
fn a_run_that_did_not_start_is_invalid_and_its_books_balance() {
    let report = report_after(|w| {
        w.totals = Measured::for_plan(&w.plan);
        w.ending = Ending::NotStarted("2 of 3 agents came".into());
    });
    assert_eq!(report.verdict.result, Judgment::Invalid);
    assert_eq!(report.verdict.reasons, ["the run did not start: 2 of 3 agents came"]);
    assert_eq!((report.ledger["browse"].skipped.stopped, report.imbalances.len()), (100, 0));
    assert_eq!(
        (report.agents[0].owned, report.shortfalls.len()),
        (0, 0),
        "what was dealt was never asked for"
    );
}

#[test]
fn a_threshold_that_does_not_hold_fails_the_run() {
    let rows: &[Row] = &[
        (
            "too slow",
            |w| w.plan = plan(&[("browse.response_time.p99", "< 15ms")]),
            Judgment::Fail,
            "browse.response_time.p99 is 20.02 ms, limit < 15 ms",
        ),
        (
            "too many errors",
            |w| {
                w.plan = plan(&[("error_rate", "<= 1%")]);
                w.totals.series[0].outcomes[Outcome::Timeout.index()] = 25;
            },
            Judgment::Fail,
            "error_rate is 20 %, limit <= 1 %",
        ),
        (
            "no requests at all",
            |w| {
                w.plan = plan(&[("error_rate", "< 1%")]);
                w.totals.series[0] = Series::default();
            },
            Judgment::Fail,
            "error_rate: no samples, limit < 1 %",
        ),
        (
            "a scenario that the plan does not have",
            |w| w.plan = plan(&[("buy.response_time.p50", "< 1s")]),
            Judgment::Fail,
            "buy.response_time.p50: no samples, limit < 1 s",
        ),
        (
            "values above an hour are no reason to keep to a limit",
            |w| {
                w.plan = plan(&[("service_time.mean", "< 1s")]);
                w.totals.series[0].service_time = Histogram::new();
                w.totals.series[0].service_time.record(u64::MAX);
            },
            Judgment::Fail,
            "service_time.mean is 3600 s, limit < 1 s",
        ),
    ];
    check(rows);
}

#[test]
fn a_generator_that_did_not_make_the_load_is_told_apart_from_a_slow_target() {
    let rows: &[Row] = &[
        ("one in a thousand is borne", |w| thousand_but(w, 1), Judgment::Pass, ""),
        (
            "two in a thousand are not",
            |w| thousand_but(w, 2),
            Judgment::GeneratorLimited,
            "only 99.8 % of the asked load was started; most of the rest (2) were too late: add agents or give \
             them more processor time",
        ),
        (
            "no slots",
            |w| skip(w, 10, SkipReason::Overload),
            Judgment::GeneratorLimited,
            "only 90 % of the asked load was started; most of the rest (10) found no free slot: raise \
             max_in_flight, or the target is slower than the asked rate",
        ),
        (
            "late releases",
            |w| (0..50).for_each(|_| w.agents[1].release_lag.record(12_000)),
            Judgment::GeneratorLimited,
            "agent a2 released late: p99 is 12.01 ms, limit 10.00 ms; give it less load or more cores",
        ),
        (
            "no local ports",
            |w| w.totals.series[0].outcomes[Outcome::NoPort.index()] = 25,
            Judgment::GeneratorLimited,
            "20 % of the requests failed by the agents' own fault: 25 no_port",
        ),
    ];
    check(rows);
}

/// The hundred requests ended so.
fn ended(world: &mut World, outcomes: &[(Outcome, u64)]) {
    let own = &mut world.totals.series[0].outcomes;
    own.fill(0);
    outcomes.iter().for_each(|(outcome, n)| own[outcome.index()] = *n);
}

#[test]
fn a_scenario_of_which_nothing_succeeded_is_told_and_is_no_failure_without_a_rule() {
    let rows: &[Row] = &[
        (
            "one good answer is one",
            |w| ended(w, &[(Outcome::Ok, 1), (Outcome::Reset, 99)]),
            Judgment::Pass,
            "",
        ),
        (
            "no good answer",
            |w| ended(w, &[(Outcome::ConnectRefused, 1_000)]),
            Judgment::Pass,
            "browse: every request failed: connect_refused × 1,000",
        ),
        (
            "the most frequent cause first",
            |w| ended(w, &[(Outcome::Timeout, 30), (Outcome::CheckFailed, 70)]),
            Judgment::Pass,
            "browse: every request failed: check_failed × 70, timeout × 30",
        ),
        ("no request ended", |w| ended(w, &[]), Judgment::Pass, ""),
        (
            "a rule that allows it",
            |w| {
                w.plan = plan(&[("error_rate", "<= 100%")]);
                ended(w, &[(Outcome::Reset, 100)]);
            },
            Judgment::Pass,
            "browse: every request failed: reset × 100",
        ),
        (
            "a rule that does not",
            |w| {
                w.plan = plan(&[("error_rate", "< 1%")]);
                ended(w, &[(Outcome::Reset, 100)]);
            },
            Judgment::Fail,
            "error_rate is 100 %, limit < 1 %",
        ),
        (
            "the agents' own fault weighs more",
            |w| ended(w, &[(Outcome::NoPort, 100)]),
            Judgment::GeneratorLimited,
            "100 % of the requests failed by the agents' own fault: 100 no_port",
        ),
    ];
    check(rows);
}

/// A thousand planned arrivals of which `late` were skipped.
fn thousand_but(world: &mut World, late: u64) {
    world.planned = vec![1000];
    world.agents.truncate(1);
    let started = 1000 - late;
    world.totals.tallies[0] = Tally { started, finished: started, late, ..Tally::default() };
    (world.agents[0].owned, world.agents[0].tallies) = (vec![1000], world.totals.tallies.clone());
}

#[test]
fn the_weightiest_finding_decides_and_all_are_told() {
    let verdict = report_after(|w| {
        lose(w, 1, 9);
        skip(w, 10, SkipReason::Overload);
        w.plan = plan(&[("delivered", ">= 99.9%")]);
        w.ending = Ending::Interrupted;
    })
    .verdict;
    assert_eq!(verdict.result, Judgment::Fail);
    let begins = verdict.reasons.iter().map(|reason| reason.split(' ').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(begins, ["delivered", "the", "browse:", "only", "only"]);
    use Judgment::{Aborted, Degraded, Fail, GeneratorLimited, Invalid, Pass};
    assert!([Pass, GeneratorLimited, Degraded, Aborted, Fail, Invalid].is_sorted());
}
