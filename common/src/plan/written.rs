//! The plan as it is written in TOML. Nothing is checked here but types.
//!
//! Every key is an `Option`, even a required one: the walker in `shape` reports what is missing and takes out
//! what does not fit, so that the rest can still be read and checked. Values carry their place. The comments
//! are the descriptions of the JSON Schema, for the authors of plans.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

mod answer;
mod client;
mod threshold;

pub(super) use answer::{Expect, Extract, Extracts};
pub(super) use client::{Auth, Basic, Connection};
pub(super) use threshold::Threshold;

use super::{Arrivals, HttpVersion, Method, OnError, OnLoss, Overload, Pacing, Pick};
use crate::data::{End, Order};

mod replay;

pub(super) use replay::Replay;

/// Header names and values.
pub(super) type Headers = BTreeMap<Spanned<String>, Spanned<String>>;

/// Names and values of a query or a form.
pub(super) type Fields = BTreeMap<Spanned<String>, Spanned<String>>;

/// A load test: what is shot at, how much, and what makes it pass.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Stampede plan")]
pub(super) struct Plan {
    /// The name under which runs of the plan are kept.
    #[schemars(required, with = "Option<String>", extend("examples" = ["search-under-load"]))]
    pub(super) name: Option<Spanned<String>>,
    /// The root of everything random: the same plan and seed give the same requests at the same times.
    #[schemars(extend("default" = 0))]
    pub(super) seed: Option<u64>,
    /// How long requests may go on after the last due time. Default: what the longest iteration may take, its timeouts and
    /// rests up to 5m, and 2s.
    #[schemars(with = "Option<String>", extend("examples" = ["32s"]))]
    pub(super) drain: Option<Spanned<String>>,
    /// An arrival that could not be started within this time after it was due is skipped and counted.
    #[schemars(with = "Option<String>", extend("default" = "1s"))]
    pub(super) max_lateness: Option<Spanned<String>>,
    /// Time windows that are reported on their own, one after the other.
    #[schemars(with = "Option<Vec<Phase>>", length(max = 100))]
    pub(super) phase: Option<Vec<Spanned<Phase>>>,
    #[schemars(required)]
    pub(super) target: Option<Target>,
    pub(super) agents: Option<Agents>,
    /// Streams of work that run side by side.
    #[schemars(required, with = "Option<Vec<Scenario>>", length(min = 1, max = 100))]
    pub(super) scenario: Option<Vec<Spanned<Scenario>>>,
    /// Tables whose rows templates take.
    #[schemars(with = "Option<Vec<Data>>", length(max = 100))]
    pub(super) data: Option<Vec<Spanned<Data>>>,
    /// Rules that make the run pass or fail.
    #[schemars(length(max = 1_000))]
    pub(super) threshold: Option<Vec<Threshold>>,
}

/// The service under test.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    /// Scheme, host, port and path prefix; every step's path is appended to it.
    #[schemars(required, with = "Option<String>", extend("examples" = ["http://127.0.0.1:8080"]))]
    pub(super) base_url: Option<Spanned<String>>,
    /// From the first byte sent to the last byte received.
    #[schemars(with = "Option<String>", extend("default" = "30s"))]
    pub(super) timeout: Option<Spanned<String>>,
    /// Headers of every request; a step's header of the same name wins.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(super) headers: Option<Headers>,
    /// The protocol spoken with the target.
    #[schemars(extend("default" = "1.1"))]
    pub(super) http: Option<HttpVersion>,
    /// Whether each request carries the header `x-stampede-arrival: SCENARIO:NUMBER`.
    #[schemars(extend("default" = false))]
    pub(super) identify: Option<bool>,
    #[schemars(with = "Option<Auth>")]
    pub(super) auth: Option<Spanned<Auth>>,
    /// Whether compressed answers are asked for; they are unpacked where something looks at the body.
    #[schemars(extend("default" = false))]
    pub(super) compression: Option<bool>,
    /// Redirects that are followed at most, as part of the request.
    #[schemars(range(max = 20), extend("default" = 0))]
    pub(super) redirects: Option<u32>,
    #[schemars(with = "Option<Tls>")]
    pub(super) tls: Option<Spanned<Tls>>,
    #[schemars(with = "Option<Connection>")]
    pub(super) connection: Option<Spanned<Connection>>,
}

/// How the target's certificate is checked; only with https.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    /// PEM text with certificates that are trusted besides the system's.
    #[schemars(with = "Option<String>", extend("examples" = ["-----BEGIN CERTIFICATE-----\n…"]))]
    pub(super) ca: Option<Spanned<String>>,
    /// Whether the target's certificate is verified at all.
    #[schemars(extend("default" = true))]
    pub(super) verify: Option<bool>,
    /// PEM text with the agent's own certificate and what it was signed with; together with `key`.
    #[schemars(with = "Option<String>", extend("examples" = ["${file:/etc/stampede/client.pem}"]))]
    pub(super) cert: Option<Spanned<String>>,
    /// PEM text with the private key of `cert`.
    #[schemars(with = "Option<String>", extend("examples" = ["${file:/etc/stampede/client.key}"]))]
    pub(super) key: Option<Spanned<String>>,
}

/// The agents of the run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Agents {
    /// How many agents the run waits for. Default: one agent inside the controller.
    #[schemars(range(min = 1, max = 10_000), extend("examples" = [3]))]
    pub(super) expect: Option<u32>,
    /// How exactly arrivals are released.
    #[schemars(extend("default" = "precise"))]
    pub(super) pacing: Option<Pacing>,
    /// What becomes of a lost agent's part of the load.
    #[schemars(extend("default" = "rebalance"))]
    pub(super) on_loss: Option<OnLoss>,
    /// How long an agent that is cut off may go on, and how long it takes until others take over: 1 s to 60 s.
    #[schemars(with = "Option<String>", extend("default" = "3s"))]
    pub(super) lease_ttl: Option<Spanned<String>>,
}

/// A named time window of the run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    /// Unique in the plan; letters, digits, `_` and `-`.
    #[schemars(required, with = "Option<String>", extend("examples" = ["stress"]))]
    pub(super) name: Option<Spanned<String>>,
    /// How long it lasts.
    #[serde(rename = "for")]
    #[schemars(required, with = "Option<String>", extend("examples" = ["10m"]))]
    pub(super) duration: Option<Spanned<String>>,
}

/// A table: in a template its name means the row of the arrival, `NAME.COLUMN` a value of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    /// The name under which templates know it.
    #[schemars(required, with = "Option<String>", extend("examples" = ["hosts"]))]
    pub(super) name: Option<Spanned<String>>,
    /// Its rows: texts, numbers or tables.
    #[schemars(with = "Option<Vec<serde_json::Value>>", extend("examples" = [["a", "b"]]))]
    pub(super) values: Option<Spanned<Vec<toml::Value>>>,
    /// A CSV file with its rows, from the plan's folder; its first line names the columns.
    #[schemars(with = "Option<String>", extend("examples" = ["users.csv"]))]
    pub(super) csv: Option<Spanned<String>>,
    /// A file with an object or a value in each line, from the plan's folder.
    #[schemars(with = "Option<String>", extend("examples" = ["users.jsonl"]))]
    pub(super) jsonl: Option<Spanned<String>>,
    /// Which row an arrival gets: the next, any, any that no other got, or that of its user.
    #[schemars(extend("default" = "sequential"))]
    pub(super) order: Option<Order>,
    /// What happens when `unique` rows are used up: arrivals are skipped, or rows are used again.
    #[schemars(with = "Option<End>", extend("default" = "stop"))]
    pub(super) end: Option<Spanned<End>>,
    /// How often rows are taken beside each other, one for each: by `weighted(NAME)`, and in the order `random`.
    #[schemars(with = "Option<Vec<f64>>", extend("examples" = [[3, 1]]))]
    pub(super) weights: Option<Spanned<Vec<f64>>>,
}

/// A stream of work.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// Unique in the plan; letters, digits, `_` and `-`.
    #[schemars(required, with = "Option<String>", extend("examples" = ["browse"]))]
    pub(super) name: Option<Spanned<String>>,
    #[schemars(required, with = "Option<Load>")]
    pub(super) load: Option<Spanned<Load>>,
    /// How long after the run's beginning the load begins.
    #[schemars(with = "Option<String>", extend("examples" = ["30s"]))]
    pub(super) start: Option<Spanned<String>>,
    /// The phases in which the load is on: it begins with the first of them and ends with the last at the latest.
    #[schemars(with = "Option<Vec<String>>", length(min = 1, max = 100), extend("examples" = [["stress"]]))]
    pub(super) phases: Option<Spanned<Vec<Spanned<String>>>>,
    /// How long a user rests between two iterations: a time, a range or a distribution.
    #[schemars(with = "Option<String>", extend("examples" = ["500ms..1500ms"]))]
    pub(super) think: Option<Spanned<String>>,
    /// A user begins an iteration every so often; a late one begins at once and counts from when it was due.
    #[schemars(with = "Option<String>", extend("examples" = ["1s"]))]
    pub(super) pacing: Option<Spanned<String>>,
    /// What a failed step does to its iteration.
    #[schemars(extend("default" = "continue"))]
    pub(super) on_error: Option<OnError>,
    /// Iterations under way at one time, per agent; what comes on top waits or is skipped, see `overload`.
    #[schemars(range(min = 1, max = 100_000), extend("default" = 2000))]
    pub(super) max_in_flight: Option<u32>,
    /// What happens to an arrival when `max_in_flight` requests are under way.
    #[schemars(extend("default" = "queue"))]
    pub(super) overload: Option<Overload>,
    /// Which steps an iteration sends: all in their order, or one by weight.
    #[schemars(extend("default" = "sequence"))]
    pub(super) pick: Option<Pick>,
    /// Whether cookies are kept and sent again: by each user, in open loads by each iteration.
    #[schemars(extend("default" = false))]
    pub(super) cookies: Option<bool>,
    /// The requests of an iteration.
    #[schemars(with = "Option<Vec<Step>>", length(min = 1, max = 100))]
    pub(super) step: Option<Vec<Spanned<Step>>>,
}

/// How much load a scenario makes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Load {
    /// Arrivals per second, stage by stage, however slowly the target answers.
    #[schemars(with = "Option<Vec<Stage>>", length(min = 1, max = 10_000))]
    #[schemars(extend("examples" = [[{"at": "50/s", "for": "20s"}]]))]
    pub(super) rate: Option<Spanned<Vec<Spanned<Stage>>>>,
    #[schemars(with = "Option<Replay>")]
    pub(super) replay: Option<Spanned<Replay>>,
    /// How arrivals are spread within the rate.
    #[schemars(extend("default" = "even"))]
    pub(super) arrivals: Option<Arrivals>,
    /// How many users there are, piece by piece; each begins its next iteration when it has its answers.
    #[schemars(with = "Option<Vec<Swell>>", length(min = 1, max = 1_000))]
    #[schemars(extend("examples" = [[{"to": 5, "for": "10s"}, {"at": 5, "for": "1m"}]]))]
    pub(super) users: Option<Spanned<Vec<Spanned<Swell>>>>,
    #[schemars(with = "Option<Tries>")]
    pub(super) tries: Option<Spanned<Tries>>,
}

/// A piece of a curve of users: a line with `to`, a step with `at`, or users who come at a rate with `at` and `spawn`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Swell {
    /// Users from the piece's beginning on, or as soon as they are spawned.
    #[schemars(with = "Option<u32>", range(min = 0, max = 1_048_576), extend("examples" = [100]))]
    pub(super) at: Option<Spanned<u32>>,
    /// Users at the end of a line.
    #[schemars(with = "Option<u32>", range(min = 0, max = 1_048_576), extend("examples" = [100]))]
    pub(super) to: Option<Spanned<u32>>,
    /// How fast users come or go.
    #[schemars(with = "Option<String>", extend("examples" = ["10/s"]))]
    pub(super) spawn: Option<Spanned<String>>,
    /// How long the piece lasts.
    #[serde(rename = "for")]
    #[schemars(required, with = "Option<String>", extend("examples" = ["1m"]))]
    pub(super) duration: Option<Spanned<String>>,
}

/// A number of iterations, done by some users together; the load ends when they are done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tries {
    /// How many iterations.
    #[schemars(required, range(min = 1, max = 1_000_000_000_000u64), extend("examples" = [2000]))]
    pub(super) count: Option<u64>,
    /// How many users do them together.
    #[schemars(required, range(min = 1, max = 1_048_576), extend("examples" = [10]))]
    pub(super) users: Option<u32>,
    /// What was not begun within this time is skipped. Default: the end of the scenario's phases, or 1h.
    #[schemars(with = "Option<String>", extend("examples" = ["1h"]))]
    pub(super) within: Option<Spanned<String>>,
}

/// A piece of a load: a hold with `at`, or a ramp with `from` and `to`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stage {
    /// The rate of a hold.
    #[schemars(with = "Option<String>", extend("examples" = ["200/s"]))]
    pub(super) at: Option<Spanned<String>>,
    /// The rate at a ramp's beginning.
    #[schemars(with = "Option<String>", extend("examples" = ["0/s"]))]
    pub(super) from: Option<Spanned<String>>,
    /// The rate at a ramp's end.
    #[schemars(with = "Option<String>", extend("examples" = ["200/s"]))]
    pub(super) to: Option<Spanned<String>>,
    /// How long the stage lasts.
    #[serde(rename = "for")]
    #[schemars(required, with = "Option<String>", extend("examples" = ["30s"]))]
    pub(super) duration: Option<Spanned<String>>,
}

/// A request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The name under which the request is reported. Default: method and path, `{id}` for numbers and keys in it.
    #[schemars(with = "Option<String>", extend("examples" = ["GET /"]))]
    pub(super) name: Option<Spanned<String>>,
    /// How often the step is chosen, beside the others' weights; with `pick = "weighted"`.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1_000_000), extend("default" = 1))]
    pub(super) weight: Option<Spanned<u32>>,
    /// The request's method.
    #[schemars(extend("default" = "GET"))]
    pub(super) method: Option<Method>,
    /// Path and query, from the first `/`.
    #[schemars(required, with = "Option<String>", extend("examples" = ["/"]))]
    pub(super) path: Option<Spanned<String>>,
    /// Added to the path as its query: names and values, which are encoded.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("examples" = [{"page": "2"}]))]
    pub(super) query: Option<Fields>,
    /// Headers of the request, besides the target's.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(super) headers: Option<Headers>,
    /// Sent as written; may hold templates and references to secrets, as may path, query, headers, json and form.
    #[schemars(with = "Option<String>", extend("examples" = ["{}"]))]
    pub(super) body: Option<Spanned<String>>,
    /// Sent as written; it is checked to be JSON, and `content-type` says so.
    #[schemars(with = "Option<String>", extend("examples" = ["{\"name\": \"x\"}"]))]
    pub(super) json: Option<Spanned<String>>,
    /// Fields of a form: names and values, sent as `application/x-www-form-urlencoded`.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("examples" = [{"name": "x"}]))]
    pub(super) form: Option<Spanned<Fields>>,
    /// Parts of a form, in order, sent as `multipart/form-data`.
    #[schemars(with = "Option<Vec<FormPart>>", length(min = 1, max = 100))]
    pub(super) multipart: Option<Spanned<Vec<Spanned<FormPart>>>>,
    /// A file that is sent as it is, from the plan's folder.
    #[schemars(with = "Option<String>", extend("examples" = ["body.bin"]))]
    pub(super) file: Option<Spanned<String>>,
    pub(super) expect: Option<Expect>,
    /// Values for the steps behind, by name.
    #[schemars(with = "Option<BTreeMap<String, Extract>>")]
    pub(super) extract: Option<Extracts>,
    /// Who the request says that it is. Default: what the target says.
    #[schemars(with = "Option<Auth>")]
    pub(super) auth: Option<Spanned<Auth>>,
    /// Redirects that are followed at most. Default: the target's.
    #[schemars(range(max = 20), extend("examples" = [5]))]
    pub(super) redirects: Option<u32>,
    /// From the first byte sent to the last byte received. Default: the target's.
    #[schemars(with = "Option<String>", extend("examples" = ["30s"]))]
    pub(super) timeout: Option<Spanned<String>>,
    /// How long the user rests after the step: a time, a range or a distribution.
    #[schemars(with = "Option<String>", extend("examples" = ["1s"]))]
    pub(super) think: Option<Spanned<String>>,
}

/// A part of a form: a value or a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FormPart {
    /// The field's name.
    #[schemars(required, with = "Option<String>", extend("examples" = ["document"]))]
    pub(super) name: Option<Spanned<String>>,
    /// What it holds.
    #[schemars(with = "Option<String>", extend("examples" = ["x"]))]
    pub(super) value: Option<Spanned<String>>,
    /// A file that it holds, from the plan's folder.
    #[schemars(with = "Option<String>", extend("examples" = ["photo.jpg"]))]
    pub(super) file: Option<Spanned<String>>,
    /// The name of the file that it is said to be. Default: that of `file`.
    #[schemars(with = "Option<String>", extend("examples" = ["photo-{{ arrival }}.jpg"]))]
    pub(super) filename: Option<Spanned<String>>,
    /// Its `content-type`. Default: none for a value, `application/octet-stream` for a file.
    #[serde(rename = "type")]
    #[schemars(with = "Option<String>", extend("examples" = ["image/jpeg"]))]
    pub(super) media_type: Option<Spanned<String>>,
}
