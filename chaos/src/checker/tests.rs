//! Every rule is shown to hold on a run that went well and to break on one that did not.

use super::*;
use crate::evidence::store::Kind;
use common::arrivals::{Revision, Shift};
use made_up::{Made, SECOND, ZERO_NS};

mod made_up;

/// What a rule says of evidence that was tampered with.
fn verdict(rule: &str, tamper: impl FnOnce(&mut Made)) -> Finding {
    let mut made = Made::good();
    tamper(&mut made);
    let findings = check(&made.evidence());
    findings.into_iter().find(|finding| finding.rule == rule).expect("every rule reports")
}

#[track_caller]
fn breaks(rule: &str, example: &str, tamper: impl FnOnce(&mut Made)) {
    let finding = verdict(rule, tamper);
    assert!(finding.wrong > 0, "nobody saw it: {finding}");
    assert!(
        finding.examples.iter().any(|text| text.contains(example)),
        "{example:?} is not told:\n{finding}"
    );
}

#[test]
fn a_run_that_went_well_keeps_every_rule() {
    let made = Made::good();
    assert!(made.rows.len() > 400);
    for finding in check(&made.evidence()) {
        assert!(finding.holds() && finding.looked_at > 0, "{finding}");
    }
}

#[test]
fn a_run_with_a_lost_agent_keeps_every_rule() {
    // The second agent dies in the middle: its last delta never comes, the target saw a part of what is unknown.
    let mut made = Made::lossy();
    for finding in check(&made.evidence()) {
        assert!(finding.holds(), "{finding}");
    }
    made.report().ledger.get_mut("even").unwrap().unknown -= 1;
    let findings = check(&made.evidence());
    for rule in ["ledger", "accounts"] {
        assert!(findings.iter().any(|finding| finding.rule == rule && finding.wrong > 0), "{rule}");
    }
}

#[test]
fn missing_evidence_is_no_good_evidence() {
    let mut evidence = Made::good().evidence();
    (evidence.store, evidence.report, evidence.notes.settled_ns) = (None, None, None);
    let findings = check(&evidence);
    let silent = findings.iter().filter(|finding| finding.missing.is_some()).count();
    assert_eq!(silent, findings.len() - 3, "only the record can be checked alone");
    assert!(findings.iter().all(|finding| finding.holds() != finding.missing.is_some()));
}

#[test]
fn an_arrival_that_came_twice_is_named() {
    breaks("once", "even:17", |made| {
        let row = made.row("even:17").clone();
        made.rows.push(row);
    });
}

#[test]
fn an_arrival_that_is_in_no_plan_is_named() {
    breaks("planned", "even:99999 is in no plan", |made| made.row("even:17").arrival = "even:99999".into());
}

#[test]
fn a_request_without_a_name_is_named() {
    for name in ["", "even", "even:", "even:-1", "even:+1", "odd:1", "even:1x"] {
        breaks("readable", name, |made| made.row("even:17").arrival = name.into());
    }
    breaks("readable", "no arrival at all", |made| made.rows.clear());
}

#[test]
fn an_arrival_that_came_before_it_was_due_is_named() {
    breaks("early", "even:300 came", |made| made.row("even:300").unix_ns -= SECOND / 10);
    assert!(verdict("early", |made| made.row("even:300").unix_ns -= SECOND / 100).holds());
    assert!(
        verdict("early", |made| {
            made.report().agents[0].clock_bound_us = 200_000;
            made.row("even:300").unix_ns -= SECOND / 10;
        })
        .holds(),
        "a clock that is known to be uncertain excuses it"
    );
}

#[test]
fn an_arrival_of_nobody_is_named() {
    breaks("owned", "even:301, due at", |made| made.owned(0, 2 * SECOND, u64::MAX, &[301]));
}

/// The second agent's lease is over at 2 s of run time; arrival 211 is its own, due at 2.11 s.
fn expire(made: &mut Made) {
    made.event(ZERO_NS + 2 * SECOND, Kind::Expired { session: 2, from: made_up::time(2 * SECOND) });
}

#[test]
fn an_arrival_after_its_owners_lease_is_named() {
    breaks("lease", "even:211 came 110.03ms", expire);
    breaks("lease", "owned by agent-2", expire);
}

#[test]
fn a_session_that_came_back_may_fire_again() {
    let finding = verdict("lease", |made| {
        expire(made);
        made.event(ZERO_NS + 2 * SECOND + 1, Kind::Returned(2));
    });
    assert!(finding.holds(), "{finding}");
    breaks("lease", "even:211", |made| {
        expire(made);
        made.event(ZERO_NS + 3 * SECOND, Kind::Returned(2));
    });
}

#[test]
fn who_has_told_everything_fires_nothing_more() {
    breaks("lease", "even:211", |made| made.event(ZERO_NS + 2 * SECOND, Kind::Finished(2)));
}

#[test]
fn a_process_that_goes_on_may_send_one_request_a_thread() {
    // Only the last two arrivals of the second agent come after the lease, just after it was let go on.
    let late = |made: &mut Made, threads| {
        let last = made.last_of(2, 2);
        let begin = last.iter().map(|row| row.unix_ns).min().unwrap();
        let from = begin - made.clock_gap() - ZERO_NS - SECOND / 10 - 1;
        made.event(0, Kind::Expired { session: 2, from: made_up::time(from) });
        made.resume("agent-2", begin - made.clock_gap() - 1);
        made.threads = threads;
    };
    assert!(verdict("lease", |made| late(made, 2)).holds());
    assert_eq!(verdict("lease", |made| late(made, 1)).wrong, 1);
    breaks("lease", "after the lease", |made| {
        late(made, 2);
        made.resumed[0].agent = "agent-1".into();
    });
}

#[test]
fn more_and_less_than_an_agent_told_is_named() {
    breaks("counted", "the target got", |made| {
        let row = made.row("even:17").clone();
        made.rows.push(row);
    });
    breaks("counted", "the target got", |made| drop(made.rows.remove(0)));
}

#[test]
fn books_that_do_not_balance_are_named() {
    breaks("ledger", "even: planned", |made| made.report().ledger.get_mut("even").unwrap().planned += 1);
    breaks("ledger", "is not started", |made| made.report().ledger.get_mut("even").unwrap().started -= 1);
    breaks("ledger", "ended", |made| made.report().ledger.get_mut("even").unwrap().abandoned += 1);
    breaks("ledger", "has no books", |made| drop(made.report().ledger.remove("even")));
    breaks("ledger", "2 missing", |made| {
        made.report().imbalances.insert("even".into(), "2 missing".into());
    });
}

#[test]
fn an_agent_that_does_not_account_for_its_own_is_named() {
    breaks("accounts", "owned", |made| drop(made.deltas(2).remove(0)));
    breaks("accounts", "agent-1: started in the report", |made| made.report().agents[0].started += 1);
    breaks("accounts", "agent-1: owned in the report", |made| made.report().agents[0].owned = Some(3));
    breaks("accounts", "agent-2: unknown in the report", |made| made.report().agents[1].unknown = Some(3));
    // The same arrivals in the accounts of both.
    breaks("accounts", "agent-2 (session 0x2) owned", |made| made.owned(1, 0, u64::MAX, &[1]));
}

#[test]
fn deltas_that_do_not_follow_each_other_are_named() {
    breaks("deltas", "the delta after 0", |made| drop(made.deltas(1).remove(0)));
    breaks("deltas", "the delta after", |made| {
        let again = made.deltas(1)[0].clone();
        made.deltas(1).insert(1, again);
    });
    breaks("deltas", "running sums in delta 2", |made| {
        made.deltas(1)[1].message.scenarios[0].cumulative.as_mut().unwrap().started += 1;
    });
    breaks("deltas", "deltas after the last one", |made| made.deltas(1)[0].message.fin = true);
    breaks("readable", "delta 1 of session 1", |made| made.deltas(1)[0].message.scenarios.clear());
}

#[test]
fn sums_that_do_not_fit_are_no_sums() {
    const LARGEST: u64 = common::histogram::COUNT_MAX;
    breaks("order", "give another sum", |made| made.deltas(1)[0].message.series[0].bytes_in = LARGEST);
    breaks("report", "merge the deltas", |made| made.deltas(1)[0].message.series[0].bytes_in = LARGEST);
}

#[test]
fn a_report_of_other_deltas_is_named() {
    let even = "even / GET /";
    breaks("report", &format!("{even}: requests"), |made| made.report().series[0].requests += 1);
    breaks("report", &format!("{even}: status"), |made| made.report().series[0].status.clear());
    breaks("report", &format!("{even}: response time: other bytes"), |made| {
        made.report().series[0].response_time.hdr.replace_range(20..21, "_");
    });
    breaks("report", &format!("{even}: the row differs"), |made| made.report().series[0].send_lag.p99 += 1);
    breaks("report", "series: 1, expected 2", |made| drop(made.report().series.pop()));
    breaks("report", "even: skipped as late", |made| {
        made.report().ledger.get_mut("even").unwrap().skipped.insert("late".into(), 1);
    });
    breaks("report", "even: started", |made| made.report().ledger.get_mut("even").unwrap().started += 1);
}

#[test]
fn another_stored_report_is_named() {
    breaks("stored", "the store has no report", |made| made.stored_report = None);
    breaks("stored", "cannot be read", |made| made.stored_report = Some("{}".into()));
    breaks("stored", "another one", |made| made.report().agents[0].started += 1);
    breaks("stored", "the run of the report", |made| made.report().run.id = "other".into());
}

#[test]
fn what_is_calm_and_not_delivered_is_named() {
    breaks("settled", "arrivals of even due after", |made| {
        made.rows.retain(|row| !(row.arrival.starts_with("even:30") && row.arrival.len() == 8));
    });
    assert!(verdict("settled", |made| made.rows.retain(|row| row.arrival != "even:301")).holds());
    let finding = verdict("settled", |made| {
        made.rows.retain(|row| !(row.arrival.starts_with("even:30") && row.arrival.len() == 8));
        made.report().ledger.get_mut("even").unwrap().skipped.insert("late".into(), 10);
    });
    assert!(finding.holds(), "who was too late says so: {finding}");
}

#[test]
fn a_changed_schedule_is_the_one_that_counts() {
    // Half the rate from 3 s on: the last 50 arrivals of the plan are in no plan any more.
    let finding = verdict("planned", |made| {
        let at = made_up::time(3 * SECOND);
        made.event(0, Kind::Revised(Revision { scenario: 0, at, shift: Shift::Rate { milli: 50_000 } }));
    });
    assert_eq!(finding.wrong, 50, "{finding}");
}

#[test]
fn after_a_stop_nothing_is_missed() {
    let finding = verdict("settled", |made| {
        made.event(0, Kind::Stopped(made_up::time(3 * SECOND)));
        made.rows.retain(|row| !row.arrival.starts_with("even:3"));
    });
    assert!(finding.holds(), "{finding}");
}

#[test]
fn books_that_the_controller_does_not_trust_are_named() {
    breaks("deltas", "agent-2 (session 0x2): a hole", |made| made.event(0, Kind::Broken(2, "a hole".into())));
}
