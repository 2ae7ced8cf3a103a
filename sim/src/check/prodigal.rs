//! Who was cut off and is back in time has told everything and got lanes again.

use crate::desk::Wish;
use crate::history::History;
use crate::record::{Outcome, name};
use crate::weather::What;
use common::report::Report;
use common::run::Ending;
use std::time::Duration;

/// What is wrong with the agents of a history whose process lived, as sentences.
pub(super) fn broken(history: &History, report: &Report, outcome: &Outcome) -> Vec<String> {
    if matches!(outcome.ending, Ending::NotStarted(_) | Ending::Aborted | Ending::StoreFailed(_)) {
        return vec![];
    }
    let mut broken = vec![];
    let load_end = outcome.zero + outcome.load_end;
    let changing = is_changing(history, load_end);
    for agent in 0..history.agents {
        let name = name(agent);
        let last = last_trouble(history, agent);
        if killed(history, agent) || last.is_some_and(|last| last + BACK_WITHIN > outcome.at) {
            continue;
        }
        let rows = || report.agents.iter().filter(|row| row.name == name);
        let unknown: u64 = rows().map(|row| row.unknown).sum();
        if unknown > 0 {
            broken.push(format!("{name} lived and was back at {last:?}, but {unknown} arrivals are unknown"));
        }
        let whole = outcome.ending == Ending::Completed;
        let in_time = last.is_none_or(|last| last + BACK_WITHIN < load_end);
        if whole && !changing && in_time && !flapped(history, agent) && rows().all(|row| row.lanes == 0) {
            broken.push(format!("{name} was back at {last:?} and got no lanes"));
        }
    }
    broken
}

/// When the last thing ended that kept an agent from its controller.
fn last_trouble(history: &History, agent: u32) -> Option<Duration> {
    let own = |change: &&crate::weather::Change| match change.what {
        What::Mend(who) | What::Release(who) => who == agent,
        What::RestartController | What::Disk(_) => true,
        _ => false,
    };
    history.changes.iter().filter(own).map(|change| change.at).max()
}

/// Whether the load may have ended while it was changed: then those who answered have no lanes, as long as the
/// lease of one that is cut off lasts.
fn is_changing(history: &History, load_end: Duration) -> bool {
    let lately = load_end.saturating_sub(history.plan.agents.lease_ttl + Duration::from_secs(1));
    history.changes.iter().any(|change| {
        matches!(change.what, What::Operator(Wish::Rate(..) | Wish::Pause | Wish::Resume))
            && (lately..load_end).contains(&change.at)
    })
}

/// Whether its process ended before its time.
fn killed(history: &History, agent: u32) -> bool {
    history
        .changes
        .iter()
        .any(|change| change.what == What::Crash(agent) || change.what == What::Leave(agent))
}

/// Whether it was away so often that it gets no lanes any more.
fn flapped(history: &History, agent: u32) -> bool {
    history.outages.iter().filter(|outage| outage.agent == agent).count() >= 3
}

/// A stream that hangs is noticed after 2 s, a connection that does not come about is given up after 2 s, a Welcome
/// after 5 s; a pause before the next attempt is 1 s.
const BACK_WITHIN: Duration = Duration::from_secs(11);
