//! What one load does to another: how a step answered in one phase of the run beside how it answered in another.
//!
//! The factors' intervals come from the block bootstrap over seconds of [`crate::change`].

use crate::change::{Change, Statistic, changes};
use crate::human;
use crate::measured::{Measured, Series};
use crate::plan::{Phase, Plan};
use crate::series::{Place, series_of};
use crate::timeline::Timeline;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A step in two phases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InterferenceRow {
    /// The scenario's name.
    pub scenario: String,
    /// The step's name.
    pub step: String,
    /// The first phase in which it was measured: what the other is compared with.
    pub baseline: String,
    /// The other phase.
    pub phase: String,
    /// Response times in both: p50, p95 and p99.
    pub times: Vec<Factor>,
    /// The p99 in words.
    pub text: String,
}

/// A statistic of the response time in two phases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Factor {
    /// Which one.
    pub statistic: Statistic,
    /// In the baseline, in microseconds.
    pub before: f64,
    /// In the other phase.
    pub after: f64,
    /// `after` ÷ `before`; `None` where nothing can be compared.
    pub factor: Option<f64>,
    /// In which `factor` lies with a confidence of 95 %; `None` when a phase is too short to tell.
    pub interval: Option<(f64, f64)>,
}

/// Every step that was measured in at least two phases, each later phase beside the first. Takes some hundred milliseconds
/// for a step of a long run, so it is for reports of runs that are over.
#[must_use]
pub fn interference(plan: &Plan, totals: &Measured) -> Vec<InterferenceRow> {
    let steps = series_of(plan).into_iter().zip(&totals.series).filter(|(place, _)| place.counts_requests());
    steps.flat_map(|(place, series)| of_step(plan, place, series)).collect()
}

fn of_step(plan: &Plan, place: Place, series: &Series) -> Vec<InterferenceRow> {
    let parts = plan.phases.iter().map(|phase| (phase, within(phase, &series.timeline)));
    let mut parts = parts.filter(|(_, part)| part.iter().any(|(_, bucket)| bucket.finished > 0));
    let Some((baseline, quiet)) = parts.next() else { return Vec::new() };
    let row = |(phase, part): (&Phase, Timeline)| {
        let changes = changes(&quiet, &part, SEED);
        let times: Vec<Factor> = changes.iter().filter(|change| is_told(change)).map(Factor::of).collect();
        let (scenario, step) = (plan.scenarios[place.scenario].name.clone(), place.name(plan).to_owned());
        let told = times.iter().find(|factor| factor.statistic == Statistic::P99);
        let told = told.map_or_else(String::new, |factor| factor.told(&baseline.name, &phase.name));
        let text = format!("{scenario} / {step}: {told}");
        InterferenceRow {
            scenario,
            step,
            baseline: baseline.name.clone(),
            phase: phase.name.clone(),
            times,
            text,
        }
    };
    parts.map(row).collect()
}

/// What was due in a phase; wider rows count where they begin.
fn within(phase: &Phase, timeline: &Timeline) -> Timeline {
    let inside = phase.start..phase.start + phase.length;
    let mut part = Timeline::default();
    for (start, bucket) in timeline.iter().filter(|(start, _)| inside.contains(&Duration::from_secs(*start)))
    {
        // What was in one timeline fits into another.
        part.add(start, timeline.width_s(), bucket).unwrap_or_default();
    }
    part
}

fn is_told(change: &Change) -> bool {
    matches!(change.statistic, Statistic::P50 | Statistic::P95 | Statistic::P99)
}

impl Factor {
    fn of(change: &Change) -> Self {
        Self {
            statistic: change.statistic,
            before: change.before,
            after: change.after,
            factor: change.change.map(|change| change + 1.0),
            interval: change.interval.map(|(low, high)| (low + 1.0, high + 1.0)),
        }
    }

    /// `p99 while idle 12.00 ms, while stress 340.0 ms, × 28.3 (× 25.1 to × 31.0)`.
    fn told(&self, baseline: &str, phase: &str) -> String {
        let (before, after) = (human::time(self.before), human::time(self.after));
        let factor = match (self.factor, self.interval) {
            (None, _) => String::new(),
            (Some(factor), None) => format!(", × {factor:.2}"),
            (Some(factor), Some((low, high))) => format!(", × {factor:.2} (× {low:.2} to × {high:.2})"),
        };
        format!("{} while {baseline} {before}, while {phase} {after}{factor}", self.statistic)
    }
}

/// The same run gives the same intervals, whoever tells them.
const SEED: u64 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{NANOS_PER_SECOND, RunTime};

    const PLAN: &str = "name = \"x\"\n[target]\nbase_url = \"http://127.0.0.1\"\n[[phase]]\nname = \"idle\"\nfor = \"60s\"\n\
        [[phase]]\nname = \"stress\"\nfor = \"60s\"\n[[scenario]]\nname = \"dashboard\"\n\
        load.rate = [{ at = \"20/s\", for = \"120s\" }]\n[[scenario.step]]\nname = \"query\"\npath = \"/\"\n";

    /// Answers take `us` and somewhat more, twenty a second.
    fn measured(plan: &Plan, us: impl Fn(u64) -> Option<u64>) -> Measured {
        let mut totals = Measured::for_plan(plan);
        for second in 0..120 {
            let Some(us) = us(second) else { continue };
            let bucket = totals.series[0].timeline.at(RunTime::from_nanos(second * NANOS_PER_SECOND));
            (0..20).for_each(|n| bucket.response_time.record(us + us * (second * 7 + n) % 10 / 10));
            (bucket.started, bucket.finished) = (20, 20);
        }
        totals
    }

    #[test]
    fn a_step_under_stress_is_told_with_its_factor() {
        let plan = Plan::parse("t", PLAN).unwrap();
        let rows =
            interference(&plan, &measured(&plan, |second| Some(if second < 60 { 10_000 } else { 280_000 })));
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].baseline.as_str(), rows[0].phase.as_str()), ("idle", "stress"));
        for factor in &rows[0].times {
            let (low, high) = factor.interval.unwrap();
            let told = factor.factor.unwrap();
            assert!((27.0..29.0).contains(&told) && low <= told && told <= high, "{factor:?}");
        }
        assert!(rows[0].text.starts_with("dashboard / query: p99 while idle "), "{}", rows[0].text);
        assert!(
            rows[0].text.contains(", while stress ") && rows[0].text.contains(", × 2"),
            "{}",
            rows[0].text
        );
    }

    #[test]
    fn what_was_measured_in_one_phase_is_compared_with_nothing() {
        let plan = Plan::parse("t", PLAN).unwrap();
        assert!(interference(&plan, &measured(&plan, |second| (second >= 60).then_some(1_000))).is_empty());
        assert!(interference(&plan, &measured(&plan, |_| None)).is_empty());
    }
}
