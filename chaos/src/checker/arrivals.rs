//! Rules over single arrivals.

use super::case::Case;
use super::finding::Finding;
use common::time::RunTime;
use std::collections::BTreeMap;
use std::time::Duration;

/// Every recorded arrival names a scenario and a number, every stored delta can be read.
pub(super) fn readable(case: &Case<'_>) -> Finding {
    let mut finding = Finding::of("readable");
    case.hits.iter().for_each(|_| finding.look(true, String::new));
    case.unreadable.iter().for_each(|why| finding.look(false, || why.clone()));
    // An empty record proves nothing.
    finding.look(!case.hits.is_empty(), || "the record names no arrival at all".into());
    finding
}

/// No arrival came twice.
pub(super) fn once(case: &Case<'_>) -> Finding {
    let mut finding = Finding::of("once");
    let mut first: BTreeMap<(usize, u64), u64> = BTreeMap::new();
    for hit in &case.hits {
        let before = first.insert((hit.scenario, hit.k), hit.at_ns);
        finding.look(before.is_none(), || {
            let apart = Duration::from_nanos(hit.at_ns.abs_diff(before.unwrap_or_default()));
            format!("{} came again {apart:?} later{}", case.name(hit), owner(case, hit.owner))
        });
    }
    finding
}

/// Every arrival that came is in the plan.
pub(super) fn planned(case: &Case<'_>) -> Finding {
    let mut finding = Finding::of("planned");
    for hit in &case.hits {
        finding.look(hit.due.is_some(), || format!("{} is in no plan", case.name(hit)));
    }
    finding
}

/// None came before it was due, but for what the clocks of agent and controller may differ.
pub(super) fn early(case: &Case<'_>) -> Finding {
    let Some(zero) = case.store.as_ref().and_then(|store| store.zero_ns) else {
        return Finding::missing("early", "the start in the store");
    };
    let agents = case.evidence.report.iter().flat_map(|report| &report.agents);
    let bound = agents.map(|agent| agent.clock_bound_us * 1_000).max().unwrap_or_default().max(CLOCKS_NS);
    let mut finding = Finding::of("early");
    for hit in &case.hits {
        let Some(due) = hit.due else { continue };
        let due_ns = zero + due.nanos();
        finding.look(hit.at_ns + bound >= due_ns, || {
            let early = Duration::from_nanos(due_ns - hit.at_ns);
            format!("{} came {early:?} before it was due{}", case.name(hit), owner(case, hit.owner))
        });
    }
    finding
}

/// Every arrival that came was somebody's.
pub(super) fn owned(case: &Case<'_>) -> Finding {
    if case.store.is_none() {
        return Finding::missing("owned", "the store");
    }
    let mut finding = Finding::of("owned");
    for hit in case.hits.iter().filter(|hit| hit.due.is_some()) {
        finding.look(hit.owner.is_some(), || {
            format!("{}, due at {:?}, came and was nobody's", case.name(hit), hit.due.unwrap_or_default())
        });
    }
    finding
}

/// Once nothing is broken any more, the plan is delivered; but for the few that a busy machine is late with, and for
/// as many as the agents say that they were too late for, whenever that was.
pub(super) fn settled(case: &Case<'_>) -> Finding {
    let Some(settled_ns) = case.evidence.notes.settled_ns else {
        return Finding::missing("settled", "a time in which nothing was broken");
    };
    let started = case.store.as_ref().and_then(|store| Some((store.zero_ns?, store.stopped)));
    let Some((zero, stopped)) = started else {
        return Finding::missing("settled", "the start in the store");
    };
    let from = RunTime::from_nanos(settled_ns.saturating_sub(zero));
    let mut finding = Finding::of("settled");
    for (scenario, plan) in case.plan.iter().enumerate() {
        let due = plan.iter().filter(|(_, due)| (from..stopped).contains(due)).map(|(k, _)| *k);
        let came = case.hits.iter().filter(|hit| hit.scenario == scenario).map(|hit| hit.k);
        let came: std::collections::BTreeSet<u64> = came.collect();
        let due: Vec<u64> = due.collect();
        let absent: Vec<u64> = due.iter().copied().filter(|k| !came.contains(k)).collect();
        let entry =
            case.evidence.report.as_ref().and_then(|report| report.ledger.get(case.scenario(scenario)));
        let late = entry.and_then(|entry| entry.skipped.get("late")).copied().unwrap_or_default();
        let right = absent.len() as f64 <= due.len() as f64 * LATE_SHARE_MAX + late as f64;
        finding.look(right, || {
            let some = &absent[..absent.len().min(5)];
            let name = case.scenario(scenario);
            format!(
                "{} of {} arrivals of {name} due after {from:?} did not come: {some:?}",
                absent.len(),
                due.len()
            )
        });
    }
    finding
}

/// Whose an arrival was, for people.
pub(super) fn owner(case: &Case<'_>, owner: Option<u64>) -> String {
    let session = owner.and_then(|owner| Some((owner, case.store.as_ref()?.sessions.get(&owner)?)));
    session.map_or_else(String::new, |(number, session)| format!(", owned by {}", session.told(number)))
}

/// Clocks that were compared over a bad network may be off by this much, in nanoseconds.
const CLOCKS_NS: u64 = 20_000_000;
/// A machine that builds and tests at the same time may skip so many arrivals as too late.
const LATE_SHARE_MAX: f64 = 0.02;
