//! What makes a run aborted, invalid, failed or limited by the generator.

use super::*;
use crate::pacer::SkipReason;

/// `n` arrivals that were skipped instead of started.
fn skip(world: &mut World, n: u64, reason: SkipReason) {
    let tally = &mut world.totals.tallies[0];
    (tally.started, tally.finished) = (tally.started - n, tally.finished - n);
    (0..n).for_each(|_| tally.skip(reason));
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
            |w| (w.totals.tallies[0].finished, w.totals.tallies[0].abandoned) = (99, 1),
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
            |w| w.ending = Ending::Interrupted,
            Judgment::Aborted,
            "the operator stopped the run",
        ),
        (
            "by the operator, twice",
            |w| w.ending = Ending::Aborted,
            Judgment::Aborted,
            "the operator aborted the run: what was under way was given up",
        ),
    ];
    check(rows);
    let stopped = report_after(|w| {
        w.ending = Ending::Interrupted;
        skip(w, 60, SkipReason::Stopped);
    });
    assert_eq!(stopped.verdict.reasons.len(), 1, "what a stop takes away is no fault of the generator");
}

#[test]
fn books_that_do_not_balance_make_the_run_invalid() {
    let rows: &[Row] = &[
        (
            "an arrival nobody accounts for",
            |w| w.totals.tallies[0] = Tally { started: 99, finished: 99, ..Tally::default() },
            Judgment::Invalid,
            "browse: failed to close the books: planned 100 is not started 99 + skipped 0: 1 missing",
        ),
        (
            "an arrival too many, although an agent was lost",
            |w| {
                w.totals.tallies[0].late = 1;
                w.ending = Ending::AgentLost("agent a2 was lost: silent".into());
            },
            Judgment::Invalid,
            "agent a2 was lost: silent",
        ),
        (
            "a request without an end",
            |w| w.totals.tallies[0].finished = 90,
            Judgment::Invalid,
            "browse: failed to close the books: started 100 is not finished 90 + abandoned 0: 10 missing",
        ),
    ];
    check(rows);
    let open = report_after(|w| w.totals.tallies[0].late = 1);
    assert_eq!((open.ledger["browse"].started, open.ledger["browse"].skipped.late), (100, 1));
    assert_eq!(open.imbalances.len(), 1, "what is off is shown beside the books as they are");
}

#[test]
fn a_lost_agent_makes_the_run_invalid() {
    let lost = report_after(|w| {
        w.agents[1].lost = Some("no heartbeat for 3 s".into());
        w.ending = Ending::AgentLost("agent a2 was lost: no heartbeat for 3 s".into());
        w.totals.tallies[0] = Tally { started: 60, finished: 58, ..Tally::default() };
    });
    assert_eq!(lost.verdict.result, Judgment::Invalid);
    assert_eq!(
        lost.verdict.reasons,
        [
            "agent a2 was lost: no heartbeat for 3 s",
            "browse: nobody knows whether 40 of 100 arrivals were sent",
            "only 60 % of the asked load was started; most of the rest (40) were lost with an agent",
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

/// A thousand planned arrivals of which `late` were skipped.
fn thousand_but(world: &mut World, late: u64) {
    world.planned = vec![1000];
    let started = 1000 - late;
    world.totals.tallies[0] = Tally { started, finished: started, late, ..Tally::default() };
}

#[test]
fn the_weightiest_finding_decides_and_all_are_told() {
    let verdict = report_after(|w| {
        skip(w, 10, SkipReason::NoLease);
        w.plan = plan(&[("delivered", ">= 99.9%")]);
        w.agents[0].lost = Some("gone".into());
        w.ending = Ending::Interrupted;
    })
    .verdict;
    assert_eq!(verdict.result, Judgment::Aborted);
    let begins = verdict.reasons.iter().map(|reason| reason.split(' ').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(begins, ["the", "agent", "delivered", "only"]);
}
