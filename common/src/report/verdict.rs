//! What is to be thought of a run.

use crate::human;
use crate::ledger::Entry;
use crate::outcome::Outcome;
use crate::report::{Books, Evidence, ThresholdRow, Unit};
use crate::run::Ending;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is to be thought of a run, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The weightiest finding.
    pub result: Judgment,
    /// Every finding as a sentence, the weightiest first.
    pub reasons: Vec<String>,
}

/// What is to be thought of a run, from the lightest to the weightiest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgment {
    /// Measured as planned, and every threshold holds.
    Pass,
    /// The generator did not make the asked load, so the numbers tell about another one.
    GeneratorLimited,
    /// A threshold does not hold.
    Fail,
    /// The numbers cannot be trusted: an agent was lost, the run did not start, the books do not balance.
    Invalid,
    /// Stopped before the schedule came to its end.
    Aborted,
}

impl Judgment {
    /// As it stands in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::GeneratorLimited => "generator_limited",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
            Self::Aborted => "aborted",
        }
    }
}

type Finding = (Judgment, String);

/// The verdict over a run: the weightiest finding decides, all of them are told.
pub(super) fn judge(evidence: &Evidence<'_>, books: &Books, thresholds: &[ThresholdRow]) -> Verdict {
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(ending(&evidence.ending));
    findings.extend(losses(evidence, books));
    findings.extend(thresholds.iter().filter(|row| !row.holds).map(|row| (Judgment::Fail, broken(row))));
    findings.extend(undelivered(&books.entries).map(|reason| (Judgment::GeneratorLimited, reason)));
    findings.extend(slow_agents(evidence));
    findings.extend(own_faults(evidence).map(|reason| (Judgment::GeneratorLimited, reason)));
    findings.sort_by_key(|(judgment, _)| std::cmp::Reverse(*judgment));
    Verdict {
        result: findings.first().map_or(Judgment::Pass, |(judgment, _)| *judgment),
        reasons: findings.into_iter().map(|(_, reason)| reason).collect(),
    }
}

fn ending(ending: &Ending) -> Option<Finding> {
    match ending {
        Ending::Completed => None,
        Ending::Interrupted => Some((Judgment::Aborted, "the operator stopped the run".to_owned())),
        Ending::Aborted => Some((
            Judgment::Aborted,
            "the operator aborted the run: what was under way was given up".to_owned(),
        )),
        Ending::AgentLost(why) => Some((Judgment::Invalid, why.clone())),
        Ending::NotStarted(why) => Some((Judgment::Invalid, format!("the run did not start: {why}"))),
    }
}

fn losses(evidence: &Evidence<'_>, books: &Books) -> Vec<Finding> {
    let lost = evidence.agents.iter().filter_map(|agent| {
        let why = agent.lost.as_ref()?;
        Some(format!("agent {} was lost: {why}", agent.name))
    });
    let told = |reason: &String| matches!(&evidence.ending, Ending::AgentLost(told) if told == reason);
    let lost = lost.filter(|reason| !told(reason));
    let scenarios = evidence.plan.scenarios.iter().zip(&books.entries);
    let unknown = scenarios.filter(|(_, entry)| entry.unknown > 0).map(|(scenario, entry)| {
        let Entry { planned, unknown, .. } = entry;
        let (unknown, planned) = (human::count(*unknown), human::count(*planned));
        format!("{}: nobody knows whether {unknown} of {planned} arrivals were sent", scenario.name)
    });
    let unbalanced = books.imbalances.iter().map(|(name, why)| format!("{name}: failed to {why}"));
    lost.chain(unknown).chain(unbalanced).map(|reason| (Judgment::Invalid, reason)).collect()
}

fn broken(row: &ThresholdRow) -> String {
    let limit = spaced(&row.limit);
    match (row.value, row.unit) {
        (None, _) => format!("{}: no samples, limit {limit}", row.metric),
        (Some(value), Unit::Us) => format!("{} is {}, limit {limit}", row.metric, human::time(value)),
        (Some(value), Unit::Share) => format!("{} is {}, limit {limit}", row.metric, human::share(value)),
    }
}

/// `< 250ms` as `< 250 ms`.
fn spaced(limit: &str) -> String {
    match limit.find(|c: char| c == '%' || c.is_alphabetic()) {
        Some(unit) => format!("{} {}", &limit[..unit], &limit[unit..]),
        None => limit.to_owned(),
    }
}

/// Whether too few of the asked arrivals were started, why most of them were not, and what to do.
fn undelivered(entries: &[Entry]) -> Option<String> {
    let delivered = Books::delivered(entries.iter()).filter(|share| *share < DELIVERED_MIN)?;
    let sum = |of: fn(&Entry) -> u64| entries.iter().map(of).sum::<u64>();
    let causes = [
        (
            sum(|e| e.skipped.overload),
            "found no free slot: raise max_in_flight, or the target is slower than the asked rate",
        ),
        (sum(|e| e.skipped.late), "were too late: add agents or give them more processor time"),
        (
            sum(|e| e.skipped.no_lease),
            "had no lease: the agents were cut off from the controller, check the network between them",
        ),
        (sum(|e| e.unknown), "were lost with an agent"),
    ];
    let delivered = format!("only {} of the asked load was started", human::share(delivered));
    let worst = causes.into_iter().max_by_key(|(n, _)| *n).filter(|(n, _)| *n > 0);
    Some(match worst {
        Some((n, cause)) => format!("{delivered}; most of the rest ({}) {cause}", human::count(n)),
        None => delivered,
    })
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
    let series = &evidence.totals.series;
    let requests: u64 = series.iter().map(|one| one.requests()).sum();
    let faults = Outcome::ALL.into_iter().filter(|outcome| outcome.is_generators_own()).map(|outcome| {
        let n: u64 = series.iter().map(|one| one.outcomes[outcome.index()]).sum();
        (outcome, n)
    });
    let faults: Vec<_> = faults.filter(|(_, n)| *n > 0).collect();
    let all: u64 = faults.iter().map(|(_, n)| n).sum();
    if requests == 0 || all as f64 / requests as f64 <= OWN_FAULTS_MAX {
        return None;
    }
    let kinds: Vec<_> =
        faults.iter().map(|(outcome, n)| format!("{} {}", human::count(*n), outcome.name())).collect();
    let share = human::share(all as f64 / requests as f64);
    Some(format!("{share} of the requests failed by the agents' own fault: {}", kinds.join(", ")))
}

/// Below this the measured load is another one than the asked: one arrival in a thousand is less than the
/// histograms resolve, and a run of an hour may lose a whole stall of 3 seconds before it is marked.
const DELIVERED_MIN: f64 = 0.999;
/// A generator later than this with one arrival in a hundred paces another load than the schedule: ten times what
/// economy pacing promises, and far above what a busy machine shows by chance.
const RELEASE_LAG_P99_MAX: Duration = Duration::from_millis(10);
/// Above this share of requests the agents' own faults thin out the load as much as skipped arrivals may.
const OWN_FAULTS_MAX: f64 = 0.001;
