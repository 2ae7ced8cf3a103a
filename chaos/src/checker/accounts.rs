//! Rules over counts: the target's, the agents', the report's.

use super::case::{Case, Session};
use super::finding::Finding;
use common::series::series_of;

/// Answered ≤ the target's own count ≤ started + unknown, per owner and scenario.
pub(super) fn counted(case: &Case<'_>) -> Finding {
    let Some(store) = &case.store else { return Finding::missing("counted", "the store") };
    let mut finding = Finding::of("counted");
    let came = case.came();
    for (number, session) in &store.sessions {
        for scenario in 0..case.plan.len() {
            let came = came.get(&(*number, scenario)).copied().unwrap_or_default();
            let told = session.tally(scenario);
            let most = told.started + unknown(session, scenario);
            let least = answered(case, session, scenario);
            finding.look((least..=most).contains(&came), || {
                let (name, whose) = (case.scenario(scenario), session.told(*number));
                format!(
                    "the target got {came} requests of {name} from {whose}, which told of {least} to {most}"
                )
            });
        }
    }
    finding
}

/// Planned = started + skipped + unknown, for every scenario, and the report knows of no imbalance.
pub(super) fn ledger(case: &Case<'_>) -> Finding {
    let Some(report) = &case.evidence.report else { return Finding::missing("ledger", "the report") };
    let mut finding = Finding::of("ledger");
    for (scenario, plan) in case.plan.iter().enumerate() {
        let name = case.scenario(scenario);
        let Some(entry) = report.ledger.get(name) else {
            finding.look(false, || format!("{name} has no books"));
            continue;
        };
        finding.equal(format_args!("{name}: planned"), entry.planned, plan.len() as u64);
        let skipped: u64 = entry.skipped.values().sum();
        finding.look(entry.planned == entry.started + skipped + entry.unknown, || {
            let (planned, started, unknown) = (entry.planned, entry.started, entry.unknown);
            format!(
                "{name}: planned {planned} is not started {started} + skipped {skipped} + unknown {unknown}"
            )
        });
        let ended = entry.finished + entry.abandoned;
        finding
            .look(entry.started >= ended, || format!("{name}: {} started, but {ended} ended", entry.started));
        // The record alone, without any store: whatever the agents told, the target saw no more than this.
        let came = case.hits.iter().filter(|hit| hit.scenario == scenario).count() as u64;
        finding.look(came <= entry.started + entry.unknown, || {
            format!(
                "{name}: the target got {came}, more than started {} + unknown {}",
                entry.started, entry.unknown
            )
        });
    }
    for (whose, imbalance) in &report.imbalances {
        finding.look(false, || format!("the report says of {whose}: {imbalance}"));
    }
    finding
}

/// What an agent owned = what became of it + unknown, and nothing is unknown once it has told everything.
pub(super) fn accounts(case: &Case<'_>) -> Finding {
    let Some(store) = &case.store else { return Finding::missing("accounts", "the store") };
    let mut finding = Finding::of("accounts");
    let mut lost = vec![0; case.plan.len()];
    for (number, session) in &store.sessions {
        for (scenario, lost) in lost.iter_mut().enumerate() {
            let (owned, resolved) = (session.owned[scenario], session.tally(scenario).resolved());
            let resolved = resolved + session.without_lease(scenario);
            let right = if session.finished { owned == resolved } else { owned >= resolved };
            finding.look(right, || {
                let (name, whose) = (case.scenario(scenario), session.told(*number));
                let told = if session.finished { "has told everything" } else { "has not told everything" };
                format!("{whose} owned {owned} arrivals of {name}, tells of {resolved}, and {told}")
            });
            *lost += unknown(session, scenario);
        }
    }
    let Some(report) = &case.evidence.report else { return Finding::missing("accounts", "the report") };
    for (scenario, lost) in lost.into_iter().enumerate() {
        let name = case.scenario(scenario);
        let unknown = report.ledger.get(name).map_or(0, |entry| entry.unknown);
        finding.equal(
            format_args!("{name}: unknown in the report, from the agents' accounts"),
            unknown,
            lost,
        );
    }
    for agent in &report.agents {
        let own = |session: &&Session| session.instance == agent.instance;
        let sessions: Vec<_> = store.sessions.values().filter(own).collect();
        let sum = |of: &dyn Fn(&Session, usize) -> u64| -> u64 {
            sessions
                .iter()
                .map(|one| (0..case.plan.len()).map(|scenario| of(one, scenario)).sum::<u64>())
                .sum()
        };
        let name = &agent.name;
        let started = sum(&|session, scenario| session.tally(scenario).started);
        finding.equal(format_args!("{name}: started in the report"), agent.started, started);
        let owned = sum(&|session, scenario| session.owned[scenario]);
        finding.equal(format_args!("{name}: owned in the report"), agent.owned.unwrap_or(owned), owned);
        let lost = sum(&unknown);
        finding.equal(format_args!("{name}: unknown in the report"), agent.unknown.unwrap_or(lost), lost);
    }
    finding
}

/// Arrivals that a session owned and did not tell about.
fn unknown(session: &Session, scenario: usize) -> u64 {
    let told = session.tally(scenario).resolved() + session.without_lease(scenario);
    session.owned[scenario].saturating_sub(told)
}

/// Requests of a session that had an answer: the target surely saw them.
fn answered(case: &Case<'_>, session: &Session, scenario: usize) -> u64 {
    let places = series_of(&case.evidence.plan);
    let own = |place: &usize| places[*place].scenario == scenario && places[*place].counts_requests();
    let deltas = session.deltas.iter().map(|(.., delta)| delta);
    let series =
        deltas.flat_map(|delta| (0..places.len()).filter(own).map(|place| &delta.measured.series[place]));
    series.map(|series| series.status.values().sum::<u64>()).sum()
}
