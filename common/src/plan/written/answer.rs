//! What is checked in an answer and taken out of it, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::Headers;

/// What makes an answer good.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Expect {
    /// Good statuses. Default: every status below 400.
    #[schemars(length(min = 1, max = 500), inner(range(min = 100, max = 599)), extend("examples" = [[200]]))]
    pub(in crate::plan) status: Option<Vec<u16>>,
    /// From the first byte sent to the last byte received, at most.
    #[schemars(with = "Option<String>", extend("examples" = ["2s"]))]
    pub(in crate::plan) max_time: Option<Spanned<String>>,
    /// Bytes of the body as it comes, at least.
    #[schemars(extend("examples" = [1]))]
    pub(in crate::plan) min_size: Option<u64>,
    /// Bytes of the body as it comes, at most.
    #[schemars(with = "Option<u64>", extend("examples" = [100_000]))]
    pub(in crate::plan) max_size: Option<Spanned<u64>>,
    /// Headers that the answer must have, with these values.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(in crate::plan) headers: Option<Headers>,
    /// A text that the body must contain.
    #[schemars(with = "Option<String>", extend("examples" = ["welcome"]))]
    pub(in crate::plan) contains: Option<Spanned<String>>,
    /// A regular expression that the body must match.
    #[schemars(with = "Option<String>", extend("examples" = ["id=\\d+"]))]
    pub(in crate::plan) matches: Option<Spanned<String>>,
    /// Places in the body's JSON (a JSONPath like `$.ok` or a pointer like `/ok`) and what must stand there.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub(in crate::plan) json: Option<BTreeMap<Spanned<String>, Spanned<Value>>>,
}

/// Values for the steps behind, by name.
pub(in crate::plan) type Extracts = BTreeMap<Spanned<String>, Spanned<Extract>>;

/// A value that is taken out of the answer: exactly one of `json`, `header`, `cookie`, `regex`, `css`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Extract {
    /// A JSONPath like `$.id` or a pointer like `/id`.
    #[schemars(with = "Option<String>", extend("examples" = ["$.id"]))]
    pub(in crate::plan) json: Option<Spanned<String>>,
    /// A header's name.
    #[schemars(with = "Option<String>", extend("examples" = ["etag"]))]
    pub(in crate::plan) header: Option<Spanned<String>>,
    /// A cookie's name.
    #[schemars(with = "Option<String>", extend("examples" = ["session"]))]
    pub(in crate::plan) cookie: Option<Spanned<String>>,
    /// A regular expression over the body.
    #[schemars(with = "Option<String>", extend("examples" = ["token=(\\w+)"]))]
    pub(in crate::plan) regex: Option<Spanned<String>>,
    /// The group of `regex` that is meant. Default: the first, or the whole match when there is none.
    #[schemars(with = "Option<u32>", range(max = 1000))]
    pub(in crate::plan) group: Option<Spanned<u32>>,
    /// A CSS selector over the body's HTML.
    #[schemars(with = "Option<String>", extend("examples" = ["input[name=csrf]"]))]
    pub(in crate::plan) css: Option<Spanned<String>>,
    /// The attribute of the element that `css` finds. Default: its text.
    #[schemars(with = "Option<String>", extend("examples" = ["value"]))]
    pub(in crate::plan) attr: Option<Spanned<String>>,
    /// What it is when it is not found. Default: then the request has failed.
    pub(in crate::plan) default: Option<String>,
}
