//! The plan: what a load test is, checked and complete. Every value of these types makes sense; a text that
//! does not is refused at the door with every problem at once.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::tape::Tape;
use crate::text::Text;
use crate::think::Think;
use crate::threshold::Threshold;

mod traffic;
mod url;
mod method;
mod written;
mod schema;
mod problem;
mod shape;
mod faults;
pub mod headers;
mod client;
mod auth;
mod answer;
mod dataset;
mod body;
mod step;
mod load;
mod phase;
mod scenario;
mod needs;
mod replay;
mod rule;
mod check;
mod read;

pub use crate::answer::{Expect, Extract};
pub use body::{Body, FormPart, PartContent};
pub use client::{Client, Connection, Endpoint, Reuse};
pub use dataset::{DataSet, Source};
pub use method::Method;
pub use problem::{Problem, Problems};
pub use replay::{Filter, LeftOut, OTHER, Pace, Reel, ReplayLoad};
pub use schema::{keys, schema};
pub use traffic::{Arrivals, Change, Load, OnError, RateLoad, Stage, Swell, TriesLoad, UsersLoad};
pub use url::{BaseUrl, BaseUrlError, Scheme};

/// A valid description of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The name under which runs of the plan are kept.
    pub name: String,
    /// The root of everything random in the run.
    pub seed: u64,
    /// How long after the last due time waiting and unfinished requests may go on.
    pub drain: Duration,
    /// An arrival that could not be started within this time after it was due is skipped and counted.
    pub max_lateness: Duration,
    /// Time windows that are reported on their own, one after the other from run time zero on; names are unique.
    pub phases: Vec<Phase>,
    /// What is shot at.
    pub target: Target,
    /// Who shoots.
    pub agents: Agents,
    /// Streams of work that run side by side; at least one, names are unique.
    pub scenarios: Vec<Scenario>,
    /// Tables whose rows templates take; names are unique.
    pub data: Vec<DataSet>,
    /// The rules that make the run pass or fail.
    pub thresholds: Vec<Threshold>,
}

/// The service under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where every step's path is appended.
    pub base_url: BaseUrl,
    /// From the first byte sent to the last byte received; for steps that name none of their own.
    pub timeout: Duration,
    /// Headers of every request, lower-case names. Already merged into every [`Step::headers`].
    pub headers: Vec<(String, Text)>,
    /// The protocol spoken.
    pub http: HttpVersion,
    /// Whether each request carries `x-stampede-arrival: SCENARIO:NUMBER`.
    pub identify: bool,
    /// How the target's certificate is checked; meaningless for [`Scheme::Http`].
    pub tls: Tls,
    /// Over which connections requests travel.
    pub connection: Connection,
}

/// The protocol spoken with the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.1, one request at a time on a connection.
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2, many requests on a connection.
    #[serde(rename = "2")]
    Http2,
}

/// How the target's certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM text with certificates that are trusted besides the system's.
    pub ca: Option<String>,
    /// Whether the certificate is verified at all.
    pub verify: bool,
    /// The agent's own certificate and its key, as PEM texts.
    pub identity: Option<(Text, Text)>,
}

/// The agents of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agents {
    /// How many agents the run waits for; `None`: one agent inside the controller.
    pub expect: Option<u32>,
    /// How exactly arrivals are released.
    pub pacing: Pacing,
    /// What becomes of a lost agent's part of the load.
    pub on_loss: OnLoss,
    /// How long a heartbeat's answer allows an agent to fire.
    pub lease_ttl: Duration,
}

impl Default for Agents {
    fn default() -> Self {
        let (expect, pacing, on_loss) = (None, Pacing::Precise, OnLoss::Rebalance);
        Self { expect, pacing, on_loss, lease_ttl: Duration::from_secs(3) }
    }
}

/// What becomes of a lost agent's part of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLoss {
    /// The others take it over.
    #[default]
    Rebalance,
    /// It is missing until the agent is back.
    Continue,
    /// The run ends.
    Abort,
}

/// How exactly arrivals are released, and at what cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pacing {
    /// Within microseconds of their due time.
    #[default]
    Precise,
    /// Within a millisecond, for a third of the processor time.
    Economy,
}

/// A named time window of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// When it begins.
    pub start: Duration,
    /// How long it lasts.
    pub length: Duration,
}

/// One stream of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Unique in the plan; of `A-Z a-z 0-9 _ -`, so that metrics can be dotted.
    pub name: String,
    /// When its load begins.
    pub start: Duration,
    /// How much.
    pub load: Load,
    /// How long a user rests between two iterations; only in closed loads.
    pub think: Option<Think>,
    /// From when a user begins an iteration until it begins the next; only in closed loads, and without `think`.
    pub pacing: Option<Duration>,
    /// What a failed step does to its iteration.
    pub on_error: OnError,
    /// Iterations under way at one time, per agent; 1 to 100,000.
    pub max_in_flight: u32,
    /// What happens to an arrival beyond `max_in_flight`.
    pub overload: Overload,
    /// Whether a jar of cookies goes with each user, or with each iteration of an open load.
    pub cookies: bool,
    /// The requests of one iteration, or those of which one is chosen; at least one.
    pub steps: Vec<Step>,
    /// Which of them an iteration sends.
    pub pick: Pick,
}

/// Which steps an iteration sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    /// All of them, one after the other.
    #[default]
    Sequence,
    /// One of them, by weight.
    Weighted,
}

/// What happens to an arrival when `max_in_flight` requests are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overload {
    /// It waits for a free slot, and its wait counts in response time.
    #[default]
    Queue,
    /// It is skipped and counted.
    Skip,
}

/// One request of an iteration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The name under which it is reported; steps of the same name in a scenario are counted together.
    pub name: String,
    /// How often it is chosen, beside the other steps' weights; above zero.
    pub weight: u32,
    /// The request's method.
    pub method: Method,
    /// Path and query, from the first `/`; appended to the target's base URL.
    pub path: Text,
    /// Added to the path as its query, by name; names and values are encoded.
    pub query: Vec<(String, Text)>,
    /// Every header of the request: the target's and the step's, the step's win. Lower-case names.
    pub headers: Vec<(String, Text)>,
    /// What is sent behind the head; never with HEAD.
    pub body: Body,
    /// What makes the answer good.
    pub expect: Expect,
    /// What is taken out of the answer.
    pub extract: Vec<Extract>,
    /// Whether the `authorization` header is `user:password`, to be sent in base64 behind `Basic`.
    pub basic: bool,
    /// Redirects that are followed at most, as part of the request.
    pub redirects: u32,
    /// From the first byte sent to the last byte received.
    pub timeout: Duration,
    /// How long its user rests after it.
    pub think: Option<Think>,
}

/// SHA-256 of a file that a plan names.
#[must_use]
pub fn file_hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of a plan's text: agents and controller compare it before the first request.
#[must_use]
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Plan {
    /// Reads a plan from the TOML text of `file`; the name is only used in problems.
    ///
    /// # Errors
    /// Every [`Problem`] of the text at once.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        read::plan(text).map_err(|faults| Problems::locate(file, text, faults))
    }

    /// Every step of every scenario, in their order: the numbers of the scenario and of the step in it.
    pub fn steps(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let steps = |(number, scenario): (usize, &Scenario)| {
            (0..scenario.steps.len()).map(move |step| (number, step))
        };
        self.scenarios.iter().enumerate().flat_map(steps)
    }

    /// Whether any step follows redirects.
    #[must_use]
    pub fn follows_redirects(&self) -> bool {
        self.scenarios.iter().flat_map(|scenario| &scenario.steps).any(|step| step.redirects > 0)
    }

    /// The client that can do what is asked for, the lean one if possible.
    #[must_use]
    pub fn client(&self) -> Client {
        if self.follows_redirects() || self.target.http == HttpVersion::Http2 {
            Client::Full
        } else {
            Client::Lean
        }
    }

    /// Gives a replay its tape: only then is it known how long it lasts and what it sends.
    /// `path`: where it is, for others on the same machine.
    pub fn attach(&mut self, scenario: usize, tape: Arc<Tape>, path: String) {
        if let Some(Load::Replay(load)) = self.scenarios.get_mut(scenario).map(|scenario| &mut scenario.load)
        {
            (load.tape.tape, load.tape.path) = (Some(tape), path);
        }
    }

    /// The replays of the plan: the scenarios' numbers and their loads.
    pub fn replays(&self) -> impl Iterator<Item = (usize, &ReplayLoad)> {
        self.scenarios.iter().enumerate().filter_map(|(number, scenario)| match &scenario.load {
            Load::Replay(load) => Some((number, &**load)),
            _ => None,
        })
    }

    /// Whether a scenario is meant by the metric of a rule.
    #[must_use]
    pub fn is_meant(&self, rule: &Threshold, scenario: usize) -> bool {
        let named = rule.metric().scenario.as_ref();
        named.is_none_or(|name| self.scenarios.get(scenario).is_some_and(|own| own.name == *name))
    }

    /// From when to when the loads that a rule means are on, in its phase and before `until`.
    #[must_use]
    pub fn span_of(&self, rule: &Threshold, until: Duration) -> (Duration, Duration) {
        let all = self.scenarios.iter().enumerate().filter(|(number, _)| self.is_meant(rule, *number));
        rule::span(all.map(|(_, own)| own), self.phase_of(rule), until)
    }

    /// The phase of which a rule holds, if it is one of a phase.
    #[must_use]
    pub fn phase_of(&self, rule: &Threshold) -> Option<&Phase> {
        let name = rule.terms().phase.as_ref()?;
        self.phases.iter().find(|phase| phase.name == *name)
    }

    /// How long the longest scenario runs, without the drain.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.scenarios.iter().map(|own| own.start + own.load.duration()).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
