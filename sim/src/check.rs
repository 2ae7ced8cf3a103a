//! What must hold after every history.

use crate::history::{History, Outage};
use crate::record::{Shot, name};
use crate::weather::Weather;
use common::ledger::Entry;
use common::report::{FaultKind, Judgment, Report};
use std::collections::BTreeMap;
use std::time::Duration;

mod prodigal;

/// Every rule that a history breaks, as sentences.
#[must_use]
pub fn broken(history: &History) -> Vec<String> {
    let pages = history.record.pages();
    let Some(report) = &pages.report else { return vec!["the controller made no report".into()] };
    let Some(outcome) = &pages.outcome else { return vec!["the controller told no outcome".into()] };
    let mut broken = twice("fired", &pages.fired);
    broken.extend(twice("seen by the target", &pages.arrived));
    broken.extend(pages.strangers.iter().take(SENTENCES).cloned());
    broken.extend(unfenced(&pages.fired, &history.outages, history.plan.agents.lease_ttl));
    broken.extend(report.imbalances.iter().map(|(scenario, why)| format!("{scenario}: {why}")));
    let untrusted = report.faults.iter().filter(|fault| fault.kind == FaultKind::BooksBroken);
    broken.extend(untrusted.map(|fault| format!("{:?} {}", fault.agent, fault.text)));
    for (number, scenario) in (0_u32..).zip(&history.plan.scenarios) {
        let count = |shots: &[Shot]| shots.iter().filter(|shot| shot.scenario == number).count() as u64;
        let (fired, seen) = (count(&pages.fired), count(&pages.arrived));
        match report.ledger.get(&scenario.name) {
            Some(entry) => {
                let answered = answered(report, &scenario.name);
                broken.extend(miscounted(&scenario.name, entry, [answered, seen, fired]));
            }
            None => broken.push(format!("{}: no books", scenario.name)),
        }
    }
    broken.extend(prodigal::broken(history, report, outcome));
    if history.weather == Weather::Calm {
        broken.extend(disturbed(report));
    }
    broken
}

/// No arrival goes out, or comes in, more than once.
fn twice(what: &str, shots: &[Shot]) -> Vec<String> {
    let mut seen: BTreeMap<(u32, u64), &Shot> = BTreeMap::new();
    let again = shots.iter().filter_map(|shot| {
        let first = seen.insert((shot.scenario, shot.k), shot)?;
        Some(format!(
            "arrival {} of scenario {} was {what} twice: by {} at {:?} and by {} at {:?}",
            shot.k,
            shot.scenario,
            name(first.agent),
            first.at,
            name(shot.agent),
            shot.at
        ))
    });
    again.take(SENTENCES).collect()
}

/// Nobody fires later than a lease after it heard of the controller for the last time.
fn unfenced(fired: &[Shot], outages: &[Outage], ttl: Duration) -> Vec<String> {
    let late = |shot: &&Shot| {
        let without = |out: &&Outage| {
            out.agent == shot.agent && shot.at > out.from + ttl + TICK && shot.at <= out.until
        };
        outages.iter().any(|out| without(&out))
    };
    let sentence = |shot: &Shot| format!("{} fired at {:?} without a lease", name(shot.agent), shot.at);
    fired.iter().filter(late).take(SENTENCES).map(sentence).collect()
}

/// What was answered was seen, what was seen was fired, what was fired was started or is unknown, and what was started
/// was fired.
fn miscounted(scenario: &str, entry: &Entry, [answered, seen, fired]: [u64; 3]) -> Option<String> {
    let perhaps = entry.started + entry.unknown;
    let wrong = seen < answered || fired < seen || fired < entry.started || fired > perhaps;
    (wrong || entry.started > entry.planned)
        .then(|| format!("{scenario}: answered {answered}, seen {seen}, fired {fired}: {entry:?}"))
}

/// Calm weather leaves no trace in the counts.
fn disturbed(report: &Report) -> Vec<String> {
    let mut broken = vec![];
    if matches!(report.verdict.result, Judgment::Invalid | Judgment::Aborted) {
        broken.push(format!("calm weather ended a run: {:?}", report.verdict));
    }
    for (scenario, entry) in &report.ledger {
        let answered = answered(report, scenario);
        if answered != entry.started || entry.unknown > 0 || entry.skipped.no_lease > 0 {
            broken.push(format!("{scenario}: calm weather cost arrivals: answered {answered}, {entry:?}"));
        }
    }
    broken
}

fn answered(report: &Report, scenario: &str) -> u64 {
    let rows = report.series.iter().filter(|row| row.scenario == scenario);
    rows.map(|row| row.outcomes.get("ok").copied().unwrap_or(0)).sum()
}

/// More of the same is not told.
const SENTENCES: usize = 3;
/// A tick of the simulation: times are no finer.
const TICK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use common::time::RunTime;

    fn shot(k: u64, agent: u32, at: u64) -> Shot {
        Shot { scenario: 0, k, due: RunTime::ZERO, agent, at: Duration::from_millis(at) }
    }

    #[test]
    fn an_arrival_that_goes_out_twice_is_found() {
        assert!(twice("fired", &[shot(1, 0, 5), shot(2, 0, 6), shot(3, 1, 6)]).is_empty());
        assert_eq!(twice("fired", &[shot(1, 0, 5), shot(1, 1, 9)]).len(), 1);
    }

    #[test]
    fn a_shot_without_a_lease_is_found() {
        let millis = Duration::from_millis;
        let outages = [Outage { agent: 0, from: millis(1000), until: millis(9000) }];
        let ttl = millis(3000);
        assert!(unfenced(&[shot(1, 0, 4001), shot(2, 1, 5000), shot(3, 0, 9001)], &outages, ttl).is_empty());
        assert_eq!(unfenced(&[shot(1, 0, 4002)], &outages, ttl).len(), 1);
    }

    #[test]
    fn counts_outside_of_their_bounds_are_found() {
        let entry = Entry { planned: 10, started: 8, finished: 8, unknown: 1, ..Entry::default() };
        for (answered, seen, fired, wrong) in [
            (8, 8, 8, false),
            (7, 8, 9, false),
            (8, 9, 9, false),
            (8, 7, 8, true),
            (7, 8, 7, true),
            (8, 8, 10, true),
            (7, 7, 7, true),
        ] {
            let told = miscounted("s", &entry, [answered, seen, fired]);
            assert_eq!(told.is_some(), wrong, "{answered} {seen} {fired}");
        }
    }
}
