//! What a fault costs: in the verdict, in the timeline, per agent and second.

use super::*;
use crate::pacer::SkipReason;

/// `n` arrivals that the second agent could not send for want of a lease.
fn unleased(world: &mut World, n: u64) {
    retell(world, 1, |tally| {
        (tally.started, tally.finished) = (tally.started - n, tally.finished - n);
        (0..n).for_each(|_| tally.skip(SkipReason::NoLease));
    });
}

/// `n` arrivals that neither agent owned.
fn unowned(world: &mut World, n: u64) {
    retell(world, 1, |tally| (tally.started, tally.finished) = (tally.started - n, tally.finished - n));
    (world.agents[1].owned, world.unowned) = (vec![50 - n], vec![n]);
}

#[test]
fn a_plan_that_faults_kept_from_being_delivered_is_degraded() {
    let judged = |change: &dyn Fn(&mut World)| report_after(change).verdict;
    let lost = judged(&|w| {
        lose(w, 1, 8);
        w.faults = vec![
            fault(FaultKind::AgentJoinedLate, Some("a1"), 0.0, Some(0.5)),
            fault(FaultKind::AgentLost, Some("a2"), 8.25, None),
        ];
    });
    assert_eq!(lost.result, Judgment::Degraded);
    assert_eq!(
        lost.reasons,
        [
            "browse: nobody knows whether 10 of 100 arrivals were sent",
            "only 90 % of the asked load was started; 10 were lost with an agent",
            "the worst fault, agent lost (a2) at 8.2 s, cost up to 10 arrivals, 10 of them unknown: it happened",
        ]
    );
    let mixed = judged(&|w| {
        unleased(w, 3);
        w.unowned = vec![2];
        w.planned = vec![102];
    });
    assert_eq!(mixed.result, Judgment::Degraded);
    let reason = "only 95.098 % of the asked load was started; 2 had no owner, 3 had no lease: the agents were cut \
                  off from the controller";
    assert_eq!(mixed.reasons, [reason]);
}

#[test]
fn a_fault_that_cost_nothing_does_not_degrade_the_run() {
    let report = report_after(|w| {
        w.agents[1].lost = Some("no sign of life for 3.0 s".into());
        w.faults = vec![fault(FaultKind::AgentLost, Some("a2"), 5.0, None)];
    });
    assert_eq!((report.verdict.result, report.verdict.reasons.len()), (Judgment::Pass, 0));
    assert_eq!((report.faults[0].missing, report.faults[0].unknown), (0, 0));
}

#[test]
fn one_in_a_thousand_may_go_unowned_but_none_unknown() {
    let thousand = |n: u64| {
        let mut world = sound();
        world.planned = vec![1000];
        world.agents.truncate(1);
        world.totals.tallies[0] = Tally { started: 1000 - n, finished: 1000 - n, ..Tally::default() };
        (world.agents[0].owned, world.agents[0].tallies) = (vec![1000 - n], world.totals.tallies.clone());
        world.unowned = vec![n];
        world
    };
    assert_eq!(report(&thousand(1)).verdict.result, Judgment::Pass);
    assert_eq!(report(&thousand(2)).verdict.result, Judgment::Degraded);
    let mut unknown = thousand(1);
    (unknown.unowned, unknown.agents[0].owned, unknown.agents[0].finished) = (vec![0], vec![1000], false);
    assert_eq!(report(&unknown).verdict.result, Judgment::Degraded);
}

#[test]
fn each_side_answers_for_what_it_did_not_send() {
    let overload = |w: &mut World, n: u64| {
        retell(w, 0, |tally| {
            (tally.started, tally.finished) = (tally.started - n, tally.finished - n);
            (0..n).for_each(|_| tally.skip(SkipReason::Overload));
        });
    };
    let both = report_after(|w| {
        unowned(w, 10);
        overload(w, 5);
    });
    assert_eq!(
        both.verdict.reasons,
        [
            "only 85 % of the asked load was started; 10 had no owner",
            "only 85 % of the asked load was started; 5 found no free slot: raise max_in_flight, or the target is \
             slower than the asked rate",
        ]
    );
    let generator = report_after(|w| overload(w, 5));
    assert_eq!(generator.verdict.result, Judgment::GeneratorLimited);
}

#[test]
fn windows_under_a_fault_are_marked() {
    for (from, until, seconds, why) in [
        (2.5, Some(4.0), vec![2, 3], "the second in which it ended is whole again"),
        (2.0, Some(2.0), vec![2], "a fault of no length lies in the second in which it happened"),
        (2.5, Some(2.6), vec![2], "a short one too"),
        (8.0, None, vec![8, 9], "until the end"),
        (99.0, Some(100.0), vec![], "outside the plan"),
    ] {
        let report =
            report_after(|w| w.faults = vec![fault(FaultKind::ControllerRestarted, None, from, until)]);
        let marked = report.timeline.iter().filter(|row| row.fault).map(|row| row.t_s).collect::<Vec<_>>();
        assert_eq!(marked, seconds, "{why}");
    }
}

#[test]
fn a_fault_costs_what_was_not_started_while_it_lasted_and_nothing_that_a_stop_took() {
    let cost = |from, until, stopped: Option<f64>| {
        let report = report_after(|w| {
            lose(w, 1, 4);
            w.faults = vec![fault(FaultKind::AgentLost, Some("a2"), from, until)];
            w.stopped = stopped.map(at);
        });
        (report.faults[0].missing, report.faults[0].unknown)
    };
    assert_eq!(cost(4.5, None, None), (30, 30), "six seconds of five each");
    assert_eq!(cost(4.5, Some(6.0), None), (10, 30), "somebody else took over after two seconds");
    assert_eq!(cost(4.5, None, Some(7.5)), (15, 30), "the second of the stop was cut by the stop");
}

#[test]
fn what_an_agent_took_along_is_told_at_the_last_fault_that_took_it_away() {
    let report = report_after(|w| {
        lose(w, 1, 4);
        w.faults = vec![
            fault(FaultKind::AgentLost, Some("a2"), 1.0, Some(2.0)),
            fault(FaultKind::AgentReturned, Some("a2"), 2.0, Some(2.0)),
            fault(FaultKind::AgentLost, Some("a2"), 4.0, None),
            fault(FaultKind::LeaseLapsed, Some("a2"), 4.0, None),
            fault(FaultKind::AgentLost, Some("a1"), 4.0, Some(4.0)),
        ];
    });
    assert_eq!(report.faults.iter().map(|fault| fault.unknown).collect::<Vec<_>>(), [0, 0, 30, 0, 0]);
    assert_eq!((report.agents[1].owned, report.agents[1].started, report.agents[1].unknown), (50, 20, 30));
}

#[test]
fn an_agent_that_started_less_than_it_owned_shows_when() {
    let report = report_after(|w| {
        lose(w, 1, 8);
        w.agents[0].started_by_second = vec![5, 5, 4, 5, 5, 5, 5, 5, 5, 5].into();
    });
    let row = |agent: &str, t_s, started| ShortfallRow {
        agent: agent.into(),
        t_s,
        width_s: 1,
        planned: 5,
        started,
    };
    assert_eq!(report.shortfalls, [row("a1", 2, 4), row("a2", 8, 0), row("a2", 9, 0)]);
}

#[test]
fn shortfalls_stay_a_file_that_can_be_opened() {
    let hours = |agents: usize| {
        let report = report_after(|w| {
            let mut agent = agent("a");
            (agent.planned_by_second, agent.started_by_second) =
                (vec![2; 36_000].into(), vec![1; 36_000].into());
            w.agents = vec![agent; agents];
        });
        let planned = report.shortfalls.iter().map(|row| row.planned).sum::<u64>();
        assert_eq!(planned, 72_000 * agents as u64, "merged, never dropped");
        report.shortfalls.len() / agents
    };
    assert!((600..=1200).contains(&hours(1)));
    assert!((15..=30).contains(&hours(2000)));
}
