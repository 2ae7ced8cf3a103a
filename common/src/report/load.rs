//! What kind of load each scenario made, and of users how much of their time.

use crate::arrivals::timetable;
use crate::curve::{Curve, Ranks};
use crate::human;
use crate::lane::LaneSet;
use crate::plan::{Load, Scenario};
use crate::report::{Evidence, Judgment};
use crate::run::Ending;
use crate::series::series_of;
use crate::supply::Supply;
use crate::time::{NANOS_PER_SECOND, RunTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What kind of load a scenario made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadRow {
    /// The scenario's name.
    pub scenario: String,
    /// Whether users waited for their answers before they sent again.
    pub model: Model,
    /// `rate`, `users`, `tries` or `replay`: the key of the plan.
    pub kind: String,
    /// When it began, in seconds since run time zero.
    pub start_s: f64,
    /// The most users at a time; `None` in open loads.
    pub users: Option<u32>,
    /// How users rested between two iterations, as in the plan.
    pub think: Option<String>,
    /// From the beginning of a user's iteration to that of the next, in seconds.
    pub pacing_s: Option<f64>,
    /// User time that the curve asked for, in seconds of all users together; `None` without a curve.
    pub user_time_asked_s: Option<f64>,
    /// User time in which the users were there.
    pub user_time_active_s: Option<f64>,
}

/// The two kinds of loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Arrivals come however slowly the target answers.
    Open,
    /// Users wait for their answers: a slow target is asked less often.
    Closed,
}

/// The user time of a scenario with a curve of users.
#[derive(Clone, Debug)]
pub(super) struct UserTime {
    curve: Arc<Curve>,
    until: RunTime,
    active_us: u64,
}

/// Every scenario's load, in the plan's order.
pub(super) fn rows(evidence: &Evidence<'_>) -> Vec<LoadRow> {
    let scenarios = evidence.plan.scenarios.iter().enumerate();
    let row = |(number, scenario): (usize, &Scenario)| {
        let (kind, users) = match &scenario.load {
            Load::Rate(_) => ("rate", None),
            Load::Users(_) => ("users", curve(evidence, number).map(|curve| curve.peak())),
            Load::Tries(load) => ("tries", Some(load.users)),
            Load::Replay(_) => ("replay", None),
        };
        let time = UserTime::of(evidence, number);
        LoadRow {
            scenario: scenario.name.clone(),
            model: if scenario.load.is_closed() { Model::Closed } else { Model::Open },
            kind: kind.to_owned(),
            start_s: scenario.start.as_secs_f64(),
            users,
            think: scenario.think.map(|think| think.to_string()),
            pacing_s: scenario.pacing.map(|pacing| pacing.as_secs_f64()),
            user_time_asked_s: time.as_ref().map(|time| time.asked_s()),
            user_time_active_s: time.as_ref().map(|time| time.active_us as f64 / 1e6),
        }
    };
    scenarios.map(row).collect()
}

/// Scenarios whose users were not there for as long as asked.
pub(super) fn missing<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = (Judgment, String)> + 'a {
    // Users are away when nobody owns them or no lease allows them, or when a thread was not run.
    let result = if evidence.faults.is_empty() { Judgment::GeneratorLimited } else { Judgment::Degraded };
    let scenarios = evidence.plan.scenarios.iter().enumerate();
    scenarios.filter_map(move |(number, scenario)| {
        let delivered = UserTime::of(evidence, number)?.delivered()?;
        (delivered < 1.0 - MISSING_MAX).then(|| {
            let share = human::share(delivered);
            (result, format!("{}: users were active in only {share} of the asked user time", scenario.name))
        })
    })
}

/// The users of a scenario under what the operator changed; `None` when it has no curve of them.
fn curve(evidence: &Evidence<'_>, scenario: usize) -> Option<Arc<Curve>> {
    let Load::Users(_) = evidence.plan.scenarios.get(scenario)?.load else { return None };
    match timetable(evidence.plan, scenario, evidence.revisions).ok()?.supply()? {
        Supply::Users(curve) => Some(Arc::clone(curve)),
        Supply::Tries(_) => None,
    }
}

impl UserTime {
    /// Of a scenario; `None` when it has no curve of users or never began.
    pub(super) fn of(evidence: &Evidence<'_>, scenario: usize) -> Option<Self> {
        let curve = curve(evidence, scenario)?;
        if matches!(evidence.ending, Ending::NotStarted(_)) {
            return None;
        }
        let until = evidence.stopped.unwrap_or(RunTime::MAX).min(curve.end());
        let places = series_of(evidence.plan).into_iter().zip(&evidence.totals.series);
        let series = places.filter(|(place, _)| place.scenario == scenario).map(|(_, series)| series);
        let buckets = series.flat_map(|series| series.timeline.iter().map(|(_, bucket)| bucket.user_us));
        Some(Self { curve, until, active_us: buckets.fold(0, u64::saturating_add) })
    }

    /// How many users a curve asks for in a stretch of seconds, on average.
    pub(super) fn asked_by(curve: &Curve, from_s: u64, width_s: u64) -> f64 {
        Self { curve: Arc::new(curve.clone()), until: curve.end(), active_us: 0 }.asked_in(from_s, width_s)
    }

    /// Active ÷ asked; `None` when none was asked.
    pub(super) fn delivered(&self) -> Option<f64> {
        let asked = self.asked_s();
        // Agents learn of a stop a little after it was asked for.
        (asked > 0.0).then(|| (self.active_us as f64 / 1e6 / asked).min(1.0))
    }

    /// How many users were asked for in a stretch of seconds, on average.
    pub(super) fn asked_in(&self, from_s: u64, width_s: u64) -> f64 {
        let at = |second: u64| RunTime::from_nanos(second.saturating_mul(NANOS_PER_SECOND)).min(self.until);
        let all = Ranks::of(&LaneSet::all());
        let time = self.curve.user_time(&all, at(from_s), at(from_s.saturating_add(width_s)));
        time as f64 / 1e9 / width_s as f64
    }

    fn asked_s(&self) -> f64 {
        self.curve.user_time(&Ranks::of(&LaneSet::all()), RunTime::ZERO, self.until) as f64 / 1e9
    }
}

/// As for arrivals: more than this makes another load than the asked.
const MISSING_MAX: f64 = 0.001;
