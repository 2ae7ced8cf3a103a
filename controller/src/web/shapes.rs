//! What the API takes and gives, as JSON.

use common::report::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is wrong, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What is wrong.
    pub error: String,
    /// What would help.
    pub remedy: String,
}

/// How the controller stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// The agents that are joined, to a run or waiting for one.
    pub agents: Vec<AgentLine>,
    /// Runs that are on: one at a time.
    pub running: Vec<RunLine>,
    /// Runs that wait, in their order.
    pub queued: Vec<RunLine>,
    /// Whether runs are kept on disk.
    pub data_dir: bool,
    /// Whether it takes runs: not when it was started for one plan.
    pub takes_runs: bool,
}

/// An agent that is joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentLine {
    /// Its name.
    pub name: String,
    /// `idle`: it waits for a run; else as in `live.agents[].state`.
    pub state: String,
    /// The run in which it takes part.
    pub run: Option<String>,
}

/// A run in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunLine {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was asked for, in RFC 3339.
    pub created_at: String,
    /// `queued`, `gathering`, `preparing`, `running`, `draining`, `over`; `unfinished`: its controller ended before it.
    pub state: String,
    /// Why it waits, in a queue or for agents; else empty.
    pub reason: String,
    /// The result of its verdict, when it has one.
    pub verdict: Option<String>,
    /// How many reports it had: more than one when late books were merged.
    pub revision: u64,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunPage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was asked for, in RFC 3339.
    pub created_at: String,
    /// As in [`RunLine`].
    pub state: String,
    /// Its plan.
    pub plan: String,
    /// What is to be thought of it, when it is over.
    pub verdict: Option<Verdict>,
}

/// A run to be queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// The plan, in TOML.
    pub plan: String,
    /// How many agents to wait for. Without it, and without `[agents] expect` in the plan: those that are joined, or one
    /// inside the controller.
    #[serde(default)]
    pub agents: Option<u32>,
    /// How the run is to be called; the plan's name without it.
    #[serde(default)]
    pub name: Option<String>,
}

/// A run that was queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// Its id.
    pub id: String,
}

/// Why a text is no plan that can be run here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problems {
    /// Every problem.
    pub problems: Vec<PlanProblem>,
}

/// What is to be thought of a text as a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// Whether it can be run here.
    pub ok: bool,
    /// The plan's name.
    pub name: Option<String>,
    /// The names of its scenarios.
    pub scenarios: Option<Vec<String>>,
    /// Every problem.
    pub problems: Vec<PlanProblem>,
}

/// A problem of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanProblem {
    /// The line, from 1; 0: none in particular.
    pub line: usize,
    /// The column in characters, from 1; 0: none in particular.
    pub column: usize,
    /// What is wrong; names the key.
    pub message: String,
    /// What would be right; may be empty.
    pub remedy: String,
}

/// The small form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quick {
    /// The target, for example `http://127.0.0.1:8080`.
    pub base_url: String,
    /// The method; GET without it.
    #[serde(default)]
    pub method: Option<String>,
    /// The path; `/` without it.
    #[serde(default)]
    pub path: Option<String>,
    /// The body.
    #[serde(default)]
    pub body: Option<String>,
    /// How many users; either these or `rate`.
    #[serde(default)]
    pub users: Option<u32>,
    /// How many users begin per second, for example `10/s`; all at once without it.
    #[serde(default)]
    pub spawn: Option<String>,
    /// Requests per second, for example `500/s`.
    #[serde(default)]
    pub rate: Option<String>,
    /// How long, for example `1m`.
    pub duration: String,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanText {
    /// In TOML.
    pub plan: String,
}

/// A new rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRate {
    /// The scenario's name.
    pub scenario: String,
    /// For example `500/s`.
    pub rate: String,
}

/// So many users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUsers {
    /// The scenario's name.
    pub scenario: String,
    /// How many.
    pub users: u32,
    /// How many come or go per second, for example `10/s`; all at once without it.
    #[serde(default)]
    pub spawn: Option<String>,
}

/// From when on a change holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Since {
    /// In seconds since run time zero.
    pub at_s: f64,
}

/// Done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

/// The data of the event `over`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverEvent {
    /// What is to be thought of the run; `null`: it never began.
    pub verdict: Option<Verdict>,
    /// Why it never began.
    pub failure: Option<String>,
    /// The exit code that `controller start` would have had.
    pub exit: u8,
}
