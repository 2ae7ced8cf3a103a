//! What the operator changed of the load while it was on.

use crate::human;
use crate::rate::Rate;
use crate::report::Evidence;
use crate::revision::{Revision, Shift};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From a time on, the load was another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeRow {
    /// From when on, in seconds since run time zero.
    pub at_s: f64,
    /// What kind of change.
    pub kind: ChangeKind,
    /// The scenario whose load it is; `None`: all.
    pub scenario: Option<String>,
    /// The new rate, in arrivals per second.
    pub rate: Option<f64>,
    /// The new number of users.
    pub users: Option<u32>,
    /// Users per second by which they came or went; `None`: all at once.
    pub spawn: Option<f64>,
    /// The same in words.
    pub text: String,
}

/// What an operator changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The rate of a scenario.
    Rate,
    /// The users of a scenario.
    Users,
    /// Nothing is begun from here on.
    Pause,
    /// It goes on.
    Resume,
}

pub(super) fn rows(evidence: &Evidence<'_>) -> Vec<ChangeRow> {
    let until = evidence.stopped;
    let held = |revision: &&Revision| until.is_none_or(|until| revision.at < until);
    evidence.revisions.iter().filter(held).map(|revision| row(evidence, revision)).collect()
}

fn row(evidence: &Evidence<'_>, revision: &Revision) -> ChangeRow {
    let scenario = evidence.plan.scenarios.get(revision.scenario as usize);
    let scenario = scenario.filter(|_| revision.is_of_one()).map(|own| own.name.clone());
    let name = scenario.clone().unwrap_or_default();
    let per_second = |milli: u64| milli as f64 / 1000.0;
    let blank = ChangeRow {
        at_s: revision.at.nanos() as f64 / 1e9,
        kind: ChangeKind::Pause,
        scenario,
        rate: None,
        users: None,
        spawn: None,
        text: String::new(),
    };
    let said = |milli: u64| Rate::checked_from_milli(milli).map_or_else(String::new, |rate| rate.to_string());
    match revision.shift {
        Shift::Rate { milli } => ChangeRow {
            kind: ChangeKind::Rate,
            rate: Some(per_second(milli)),
            text: format!("{name}: {} from here on", said(milli)),
            ..blank
        },
        Shift::Users { users, spawn_milli } => {
            let pace =
                spawn_milli.map_or_else(|| "at once".to_owned(), |milli| format!("at {}", said(milli)));
            let text = format!("{name}: to {} users {pace}", human::count(users.into()));
            let (users, spawn) = (Some(users), spawn_milli.map(per_second));
            ChangeRow { kind: ChangeKind::Users, users, spawn, text, ..blank }
        }
        Shift::Pause => ChangeRow { text: "paused: nothing is begun or asked for".into(), ..blank },
        Shift::Resume => {
            let text = "resumed: what the pause kept back is not made up for".into();
            ChangeRow { kind: ChangeKind::Resume, text, ..blank }
        }
    }
}
