//! Two runs side by side: what changed, how sure that is, and whether it is more than the noise between equal runs.
//!
//! Percentiles of one run are not independent samples: what happened in one second bears on the next. So the interval
//! of a change comes from a *block bootstrap* (Künsch 1989; Efron's percentile interval): both runs are cut into blocks of
//! neighbouring seconds, blocks are drawn with replacement, the statistic is taken from their merged histograms, and the
//! middle 95 % of a thousand such changes are the interval. Where it holds zero there is no clear change.
//!
//! As JSON a [`Comparison`] is a documented contract: times are microseconds, changes fractions (0.1: 10 % more), those
//! of shares differences.

use crate::measured::Measured;
use crate::report::{Judgment, Report};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod rule;

pub use crate::change::{Change, Statistic, changes};
pub use rule::{Rule, RuleError};

/// A run that is over, as it was kept.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The plan's text.
    pub plan: &'a str,
    /// Its report.
    pub report: &'a Report,
    /// Everything that was measured, in the order of the report's series.
    pub totals: &'a Measured,
}

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The run that is the measure.
    pub before: Run,
    /// The run that is measured by it.
    pub after: Run,
    /// Why the two are hardly comparable; empty when they are.
    pub reservations: Vec<String>,
    /// What both runs did.
    pub steps: Vec<Step>,
    /// `SCENARIO / STEP` of what only one of the two did.
    pub unmatched: Vec<String>,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Its plan's name.
    pub name: String,
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// What was to be thought of it.
    pub result: Judgment,
}

/// How a step changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The scenario's name.
    pub scenario: String,
    /// The step's name.
    pub step: String,
    /// By [`Statistic::ALL`].
    pub changes: Vec<Change>,
}

impl Comparison {
    /// Compares `after` with `before`. Runs of `noise` ought to be equal to `before`: what they differ by is no change.
    #[must_use]
    pub fn of(before: Side<'_>, after: Side<'_>, noise: &[Side<'_>]) -> Self {
        let mut steps = steps(before, after);
        for equal in noise {
            for between in self::steps(before, *equal) {
                steps
                    .iter_mut()
                    .filter(|step| step.is_about(&between))
                    .for_each(|step| step.excuse(&between));
            }
        }
        Self {
            before: Run::of(before.report),
            after: Run::of(after.report),
            reservations: reservations(before, after),
            steps,
            unmatched: unmatched(before, after).chain(unmatched(after, before)).collect(),
        }
    }

    /// The changes that break a rule, as (scenario, step, change).
    pub fn breaches<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = (&'a Step, &'a Change)> {
        let meant =
            self.steps.iter().filter(|step| rule.scenario.as_ref().is_none_or(|name| *name == step.scenario));
        meant
            .flat_map(|step| step.changes.iter().map(move |change| (step, change)))
            .filter(|(_, change)| rule.is_broken_by(change))
    }
}

impl Step {
    fn is_about(&self, other: &Self) -> bool {
        (&self.scenario, &self.step) == (&other.scenario, &other.step)
    }

    /// What runs differ by that ought to be equal is noise.
    fn excuse(&mut self, between: &Self) {
        for (change, noise) in self.changes.iter_mut().zip(&between.changes) {
            change.noise = change.noise.max(noise.change.unwrap_or_default().abs());
        }
    }
}

impl Run {
    fn of(report: &Report) -> Self {
        let run = &report.run;
        Self {
            id: run.id.clone(),
            name: run.name.clone(),
            started_at: run.started_at.clone(),
            result: report.verdict.result,
        }
    }
}

fn steps(before: Side<'_>, after: Side<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (old, old_series) in before.report.series.iter().zip(&before.totals.series) {
        let mut rows = after.report.series.iter().zip(&after.totals.series);
        let same = rows.find(|(new, _)| (&new.scenario, &new.step) == (&old.scenario, &old.step));
        if let Some((_, new_series)) = same {
            steps.push(Step {
                scenario: old.scenario.clone(),
                step: old.step.clone(),
                changes: changes(&old_series.timeline, &new_series.timeline, SEED),
            });
        }
    }
    steps
}

/// What `one` did and the other did not.
fn unmatched<'a>(one: Side<'a>, other: Side<'a>) -> impl Iterator<Item = String> + 'a {
    let is_missing = move |row: &&crate::report::SeriesRow| {
        !other.report.series.iter().any(|own| (&own.scenario, &own.step) == (&row.scenario, &row.step))
    };
    one.report.series.iter().filter(is_missing).map(|row| format!("{} / {}", row.scenario, row.step))
}

fn reservations(before: Side<'_>, after: Side<'_>) -> Vec<String> {
    let mut reservations = Vec::new();
    if before.plan != after.plan {
        reservations.push("the two runs had different plans".to_owned());
    }
    let (old, new) = (before.report.agents.len(), after.report.agents.len());
    if old != new {
        reservations.push(format!("the first run had {old} agents, the second {new}"));
    }
    for (side, which) in [(before, "first"), (after, "second")] {
        let result = side.report.verdict.result;
        if !matches!(result, Judgment::Pass | Judgment::Fail) {
            let word = result.name().replace('_', " ");
            reservations
                .push(format!("the {which} run is {word}: its numbers are not those of the asked load"));
        }
    }
    reservations
}

/// The same runs give the same intervals, whoever compares them.
const SEED: u64 = 0;
