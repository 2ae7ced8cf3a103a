//! A replay, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::plan::Method;

/// Arrivals taken from an access log. The requests are the log's; headers and timeout are the target's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Replay {
    /// The log, relative to the plan: one file, or several by `*`, `?` and `[…]`; plain or gzip.
    #[schemars(required, with = "Option<String>", extend("examples" = ["access.log*"]))]
    pub(in crate::plan) log: Option<Spanned<String>>,
    /// `common`, `combined`, `vhost`, `nginx` or `alb`, or the text of Apache's LogFormat or nginx's log_format.
    #[schemars(with = "Option<String>", extend("default" = "combined"))]
    pub(in crate::plan) format: Option<Spanned<String>>,
    /// For a log of JSON lines: which key tells what.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("examples" = [{"time": "ts", "path": "url"}]))]
    pub(in crate::plan) json: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
    /// For a log of comma-separated values: which column tells what, by its name in the header or its number.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("examples" = [{"time": "ts", "path": "url"}]))]
    pub(in crate::plan) csv: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
    /// When entries are due: `original` for the distances of the log, or so many per second.
    #[schemars(with = "Option<String>", extend("default" = "original"))]
    pub(in crate::plan) at: Option<Spanned<String>>,
    /// How much faster than it was, with `original`.
    #[schemars(with = "Option<String>", extend("default" = "1x"))]
    pub(in crate::plan) speed: Option<Spanned<String>>,
    /// How long; a shorter log begins anew. Default: once through the log.
    #[serde(rename = "for")]
    #[schemars(with = "Option<String>", extend("examples" = ["10m"]))]
    pub(in crate::plan) duration: Option<Spanned<String>>,
    /// These methods only.
    #[schemars(length(min = 1, max = 7), extend("examples" = [["GET"]]))]
    pub(in crate::plan) methods: Option<Vec<Method>>,
    /// Paths that are sent, with `*` for anything; those that begin with `!` are left out.
    #[schemars(with = "Option<Vec<String>>", length(min = 1, max = 1_000))]
    #[schemars(extend("examples" = [["/api/*", "!/api/health"]]))]
    pub(in crate::plan) paths: Option<Vec<Spanned<String>>>,
    /// Entries that were answered so, like `200` or `2xx`.
    #[schemars(with = "Option<Vec<String>>", length(min = 1, max = 100), extend("examples" = [["2xx", "404"]]))]
    pub(in crate::plan) status: Option<Vec<Spanned<String>>>,
    /// Whether methods are sent that change something: all but GET, HEAD and OPTIONS.
    #[schemars(extend("default" = false))]
    pub(in crate::plan) unsafe_methods: Option<bool>,
    /// Whether the host of the log is sent instead of the target's; the connection goes to the target all the same.
    #[schemars(extend("default" = false))]
    pub(in crate::plan) keep_host: Option<bool>,
    /// Written by the controller when it has read the log: under which names requests are reported.
    #[schemars(length(max = 100), extend("x-written-by-controller" = true))]
    pub(in crate::plan) series: Option<Vec<String>>,
    /// Written by the controller when it has read the log: the hash of what it made of it.
    #[schemars(with = "Option<String>", extend("x-written-by-controller" = true))]
    pub(in crate::plan) tape: Option<Spanned<String>>,
}
