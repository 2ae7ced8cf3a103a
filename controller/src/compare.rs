//! `controller compare`: two kept runs side by side, and rules that a change must not break.

use crate::coordinator::{planned, restore};
use crate::exit::Failure;
use crate::runs;
use crate::store::Archive;
use crate::text::compared;
use common::compare::{Comparison, Rule, Side};
use common::measured::Measured;
use common::report::Report;
use std::path::Path;

/// A run that was kept, with everything that was measured in it.
struct Kept {
    plan: String,
    report: Report,
    totals: Measured,
}

/// The runs to compare, by their ids or the beginnings of them.
#[derive(Clone, Debug)]
pub struct Runs<'a> {
    /// The measure.
    pub before: &'a str,
    /// What is measured by it.
    pub after: &'a str,
    /// Runs that ought to be equal to `before`.
    pub noise: &'a [String],
}

/// Compares runs of a data directory.
pub fn compare(folder: &Path, runs: &Runs<'_>) -> Result<Comparison, Failure> {
    let (before, after) = (Kept::load(folder, runs.before)?, Kept::load(folder, runs.after)?);
    let noise = runs.noise.iter().map(|run| Kept::load(folder, run)).collect::<Result<Vec<_>, _>>()?;
    let noise: Vec<Side<'_>> = noise.iter().map(Kept::side).collect();
    Ok(Comparison::of(before.side(), after.side(), &noise))
}

/// The rules that do not hold, each with the changes that break it.
#[must_use]
pub fn breaches(comparison: &Comparison, rules: &[Rule]) -> Vec<String> {
    let told = |rule: &Rule| {
        let which = comparison.breaches(rule);
        let which: Vec<String> = which
            .map(|(step, change)| format!("{} / {} {}", step.scenario, step.step, compared::change(change)))
            .collect();
        (!which.is_empty()).then(|| format!("{rule}: {}", which.join(", ")))
    };
    rules.iter().filter_map(told).collect()
}

impl Kept {
    fn load(folder: &Path, run: &str) -> Result<Self, Failure> {
        let report = runs::show(folder, run)?;
        let archive = Archive::open(folder).map_err(runs::told)?;
        let saved = archive.load(&report.run.id).map_err(runs::told)?;
        let saved = saved.ok_or_else(|| Failure::usage(format!("there is no run {run}")))?;
        let plan = planned(&saved).map_err(runs::told)?.plan;
        let restored = restore(&saved, plan).map_err(runs::told)?;
        Ok(Self { plan: saved.plan, report, totals: restored.books.totals().clone() })
    }

    const fn side(&self) -> Side<'_> {
        Side { plan: self.plan.as_str(), report: &self.report, totals: &self.totals }
    }
}

#[cfg(test)]
mod tests;
