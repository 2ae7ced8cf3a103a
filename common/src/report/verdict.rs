//! What is to be thought of a run.

use crate::human;
use crate::measured::Series;
use crate::outcome::Outcome;
use crate::plan::Scenario;
use crate::report::books::Books;
use crate::report::delivery::Delivery;
use crate::report::load;
use crate::report::{Evidence, FaultKind, FaultRow, ThresholdRow};
use crate::run::Ending;
use crate::series::{Place, series_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is to be thought of a run, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The weightiest finding.
    pub result: Judgment,
    /// Every finding as a sentence, the weightiest first. A run that passed has those that cast doubt on it: every
    /// request of a scenario failed.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// Whether the run passed and there is something that one must see all the same.
    #[must_use]
    pub fn is_doubtful_pass(&self) -> bool {
        self.result == Judgment::Pass && !self.reasons.is_empty()
    }
}

/// What is to be thought of a run, from the lightest to the weightiest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgment {
    /// Measured as planned, and every threshold holds.
    Pass,
    /// The generator did not make the asked load, so the numbers tell about another one.
    GeneratorLimited,
    /// The plan was not delivered because of faults of the fleet: arrivals are unknown, or too many were not sent
    /// because nobody owned them or nobody was allowed to.
    Degraded,
    /// Stopped before the schedule came to its end.
    Aborted,
    /// A threshold does not hold.
    Fail,
    /// The numbers cannot be trusted: the books do not balance or contradict themselves, the run did not start, an
    /// agent was lost that the plan cannot do without.
    Invalid,
}

impl Judgment {
    /// As it stands in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::GeneratorLimited => "generator_limited",
            Self::Degraded => "degraded",
            Self::Aborted => "aborted",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
        }
    }
}

type Finding = (Judgment, String);

/// The verdict over a run: the weightiest finding decides, all of them are told.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    books: &Books,
    thresholds: &[ThresholdRow],
    faults: &[FaultRow],
) -> Verdict {
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(ending(&evidence.ending));
    findings.extend(unbalanced(evidence, books, faults).map(|reason| (Judgment::Invalid, reason)));
    findings.extend(thresholds.iter().filter(|row| !row.holds).map(|row| (Judgment::Fail, broken(row))));
    let delivery = Delivery::of(&books.entries);
    if delivery.is_degraded() {
        let reasons = unknown(evidence, books).chain(delivery.faults()).chain(worst(faults));
        findings.extend(reasons.map(|reason| (Judgment::Degraded, reason)));
    }
    findings.extend(delivery.limit().map(|reason| (Judgment::GeneratorLimited, reason)));
    findings.extend(load::missing(evidence));
    findings.extend(slow_agents(evidence));
    findings.extend(own_faults(evidence).map(|reason| (Judgment::GeneratorLimited, reason)));
    findings.extend(all_failed(evidence).into_iter().map(|reason| (Judgment::Pass, reason)));
    findings.sort_by_key(|(judgment, _)| std::cmp::Reverse(*judgment));
    Verdict {
        result: findings.first().map_or(Judgment::Pass, |(judgment, _)| *judgment),
        reasons: findings.into_iter().map(|(_, reason)| reason).collect(),
    }
}

fn ending(ending: &Ending) -> Option<Finding> {
    match ending {
        Ending::Completed => None,
        Ending::Stopped => Some((Judgment::Aborted, "the operator stopped the run".to_owned())),
        Ending::Interrupted => Some((Judgment::Aborted, "the run was interrupted".to_owned())),
        Ending::Aborted => Some((
            Judgment::Aborted,
            "the run was interrupted twice: what was under way was given up".to_owned(),
        )),
        Ending::ThresholdBroken(why) => Some((Judgment::Fail, format!("the run was stopped: {why}"))),
        Ending::StoreFailed(why) => Some((Judgment::Aborted, format!("the run was stopped: {why}"))),
        Ending::AgentLost(why) => Some((Judgment::Invalid, why.clone())),
        Ending::NotStarted(why) => Some((Judgment::Invalid, format!("the run did not start: {why}"))),
    }
}

/// Books that do not close, and those that contradict themselves.
fn unbalanced<'a>(
    evidence: &'a Evidence<'_>,
    books: &'a Books,
    faults: &'a [FaultRow],
) -> impl Iterator<Item = String> + 'a {
    let named = books
        .failures
        .iter()
        .filter_map(|(number, failures)| Some((&evidence.plan.scenarios.get(*number)?.name, failures)));
    let open = named.flat_map(|(name, failures)| {
        failures.iter().map(move |failure| format!("{name}: failed to {failure}"))
    });
    let broken = faults.iter().filter(|fault| fault.kind == FaultKind::BooksBroken);
    open.chain(broken.map(|fault| format!("{}: {}", headline(fault), fault.text)))
}

fn unknown<'a>(evidence: &'a Evidence<'_>, books: &'a Books) -> impl Iterator<Item = String> + 'a {
    let scenarios = evidence.plan.scenarios.iter().zip(&books.entries);
    scenarios.filter(|(_, entry)| entry.unknown > 0).map(|(scenario, entry)| {
        let (unknown, planned) = (human::count(entry.unknown), human::count(entry.planned));
        format!("{}: nobody knows whether {unknown} of {planned} arrivals were sent", scenario.name)
    })
}

/// The fault that cost most, and what.
fn worst(faults: &[FaultRow]) -> Option<String> {
    let cost = |fault: &&FaultRow| (fault.missing.max(fault.unknown), fault.unknown);
    // The first of equals: what followed may well have come from it.
    let fault = faults.iter().rev().max_by_key(cost).filter(|fault| cost(fault).0 > 0)?;
    let missing = human::count(fault.missing.max(fault.unknown));
    let unknown = match fault.unknown {
        0 => String::new(),
        n => format!(", {} of them unknown", human::count(n)),
    };
    let since = human::length(fault.from_s);
    Some(format!(
        "the worst fault, {} at {since}, cost up to {missing} arrivals{unknown}: {}",
        headline(fault),
        fault.text
    ))
}

/// `agent lost (a2)`.
fn headline(fault: &FaultRow) -> String {
    let kind = fault.kind.name().replace('_', " ");
    match &fault.agent {
        Some(agent) => format!("{kind} ({agent})"),
        None => kind,
    }
}

fn broken(row: &ThresholdRow) -> String {
    let (name, limit, note) = (row.name(), spaced(&row.limit), row.note());
    let note = if note.is_empty() { note } else { format!(" ({note})") };
    match row.measured() {
        None => format!("{name}: no samples, limit {limit}{note}"),
        Some(value) => format!("{name} is {value}, limit {limit}{note}"),
    }
}

/// `< 250ms` as `< 250 ms`.
fn spaced(limit: &str) -> String {
    match limit.find(|c: char| c == '%' || c.is_alphabetic()).filter(|_| !limit.contains('/')) {
        Some(unit) => format!("{} {}", &limit[..unit], &limit[unit..]),
        None => limit.to_owned(),
    }
}

fn slow_agents<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = Finding> + 'a {
    evidence.agents.iter().filter_map(|agent| {
        let p99 = Duration::from_micros(agent.release_lag.quantile(0.99));
        (p99 > RELEASE_LAG_P99_MAX).then(|| {
            let (lag, limit) = (p99.as_micros() as f64, RELEASE_LAG_P99_MAX.as_micros() as f64);
            let (lag, limit) = (human::time(lag), human::time(limit));
            let reason = format!(
                "agent {} released late: p99 is {lag}, limit {limit}; give it less load or more cores",
                agent.name
            );
            (Judgment::GeneratorLimited, reason)
        })
    })
}

fn own_faults(evidence: &Evidence<'_>) -> Option<String> {
    let places = series_of(evidence.plan).into_iter().zip(&evidence.totals.series);
    let series: Vec<&Series> =
        places.filter(|(place, _)| place.counts_requests()).map(|(_, series)| series).collect();
    let requests = series.iter().map(|one| one.requests()).fold(0, u64::saturating_add);
    let faults = Outcome::ALL.into_iter().filter(|outcome| outcome.is_generators_own()).map(|outcome| {
        let n = series.iter().map(|one| one.outcomes[outcome.index()]).fold(0, u64::saturating_add);
        (outcome, n)
    });
    let faults: Vec<_> = faults.filter(|(_, n)| *n > 0).collect();
    let all = faults.iter().map(|(_, n)| *n).fold(0, u64::saturating_add);
    if requests == 0 || all as f64 / requests as f64 <= OWN_FAULTS_MAX {
        return None;
    }
    let kinds: Vec<_> =
        faults.iter().map(|(outcome, n)| format!("{} {}", human::count(*n), outcome.name())).collect();
    let share = human::share(all as f64 / requests as f64);
    Some(format!("{share} of the requests failed by the agents' own fault: {}", kinds.join(", ")))
}

/// The scenarios of which not one request was answered as it should be. What is good enough only a rule can say, so that
/// breaks none.
fn all_failed(evidence: &Evidence<'_>) -> Vec<String> {
    let places: Vec<_> = series_of(evidence.plan).into_iter().zip(&evidence.totals.series).collect();
    let sentence = |(number, scenario): (usize, &Scenario)| {
        let is_own = |place: Place| place.scenario == number && place.counts_requests();
        let own = places.iter().filter(|(place, _)| is_own(*place));
        let of = |outcome: Outcome| {
            own.clone().fold(0_u64, |sum, (_, series)| sum.saturating_add(series.outcomes[outcome.index()]))
        };
        let mut kinds: Vec<(u64, &str)> =
            Outcome::ALL.into_iter().map(|outcome| (of(outcome), outcome.name())).collect();
        kinds.retain(|(n, _)| *n > 0);
        if kinds.is_empty() || of(Outcome::Ok) > 0 {
            return None;
        }
        kinds.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        let kinds: Vec<String> =
            kinds.into_iter().map(|(n, name)| format!("{name} × {}", human::count(n))).collect();
        Some(format!("{}: every request failed: {}", scenario.name, kinds.join(", ")))
    };
    evidence.plan.scenarios.iter().enumerate().filter_map(sentence).collect()
}

/// A generator later than this with one arrival in a hundred paces another load than the schedule: ten times what
/// economy pacing promises, and far above what a busy machine shows by chance.
const RELEASE_LAG_P99_MAX: Duration = Duration::from_millis(10);
/// Above this share of requests the agents' own faults thin out the load as much as skipped arrivals may.
const OWN_FAULTS_MAX: f64 = 0.001;
